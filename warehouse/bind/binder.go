package bind

import (
	"context"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// binder binds one statement.
type binder struct {
	ctx      context.Context
	sc       *statement.Context
	names    Names
	zone     string // the session's TIMEZONE
	next     int    // names of relations: t1, t2, …
	tables   []int64
	volatile bool
	describe bool // only columns are wanted: no function of another room is called
	depth    int
	views    int // depth of views
	viewDB   string
	viewSc   string
	ctes     *cte
	row      int // of an array bind
	started  time.Time
}

// cte is a common table expression in scope; the list goes outward.
type cte struct {
	name  string
	sql   string // its DuckDB name
	cols  []column
	outer *cte
	// recursive: cols are known once the anchor is bound
}

// maxDepth bounds nesting, of expressions and queries together, so that no statement exhausts the stack.
const maxDepth = 1000

func newBinder(ctx context.Context, sc *statement.Context, n Names) *binder {
	b := &binder{ctx: ctx, sc: sc, names: n, zone: "UTC"}
	if z := b.param("TIMEZONE"); z != "" {
		b.zone = z
	}
	return b
}

func (b *binder) param(name string) string {
	if b.sc == nil || b.sc.Params == nil {
		return ""
	}
	return b.sc.Params.Get(name)
}

// format is a session's output or input format, dflt where it has none.
func (b *binder) format(name, dflt string) string {
	if f := b.param(name); f != "" {
		return f
	}
	return dflt
}

func (b *binder) alias() string {
	b.next++
	return "t" + itoa(b.next)
}

func (b *binder) enter() error {
	if b.depth++; b.depth > maxDepth {
		return sqlerr.Compilation(1026, "42601", "maximum nesting depth of %d exceeded", maxDepth)
	}
	return nil
}

func (b *binder) leave() { b.depth-- }

func (b *binder) read(id int64) {
	if id == 0 {
		return
	}
	for _, t := range b.tables {
		if t == id {
			return
		}
	}
	b.tables = append(b.tables, id)
}

// Query binds a query. Nothing is run, except functions of other rooms (Names.Function), whose answer the text then holds.
func Query(ctx context.Context, sc *statement.Context, n Names, q *sql.Query) (*Bound, error) {
	return bindQuery(newBinder(ctx, sc, n), q)
}

// Describe gives a query's columns as Query does, calling no function of another room: what describeOnly asks for.
func Describe(ctx context.Context, sc *statement.Context, n Names, q *sql.Query) ([]result.Column, error) {
	b := newBinder(ctx, sc, n)
	b.describe = true
	bound, err := bindQuery(b, q)
	if err != nil {
		return nil, err
	}
	return bound.Columns, nil
}

func bindQuery(b *binder, q *sql.Query) (*Bound, error) {
	out, err := b.query(q, nil)
	if err != nil {
		return nil, err
	}
	return b.bound(out), nil
}

func (b *binder) bound(out *query) *Bound {
	cols := make([]result.Column, len(out.cols))
	for i := range out.cols {
		c := &out.cols[i]
		t := c.t
		if t.Kind == 0 {
			t = tText
		}
		cols[i] = result.Column{Name: c.name, Database: c.database, Schema: c.schema, Table: c.table, Type: t, Nullable: c.null}
	}
	return &Bound{SQL: out.text(), Columns: cols, Tables: b.tables, Volatile: b.volatile}
}

// Expr binds one expression without tables and converts it to want (Kind 0: as it is): defaults and constants.
func Expr(ctx context.Context, sc *statement.Context, n Names, e sql.Expr, want result.Type) (sqlText string, t result.Type, err error) {
	b := newBinder(ctx, sc, n)
	k := &block{b: b}
	v, err := k.expr(e)
	if err != nil {
		return "", t, err
	}
	if want.Kind != 0 {
		if v, err = b.store(v, Column{Type: want}); err != nil {
			return "", t, err
		}
	}
	if v.t.Kind == 0 {
		v, _ = b.cast(v, tText, false)
	}
	return v.sql, v.t, nil
}
