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
	"sync"

	"firn/driver"
)

// Log opens an instance's log from its beginning. Only whole lines are seen. Without follow it is an io.Seeker, too: the
// end is where the log ended at this call.
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
		r.dir = dir
		if r.connect() {
			r.limit, r.last = 0, false
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
	if follow {
		return r, nil
	}
	return &seekReader{r}, nil
}

// seekReader reads what was there when it was opened.
type seekReader struct{ *logReader }

// Seek implements io.Seeker.
func (r *seekReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		end, err := r.size()
		if err != nil {
			return 0, err
		}
		offset += end
	default:
		return 0, fmt.Errorf("log: whence %d: %w", whence, fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, fmt.Errorf("log: position %d: %w", offset, fs.ErrInvalid)
	}
	r.off = offset
	return offset, nil
}

// size is the length of what can be read.
func (r *logReader) size() (int64, error) {
	f, err := r.file()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	return min(st.Size(), r.limit), nil
}

// logReader reads a file as far as its shim says that it is written.
type logReader struct {
	ctx   context.Context
	dir   string // of the instance, if it is followed
	path  string
	dec   *json.Decoder
	off   int64
	limit int64
	last  bool // no more will come after limit

	mu      sync.Mutex // Close may come while Read waits
	c       *net.UnixConn
	unwatch func() bool
	closed  bool
	f       *os.File
}

// connect asks the shim to say how far the log is; false if there is none to ask.
func (r *logReader) connect() bool {
	c, err := dial(r.ctx, r.dir, request{Op: "follow"})
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.Close()
		return false
	}
	r.hangUp()
	r.c, r.dec = c, json.NewDecoder(c)
	r.unwatch = context.AfterFunc(r.ctx, func() { c.Close() })
	return true
}

func (r *logReader) hangUp() {
	if r.c != nil {
		r.unwatch()
		r.c.Close()
	}
}

func (r *logReader) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *logReader) Read(p []byte) (int, error) {
	for r.off >= r.limit {
		if r.last {
			return 0, io.EOF
		}
		var n length
		if err := r.dec.Decode(&n); err == nil {
			r.limit, r.last = n.Len, n.Done
		} else if r.isClosed() {
			return 0, fs.ErrClosed
		} else if r.ctx.Err() != nil {
			return 0, r.ctx.Err()
		} else if !r.connect() { // the shim is gone: what it wrote is there. Else it only gave up on a slow reader
			r.limit, r.last = math.MaxInt64, true
		}
	}
	f, err := r.file()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, io.EOF
	}
	if err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	n, err := f.ReadAt(p[:min(int64(len(p)), r.limit-r.off)], r.off)
	r.off += int64(n)
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, err
}

// file opens the log at the first read: a new shim may not have made it before.
func (r *logReader) file() (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fs.ErrClosed
	}
	if r.f == nil {
		f, err := os.Open(r.path)
		if err != nil {
			return nil, err
		}
		r.f = f
	}
	return r.f, nil
}

// Close ends the reader; a Read that waits returns fs.ErrClosed.
func (r *logReader) Close() error {
	r.mu.Lock()
	r.closed = true
	r.hangUp()
	defer r.mu.Unlock()
	if r.f != nil {
		return r.f.Close()
	}
	return nil
}
