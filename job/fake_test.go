package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firn/driver"
	"firn/pool"
	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// clock is moved by tests.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	calls map[int]timer
	n     int
}

type timer struct {
	at time.Time
	f  func()
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), calls: map[int]timer{}}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	n := c.n
	if d <= 0 {
		go f()
		return func() bool { return false }
	}
	c.calls[n] = timer{c.now.Add(d), f}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, ok := c.calls[n]
		delete(c.calls, n)
		return ok
	}
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []func()
	for n, k := range c.calls {
		if !k.at.After(c.now) {
			due = append(due, k.f)
			delete(c.calls, n)
		}
	}
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// timers is how many wait.
func (c *clock) timers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// machine is the fake driver: instances that end when a test says so, and outlive servers.
type machine struct {
	mu      sync.Mutex
	changed *sync.Cond
	is      map[string]*fakeInstance
	starts  map[string]int
	specs   map[string]driver.Spec
	onStart func(s driver.Spec) error // nil: it starts
	warmed  []driver.Parent
	cooled  []string
}

type fakeInstance struct {
	exit *driver.Exit
	log  string
}

func newMachine() *machine {
	m := &machine{is: map[string]*fakeInstance{}, starts: map[string]int{}, specs: map[string]driver.Spec{}}
	m.changed = sync.NewCond(&m.mu)
	return m
}

func (m *machine) Start(_ context.Context, s driver.Spec) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.is[s.ID] != nil {
		return fmt.Errorf("instance %s was started already", s.ID)
	}
	if m.onStart != nil {
		if err := m.onStart(s); err != nil {
			return err
		}
	}
	m.is[s.ID] = &fakeInstance{}
	m.starts[s.ID]++
	m.specs[s.ID] = s
	m.changed.Broadcast()
	return nil
}

// until waits for a condition on the machine.
func (m *machine) until(t testing.TB, what string, f func() bool) {
	t.Helper()
	late := time.AfterFunc(20*time.Second, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		what = "too late: " + what
		f = func() bool { return true }
		m.changed.Broadcast()
	})
	defer late.Stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for !f() {
		m.changed.Wait()
	}
	if strings.HasPrefix(what, "too late") {
		t.Fatal(what)
	}
}

func (m *machine) runs(t testing.TB, id string) {
	t.Helper()
	m.until(t, id+" runs", func() bool { return m.is[id] != nil })
}

func (m *machine) end(id string, e driver.Exit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.is[id]
	if i == nil || i.exit != nil {
		return
	}
	i.exit = &e
	m.changed.Broadcast()
}

func (m *machine) print(id, line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.is[id]
	i.log += fmt.Sprintf("%d o %s\n", time.Date(2026, 11, 1, 0, 0, len(i.log), 0, time.UTC).UnixNano(), line)
}

func (m *machine) Wait(ctx context.Context, id string) (driver.Exit, error) {
	defer context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.changed.Broadcast()
	})()
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return driver.Exit{}, err
		}
		i := m.is[id]
		if i == nil {
			return driver.Exit{}, driver.ErrUnknown
		}
		if i.exit != nil {
			return *i.exit, nil
		}
		m.changed.Wait()
	}
}

func (m *machine) Stop(ctx context.Context, id string, _ time.Duration) error {
	m.mu.Lock()
	i := m.is[id]
	m.mu.Unlock()
	if i == nil {
		return driver.ErrUnknown
	}
	m.end(id, driver.Exit{Code: 143, Signal: "SIGTERM", Stopped: true})
	_, err := m.Wait(ctx, id)
	return err
}

func (m *machine) Recover(context.Context) (map[string]driver.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]driver.State{}
	for id, i := range m.is {
		out[id] = driver.Running
		if i.exit != nil {
			out[id] = driver.Ended
		}
	}
	return out, nil
}

func (m *machine) Log(_ context.Context, id string, _ bool) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.is[id]
	if i == nil {
		return nil, driver.ErrUnknown
	}
	return io.NopCloser(strings.NewReader(i.log)), nil
}

func (m *machine) Remove(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.is[id]; i != nil && i.exit == nil {
		return errors.New("it runs")
	}
	delete(m.is, id)
	m.changed.Broadcast()
	return nil
}

func (m *machine) Warm(_ context.Context, p driver.Parent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.warmed = append(m.warmed, p)
	return nil
}

func (m *machine) Cool(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cooled = append(m.cooled, key)
	return nil
}

func (m *machine) Limits() []string { return nil }
func (m *machine) Close() error     { return nil }

// rooms are the other rooms that a job asks, on a folder.
type rooms struct {
	root    string // stages: root/DB/S/STAGE
	mu      sync.Mutex
	issued  int
	revoked []string
	ensure  func(ctx context.Context) error
	unmet   error
	egress  map[string][]string
}

func (f *rooms) Dir(_ context.Context, _ *statement.Context, p sql.StagePath) (string, error) {
	parts := []string{f.root}
	for _, n := range p.Stage.Parts {
		parts = append(parts, n.Name)
	}
	dir := filepath.Join(parts...)
	if _, err := os.Stat(dir); err != nil {
		return "", sqlerr.NotExist("Stage", strings.Join(parts[1:], "."))
	}
	return filepath.Join(dir, filepath.FromSlash(p.Path)), nil
}

func (f *rooms) Resolve(request string) (string, error) {
	switch {
	case strings.Contains(request, "3.12"), strings.HasSuffix(request, "py312"):
		return "/firn/runtime/images/cpu:1-py312", nil
	case strings.Contains(request, "bad"):
		return "", sqlerr.Invalid("Unknown runtime '%s'.", request)
	}
	return "/firn/runtime/images/cpu:1-py311", nil
}

func (f *rooms) Minor(image string) (string, error) { return "3." + image[len(image)-2:], nil }

func (f *rooms) Ensure(ctx context.Context, image string, progress func(string)) (Environment, error) {
	f.mu.Lock()
	ensure := f.ensure
	f.mu.Unlock()
	if ensure != nil {
		progress("building the environment")
		if err := ensure(ctx); err != nil {
			return Environment{}, err
		}
	}
	return Environment{Key: "base-py311-x", Minor: "3.11", Python: "/env/bin/python", Trees: []string{"/env"}, Preload: []string{"pandas"}}, nil
}

func (f *rooms) Satisfied(context.Context, Environment, string) error { return f.unmet }

func (f *rooms) IssueToken(_ context.Context, user, role, job string, _ time.Duration) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.issued++
	return fmt.Sprintf("token-%d-%s-%s-%s", f.issued, user, role, job), nil
}

func (f *rooms) RevokeJob(_ context.Context, job string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revoked = append(f.revoked, job)
	return nil
}

func (f *rooms) SchemaID(_ context.Context, database, schema string) (int64, error) {
	if database == "DB1" && schema == "PUBLIC" {
		return 1, nil
	}
	return 0, sqlerr.NotExist("Schema", database+"."+schema)
}

func (f *rooms) Egress(_ context.Context, _ *statement.Context, names []string) ([]string, error) {
	var out []string
	for _, n := range names {
		if f.egress[n] == nil {
			return nil, sqlerr.NotExist("External access integration", n)
		}
		out = append(out, f.egress[n]...)
	}
	return out, nil
}

// bench is a server's rooms with everything around them, and what outlives the server.
type bench struct {
	t       testing.TB
	clock   *clock
	machine *machine
	rooms   *rooms
	store   *store.Store
	dir     string
	share   pool.Resources
	pools   *pool.Room
	room    *Room
	wrap    func(*Config) // tests put things between the room and its surroundings
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, clock: newClock(), machine: newMachine(), dir: t.TempDir(), share: pool.Resources{MilliCPU: 4000, Memory: 16 << 30}}
	b.rooms = &rooms{root: filepath.Join(b.dir, "stages")}
	var err error
	if b.store, err = store.Open(context.Background(), filepath.Join(b.dir, "firn.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.stop(); b.store.Close() })
	payload(t, b, "main")
	return b
}

// payload makes a definition's folder in the stage DB1.PUBLIC.PAY.
func payload(t testing.TB, b *bench, name string) {
	t.Helper()
	for _, d := range []string{"app", "system"} {
		if err := os.MkdirAll(filepath.Join(b.stage(name), d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bench) stage(name string) string {
	return filepath.Join(b.rooms.root, "DB1", "PUBLIC", "PAY", name)
}

func (b *bench) start() *bench {
	b.t.Helper()
	var err error
	if b.pools, err = pool.New(context.Background(), pool.Config{Store: b.store, Clock: b.clock, Machine: b.share}); err != nil {
		b.t.Fatal(err)
	}
	c := Config{Store: b.store, Pools: b.pools, Driver: b.machine, Stages: b.rooms, Runtimes: b.rooms, Tokens: b.rooms, Tree: b.rooms, Networks: b.rooms,
		Dir: filepath.Join(b.dir, "jobs"), Launcher: "/launcher", Account: "FIRN", APIPort: 8085, Clock: b.clock}
	if b.wrap != nil {
		b.wrap(&c)
	}
	if b.room, err = New(context.Background(), c); err != nil {
		b.t.Fatal(err)
	}
	b.pools.OnStop(b.room.StopAll)
	return b
}

func (b *bench) stop() {
	if b.room != nil {
		b.room.Close()
		b.pools.Close()
		b.room = nil
	}
}

func session() *statement.Context {
	return &statement.Context{User: "ADMIN", Role: "ACCOUNTADMIN", Database: "DB1", Schema: "PUBLIC", Query: "01234567-0000-0000-0000-000000000000", Client: statement.Client{Python: "3.11.7", ML: "2.6.0"}}
}

const fileSpec = `{"STAGE_PATH": "@PAY/main", "ARGS": ["bash", "/mnt/job_stage/system/startup.sh", "/mnt/job_stage/app/main.py", "--x", "1"], "ENV_VARS": {"MLRS_STAGE_MOUNT_PATH": "/mnt/job_stage", "MLRS_PAYLOAD_DIR": "app", "MLRS_USE_EMBEDDED_SCRIPTS": "true", "A": 1}, "ENABLE_METRICS": true, "SPEC_OVERRIDES": null, "RUNTIME": null, "ENABLE_STAGE_MOUNT_V2": true}`

func options(extra string) string {
	return `{"EXTERNAL_ACCESS_INTEGRATIONS": null, "QUERY_WAREHOUSE": null, "TARGET_INSTANCES": 1, "MIN_INSTANCES": 1, "GENERATE_SUFFIX": true, "ASYNC": true` + extra + `}`
}

func (b *bench) call(sc *statement.Context, name string, object []string, args ...any) (*result.Result, error) {
	return b.callCtx(context.Background(), sc, name, object, args...)
}

func (b *bench) callCtx(ctx context.Context, sc *statement.Context, name string, object []string, args ...any) (*result.Result, error) {
	for _, f := range b.room.Functions() {
		if f.Name == name {
			return f.Call(ctx, sc, statement.Args{Object: object, Positional: args})
		}
	}
	b.t.Fatalf("no function %s", name)
	return nil, nil
}

// submit sends EXECUTE_ML_JOB and gives the job's name, its last part and its number.
func (b *bench) submit(spec, options string) (full, name string, id int64) {
	b.t.Helper()
	res, err := b.call(session(), "SYSTEM$EXECUTE_ML_JOB", nil, "db1.public.main_0b2db4bc_", pool.SystemPool, spec, options)
	if err != nil {
		b.t.Fatal(err)
	}
	full = res.Rows[0][0].(string)
	name = full[strings.LastIndex(full, ".")+1:]
	j, err := b.store.JobByName(context.Background(), "DB1", "PUBLIC", name)
	if err != nil {
		b.t.Fatalf("%s: %v", full, err)
	}
	return full, name, j.ID
}

func (b *bench) wait(name string) store.Job {
	b.t.Helper()
	if _, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"DB1", "PUBLIC", name}, "DONE", int64(600)); err != nil {
		b.t.Fatal(err)
	}
	j, err := b.store.JobByName(context.Background(), "DB1", "PUBLIC", name)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

func (b *bench) run(s sql.Statement) (*result.Result, error) {
	return b.room.Run(context.Background(), session(), &sql.Parsed{Statement: s}, false)
}

func jobSQL(name string) sql.Name {
	return sql.Name{Parts: []sql.Ident{{Name: "DB1"}, {Name: "PUBLIC"}, {Name: name}}}
}

// column is a column's value in a row of a result.
func column(t testing.TB, r *result.Result, row int, name string) any {
	t.Helper()
	i := slices.IndexFunc(r.Columns, func(c result.Column) bool { return c.Name == name })
	if i < 0 || row >= len(r.Rows) || len(r.Rows[row]) != len(r.Columns) {
		t.Fatalf("no cell %s in row %d of %d rows", name, row, len(r.Rows))
	}
	return r.Rows[row][i]
}
