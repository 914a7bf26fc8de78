package duck

import (
	"context"
	"errors"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Conn is one connection: one transaction, and one open result at a time.
type Conn struct {
	in *Instance
	c  duckdb.Connection

	// Session is for the owner: which session's settings the connection has now.
	Session any
}

// Raw is the bindings' connection, for registering functions.
func (c *Conn) Raw() duckdb.Connection { return c.c }

// interruptible runs f, which blocks in DuckDB, and interrupts it when ctx ends. No interrupt outlives the call.
func (c *Conn) interruptible(ctx context.Context, f func()) {
	if ctx.Done() == nil {
		f()
		return
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		duckdb.Interrupt(c.c)
	})
	f()
	if !stop() {
		<-ended
	}
}

// Exec runs one or several statements without parameters, or one with, and gives the number of rows changed by the last.
func (c *Conn) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, Ended(ctx)
	}
	var r duckdb.Result
	var st duckdb.State
	if len(args) == 0 {
		c.interruptible(ctx, func() { st = duckdb.Query(c.c, text, &r) })
	} else {
		p, err := c.prepare(text, args)
		if err != nil {
			return 0, err
		}
		defer duckdb.DestroyPrepare(&p)
		c.interruptible(ctx, func() { st = duckdb.ExecutePrepared(p, &r) })
	}
	defer duckdb.DestroyResult(&r)
	if st == duckdb.StateError {
		return 0, decode(ctx, duckdb.ResultErrorType(&r), duckdb.ResultError(&r))
	}
	return int64(duckdb.RowsChanged(&r)), nil
}

func (c *Conn) prepare(text string, args []any) (duckdb.PreparedStatement, error) {
	var p duckdb.PreparedStatement
	if duckdb.Prepare(c.c, text, &p) == duckdb.StateError {
		err := decodeUnstarted(duckdb.PrepareError(p))
		duckdb.DestroyPrepare(&p)
		return p, err
	}
	for i, a := range args {
		n := duckdb.IdxT(i + 1)
		st := duckdb.StateSuccess
		switch a := a.(type) {
		case nil:
			st = duckdb.BindNull(p, n)
		case bool:
			st = duckdb.BindBoolean(p, n, a)
		case int:
			st = duckdb.BindInt64(p, n, int64(a))
		case int64:
			st = duckdb.BindInt64(p, n, a)
		case float64:
			st = duckdb.BindDouble(p, n, a)
		case string:
			st = duckdb.BindVarchar(p, n, a)
		case []byte:
			st = duckdb.BindBlob(p, n, a)
		case time.Time:
			st = duckdb.BindTimestamp(p, n, duckdb.NewTimestamp(a.UnixMicro()))
		default:
			st = duckdb.StateError
		}
		if st == duckdb.StateError {
			duckdb.DestroyPrepare(&p)
			return p, errors.New("duck: a parameter of an unknown type")
		}
	}
	return p, nil
}

// Query runs one SELECT (or a statement that gives rows) and streams its rows. Nothing else may run on the connection until
// Close.
func (c *Conn) Query(ctx context.Context, text string, args ...any) (*Rows, error) {
	return c.query(ctx, true, text, args)
}

// QueryAll is Query with the whole result made first: its errors are exact where a stream's may be lost.
func (c *Conn) QueryAll(ctx context.Context, text string, args ...any) (*Rows, error) {
	return c.query(ctx, false, text, args)
}

func (c *Conn) query(ctx context.Context, stream bool, text string, args []any) (*Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, Ended(ctx)
	}
	p, err := c.prepare(text, args)
	if err != nil {
		return nil, err
	}
	r := &Rows{c: c, ctx: ctx, p: p}
	var st duckdb.State
	c.interruptible(ctx, func() {
		if stream {
			st = duckdb.ExecutePreparedStreaming(p, &r.r)
		} else {
			st = duckdb.ExecutePrepared(p, &r.r)
		}
	})
	if st == duckdb.StateError {
		err := decode(ctx, duckdb.ResultErrorType(&r.r), duckdb.ResultError(&r.r))
		r.Close()
		return nil, err
	}
	r.describe()
	return r, nil
}
