package duck

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firn/sqlerr"
)

func open(t *testing.T) (*Instance, *Conn) {
	t.Helper()
	dir := t.TempDir()
	in, err := Open(context.Background(), filepath.Join(dir, "a.duckdb"), filepath.Join(dir, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := in.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); in.Close() })
	return in, c
}

func TestAppendAndRead(t *testing.T) {
	ctx := context.Background()
	_, c := open(t)
	if _, err := c.Exec(ctx, `CREATE TEMP TABLE t(i DECIMAL(38,0), s VARCHAR, z STRUCT(t TIMESTAMP, o SMALLINT), d DOUBLE)`); err != nil {
		t.Fatal(err)
	}
	a, err := c.Append(ctx, "temp", "main", "t")
	if err != nil {
		t.Fatal(err)
	}
	const n = 5000
	for i := range n {
		a.Columns[0].SetInt(a.Row, int64(-i))
		a.Columns[1].SetString(a.Row, strings.Repeat("x", i%40))
		a.Columns[2].Children[0].SetInt(a.Row, int64(i))
		a.Columns[2].Children[1].SetInt(a.Row, 60)
		a.Columns[3].SetDouble(a.Row, float64(i))
		if i%7 == 0 {
			for k := range a.Columns {
				a.Columns[k].SetNull(a.Row)
			}
		}
		if err := a.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := c.Query(ctx, "SELECT * FROM temp.main.t")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	i := 0
	for {
		ch, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ch == nil {
			break
		}
		for k := range ch.Size {
			if i%7 == 0 {
				for col := range ch.Columns {
					if ch.Columns[col].Valid(k) {
						t.Fatalf("row %d column %d is not NULL", i, col)
					}
				}
			} else {
				h := Values[Huge](&ch.Columns[0], ch.Size)[k]
				s := Values[String](&ch.Columns[1], ch.Size)[k]
				if int64(h.Lower) != int64(-i) || s.Len() != i%40 || string(s.Bytes()) != strings.Repeat("x", i%40) || Values[int64](&ch.Columns[2].Children[0], ch.Size)[k] != int64(i) {
					t.Fatalf("row %d is wrong: %v %q", i, h, s.Bytes())
				}
			}
			i++
		}
	}
	if i != n {
		t.Fatalf("%d rows", i)
	}
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	_, c := open(t)
	if _, err := c.Exec(ctx, "CREATE TABLE m.main.t(a INTEGER NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		sql  string
		code int
	}{
		{"INSERT INTO m.main.t VALUES (NULL)", 100072},
		{"SELECT error('firn:100038:22018:Numeric value ''x'' is not recognized') FROM range(3)", 100038},
		{"SELECT (SELECT range FROM range(2))", 90150},
	} {
		r, err := c.QueryAll(ctx, x.sql)
		if err == nil {
			r.Close()
		}
		if !sqlerr.Is(err, x.code) {
			t.Errorf("%s: %v, want %d", x.sql, err, x.code)
		}
	}
	_, err := c.QueryAll(ctx, "SELECT * FROM m.main.nix")
	if !Unstarted(err) || !Gone(err) {
		t.Errorf("missing table: %v", err)
	}
}

func TestInterrupt(t *testing.T) {
	_, c := open(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Exec(ctx, "SELECT count(*) FROM range(1000000) a, range(1000000) b")
	if !sqlerr.Is(err, 604) {
		t.Fatalf("%v", err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
	if _, err := c.Exec(context.Background(), "SELECT 1"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	var e *Error
	if errors.As(err, &e) {
		t.Errorf("a cancel is not DuckDB's error: %v", err)
	}
}
