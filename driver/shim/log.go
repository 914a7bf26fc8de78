package shim

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	flushEvery = 20 * time.Millisecond // the longest time from a line to its readers
	flushSize  = 256 << 10
	tailSize   = 32 << 10
	// DefaultLogQuota is used where a spec has none.
	DefaultLogQuota = 64 << 20
)

// Stream says which of the payload's outputs a line came from.
type Stream byte

const (
	Stdout Stream = 'o'
	Stderr Stream = 'e'
)

// Log is the one writer of an instance's log: an append file of whole lines. Past the quota lines are counted, not
// kept, except the last 32 KiB, which are written at the end: a traceback is never lost, and the pipe is always drained.
type Log struct {
	mu      sync.Mutex
	grown   *sync.Cond
	f       *os.File
	buf     []byte // whole lines not yet in the file
	size    int64  // in the file
	quota   int64
	flushed time.Time
	armed   bool
	done    bool
	full    bool // quota reached, or the disk is
	dropped int64
	tail    [][]byte
	tailLen int
}

// OpenLog opens the log at path; quota in bytes.
func OpenLog(path string, quota int64) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if quota <= 0 {
		quota = DefaultLogQuota
	}
	l := &Log{f: f, quota: quota, buf: make([]byte, 0, 4096)}
	l.grown = sync.NewCond(&l.mu)
	return l, nil
}

// Say writes a line of the driver's own into the instance's log.
func (l *Log) Say(format string, args ...any) {
	l.line(Stderr, fmt.Appendf(nil, "firn: "+format, args...))
}

func appendLine(b []byte, at int64, s Stream, text []byte) []byte {
	b = strconv.AppendInt(b, at, 10)
	b = append(b, ' ', byte(s), ' ')
	b = append(b, text...)
	return append(b, '\n')
}

// line adds one line, without its newline.
func (l *Log) line(s Stream, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.done {
		l.add(time.Now().UnixNano(), s, text)
		l.schedule()
	}
}

// lines adds text, which is whole lines: nothing of the other stream comes between them.
func (l *Log) lines(s Stream, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return
	}
	at := time.Now().UnixNano()
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\n')
		t := text[:i]
		for ; len(t) > lineSize; t = t[lineSize:] {
			l.add(at, s, t[:lineSize])
		}
		l.add(at, s, t)
		text = text[i+1:]
	}
	l.schedule()
}

func (l *Log) add(at int64, s Stream, text []byte) {
	const head = 22 // time, stream and the blanks between
	if !l.full && l.size+int64(len(l.buf)+head+len(text)+1) > l.quota {
		l.full = true
	}
	if l.full {
		l.dropped += int64(len(text) + 1)
		l.tail = append(l.tail, appendLine(nil, at, s, text))
		for l.tailLen += len(text); l.tailLen > tailSize && len(l.tail) > 1; l.tail = l.tail[1:] {
			l.tailLen -= len(l.tail[0]) - head - 1
		}
		return
	}
	l.buf = appendLine(l.buf, at, s, text)
}

// schedule sees to it that what was added is on disk soon.
func (l *Log) schedule() {
	if len(l.buf) == 0 {
		return
	}
	switch wait := flushEvery - time.Since(l.flushed); {
	case len(l.buf) >= flushSize || wait <= 0 && !l.armed:
		l.flush()
	case !l.armed:
		l.armed = true
		time.AfterFunc(wait, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.armed = false
			if !l.done {
				l.flush()
			}
		})
	}
}

func (l *Log) flush() {
	if len(l.buf) > 0 {
		n, err := l.f.Write(l.buf)
		l.size += int64(n)
		if err != nil { // a full disk: the payload goes on, what is lost is counted
			l.full = true
			l.dropped += int64(len(l.buf) - n)
		}
		l.buf = l.buf[:0]
	}
	l.flushed = time.Now()
	l.grown.Broadcast()
}

const (
	lineSize = 64 << 10 // a longer line comes in pieces
	pipeSize = 64 << 10 // that a pipe holds, unless somebody made it larger
)

// Pump copies a pipe into the log until its last writer has closed it. A line over 64 KiB comes in pieces. All lines of
// one read stand together in the log, and a read takes all that the pipe holds: so what a process wrote at once, up to
// PIPE_BUF (4096 bytes, pipe(7)), is never torn by what came on the other stream. A line's beginning waits for its end.
func (l *Log) Pump(s Stream, r io.Reader) {
	buf := make([]byte, lineSize+pipeSize)
	kept := 0
	for {
		n, err := r.Read(buf[kept:])
		had := kept
		kept += n
		if i := bytes.LastIndexByte(buf[had:kept], '\n'); i >= 0 {
			end := had + i + 1
			l.lines(s, buf[:end])
			kept = copy(buf, buf[end:kept])
		}
		for kept >= lineSize || kept > 0 && err != nil {
			k := min(kept, lineSize)
			l.line(s, buf[:k])
			kept = copy(buf, buf[k:kept])
		}
		if err != nil {
			return
		}
	}
}

// Close writes what is left and ends all followers.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return
	}
	if l.dropped > 0 {
		l.buf = appendLine(l.buf, time.Now().UnixNano(), Stderr, fmt.Appendf(nil, "firn: the log reached its quota of %d bytes; %d bytes were dropped, the last lines follow", l.quota, l.dropped))
		for _, t := range l.tail {
			l.buf = append(l.buf, t...)
		}
	}
	l.done = true
	l.flush()
	l.f.Close()
}

// wait returns the length on disk once it is over seen, or the log has ended.
func (l *Log) wait(seen int64) length {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.size <= seen && !l.done {
		l.grown.Wait()
	}
	return length{Len: l.size, Done: l.done}
}
