package bind_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
)

var update = flag.Bool("update", false, "write what is emitted into testdata; read the difference before keeping it")

// fixture is a binder's surroundings without any engine.
type fixture struct{}

func num(p, s int) result.Type { return result.Type{Kind: result.Fixed, Precision: p, Scale: s} }

func (fixture) Table(_ context.Context, n sql.Name) (*bind.Table, error) {
	switch n.Parts[len(n.Parts)-1].Name {
	case "T":
		return &bind.Table{ID: 1, Database: "DB", Schema: "PUBLIC", Name: "T", From: `"1_T"`, Columns: []bind.Column{
			{Name: "A", Type: num(38, 0)}, {Name: "B", Type: result.Type{Kind: result.Text}, Nullable: true},
			{Name: "c", Type: result.Type{Kind: result.Real}, Nullable: true}, {Name: "V", Type: result.Type{Kind: result.Variant}, Nullable: true}}}, nil
	case "SALES":
		return &bind.Table{ID: 2, Database: "DB", Schema: "PUBLIC", Name: "SALES", From: `"2_SALES"`, Columns: []bind.Column{
			{Name: "ID", Type: num(38, 0)}, {Name: "REGION", Type: result.Type{Kind: result.Text, Length: 20}, Nullable: true},
			{Name: "AMOUNT", Type: num(12, 2), Nullable: true}, {Name: "AT", Type: result.Type{Kind: result.TimestampNTZ, Scale: 9}, Nullable: true}}}, nil
	}
	return nil, sqlerr.NotExist("Object", n.Parts[len(n.Parts)-1].Name)
}
func (fixture) Function(string) (statement.Function, bool)                       { return statement.Function{}, false }
func (fixture) Materialize(context.Context, *result.Result) (*bind.Table, error) { panic("not here") }
func (fixture) Stage(context.Context, *sql.StageTable) (*bind.Table, error) {
	return nil, sqlerr.Unsupported("stages here")
}
func (fixture) Variable(name string) (any, bool) { return "v", name == "X" }

func query(t testing.TB, text string) *sql.Query {
	t.Helper()
	p, err := sql.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p.Statement.(*sql.Query)
}

// TestEmit compares the DuckDB SQL of testdata/emit.txt: a statement, then what is emitted after "> ".
func TestEmit(t *testing.T) {
	raw, err := os.ReadFile("testdata/emit.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n\n") {
		text, want, _ := strings.Cut(block, "\n> ")
		b, err := bind.Query(context.Background(), &statement.Context{Text: text}, fixture{}, query(t, text))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = b.SQL
		}
		out.WriteString(text + "\n> " + got + "\n\n")
		if !*update && got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/emit.txt", []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPhysicalIsInjective(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"A", "a", "~a", "~A", "~", "~~", "", "é", "É", "E9", "~C3", "a\"b", "A\"B", "\x00", "~00", "x y", "Ab", "aB", "~~a"} {
		p := bind.Physical(name)
		folded := strings.ToLower(p)
		if other, dup := seen[folded]; dup {
			t.Errorf("%q and %q are both %s for DuckDB", name, other, p)
		}
		seen[folded] = name
		inner := strings.ReplaceAll(p[1:len(p)-1], `""`, `"`)
		if back := bind.Logical(inner); back != name {
			t.Errorf("Logical(Physical(%q)) = %q", name, back)
		}
	}
}

func TestTypeOf(t *testing.T) {
	for text, want := range map[string]string{
		"NUMBER": "NUMBER(38,0)", "NUMBER(10)": "NUMBER(10,0)", "DECIMAL(10,2)": "NUMBER(10,2)", "BIGINT": "NUMBER(38,0)", "DOUBLE PRECISION": "FLOAT",
		"STRING": "VARCHAR(16777216)", "VARCHAR(3)": "VARCHAR(3)", "CHAR": "VARCHAR(1)", "TEXT": "VARCHAR(16777216)", "TIMESTAMP": "TIMESTAMP_NTZ(9)",
		"TIMESTAMP_LTZ(3)": "TIMESTAMP_LTZ(3)", "DATETIME": "TIMESTAMP_NTZ(9)", "VARBINARY": "BINARY(8388608)", "VECTOR(FLOAT, 3)": "VECTOR(FLOAT, 3)", "VARIANT": "VARIANT", "BOOLEAN": "BOOLEAN", "TIME(0)": "TIME(0)",
	} {
		n, err := sql.ParseType(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := bind.TypeOf(n)
		if err != nil || got.SQL() != want {
			t.Errorf("TypeOf(%s) = %s, %v; want %s", text, got.SQL(), err, want)
		}
	}
	for _, text := range []string{"NUMBER(39)", "NUMBER(5,6)", "VARCHAR(0)", "TIMESTAMP(10)", "GEOGRAPHY", "VECTOR(FLOAT, 5000)"} {
		n, err := sql.ParseType(text)
		if err != nil {
			continue
		}
		if got, err := bind.TypeOf(n); err == nil {
			t.Errorf("TypeOf(%s) = %s", text, got.SQL())
		}
	}
}

func TestConstant(t *testing.T) {
	s := func(s string) *string { return &s }
	sc := &statement.Context{User: "ADMIN", Binds: []statement.Bind{{Type: "TEXT", Value: s("x")}, {Type: "FIXED", Value: s("12345678901234567890")}, {Type: "ANY"}, {Type: "BOOLEAN", Value: s("true")}}}
	for text, want := range map[string]any{
		"1": int64(1), "-2": int64(-2), "1.50": "1.50", "'a'": "a", "TRUE": true, "NULL": nil, "1e3": 1000.0, "X'4142'": []byte("AB"),
		"?": "x", "$x": "v", "CURRENT_USER()": "ADMIN", "'1'::INT": int64(1), "'a' || 1": "a1", "1::VARCHAR": "1", "'yes'::BOOLEAN": true, "TRY_CAST('x' AS INT)": nil,
		"TO_TIMESTAMP_LTZ('2024-01-01 00:00:00')": time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), "'2024-02-03'::DATE": time.Date(2024, 2, 3, 0, 0, 0, 0, time.UTC),
		"[1, 'a']": json.RawMessage(`[1,"a"]`), "{'k': 1}": json.RawMessage(`{"k":1}`), "PARSE_JSON('{\"a\":1}')": json.RawMessage(`{"a":1}`), "'1.25'::NUMBER(5,1)": "1.3",
	} {
		e, err := sql.ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, _, err := bind.Constant(context.Background(), sc, fixture{}, e)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if tm, ok := got.(time.Time); ok {
			got = tm.UTC()
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %#v, want %#v", text, got, want)
		}
	}
	for i, want := range map[int]any{2: "12345678901234567890", 3: nil, 4: true} {
		got, _, err := bind.Constant(context.Background(), sc, fixture{}, &sql.Param{Index: i})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("bind %d = %#v, %v; want %#v", i, got, err, want)
		}
	}
	for _, text := range []string{"A", "UPPER('x')", "(SELECT 1)", "'x'::INT"} {
		e, err := sql.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := bind.Constant(context.Background(), sc, fixture{}, e); err == nil {
			t.Errorf("%s = %#v", text, got)
		}
	}
}

// typical is what a Snowpark DataFrame with a join, a filter and an aggregate sends.
const typical = `SELECT "REGION", sum("AMOUNT") AS "TOTAL", count(1) AS "N" FROM ( SELECT  *  FROM ( SELECT "ID" AS "ID", "REGION" AS "REGION", "AMOUNT" AS "AMOUNT" FROM ( SELECT  *  FROM SALES)) AS SNOWPARK_LEFT INNER JOIN ( SELECT "A" AS "A", "B" AS "B" FROM ( SELECT  *  FROM T)) AS SNOWPARK_RIGHT ON ("ID" = "A") WHERE (("AMOUNT" > 10 :: INT) AND "B" IN ('x', 'y'))) GROUP BY "REGION" ORDER BY "TOTAL" DESC NULLS LAST LIMIT 10`

func BenchmarkBind(b *testing.B) {
	q := query(b, typical)
	sc := &statement.Context{Text: typical}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bind.Query(context.Background(), sc, fixture{}, q); err != nil {
			b.Fatal(err)
		}
	}
}
