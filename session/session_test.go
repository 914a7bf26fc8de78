package session

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

func TestReadCSV(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, "1,\"a\"\n")
	z.Close()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"1,a\n", "1 a|"},
		{"1,a", "1 a|"},
		{"1,\n,\"\"\n", "1 ~|~ |"},
		{"\n", "~|"},
		{"\"x,\"\"y\"\"\nz\",2\r\n", "x,\"y\"\nz 2|"},
		{packed.String(), "1 a|"},
	} {
		var got strings.Builder
		err := readCSV(strings.NewReader(c.in), func(row []*string) error {
			for i, v := range row {
				if i > 0 {
					got.WriteByte(' ')
				}
				if v == nil {
					got.WriteByte('~')
				} else {
					got.WriteString(*v)
				}
			}
			got.WriteByte('|')
			return nil
		})
		if err != nil || got.String() != c.want {
			t.Errorf("%q: %q, %v; want %q", c.in, got.String(), err, c.want)
		}
	}
	if err := readCSV(strings.NewReader("\"open"), func([]*string) error { return nil }); err == nil {
		t.Error("a quote that does not end is taken")
	}
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"%", "", true}, {"", "", true}, {"", "a", false}, {"ab%", "ABC", true}, {"%b_", "abc", true}, {"a_c", "abbc", false}, {"a\\_c", "a_c", true}, {"a\\_c", "abc", false},
		{"%a%b%", "xxaxxbxx", true}, {"%a%b", "xxaxxbx", false}, {"_%_", "a", false},
	} {
		if got := like(c.pattern, c.s); got != c.want {
			t.Errorf("%q like %q: %v", c.s, c.pattern, got)
		}
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{"firn": "FIRN", `"firn"`: "firn", `"a""b"`: `a"b`, "": ""} {
		if got := fold(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestVariablesComeBack(t *testing.T) {
	in := map[string]any{"A": nil, "B": true, "C": int64(-5), "D": 1.25, "E": "text", "F": []byte{0, 1}, "G": time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC)}
	if out := decodeVariables(encodeVariables(in)); !reflect.DeepEqual(in, out) {
		t.Errorf("%v became %v", in, out)
	}
}

// Every statement that changes or reads an object asks for a privilege; the exceptions are those that are listed here.
func TestNeeds(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"create table db.s.t (a int)", "CREATE TABLE SCHEMA db s"},
		{"create temporary table t (a int)", "USAGE SCHEMA"},
		{"create stage s", "CREATE STAGE SCHEMA"},
		{"create database d", "CREATE DATABASE ACCOUNT"},
		{"create compute pool p min_nodes = 1 max_nodes = 1 instance_family = CPU_X64_XS", "CREATE COMPUTE POOL ACCOUNT"},
		{"create schema d.s", "CREATE SCHEMA DATABASE d"},
		{"drop table a..t", "OWNERSHIP TABLE a PUBLIC t"},
		{"alter compute pool p suspend", "OPERATE COMPUTE POOL p"},
		{"insert into t values (1)", "INSERT TABLE t"},
		{"insert overwrite into t values (1)", "INSERT TABLE t, DELETE TABLE t"},
		{"update t set a = 1", "UPDATE TABLE t"},
		{"delete from t", "DELETE TABLE t"},
		{"truncate table t", "TRUNCATE TABLE t"},
		{"copy into t from @s/x", "INSERT TABLE t, READ STAGE s"},
		{"copy into @s/x from t", "WRITE STAGE s"},
		{"copy files into @a from @b", "WRITE STAGE a, READ STAGE b"},
		{"put file:///x @s", "WRITE STAGE s"},
		{"put file:///x @~", ""},
		{"get @%t file:///x", "OWNERSHIP TABLE t"},
		{"list @s", "READ STAGE s"},
		{"remove @s", "WRITE STAGE s"},
		{"use warehouse w", "USAGE WAREHOUSE w"},
		{"use role r", ""},
		{"select * from t", ""},
		{"show tables", ""},
		{"call f(1)", ""},
		{"begin", ""},
	} {
		p, err := sql.Parse(c.sql)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		var got []string
		for _, n := range needs(p.Statement) {
			got = append(got, strings.TrimSpace(n.Privilege+" "+n.Kind+" "+strings.Join(n.Name, " ")))
		}
		if !strings.EqualFold(strings.Join(got, ", "), c.want) {
			t.Errorf("%s: %s, not %s", c.sql, strings.Join(got, ", "), c.want)
		}
	}
}

func finished(id string, r *result.Result, memory, disk int64) *Query {
	_, cancel := context.WithCancelCause(context.Background())
	q := &Query{ID: id, RequestID: "r" + id, SessionID: 1, result: r, memory: memory, disk: disk, cancel: cancel, done: make(chan struct{})}
	close(q.done)
	return q
}

// The ledger keeps to its bounds: old results go first, their statements stay known, files are removed.
func TestLedger(t *testing.T) {
	var l ledger
	l.init(Keep{For: time.Hour, Queries: 3, Memory: 100, Disk: 100}.defaults(), slog.New(slog.DiscardHandler))
	file := filepath.Join(t.TempDir(), "x.arrow")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	add := func(id string, r *result.Result, memory, disk int64) *Query {
		q := finished(id, r, memory, disk)
		if _, fresh := l.begin(q); !fresh {
			t.Fatalf("%s is not new", id)
		}
		l.end(q)
		return q
	}
	a := add("a", &result.Result{Data: &result.Data{Path: file}}, 0, 90)
	if first, fresh := l.begin(finished("z", nil, 0, 0)); !fresh || first.ID != "z" {
		t.Error("another request is the same")
	}
	again := finished("y", nil, 0, 0)
	again.RequestID = "ra"
	if first, fresh := l.begin(again); fresh || first != a {
		t.Error("a request that is sent again runs again")
	}
	add("b", &result.Result{}, 90, 20)
	if _, err := a.Result(); !sqlerr.Is(err, 710) {
		t.Errorf("the oldest result: %v", err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("its file: %v", err)
	}
	if l.query("a") == nil {
		t.Error("its statement is forgotten")
	}
	add("c", &result.Result{}, 1, 0)
	if l.query("a") != nil || l.query("b") == nil {
		t.Error("not the oldest statement was forgotten")
	}
	l.sweep(time.Now().Add(2 * time.Hour))
	if len(l.queries) != 0 || len(l.requests) != 0 || l.memory != 0 || l.disk != 0 || len(l.held) != 0 {
		t.Errorf("after the sweep: %d statements, %d bytes", len(l.queries), l.memory)
	}
}

func TestRegistry(t *testing.T) {
	var r Registry
	if err := r.Add(statement.Function{Name: "F"}, statement.Function{Name: "G"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(statement.Function{Name: "F"}); err == nil {
		t.Error("two functions of one name")
	}
	if _, ok := r.Function("G"); !ok {
		t.Error("G is lost")
	}
}
