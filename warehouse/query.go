package warehouse

import (
	"context"
	"fmt"
	"path/filepath"

	"firn/result"
	"firn/sql"
	"firn/statement"
	"firn/warehouse/batch"
	"firn/warehouse/bind"
	"firn/warehouse/duck"
)

// attempts bounds how often a statement is bound again because a table changed between its binding and its run.
const attempts = 5

// again runs a statement until no table has changed between its binding and its run. A statement of an explicit transaction
// is not run again: what it sees does not change.
func (w *Warehouse) again(ctx context.Context, sc *statement.Context, once func(*names) (*result.Result, error)) (*result.Result, error) {
	for try := 1; ; try++ {
		n := w.names(sc)
		res, err := once(n)
		if err == nil || try == attempts || !duck.Gone(err) || n.k == nil || n.k.tx != nil {
			return res, err
		}
		// Whoever changed a table holds its lock until everybody can see the new state.
		var h holder
		for _, id := range n.used {
			if err := w.locks.acquire(ctx, &h, lockKey{id: id}, false, lockTimeout(sc)); err != nil {
				w.locks.release(&h)
				return nil, err
			}
		}
		w.locks.release(&h)
	}
}

// query runs a SELECT and spools its rows.
func (w *Warehouse) query(ctx context.Context, sc *statement.Context, q *sql.Query) (*result.Result, error) {
	return w.again(ctx, sc, func(n *names) (*result.Result, error) { return w.queryOnce(ctx, sc, n, q) })
}

func (w *Warehouse) queryOnce(ctx context.Context, sc *statement.Context, n *names, q *sql.Query) (res *result.Result, err error) {
	k, err := w.work(ctx, sc, true)
	if err != nil {
		return nil, err
	}
	defer func() { k.end(err) }()
	n.use(k)
	b, err := bind.Query(ctx, sc, n, q)
	if err != nil {
		return nil, err
	}
	if err = w.mayRead(ctx, sc, q, b.Tables); err != nil {
		return nil, err
	}
	d, err := w.spool(ctx, sc, k.conn, b, true)
	if duck.Interrupted(err) && ctx.Err() == nil && k.tx == nil {
		// The stream lost its error: run it again for it.
		d, err = w.spool(ctx, sc, k.conn, b, false)
	}
	if err != nil {
		return nil, duck.Wrap(err, "query")
	}
	return &result.Result{Columns: b.Columns, Data: d, Type: result.TypeSelect}, nil
}

// spool runs a bound query and makes its rows into Arrow.
func (w *Warehouse) spool(ctx context.Context, sc *statement.Context, c *duck.Conn, b *bind.Bound, stream bool) (*result.Data, error) {
	run := c.Query
	if !stream {
		run = c.QueryAll
	}
	rows, err := run(ctx, b.SQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out, err := batch.New(b.Columns, rows.Types, variantJSON, w.spoolPath(sc))
	if err != nil {
		return nil, err
	}
	for {
		ch, err := rows.Next()
		if err == nil && ch != nil {
			err = out.Add(ch)
		}
		if err != nil {
			out.Abort()
			return nil, err
		}
		if ch == nil {
			break
		}
	}
	d, err := out.Close()
	if err != nil {
		return nil, err
	}
	d.Expires = w.cfg.Clock.Now().Add(w.cfg.KeepResults)
	return d, nil
}

// spoolPath is a file name that no other result has; the statement's id is in it for people who look.
func (w *Warehouse) spoolPath(sc *statement.Context) string {
	id := sc.Query
	if id == "" || filepath.Base(id) != id {
		id = "internal"
	}
	return filepath.Join(w.results, fmt.Sprintf("%s-%d.arrow", id, w.spools.Add(1)))
}
