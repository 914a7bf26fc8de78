package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"firn/driver"
	"firn/pool"
	"firn/store"
)

// recover puts every job right that an earlier server left, by the rules on the page of states (states.go).
func (r *Room) recover(ctx context.Context) error {
	found, err := r.cfg.Driver.Recover(ctx)
	if err != nil {
		return fmt.Errorf("job: recover: %w", err)
	}
	jobs, err := r.cfg.Store.OpenJobs(ctx)
	if err != nil {
		return fmt.Errorf("job: recover: %w", err)
	}
	known := map[int64]map[int]driver.State{}
	for id, s := range found {
		job, index, ok := parseInstance(id)
		if !ok {
			r.log.Warn("job: an instance that is not ours", "instance", id)
			continue
		}
		if known[job] == nil {
			known[job] = map[int]driver.State{}
		}
		known[job][index] = s
	}
	open := map[int64]bool{}
	type again struct {
		l     *live
		n     int
		known map[int]driver.State
	}
	var goOn []again
	var waiting []*live
	for _, j := range jobs {
		open[j.ID] = true
		sub := &Submission{}
		if err := json.Unmarshal(j.Submission, sub); err != nil {
			return fmt.Errorf("job: recover: the submission of job %d: %w", j.ID, err)
		}
		l := newLive(j, sub)
		r.live[j.ID] = l
		k := known[j.ID]
		if Status(j.Status) == Cancelling {
			close(l.stop)
		}
		if Status(j.Status) == Pending && len(k) == 0 {
			waiting = append(waiting, l)
			continue
		}
		// A single instance may run without its number on record, several never do.
		n := max(j.Granted, 1)
		for i := range k {
			n = max(n, i+1)
		}
		l.phase = running
		r.cfg.Pools.Adopt(pool.Request{Job: j.ID, Pool: j.Pool, Instances: n, Reserve: sub.Requests})
		goOn = append(goOn, again{l, n, k})
	}
	if err := r.sweep(ctx, known, open); err != nil {
		return err
	}
	// All places that are taken are counted: now others may be granted.
	for _, a := range goOn {
		r.spawn(func() { r.run(a.l, a.n, a.known) })
	}
	for _, l := range waiting {
		r.look(l)
	}
	if len(jobs) > 0 {
		r.log.Info("job: recovered", "running", len(goOn), "waiting", len(waiting))
	}
	return nil
}

// sweep removes what is left of jobs that are over: tokens and folders, and instances of jobs that were dropped or never recorded.
func (r *Room) sweep(ctx context.Context, known map[int64]map[int]driver.State, open map[int64]bool) error {
	for job, instances := range known {
		if open[job] {
			continue
		}
		j, err := r.cfg.Store.Job(ctx, job)
		if err != nil && !errors.Is(err, store.ErrMissing) {
			return fmt.Errorf("job: recover: %w", err)
		}
		keep := err == nil && j.Deleted.IsZero() // its log
		for i, s := range instances {
			if keep && s != driver.Running {
				continue
			}
			id := instanceID(job, i)
			r.log.Warn("job: an instance without a job", "instance", id)
			r.spawn(func() {
				if s == driver.Running {
					if err := r.cfg.Driver.Stop(r.ctx, id, r.cfg.Grace); err != nil && r.ctx.Err() == nil {
						r.log.Error("job: stop", "instance", id, "error", err)
					}
				}
				if !keep {
					if err := r.cfg.Driver.Remove(r.ctx, id); err != nil && r.ctx.Err() == nil {
						r.log.Error("job: remove", "instance", id, "error", err)
					}
				}
			})
		}
	}
	entries, err := os.ReadDir(r.cfg.Dir)
	if err != nil {
		return fmt.Errorf("job: recover: %w", err)
	}
	for _, e := range entries {
		id, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil || open[id] {
			continue
		}
		files := filepath.Join(r.cfg.Dir, e.Name(), "files")
		if _, err := os.Stat(files); err != nil {
			continue // it was cleaned
		}
		if j, err := r.cfg.Store.Job(ctx, id); err == nil {
			r.clean(j)
		} else if err := os.RemoveAll(filepath.Join(r.cfg.Dir, e.Name())); err != nil {
			r.log.Error("job: files", "job", id, "error", err)
		}
	}
	return nil
}

func parseInstance(id string) (job int64, index int, ok bool) {
	a, b, found := strings.Cut(id, "-")
	if !found {
		return 0, 0, false
	}
	job, err1 := strconv.ParseInt(a, 10, 64)
	index, err2 := strconv.Atoi(b)
	return job, index, err1 == nil && err2 == nil && instanceID(job, index) == id
}
