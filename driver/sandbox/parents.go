package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"firn/driver"
	"firn/driver/sandbox/plan"
)

// parents are the warm interpreters. Each is a shim of its own whose life hangs on a pipe of the server's.
type parents struct {
	d    *Driver
	mu   sync.Mutex
	list map[string]*parent
	n    int
	done bool
	kept sync.WaitGroup
}

type parent struct {
	spec   driver.Parent
	cancel context.CancelFunc
	ended  chan struct{} // closed when it is gone for good

	mu  sync.Mutex
	dir string        // where its socket is; "" while there is none
	up  chan struct{} // closed when there is one
}

func (n *parent) set(dir string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.up == nil || n.dir != "" {
		n.up = make(chan struct{})
	}
	if n.dir = dir; dir != "" {
		close(n.up)
	}
}

const (
	parentMemory = 4 << 30
	parentPIDs   = 4096
	firstPause   = 200 * time.Millisecond
	longestPause = 30 * time.Second
)

// warm starts a parent, or replaces one that is not the same any more.
func (x *parents) warm(ctx context.Context, p driver.Parent) error {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return os.ErrClosed
	}
	old := x.list[p.Key]
	if old != nil && reflect.DeepEqual(old.spec, p) {
		x.mu.Unlock()
		return nil
	}
	if x.list == nil {
		x.list = map[string]*parent{}
	}
	life, cancel := context.WithCancel(context.Background())
	n := &parent{spec: p, cancel: cancel, ended: make(chan struct{})}
	x.list[p.Key] = n
	x.mu.Unlock()
	if old != nil {
		old.cancel()
	}
	run, err := x.start(ctx, n)
	if err != nil {
		cancel()
		close(n.ended)
		x.mu.Lock()
		if x.list[p.Key] == n {
			delete(x.list, p.Key)
		}
		x.mu.Unlock()
		return fmt.Errorf("sandbox: warm parent %s: %w", p.Key, err)
	}
	x.kept.Go(func() { x.keep(life, n, run) })
	return nil
}

// running is one life of a parent.
type running struct {
	id   string
	life *os.File // our end: closing it ends the parent
	at   time.Time
}

func (x *parents) start(ctx context.Context, n *parent) (*running, error) {
	x.mu.Lock()
	x.n++
	num := x.n
	x.mu.Unlock()
	d := x.d
	spec := n.spec
	var err error
	if spec.Trees, err = d.skel.trees(spec.Trees); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// The name is new at every server start: the group of the last one may still be dying.
	id := fmt.Sprintf("parent-%d-%d", os.Getpid(), num)
	p := plan.Plan{
		Kind: plan.Parent, Parent: &spec, Shim: d.cfg.Shim, Root: d.skel.root, Etc: d.skel.etc(false), System: d.skel.system, Cgroup: d.group,
		Spec: driver.Spec{ID: id, Memory: parentMemory, PIDs: parentPIDs, Shm: 16 << 20, LogQuota: 1 << 20},
	}
	if d.report.Ranges {
		p.UID = parentUID + num%parentUIDs // of its own: one parent can neither signal nor trace another, nor the server
	}
	if err := d.warm.Start(ctx, id, &p, r); err != nil {
		w.Close()
		return nil, err
	}
	n.set(filepath.Join(d.warm.Dir, id))
	return &running{id: id, life: w, at: time.Now()}, nil
}

// keep replaces the parent whenever it has died, until life is over.
func (x *parents) keep(life context.Context, n *parent, run *running) {
	defer close(n.ended)
	pause := firstPause
	for {
		if run != nil {
			_, err := x.d.warm.Wait(life, run.id)
			n.set("")
			run.life.Close()
			x.bury(life, n, run, err)
			if time.Since(run.at) > longestPause {
				pause = firstPause
			}
		}
		t := time.NewTimer(pause)
		select {
		case <-life.Done():
			t.Stop()
			return
		case <-t.C:
		}
		pause = min(2*pause, longestPause)
		var err error
		if run, err = x.start(life, n); err != nil && life.Err() == nil {
			x.d.log.Warn("sandbox: warm parent cannot be started", "key", n.spec.Key, "err", err)
		}
	}
}

// bury removes a dead parent; if it died by itself its last words are worth a line.
func (x *parents) bury(life context.Context, n *parent, run *running, werr error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	e, err := x.d.warm.Wait(ctx, run.id)
	if life.Err() == nil {
		x.d.log.Warn("sandbox: warm parent ended", "key", n.spec.Key, "code", e.Code, "reason", e.Reason, "err", werr, "said", x.last(ctx, run.id))
	}
	if err == nil {
		err = x.d.warm.Remove(ctx, run.id)
	}
	if err != nil {
		x.d.log.Warn("sandbox: a warm parent is still there", "key", n.spec.Key, "err", err)
	}
}

func (x *parents) last(ctx context.Context, id string) string {
	l, err := x.d.warm.Log(ctx, id, false)
	if err != nil {
		return ""
	}
	defer l.Close()
	b, _ := io.ReadAll(l)
	return string(bytes.TrimSpace(b[max(0, len(b)-500):]))
}

// socket is the directory of a parent's socket; "" if it cannot serve now.
func (x *parents) socket(key string) string {
	x.mu.Lock()
	n := x.list[key]
	x.mu.Unlock()
	if n == nil {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dir
}

// cool ends a parent; children go on.
func (x *parents) cool(ctx context.Context, key string) error {
	x.mu.Lock()
	n := x.list[key]
	delete(x.list, key)
	x.mu.Unlock()
	if n == nil {
		return nil
	}
	n.cancel()
	select {
	case <-n.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *parents) close() {
	x.mu.Lock()
	x.done = true
	list := x.list
	x.list = nil
	x.mu.Unlock()
	for _, n := range list {
		n.cancel()
	}
	x.kept.Wait()
}
