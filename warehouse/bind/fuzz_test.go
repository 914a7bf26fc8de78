package bind_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
)

// FuzzBind: whatever the parser reads, the binder binds or refuses with a Snowflake error; it does not panic.
func FuzzBind(f *testing.F) {
	for _, file := range []string{"testdata/emit.txt", "../function/testdata/queries.txt"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for l := range strings.SplitSeq(string(raw), "\n") {
			if l != "" && l[0] != '>' && l[0] != '#' && l[0] != '!' {
				f.Add(l)
			}
		}
	}
	f.Add("INSERT INTO t (a) VALUES (DEFAULT), (1)")
	f.Add("UPDATE t SET a = 1 FROM sales WHERE id = a")
	f.Add("MERGE INTO t USING sales s ON t.a = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (1)")
	f.Add("DELETE FROM t USING sales WHERE id = a")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := sql.Parse(text)
		if err != nil {
			return
		}
		ctx, sc := context.Background(), &statement.Context{Text: text}
		switch s := p.Statement.(type) {
		case *sql.Query:
			_, err = bind.Query(ctx, sc, fixture{}, s)
		case *sql.Insert:
			if _, err = bind.Insert(ctx, sc, fixture{}, s); err == nil {
				_, _, _, err = bind.InsertColumns(ctx, sc, fixture{}, s)
			}
		case *sql.Update:
			_, err = bind.Update(ctx, sc, fixture{}, s)
		case *sql.Delete:
			_, err = bind.Delete(ctx, sc, fixture{}, s)
		case *sql.Merge:
			_, err = bind.Merge(ctx, sc, fixture{}, s)
		}
		if err == nil {
			return
		}
		if e, ok := sqlerr.As(err); !ok || e.Code == 603 {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
