package batch

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"firn/result"
	"firn/warehouse/duck"
)

func run(t *testing.T, sql string, cols []result.Column) *result.Data {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	in, err := duck.Open(ctx, filepath.Join(dir, "a.duckdb"), filepath.Join(dir, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Close)
	c, err := in.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, err := c.Query(ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	json := func(dst, v []byte) ([]byte, error) { return append(append(dst, '!'), v...), nil }
	w, err := New(cols, rows.Types, json, filepath.Join(dir, "spool"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		ch, err := rows.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ch == nil {
			break
		}
		if err := w.Add(ch); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// read checks each segment as a whole stream and gives its batches.
func read(t *testing.T, d *result.Data) []arrow.RecordBatch {
	t.Helper()
	var out []arrow.RecordBatch
	var total int64
	for _, s := range d.Segments {
		b := s.Bytes
		if b == nil {
			f, err := os.ReadFile(d.Path)
			if err != nil {
				t.Fatal(err)
			}
			b = f[s.Offset : s.Offset+s.Length]
		}
		r, err := ipc.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var rows int64
		for r.Next() {
			rec := r.RecordBatch()
			if rec.NumRows() == 0 {
				t.Error("an empty batch")
			}
			rec.Retain()
			rows += rec.NumRows()
			out = append(out, rec)
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		if rows != s.Rows {
			t.Errorf("segment says %d rows, holds %d", s.Rows, rows)
		}
		total += rows
	}
	if total != d.Rows {
		t.Errorf("%d rows, said %d", total, d.Rows)
	}
	return out
}

func col(name string, t result.Type) result.Column { return result.Column{Name: name, Type: t} }

func TestTypes(t *testing.T) {
	cases := []struct {
		sql  string
		typ  result.Type
		want string // Arrow type
		meta string
		text string // value of row 0 as Arrow prints it
	}{
		{"(-5)::DECIMAL(4,0)", result.Type{Kind: result.Fixed, Precision: 4}, "int64", "FIXED", "-5"},
		{"1.5::DECIMAL(9,2)", result.Type{Kind: result.Fixed, Precision: 9, Scale: 2}, "int64", "FIXED", "150"},
		{"(-7)::DECIMAL(38,0)", result.Type{Kind: result.Fixed, Precision: 38}, "int64", "FIXED", "-7"},
		{"'-12345678901234567890123'::DECIMAL(38,0)", result.Type{Kind: result.Fixed, Precision: 38}, "decimal(38, 0)", "FIXED", "-12345678901234567890123"},
		{"1.5::DOUBLE", result.Type{Kind: result.Real}, "float64", "REAL", "1.5"},
		{"'a longer text than twelve ü'", result.Type{Kind: result.Text}, "utf8", "TEXT", "a longer text than twelve ü"},
		{"'x'", result.Type{Kind: result.Text}, "utf8", "TEXT", "x"},
		{"'\\x01'::BLOB", result.Type{Kind: result.Binary}, "binary", "BINARY", "AQ=="},
		{"'[1]'::BLOB", result.Type{Kind: result.Variant}, "utf8", "VARIANT", "![1]"},
		{"true", result.Type{Kind: result.Boolean}, "bool", "BOOLEAN", "true"},
		{"DATE '1969-12-31'", result.Type{Kind: result.Date}, "date32", "DATE", "1969-12-31"},
		{"TIME '00:00:01.5'", result.Type{Kind: result.Time, Scale: 9}, "int64", "TIME", "1500000000"},
		{"TIME '00:00:01.5'", result.Type{Kind: result.Time, Scale: 3}, "int32", "TIME", "1500"},
		{"TIMESTAMP '1969-12-31 23:59:59.5'", result.Type{Kind: result.TimestampNTZ, Scale: 9}, "struct<epoch: int64, fraction: int32>", "TIMESTAMP_NTZ", "{[-1] [500000000]}"},
		{"TIMESTAMP '1969-12-31 23:59:59.5'", result.Type{Kind: result.TimestampLTZ, Scale: 3}, "int64", "TIMESTAMP_LTZ", "-500"},
		{"TIMESTAMP '1969-12-31 23:59:59.5'", result.Type{Kind: result.TimestampNTZ, Scale: 0}, "int64", "TIMESTAMP_NTZ", "-1"},
		{"struct_pack(t := TIMESTAMP '1970-01-01 00:00:01.5', o := 60::SMALLINT)", result.Type{Kind: result.TimestampTZ, Scale: 9}, "struct<epoch: int64, fraction: int32, timezone: int32>", "TIMESTAMP_TZ", "{[1] [500000000] [1500]}"},
		{"struct_pack(t := TIMESTAMP '1970-01-01 00:00:01.5', o := -60::SMALLINT)", result.Type{Kind: result.TimestampTZ, Scale: 3}, "struct<epoch: int64, timezone: int32>", "TIMESTAMP_TZ", "{[1500] [1380]}"},
		{"[1.5, 2]::FLOAT[2]", result.Type{Kind: result.Vector, Elem: result.Real, Length: 2}, "fixed_size_list<item: float32, nullable>[2]", "VECTOR", "[1.5 2]"},
	}
	for _, c := range cases {
		t.Run(c.sql, func(t *testing.T) {
			// Row 0 the value, row 1 NULL.
			d := run(t, "SELECT x FROM (SELECT "+c.sql+" x, 0 k UNION ALL SELECT NULL, 1) ORDER BY k", []result.Column{col("C", c.typ)})
			recs := read(t, d)
			if len(recs) != 1 || recs[0].NumRows() != 2 {
				t.Fatalf("%d batches", len(recs))
			}
			f := recs[0].Schema().Field(0)
			if got, _ := f.Metadata.GetValue("logicalType"); got != c.meta {
				t.Errorf("logicalType %q", got)
			}
			got := f.Type.String()
			if c.typ.Kind == result.TimestampNTZ || c.typ.Kind == result.TimestampTZ {
				got = bare(f.Type)
			}
			if got != c.want && f.Type.ID() != arrow.FIXED_SIZE_LIST {
				t.Errorf("Arrow type %s, want %s", got, c.want)
			}
			a := recs[0].Column(0)
			if a.IsNull(0) || !a.IsNull(1) {
				t.Error("NULLs are wrong")
			}
			one := array.NewSlice(a, 0, 1)
			if text := one.ValueStr(0); text != c.text && one.DataType().ID() != arrow.STRUCT && one.DataType().ID() != arrow.FIXED_SIZE_LIST {
				t.Errorf("value %s, want %s", text, c.text)
			}
			if one.DataType().ID() == arrow.STRUCT {
				if text := one.(*array.Struct).String(); text != c.text {
					t.Errorf("value %s, want %s", text, c.text)
				}
			}
		})
	}
}

func bare(t arrow.DataType) string {
	s, ok := t.(*arrow.StructType)
	if !ok {
		return t.String()
	}
	out := "struct<"
	for i, f := range s.Fields() {
		if i > 0 {
			out += ", "
		}
		out += f.Name + ": " + f.Type.String()
	}
	return out + ">"
}

func TestEmpty(t *testing.T) {
	d := run(t, "SELECT 1::DECIMAL(38,0) FROM range(0)", []result.Column{col("C", result.Type{Kind: result.Fixed, Precision: 38})})
	if d.Rows != 0 || len(d.Segments) != 0 {
		t.Errorf("%+v", d)
	}
}

// A value beyond int64 far into the result ends the open stream: the following one is decimal128.
func TestWidening(t *testing.T) {
	d := run(t, "SELECT CASE WHEN range = 900000 THEN '123456789012345678901234567890'::DECIMAL(38,0) ELSE range::DECIMAL(38,0) END, range::VARCHAR FROM range(1000000)",
		[]result.Column{col("N", result.Type{Kind: result.Fixed, Precision: 38}), col("S", result.Type{Kind: result.Text})})
	if d.Path == "" || len(d.Segments) < 2 {
		t.Fatalf("not spooled: %d segments", len(d.Segments))
	}
	row := int64(0)
	wide := false
	for _, r := range read(t, d) {
		switch n := r.Column(0).(type) {
		case *array.Int64:
			if wide {
				t.Fatal("narrow again")
			}
			if n.Value(0) != row {
				t.Fatalf("row %d is %d", row, n.Value(0))
			}
		case *array.Decimal128:
			wide = true
			if n.ValueStr(0) != r.Column(1).(*array.String).Value(0) {
				t.Fatalf("row %d is %s", row, n.ValueStr(0))
			}
			if 900000-row < r.NumRows() && row <= 900000 {
				if got := n.ValueStr(int(900000 - row)); got != "123456789012345678901234567890" {
					t.Errorf("wide value %s", got)
				}
			}
		}
		row += r.NumRows()
	}
	if !wide || row != 1000000 {
		t.Errorf("wide %v, rows %d", wide, row)
	}
	if d.Segments[0].Length > 3<<20 {
		t.Errorf("first segment of %d bytes", d.Segments[0].Length)
	}
}

func BenchmarkSix(b *testing.B) {
	ctx := context.Background()
	dir := b.TempDir()
	in, err := duck.Open(ctx, filepath.Join(dir, "a.duckdb"), filepath.Join(dir, "tmp"))
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	c, err := in.Acquire()
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	const n = 2_000_000
	cols := []result.Column{col("A", result.Type{Kind: result.Fixed, Precision: 38}), col("B", result.Type{Kind: result.Real}), col("C", result.Type{Kind: result.Text}), col("D", result.Type{Kind: result.Boolean}), col("E", result.Type{Kind: result.TimestampNTZ, Scale: 9}), col("F", result.Type{Kind: result.Fixed, Precision: 9})}
	if _, err := c.Exec(ctx, "CREATE TABLE m.main.x AS SELECT range::DECIMAL(38,0) a, range::DOUBLE b, 'k' || (range % 1000) c, range % 2 = 0 d, make_timestamp(range) e, range::DECIMAL(9,0) f FROM range(2000000)"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rows, err := c.Query(ctx, "SELECT * FROM m.main.x")
		if err != nil {
			b.Fatal(err)
		}
		w, err := New(cols, rows.Types, nil, filepath.Join(dir, "spool"))
		if err != nil {
			b.Fatal(err)
		}
		for {
			ch, err := rows.Next()
			if err != nil {
				b.Fatal(err)
			}
			if ch == nil {
				break
			}
			if err := w.Add(ch); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
		rows.Close()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
