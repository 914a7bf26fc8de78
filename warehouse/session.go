package warehouse

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/duck"
)

// session is what a client's session has here: its explicit transaction. Its temporary objects are in the tree.
type session struct {
	id int64
	mu sync.Mutex // one statement of the transaction at a time
	tx *transaction
	// ended says why the transaction that the client still believes in is gone; the next statement reports it once.
	ended error
}

// transaction is an explicit transaction on a connection of its own.
type transaction struct {
	conn     *duck.Conn
	holder   holder
	failed   bool // DuckDB has ended it: only ROLLBACK helps
	used     time.Time
	requests []string // request ids written in it
	undo     []change // of the tree, where its DDL runs inside
}

func (w *Warehouse) session(id int64) *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[id]
	if s == nil {
		s = &session{id: id}
		if !w.closed {
			w.sessions[id] = s
		}
	}
	return s
}

// CloseSession rolls the session's transaction back and drops its temporary objects.
func (w *Warehouse) CloseSession(id int64) {
	w.mu.Lock()
	s := w.sessions[id]
	delete(w.sessions, id)
	w.mu.Unlock()
	if s != nil {
		s.mu.Lock()
		w.endTransaction(s)
		s.mu.Unlock()
	}
	if err := w.endTemporary(context.Background(), func(o *object) bool { return o.Session == id }); err != nil {
		w.log.Error("drop temporary objects", "session", id, "error", err)
	}
}

// endTransaction rolls back; s.mu is held.
func (w *Warehouse) endTransaction(s *session) {
	t := s.tx
	if t == nil {
		return
	}
	s.tx = nil
	w.requests.forget(t.requests)
	t.conn.Close() // rolls back, and takes temporary tables with it
	slices.Reverse(t.undo)
	for _, c := range t.undo {
		w.tree.apply([]change{c})
	}
	w.locks.release(&t.holder)
}

func (w *Warehouse) sweepTransactions(now time.Time) {
	w.mu.Lock()
	var all []*session
	for _, s := range w.sessions {
		all = append(all, s)
	}
	w.mu.Unlock()
	for _, s := range all {
		if !s.mu.TryLock() {
			continue // running a statement
		}
		if s.tx != nil && now.Sub(s.tx.used) > w.cfg.IdleTransaction {
			w.endTransaction(s)
			s.ended = sqlerr.New(90232, "25000", "The transaction was rolled back because it ran no statement for more than %s.", w.cfg.IdleTransaction)
		}
		s.mu.Unlock()
	}
}

func errAborted() error {
	return sqlerr.New(90231, "25000", "The transaction was aborted by an earlier error and nothing of it can be kept. Run ROLLBACK and start again.")
}

// begin opens an explicit transaction on s; s.mu is held.
func (w *Warehouse) begin(ctx context.Context, s *session) error {
	c, err := w.duck.Acquire()
	if err != nil {
		return err
	}
	if _, err := c.Exec(ctx, "BEGIN TRANSACTION"); err != nil {
		c.Close()
		return err
	}
	s.tx = &transaction{conn: c, used: w.cfg.Clock.Now()}
	return nil
}

// commit ends s's transaction, keeping its work; s.mu is held.
func (w *Warehouse) commit(ctx context.Context, s *session) error {
	t := s.tx
	if t == nil {
		return nil
	}
	if t.failed {
		return errAborted()
	}
	// A commit is not interrupted: the client could not know what became of it.
	if _, err := t.conn.Exec(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		w.endTransaction(s)
		return err
	}
	s.tx = nil
	t.conn.Release()
	w.locks.release(&t.holder)
	return nil
}

func (w *Warehouse) transaction(ctx context.Context, sc *statement.Context, st *sql.Transaction) (*result.Result, error) {
	s := w.session(sc.Session)
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	switch st.Kind {
	case "BEGIN":
		s.ended = nil
		switch {
		case s.tx == nil:
			err = w.begin(ctx, s)
		case s.tx.failed:
			err = errAborted()
		}
	case "COMMIT":
		if err, s.ended = s.ended, nil; err == nil {
			err = w.commit(ctx, s)
		}
	case "ROLLBACK":
		s.ended = nil
		w.endTransaction(s)
	}
	if err != nil {
		return nil, err
	}
	r := result.Status("Statement executed successfully.")
	r.Type = result.TypeTCL
	return r, nil
}

// work is one statement's hold on a connection: the session's transaction, or one of its own.
type work struct {
	w      *Warehouse
	s      *session
	tx     *transaction // nil: autocommit
	conn   *duck.Conn
	holder *holder
	own    holder
	begun  bool // autocommit: DuckDB's transaction is open
	temps  []string
	broken bool
}

// work starts a statement. It blocks while another statement of the session's transaction runs. write: in a session with
// AUTOCOMMIT = FALSE, a transaction is opened for it.
func (w *Warehouse) work(ctx context.Context, sc *statement.Context, write bool) (*work, error) {
	s := w.session(sc.Session)
	k := &work{w: w, s: s}
	s.mu.Lock()
	if err := s.ended; err != nil {
		s.ended = nil
		s.mu.Unlock()
		return nil, err
	}
	if s.tx == nil && write && sc.Params != nil && strings.EqualFold(sc.Params.Get("AUTOCOMMIT"), "false") {
		if err := w.begin(ctx, s); err != nil {
			s.mu.Unlock()
			return nil, err
		}
	}
	if s.tx != nil {
		if s.tx.failed {
			s.mu.Unlock()
			return nil, errAborted()
		}
		k.tx, k.conn, k.holder = s.tx, s.tx.conn, &s.tx.holder
		return k, nil
	}
	s.mu.Unlock()
	c, err := w.duck.Acquire()
	if err != nil {
		return nil, err
	}
	k.conn, k.holder = c, &k.own
	return k, nil
}

// lock takes a lock to the transaction's end.
func (k *work) lock(ctx context.Context, sc *statement.Context, key lockKey, exclusive bool) error {
	return k.w.locks.acquire(ctx, k.holder, key, exclusive, lockTimeout(sc))
}

func lockTimeout(sc *statement.Context) time.Duration {
	if sc.Params != nil {
		if n, err := strconv.Atoi(sc.Params.Get("LOCK_TIMEOUT")); err == nil && n > 0 {
			return time.Duration(n) * time.Second
		}
	}
	return 43200 * time.Second
}

// begin opens DuckDB's transaction in autocommit: only now, after the locks, for its snapshot is taken here.
func (k *work) begin(ctx context.Context) error {
	if k.tx != nil || k.begun {
		return nil
	}
	if _, err := k.conn.Exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	k.begun = true
	return nil
}

// commit makes the statement's writes durable in autocommit; in a transaction they wait for its COMMIT.
func (k *work) commit(ctx context.Context) error {
	if k.tx != nil || !k.begun {
		return nil
	}
	k.begun = false
	_, err := k.conn.Exec(context.WithoutCancel(ctx), "COMMIT")
	if err != nil {
		k.broken = true
	}
	return err
}

// end gives everything back. err is what the statement ends with: in autocommit it rolls back, in a transaction an error that
// DuckDB found ends that.
func (k *work) end(err error) {
	ctx := context.Background()
	if k.tx != nil {
		k.tx.used = k.w.cfg.Clock.Now()
		if err != nil && k.touched(err) {
			k.tx.failed = true
		}
		if !k.tx.failed {
			k.dropTemps(ctx)
		}
		k.s.mu.Unlock()
		return
	}
	if k.begun {
		if _, e := k.conn.Exec(ctx, "ROLLBACK"); e != nil {
			k.broken = true
		}
	}
	k.dropTemps(ctx)
	if k.broken {
		k.conn.Close()
	} else {
		k.conn.Release()
	}
	k.w.locks.release(&k.own)
}

func (k *work) dropTemps(ctx context.Context) {
	for _, name := range k.temps {
		if _, err := k.conn.Exec(ctx, "DROP TABLE IF EXISTS temp.main."+duck.Ident(name)); err != nil {
			k.broken = true
		}
	}
	k.temps = nil
}

// touched says whether err came from a statement that DuckDB had begun to run: that ends the transaction. Whether DuckDB still
// has one is what decides.
func (k *work) touched(err error) bool {
	if duck.Unstarted(err) {
		return false
	}
	_, e := k.conn.Exec(context.Background(), "SELECT 1")
	return e != nil
}
