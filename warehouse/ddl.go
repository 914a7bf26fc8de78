package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/duck"
)

// ddl is one change of the name tree: its rows and the tables themselves in one DuckDB transaction, in memory once that is
// committed.
type ddl struct {
	w       *Warehouse
	ctx     context.Context
	sc      *statement.Context
	k       *work
	n       *names
	now     time.Time
	changes []change
}

// ddl runs f as a transaction of its own, committing the session's first, as Snowflake does. A statement that Snowpark marks with
// SNOWPARK_SKIP_TXN_COMMIT_IN_DDL (temporary objects) runs inside the session's transaction instead.
func (w *Warehouse) ddl(ctx context.Context, sc *statement.Context, f func(*ddl) (*result.Result, error)) (*result.Result, error) {
	return w.again(ctx, sc, func(n *names) (*result.Result, error) { return w.ddlOnce(ctx, sc, n, f) })
}

func (w *Warehouse) ddlOnce(ctx context.Context, sc *statement.Context, n *names, f func(*ddl) (*result.Result, error)) (res *result.Result, err error) {
	if r := w.requests.replay(sc); r != nil {
		return r, nil
	}
	if sc.Params == nil || !strings.EqualFold(sc.Params.Get("SNOWPARK_SKIP_TXN_COMMIT_IN_DDL"), "true") {
		s := w.session(sc.Session)
		s.mu.Lock()
		err := s.ended
		if s.ended = nil; err == nil {
			err = w.commit(ctx, s)
		}
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	k, err := w.work(ctx, sc, false)
	if err != nil {
		return nil, err
	}
	n.use(k)
	d := &ddl{w: w, n: n, ctx: ctx, sc: sc, k: k, now: w.cfg.Clock.Now().UTC().Truncate(time.Microsecond)}
	defer func() { k.end(err) }()
	res, err = f(d)
	if err != nil {
		return nil, duck.Wrap(err, "ddl")
	}
	if len(d.changes) == 0 && !k.begun {
		return res, nil
	}
	if err = k.begin(ctx); err != nil {
		return nil, err
	}
	if err = writeChanges(ctx, k.conn, d.changes); err != nil {
		return nil, err
	}
	a, err := w.requests.record(ctx, k.conn, sc, res, d.now)
	if err != nil {
		return nil, err
	}
	if err = k.commit(ctx); err != nil {
		return nil, err
	}
	if k.tx != nil {
		k.tx.requests = append(k.tx.requests, sc.Request)
		for _, c := range d.changes {
			k.tx.undo = append(k.tx.undo, change{c.id, w.tree.get(c.id)})
		}
	}
	w.requests.remember(sc.Request, a)
	for _, c := range d.changes {
		if c.object != nil {
			w.counters.add(c.object, nil)
		}
	}
	w.tree.apply(d.changes)
	return res, nil
}

func (d *ddl) lock(key lockKey, exclusive bool) error { return d.k.lock(d.ctx, d.sc, key, exclusive) }

// exec runs DuckDB SQL in the transaction, opening it: locks come before.
func (d *ddl) exec(text string, args ...any) (int64, error) {
	if !d.k.begun {
		if err := d.k.begin(d.ctx); err != nil {
			return 0, err
		}
	}
	return d.k.conn.Exec(d.ctx, text, args...)
}

// put stages a new state of an object.
func (d *ddl) put(o *object) { d.changes = append(d.changes, change{o.ID, o}) }

// gone stages an object's end. Temporary ones and their data go at once; others stay for UNDROP until their retention has passed.
func (d *ddl) drop(o *object) error {
	if o.temporary() {
		return d.destroy(o)
	}
	c := *o
	c.Dropped = d.now
	d.put(&c)
	return nil
}

// destroy removes an object for good.
func (d *ddl) destroy(o *object) error {
	d.changes = append(d.changes, change{o.ID, nil})
	if o.Kind == kindTable {
		if _, err := d.exec("DROP TABLE IF EXISTS " + o.from()); err != nil {
			return err
		}
		if _, err := d.exec("DELETE FROM m.firn.loads WHERE tab = ?", o.ID); err != nil {
			return err
		}
	}
	return nil
}

// object makes a new object; it is staged by put.
func (d *ddl) object(kind string, parent int64, name string, b body) (*object, error) {
	id, err := d.w.newID(d.ctx)
	if err != nil {
		return nil, err
	}
	return &object{ID: id, Kind: kind, Parent: parent, Name: name, Owner: d.sc.Role, Created: d.now, Altered: d.now, body: b}, nil
}

func (d *ddl) newDatabase(name string, b body) (*object, error) {
	db, err := d.object(kindDatabase, 0, name, b)
	if err != nil {
		return nil, err
	}
	d.put(db)
	s, err := d.object(kindSchema, db.ID, "PUBLIC", body{})
	if err != nil {
		return nil, err
	}
	d.put(s)
	return db, nil
}

// replaceable looks at what stands where a new object shall: nil and no result, go on. With OR REPLACE the old one is
// dropped; with IF NOT EXISTS the statement ends with the result.
func (d *ddl) replaceable(old *object, kind string, m sql.CreateMode, name string) (*result.Result, error) {
	if old == nil {
		return nil, nil
	}
	if m.IfNotExists {
		return result.Status(name + " already exists, statement succeeded."), nil
	}
	if !m.OrReplace {
		return nil, sqlerr.Exists(name)
	}
	if old.Kind != kind {
		return nil, sqlerr.Compilation(2203, "42601", "SQL compilation error: Object found is of type '%s', not specified type '%s'.", old.Kind, kind)
	}
	if err := d.lock(lockKey{id: old.ID}, true); err != nil {
		return nil, err
	}
	if old = d.w.tree.get(old.ID); old == nil || !old.Dropped.IsZero() {
		return nil, nil
	}
	return nil, d.drop(old)
}

// place finds where a new object of a schema goes and locks the name there.
func (d *ddl) place(name sql.Name, operation string) (schema *object, last string, err error) {
	db, schema, last, err := d.w.resolve(d.sc, name, operation)
	if err != nil {
		return nil, "", err
	}
	for _, l := range []struct {
		key       lockKey
		exclusive bool
	}{{lockKey{id: db.ID}, false}, {lockKey{id: schema.ID}, false}, {lockKey{schema.ID, last}, true}} {
		if err := d.lock(l.key, l.exclusive); err != nil {
			return nil, "", err
		}
	}
	if s := d.w.tree.get(schema.ID); s == nil || !s.Dropped.IsZero() {
		return nil, "", sqlerr.NotExist("Schema", schema.Name)
	}
	return schema, last, nil
}

// hold finds a live object as written, locks it exclusively and gives its newest state.
func (d *ddl) hold(kind string, name sql.Name, operation string) (*object, error) {
	for {
		o, err := d.w.find(d.sc, kind, name, operation)
		if err != nil {
			return nil, err
		}
		if err := d.lock(lockKey{id: o.ID}, true); err != nil {
			return nil, err
		}
		now, err := d.w.find(d.sc, kind, name, operation)
		if err != nil {
			return nil, err
		}
		if now.ID == o.ID {
			return now, nil
		}
	}
}

// altered is a copy of o, to be changed and put.
func (d *ddl) altered(o *object) *object {
	c := *o
	c.Altered = d.now
	c.Columns = append([]column(nil), o.Columns...)
	return &c
}

// live are the children of an object, those of every session too.
func (w *Warehouse) live(parent int64) []*object {
	return w.tree.list(func(o *object) bool { return o.Parent == parent })
}

// lockTree locks an object and all below it.
func (d *ddl) lockTree(o *object) error {
	if err := d.lock(lockKey{id: o.ID}, true); err != nil {
		return err
	}
	for _, c := range d.w.live(o.ID) {
		if err := d.lockTree(c); err != nil {
			return err
		}
	}
	return nil
}

// dropTree drops a database or schema. What is below is not marked: it is gone while its parent is, and back with it. Only
// temporary objects end.
func (d *ddl) dropTree(o *object) error {
	if err := d.lockTree(o); err != nil {
		return err
	}
	var temps func(o *object) error
	temps = func(o *object) error {
		for _, c := range d.w.live(o.ID) {
			if c.temporary() {
				if err := d.destroy(c); err != nil {
					return err
				}
			} else if err := temps(c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := temps(o); err != nil {
		return err
	}
	return d.drop(o)
}

// retention is for how long an object can be undropped.
func (w *Warehouse) retention(o *object) time.Duration {
	for o != nil {
		if o.Retention != nil {
			return time.Duration(*o.Retention) * 24 * time.Hour
		}
		if o.Parent == 0 {
			break
		}
		o = w.tree.get(o.Parent)
	}
	return 24 * time.Hour
}

// purge destroys dropped objects whose retention has passed, with all below them.
func (w *Warehouse) purge(ctx context.Context, now time.Time) error {
	dead := w.tree.dropped(func(o *object) bool { return now.Sub(o.Dropped) >= w.retention(o) })
	if len(dead) == 0 {
		return nil
	}
	_, err := w.ddl(ctx, &statement.Context{Session: -1}, func(d *ddl) (*result.Result, error) {
		seen := map[int64]bool{}
		var end func(o *object) error
		end = func(o *object) error {
			if seen[o.ID] {
				return nil
			}
			seen[o.ID] = true
			w.tree.mu.RLock()
			var below []*object
			for _, c := range w.tree.byID {
				if c.Parent == o.ID {
					below = append(below, c)
				}
			}
			w.tree.mu.RUnlock()
			for _, c := range below {
				if err := end(c); err != nil {
					return err
				}
			}
			return d.destroy(o)
		}
		for _, o := range dead {
			if err := d.lockTree(o); err != nil {
				return nil, err
			}
		}
		for _, o := range dead {
			if now := w.tree.get(o.ID); now == nil || now.Dropped.IsZero() {
				continue // undropped meanwhile
			}
			if err := end(o); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		return fmt.Errorf("warehouse: purge: %w", err)
	}
	return nil
}

// endTemporary destroys temporary objects.
func (w *Warehouse) endTemporary(ctx context.Context, which func(*object) bool) error {
	temps := w.tree.list(func(o *object) bool { return o.temporary() && which(o) })
	if len(temps) == 0 {
		return nil
	}
	_, err := w.ddl(ctx, &statement.Context{Session: -1}, func(d *ddl) (*result.Result, error) {
		for _, o := range temps {
			if err := d.lock(lockKey{id: o.ID}, true); err != nil {
				return nil, err
			}
		}
		for _, o := range temps {
			if w.tree.get(o.ID) == nil {
				continue
			}
			if err := d.destroy(o); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	return err
}
