package function_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"firn/sql"
	"firn/sqlerr"
	"firn/warehouse/bind"
)

// write binds and runs a DML statement as warehouse does: a MERGE's check first.
func (e *engine) write(t testing.TB, text string) error {
	t.Helper()
	sc := context_(text)
	ctx := context.Background()
	var d *bind.DML
	var err error
	switch s := parse(t, text).(type) {
	case *sql.Insert:
		d, err = bind.Insert(ctx, sc, e, s)
	case *sql.Update:
		d, err = bind.Update(ctx, sc, e, s)
	case *sql.Delete:
		d, err = bind.Delete(ctx, sc, e, s)
	case *sql.Merge:
		d, err = bind.Merge(ctx, sc, e, s)
	default:
		t.Fatalf("%s is no DML", text)
	}
	if err != nil {
		return err
	}
	if d.Check != "" {
		rows, err := e.rows("SELECT 'twice' FROM (" + d.Check + ")")
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			return sqlerr.New(100090, "42P18", "Duplicate row detected during DML action")
		}
	}
	_, err = e.rows(d.SQL)
	return err
}

// TestWrites runs DML in order; after each statement without an error the table S is compared.
func TestWrites(t *testing.T) {
	e := open(t)
	fill(t, e)
	s := e.create(t, "S", "ID NUMBER(5,0) NOT NULL", "NAME VARCHAR(5)", "AMT NUMBER(10,2)", "V VARIANT", "WHEN_ TIMESTAMP_NTZ")
	def, err := sql.ParseExpr("'new' || 1")
	if err != nil {
		t.Fatal(err)
	}
	s.Columns[1].Default = def
	steps := []struct{ text, want string }{
		{"INSERT INTO s (id) VALUES (1)", "1|new1|NULL|NULL|NULL"},
		{"INSERT INTO s VALUES (2, 'b', '3.145', PARSE_JSON('null'), '2024-01-01'), (3, DEFAULT, 7, NULL, NULL)", "1|new1|NULL|NULL|NULL\n2|b|3.15|null|2024-01-01 00:00:00.000\n3|new1|7.00|NULL|NULL"},
		{"INSERT INTO s (id, name) VALUES (4, 'toolong')", "!100078"},
		{"INSERT INTO s (id, name) SELECT 4, b || 'xxxxxx' FROM t WHERE b = 'x'", "!100078"},
		{"INSERT INTO s (name) VALUES ('x')", "!100072"},
		{"INSERT INTO s (id) VALUES (1, 2)", "!2020"},
		{"INSERT INTO s (nosuch) VALUES (1)", "!904"},
		{"INSERT INTO s (id) VALUES ('x')", "!100038"},
		{"INSERT INTO s (id) VALUES (123456)", "!100039"},
		{"INSERT INTO s (id, when_) VALUES (1, [1])", "!2023"},
		{"UPDATE s SET amt = amt * 2, name = DEFAULT WHERE id >= 2", "1|new1|NULL|NULL|NULL\n2|new1|6.30|null|2024-01-01 00:00:00.000\n3|new1|14.00|NULL|NULL"},
		{"UPDATE s SET name = t.b FROM t WHERE s.id = t.n", "1|x|NULL|NULL|NULL\n2|y|6.30|null|2024-01-01 00:00:00.000\n3|new1|14.00|NULL|NULL"},
		{"UPDATE s SET nosuch = 1", "!904"},
		{"DELETE FROM s USING t WHERE s.id = t.n AND t.b = 'y'", "1|x|NULL|NULL|NULL\n3|new1|14.00|NULL|NULL"},
		{"MERGE INTO s USING (SELECT n, b FROM t UNION ALL SELECT 1, 'z') x ON s.id = x.n WHEN MATCHED THEN UPDATE SET name = x.b", "!100090"},
		{"MERGE INTO s USING (SELECT n, b, a FROM t WHERE n IS NOT NULL) x ON s.id = x.n WHEN MATCHED AND x.b = 'x' THEN UPDATE SET amt = x.a WHEN NOT MATCHED THEN INSERT (id, name) VALUES (x.n, x.b)", "1|x|1.50|NULL|NULL\n2|y|NULL|NULL|NULL\n3|new1|14.00|NULL|NULL"},
		{"MERGE INTO s d USING t ON d.id = t.n WHEN MATCHED AND t.b = 'y' THEN DELETE", "1|x|1.50|NULL|NULL\n3|new1|14.00|NULL|NULL"},
		{"DELETE FROM s", ""},
		{"INSERT INTO s (id, v) SELECT 1, OBJECT_CONSTRUCT('k', a) FROM t ORDER BY a LIMIT 1", `1|new1|NULL|{"k":1.5}|NULL`},
		{"INSERT INTO s (id, name) WITH q AS (SELECT 2 x) SELECT x, 'w' FROM q", `1|new1|NULL|{"k":1.5}|NULL` + "\n2|w|NULL|NULL|NULL"},
	}
	for _, st := range steps {
		err := e.write(t, st.text)
		if code, ok := strings.CutPrefix(st.want, "!"); ok {
			if se, ok := sqlerr.As(err); !ok || itoa(se.Code) != code {
				t.Errorf("%s\n got %v, want error %s", st.text, err, code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\n%v", st.text, err)
			continue
		}
		_, rows, err := e.query(t, context_("SELECT * FROM s ORDER BY id"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, strings.Join(r, "|"))
		}
		if g := strings.Join(got, "\n"); g != st.want {
			t.Errorf("%s\n got %s\nwant %s", st.text, g, st.want)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
