package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"firn/driver"
)

// Log opens an instance's log from its beginning. Only whole lines are seen.
func (h *Home) Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	dir := h.path(id)
	if CheckID(id) != nil {
		return nil, driver.ErrUnknown
	}
	if _, err := os.Stat(filepath.Join(dir, specName)); err != nil {
		return nil, driver.ErrUnknown
	}
	// Where no shim answers, the file is all there will ever be.
	r := &logReader{ctx: ctx, path: filepath.Join(dir, logName), limit: math.MaxInt64, last: true}
	if follow {
		if c, err := dial(ctx, dir, request{Op: "follow"}); err == nil {
			r.c, r.dec, r.limit, r.last = c, json.NewDecoder(c), 0, false
			r.unwatch = context.AfterFunc(ctx, func() { c.Close() })
		}
	} else {
		var n length
		if h.ask(ctx, dir, request{Op: "length"}, &n) == nil {
			r.limit = n.Len
		}
	}
	if err := ctx.Err(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// logReader reads a file as far as its shim says that it is written.
type logReader struct {
	ctx     context.Context
	path    string
	f       *os.File // opened at the first read: a new shim may not have made it yet
	c       *net.UnixConn
	dec     *json.Decoder
	unwatch func() bool
	closed  atomic.Bool
	off     int64
	limit   int64
	last    bool // no more will come after limit
}

func (r *logReader) Read(p []byte) (int, error) {
	for r.off >= r.limit {
		if r.last {
			return 0, io.EOF
		}
		var n length
		if err := r.dec.Decode(&n); err == nil {
			r.limit, r.last = n.Len, n.Done
		} else if r.closed.Load() {
			return 0, fs.ErrClosed
		} else if r.ctx.Err() != nil {
			return 0, r.ctx.Err()
		} else { // the shim was killed: what it wrote is there
			r.limit, r.last = math.MaxInt64, true
		}
	}
	if r.f == nil {
		f, err := os.Open(r.path)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, fmt.Errorf("log: %w", err)
		}
		r.f = f
	}
	n, err := r.f.ReadAt(p[:min(int64(len(p)), r.limit-r.off)], r.off)
	r.off += int64(n)
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, err
}

func (r *logReader) Close() error {
	r.closed.Store(true)
	if r.c != nil {
		r.unwatch()
		r.c.Close()
	}
	if r.f != nil {
		return r.f.Close()
	}
	return nil
}
