package warehouse

import (
	"context"
	"strings"
	"testing"
	"time"

	"firn/result"
)

func TestFirst(t *testing.T) {
	f := setup(t)
	f.is("SELECT 1 AS a, 'x' AS b", "1|x")
	r := f.do("CREATE TABLE t1 (a INT NOT NULL, b VARCHAR(5) DEFAULT 'dflt', \"c\" FLOAT)")
	if got := rowsOf(t, r); got != "Table T1 successfully created." {
		t.Error(got)
	}
	r = f.do(`INSERT INTO t1 (a, "c") VALUES (1, 1.5), (2, NULL)`)
	if rowsOf(t, r) != "2" || r.Type != result.TypeInsert || r.Stats.Inserted != 2 || r.Columns[0].Name != "number of rows inserted" {
		t.Errorf("%+v", r)
	}
	f.is(`SELECT a, b, "c" FROM t1 ORDER BY a`, "1|dflt|1.5\n2|dflt|NULL")
	f.fails(2002, "CREATE TABLE t1 (x INT)")
	f.is("CREATE TABLE IF NOT EXISTS t1 (x INT)", "T1 already exists, statement succeeded.")
	f.fails(2003, "SELECT * FROM nix")
	f.fails(100072, "INSERT INTO t1 (a) VALUES (NULL)")
	f.is("SELECT count(*) FROM t1", "2")
	f.do("CREATE OR REPLACE TABLE t1 (x INT)")
	f.is("SELECT count(*) FROM t1", "0")
	f.is("DROP TABLE t1", "T1 successfully dropped.")
	f.fails(2003, "DROP TABLE t1")
	f.is("DROP TABLE IF EXISTS t1", "Drop statement executed successfully (T1 already dropped).")
	f.do("UNDROP TABLE t1")
	f.is("SELECT count(*) FROM t1", "0")
}

func TestReopen(t *testing.T) {
	f := setup(t)
	f.do("CREATE DATABASE d2", "CREATE SCHEMA d2.s", "CREATE TABLE d2.s.t (a INT, b TIMESTAMP_TZ, n INT AUTOINCREMENT START 10 INCREMENT 5)", "INSERT INTO d2.s.t (a) VALUES (1), (2)", "CREATE VIEW d2.s.v AS SELECT a + 1 AS x FROM d2.s.t", "CREATE TEMP TABLE tmp (a INT)")
	f.is("SELECT a, n FROM d2.s.t ORDER BY a", "1|10\n2|15")
	if _, err := Open(context.Background(), Config{Dir: f.dir}); err == nil || !strings.Contains(err.Error(), "in use by another server") {
		t.Errorf("a second server: %v", err)
	}
	f.w.Close()
	f.open()
	f.is("SELECT x FROM d2.s.v ORDER BY x", "2\n3")
	f.fails(2003, "SELECT * FROM tmp")
	f.do("INSERT INTO d2.s.t (a) VALUES (3)")
	got := rowsOf(t, f.do("SELECT n FROM d2.s.t WHERE a = 3"))
	if got == "10" || got == "15" || got == "NULL" {
		t.Errorf("a number was given twice: %s", got)
	}
	id, err := f.w.SchemaID(context.Background(), "D2", "S")
	if err != nil {
		t.Fatal(err)
	}
	f.do("DROP DATABASE d2")
	if live, hidden := f.w.Exists(id); live || !hidden {
		t.Errorf("dropped parent: live %v hidden %v", live, hidden)
	}
	f.fails(2003, "SELECT * FROM d2.s.t")
	f.do("UNDROP DATABASE d2")
	f.is("SELECT count(*) FROM d2.s.t", "3")
	f.do("DROP SCHEMA d2.s")
	f.clock.add(25 * time.Hour)
	if err := f.w.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if live, hidden := f.w.Exists(id); live || hidden {
		t.Errorf("purged: live %v hidden %v", live, hidden)
	}
	f.fails(2003, "UNDROP SCHEMA d2.s")
}

func TestCTAS(t *testing.T) {
	f := setup(t)
	f.do(`CREATE  OR  REPLACE    TABLE  T1("A" BIGINT, "B" STRING(1))    AS  SELECT  *  FROM ( SELECT $1 AS "A", $2 AS "B" FROM  VALUES (1 :: INT, 'a' :: STRING), (2 :: INT, 'b' :: STRING))`)
	f.is("SELECT * FROM t1 ORDER BY a", "1|a\n2|b")
	f.do("CREATE OR REPLACE TABLE t1 AS SELECT a * 2 AS d, b FROM t1")
	f.is("SELECT d FROM t1 ORDER BY 1", "2\n4")
	f.do("CREATE TABLE l LIKE t1", "CREATE TABLE c CLONE t1")
	f.is("SELECT (SELECT count(*) FROM l) AS a, (SELECT count(*) FROM c) AS b", "0|2")
	f.fails(2025, "CREATE TABLE x AS SELECT 1 AS a, 2 AS a")
	f.fails(904, "CREATE TABLE x AS SELECT nix FROM t1")
	f.fails(2003, "SELECT * FROM x")
}

func TestAlter(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (a INT, b VARCHAR(3))", "INSERT INTO t VALUES (1, 'x')")
	f.do("ALTER TABLE t ADD COLUMN c INT DEFAULT 7", "ALTER TABLE t RENAME COLUMN b TO bb", `ALTER TABLE t ADD COLUMN "bb" VARCHAR`)
	f.is("SELECT * FROM t", "1|x|7|NULL")
	f.do("ALTER TABLE t DROP COLUMN a", "ALTER TABLE t RENAME TO u")
	f.is("SELECT bb FROM u", "x")
	f.do("CREATE TABLE w (z INT)", "ALTER TABLE u SWAP WITH w")
	f.is("SELECT count(z) FROM u", "0")
	f.is("SELECT bb FROM w", "x")
	f.do("ALTER TABLE w ALTER COLUMN bb SET NOT NULL")
	f.fails(100072, "INSERT INTO w (c) VALUES (1)")
	f.do("COMMENT ON TABLE w IS 'hello'", "COMMENT ON COLUMN w.c IS 'see'", "ALTER SCHEMA public RENAME TO p2", "ALTER SCHEMA p2 RENAME TO public")
	f.is("DESCRIBE TABLE w", "BB|VARCHAR(3)|COLUMN|N|NULL|N|N|NULL|NULL|NULL|NULL|NULL\nC|NUMBER(38,0)|COLUMN|Y|7|N|N|NULL|NULL|see|NULL|NULL\nbb|VARCHAR(16777216)|COLUMN|Y|NULL|N|N|NULL|NULL|NULL|NULL|NULL")
	f.do("TRUNCATE TABLE w")
	f.is("SELECT count(*) FROM w", "0")
}

func TestTemporary(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)", "CREATE  SCOPED TEMPORARY  TABLE t (b INT)", "INSERT INTO t VALUES (5), (6)")
	f.is("SELECT count(b) FROM t", "2")
	f.isAs(2, "SELECT a FROM t", "1")
	f.w.CloseSession(1)
	f.is("SELECT a FROM t", "1")
}

func TestDML(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (k INT, v VARCHAR)", "INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c')")
	f.is("UPDATE t SET v = 'z' WHERE k >= 2", "2|0")
	f.is("DELETE FROM t WHERE k = 3", "1")
	f.do("CREATE TABLE s (k INT, v VARCHAR)", "INSERT INTO s VALUES (2,'m'),(9,'n')")
	r := f.do("MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)")
	if rowsOf(t, r) != "1|1" || r.Stats.Inserted != 1 || r.Stats.Updated != 1 {
		t.Errorf("%+v", r)
	}
	f.is("SELECT * FROM t ORDER BY k", "1|a\n2|m\n9|n")
	f.do("INSERT INTO s VALUES (2,'twice')")
	f.fails(100090, "MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v")
	f.do("INSERT OVERWRITE INTO t SELECT 5, 'x'")
	f.is("SELECT * FROM t", "5|x")
	f.is("INSERT OVERWRITE INTO t SELECT k + 1, v FROM t", "1")
	f.is("SELECT * FROM t", "6|x")
	f.do("BEGIN", "INSERT INTO t VALUES (7, 'y')", "INSERT OVERWRITE INTO t SELECT k, 'o' FROM t WHERE k > 6", "COMMIT")
	f.is("SELECT * FROM t", "7|o")
}

func TestShow(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE tab_a (a INT PRIMARY KEY)", "CREATE TABLE tab_b (a INT)", "INSERT INTO tab_a VALUES (1)", "CREATE VIEW vw AS SELECT * FROM tab_a", "CREATE SEQUENCE sq START WITH 5")
	names := func(text string, col int) string {
		t.Helper()
		r := f.do(text)
		var out []string
		for _, row := range r.Rows {
			if len(row) != len(r.Columns) {
				t.Fatalf("%s: %d cells, %d columns", text, len(row), len(r.Columns))
			}
			out = append(out, row[col].(string))
		}
		return strings.Join(out, ",")
	}
	for _, c := range []struct {
		sql  string
		col  int
		want string
	}{
		{"SHOW TABLES", 1, "TAB_A,TAB_B"},
		{"show tables like 'tab_a'", 1, "TAB_A"},
		{"SHOW TERSE TABLES IN SCHEMA firn.public STARTS WITH 'TAB' LIMIT 1", 1, "TAB_A"},
		{"SHOW TABLES IN ACCOUNT", 1, "TAB_A,TAB_B"},
		{"SHOW VIEWS", 1, "VW"},
		{"SHOW DATABASES", 1, "FIRN"},
		{"SHOW SCHEMAS", 1, "INFORMATION_SCHEMA,PUBLIC"},
		{"SHOW TERSE SCHEMAS IN DATABASE firn", 1, "INFORMATION_SCHEMA,PUBLIC"},
		{"SHOW COLUMNS IN TABLE tab_a", 2, "A"},
		{"SHOW SEQUENCES", 0, "SQ"},
		{"SHOW OBJECTS", 1, "TAB_A,TAB_B,VW"},
		{"SHOW PRIMARY KEYS IN TABLE tab_a", 4, "A"},
	} {
		if got := names(c.sql, c.col); got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
	if r := f.do("SHOW TABLES LIKE 'TAB_A'"); r.Rows[0][7] != int64(1) {
		t.Errorf("rows of TAB_A: %v", r.Rows[0][7])
	}
	f.is("SELECT table_name, table_type FROM information_schema.tables ORDER BY 1", "TAB_A|BASE TABLE\nTAB_B|BASE TABLE\nVW|VIEW")
	f.is("SELECT column_name, data_type FROM firn.information_schema.columns WHERE table_name = 'TAB_B'", "A|NUMBER")
	f.fails(2003, "SHOW TABLES IN DATABASE nix")
}

// Text is read by the session's input formats, as COPY reads files.
func TestInputFormats(t *testing.T) {
	f := setup(t)
	f.params["DATE_INPUT_FORMAT"], f.params["TIME_INPUT_FORMAT"], f.params["TIMESTAMP_INPUT_FORMAT"] = "DD/MM/YYYY", "HH24.MI", "DD-MM-YYYY HH24:MI"
	f.is("SELECT '03/02/2024'::DATE::VARCHAR, TO_DATE('04/02/2024')::VARCHAR, '10.11'::TIME::VARCHAR, '03-02-2024 10:11'::TIMESTAMP::VARCHAR, TO_DATE('2024-02-05', 'YYYY-MM-DD')::VARCHAR",
		"2024-02-03|2024-02-04|10:11:00|2024-02-03 10:11:00.000|2024-02-05")
	f.fails(100096, "SELECT '2024-02-03'::DATE")
	f.params["BINARY_INPUT_FORMAT"] = "UTF-8"
	f.is("SELECT HEX_ENCODE(TO_BINARY('zz'), 0)", "7a7a")
	f.fails(2, "SELECT 'zz'::BINARY")
}
