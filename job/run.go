package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"firn/driver"
	"firn/pool"
	"firn/statement"
	"firn/store"
)

// spawn runs f on a goroutine that Close waits for; false if the room is closed.
func (r *Room) spawn(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return false
	}
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		f()
	}()
	return true
}

// look hands a new job to the few workers that look at what it needs before it may queue for a place.
func (r *Room) look(l *live) {
	r.mu.Lock()
	r.prepare = append(r.prepare, l)
	more := r.workers < prepareWorkers
	if more {
		r.workers++
	}
	r.mu.Unlock()
	if more && !r.spawn(r.worker) {
		r.mu.Lock()
		r.workers--
		r.mu.Unlock()
	}
}

func (r *Room) worker() {
	for {
		r.mu.Lock()
		if len(r.prepare) == 0 || r.ctx.Err() != nil {
			r.workers--
			r.mu.Unlock()
			return
		}
		l := r.prepare[0]
		r.prepare[0] = nil
		r.prepare = r.prepare[1:]
		r.mu.Unlock()
		r.ready(l)
	}
}

// claim moves the job from one phase to another: whoever succeeds has the job in hand.
func (l *live) claim(from, to phase) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != from {
		return false
	}
	l.phase = to
	return true
}

// ready sees to what can fail without a node, and queues the job for a place.
func (r *Room) ready(l *live) {
	ctx, cancel := l.context(r.ctx)
	defer cancel()
	if err := r.requirements(ctx, l); err != nil && !isClosed(l.stop) {
		if r.ctx.Err() != nil {
			return
		}
		if l.claim(preparing, running) {
			r.settle(l, ending{to: Failed, event: evFail, reason: err.Error()})
		}
		return
	}
	if isClosed(l.stop) {
		if l.claim(preparing, running) {
			r.settle(l, ending{})
		}
		return
	}
	l.mark(r, "ready")
	j := l.record()
	l.claim(preparing, queued)
	err := r.cfg.Pools.Enqueue(ctx, pool.Request{Job: l.id, Pool: j.Pool, Instances: j.Target, Min: j.Min, Reserve: l.sub.Requests, Granted: func(g pool.Grant) {
		if l.claim(queued, running) {
			r.spawn(func() { r.run(l, g.Instances, nil) })
		}
	}})
	switch {
	case err != nil && l.claim(queued, running):
		r.settle(l, ending{to: Failed, event: evFail, reason: "The job was not placed: " + err.Error()})
	case err == nil && isClosed(l.stop) && l.claim(queued, running): // a cancel that came before the phase was queued
		r.cfg.Pools.Release(l.id)
		r.settle(l, ending{})
	}
}

// context ends when the job is to stop or the room closes.
func (l *live) context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		select {
		case <-l.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// requirements refuses a job whose requirements files ask for what its environment does not have.
func (r *Room) requirements(ctx context.Context, l *live) error {
	if _, ours := l.sub.command(); !ours {
		return nil // the client's own scripts see to that
	}
	tree, dir, err := r.stageDir(ctx, l)
	if err != nil {
		return err
	}
	root, err := openBelow(tree, dir)
	if err != nil {
		return because("The payload in %s cannot be read: %v", l.sub.stagePath(), errText(err))
	}
	defer root.Close()
	if _, err := root.Lstat(filepath.Join(l.sub.payload(), "environment.yml")); err == nil {
		return because("Custom conda environments not currently supported: the payload has an environment.yml.")
	}
	var texts []string
	for _, d := range []string{"system", l.sub.payload()} {
		t, err := readSmall(root, filepath.Join(d, "requirements.txt"))
		if err != nil {
			return because("%s/requirements.txt cannot be read: %v", d, errText(err))
		}
		if t = strings.TrimSpace(t); t != "" {
			texts = append(texts, t)
		}
	}
	s, ok := r.cfg.Runtimes.(Satisfier)
	if len(texts) == 0 || !ok {
		return nil
	}
	env, err := r.environment(ctx, l)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if err := s.Satisfied(ctx, env, t); err != nil {
			r.sayLines(l.id, err.Error())
			return err
		}
	}
	return nil
}

func (r *Room) environment(ctx context.Context, l *live) (Environment, error) {
	env, err := r.cfg.Runtimes.Ensure(ctx, l.sub.Image, func(line string) { r.say(l.id, line) })
	if err != nil {
		return env, because("The runtime environment %s could not be made: %w", l.sub.Image, err)
	}
	return env, nil
}

// stageDir finds the payload, and the whole stage that it lies in, again for the job's owner: the server may have been restarted since it was submitted.
func (r *Room) stageDir(ctx context.Context, l *live) (tree, dir string, err error) {
	j := l.record()
	sc := &statement.Context{User: j.User, Role: j.Owner, Database: j.Database, Schema: j.Schema, Account: r.cfg.Account, Job: fmt.Sprint(j.ID)}
	at := l.sub.tree()
	if dir, err = r.cfg.Stages.Dir(ctx, sc, at); err == nil {
		at.Path = ""
		tree, err = r.cfg.Stages.Dir(ctx, sc, at)
	}
	if err != nil {
		return "", "", because("The payload in %s is gone: %w", l.sub.stagePath(), err)
	}
	return tree, dir, nil
}

// openBelow opens a directory below tree. Every other job with files in the stage may have put links on the way: none is followed.
func openBelow(tree, dir string) (*os.Root, error) {
	rel, err := filepath.Rel(tree, dir)
	if err != nil {
		return nil, err
	}
	at, err := os.OpenRoot(tree)
	if err != nil || rel == "." {
		return at, err
	}
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		next, err := enterDir(at, part)
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// enterDir opens a directory that is one itself, not a link to one.
func enterDir(at *os.Root, name string) (*os.Root, error) {
	notOne := &os.PathError{Op: "open", Path: name, Err: errors.New("something else has that name")}
	info, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, notOne
	}
	next, err := at.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if now, err := next.Stat("."); err != nil || !os.SameFile(info, now) {
		next.Close()
		return nil, notOne
	}
	return next, nil
}

// reason is an error whose text is the user's: why a job failed, though the server did all it could.
type reason struct {
	text string
	err  error
}

func (e *reason) Error() string { return e.text }

// Unwrap gives the cause.
func (e *reason) Unwrap() error { return e.err }

func because(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &reason{err.Error(), errors.Unwrap(err)}
}

func errText(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) { // without the path on this machine
		return pe.Err.Error()
	}
	return err.Error()
}

// run supervises a job that holds its places, from start to record. known are the instances that an earlier server started.
func (r *Room) run(l *live, n int, known map[int]driver.State) {
	defer func() {
		if r.ctx.Err() == nil { // else the next server adopts them
			r.cfg.Pools.Release(l.id)
		}
	}()
	l.mark(r, "granted")
	l.mu.Lock()
	l.instances = make([]instance, n)
	l.mu.Unlock()

	started := make([]bool, n)
	for i := range started {
		_, started[i] = known[i]
	}
	var failed error
	switch status := Status(l.record().Status); {
	case status == Running: // an earlier server's, every one of them: one that is not known any more is lost
		for i := range started {
			started[i] = true
		}
		if err := r.token(r.ctx, l); err != nil && r.ctx.Err() == nil {
			r.log.Error("job: renew token", "job", l.id, "error", err)
		}
	case isClosed(l.stop):
	case !slices.Contains(started, false): // the crash fell between the start and its record
		if err := r.token(r.ctx, l); err != nil && r.ctx.Err() == nil {
			r.log.Error("job: renew token", "job", l.id, "error", err)
		}
	default:
		specs, err := r.placed(l, n, len(known) == 0)
		if r.ctx.Err() != nil {
			return
		}
		if err != nil && !isClosed(l.stop) {
			failed = err
		}
		if err == nil && !isClosed(l.stop) {
			l.mark(r, "described")
			failed = r.start(l, specs, started)
			l.mark(r, "started")
		}
	}

	exits := make(chan exited, n)
	waiting := 0
	for i, ok := range started {
		if !ok {
			continue
		}
		waiting++
		l.mu.Lock()
		l.instances[i].started = r.clock.Now()
		l.mu.Unlock()
		go func() {
			e, err := r.cfg.Driver.Wait(r.ctx, instanceID(l.id, i))
			exits <- exited{i, e, err}
		}()
	}
	if r.ctx.Err() != nil {
		return
	}
	if failed == nil && l.record().Status == string(Pending) {
		if !l.step(r.ctx) {
			return
		}
		var err error
		if !isClosed(l.stop) {
			err = r.change(l, store.JobChange{ID: l.id, From: from(evStart, Running), To: string(Running), Granted: n, Started: r.clock.Now()})
		}
		l.stepped()
		if err != nil {
			return
		}
	}
	defer r.renewal(l)()
	if l.record().Status == string(Running) {
		close(l.running)
	}
	r.wait(l, started, waiting, exits, failed)
}

// placed makes the instances' descriptions and records how many there are, so that a crash between two starts does not change it.
func (r *Room) placed(l *live, n int, fresh bool) ([]driver.Spec, error) {
	ctx, cancel := l.context(r.ctx)
	defer cancel()
	specs, err := r.specs(ctx, l, n, fresh)
	if err != nil || n == 1 || l.record().Granted > 0 {
		return specs, err
	}
	if !l.step(r.ctx) {
		return nil, errClosed
	}
	defer l.stepped()
	if isClosed(l.stop) {
		return specs, nil
	}
	return specs, r.change(l, store.JobChange{ID: l.id, From: from(evPlace, Pending), To: string(Pending), Granted: n})
}

type exited struct {
	index int
	exit  driver.Exit
	err   error
}

// start starts the instances that are not there yet, all at once. An error means that not all of them run.
func (r *Room) start(l *live, specs []driver.Spec, started []bool) error {
	errs := make([]error, len(specs))
	var wg sync.WaitGroup
	for i := range specs {
		if started[i] {
			continue
		}
		one := func() {
			errs[i] = r.cfg.Driver.Start(r.ctx, specs[i])
			started[i] = errs[i] == nil
		}
		if len(specs) == 1 {
			one()
			continue
		}
		wg.Go(one)
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			if r.ctx.Err() == nil {
				r.log.Error("job: start", "job", l.id, "instance", i, "error", err)
				r.say(l.id, fmt.Sprintf("instance %d could not be started: %v", i, err))
			}
			return fmt.Errorf("instance %d could not be started: %w", i, err)
		}
	}
	return nil
}

// wait follows the instances to their ends and settles the job.
func (r *Room) wait(l *live, started []bool, waiting int, exits chan exited, failed error) {
	n := len(started)
	all := make([]*driver.Exit, n)
	var end ending
	decided := failed != nil
	if decided {
		end = ending{to: InternalError, event: evBreak, reason: "The job could not be started: " + failed.Error()}
		if _, ok := errors.AsType[*reason](failed); ok {
			end = ending{to: Failed, event: evFail, reason: failed.Error()}
		}
	}
	stop := l.stop
	stopping := false
	halt := func() {
		if stopping {
			return
		}
		stopping = true
		for i, ok := range started {
			if ok && all[i] == nil {
				r.spawn(func() {
					if err := r.cfg.Driver.Stop(r.ctx, instanceID(l.id, i), r.cfg.Grace); err != nil && !errors.Is(err, driver.ErrUnknown) && r.ctx.Err() == nil {
						r.log.Error("job: stop", "job", l.id, "instance", i, "error", err)
					}
				})
			}
		}
	}
	if decided {
		halt()
	}
	parallel := l.sub.parallel()
	good := 0
	for waiting > 0 {
		select {
		case <-r.ctx.Done():
			return
		case <-stop:
			stop = nil
			halt()
		case x := <-exits:
			waiting--
			if r.ctx.Err() != nil {
				return
			}
			if x.err != nil {
				x.exit = lost(x.err, r.clock.Now())
				r.log.Error("job: wait", "job", l.id, "instance", x.index, "error", x.err)
			}
			all[x.index] = &x.exit
			r.ended(l, x.index, x.exit, decided)
			if decided || isClosed(l.stop) {
				continue
			}
			switch {
			case x.exit.Code != 0 && (parallel || x.index == 0):
				decided = true
				end = r.failure(l, x.index, n, x.exit)
			case x.exit.Code == 0 && parallel:
				if good++; good == n {
					decided = true
					end = ending{to: Done, event: evSucceed, exit: &x.exit}
				}
			case x.index == 0:
				decided = true
				end = ending{to: Done, event: evSucceed, exit: &x.exit}
			}
			if decided {
				halt()
			}
		}
	}
	r.settle(l, end)
}

// lost is the exit of an instance that nobody knows any more.
func lost(err error, now time.Time) driver.Exit {
	reason := "lost: the driver does not know it any more"
	if !errors.Is(err, driver.ErrUnknown) {
		reason = "lost: the driver cannot say what became of it"
	}
	return driver.Exit{Code: 137, Reason: reason, Ended: now}
}

// ended notes one instance's end.
func (r *Room) ended(l *live, i int, e driver.Exit, decided bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := &l.instances[i]
	if !e.Started.IsZero() {
		x.started = e.Started
	}
	x.ended = e.Ended
	if x.ended.IsZero() {
		x.ended = r.clock.Now()
	}
	x.code = e.Code
	x.cpu, x.peak = e.CPU, e.MemPeak
	x.message = describeExit(e)
	if decided && e.Stopped {
		x.code, x.message = 0, "Stopped when the job had ended"
	}
}

// retryWrite is how long a step of a job waits for a store that fails, a full disk above all.
const retryWrite = time.Second

// change writes a step, again and again if the store fails. Callers have l.step, so the step is one that the job's status allows. The only
// error is that the room was closed.
func (r *Room) change(l *live, c store.JobChange) error {
	for {
		c.At = r.clock.Now()
		ok, err := r.cfg.Store.ChangeJob(r.ctx, c)
		if err == nil && ok {
			l.mu.Lock()
			apply(&l.job, c)
			l.mu.Unlock()
			return nil
		}
		if r.ctx.Err() != nil {
			return errClosed
		}
		if err == nil {
			err = fmt.Errorf("the job is not in one of %v", c.From)
		}
		r.log.Error("job: write", "job", l.id, "to", c.To, "error", err)
		if !r.pause(retryWrite) {
			return errClosed
		}
	}
}

func (r *Room) pause(d time.Duration) bool {
	over := make(chan struct{})
	stop := r.clock.AfterFunc(d, func() { close(over) })
	select {
	case <-over:
		return true
	case <-r.ctx.Done():
		stop()
		return false
	}
}

// apply is what ChangeJob did, on the copy here.
func apply(j *store.Job, c store.JobChange) {
	j.Status, j.Updated = c.To, c.At
	if c.Message != nil {
		j.Message = *c.Message
	}
	if c.Granted > 0 {
		j.Granted = c.Granted
	}
	for _, t := range []struct{ to, from *time.Time }{{&j.Started, &c.Started}, {&j.Completed, &c.Completed}, {&j.Deleted, &c.Deleted}} {
		if !t.from.IsZero() {
			*t.to = *t.from
		}
	}
}

// specs makes an instance's files, folders and description, for all instances of the job. fresh: none of them has been started yet.
func (r *Room) specs(ctx context.Context, l *live, n int, fresh bool) ([]driver.Spec, error) {
	env, err := r.environment(ctx, l)
	if err != nil {
		return nil, err
	}
	j := l.record()
	tree, stage, err := r.stageDir(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := makeResultDir(tree, stage, resultDir(j.Name), fresh); err != nil {
		return nil, because("The folder for the job's results could not be made: %v", errText(err))
	}
	files, err := r.files(ctx, l)
	if err != nil {
		return nil, err
	}
	limit, err := r.cfg.Pools.Limit(j.Pool, l.sub.Requests, l.sub.Limits)
	if err != nil {
		return nil, err
	}
	var egress []string
	if len(l.sub.Integrations) > 0 && r.cfg.Networks != nil {
		sc := &statement.Context{User: j.User, Role: j.Owner, Database: j.Database, Schema: j.Schema, Account: r.cfg.Account}
		if egress, err = r.cfg.Networks.Egress(ctx, sc, l.sub.Integrations); err != nil {
			return nil, err
		}
	}
	words, ours := l.sub.command()
	warm := ""
	if ours {
		warm = r.warm(ctx, j, l.sub, env)
	}
	trees := append([]string{}, env.Trees...)
	if ours {
		trees = append(trees, r.cfg.Launcher)
	}
	host := strings.ToLower(strings.Map(func(c rune) rune {
		if c == '_' || c == '$' {
			return '-'
		}
		return c
	}, j.Name))
	if len(host) > 50 {
		host = host[len(host)-50:]
	}
	host = strings.Trim(host, "-")
	long := ""
	if ours {
		if words, long, err = shorten(words, files); err != nil {
			return nil, fmt.Errorf("the job's arguments: %w", err)
		}
	}
	specs := make([]driver.Spec, n)
	for i := range specs {
		s := driver.Spec{
			ID: instanceID(l.id, i), Job: strconv.FormatInt(l.id, 10), Host: fmt.Sprintf("%s-%d", host, i), Index: i, Count: n,
			Args: words, Env: r.environ(j, l.sub, env, i, n, limit), Dir: stageMount,
			Trees: trees, Files: files,
			Mounts: []driver.Mount{{Source: stage, Target: stageMount, Root: tree},
				{Source: filepath.Join(stage, resultDir(j.Name)), Target: resultMount, Root: tree}},
			MilliCPU: limit.MilliCPU, Memory: limit.Memory, Shm: limit.Memory * 3 / 10, PIDs: 4096, LogQuota: r.cfg.LogQuota,
			APIPort: r.cfg.APIPort, Egress: egress,
		}
		delete(s.Env, longVar)
		if long != "" {
			s.Env[longVar] = long
		}
		if ours {
			s.Warm = warm
			s.Cold = append([]string{env.Python, filepath.Join(r.cfg.Launcher, "launcher.py")}, words...)
			if warm == "" {
				s.Args = s.Cold
				s.Cold = nil
			}
		}
		specs[i] = s
	}
	return specs, nil
}
