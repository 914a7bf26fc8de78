package warehouse

import (
	"context"
	"slices"
	"strconv"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
	"firn/warehouse/duck"
)

// change is one DML statement: which table it writes, whether it needs it alone, and what to run once the lock is held.
type dmlPlan struct {
	table     sql.Name
	operation string
	exclusive bool
	also      []sql.Name // further targets (multi-table INSERT)
	run       func(k *work, n *names, target *object) (*result.Result, error)
}

// dml carries a plan out: lock, bind, run, remember the request, commit.
func (w *Warehouse) dml(ctx context.Context, sc *statement.Context, p dmlPlan) (*result.Result, error) {
	return w.again(ctx, sc, func(n *names) (*result.Result, error) { return w.dmlOnce(ctx, sc, n, p) })
}

func (w *Warehouse) dmlOnce(ctx context.Context, sc *statement.Context, n *names, p dmlPlan) (res *result.Result, err error) {
	if r := w.requests.replay(sc); r != nil {
		return r, nil
	}
	k, err := w.work(ctx, sc, true)
	if err != nil {
		return nil, err
	}
	defer func() { k.end(err) }()
	target, err := w.target(ctx, sc, k, p.table, p)
	if err != nil {
		return nil, err
	}
	for _, name := range p.also {
		if _, err = w.target(ctx, sc, k, name, p); err != nil {
			return nil, err
		}
	}
	n.use(k)
	res, err = p.run(k, n, target)
	if err != nil {
		return nil, duck.Wrap(err, p.operation)
	}
	if err = k.begin(ctx); err != nil {
		return nil, err
	}
	a, err := w.requests.record(ctx, k.conn, sc, res, w.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	if err = k.commit(ctx); err != nil {
		return nil, err
	}
	if k.tx != nil && sc.Request != "" {
		k.tx.requests = append(k.tx.requests, sc.Request)
	}
	w.requests.remember(sc.Request, a)
	return res, nil
}

// target finds the table to be written and locks it; what it is once the lock is held is what counts.
func (w *Warehouse) target(ctx context.Context, sc *statement.Context, k *work, name sql.Name, p dmlPlan) (*object, error) {
	find := func() (*object, error) {
		if len(name.Parts) >= 2 && name.Parts[len(name.Parts)-2].Name == informationSchema {
			return nil, sqlerr.Privilege("schema", informationSchema)
		}
		_, schema, last, err := w.resolve(sc, name, p.operation)
		if err != nil {
			return nil, err
		}
		o := w.tree.child(schema.ID, sc.Session, kindTable, last)
		if o == nil {
			return nil, sqlerr.NotExist("Object", written(name))
		}
		if o.Kind != kindTable {
			return nil, sqlerr.Compilation(2222, "42601", "Object '%s' is a view: it cannot be written.", written(name))
		}
		return o, nil
	}
	for {
		o, err := find()
		if err != nil {
			return nil, err
		}
		if err := k.lock(ctx, sc, lockKey{id: o.ID}, p.exclusive); err != nil {
			return nil, err
		}
		now, err := find()
		if err != nil {
			return nil, err
		}
		if now.ID == o.ID {
			return now, nil
		}
	}
}

func count(typ result.StatementType, stats result.Stats, cols []string, values ...int64) *result.Result {
	r := &result.Result{Type: typ, Stats: &stats, Rows: [][]any{{}}}
	for i, c := range cols {
		r.Columns = append(r.Columns, result.IntColumn(c))
		r.Rows[0] = append(r.Rows[0], values[i])
	}
	return r
}

func (w *Warehouse) insert(ctx context.Context, sc *statement.Context, st *sql.Insert) (*result.Result, error) {
	if len(st.Multi) > 0 {
		return nil, sqlerr.Unsupported("INSERT ALL")
	}
	p := dmlPlan{table: st.Table, operation: "INSERT", exclusive: st.Overwrite}
	p.run = func(k *work, n *names, target *object) (*result.Result, error) {
		in := st
		if sc.Rows > 0 {
			var err error
			if in, err = n.arrayBinds(ctx, st); err != nil {
				return nil, err
			}
		}
		if st.Overwrite {
			var err error
			if in, err = n.aside(ctx, in, target); err != nil {
				return nil, err
			}
		}
		b, err := bind.Insert(ctx, sc, n, in)
		if err != nil {
			return nil, err
		}
		if err := w.mayRead(ctx, sc, in, b.Tables); err != nil {
			return nil, err
		}
		if err := k.begin(ctx); err != nil {
			return nil, err
		}
		if st.Overwrite {
			if _, err := k.conn.Exec(ctx, "DELETE FROM "+target.from()); err != nil {
				return nil, err
			}
		}
		rows, err := k.conn.Exec(ctx, b.SQL)
		if err != nil {
			return nil, err
		}
		return count(result.TypeInsert, result.Stats{Inserted: rows}, []string{"number of rows inserted"}, rows), nil
	}
	return w.dml(ctx, sc, p)
}

// enter begins what a bound statement does, once the role may read what the statement reads.
func (k *work) enter(ctx context.Context, w *Warehouse, sc *statement.Context, st sql.Node, read []int64) error {
	if err := w.mayRead(ctx, sc, st, read); err != nil {
		return err
	}
	return k.begin(ctx)
}

func (w *Warehouse) update(ctx context.Context, sc *statement.Context, st *sql.Update) (*result.Result, error) {
	p := dmlPlan{table: st.Table, operation: "UPDATE", exclusive: true}
	p.run = func(k *work, n *names, target *object) (*result.Result, error) {
		b, err := bind.Update(ctx, sc, n, st)
		if err != nil {
			return nil, err
		}
		if err := k.enter(ctx, w, sc, st, b.Tables); err != nil {
			return nil, err
		}
		rows, err := k.conn.Exec(ctx, b.SQL)
		if err != nil {
			return nil, err
		}
		return count(result.TypeUpdate, result.Stats{Updated: rows}, []string{"number of rows updated", "number of multi-joined rows updated"}, rows, 0), nil
	}
	return w.dml(ctx, sc, p)
}

func (w *Warehouse) delete(ctx context.Context, sc *statement.Context, st *sql.Delete) (*result.Result, error) {
	p := dmlPlan{table: st.Table, operation: "DELETE", exclusive: true}
	p.run = func(k *work, n *names, target *object) (*result.Result, error) {
		b, err := bind.Delete(ctx, sc, n, st)
		if err != nil {
			return nil, err
		}
		if err := k.enter(ctx, w, sc, st, b.Tables); err != nil {
			return nil, err
		}
		rows, err := k.conn.Exec(ctx, b.SQL)
		if err != nil {
			return nil, err
		}
		return count(result.TypeDelete, result.Stats{Deleted: rows}, []string{"number of rows deleted"}, rows), nil
	}
	return w.dml(ctx, sc, p)
}

// aside gives an INSERT OVERWRITE that reads its own target the rows of its query from a temporary table: the target is emptied
// before they are written.
func (n *names) aside(ctx context.Context, st *sql.Insert, target *object) (*sql.Insert, error) {
	if _, ok := st.Query.Body.(*sql.Values); ok {
		return st, nil
	}
	q, err := bind.Query(ctx, n.sc, n, st.Query)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(q.Tables, target.ID) {
		return st, nil
	}
	if err := n.w.mayRead(ctx, n.sc, st.Query, q.Tables); err != nil {
		return nil, err
	}
	t := &bind.Table{From: "temp.main." + n.k.tempName()}
	sel := &sql.Select{From: &sql.Table{Name: sql.Name{Parts: []sql.Ident{ident(asideTable)}}}}
	exprs := make([]string, len(q.Columns))
	names := make([]string, len(q.Columns))
	for i, c := range q.Columns {
		exprs[i], names[i] = "c"+strconv.Itoa(i), "C"+strconv.Itoa(i)
		t.Columns = append(t.Columns, bind.Column{Name: names[i], Type: c.Type, Nullable: true})
		sel.Items = append(sel.Items, sql.SelectItem{X: ref(names[i])})
	}
	if _, err := n.k.conn.Exec(ctx, "CREATE TEMP TABLE "+t.From+" AS "+renamed(q.SQL, q.Columns, exprs, names...)); err != nil {
		return nil, err
	}
	if n.extra == nil {
		n.extra = map[string]*bind.Table{}
	}
	n.extra[asideTable] = t
	out := *st
	out.Query = &sql.Query{Body: sel, Pos: st.Query.Pos}
	return &out, nil
}

// asideTable is the name by which the binder is given those rows.
const asideTable = "\x00aside"
