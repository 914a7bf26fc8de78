package warehouse

import (
	"context"
	"os"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
	"firn/warehouse/duck"
)

func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// unloadText makes every column text, as Snowflake writes it.
func unloadText(ctx context.Context, sc *statement.Context, n *names, q *sql.Query, b *bind.Bound) (*bind.Bound, error) {
	sel := &sql.Select{From: &sql.Derived{Query: q}}
	for i, c := range b.Columns {
		sel.Items = append(sel.Items, sql.SelectItem{X: &sql.Cast{X: &sql.Positional{N: i + 1}, Type: sql.TypeName{Name: "VARCHAR"}}, Alias: ident(c.Name)})
	}
	t, err := bind.Query(ctx, sc, n, &sql.Query{Body: sel})
	if err != nil {
		return nil, err
	}
	return &bind.Bound{SQL: renamed(t.SQL, t.Columns, nil), Columns: t.Columns}, nil
}

// unloadParquet gives the columns their names (with HEADER, else _COL_0 …) and types that Parquet has.
func unloadParquet(_ context.Context, _ *statement.Context, _ *names, _ *sql.Query, b *bind.Bound, header bool) (*bind.Bound, error) {
	names := make([]string, len(b.Columns))
	exprs := make([]string, len(b.Columns))
	for i, c := range b.Columns {
		names[i] = "_COL_" + strconv.Itoa(i)
		if header {
			names[i] = c.Name
		}
		x := "c" + strconv.Itoa(i)
		switch c.Type.Kind {
		case result.Variant, result.Object, result.Array:
			x = "v_json(" + x + ")"
		case result.TimestampTZ:
			return nil, sqlerr.Compilation(2078, "0A000", "Unsupported data type TIMESTAMP_TZ for unloading to Parquet: cast it first.")
		case result.TimestampLTZ:
			return nil, sqlerr.Compilation(2078, "0A000", "Unsupported data type TIMESTAMP_LTZ for unloading to Parquet: cast it first.")
		}
		exprs[i] = x
	}
	return &bind.Bound{SQL: renamed(b.SQL, b.Columns, exprs, names...), Columns: b.Columns}, nil
}

// renamed wraps a query so that its columns have these names (nil: their own).
func renamed(text string, cols []result.Column, exprs []string, names ...string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, c := range cols {
		if i > 0 {
			b.WriteByte(',')
		}
		x, name := "c"+strconv.Itoa(i), c.Name
		if exprs != nil {
			x = exprs[i]
		}
		if names != nil {
			name = names[i]
		}
		b.WriteString(x + " AS " + duck.Ident(name))
	}
	b.WriteString(" FROM (" + text + ") x(")
	for i := range cols {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("c" + strconv.Itoa(i))
	}
	b.WriteByte(')')
	return b.String()
}
