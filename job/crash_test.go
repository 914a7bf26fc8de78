package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"firn/driver"
	"firn/pool"
	"firn/sql"
	"firn/statement"
	"firn/store"
)

// fuse is a server's life: it burns down with every step the server takes outside of itself, before it and after it, and then the
// server is dead: nothing that it still does has an effect.
type fuse struct {
	mu   sync.Mutex
	left int // < 0: for ever
	out  chan struct{}
}

var errDead = errors.New("the server is dead")

func newFuse(n int) *fuse { return &fuse{left: n, out: make(chan struct{})} }

func (f *fuse) burn() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left < 0 {
		return nil
	}
	if f.left == 0 {
		return errDead
	}
	if f.left--; f.left == 0 {
		close(f.out)
		return errDead
	}
	return nil
}

// step runs one step of the server.
func step[T any](f *fuse, do func() (T, error)) (T, error) {
	var none T
	if err := f.burn(); err != nil {
		return none, err
	}
	v, err := do()
	if e := f.burn(); e != nil {
		return none, e
	}
	return v, err
}

type mortalStore struct {
	Store
	f *fuse
}

func (s mortalStore) InsertJob(ctx context.Context, j store.Job) (store.Job, bool, error) {
	made := false
	got, err := step(s.f, func() (g store.Job, err error) { g, made, err = s.Store.InsertJob(ctx, j); return g, err })
	return got, made, err
}

func (s mortalStore) ChangeJob(ctx context.Context, c store.JobChange) (bool, error) {
	return step(s.f, func() (bool, error) { return s.Store.ChangeJob(ctx, c) })
}

type mortalDriver struct {
	driver.Driver
	f *fuse
}

func (d mortalDriver) Start(ctx context.Context, s driver.Spec) error {
	_, err := step(d.f, func() (int, error) { return 0, d.Driver.Start(ctx, s) })
	return err
}

func (d mortalDriver) Wait(ctx context.Context, id string) (driver.Exit, error) {
	return step(d.f, func() (driver.Exit, error) { return d.Driver.Wait(ctx, id) })
}

func (d mortalDriver) Stop(ctx context.Context, id string, g time.Duration) error {
	_, err := step(d.f, func() (int, error) { return 0, d.Driver.Stop(ctx, id, g) })
	return err
}

func (d mortalDriver) Recover(ctx context.Context) (map[string]driver.State, error) {
	return step(d.f, func() (map[string]driver.State, error) { return d.Driver.Recover(ctx) })
}

func (d mortalDriver) Remove(ctx context.Context, id string) error {
	_, err := step(d.f, func() (int, error) { return 0, d.Driver.Remove(ctx, id) })
	return err
}

func (d mortalDriver) Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	return step(d.f, func() (io.ReadCloser, error) { return d.Driver.Log(ctx, id, follow) })
}

type mortalRooms struct {
	*rooms
	f *fuse
}

func (r mortalRooms) Dir(ctx context.Context, sc *statement.Context, p sql.StagePath) (string, error) {
	return step(r.f, func() (string, error) { return r.rooms.Dir(ctx, sc, p) })
}

func (r mortalRooms) IssueToken(ctx context.Context, user, role, job string, ttl time.Duration) (string, error) {
	return step(r.f, func() (string, error) { return r.rooms.IssueToken(ctx, user, role, job, ttl) })
}

func (r mortalRooms) RevokeJob(ctx context.Context, job string) error {
	_, err := step(r.f, func() (int, error) { return 0, r.rooms.RevokeJob(ctx, job) })
	return err
}

// wish is a job that a client wants, and what it knows of it.
type wish struct {
	request   string
	instances int
	parallel  bool
	codes     []int
	name      string // known once the server acknowledged it
	cancelled bool   // acknowledged
	mayCancel bool   // asked for
	dropped   bool
	mayDrop   bool
}

func (w *wish) spec() (string, string) {
	spec := fileSpec
	if w.parallel {
		spec = strings.Replace(spec, `"A": 1`, `"MLRS_LAUNCH_BACKEND": "passthrough"`, 1)
	}
	return spec, fmt.Sprintf(`{"TARGET_INSTANCES": %d, "GENERATE_SUFFIX": true, "ASYNC": true}`, w.instances)
}

// TestCrashes kills the server at any step, again and again, while clients submit, cancel and drop jobs and instances end: in the end no job is
// lost, run twice, stuck or orphaned, and each has the status that what happened to it asks for.
func TestCrashes(t *testing.T) {
	root := t.TempDir()
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		b := &bench{t: t, clock: newClock(), machine: newMachine(), dir: filepath.Join(root, fmt.Sprint(checks)), share: pool.Resources{MilliCPU: 4000, Memory: 16 << 30}}
		b.rooms = &rooms{root: filepath.Join(b.dir, "stages")}
		if err := os.MkdirAll(b.dir, 0o755); err != nil {
			rt.Fatal(err)
		}
		var err error
		if b.store, err = store.Open(context.Background(), filepath.Join(b.dir, "firn.db")); err != nil {
			rt.Fatal(err)
		}
		defer b.store.Close()
		payload(t, b, "main")

		wishes := make([]*wish, rapid.IntRange(1, 4).Draw(rt, "jobs"))
		for i := range wishes {
			w := &wish{request: fmt.Sprintf("r%d", i), instances: rapid.IntRange(1, 3).Draw(rt, "instances"), parallel: rapid.Bool().Draw(rt, "parallel")}
			for range w.instances {
				w.codes = append(w.codes, rapid.SampledFrom([]int{0, 0, 1}).Draw(rt, "code"))
			}
			wishes[i] = w
		}
		code := func(id string) int { // of an instance, by its job's request
			n, index, _ := parseInstance(id)
			j, err := b.store.Job(context.Background(), n)
			if err != nil {
				return 0
			}
			var k int
			fmt.Sscanf(j.Request, "r%d", &k)
			return wishes[k].codes[index]
		}
		endSome := func() {
			b.machine.mu.Lock()
			var ids []string
			for id, i := range b.machine.is {
				if i.exit == nil {
					ids = append(ids, id)
				}
			}
			b.machine.mu.Unlock()
			for _, id := range ids {
				b.machine.end(id, driver.Exit{Code: code(id)})
			}
		}
		sc := func(w *wish) *statement.Context {
			s := session()
			s.Request = w.request
			return s
		}
		submit := func(w *wish) {
			spec, opts := w.spec()
			res, err := b.call(sc(w), "SYSTEM$EXECUTE_ML_JOB", nil, "db1.public.f_", pool.SystemPool, spec, opts)
			if err == nil {
				full := res.Rows[0][0].(string)
				name := full[strings.LastIndex(full, ".")+1:]
				if w.name != "" && w.name != name {
					rt.Fatalf("one request made %s and %s", w.name, name)
				}
				w.name = name
			}
		}
		start := func(f *fuse) bool {
			b.wrap = func(c *Config) {
				c.Store, c.Driver = mortalStore{c.Store, f}, mortalDriver{c.Driver, f}
				m := mortalRooms{b.rooms, f}
				c.Stages, c.Tokens = m, m
			}
			if b.pools, err = pool.New(context.Background(), pool.Config{Store: b.store, Clock: b.clock, Machine: b.share}); err != nil {
				rt.Fatal(err)
			}
			c := Config{Store: b.store, Pools: b.pools, Driver: b.machine, Stages: b.rooms, Runtimes: b.rooms, Tokens: b.rooms, Tree: b.rooms,
				Dir: filepath.Join(b.dir, "jobs"), Launcher: "/launcher", Account: "FIRN", APIPort: 8085, Clock: b.clock}
			b.wrap(&c)
			if b.room, err = New(context.Background(), c); err != nil {
				if !errors.Is(err, errDead) {
					rt.Fatal(err)
				}
				b.pools.Close()
				b.room = nil
				return false
			}
			return true
		}
		defer func() { b.stop() }()

		for range rapid.IntRange(1, 4).Draw(rt, "crashes") {
			f := newFuse(rapid.IntRange(1, 50).Draw(rt, "steps"))
			if !start(f) {
				continue
			}
			alive, dead := context.WithCancel(context.Background()) // a client's wait for an answer ends with the server
			go func() {
				select {
				case <-f.out:
				case <-alive.Done():
				}
				dead()
			}()
			for range rapid.IntRange(0, 8).Draw(rt, "events") {
				w := wishes[rapid.IntRange(0, len(wishes)-1).Draw(rt, "job")]
				switch what := rapid.SampledFrom([]string{"submit", "submit", "end", "cancel", "drop", "settle"}).Draw(rt, "event"); {
				case what == "submit" && !w.dropped && !w.mayDrop:
					submit(w)
				case what == "end":
					endSome()
				case what == "cancel" && w.name != "":
					w.mayCancel = true
					if _, err := b.callCtx(alive, session(), "!SPCS_CANCEL_JOB", []string{"DB1", "PUBLIC", w.name}); err == nil {
						w.cancelled = true
					}
				case what == "drop" && w.name != "":
					w.mayDrop = true
					if _, err := b.room.Run(alive, session(), &sql.Parsed{Statement: &sql.Drop{Kind: "SERVICE", Name: jobSQL(w.name)}}, false); err == nil {
						w.dropped = true
					}
				case what == "settle" && w.name != "":
					endSome() // and give it the time to notice
					select {
					case <-f.out:
					case <-time.After(2 * time.Millisecond):
					}
				}
			}
			dead()
			b.stop()
		}

		// The last server lives; whoever did not hear of his job asks again.
		if !start(newFuse(-1)) {
			rt.Fatal("the last server did not start")
		}
		for _, w := range wishes {
			if w.name == "" {
				submit(w)
				if w.name == "" {
					rt.Fatalf("%s was not accepted", w.request)
				}
			}
		}
		late := time.After(30 * time.Second)
		tick := time.NewTicker(200 * time.Microsecond)
		defer tick.Stop()
		for {
			endSome()
			open, err := b.store.OpenJobs(context.Background())
			if err != nil {
				rt.Fatal(err)
			}
			if len(open) == 0 {
				break
			}
			select {
			case <-tick.C:
			case <-late:
				rt.Fatalf("stuck: %+v", open)
			}
		}
		b.room.Close() // waits for what follows a job's end
		jobs, err := b.store.Jobs(context.Background(), store.JobFilter{})
		if err != nil || len(jobs) != len(wishes) {
			rt.Fatalf("%d jobs for %d wishes: %v", len(jobs), len(wishes), err)
		}
		for id, n := range b.machine.starts {
			if n != 1 {
				rt.Fatalf("instance %s was started %d times", id, n)
			}
		}
		for id, i := range b.machine.is {
			if i.exit == nil {
				rt.Fatalf("instance %s runs on", id)
			}
		}
		for _, j := range jobs {
			var k int
			fmt.Sscanf(j.Request, "r%d", &k)
			w := wishes[k]
			want := Done
			for i, c := range w.codes {
				if c != 0 && (i == 0 || w.parallel) {
					want = Failed
				}
			}
			got := Status(j.Status)
			switch {
			case w.dropped && got != Deleted:
				rt.Fatalf("%s was dropped but is %s", j.Name, got)
			case got == Deleted && !w.mayDrop, got == Cancelled && !w.mayCancel && !w.mayDrop:
				rt.Fatalf("%s is %s and nobody asked for it", j.Name, got)
			case got != Deleted && got != Cancelled && got != want:
				rt.Fatalf("%s is %s (%s), want %s: %+v", j.Name, got, j.Message, want, w)
			case (got == Deleted) != !j.Deleted.IsZero(), j.Completed.IsZero():
				rt.Fatalf("%s is %s with the times %v %v", j.Name, got, j.Deleted, j.Completed)
			}
			if got != Deleted {
				if _, err := os.Stat(filepath.Join(b.stage("main"), resultDir(j.Name), resultFile)); err != nil {
					rt.Fatalf("%s is %s without a result: %v", j.Name, got, err)
				}
			}
			if _, err := os.Stat(filepath.Join(b.dir, "jobs", fmt.Sprint(j.ID), "files")); !errors.Is(err, os.ErrNotExist) {
				rt.Fatalf("%s is %s and its token is still there: %v", j.Name, got, err)
			}
		}
	})
}
