package job

import (
	"context"
	"errors"
	"fmt"

	"firn/sqlerr"
	"firn/store"
)

// cancel asks a job to stop. One that has ended is left as it is.
func (r *Room) cancel(ctx context.Context, id int64, why string, drop bool) error {
	l := r.find(id)
	if l == nil {
		return nil
	}
	both, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(r.ctx, end)()
	if !l.step(both) {
		if r.ctx.Err() != nil {
			return sqlerr.Internal(errClosed)
		}
		return sqlerr.Canceled()
	}
	j := l.record()
	if Status(j.Status).Final() || isClosed(l.stop) && !drop {
		l.stepped()
		return nil
	}
	c := store.JobChange{ID: id, From: from(evCancel, Cancelling), To: string(Cancelling), Message: &why, At: r.clock.Now()}
	if isClosed(l.stop) {
		c.From, c.Message = from(evDrop, Cancelling), nil
	}
	if drop {
		c.Deleted = r.clock.Now()
	}
	// The step is this statement's own: a failing store fails it.
	ok, err := r.cfg.Store.ChangeJob(ctx, c)
	if err == nil && !ok {
		err = errors.New("job: the status in the store is another than here")
	}
	if err != nil {
		l.stepped()
		return sqlerr.Internal(err)
	}
	l.mu.Lock()
	apply(&l.job, c)
	l.mu.Unlock()
	if !isClosed(l.stop) {
		close(l.stop)
	}
	l.stepped()
	if l.claim(queued, running) {
		r.cfg.Pools.Release(id)
		r.spawn(func() { r.settle(l, ending{}) })
	}
	return nil
}

// StopAll cancels jobs for ALTER COMPUTE POOL … STOP ALL.
func (r *Room) StopAll(ctx context.Context, jobs []int64) {
	for _, id := range jobs {
		if err := r.cancel(ctx, id, "The job was stopped with its compute pool.", false); err != nil {
			r.log.Error("job: stop all", "job", id, "error", err)
		}
	}
}

// drop removes a job by name: its record stays, with its deleted time, its name is free, a running one is stopped. The payload in the stage
// is the user's.
func (r *Room) drop(ctx context.Context, j store.Job, user string) error {
	if l := r.find(j.ID); l != nil {
		if err := r.cancel(ctx, j.ID, fmt.Sprintf("The job was dropped by %s.", user), true); err != nil {
			return err
		}
		if !l.record().Deleted.IsZero() {
			return nil
		}
		select { // it had ended under our hands
		case <-l.done:
		case <-ctx.Done():
			return sqlerr.Canceled()
		case <-r.ctx.Done():
			return sqlerr.Internal(errClosed)
		}
	}
	now := r.clock.Now()
	c := store.JobChange{ID: j.ID, From: from(evDrop, Deleted), To: string(Deleted), Deleted: now, At: now}
	ok, err := r.cfg.Store.ChangeJob(ctx, c)
	if err != nil {
		return sqlerr.Internal(err)
	}
	if !ok { // another was faster
		return sqlerr.NotExist("Service", fullName(j))
	}
	apply(&j, c)
	r.clean(j)
	return nil
}
