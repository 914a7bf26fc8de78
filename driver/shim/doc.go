// Package shim is the agreement between a server and the small processes ("shims") that own its instances. A shim lives
// in a session of its own, so it outlives the server; both sides know each other by one directory for each instance:
//
//	spec.json   what to run; the shim holds a lock on it from before its first instruction to its last: who gets the lock knows that it is gone
//	s           unix socket: one JSON request a connection (see serve.go)
//	log         the instance's log, "<unix nanoseconds> <o|e> <text>\n"
//	exit.json   how it ended, made by rename after fsync; once it is there it is the truth
//	shim.err    what the shim itself had to complain about
//
// The package holds both sides (Home is the server's, Main the shim's) and knows nothing of isolation.
package shim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"firn/driver"
)

const (
	specName   = "spec.json"
	socketName = "s"
	logName    = "log"
	exitName   = "exit.json"
	errName    = "shim.err"
)

// request is what a server writes on a connection; the answers depend on Op.
type request struct {
	Op      string `json:"op"`
	GraceMS int64  `json:"grace_ms,omitempty"`
}

// report answers "start" and "state".
type report struct {
	State string `json:"state"` // starting, running, ended
	PID   int    `json:"pid"`   // of the shim
	Error string `json:"error,omitempty"`
}

// length answers "length" once and "follow" each time that more of the log is on disk.
type length struct {
	Len  int64 `json:"len"`
	Done bool  `json:"done,omitempty"`
}

// record is the content of exit.json.
type record struct {
	driver.Exit
	Refused bool `json:"refused,omitempty"` // the payload never began: an error of Start, in Reason
}

// readExit reads the record of an ended instance; false if there is none.
func readExit(dir string) (driver.Exit, bool, error) {
	r, ok, err := readRecord(dir)
	return r.Exit, ok, err
}

func readRecord(dir string) (record, bool, error) {
	var e record
	b, err := os.ReadFile(filepath.Join(dir, exitName))
	if errors.Is(err, fs.ErrNotExist) {
		return e, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if err != nil {
		return e, false, fmt.Errorf("exit record: %w", err)
	}
	return e, true, nil
}

// writeExit records an end: nobody ever sees a half of it, and it survives a power cut.
func writeExit(dir string, e record) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".exit")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, exitName))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("exit record: %w", err)
	}
	return nil
}
