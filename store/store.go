// Package store keeps what must survive: account, sessions, jobs and everything else outside the tables' file. It is the only
// room that speaks to the metadata database: SQLite in the data directory. Each noun has its own file with its row type and
// its few methods; the rooms that use them declare the interface they need.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the metadata database. Writers take turns on one connection; readers have their own.
type Store struct {
	w *sql.DB // one connection: SQLite has one writer
	r *sql.DB

	shared shared // small writes that share a commit
}

// Open opens or creates the database file and brings its schema up to date. Commits are durable (WAL, synchronous FULL).
func Open(ctx context.Context, path string) (*Store, error) {
	dsn := "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_txlock=immediate"
	w, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	w.SetMaxOpenConns(1)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, w, files)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		w.Close()
		return nil, fmt.Errorf("store: migrate %s: %w", path, err)
	}
	r, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	r.SetMaxOpenConns(4)
	return &Store{w: w, r: r}, nil
}

// Close closes the database.
func (s *Store) Close() error {
	err := s.r.Close()
	if e := s.w.Close(); err == nil {
		err = e
	}
	return err
}

// update runs f in one write transaction: committed if f returns nil, else rolled back. A disk that is full is syscall.ENOSPC in the error's chain.
func (s *Store) update(ctx context.Context, f func(*sql.Tx) error) (err error) {
	defer func() { err = full(err) }()
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}

// full makes SQLite's words for a full disk the system's.
func full(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE) {
		return fmt.Errorf("%w: %w", err, syscall.ENOSPC)
	}
	return err
}
