package warehouse

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/duck"
)

func (f *fixture) file(name string, content []byte) {
	f.t.Helper()
	path := filepath.Join(f.stage.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) parquet(name, query string) {
	f.t.Helper()
	c, err := f.w.duck.Acquire()
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Release()
	f.file(name, nil)
	if _, err := c.Exec(context.Background(), "COPY ("+query+") TO "+duck.Quote(filepath.Join(f.stage.dir, name))+" (FORMAT parquet)"); err != nil {
		f.t.Fatal(err)
	}
}

func texts(values ...string) []statement.Bind {
	var out []statement.Bind
	for _, v := range values {
		out = append(out, statement.Bind{Type: "TEXT", Value: &v})
	}
	return out
}

// bound runs a statement with text binds, as the connector's write_pandas does.
func (f *fixture) bound(text string, values ...string) string {
	f.t.Helper()
	f.binds = texts(values...)
	defer func() { f.binds = nil }()
	return rowsOf(f.t, f.do(text))
}

// The statements of write_pandas (client-protocol.md §3.7) with its odd blanks.
func TestWritePandas(t *testing.T) {
	f := setup(t)
	f.parquet("q/file0.txt", `SELECT 1::BIGINT AS "ID", 'a' AS "name", 1.5::DOUBLE AS x, true AS b, TIMESTAMP '2024-01-01 10:00:00.5' AS ts, DATE '2024-01-02' AS d UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL`)
	f.parquet("q/file1.txt", `SELECT 2::BIGINT AS "ID", 'b' AS "name", 'NaN'::DOUBLE AS x, false AS b, TIMESTAMP '1960-01-01' AS ts, NULL::DATE AS d`)
	f.stage.formats["FF"] = "TYPE=PARQUET COMPRESSION=auto USE_LOGICAL_TYPE = TRUE"
	got := f.bound("SELECT COLUMN_NAME, TYPE FROM table(infer_schema(location=>?, file_format=>?))", `@"FIRN"."PUBLIC"."st"/q`, "FF")
	if want := "ID|NUMBER(38, 0)\nname|TEXT\nx|REAL\nb|BOOLEAN\nts|TIMESTAMP_NTZ\nd|DATE"; got != want {
		t.Errorf("infer_schema:\n%s", got)
	}
	f.bound(`CREATE TABLE IF NOT EXISTS identifier(?) ("ID" NUMBER(38, 0), "name" TEXT, "x" REAL, "b" BOOLEAN, "ts" TIMESTAMP_NTZ, "d" DATE) /* Python:snowflake.connector.pandas_tools.write_pandas() */ `, `"FIRN"."PUBLIC"."wp"`)
	got = f.bound(`COPY INTO identifier(?) /* Python:snowflake.connector.pandas_tools.write_pandas() */ ("ID","name","x","b","ts","d") FROM (SELECT $1:"ID"::NUMBER(38, 0),$1:"name"::TEXT,$1:"x"::REAL,$1:"b"::BOOLEAN,$1:"ts"::TIMESTAMP_NTZ,$1:"d"::DATE FROM '@"FIRN"."PUBLIC"."st"/q') FILE_FORMAT=(TYPE=PARQUET USE_VECTORIZED_SCANNER=False COMPRESSION=auto USE_LOGICAL_TYPE = TRUE) PURGE=TRUE ON_ERROR=?`, `"FIRN"."PUBLIC"."wp"`, "abort_statement")
	if want := "st/q/file0.txt|LOADED|2|2|1|0|NULL|NULL|NULL|NULL\nst/q/file1.txt|LOADED|1|1|1|0|NULL|NULL|NULL|NULL"; got != want {
		t.Errorf("COPY:\n%s", got)
	}
	if strings.Join(f.stage.removed, ",") != "st/q/file0.txt,st/q/file1.txt" {
		t.Errorf("purged %v", f.stage.removed)
	}
	f.is(`SELECT id, "name", "x", "b", "d" FROM "wp" ORDER BY id`, "1|a|1.5|true|2024-01-02\n2|b|NaN|false|NULL\nNULL|NULL|NULL|NULL|NULL")
	f.bound("ALTER TABLE identifier(?) RENAME TO identifier(?)", `"FIRN"."PUBLIC"."wp"`, `"FIRN"."PUBLIC"."wp2"`)
	f.bound("TRUNCATE TABLE identifier(?)", `"FIRN"."PUBLIC"."wp2"`)
	f.is(`SELECT count(*) FROM "wp2"`, "0")
}

func TestArrayBinds(t *testing.T) {
	f := setup(t)
	f.do(`CREATE  OR  REPLACE  SCOPED TEMPORARY  TABLE SNOWPARK_TEMP_TABLE_X("A" BIGINT NOT NULL , "B" STRING(20), "C" FLOAT, "D" BOOLEAN, "E" DATE, "G" TIMESTAMP_NTZ, "H" NUMBER(10,2))`)
	const n = 5000
	list := func(typ, v string) statement.Bind {
		b := statement.Bind{Type: typ}
		for i := range n {
			if i == 3 && typ != "FIXED" {
				b.Values = append(b.Values, nil)
			} else {
				b.Values = append(b.Values, &v)
			}
		}
		return b
	}
	sc := f.context(1)
	sc.Rows = n
	sc.Binds = []statement.Bind{list("FIXED", "12"), list("TEXT", "a longer text"), list("REAL", "1.5"), list("BOOLEAN", "true"), list("DATE", "86400000"), list("TIMESTAMP_NTZ", "-1000000"), list("FIXED", "1.25")}
	r, err := f.run(sc, `INSERT  INTO SNOWPARK_TEMP_TABLE_X("A", "B", "C", "D", "E", "G", "H") VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		t.Fatal(err)
	}
	if rowsOf(t, r) != "5000" {
		t.Error(rowsOf(t, r))
	}
	f.is("SELECT count(*), count(b), sum(a), max(c), max(e) FROM SNOWPARK_TEMP_TABLE_X", "5000|4999|60000|1.5|1970-01-02")
	f.is("SELECT DISTINCT h FROM SNOWPARK_TEMP_TABLE_X", "125")
	sc = f.context(1)
	sc.Rows = n
	sc.Binds = []statement.Bind{list("TEXT", "x")}
	if _, err := f.run(sc, `INSERT INTO SNOWPARK_TEMP_TABLE_X(b) VALUES (?)`); !sqlerr.Is(err, 100072) {
		t.Errorf("%v", err)
	}
}

func TestCSV(t *testing.T) {
	f := setup(t)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte("id,text\n1,\"a, \"\"b\"\"\"\n2,\n3,\\N\n"))
	z.Close()
	f.file("c/a.csv.gz", zipped.Bytes())
	f.file("c/b.csv", []byte("id,text\r\n4,\"two\nlines\"\r\n5,x\r\n"))
	f.do("CREATE TABLE t (id INT, s VARCHAR)")
	const format = " FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"')"
	f.is("COPY INTO t FROM @st/c"+format, "st/c/a.csv.gz|LOADED|3|3|1|0|NULL|NULL|NULL|NULL\nst/c/b.csv|LOADED|2|2|1|0|NULL|NULL|NULL|NULL")
	f.is("SELECT * FROM t ORDER BY id", "1|a, \"b\"\n2|NULL\n3|NULL\n4|two\nlines\n5|x")
	f.is("COPY INTO t FROM @st/c"+format, "Copy executed with 0 files processed.")
	f.stage.formats["FFC"] = "TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"'"
	f.is("SELECT $1 AS a, metadata$filename AS f FROM @st/c (FILE_FORMAT => 'FFC') WHERE $1 = '5'", "5|c/b.csv")
}

func TestCopyErrors(t *testing.T) {
	f := setup(t)
	f.file("e/bad.csv", []byte("1,a\nx,b\n3,c\n4\n"))
	f.file("e/good.csv", []byte("7,g\n"))
	f.do("CREATE TABLE t (id INT, s VARCHAR(1))")
	_, err := f.run(f.context(1), "COPY INTO t FROM @st/e")
	if err == nil || !strings.Contains(err.Error(), "bad.csv") {
		t.Errorf("%v", err)
	}
	f.is("SELECT count(*) FROM t", "0")
	r := f.do("COPY INTO t FROM @st/e ON_ERROR = SKIP_FILE")
	if got := rowsOf(t, r); !strings.HasPrefix(got, "st/e/bad.csv|LOAD_FAILED|4|0|1|2|") || !strings.HasSuffix(got, "st/e/good.csv|LOADED|1|1|1|0|NULL|NULL|NULL|NULL") {
		t.Errorf("%s", got)
	}
	f.is("SELECT * FROM t", "7|g")
	r = f.do("COPY INTO t FROM @st/e ON_ERROR = CONTINUE")
	if got := rowsOf(t, r); !strings.HasPrefix(got, "st/e/bad.csv|PARTIALLY_LOADED|4|2|4|2|") {
		t.Errorf("%s", got)
	}
	f.is("SELECT id FROM t ORDER BY id", "1\n3\n7")
	f.fails(2, "COPY INTO t FROM @st/e VALIDATION_MODE = RETURN_ERRORS")
	f.file("p/no.parquet", []byte("no parquet at all"))
	f.fails(100091, "COPY INTO t FROM @st/p FILE_FORMAT=(TYPE=PARQUET) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE")
}

func TestUnload(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (id INT, s VARCHAR)", "INSERT INTO t VALUES (1,'a'), (2, NULL)")
	if got := rowsOf(t, f.do("COPY  INTO '@st/out/' FROM ( SELECT  *  FROM t) FILE_FORMAT = (  TYPE  = parquet )  overwrite = True   HEADER  = True")); !strings.HasPrefix(got, "2|") {
		t.Error(got)
	}
	f.do("CREATE TABLE u (id INT, s VARCHAR)")
	f.do("COPY INTO u FROM @st/out/ FILE_FORMAT=(TYPE=PARQUET) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE")
	f.is("SELECT * FROM u ORDER BY id", "1|a\n2|NULL")
	f.do("COPY INTO @st/csv/x FROM t FILE_FORMAT=(TYPE=CSV COMPRESSION=NONE) HEADER=TRUE")
	b, err := os.ReadFile(filepath.Join(f.stage.dir, "csv/x_0_0_0.csv"))
	if err != nil || string(b) != "ID,S\n1,a\n2,\\N\n" {
		t.Errorf("%q %v", b, err)
	}
}

func TestJSON(t *testing.T) {
	f := setup(t)
	f.file("j/a.json", []byte(`{"a": 1, "b": [1, 2]} {"a": 2}`))
	f.file("k/a.json", []byte(`[{"a": 3}, {"a": 4}]`))
	f.do("CREATE TABLE t (v VARIANT)")
	f.do("COPY INTO t FROM @st/j FILE_FORMAT=(TYPE=JSON)", "COPY INTO t FROM @st/k FILE_FORMAT=(TYPE=JSON STRIP_OUTER_ARRAY=TRUE)")
	f.is("SELECT v:a::INT AS a FROM t ORDER BY 1", "1\n2\n3\n4")
	f.parquet("v/a.parquet", "SELECT 1::BIGINT AS a, 'x' AS s, [1,2] AS l")
	f.stage.formats["FFP"] = "TYPE = PARQUET"
	f.is("SELECT $1:a::INT AS a, $1:s::VARCHAR AS s, $1:l[1]::INT AS l FROM @st/v (FILE_FORMAT => 'FFP')", "1|x|2")
}

// What a function of another room answers is read as a table.
func TestMaterialize(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (a NUMBER(38,0), b NUMBER(10,2), c FLOAT, d VARCHAR, e BOOLEAN, g DATE, h TIME, i TIMESTAMP_NTZ, j TIMESTAMP_TZ(3), k TIMESTAMP_LTZ(3), l BINARY)")
	f.do(`INSERT INTO t SELECT 12345678901234567890123, 1.25, 1.5, 'x', true, '2024-01-02'::DATE, '10:11:12'::TIME, '2024-01-02 03:04:05.678'::TIMESTAMP_NTZ, '2024-01-02 03:04:05 +0200'::TIMESTAMP_TZ, '2024-01-02 03:04:05'::TIMESTAMP_LTZ, TO_BINARY('0102', 'HEX')`, "INSERT INTO t (a) VALUES (NULL)")
	first := f.do("SELECT * FROM t ORDER BY a")
	k, err := f.w.work(context.Background(), f.context(1), false)
	if err != nil {
		t.Fatal(err)
	}
	defer k.end(nil)
	n := f.w.names(f.context(1))
	n.use(k)
	tab, err := n.Materialize(context.Background(), first)
	if err != nil {
		t.Fatal(err)
	}
	rows := ""
	err = scan(context.Background(), k.conn, "SELECT count(*)::BIGINT, (SELECT string_agg(x::VARCHAR, ';') FROM (SELECT * FROM "+tab.From+" INTERSECT SELECT * FROM "+f.w.tree.child(f.w.schemaHere(f.context(1), nameOf("PUBLIC")).ID, 0, kindTable, "T").from()+") x) FROM "+tab.From, func(r row) error {
		rows = r.text(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(rows, ";") != 1 {
		t.Errorf("rows that came through the same: %s", rows)
	}
}

// Whole numbers are NUMBER(38,0), 128 bits wide: they must not be bit-packed (see compression).
func TestWideNumbersUnpacked(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (a INT, b NUMBER(10,0))", "ALTER TABLE t ADD COLUMN c INT", "INSERT INTO t SELECT SEQ4() % 7, 1, SEQ4() % 5 FROM TABLE(GENERATOR(ROWCOUNT => 300000))")
	c, err := f.w.duck.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if _, err := c.Exec(context.Background(), "CHECKPOINT m"); err != nil {
		t.Fatal(err)
	}
	physical := f.w.tree.list(func(o *object) bool { return o.Name == "T" })[0].Physical
	err = scan(context.Background(), c, "SELECT DISTINCT 0, column_name || ' ' || compression FROM pragma_storage_info('m.t."+duck.Ident(physical)+"') WHERE segment_type LIKE 'DECIMAL(38%'", func(r row) error {
		if got := r.text(1); got != "A RLE" && got != "C RLE" {
			t.Errorf("stored as %s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
