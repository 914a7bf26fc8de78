package function_test

import (
	"context"
	"testing"

	"firn/result"
	"firn/sql"
	"firn/statement"
	"firn/warehouse/bind"
)

// fill makes the tables, the view and the functions of other rooms that the cases use.
func fill(t testing.TB, e *engine) {
	t.Helper()
	e.create(t, "T", "A NUMBER(10,2) NOT NULL", "B VARCHAR(20)", "C FLOAT", "D DATE", "N NUMBER(38,0)")
	e.exec(t, `INSERT INTO "1_T" VALUES (1.50,'x',1.5,'2024-01-31',1),(2.25,'y',NULL,'2024-02-29',2),(3.00,NULL,2.5,NULL,NULL)`)
	e.create(t, "U", "A NUMBER(10,2)", "b VARCHAR", "V VARIANT", "Z TIMESTAMP_TZ", "L TIMESTAMP_LTZ", "TS TIMESTAMP_NTZ")
	e.exec(t, `INSERT INTO "2_U" VALUES (1.50,'hi',v_parse('{"a":{"b":[1,2,{"c":"q"}]},"k":1.50,"d":"2024-01-01"}'),sf_tz('2024-01-01 10:00:00 +02:00','UTC'),sf_ltz('2024-07-01 10:00:00','America/Los_Angeles'),'2024-03-10 12:34:56.789'),(9,NULL,NULL,NULL,NULL,NULL)`)
	view := parse(t, "SELECT b, sum(a), count(*) FROM t GROUP BY b").(*sql.Query)
	num := func(p, s int) result.Type { return result.Type{Kind: result.Fixed, Precision: p, Scale: s} }
	e.tables["VW"] = &bind.Table{ID: 77, Database: "DB", Schema: "PUBLIC", Name: "VW", View: view, ViewDatabase: "DB", ViewSchema: "PUBLIC", Columns: []bind.Column{
		{Name: "B", Type: result.Type{Kind: result.Text, Length: 20}, Nullable: true}, {Name: "TOTAL", Type: num(38, 2), Nullable: true}, {Name: "CNT", Type: num(18, 0)}}}
	e.vars["X"], e.vars["Y"] = "hey", int64(41)
	text := func(name string) result.Column { return result.TextColumn(name) }
	called := func(r *result.Result) func(context.Context, *statement.Context, statement.Args) (*result.Result, error) {
		return func(context.Context, *statement.Context, statement.Args) (*result.Result, error) {
			e.calls++
			return r, nil
		}
	}
	history := []result.Column{text("NAME"), text("STATUS")}
	e.funcs["SNOWFLAKE.SPCS.GET_JOB_HISTORY"] = statement.Function{Name: "SNOWFLAKE.SPCS.GET_JOB_HISTORY", Table: true, Columns: history,
		Call: called(&result.Result{Columns: history, Rows: [][]any{{"J1", "DONE"}}})}
	logs := []result.Column{result.IntColumn("INSTANCE_ID"), text("LOG")}
	e.funcs["!SPCS_GET_LOGS"] = statement.Function{Name: "!SPCS_GET_LOGS", Table: true, Columns: logs,
		Call: called(&result.Result{Columns: logs, Rows: [][]any{{int64(0), "one"}, {int64(1), "other"}, {int64(0), "two"}}})}
	e.funcs["SYSTEM$ECHO"] = statement.Function{Name: "SYSTEM$ECHO", Scalar: true, Columns: []result.Column{text("SYSTEM$ECHO")},
		Call: func(_ context.Context, _ *statement.Context, a statement.Args) (*result.Result, error) {
			e.calls++
			return &result.Result{Columns: []result.Column{text("SYSTEM$ECHO")}, Rows: [][]any{{a.String(0)}}}, nil
		}}
}
