// Package session keeps clients' sessions and runs their statements: who is logged in, with which context and parameters; one
// dispatch from a statement's type to the room that carries it out; each request once, however often it is sent; and the
// results that clients come back for.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// Room carries out some of SQL's statements: warehouse, catalog, stage, job, pool, task.
type Room interface {
	// Handles says whether the room carries out this kind of statement. The first room of Config.Rooms that does gets it.
	Handles(sql.Statement) bool
	// Run carries the statement out; with describe it only says which columns the answer would have. The result, its spool file too, is
	// session's from then on: not one that the room gives twice.
	Run(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error)
}

// Closer is a Room that keeps something for each session: temporary objects, a transaction.
type Closer interface{ CloseSession(id int64) }

// Accounts says who a client is. Its errors are the login's: 390100, 390144, 390189, ….
type Accounts interface {
	Login(ctx context.Context, l statement.Login) (statement.Identity, error)
}

// Access is the one check of privileges: an error names the first need that the session's role lacks.
type Access interface {
	Check(ctx context.Context, sc *statement.Context, needs []statement.Need) error
}

// Objects says what USE may name. Kinds: DATABASE, SCHEMA (two parts), WAREHOUSE, ROLE (only one that the user may take).
type Objects interface {
	Exists(ctx context.Context, sc *statement.Context, kind string, name []string) (bool, error)
}

// Evaluator computes an expression without a table: an argument of CALL, a value of SET. The value is one of statement.Args's.
type Evaluator interface {
	Evaluate(ctx context.Context, sc *statement.Context, x sql.Expr) (any, error)
}

// BindFiles opens what a client has put under a stage path for one statement: CSV files, packed or not. The path is as the client
// says it: "@SYSTEMBIND/<hex>".
type BindFiles interface {
	OpenBinds(ctx context.Context, sc *statement.Context, path string) ([]io.ReadCloser, error)
}

// Store keeps sessions over restarts. *store.Store is one.
type Store interface {
	CreateSession(ctx context.Context, r store.Session, tokens ...store.SessionToken) (int64, error)
	SessionByToken(ctx context.Context, hash [32]byte) (store.Session, store.SessionToken, error)
	UpdateSession(ctx context.Context, r store.Session) error
	RenewSession(ctx context.Context, id int64, until, dead time.Time, t *store.SessionToken) error
	DeleteSession(ctx context.Context, id int64) error
	EndedSessions(ctx context.Context, t time.Time) ([]int64, error)
}

// Config is what the room needs. Store, Accounts, Access, Objects and Dir must be given; everything else may be left out.
type Config struct {
	Store     Store
	Accounts  Accounts
	Access    Access
	Objects   Objects
	Evaluator Evaluator // nil: only literals and binds
	BindFiles BindFiles // nil: clients are told to send no binds through a stage
	Rooms     []Room
	Functions *Registry // session adds its own
	Dir       string    // results over 1 MB, only ours: emptied at the start

	Account string // FIRN
	Region  string // AWS_US_WEST_2
	Version string // CURRENT_VERSION()

	TokenValidity  time.Duration // a session token's: 1 h
	MasterValidity time.Duration // a session's after its last use: 4 h
	Keep           Keep

	Log   *slog.Logger
	Clock func() time.Time
}

// Keep bounds what is remembered of finished statements. Zero values are the defaults.
type Keep struct {
	For     time.Duration // results and requestIds: 24 h
	Queries int           // 10,000
	Memory  int64         // bytes of results in memory: 256 MiB
	Disk    int64         // bytes of spooled results: 20 GiB
}

// Sessions are all sessions of the server.
type Sessions struct {
	Config
	ledger ledger

	loading sync.Mutex // held while a session comes from the store into memory, or goes

	mu     sync.Mutex
	byID   map[int64]*Session
	tokens sync.Map // [32]byte → token

	ctx    context.Context // of statements: ends with Close
	stop   context.CancelFunc
	active sync.WaitGroup
	closed bool
}

// token is what a hash stands for.
type token struct {
	session *Session
	master  bool
	expires time.Time // of a session token; a master token lives as long as its session
}

// Session is one client's login.
type Session struct {
	id      int64
	user    string
	job     string
	client  statement.Client
	created time.Time

	until  atomic.Int64 // ms: when it ends if it is not used; what the store has
	state  atomic.Pointer[state]
	change sync.Mutex // held by who writes a new state

	mu     sync.Mutex
	ids    []string   // of its statements, oldest first
	hashes [][32]byte // of its tokens that are in memory
}

// state is what a session's statements run with. It is never changed, only replaced.
type state struct {
	role, database, schema, warehouse string
	parameters                        map[string]string // those that were set
	variables                         map[string]any
}

// New makes the room. Results that an earlier server left in Dir are removed: their ids are forgotten.
func New(c Config) (*Sessions, error) {
	switch {
	case c.Store == nil:
		return nil, errors.New("session: no Store")
	case c.Accounts == nil:
		return nil, errors.New("session: no Accounts")
	case c.Access == nil:
		return nil, errors.New("session: no Access")
	case c.Objects == nil:
		return nil, errors.New("session: no Objects")
	case c.Dir == "":
		return nil, errors.New("session: no Dir")
	}
	if c.Functions == nil {
		c.Functions = new(Registry)
	}
	if c.Account == "" {
		c.Account = "FIRN"
	}
	if c.Region == "" {
		c.Region = "AWS_US_WEST_2"
	}
	if c.Version == "" {
		c.Version = "9.37.1"
	}
	if c.TokenValidity == 0 {
		c.TokenValidity = time.Hour
	}
	if c.MasterValidity == 0 {
		c.MasterValidity = 4 * time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	c.Keep = c.Keep.defaults()
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(c.Dir, "*.arrow"))
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return nil, fmt.Errorf("session: %w", err)
		}
	}
	s := &Sessions{Config: c, byID: map[int64]*Session{}}
	s.ledger.init(c.Keep, c.Log)
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := c.Functions.Add(s.functions()...); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// Close cancels what runs, waits for it and removes the results. Sessions stay: they go on with the next server.
func (s *Sessions) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.active.Wait()
	s.ledger.clear()
	return nil
}

// Run sweeps every minute until ctx ends: sessions that ended, results that are too old.
func (s *Sessions) Run(ctx context.Context) {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.Log.Error("sweep of sessions", "err", err)
			}
		}
	}
}

// Sweep closes the sessions that nobody has used for MasterValidity and forgets old results.
func (s *Sessions) Sweep(ctx context.Context) error {
	now := s.Clock()
	s.ledger.sweep(now)
	ids, err := s.Store.EndedSessions(ctx, now)
	if err != nil {
		return err
	}
	busy := s.ledger.busy()
	for _, id := range ids {
		if busy[id] {
			continue // its client may have gone, its statement goes on
		}
		if err := s.end(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// ID is the session's number.
func (n *Session) ID() int64 { return n.id }

// User is who has logged in; Client what its program said of itself.
func (n *Session) User() string { return n.user }

// Client is what the client said of itself at login.
func (n *Session) Client() statement.Client { return n.client }

// Names are the current role, database, schema and warehouse; "" if none.
func (n *Session) Names() (role, database, schema, warehouse string) {
	st := n.state.Load()
	return st.role, st.database, st.schema, st.warehouse
}

// update changes a session durably: f gets a copy of its state.
func (s *Sessions) update(ctx context.Context, n *Session, f func(*state)) error {
	n.change.Lock()
	defer n.change.Unlock()
	st := *n.state.Load()
	st.parameters = maps.Clone(st.parameters)
	st.variables = maps.Clone(st.variables)
	f(&st)
	row, err := n.row(&st)
	if err != nil {
		return err
	}
	err = s.Store.UpdateSession(ctx, row)
	if errors.Is(err, store.ErrNotFound) {
		return sqlerr.New(390111, "08001", "Session no longer exists. New login required to access the service.")
	}
	if err != nil {
		return err
	}
	n.state.Store(&st)
	return nil
}

// follow is update after a statement that has changed an object and stands: where it cannot be recorded (a full disk), the session
// goes on with it in memory, since an error would say that the statement did nothing.
func (s *Sessions) follow(ctx context.Context, n *Session, f func(*state)) {
	err := s.update(ctx, n, f)
	if err == nil {
		return
	}
	s.Log.Error("session: its new names are not recorded", "session", n.id, "err", err)
	n.change.Lock()
	defer n.change.Unlock()
	st := *n.state.Load()
	f(&st)
	n.state.Store(&st)
}
