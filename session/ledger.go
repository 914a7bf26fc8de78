package session

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"firn/result"
	"firn/sqlerr"
)

// spoolAbove is the size in bytes from which on a result is kept in a file.
const spoolAbove = 1 << 20

func (k Keep) defaults() Keep {
	if k.For == 0 {
		k.For = 24 * time.Hour
	}
	if k.Queries == 0 {
		k.Queries = 10_000
	}
	if k.Memory == 0 {
		k.Memory = 256 << 20
	}
	if k.Disk == 0 {
		k.Disk = 20 << 30
	}
	return k
}

// requestKey is what makes a request one: clients send it again with the same id.
type requestKey struct {
	session int64
	id      string
}

// ledger remembers statements: those that run, and for a time those that have ended, with their results.
type ledger struct {
	keep Keep
	log  *slog.Logger

	mu        sync.Mutex
	queries   map[string]*Query
	requests  map[requestKey]*Query
	downloads map[string]*Query // by the secret in the URLs of a result's chunks
	order     []*Query          // oldest first
	held      []*Query          // those whose results count below, oldest first
	memory    int64
	disk      int64
}

func (l *ledger) init(k Keep, log *slog.Logger) {
	l.keep, l.log = k, log
	l.queries, l.requests, l.downloads = map[string]*Query{}, map[requestKey]*Query{}, map[string]*Query{}
}

// begin enters a statement, or gives the one that this request began already.
func (l *ledger) begin(q *Query) (*Query, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.RequestID != "" {
		k := requestKey{q.SessionID, q.RequestID}
		if old, ok := l.requests[k]; ok {
			return old, false
		}
		l.requests[k] = q
	}
	l.queries[q.ID] = q
	l.order = append(l.order, q)
	for len(l.order) > l.keep.Queries && l.order[0].ended() {
		l.forget(l.order[0])
		l.order[0] = nil
		l.order = l.order[1:]
	}
	return q, true
}

// end counts a statement's result, and drops older ones beyond the bounds.
func (l *ledger) end(q *Query) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.result == nil || q.memory+q.disk == 0 {
		return
	}
	l.held = append(l.held, q)
	l.memory += q.memory
	l.disk += q.disk
	if q.download != "" {
		l.downloads[q.download] = q
	}
	for len(l.held) > 1 && (l.memory > l.keep.Memory || l.disk > l.keep.Disk) {
		l.drop(l.held[0])
		l.held[0] = nil
		l.held = l.held[1:]
	}
}

// drop gives a result's memory and file back; that the statement ran stays known.
func (l *ledger) drop(q *Query) {
	l.memory -= q.memory
	l.disk -= q.disk
	q.memory, q.disk = 0, 0
	delete(l.downloads, q.download)
	if r := q.take(); r != nil {
		if err := r.Data.Remove(); err != nil {
			l.log.Error("result of a query", "query", q.ID, "err", err)
		}
	}
}

func (l *ledger) forget(q *Query) {
	l.drop(q)
	delete(l.queries, q.ID)
	if q.RequestID != "" {
		delete(l.requests, requestKey{q.SessionID, q.RequestID})
	}
}

// sweep forgets what ended too long ago.
func (l *ledger) sweep(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keep := l.order[:0]
	for _, q := range l.order {
		if q.ended() && now.Sub(q.End) > l.keep.For {
			l.forget(q)
			continue
		}
		keep = append(keep, q)
	}
	clear(l.order[len(keep):])
	l.order = keep
	held := l.held[:0]
	for _, q := range l.held {
		if q.memory+q.disk > 0 {
			held = append(held, q)
		}
	}
	clear(l.held[len(held):])
	l.held = held
}

// clear drops everything; at the server's end.
func (l *ledger) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.order {
		l.drop(q)
	}
	l.order, l.held = nil, nil
	l.queries, l.requests, l.downloads = map[string]*Query{}, map[requestKey]*Query{}, map[string]*Query{}
}

func (l *ledger) query(id string) *Query {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queries[id]
}

func (l *ledger) request(session int64, id string) *Query {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests[requestKey{session, id}]
}

func (l *ledger) downloaded(secret string) *Query {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.downloads[secret]
}

// cancel cancels the running statements that f picks and says how many.
func (l *ledger) cancel(f func(*Query) bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, q := range l.order {
		if !q.ended() && f(q) {
			q.cancel(sqlerr.Canceled())
			n++
		}
	}
	return n
}

// busy are the sessions in which a statement runs.
func (l *ledger) busy() map[int64]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	busy := map[int64]bool{}
	for _, q := range l.order {
		if !q.ended() {
			busy[q.SessionID] = true
		}
	}
	return busy
}

// each calls f with every remembered statement, newest first, until it returns false.
func (l *ledger) each(f func(*Query) bool) {
	l.mu.Lock()
	all := make([]*Query, len(l.order))
	copy(all, l.order)
	l.mu.Unlock()
	for i := len(all) - 1; i >= 0; i-- {
		if !f(all[i]) {
			return
		}
	}
}

// spool puts a large result into a file of dir and gives the bytes that it takes in memory and on disk.
func spool(dir, id string, r *result.Result) (memory, disk int64, err error) {
	if r.Data == nil {
		memory = rowsSize(r.Rows)
		if memory <= spoolAbove || len(r.Columns) == 0 {
			return memory, 0, nil
		}
		segments, err := r.ArrowSegments()
		if err != nil {
			return memory, 0, err
		}
		r.Data, r.Rows = &result.Data{Rows: int64(len(r.Rows)), Segments: segments}, nil
	}
	d := r.Data
	if d.Path != "" {
		for _, s := range d.Segments {
			if s.Bytes == nil {
				disk += s.Length
			}
		}
		return d.Size(), disk, nil
	}
	if d.Size() <= spoolAbove {
		return d.Size(), 0, nil
	}
	path := filepath.Join(dir, id+".arrow")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, 0, fmt.Errorf("session: %w", err)
	}
	segments := make([]result.Segment, len(d.Segments))
	for i, s := range d.Segments {
		segments[i] = result.Segment{Rows: s.Rows, Offset: disk, Length: int64(len(s.Bytes))}
		if _, err = f.Write(s.Bytes); err != nil {
			break
		}
		disk += int64(len(s.Bytes))
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(path)
		return 0, 0, fmt.Errorf("session: result of %s: %w", id, err)
	}
	d.Segments, d.Path = segments, path
	return 0, disk, nil
}

// rowsSize is about how many bytes rows take.
func rowsSize(rows [][]any) int64 {
	var n int64
	for _, row := range rows {
		n += int64(24 + 16*len(row))
		for _, v := range row {
			switch v := v.(type) {
			case string:
				n += int64(len(v))
			case []byte:
				n += int64(len(v))
			case nil, bool:
			default:
				n += 8
			}
		}
	}
	return n
}

var _ io.Closer = (*Sessions)(nil)
