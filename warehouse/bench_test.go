package warehouse

import (
	"fmt"
	"os"
	"testing"

	"firn/statement"
)

// BenchmarkSelectOne is one small query from parsed text to Arrow.
func BenchmarkSelectOne(b *testing.B) {
	f := setup(b)
	for b.Loop() {
		f.do("SELECT 1 AS a, 'x' AS b")
	}
}

// BenchmarkSelectTable reads a few rows of a table.
func BenchmarkSelectTable(b *testing.B) {
	f := setup(b)
	f.do("CREATE TABLE t (a INT, b VARCHAR, c FLOAT)", "INSERT INTO t VALUES (1, 'x', 1.5), (2, 'y', 2.5)")
	b.ResetTimer()
	for b.Loop() {
		f.do("SELECT a, b, c FROM t WHERE a > 1 ORDER BY a")
	}
}

// BenchmarkInsertOne is a durable insert of one row.
func BenchmarkInsertOne(b *testing.B) {
	f := setup(b)
	f.do("CREATE TABLE t (a INT, b VARCHAR)")
	b.ResetTimer()
	i := 0
	for b.Loop() {
		sc := f.context(1)
		i++
		sc.Request = fmt.Sprint("r", i)
		if _, err := f.run(sc, "INSERT INTO t VALUES (1, 'x')"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkArrayBind inserts 100,000 rows of three columns from binds.
func BenchmarkArrayBind(b *testing.B) {
	f := setup(b)
	f.do("CREATE TABLE t (a INT, b VARCHAR, c FLOAT)")
	const n = 100000
	list := func(typ, v string) statement.Bind {
		x := statement.Bind{Type: typ}
		for range n {
			x.Values = append(x.Values, &v)
		}
		return x
	}
	sc := f.context(1)
	sc.Rows = n
	sc.Binds = []statement.Bind{list("FIXED", "12"), list("TEXT", "a text of some length"), list("REAL", "1.5")}
	b.ResetTimer()
	for b.Loop() {
		if _, err := f.run(sc, "INSERT INTO t VALUES (?, ?, ?)"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkWide spools 2 million rows of six columns; BenchmarkCopy loads them from Parquet as write_pandas does.
func BenchmarkWide(b *testing.B) {
	f := setup(b)
	f.parquet("b/a.parquet", wideRows)
	f.do("CREATE TABLE t (a INT, b FLOAT, c VARCHAR, d BOOLEAN, e TIMESTAMP_NTZ, g INT)", "COPY INTO t FROM @st/b FILE_FORMAT=(TYPE=PARQUET) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE")
	b.ResetTimer()
	for b.Loop() {
		r := f.do("SELECT * FROM t")
		if err := os.Remove(r.Data.Path); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "Mrows/s")
}

const wideRows = "SELECT range::BIGINT a, range::DOUBLE b, 'k' || (range % 1000) c, range % 2 = 0 d, make_timestamp(range) e, (range % 100)::BIGINT g FROM range(2000000)"

func BenchmarkCopy(b *testing.B) {
	f := setup(b)
	f.parquet("b/a.parquet", wideRows)
	b.ResetTimer()
	for b.Loop() {
		f.do(`CREATE OR REPLACE TEMP TABLE t ("a" INT, "b" FLOAT, "c" VARCHAR, "d" BOOLEAN, "e" TIMESTAMP_NTZ, "g" INT)`,
			`COPY INTO t ("a","b","c","d","e","g") FROM (SELECT $1:"a"::NUMBER(38,0),$1:"b"::REAL,$1:"c"::TEXT,$1:"d"::BOOLEAN,$1:"e"::TIMESTAMP_NTZ,$1:"g"::NUMBER(38,0) FROM '@st/b') FILE_FORMAT=(TYPE=PARQUET)`)
	}
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "Mrows/s")
}
