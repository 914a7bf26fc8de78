package pool

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// testClock is a clock that tests move.
type testClock struct {
	mu    sync.Mutex
	now   time.Time
	calls map[int]*testCall
	n     int
}

type testCall struct {
	at time.Time
	f  func()
}

func newTestClock() *testClock {
	return &testClock{now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), calls: map[int]*testCall{}}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	n := c.n
	c.calls[n] = &testCall{c.now.Add(d), f}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, ok := c.calls[n]
		delete(c.calls, n)
		return ok
	}
}

// advance moves the clock and runs what is due.
func (c *testClock) advance(d time.Duration) {
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

func open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "firn.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func machine(cpus, gib int64) Resources { return Resources{MilliCPU: cpus * 1000, Memory: gib << 30} }

func room(t testing.TB, s Store, c Clock, m Resources) *Room {
	t.Helper()
	r, err := New(t.Context(), Config{Store: s, Clock: c, Machine: m, Unenforced: []string{"memory of the sum"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func name(s string) sql.Name { return sql.Name{Parts: []sql.Ident{{Name: s}}} }

func number_(n, v string) sql.Option { return sql.Option{Name: n, Value: sql.Value{Number: v}} }

func word_(n, v string) sql.Option { return sql.Option{Name: n, Value: sql.Value{Word: v, Raw: v}} }

func run(t testing.TB, r *Room, s sql.Statement) *result.Result {
	t.Helper()
	res, err := r.Run(t.Context(), &statement.Context{Role: "ACCOUNTADMIN"}, &sql.Parsed{Statement: s}, false)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func fails(t testing.TB, r *Room, s sql.Statement, code int, text string) {
	t.Helper()
	_, err := r.Run(t.Context(), &statement.Context{Role: "ACCOUNTADMIN"}, &sql.Parsed{Statement: s}, false)
	if !sqlerr.Is(err, code) || !strings.Contains(err.Error(), text) {
		t.Fatalf("got %v, want %d with %q", err, code, text)
	}
}

// cell is a column's value in the first row.
func cell(t testing.TB, r *result.Result, column string) any {
	t.Helper()
	i := slices.IndexFunc(r.Columns, func(c result.Column) bool { return c.Name == column })
	if i < 0 || len(r.Rows) == 0 || len(r.Rows[0]) != len(r.Columns) {
		t.Fatalf("no column %s in %d rows of %v", column, len(r.Rows), r.Columns)
	}
	return r.Rows[0][i]
}

func describe(t testing.TB, r *Room, pool, column string) any {
	t.Helper()
	return cell(t, run(t, r, &sql.Describe{Kind: kindPool, Name: name(pool)}), column)
}

func create(t testing.TB, r *Room, n string, options ...sql.Option) {
	t.Helper()
	run(t, r, &sql.Create{Kind: kindPool, Name: name(n), Options: append([]sql.Option{number_("MIN_NODES", "1"), word_("INSTANCE_FAMILY", "CPU_X64_XS")}, options...)})
}

func TestSystemPoolAndItsLife(t *testing.T) {
	s, c := open(t), newTestClock()
	r := room(t, s, c, machine(4, 16))
	if got := describe(t, r, SystemPool, "state"); got != "SUSPENDED" {
		t.Fatalf("state %v", got)
	}
	granted := make(chan Grant, 1)
	if err := r.Enqueue(t.Context(), Request{Job: 1, Pool: SystemPool, Instances: 1, Granted: func(g Grant) { granted <- g }}); err != nil {
		t.Fatal(err)
	}
	if g := <-granted; g.Instances != 1 {
		t.Fatalf("granted %+v", g)
	}
	if got := describe(t, r, SystemPool, "state"); got != "ACTIVE" {
		t.Fatalf("state %v", got)
	}
	if ps, _ := s.Pools(t.Context()); len(ps) != 1 || ps[0].Suspended || ps[0].Resumed.IsZero() {
		t.Fatalf("the resume was not recorded: %+v", ps)
	}
	run(t, r, &sql.Alter{Kind: kindPool, Name: name(SystemPool), Action: "SUSPEND"})
	if got := describe(t, r, SystemPool, "state"); got != "STOPPING" {
		t.Fatalf("state %v", got)
	}
	run(t, r, &sql.Alter{Kind: kindPool, Name: name(SystemPool), Action: "RESUME"})
	c.advance(systemAutoSuspend * time.Second)
	if got := describe(t, r, SystemPool, "state"); got != "ACTIVE" {
		t.Fatalf("a busy pool was suspended: %v", got)
	}
	r.Release(1)
	r.Release(1)
	if got := describe(t, r, SystemPool, "state"); got != "IDLE" {
		t.Fatalf("state %v", got)
	}
	c.advance((systemAutoSuspend - 1) * time.Second)
	if got := describe(t, r, SystemPool, "state"); got != "IDLE" {
		t.Fatalf("suspended early: %v", got)
	}
	c.advance(time.Second)
	if got := describe(t, r, SystemPool, "state"); got != "SUSPENDED" {
		t.Fatalf("state %v", got)
	}
	if ps, _ := s.Pools(t.Context()); !ps[0].Suspended {
		t.Fatal("the suspend was not recorded")
	}
	if r2 := room(t, s, c, machine(4, 16)); describe(t, r2, SystemPool, "auto_suspend_secs") != int64(systemAutoSuspend) {
		t.Fatal("another start made another pool")
	}
}

func TestStatements(t *testing.T) {
	r := room(t, open(t), newTestClock(), machine(2, 8))
	create(t, r, "P", number_("MAX_NODES", "2"), sql.Option{Name: "COMMENT", Value: sql.Value{Text: &sql.Text{Value: "mine"}}})
	if got := describe(t, r, "P", "comment"); got != "mine" {
		t.Fatalf("comment %v", got)
	}
	if got := describe(t, r, "P", "status_message"); got != "not enforced here: memory of the sum" {
		t.Fatalf("status_message %v", got)
	}
	shown := run(t, r, &sql.Show{Kind: kindPools, Like: &sql.Text{Value: "p"}, Limit: -1})
	if len(shown.Rows) != 1 || cell(t, shown, "comment") != "mine (not enforced here: memory of the sum)" || cell(t, shown, "max_nodes") != int64(2) || cell(t, shown, "auto_resume") != "true" {
		t.Fatalf("SHOW %v", shown.Rows)
	}
	if all := run(t, r, &sql.Show{Kind: kindPools, Limit: -1}); len(all.Rows) != 2 {
		t.Fatalf("SHOW %v", all.Rows)
	}
	if one := run(t, r, &sql.Show{Kind: kindPools, Limit: 1}); len(one.Rows) != 1 || one.Rows[0][0] != "P" {
		t.Fatalf("SHOW %v", one.Rows)
	}
	fails(t, r, &sql.Create{Kind: kindPool, Name: name("P"), Options: []sql.Option{number_("MIN_NODES", "1"), number_("MAX_NODES", "1"), word_("INSTANCE_FAMILY", "CPU_X64_XS")}}, 2002, "'P' already exists")
	fails(t, r, &sql.Create{Kind: kindPool, Name: name("Q"), Options: []sql.Option{number_("MIN_NODES", "1"), number_("MAX_NODES", "1"), word_("INSTANCE_FAMILY", "CPU_BIG")}}, 1008, "'CPU_BIG'")
	fails(t, r, &sql.Create{Kind: kindPool, Name: name("Q"), Options: []sql.Option{number_("MIN_NODES", "3"), number_("MAX_NODES", "1"), word_("INSTANCE_FAMILY", "CPU_X64_S")}}, 1008, "MIN_NODES (3)")
	fails(t, r, &sql.Create{Kind: kindPool, Name: name("Q"), Options: []sql.Option{number_("MIN_NODES", "1")}}, 2029, "MAX_NODES")
	fails(t, r, &sql.Create{Kind: kindPool, Name: name("Q"), Options: []sql.Option{word_("PLACEMENT_GROUP", "A")}}, 2, "PLACEMENT_GROUP")
	fails(t, r, &sql.Describe{Kind: kindPool, Name: name("NONE")}, 2003, "'NONE'")
	fails(t, r, &sql.Drop{Kind: kindPool, Name: name("NONE")}, 2003, "'NONE'")
	run(t, r, &sql.Drop{Kind: kindPool, Name: name("NONE"), IfExists: true})

	run(t, r, &sql.Alter{Kind: kindPool, Name: name("P"), Action: "SET", Options: []sql.Option{number_("MAX_NODES", "5"), word_("AUTO_RESUME", "FALSE")}})
	if got := describe(t, r, "P", "max_nodes"); got != int64(5) {
		t.Fatalf("max_nodes %v", got)
	}
	run(t, r, &sql.Alter{Kind: kindPool, Name: name("P"), Action: "UNSET", Names: []string{"COMMENT"}})
	if got := describe(t, r, "P", "comment"); got != nil {
		t.Fatalf("comment %v", got)
	}
	stopped := make(chan []int64, 1)
	r.OnStop(func(_ context.Context, js []int64) { stopped <- js })
	if err := r.Enqueue(t.Context(), Request{Job: 7, Pool: "P", Instances: 1}); err != nil {
		t.Fatal(err)
	}
	fails(t, r, &sql.Drop{Kind: kindPool, Name: name("P")}, 393003, "1 jobs")
	run(t, r, &sql.Alter{Kind: kindPool, Name: name("P"), Action: "STOP ALL"})
	if js := <-stopped; !slices.Equal(js, []int64{7}) {
		t.Fatalf("stopped %v", js)
	}
	r.Release(7)
	run(t, r, &sql.Drop{Kind: kindPool, Name: name("P")})
	fams := run(t, r, &sql.Show{Kind: kindFamilies, Limit: -1})
	if fams.Rows[0][0] != "CPU_X64_XS" || cell(t, fams, "storage_gib") != "93.13" {
		t.Fatalf("families %v", fams.Rows[0])
	}
}

func TestWhatNeverFits(t *testing.T) {
	r := room(t, open(t), newTestClock(), machine(2, 8))
	create(t, r, "P", number_("MAX_NODES", "2"))
	create(t, r, "BIG", number_("MAX_NODES", "9"), word_("INSTANCE_FAMILY", "CPU_X64_L"))
	for _, c := range []struct {
		q    Request
		text string // "" = fits
	}{
		{Request{Pool: "P", Instances: 1}, ""},
		{Request{Pool: "P", Instances: 2}, ""},
		{Request{Pool: "P", Instances: 3}, "at most 2"},
		{Request{Pool: "P", Instances: 3, Min: 2}, ""},
		{Request{Pool: "P", Instances: 1, Reserve: machine(2, 1)}, "asks for 2 CPU and 1 GiB but a node of compute pool P"},
		{Request{Pool: "BIG", Instances: 1, Reserve: machine(3, 1)}, "this machine's share for jobs is 2 CPU"},
		{Request{Pool: "BIG", Instances: 3}, "reserve 3 CPU and 6 GiB together"},
		{Request{Pool: "BIG", Instances: 1, Min: 2}, "must not be larger"},
		{Request{Pool: "X", Instances: 1}, "Compute pool 'X' does not exist"},
	} {
		err := r.Check(c.q)
		if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%+v: %v, want %q", c.q, err, c.text)
		}
	}
	// On a machine smaller than the usual reservation that one shrinks.
	small := room(t, open(t), newTestClock(), Resources{MilliCPU: 500, Memory: 1 << 30})
	if err := small.Check(Request{Pool: SystemPool, Instances: 1}); err != nil {
		t.Error(err)
	}
}

func TestWhyPending(t *testing.T) {
	r := room(t, open(t), newTestClock(), machine(2, 8))
	create(t, r, "P", number_("MAX_NODES", "9"))
	create(t, r, "GPU", number_("MAX_NODES", "9"), word_("INSTANCE_FAMILY", "GPU_NV_S"))
	create(t, r, "OFF", number_("MAX_NODES", "1"), word_("INITIALLY_SUSPENDED", "TRUE"), word_("AUTO_RESUME", "FALSE"))
	for i, p := range []string{"P", "P", "P", "P", "GPU", "OFF"} {
		if err := r.Enqueue(t.Context(), Request{Job: int64(i), Pool: p, Instances: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for job, want := range map[int64]string{
		0: "",
		3: "compute pool P, 2 of 9 nodes busy, 2nd in queue. It reserves 1 CPU and 2 GiB; the machine has 0 CPU and 4 GiB free of 2 CPU and 8 GiB.",
		4: "this machine has no GPU",
		5: "ALTER COMPUTE POOL OFF RESUME",
	} {
		if got := r.Pending(job); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("job %d: %q, want %q", job, got, want)
		}
	}
	if got := describe(t, r, "GPU", "error_code"); got != "392507" {
		t.Errorf("GPU pool: %v", got)
	}
	run(t, r, &sql.Alter{Kind: kindPool, Name: name("OFF"), Action: "RESUME"})
	r.Release(0)
	r.Release(1)
	if got := r.Pending(3) + r.Pending(5); got != "" { // 2 and 3 are on the machine now, so 5 waits behind
		if !strings.Contains(got, "the machine has 0 CPU") {
			t.Error(got)
		}
	}
}

// TestPlacement holds the rules of placement on random jobs: never over the machine's share nor over a pool's nodes, all of a gang or at
// least its minimum or none, and everyone's turn comes.
func TestPlacement(t *testing.T) {
	s := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		ps, err := s.Pools(context.Background())
		if err != nil {
			rt.Fatal(err)
		}
		for _, p := range ps {
			if err := s.DeletePool(context.Background(), p.ID); err != nil {
				rt.Fatal(err)
			}
		}
		m := machine(rapid.Int64Range(1, 8).Draw(rt, "cpus"), rapid.Int64Range(2, 24).Draw(rt, "gib"))
		r, err := New(context.Background(), Config{Store: s, Clock: newTestClock(), Machine: m})
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		sc := &statement.Context{Role: "R"}
		pools := map[string]int{"A": rapid.IntRange(1, 4).Draw(rt, "a"), "B": rapid.IntRange(1, 4).Draw(rt, "b")}
		for n, most := range pools {
			c := &sql.Create{Kind: kindPool, Name: name(n), Options: []sql.Option{number_("MIN_NODES", "1"), {Name: "MAX_NODES", Value: sql.Value{Number: number(float64(most))}}, word_("INSTANCE_FAMILY", "CPU_X64_M")}}
			if _, err := r.Run(context.Background(), sc, &sql.Parsed{Statement: c}, false); err != nil {
				rt.Fatal(err)
			}
		}
		var mu sync.Mutex
		grants := map[int64]int{}
		var wg sync.WaitGroup
		asked := map[int64]Request{}
		check := func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if !r.used.fits(r.cfg.Machine) {
				rt.Fatalf("machine: %v used of %v", r.used, r.cfg.Machine)
			}
			var sum Resources
			for n, s := range r.pools {
				if len(s.nodes) > s.MaxNodes {
					rt.Fatalf("pool %s: %d nodes of %d", n, len(s.nodes), s.MaxNodes)
				}
				per := map[int64]int{}
				for _, x := range s.nodes {
					if !x.used.fits(r.families[s.Family].Capacity()) || len(x.jobs) == 0 {
						rt.Fatalf("node %+v", x)
					}
					sum = sum.plus(x.used, 1)
					for j := range x.jobs {
						per[j]++
					}
				}
				for j, k := range per {
					if q := asked[j]; r.tickets[j].granted != k || k > q.Instances || k < max(q.Min, 1) || q.Min == 0 && k != q.Instances {
						rt.Fatalf("job %d has %d nodes for %+v", j, k, q)
					}
				}
			}
			if sum != r.used {
				rt.Fatalf("nodes hold %v, the machine counts %v", sum, r.used)
			}
		}
		var live []int64
		rt.Repeat(map[string]func(*rapid.T){
			"enqueue": func(rt *rapid.T) {
				id := int64(len(asked) + 1)
				q := Request{Job: id, Pool: rapid.SampledFrom([]string{"A", "B", SystemPool}).Draw(rt, "pool"), Instances: rapid.IntRange(1, 4).Draw(rt, "n")}
				q.Min = rapid.IntRange(0, q.Instances).Draw(rt, "min")
				q.Reserve = Resources{MilliCPU: rapid.Int64Range(0, 3).Draw(rt, "cpu") * 500, Memory: rapid.Int64Range(0, 3).Draw(rt, "mem") << 30}
				if q.Pool == SystemPool {
					q.Pool = "A"
				}
				asked[id] = q
				wg.Add(1)
				q.Granted = func(g Grant) {
					defer wg.Done()
					mu.Lock()
					defer mu.Unlock()
					if _, twice := grants[id]; twice {
						panic("granted twice")
					}
					grants[id] = g.Instances
				}
				if err := r.Enqueue(context.Background(), q); err != nil {
					wg.Done()
					delete(asked, id)
					asked[id] = Request{}
					if r.Check(q) == nil {
						rt.Fatalf("%+v: %v", q, err)
					}
					return
				}
				live = append(live, id)
			},
			"release": func(rt *rapid.T) {
				if len(live) == 0 {
					return
				}
				i := rapid.IntRange(0, len(live)-1).Draw(rt, "i")
				r.mu.Lock()
				waits := r.tickets[live[i]].granted == 0
				r.mu.Unlock()
				r.Release(live[i])
				if waits {
					wg.Done() // it will never be called
				}
				live = slices.Delete(live, i, i+1)
			},
			"": func(*rapid.T) { check() },
		})
		// Everyone's turn comes: as long as somebody runs, ending them lets the others in, in the end all.
		for len(live) > 0 {
			r.mu.Lock()
			i := slices.IndexFunc(live, func(id int64) bool { return r.tickets[id].granted > 0 })
			r.mu.Unlock()
			if i < 0 {
				rt.Fatalf("%d jobs wait and nobody runs", len(live))
			}
			r.Release(live[i])
			live = slices.Delete(live, i, i+1)
			check()
		}
		wg.Wait()
	})
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"MLJOB_%", "MLJOB_ABC", true}, {"mljob\\_%", "MLJOBXABC", false}, {"mljob\\_%", "MLJOB_ABC", true}, {"%A%B", "XAYAB", true}, {"", "", true}, {"_", "", false}, {"%", "", true}, {"A", "AB", false},
	} {
		if got := Like(c.pattern, c.name); got != c.want {
			t.Errorf("%q like %q: %v", c.name, c.pattern, got)
		}
	}
}

func BenchmarkQueue(b *testing.B) {
	r, err := New(b.Context(), Config{Store: open(b), Clock: newTestClock(), Machine: machine(2, 8)})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for i := 0; b.Loop(); i++ {
		if err := r.Enqueue(b.Context(), Request{Job: int64(i), Pool: SystemPool, Instances: 1}); err != nil {
			b.Fatal(err)
		}
		if i >= 100 {
			r.Release(int64(i - 100))
		}
	}
}
