// Package drivertest is the conformance suite of drivers: what job and pool rely on, in tests that any driver.Driver must
// pass. A driver's own tests call Run.
package drivertest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver"
)

// Options say what a driver promises beyond the interface.
type Options struct {
	Isolated bool // Mounts, Files, Host and PIDs have their effect; without it payloads see the host's paths
	Memory   bool // Memory is enforced
	Network  bool // instances of one job find each other by name
	// Shim is the process that keeps a running instance; nil: there is nothing like it.
	Shim func(t *testing.T, d driver.Driver, id string) int
}

// patience is the longest that any one step may take; nothing waits for it to pass.
const patience = 60 * time.Second

type suite struct {
	open func(t *testing.T, dir string) driver.Driver
	o    Options
}

// Run runs the suite. open makes a driver that keeps its things in dir; opened again on the same dir, after Close, it is
// the driver of the next server.
func Run(t *testing.T, open func(t *testing.T, dir string) driver.Driver, o Options) {
	s := &suite{open, o}
	for _, c := range []struct {
		name string
		f    func(*testing.T)
	}{
		{"Exit", s.exit}, {"Signals", s.signals}, {"Stop", s.stop}, {"StopGrace", s.stopGrace}, {"StopAtOnce", s.stopAtOnce}, {"Unknown", s.unknown}, {"Twice", s.twice},
		{"Refused", s.refused}, {"StartCancel", s.startCancel}, {"Log", s.log}, {"LogQuota", s.logQuota}, {"LogSeek", s.logSeek}, {"Follow", s.follow}, {"FollowCancel", s.followCancel}, {"Env", s.env},
		{"WaitCancel", s.waitCancel}, {"Many", s.many}, {"Recover", s.recover}, {"KilledShim", s.killedShim}, {"Remove", s.remove},
		{"Mounts", s.mounts}, {"Files", s.files}, {"PIDs", s.pids}, {"Memory", s.memory}, {"Peers", s.peers}, {"Orphans", s.orphans},
	} {
		t.Run(c.name, c.f)
	}
}

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return c
}

// driver opens a driver in a new directory.
func (s *suite) driver(t *testing.T) driver.Driver {
	d := s.open(t, t.TempDir())
	t.Cleanup(func() { s.end(t, d) })
	return d
}

// end stops and removes all that a test started, and the driver.
func (s *suite) end(t *testing.T, d driver.Driver) {
	c, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all, err := d.Recover(c)
	if err != nil {
		t.Errorf("recover at the end: %v", err)
	}
	for id := range all {
		if err := d.Stop(c, id, 0); err != nil {
			t.Errorf("stop %s: %v", id, err)
		}
		if t.Failed() {
			b, _ := readLog(c, d, id)
			t.Logf("log of %s:\n%s", id, b[max(0, len(b)-2000):])
		}
		if err := d.Remove(c, id); err != nil {
			t.Errorf("remove %s: %v", id, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Shell is a spec that runs a shell script.
func Shell(id, script string) driver.Spec {
	return driver.Spec{
		ID: id, Job: id, Host: id, Count: 1, Args: []string{"/bin/sh", "-c", script}, Env: map[string]string{"PATH": "/usr/bin:/bin"}, Dir: "/tmp",
		MilliCPU: 1000, Memory: 512 << 20, Shm: 16 << 20, PIDs: 256, LogQuota: 1 << 20,
	}
}

func start(t *testing.T, d driver.Driver, s driver.Spec) {
	t.Helper()
	if err := d.Start(ctx(t), s); err != nil {
		t.Fatalf("start %s: %v", s.ID, err)
	}
}

func wait(t *testing.T, d driver.Driver, id string) driver.Exit {
	t.Helper()
	e, err := d.Wait(ctx(t), id)
	if err != nil {
		t.Fatalf("wait %s: %v", id, err)
	}
	return e
}

func readLog(c context.Context, d driver.Driver, id string) ([]byte, error) {
	r, err := d.Log(c, id, false)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Line is one parsed line of a log.
type Line struct {
	At     time.Time
	Stream byte
	Text   string
}

func parse(t *testing.T, l string) Line {
	t.Helper()
	f := strings.SplitN(l, " ", 3)
	if len(f) != 3 || len(f[1]) != 1 {
		t.Fatalf("not a line of a log: %q", l)
	}
	n, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		t.Fatalf("not a line of a log: %q", l)
	}
	return Line{time.Unix(0, n), f[1][0], f[2]}
}

// Lines reads an instance's whole log.
func Lines(t *testing.T, d driver.Driver, id string) []Line {
	t.Helper()
	b, err := readLog(ctx(t), d, id)
	if err != nil {
		t.Fatalf("log %s: %v", id, err)
	}
	var out []Line
	for l := range strings.Lines(string(b)) {
		if !strings.HasSuffix(l, "\n") {
			t.Fatalf("half a line: %q", l)
		}
		out = append(out, parse(t, strings.TrimSuffix(l, "\n")))
	}
	return out
}

// Text is what an instance printed, both streams.
func Text(t *testing.T, d driver.Driver, id string) string {
	t.Helper()
	var b strings.Builder
	for _, l := range Lines(t, d, id) {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

// gate is a named pipe that a payload waits at until the test opens it: no sleeping on either side.
type gate struct {
	dir    string
	inside string // path of the pipe for the payload
}

func (s *suite) gate(t *testing.T, spec *driver.Spec) gate {
	t.Helper()
	g := gate{dir: t.TempDir()}
	if err := unix.Mkfifo(filepath.Join(g.dir, "gate"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.inside = filepath.Join(g.dir, "gate")
	if s.o.Isolated {
		spec.Mounts = append(spec.Mounts, driver.Mount{Source: g.dir, Target: "/mnt/gate"})
		g.inside = "/mnt/gate/gate"
	}
	spec.Env["GATE"] = g.inside
	return g
}

// pass lets one `cat $GATE` go.
func (g gate) pass(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(g.dir, "gate"), os.O_WRONLY, 0) // blocks until the payload is there
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func (s *suite) exit(t *testing.T) {
	d := s.driver(t)
	for i, c := range []struct {
		args []string
		code int
	}{
		{[]string{"/bin/sh", "-c", "exit 0"}, 0},
		{[]string{"/bin/sh", "-c", "exit 3"}, 3},
		{[]string{"/bin/sh", "-c", "exit 255"}, 255},
		{[]string{"true"}, 0}, // by PATH
		{[]string{"/no/such/program"}, 127},
		{[]string{"/etc/passwd"}, 126},
	} {
		sp := Shell(fmt.Sprintf("exit-%d", i), "")
		sp.Args = c.args
		before := time.Now()
		start(t, d, sp)
		e := wait(t, d, sp.ID)
		if e.Code != c.code || e.Signal != "" || e.OOM || e.Stopped || e.Reason != "" {
			t.Errorf("%v: %+v, want code %d alone", c.args, e, c.code)
		}
		if e.Started.Before(before) || e.Ended.Before(e.Started) || e.Ended.After(time.Now()) {
			t.Errorf("%v: times %v %v", c.args, e.Started, e.Ended)
		}
		again := wait(t, d, sp.ID)
		if again.Code != e.Code || !again.Ended.Equal(e.Ended) {
			t.Errorf("%v: waiting again gives %+v, not %+v", c.args, again, e)
		}
	}
}

func (s *suite) signals(t *testing.T) {
	d := s.driver(t)
	for name, code := range map[string]int{"KILL": 137, "SEGV": 139, "TERM": 143} {
		sp := Shell("sig-"+name, "kill -"+name+" $$; exit 1")
		start(t, d, sp)
		e := wait(t, d, sp.ID)
		if e.Code != code || e.Signal != "SIG"+name || e.OOM || !strings.Contains(e.Reason, "SIG"+name) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func (s *suite) stop(t *testing.T) {
	d := s.driver(t)
	sp := Shell("stop", `trap 'echo bye; exit 5' TERM; echo up; cat "$GATE" & wait`)
	g := s.gate(t, &sp)
	_ = g
	start(t, d, sp)
	s.until(t, d, sp.ID, "up")
	if err := d.Stop(ctx(t), sp.ID, patience); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, d, sp.ID); e.Code != 5 || !e.Stopped || e.Signal != "" {
		t.Errorf("%+v, want code 5, stopped", e)
	}
	if out := Text(t, d, sp.ID); out != "up\nbye\n" {
		t.Errorf("log %q", out)
	}
	if err := d.Stop(ctx(t), sp.ID, 0); err != nil {
		t.Errorf("stopping what has ended: %v", err)
	}
}

func (s *suite) stopGrace(t *testing.T) {
	d := s.driver(t)
	sp := Shell("grace", `trap '' TERM; echo up; while :; do cat "$GATE"; done`)
	s.gate(t, &sp)
	start(t, d, sp)
	s.until(t, d, sp.ID, "up")
	const grace = 50 * time.Millisecond
	began := time.Now()
	if err := d.Stop(ctx(t), sp.ID, grace); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < grace {
		t.Errorf("killed after %v, before its grace", took)
	}
	if e := wait(t, d, sp.ID); e.Code != 137 || e.Signal != "SIGKILL" || !e.Stopped || e.Reason == "" || e.OOM {
		t.Errorf("%+v, want SIGKILL, stopped, a reason", e)
	}
}

// stopAtOnce: a stop right behind the start is not lost, however far the payload has come.
func (s *suite) stopAtOnce(t *testing.T) {
	d := s.driver(t)
	for i := range 10 {
		sp := Shell(fmt.Sprintf("at-once-%d", i), `cat "$GATE"`)
		s.gate(t, &sp)
		start(t, d, sp)
		if err := d.Stop(ctx(t), sp.ID, patience); err != nil {
			t.Fatal(err)
		}
		if e := wait(t, d, sp.ID); e.Code != 143 || e.Signal != "SIGTERM" || !e.Stopped {
			t.Errorf("%+v, want SIGTERM", e)
		}
	}
}

// until follows the log until a line is there.
func (s *suite) until(t *testing.T, d driver.Driver, id, text string) {
	t.Helper()
	r, err := d.Log(ctx(t), id, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		if parse(t, sc.Text()).Text == text {
			return
		}
	}
	t.Fatalf("%s ended without the line %q: %v", id, text, sc.Err())
}

func (s *suite) unknown(t *testing.T) {
	d := s.driver(t)
	if _, err := d.Wait(ctx(t), "nobody"); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("wait: %v", err)
	}
	if err := d.Stop(ctx(t), "nobody", 0); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("stop: %v", err)
	}
	if _, err := d.Log(ctx(t), "nobody", true); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("log: %v", err)
	}
	if err := d.Remove(ctx(t), "nobody"); err != nil {
		t.Errorf("remove: %v", err)
	}
}

func (s *suite) twice(t *testing.T) {
	d := s.driver(t)
	sp := Shell("twice", `cat "$GATE"; exit 4`)
	g := s.gate(t, &sp)
	start(t, d, sp)
	if err := d.Start(ctx(t), sp); err == nil {
		t.Error("started a second time while running")
	}
	g.pass(t)
	if e := wait(t, d, sp.ID); e.Code != 4 {
		t.Errorf("%+v", e)
	}
	if err := d.Start(ctx(t), sp); err == nil {
		t.Error("started a second time after its end")
	}
}

func (s *suite) refused(t *testing.T) {
	d := s.driver(t)
	for what, change := range map[string]func(*driver.Spec){
		"id with a slash":  func(sp *driver.Spec) { sp.ID = "../x" },
		"empty id":         func(sp *driver.Spec) { sp.ID = "" },
		"no program":       func(sp *driver.Spec) { sp.Args = nil },
		"zero byte":        func(sp *driver.Spec) { sp.Args = []string{"a\x00b"} },
		"bad variable":     func(sp *driver.Spec) { sp.Env = map[string]string{"A=B": ""} },
		"missing mount":    func(sp *driver.Spec) { sp.Mounts = []driver.Mount{{Source: "/no/such/dir", Target: "/mnt/x"}} },
		"relative mount":   func(sp *driver.Spec) { sp.Mounts = []driver.Mount{{Source: "x", Target: "y"}} },
		"bad egress":       func(sp *driver.Spec) { sp.Egress = []string{"no port"} },
		"mount over /proc": func(sp *driver.Spec) { sp.Mounts = []driver.Mount{{Source: "/tmp", Target: "/proc"}} },
	} {
		if !s.o.Isolated && (strings.Contains(what, "mount") || strings.Contains(what, "egress")) {
			continue
		}
		sp := Shell("refused", "exit 0")
		change(&sp)
		if err := d.Start(ctx(t), sp); err == nil {
			t.Errorf("%s: started", what)
		}
	}
	all, err := d.Recover(ctx(t))
	if err != nil || len(all) != 0 {
		t.Errorf("refused starts left %v, %v", all, err)
	}
}

func (s *suite) startCancel(t *testing.T) {
	d := s.driver(t)
	c, cancel := context.WithCancel(ctx(t))
	cancel()
	if err := d.Start(c, Shell("cancelled", "exit 0")); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled start: %v", err)
	}
	if all, err := d.Recover(ctx(t)); err != nil || len(all) != 0 {
		t.Errorf("a cancelled start left %v, %v", all, err)
	}
	start(t, d, Shell("cancelled", "exit 0")) // the id is free again
	wait(t, d, "cancelled")
}

func (s *suite) log(t *testing.T) {
	d := s.driver(t)
	before := time.Now()
	sp := Shell("log", `echo one; echo two >&2; printf 'a b  c\n\n'; printf unfinished`)
	start(t, d, sp)
	wait(t, d, sp.ID)
	ls := Lines(t, d, sp.ID)
	var out, errs []string
	for i, l := range ls {
		if l.At.Before(before) || l.At.After(time.Now()) || i > 0 && l.At.Before(ls[i-1].At.Add(-time.Second)) {
			t.Errorf("time of %+v", l)
		}
		if l.Stream == 'o' {
			out = append(out, l.Text)
		} else {
			errs = append(errs, l.Text)
		}
	}
	if !slices.Equal(out, []string{"one", "a b  c", "", "unfinished"}) || !slices.Equal(errs, []string{"two"}) {
		t.Errorf("out %q, err %q", out, errs)
	}
}

func (s *suite) logQuota(t *testing.T) {
	d := s.driver(t)
	sp := Shell("quota", `i=0; while [ $i -lt 20000 ]; do echo "line $i is here"; i=$((i+1)); done; echo last`)
	sp.LogQuota = 100_000
	start(t, d, sp)
	if e := wait(t, d, sp.ID); e.Code != 0 {
		t.Fatalf("%+v", e)
	}
	b, err := readLog(ctx(t), d, sp.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 100_000+40_000*2 || len(b) < 90_000 {
		t.Errorf("the log has %d bytes", len(b))
	}
	out := Text(t, d, sp.ID)
	if !strings.HasPrefix(out, "line 0 is here\n") || !strings.HasSuffix(out, "line 19999 is here\nlast\n") || !strings.Contains(out, "quota") {
		t.Errorf("the log begins %.40q and ends %q", out, out[max(0, len(out)-60):])
	}
}

// logSeek: the end of a large log can be had without reading what is before it, of a running instance and of an ended one.
func (s *suite) logSeek(t *testing.T) {
	d := s.driver(t)
	sp := Shell("seek", "seq -f 'line %.0f of a log that is long enough to be worth not reading' 1 200000; exec sleep 600")
	sp.LogQuota = 64 << 20
	start(t, d, sp)
	const last = "line 200000 of a log that is long enough to be worth not reading\n"
	f, err := d.Log(ctx(t), sp.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := f.(io.Seeker); ok {
		t.Error("a reader that follows can be sought")
	}
	var size int64
	for r := bufio.NewReader(f); ; { // until all of it is on disk
		l, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		size += int64(len(l))
		if strings.HasSuffix(l, last) {
			break
		}
	}
	tail := func() {
		t.Helper()
		l, err := d.Log(ctx(t), sp.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		k, ok := l.(io.Seeker)
		if !ok {
			t.Fatal("the reader cannot be sought")
		}
		if end, err := k.Seek(0, io.SeekEnd); err != nil || end != size {
			t.Errorf("the end is at %d, %v; want %d", end, err, size)
		}
		if at, err := k.Seek(-int64(len(last)), io.SeekCurrent); err != nil || at != size-int64(len(last)) {
			t.Errorf("at %d, %v", at, err)
		}
		if b, err := io.ReadAll(l); err != nil || string(b) != last {
			t.Errorf("the end is %q, %v", b, err)
		}
		if at, err := k.Seek(0, io.SeekStart); err != nil || at != 0 {
			t.Errorf("at %d, %v", at, err)
		}
		if b, err := io.ReadAll(l); err != nil || int64(len(b)) != size {
			t.Errorf("%d bytes, %v; want %d", len(b), err, size)
		}
		if at, err := k.Seek(-1, io.SeekStart); err == nil {
			t.Errorf("sought to %d", at)
		}
		if _, err := k.Seek(size+10, io.SeekStart); err != nil {
			t.Error(err)
		}
		if n, err := l.Read(make([]byte, 8)); n != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", n, err)
		}
	}
	tail()
	if err := d.Stop(ctx(t), sp.ID, 0); err != nil {
		t.Fatal(err)
	}
	tail()
}

func (s *suite) follow(t *testing.T) {
	d := s.driver(t)
	sp := Shell("follow", `for i in 1 2 3 4 5; do echo line $i; cat "$GATE"; done; echo end`)
	g := s.gate(t, &sp)
	start(t, d, sp)
	r, err := d.Log(ctx(t), sp.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sc := bufio.NewScanner(r)
	for i := 1; i <= 5; i++ { // each line is there before the payload may go on
		if !sc.Scan() {
			t.Fatalf("line %d: %v", i, sc.Err())
		}
		l := parse(t, sc.Text())
		if l.Text != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, l.Text)
		}
		g.pass(t)
	}
	if !sc.Scan() || parse(t, sc.Text()).Text != "end" {
		t.Errorf("the last line: %q", sc.Text())
	}
	if sc.Scan() || sc.Err() != nil {
		t.Errorf("after the end: %q, %v", sc.Text(), sc.Err())
	}
	wait(t, d, sp.ID)
	r2, err := d.Log(ctx(t), sp.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r2.Close()
	if b, err := io.ReadAll(r2); err != nil || bytes.Count(b, []byte("\n")) != 6 {
		t.Errorf("following what has ended: %q, %v", b, err)
	}
}

func (s *suite) followCancel(t *testing.T) {
	d := s.driver(t)
	sp := Shell("cancel", `echo up; cat "$GATE"`)
	g := s.gate(t, &sp)
	start(t, d, sp)
	c, cancel := context.WithCancel(ctx(t))
	r, err := d.Log(c, sp.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	br := bufio.NewReader(r)
	if _, err := br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := br.ReadString('\n'); ended <- err }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled follower: %v", err)
	}
	r2, err := d.Log(ctx(t), sp.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	br = bufio.NewReader(r2)
	if _, err := br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	go func() { _, err := br.ReadString('\n'); ended <- err }()
	r2.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed follower: %v", err)
	}
	g.pass(t)
	if e := wait(t, d, sp.ID); e.Code != 0 {
		t.Errorf("the instance did not go on: %+v", e)
	}
}

func (s *suite) env(t *testing.T) {
	d := s.driver(t)
	t.Setenv("FIRN_TEST_SECRET", "of the server")
	sp := Shell("env", "")
	sp.Args = []string{"env"}
	sp.Env = map[string]string{"PATH": "/usr/bin:/bin", "A": "1", "B": "zwei drei", "EMPTY": ""}
	start(t, d, sp)
	wait(t, d, sp.ID)
	got := strings.Split(strings.TrimSpace(Text(t, d, sp.ID)), "\n")
	got = slices.DeleteFunc(got, func(l string) bool { return l == "HOME=/tmp" || l == "HOME=" }) // libcontainer's own, if there is none
	slices.Sort(got)
	if want := []string{"A=1", "B=zwei drei", "EMPTY=", "PATH=/usr/bin:/bin"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

func (s *suite) waitCancel(t *testing.T) {
	d := s.driver(t)
	sp := Shell("wait", `cat "$GATE"; exit 6`)
	g := s.gate(t, &sp)
	start(t, d, sp)
	c, cancel := context.WithCancel(ctx(t))
	got := make(chan error)
	go func() { _, err := d.Wait(c, sp.ID); got <- err }()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
	g.pass(t)
	if e := wait(t, d, sp.ID); e.Code != 6 {
		t.Errorf("%+v", e)
	}
}

func (s *suite) many(t *testing.T) {
	d := s.driver(t)
	const n = 12
	errs := make(chan error)
	for i := range n {
		go func() {
			sp := Shell(fmt.Sprintf("many-%d", i), fmt.Sprintf("echo this is %d; exit %d", i, i))
			if err := d.Start(ctx(t), sp); err != nil {
				errs <- err
				return
			}
			e, err := d.Wait(ctx(t), sp.ID)
			if err == nil && e.Code != i {
				err = fmt.Errorf("%s: %+v", sp.ID, e)
			}
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for i := range n {
		if out := Text(t, d, fmt.Sprintf("many-%d", i)); out != fmt.Sprintf("this is %d\n", i) {
			t.Errorf("log of %d: %q", i, out)
		}
	}
}

func (s *suite) recover(t *testing.T) {
	dir := t.TempDir()
	d := s.open(t, dir)
	long := Shell("long", `echo before; cat "$GATE"; echo after; exit 9`)
	g := s.gate(t, &long)
	short, gone := Shell("short", "exit 2"), Shell("gone", "exit 0")
	for _, sp := range []driver.Spec{long, short, gone} {
		start(t, d, sp)
	}
	wait(t, d, "short")
	wait(t, d, "gone")
	if err := d.Remove(ctx(t), "gone"); err != nil {
		t.Fatal(err)
	}
	s.until(t, d, "long", "before")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = s.open(t, dir)
	t.Cleanup(func() { s.end(t, d) })
	all, err := d.Recover(ctx(t))
	if err != nil || len(all) != 2 || all["long"] != driver.Running || all["short"] != driver.Ended {
		t.Fatalf("recovered %v, %v", all, err)
	}
	if e := wait(t, d, "short"); e.Code != 2 {
		t.Errorf("short: %+v", e)
	}
	next := Shell("next", "exit 1") // new ones beside the old
	start(t, d, next)
	wait(t, d, "next")
	g.pass(t)
	if e := wait(t, d, "long"); e.Code != 9 {
		t.Errorf("long: %+v", e)
	}
	if out := Text(t, d, "long"); out != "before\nafter\n" {
		t.Errorf("log of long: %q", out)
	}
}

// Kill kills -9 a process and returns when it is dead.
func Kill(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		if err == nil && n == 1 {
			return
		}
		if !errors.Is(err, unix.EINTR) {
			t.Fatalf("process %d does not die: %v", pid, err)
		}
	}
}

func (s *suite) killedShim(t *testing.T) {
	if s.o.Shim == nil {
		t.Skip("this driver has no shims")
	}
	dir := t.TempDir()
	d := s.open(t, dir)
	for _, how := range []string{"waiting", "later"} {
		sp := Shell("lost-"+how, `echo up; echo held > "$(dirname "$GATE")/up"; cat "$GATE"`)
		s.gate(t, &sp)
		start(t, d, sp)
		s.until(t, d, sp.ID, "up")
	}
	got := make(chan driver.Exit)
	go func() {
		e, err := d.Wait(ctx(t), "lost-waiting")
		if err != nil {
			t.Error(err)
		}
		got <- e
	}()
	for _, how := range []string{"waiting", "later"} {
		Kill(t, s.o.Shim(t, d, "lost-"+how))
	}
	check := func(e driver.Exit) {
		t.Helper()
		if e.Code != 137 || !strings.Contains(e.Reason, "lost") || e.Ended.IsZero() {
			t.Errorf("%+v, want a lost one", e)
		}
	}
	check(<-got)
	d.Close()
	d = s.open(t, dir)
	t.Cleanup(func() { s.end(t, d) })
	all, err := d.Recover(ctx(t))
	if err != nil || all["lost-waiting"] != driver.Ended || all["lost-later"] != driver.Ended {
		t.Fatalf("recovered %v, %v", all, err)
	}
	check(wait(t, d, "lost-later"))
	if out := Text(t, d, "lost-later"); out != "up\n" {
		t.Errorf("log %q", out)
	}
}

func (s *suite) remove(t *testing.T) {
	d := s.driver(t)
	sp := Shell("remove", `cat "$GATE"`)
	g := s.gate(t, &sp)
	start(t, d, sp)
	if err := d.Remove(ctx(t), sp.ID); err == nil {
		t.Error("removed while running")
	}
	g.pass(t)
	wait(t, d, sp.ID)
	for range 2 {
		if err := d.Remove(ctx(t), sp.ID); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Wait(ctx(t), sp.ID); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("wait after remove: %v", err)
	}
	all, err := d.Recover(ctx(t))
	if err != nil || len(all) != 0 {
		t.Errorf("recover after remove: %v, %v", all, err)
	}
}

func (s *suite) mounts(t *testing.T) {
	if !s.o.Isolated {
		t.Skip("this driver does not mount")
	}
	d := s.driver(t)
	rw, ro := t.TempDir(), t.TempDir()
	for _, dir := range []string{rw, ro} {
		if err := os.WriteFile(filepath.Join(dir, "in"), []byte("from outside\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sp := Shell("mounts", `cat in /mnt/in/in && echo from inside > out && mkdir -p a/b && echo deep > a/b/c && rm in
		echo x > /mnt/in/in; echo x > /mnt/in/new; rm -f /mnt/in/in; echo $?; echo x > /usr/x; echo x > /etc/x; echo x > /x; stat -c %u out; pwd; cat /mnt/in/in`)
	sp.Mounts = []driver.Mount{{Source: rw, Target: "/mnt/job_stage"}, {Source: ro, Target: "/mnt/in", ReadOnly: true}}
	sp.Dir = "/mnt/job_stage"
	start(t, d, sp)
	if e := wait(t, d, sp.ID); e.Code != 0 {
		t.Errorf("%+v", e)
	}
	var out []string
	for _, l := range Lines(t, d, sp.ID) {
		if l.Stream == 'o' {
			out = append(out, l.Text)
		}
	}
	if want := []string{"from outside", "from outside", "1", "0", "/mnt/job_stage", "from outside"}; !slices.Equal(out, want) {
		t.Errorf("printed %q, want %q", out, want)
	}
	for p, want := range map[string]string{"out": "from inside\n", "a/b/c": "deep\n"} {
		if b, err := os.ReadFile(filepath.Join(rw, p)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", p, b, err)
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(rw, p), &st); err != nil || int(st.Uid) != os.Geteuid() {
			t.Errorf("%s belongs to %d, not to the server's user; %v", p, st.Uid, err)
		}
	}
	if _, err := os.Stat(filepath.Join(rw, "in")); err == nil {
		t.Error("the removed file is still there")
	}
	es, err := os.ReadDir(ro)
	if err != nil || len(es) != 1 {
		t.Errorf("the read-only mount was written: %v, %v", es, err)
	}
}

func (s *suite) files(t *testing.T) {
	if !s.o.Isolated {
		t.Skip("this driver does not mount")
	}
	d := s.driver(t)
	dir := t.TempDir()
	put := func(content string) {
		tmp := filepath.Join(dir, ".new")
		if err := os.WriteFile(tmp, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, "token")); err != nil {
			t.Fatal(err)
		}
	}
	put("first\n")
	sp := Shell("files", `cat /run/firn/token /snowflake/session/token; echo shown; cat "$GATE"; cat /run/firn/token /snowflake/session/token; (echo x > /run/firn/token) 2> /dev/null || echo refused`)
	sp.Files = dir
	g := s.gate(t, &sp)
	start(t, d, sp)
	s.until(t, d, sp.ID, "shown")
	put("renewed\n")
	g.pass(t)
	wait(t, d, sp.ID)
	if out := Text(t, d, sp.ID); !strings.Contains(out, "first\nfirst\nshown\nrenewed\nrenewed\n") || !strings.Contains(out, "refused\n") {
		t.Errorf("printed %q", out)
	}
}

func (s *suite) pids(t *testing.T) {
	if !s.o.Isolated {
		t.Skip("this driver does not bound processes")
	}
	d := s.driver(t)
	sp := Shell("pids", `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do cat "$GATE" & done; echo all`)
	sp.PIDs = 20
	s.gate(t, &sp)
	start(t, d, sp)
	e := wait(t, d, sp.ID)
	if out := Text(t, d, sp.ID); e.Code == 0 || strings.Contains(out, "all\n") {
		t.Errorf("30 processes with a limit of 20: %+v, %q", e, out)
	}
}

func (s *suite) memory(t *testing.T) {
	if !s.o.Memory {
		t.Skip("this driver does not bound memory")
	}
	d := s.driver(t)
	sp := Shell("memory", "tail /dev/zero") // keeps all of an endless line
	sp.Memory = 64 << 20
	start(t, d, sp)
	e := wait(t, d, sp.ID)
	out := Text(t, d, sp.ID)
	if e.Code == 0 || !(e.OOM && strings.Contains(e.Reason, "out of memory")) && !strings.Contains(out, "memory exhausted") {
		t.Errorf("%+v, %q", e, out)
	}
	// several processes, each below the limit, together far above
	sp = Shell("memory-sum", `for i in 1 2 3 4; do (head -c 40000000 /dev/zero; sleep 1) | tail -n 1 > /dev/null & done; wait; echo survived`)
	sp.Memory = 96 << 20
	start(t, d, sp)
	e = wait(t, d, sp.ID)
	if !e.OOM || !strings.Contains(e.Reason, "out of memory") {
		t.Errorf("%+v, %q", e, Text(t, d, sp.ID))
	}
}

func (s *suite) peers(t *testing.T) {
	if !s.o.Network {
		t.Skip("this driver has no network between instances")
	}
	d := s.driver(t)
	dir := t.TempDir()
	for i := range 3 {
		for _, n := range []string{"go", "look"} {
			if err := unix.Mkfifo(filepath.Join(dir, fmt.Sprintf("%s%d", n, i)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 3 {
		sp := Shell(fmt.Sprintf("gang-%d", i), fmt.Sprintf(`cat /mnt/x/look%d; getent ahostsv4 gang | awk '$2=="STREAM"{print $1}' | sort; getent ahostsv4 gang-2 | awk '$2=="STREAM"{print "two", $1}'
			getent ahostsv4 instances.gang | awk '$2=="STREAM"' | wc -l; getent hosts "$(hostname)" | awk '{print "me", $1}'; getent hosts gang-7 || echo nobody; echo looked; cat /mnt/x/go%d`, i, i))
		sp.Job, sp.Index, sp.Count, sp.Mounts = "gang", i, 3, []driver.Mount{{Source: dir, Target: "/mnt/x"}}
		start(t, d, sp)
	}
	for _, step := range []string{"look", "go"} {
		for i := range 3 {
			f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s%d", step, i)), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			if step == "look" { // all three must be up while each looks
				s.until(t, d, fmt.Sprintf("gang-%d", i), "looked")
			}
		}
	}
	for i := range 3 {
		id := fmt.Sprintf("gang-%d", i)
		wait(t, d, id)
		want := fmt.Sprintf("10.244.0.2\n10.244.0.3\n10.244.0.4\ntwo 10.244.0.4\n3\nme 10.244.0.%d\nnobody\nlooked\n", 2+i)
		if out := Text(t, d, id); out != want {
			t.Errorf("%s printed %q, want %q", id, out, want)
		}
	}
}

// orphans: what a payload leaves in the background ends with it.
func (s *suite) orphans(t *testing.T) {
	if !s.o.Isolated {
		t.Skip("this driver does not know a payload's descendants")
	}
	d := s.driver(t)
	sp := Shell("orphans", `(trap '' TERM HUP; exec > /dev/null 2>&1; cat "$GATE") & echo left; exit 0`)
	g := s.gate(t, &sp)
	start(t, d, sp)
	if e := wait(t, d, sp.ID); e.Code != 0 {
		t.Errorf("%+v", e)
	}
	if fd, err := unix.Open(filepath.Join(g.dir, "gate"), unix.O_WRONLY|unix.O_NONBLOCK, 0); err == nil { // ENXIO: nobody reads
		unix.Close(fd)
		t.Error("a process of the instance is still there")
	}
}
