package result

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"testing/quick"
	"time"
)

func TestAppendQuoted(t *testing.T) {
	same := func(s string) bool {
		var back string
		if err := json.Unmarshal(AppendQuoted(nil, s), &back); err != nil {
			return false
		}
		b, _ := json.Marshal(s) // encoding/json replaces bad bytes as we do
		var want string
		return json.Unmarshal(b, &want) == nil && back == want
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"\xff\xfeabc", "a\x00\x1f\x7f", "\u2028", "\"\\/", "ü€😀", "\xe2\x82"} {
		if !same(s) {
			t.Errorf("%q: %s", s, AppendQuoted(nil, s))
		}
	}
}

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		n     int64
		scale int
		want  string
	}{{0, 2, "0.00"}, {-5, 2, "-0.05"}, {123, 2, "1.23"}, {123, 0, "123"}, {-123, 3, "-0.123"}, {math.MinInt64, 2, "-92233720368547758.08"}} {
		if got := string(appendScaled(nil, c.n, c.scale)); got != c.want {
			t.Errorf("%d, %d: %s", c.n, c.scale, got)
		}
		if got := string(appendBig(nil, big.NewInt(c.n), c.scale)); got != c.want {
			t.Errorf("big %d, %d: %s", c.n, c.scale, got)
		}
	}
}

// Rows and the Arrow that is made of them give the same JSON, for all times and scales.
func TestRowsAndArrowAgree(t *testing.T) {
	f := func(sec int32, ns uint32, offset int8, scale uint8, n int64, x float64, s string, b []byte) bool {
		k := int(scale % 10)
		at := time.Unix(int64(sec)*3, int64(ns%1e9)).In(time.FixedZone("", int(offset)*60))
		col := func(name string, k Kind, scale int) Column {
			return Column{Name: name, Type: Type{Kind: k, Scale: scale, Precision: 38}, Nullable: true}
		}
		r := &Result{Columns: []Column{col("A", TimestampNTZ, k), col("B", TimestampLTZ, k), col("C", TimestampTZ, k), col("D", Date, 0), col("E", Time, k), col("F", Fixed, 0), col("G", Fixed, k),
			col("H", Real, 0), col("I", Text, 0), col("J", Binary, 0)},
			Rows: [][]any{{at, at, at, at, time.Duration(ns%86400)*time.Second + time.Duration(ns%1e9), n, n % 1e9, x, s, b}, make([]any, 10)}}
		segments, err := r.ArrowSegments()
		if err != nil {
			t.Log(err)
			return false
		}
		var rows, arrow bytes.Buffer
		if err := r.WriteJSON(&rows); err != nil {
			t.Log(err)
			return false
		}
		a := &Result{Columns: r.Columns, Data: &Data{Rows: 2, Segments: segments}}
		if err := a.WriteJSON(&arrow); err != nil {
			t.Log(err)
			return false
		}
		back := &Result{Columns: r.Columns}
		for rec, err := range a.Data.Records() {
			if err != nil {
				t.Log(err)
				return false
			}
			for i := range int(rec.NumRows()) {
				row := make([]any, len(r.Columns))
				for j := range row {
					if row[j], err = Value(r.Columns[j].Type, rec.Column(j), i); err != nil {
						t.Log(err)
						return false
					}
				}
				back.Rows = append(back.Rows, row)
			}
		}
		var again bytes.Buffer
		if err := back.WriteJSON(&again); err != nil || again.String() != rows.String() {
			t.Logf("%v\n%s\n%s", err, &rows, &again)
			return false
		}
		if rows.String() != arrow.String() {
			t.Logf("\n%s\n%s", &rows, &arrow)
			return false
		}
		return json.Valid([]byte("[" + rows.String() + "]"))
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestVector(t *testing.T) {
	r := &Result{Columns: []Column{{Name: "V", Type: Type{Kind: Vector, Length: 3, Elem: Real}}}, Rows: [][]any{{"[1,2.5,-3]"}, {nil}, {json.RawMessage("[4,5,6]")}}}
	segments, err := r.ArrowSegments()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (&Result{Columns: r.Columns, Data: &Data{Rows: 3, Segments: segments}}).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if out.String() != `["[1,2.5,-3]"],[null],["[4,5,6]"]` {
		t.Errorf("%s", &out)
	}
}

// A wrong value is an error, never a panic or a wrong cell.
func TestBadCells(t *testing.T) {
	for _, c := range []struct {
		k Kind
		v any
	}{{Fixed, "x"}, {Fixed, true}, {Date, "2024-01-01"}, {Boolean, "true"}, {Time, time.Now()}, {TimestampTZ, int64(1)}, {Binary, 1.5}, {Variant, 1.5}, {Text, []byte("x")}, {Real, "x"}} {
		r := &Result{Columns: []Column{{Name: "C", Type: Type{Kind: c.k, Precision: 38}}}, Rows: [][]any{{c.v}}}
		if err := r.WriteJSON(&bytes.Buffer{}); err == nil {
			t.Errorf("%T as %s: no error in JSON", c.v, c.k)
		}
		if _, err := r.ArrowSegments(); err == nil {
			t.Errorf("%T as %s: no error in Arrow", c.v, c.k)
		}
	}
	if err := (&Result{Columns: []Column{TextColumn("A")}, Rows: [][]any{{"a", "b"}}}).WriteJSON(&bytes.Buffer{}); err == nil {
		t.Error("a row of two cells for one column")
	}
}
