// Package warehouse owns the account's tables: one DuckDB file with the name tree (databases, schemas, tables, views,
// sequences) beside the data, transactions and their locks, and what runs on it: queries, DML, DDL, COPY, SHOW and DESCRIBE.
// Results leave as Arrow. It knows nothing of HTTP and nothing of the catalog's objects but the interfaces below.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"firn/result"
	"firn/sql"
	"firn/statement"
	"firn/warehouse/duck"
	"firn/warehouse/function"
)

// Clock is the time. Nil in Config is the machine's.
type Clock interface{ Now() time.Time }

// StageFile is one file of a stage.
type StageFile struct {
	Name     string // as LIST gives it
	Path     string // where this process can read it
	Size     int64
	Modified time.Time
}

// Stages is what COPY, INFER_SCHEMA and SELECT … FROM @stage ask of the stages. Every method checks the role's access.
type Stages interface {
	// Files lists what lies under a path: those whose name matches the regular expression pattern ("" all), or those named in files,
	// relative to the path (nil: all). No file is no error.
	Files(ctx context.Context, sc *statement.Context, p sql.StagePath, pattern string, files []string) ([]StageFile, error)
	// FileFormat gives the options of a named file format.
	FileFormat(ctx context.Context, sc *statement.Context, name sql.Name) ([]sql.Option, error)
	// StageFormat gives the file format options of the stage of a path.
	StageFormat(ctx context.Context, sc *statement.Context, p sql.StagePath) ([]sql.Option, error)
	// Remove removes files that Files gave (PURGE = TRUE).
	Remove(ctx context.Context, sc *statement.Context, files []StageFile) error
	// Create begins a new file name below a path: it is written at path and is there once commit returns.
	Create(ctx context.Context, sc *statement.Context, p sql.StagePath, name string) (path string, commit func() error, err error)
}

// Config is what a warehouse needs. Dir is the data directory. Functions, Stages, Log and Clock may be nil.
type Config struct {
	Dir       string
	Functions statement.Functions
	Stages    Stages
	Log       *slog.Logger
	Clock     Clock
	// IdleTransaction ends an explicit transaction that runs no statement for so long: it would hold up checkpoints. 0 is 4 hours.
	IdleTransaction time.Duration
	// KeepResults is how long a spooled result is kept. 0 is 24 hours.
	KeepResults time.Duration
	// Memory bounds DuckDB's, in its words ("4GB"); "" is 80% of the machine's. Threads bounds its threads; 0 is one a core.
	Memory  string
	Threads int
}

// Warehouse is the account's tables. One per process and data directory.
type Warehouse struct {
	cfg      Config
	log      *slog.Logger
	duck     *duck.Instance
	lockFile *os.File
	results  string // folder of spooled results

	access Access // nil: all is allowed

	tree     tree
	parse    parsedCache
	locks    locks
	requests requests
	counters counters

	ids struct {
		sync.Mutex
		next, limit int64
	}
	spools atomic.Int64

	mu       sync.Mutex
	sessions map[int64]*session
	closed   bool
}

type machineClock struct{}

func (machineClock) Now() time.Time { return time.Now() }

// Open opens the data directory's tables, making database FIRN with schema PUBLIC where there are none. A second Open of the
// directory, from this process or another, is refused.
func Open(ctx context.Context, cfg Config) (*Warehouse, error) {
	if cfg.Clock == nil {
		cfg.Clock = machineClock{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.IdleTransaction == 0 {
		cfg.IdleTransaction = 4 * time.Hour
	}
	if cfg.KeepResults == 0 {
		cfg.KeepResults = 24 * time.Hour
	}
	w := &Warehouse{cfg: cfg, log: cfg.Log, results: filepath.Join(cfg.Dir, "results"), sessions: map[int64]*session{}}
	w.tree.init()
	w.locks.init()
	w.requests.init()
	w.counters.init(w)
	if err := os.MkdirAll(w.results, 0o700); err != nil {
		return nil, fmt.Errorf("warehouse: %w", err)
	}
	// DuckDB opens one file twice within a process and loses rows then: flock holds against both.
	f, err := os.OpenFile(filepath.Join(cfg.Dir, "account.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("warehouse: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("warehouse: the tables in %s are in use by another server", cfg.Dir)
		}
		return nil, fmt.Errorf("warehouse: lock %s: %w", cfg.Dir, err)
	}
	w.lockFile = f
	if w.duck, err = duck.Open(ctx, filepath.Join(cfg.Dir, "account.duckdb"), filepath.Join(cfg.Dir, "tmp", "duckdb")); err != nil {
		f.Close()
		return nil, err
	}
	if err := w.start(ctx); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Warehouse) start(ctx context.Context) error {
	c, err := w.duck.Acquire()
	if err != nil {
		return err
	}
	defer c.Release()
	if w.cfg.Memory != "" {
		if _, err := c.Exec(ctx, "SET memory_limit = "+duck.Quote(w.cfg.Memory)); err != nil {
			return fmt.Errorf("warehouse: memory limit: %w", err)
		}
	}
	if w.cfg.Threads > 0 {
		if _, err := c.Exec(ctx, fmt.Sprintf("SET threads = %d", w.cfg.Threads)); err != nil {
			return fmt.Errorf("warehouse: threads: %w", err)
		}
	}
	if err := function.Register(c.Raw()); err != nil {
		return fmt.Errorf("warehouse: functions: %w", err)
	}
	if err := w.counters.register(c); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, rowTables); err != nil {
		return fmt.Errorf("warehouse: %w", err)
	}
	var version, next int64
	err = scan(ctx, c, "SELECT name, value FROM m.firn.meta", func(r row) error {
		switch r.text(0) {
		case "format":
			version = r.int(1)
		case "next id":
			next = r.int(1)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("warehouse: %w", err)
	}
	if version > format {
		return fmt.Errorf("warehouse: the tables were written by a newer server (format %d, this one knows %d)", version, format)
	}
	if version == 0 {
		if _, err := c.Exec(ctx, fmt.Sprintf("BEGIN; DELETE FROM m.firn.meta; INSERT INTO m.firn.meta VALUES ('format', %d), ('next id', 1); COMMIT", format)); err != nil {
			return fmt.Errorf("warehouse: %w", err)
		}
		next = 1
	}
	w.ids.next, w.ids.limit = next, next
	if err := w.tree.load(ctx, c); err != nil {
		return err
	}
	if err := w.requests.load(ctx, c, w.cfg.Clock.Now()); err != nil {
		return err
	}
	if err := w.counters.load(ctx, c); err != nil {
		return err
	}
	if err := w.first(ctx); err != nil {
		return err
	}
	if err := w.endTemporary(ctx, func(o *object) bool { return true }); err != nil {
		return err
	}
	return w.Sweep(ctx)
}

// first makes what a new account has.
func (w *Warehouse) first(ctx context.Context) error {
	if w.tree.child(0, 0, kindDatabase, "FIRN") != nil || w.tree.version > 1 {
		return nil
	}
	if len(w.tree.list(func(*object) bool { return true })) > 0 {
		return nil // dropped by its owner
	}
	sc := &statement.Context{Role: "ACCOUNTADMIN"}
	_, err := w.ddl(ctx, sc, func(d *ddl) (*result.Result, error) {
		_, err := d.newDatabase("FIRN", body{})
		return nil, err
	})
	return err
}

// Close rolls back what is open and closes the file. Statements must have ended.
func (w *Warehouse) Close() error {
	w.mu.Lock()
	w.closed = true
	all := w.sessions
	w.sessions = map[int64]*session{}
	w.mu.Unlock()
	for _, s := range all {
		s.mu.Lock()
		w.endTransaction(s)
		s.mu.Unlock()
	}
	w.counters.close()
	w.duck.Close()
	return w.lockFile.Close()
}

// newID gives an id that no object has ever had. Ids are taken in blocks, so a crash skips some.
func (w *Warehouse) newID(ctx context.Context) (int64, error) {
	w.ids.Lock()
	defer w.ids.Unlock()
	if w.ids.next == w.ids.limit {
		c, err := w.duck.Acquire()
		if err != nil {
			return 0, err
		}
		defer c.Release()
		limit := w.ids.limit + 256
		if _, err := c.Exec(ctx, fmt.Sprintf("BEGIN; DELETE FROM m.firn.meta WHERE name = 'next id'; INSERT INTO m.firn.meta VALUES ('next id', %d); COMMIT", limit)); err != nil {
			c.Exec(context.WithoutCancel(ctx), "ROLLBACK") // the error below says what was wrong
			return 0, fmt.Errorf("warehouse: reserve ids: %w", err)
		}
		w.ids.limit = limit
	}
	id := w.ids.next
	w.ids.next++
	return id, nil
}

// Sweep removes what has outlived its time: dropped objects past their retention, old request ids, spooled results, transactions
// that nobody goes on with. The server calls it now and then.
func (w *Warehouse) Sweep(ctx context.Context) error {
	now := w.cfg.Clock.Now()
	w.sweepTransactions(now)
	err := w.purge(ctx, now)
	if e := w.requests.prune(ctx, w.duck, now); err == nil {
		err = e
	}
	entries, e := os.ReadDir(w.results)
	if e != nil {
		return errors.Join(err, e)
	}
	for _, f := range entries {
		if info, e := f.Info(); e == nil && now.Sub(info.ModTime()) > w.cfg.KeepResults {
			err = errors.Join(err, os.Remove(filepath.Join(w.results, f.Name())))
		}
	}
	return err
}
