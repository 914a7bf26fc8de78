package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
)

// names answers the binder for one statement.
type names struct {
	w     *Warehouse
	sc    *statement.Context
	k     *work                  // set once the statement has its connection; Materialize needs it
	used  []int64                // ids of tables that were found
	extra map[string]*bind.Table // tables of this statement only, by names that no identifier can have
}

func (w *Warehouse) names(sc *statement.Context) *names { return &names{w: w, sc: sc} }

func (n *names) use(k *work) { n.k = k }

// Table finds a table or view.
func (n *names) Table(ctx context.Context, name sql.Name) (*bind.Table, error) {
	last := name.Parts[len(name.Parts)-1].Name
	if t := n.extra[last]; t != nil {
		return t, nil
	}
	w := n.w
	if len(name.Parts) >= 2 && name.Parts[len(name.Parts)-2].Name == informationSchema {
		return n.information(ctx, name)
	}
	_, schema, last, err := w.resolve(n.sc, name, "SELECT")
	if err != nil {
		if len(name.Parts) > 1 && sqlerr.Is(err, 2003) {
			return nil, sqlerr.NotExist("Object", written(name))
		}
		return nil, err
	}
	o := w.tree.child(schema.ID, n.sc.Session, kindTable, last)
	if o == nil {
		return nil, sqlerr.NotExist("Object", written(name))
	}
	n.used = append(n.used, o.ID)
	if o.Kind == kindView {
		return w.bindView(o)
	}
	return w.bindTable(o), nil
}

// Function finds a function of another room, or one of ours.
func (n *names) Function(name string) (statement.Function, bool) {
	if name == "INFER_SCHEMA" {
		return n.w.inferSchema(), true
	}
	if n.w.cfg.Functions == nil {
		return statement.Function{}, false
	}
	return n.w.cfg.Functions.Function(name)
}

// Variable is a session variable.
func (n *names) Variable(name string) (any, bool) {
	v, ok := n.sc.Variables[name]
	return v, ok
}

// parsed keeps what the binder needs of objects, made once for each state of an object.
type parsed struct {
	columns []bind.Column
	view    *sql.Query
	err     error
}

type parsedCache struct {
	mu sync.Mutex
	m  map[*object]*parsed
}

// maxParsed bounds the cache; it is dropped as a whole when full.
const maxParsed = 10000

func (w *Warehouse) parsed(o *object) *parsed {
	w.parse.mu.Lock()
	p := w.parse.m[o]
	w.parse.mu.Unlock()
	if p != nil {
		return p
	}
	p = &parsed{}
	for i := range o.Columns {
		c := &o.Columns[i]
		b := bind.Column{Name: c.Name, Type: c.typ, Nullable: !c.NotNull}
		if c.Default != "" {
			// It was parsed when it was declared.
			b.Default, p.err = sql.ParseExpr(c.Default)
		}
		if c.Identity != nil {
			b.Sequence = nextExpr(c.Identity.Sequence)
		}
		p.columns = append(p.columns, b)
	}
	if o.Kind == kindView {
		st, err := sql.Parse(o.Text)
		if err != nil {
			p.err = err
		} else if q, ok := st.Statement.(*sql.Query); ok {
			p.view = q
		} else {
			p.err = fmt.Errorf("view %d is no query", o.ID)
		}
	}
	w.parse.mu.Lock()
	if w.parse.m == nil || len(w.parse.m) >= maxParsed {
		w.parse.m = map[*object]*parsed{}
	}
	w.parse.m[o] = p
	w.parse.mu.Unlock()
	return p
}

func (w *Warehouse) bindTable(o *object) *bind.Table {
	t := &bind.Table{ID: o.ID, Name: o.Name, From: o.from(), Columns: w.parsed(o).columns}
	if p := w.path(o); len(p) == 3 {
		t.Database, t.Schema = p[0], p[1]
	}
	return t
}

func (w *Warehouse) bindView(o *object) (*bind.Table, error) {
	p := w.parsed(o)
	if p.err != nil {
		return nil, sqlerr.Internal(p.err)
	}
	t := &bind.Table{ID: o.ID, Name: o.Name, View: p.view, Columns: p.columns}
	if path := w.path(o); len(path) == 3 {
		t.Database, t.Schema = path[0], path[1]
		t.ViewDatabase, t.ViewSchema = path[0], path[1] // a view's unqualified names are of its own schema
	}
	return t, nil
}

// information makes a view of INFORMATION_SCHEMA.
func (n *names) information(ctx context.Context, name sql.Name) (*bind.Table, error) {
	w := n.w
	database := n.sc.Database
	if len(name.Parts) == 3 {
		database = name.Parts[0].Name
	}
	if database == "" {
		return nil, sqlerr.NoDatabase("SELECT")
	}
	db := w.database(database)
	if db == nil {
		return nil, sqlerr.NotExist("Object", written(name))
	}
	last := name.Parts[len(name.Parts)-1].Name
	r, err := w.informationView(ctx, n.sc, db, last)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, sqlerr.NotExist("Object", written(name))
	}
	t, err := n.Materialize(ctx, r)
	if err != nil {
		return nil, err
	}
	t.Database, t.Schema, t.Name = database, informationSchema, last
	return t, nil
}

// Materialize makes a result readable by DuckDB: a temporary table of the statement's connection.
func (n *names) Materialize(ctx context.Context, r *result.Result) (*bind.Table, error) {
	cols := make([]bind.Column, len(r.Columns))
	for i, c := range r.Columns {
		cols[i] = bind.Column{Name: c.Name, Type: c.Type, Nullable: true}
	}
	if n.k == nil { // only described
		return &bind.Table{From: emptyRelation(cols), Columns: cols}, nil
	}
	name, a, err := n.k.temp(ctx, cols)
	if err != nil {
		return nil, err
	}
	if err := fillResult(ctx, a, r); err != nil {
		a.Abort()
		return nil, err
	}
	if err := a.Close(); err != nil {
		return nil, err
	}
	return &bind.Table{From: "temp.main." + name, Columns: cols}, nil
}

func emptyRelation(cols []bind.Column) string {
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i, c := range uniqueNames(cols) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("NULL::" + bind.PhysicalType(cols[i].Type) + " AS " + bind.Physical(c))
	}
	return b.String() + " WHERE false)"
}

// uniqueNames are the columns' names; results may hold one twice, tables not.
func uniqueNames(cols []bind.Column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		name := c.Name
		for k := 2; slices.Contains(out[:i], name); k++ {
			name = fmt.Sprintf("%s_%d", c.Name, k)
		}
		out[i] = name
	}
	return out
}
