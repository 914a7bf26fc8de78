// Package duck is the one door to DuckDB: it opens the account's file, runs statements and gives their rows as vectors, and
// appends rows. It knows neither Snowflake's names nor its types; errors come back as *sqlerr.Error or *Error.
package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Instance is the process's one DuckDB with the account's file attached as "m".
type Instance struct {
	db   duckdb.Database
	file string

	mu   sync.Mutex
	idle []*Conn
}

// Open opens file, creating it where it is absent. It is attached to an in-memory instance, not opened as its main
// database, so that it can be copied and swapped while the process runs. What does not fit memory goes to temp, a folder
// of its own that is emptied here. The caller must hold the lock on the data directory: DuckDB opens one file twice in one process without
// a word and then loses rows.
func Open(ctx context.Context, file, temp string) (*Instance, error) {
	if err := os.RemoveAll(temp); err != nil { // what a killed process left
		return nil, fmt.Errorf("duck: %w", err)
	}
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, fmt.Errorf("duck: %w", err)
	}
	var cfg duckdb.Config
	if duckdb.CreateConfig(&cfg) == duckdb.StateError {
		return nil, errors.New("duck: cannot make a configuration")
	}
	defer duckdb.DestroyConfig(&cfg)
	for _, o := range [][2]string{
		{"temp_directory", temp},
		{"autoinstall_known_extensions", "false"}, // the network is never asked
		{"autoload_known_extensions", "false"},
		{"default_null_order", "nulls_last_on_asc_first_on_desc"}, // Snowflake's order
	} {
		if duckdb.SetConfig(cfg, o[0], o[1]) == duckdb.StateError {
			return nil, fmt.Errorf("duck: option %s", o[0])
		}
	}
	in := &Instance{file: file}
	var text string
	if duckdb.OpenExt(":memory:", &in.db, cfg, &text) == duckdb.StateError {
		return nil, fmt.Errorf("duck: %s", text)
	}
	c, err := in.Connect()
	if err != nil {
		duckdb.Close(&in.db)
		return nil, err
	}
	if _, err := c.Exec(ctx, "ATTACH "+Quote(file)+" AS m (STORAGE_VERSION 'v1.5.0')"); err != nil {
		c.Close()
		duckdb.Close(&in.db)
		return nil, fmt.Errorf("duck: open %s: %w", file, err)
	}
	c.Release()
	return in, nil
}

// Close ends the instance; statements must have ended. The file is checkpointed by DuckDB.
func (in *Instance) Close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, c := range in.idle {
		c.disconnect()
	}
	in.idle = nil
	duckdb.Close(&in.db)
}

// maxIdle bounds the connections kept for the next statement.
const maxIdle = 32

// Acquire gives a connection without a transaction. Release or Close it.
func (in *Instance) Acquire() (*Conn, error) {
	in.mu.Lock()
	if n := len(in.idle); n > 0 {
		c := in.idle[n-1]
		in.idle = in.idle[:n-1]
		in.mu.Unlock()
		return c, nil
	}
	in.mu.Unlock()
	return in.Connect()
}

// Connect opens a new connection.
func (in *Instance) Connect() (*Conn, error) {
	c := &Conn{in: in}
	if duckdb.Connect(in.db, &c.c) == duckdb.StateError {
		return nil, errors.New("duck: cannot connect")
	}
	return c, nil
}

// Release gives c back for another statement. Its transaction must have ended and its temporary tables must be gone.
func (c *Conn) Release() {
	in := c.in
	in.mu.Lock()
	if len(in.idle) < maxIdle {
		in.idle = append(in.idle, c)
		in.mu.Unlock()
		return
	}
	in.mu.Unlock()
	c.disconnect()
}

// Close ends the connection, and with it its transaction and temporary tables.
func (c *Conn) Close() { c.disconnect() }

func (c *Conn) disconnect() {
	if c.c.Ptr != nil {
		duckdb.Disconnect(&c.c)
	}
}

// Quote is s as a string literal of DuckDB.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Ident is s as a quoted name of DuckDB.
func Ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
