package warehouse

import (
	"context"
	"errors"
	"sync"
	"time"

	"firn/sqlerr"
	"firn/warehouse/duck"
)

// lockKey is what is locked: an object by id, or a name inside its parent while an object of that name is being made.
type lockKey struct {
	id   int64
	name string
}

// holder is a transaction as the lock table knows it. Its fields belong to the table's mutex.
type holder struct {
	held    map[lockKey]bool // true: exclusive
	waiting *waiter
}

// locks is the lock table: shared for INSERT and COPY, exclusive for UPDATE, DELETE, MERGE and DDL, held to the transaction's
// end. DuckDB alone answers every second of two such writers with a conflict. First come, first served; a wait that closes a
// circle is refused at once.
type locks struct {
	mu   sync.Mutex
	keys map[lockKey]*lock
}

type lock struct {
	holders map[*holder]bool // true: exclusive
	queue   []*waiter
}

type waiter struct {
	key       lockKey
	h         *holder
	exclusive bool
	granted   chan struct{}
}

func (l *locks) init() { l.keys = map[lockKey]*lock{} }

// grantable says whether h can have the lock now, given who holds it.
func (k *lock) grantable(h *holder, exclusive bool) bool {
	for o, x := range k.holders {
		if o != h && (x || exclusive) {
			return false
		}
	}
	return true
}

// acquire takes the lock for h, waiting at most wait (0: forever).
func (l *locks) acquire(ctx context.Context, h *holder, key lockKey, exclusive bool, wait time.Duration) error {
	l.mu.Lock()
	if x, ok := h.held[key]; ok && (x || !exclusive) {
		l.mu.Unlock()
		return nil
	}
	k := l.keys[key]
	if k == nil {
		k = &lock{holders: map[*holder]bool{}}
		l.keys[key] = k
	}
	_, upgrade := k.holders[h]
	if (len(k.queue) == 0 || upgrade) && k.grantable(h, exclusive) {
		k.grant(h, key, exclusive)
		l.mu.Unlock()
		return nil
	}
	w := &waiter{key: key, h: h, exclusive: exclusive, granted: make(chan struct{})}
	if upgrade { // before those who hold nothing: they wait for h anyway
		k.queue = append([]*waiter{w}, k.queue...)
	} else {
		k.queue = append(k.queue, w)
	}
	h.waiting = w
	if l.circle(h) {
		l.leave(w)
		l.mu.Unlock()
		return sqlerr.New(626, "57014", "Statement was aborted: waiting for the lock would deadlock with another transaction. Roll back and try again.")
	}
	l.mu.Unlock()

	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, wait, errLockTimeout)
		defer cancel()
	}
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		select {
		case <-w.granted:
			return nil
		default:
		}
		l.leave(w)
		if errors.Is(context.Cause(ctx), errLockTimeout) {
			return sqlerr.New(625, "57014", "Statement waited longer than LOCK_TIMEOUT (%d seconds) for a lock that another transaction holds.", int(wait.Seconds()))
		}
		return duck.Ended(ctx)
	}
}

var errLockTimeout = errors.New("lock timeout")

func (k *lock) grant(h *holder, key lockKey, exclusive bool) {
	k.holders[h] = exclusive || k.holders[h]
	if h.held == nil {
		h.held = map[lockKey]bool{}
	}
	h.held[key] = k.holders[h]
}

// leave takes w out of its queue and lets those behind it go on.
func (l *locks) leave(w *waiter) {
	w.h.waiting = nil
	k := l.keys[w.key]
	for i, q := range k.queue {
		if q == w {
			k.queue = append(k.queue[:i:i], k.queue[i+1:]...)
			break
		}
	}
	l.serve(w.key, k)
}

// serve grants from the head of the queue while it can.
func (l *locks) serve(key lockKey, k *lock) {
	for len(k.queue) > 0 && k.grantable(k.queue[0].h, k.queue[0].exclusive) {
		w := k.queue[0]
		k.queue = k.queue[1:]
		k.grant(w.h, key, w.exclusive)
		w.h.waiting = nil
		close(w.granted)
	}
	if len(k.queue) == 0 && len(k.holders) == 0 {
		delete(l.keys, key)
	}
}

// circle says whether start, which has just begun to wait, waits for itself.
func (l *locks) circle(start *holder) bool {
	seen := map[*holder]bool{}
	var visit func(h *holder) bool
	visit = func(h *holder) bool {
		w := h.waiting
		if w == nil {
			return false
		}
		k := l.keys[w.key]
		next := func(o *holder) bool {
			if o == start {
				return true
			}
			if seen[o] {
				return false
			}
			seen[o] = true
			return visit(o)
		}
		for o, x := range k.holders {
			if o != h && (x || w.exclusive) && next(o) {
				return true
			}
		}
		for _, q := range k.queue { // those before it
			if q == w {
				break
			}
			if q.h != h && (q.exclusive || w.exclusive) && next(q.h) {
				return true
			}
		}
		return false
	}
	return visit(start)
}

// release gives back all that h holds.
func (l *locks) release(h *holder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range h.held {
		k := l.keys[key]
		delete(k.holders, h)
		l.serve(key, k)
	}
	h.held = nil
}
