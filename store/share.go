package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// shared collects small writes that arrive while another is being committed, so that many sessions share one sync of the disk. Each write is
// as durable and as separate as with update: it has a savepoint of its own, and its caller is answered after the commit.
type shared struct {
	mu      sync.Mutex
	waiting []*write
	leading bool
}

type write struct {
	f    func(*sql.Tx) error
	err  error
	done chan struct{}
}

// mostShared bounds how long the first of a batch waits for the others.
const mostShared = 256

// share runs f in a write transaction that it may share with others. f may be run again, so it must set all it gives back. A write that
// has begun is not given up when ctx ends: its caller must know whether it happened.
func (s *Store) share(ctx context.Context, f func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{f: f, done: make(chan struct{})}
	s.shared.mu.Lock()
	s.shared.waiting = append(s.shared.waiting, w)
	lead := !s.shared.leading
	s.shared.leading = true
	s.shared.mu.Unlock()
	if lead {
		s.lead(context.WithoutCancel(ctx), w)
	}
	<-w.done
	return w.err
}

// lead commits batches until its own write is done; then somebody who waits goes on.
func (s *Store) lead(ctx context.Context, own *write) {
	for {
		s.shared.mu.Lock()
		n := min(len(s.shared.waiting), mostShared)
		if n == 0 {
			s.shared.leading = false
			s.shared.mu.Unlock()
			return
		}
		batch := s.shared.waiting[:n:n]
		s.shared.waiting = s.shared.waiting[n:]
		s.shared.mu.Unlock()
		s.commit(ctx, batch)
		select {
		case <-own.done:
			s.shared.mu.Lock()
			if len(s.shared.waiting) == 0 {
				s.shared.leading = false
			} else {
				next := s.shared.waiting[0]
				go s.lead(ctx, next)
			}
			s.shared.mu.Unlock()
			return
		default:
		}
	}
}

func (s *Store) commit(ctx context.Context, batch []*write) {
	err := s.update(ctx, func(tx *sql.Tx) error {
		if len(batch) == 1 {
			batch[0].err = full(batch[0].f(tx))
			return batch[0].err
		}
		for _, w := range batch {
			if _, err := tx.ExecContext(ctx, "SAVEPOINT w"); err != nil {
				return err
			}
			if w.err = full(w.f(tx)); w.err != nil {
				if _, err := tx.ExecContext(ctx, "ROLLBACK TO w"); err != nil {
					return errors.Join(w.err, err)
				}
			}
			if _, err := tx.ExecContext(ctx, "RELEASE w"); err != nil {
				return err
			}
		}
		return nil
	})
	for _, w := range batch {
		if err != nil && w.err == nil {
			w.err = fmt.Errorf("store: shared write: %w", err)
		}
		close(w.done)
	}
}
