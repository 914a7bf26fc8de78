package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/drivertest"
)

const patience = 60 * time.Second

func within(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return c
}

// python makes an environment and what a warm parent of it is.
func pyParent(t testing.TB) driver.Parent {
	t.Helper()
	py, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3 in PATH")
	}
	dir := t.TempDir()
	for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) { // the parent runs as another user
		os.Chmod(p, 0o755)
	}
	env, script := filepath.Join(dir, "env"), filepath.Join(dir, "python")
	if out, err := exec.Command(py, "-m", "venv", "--without-pip", env).CombinedOutput(); err != nil {
		t.Skipf("needs a python3 that makes environments: %v\n%s", err, out)
	}
	base, err := exec.Command(filepath.Join(env, "bin", "python"), "-c", "import sys; print(sys.base_prefix)").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(script, 0o755); err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{"warm.py": "../../python/warm.py", "launcher.py": "testdata/warm/launcher.py"} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(script, to), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return driver.Parent{
		Key: "test", Python: filepath.Join(env, "bin", "python"), Script: filepath.Join(script, "warm.py"),
		Trees: []string{env, script, strings.TrimSpace(string(base))}, Preload: []string{"decimal", "fractions", "no_such_module", "random"},
		Env: map[string]string{"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp", "PARENT_SECRET": "1"},
	}
}

// warmSpec runs code in a child of the parent, or cold by the same launcher.
func warmSpec(id string, p driver.Parent, code string) driver.Spec {
	s := drivertest.Shell(id, "")
	s.Warm, s.Trees = p.Key, p.Trees
	s.Args = []string{"-c", code}
	s.Cold = append([]string{p.Python, filepath.Join(filepath.Dir(p.Script), "launcher.py")}, s.Args...)
	s.Env = map[string]string{"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp", "PYTHONUNBUFFERED": "1", "JOB": id}
	return s
}

// openTest is a driver that ends all it started when the test does.
func openTest(t testing.TB) *Driver {
	t.Helper()
	d := open(t, config(t.TempDir()))
	t.Cleanup(func() {
		c, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		all, err := d.Recover(c)
		if err != nil {
			t.Error(err)
		}
		for id := range all {
			if err := d.Stop(c, id, 0); err != nil {
				t.Error(err)
			}
			if err := d.Remove(c, id); err != nil {
				t.Error(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func runTo(t testing.TB, d *Driver, s driver.Spec) (driver.Exit, string) {
	t.Helper()
	if err := d.Start(within(t), s); err != nil {
		t.Fatal(err)
	}
	e, err := d.Wait(within(t), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Log(within(t), s.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var b strings.Builder
	for sc := bufio.NewScanner(l); sc.Scan(); {
		f := strings.SplitN(sc.Text(), " ", 3)
		b.WriteString(f[len(f)-1] + "\n")
	}
	return e, b.String()
}

// isWarm is what only a parent's child prints: its parent is outside of its pid namespace.
const isWarm = "import os, sys; print(os.getppid() == 0, 'fractions' in sys.modules)"

func TestWarm(t *testing.T) {
	d := openTest(t)
	p := pyParent(t)
	if err := d.Warm(within(t), p); err != nil {
		t.Fatal(err)
	}
	if err := d.Warm(within(t), p); err != nil { // once more is nothing
		t.Fatal(err)
	}
	cases := map[string]struct {
		code   string
		exit   int
		signal string
		out    string
	}{
		"warm":      {isWarm, 0, "", "True True\n"},
		"exit":      {"import sys; sys.exit(3)", 3, "", ""},
		"exit-text": {"import sys; sys.exit('no')", 1, "", "no\n"},
		"raise":     {"1/0", 1, "", "*ZeroDivisionError"},
		"signal":    {"import os; os.kill(os.getpid(), 9)", 137, "SIGKILL", ""},
		"abort":     {"import os; os.abort()", 134, "SIGABRT", ""},
		"atexit":    {"import atexit; atexit.register(print, 'bye'); print('hi')", 0, "", "hi\nbye\n"},
		"thread":    {"import threading, _thread; e = threading.Event(); threading.Thread(target=lambda: (e.wait(), print('t'))).start(); e.set()", 0, "", "t\n"},
		"env":       {"import os; print(sorted(os.environ)); print(os.getcwd())", 0, "", "['HOME', 'JOB', 'LANG', 'PATH', 'PYTHONUNBUFFERED']\n/tmp\n"},
		"main":      {"def f(): pass\nprint(f.__module__, __name__)", 0, "", "__main__ __main__\n"},
		"ids":       {"import os; print(os.getuid(), os.getgid(), os.getgroups() in ([], [0]), os.getresuid())", 0, "", "0 0 True (0, 0, 0)\n"},
		"fence": {"print([l.split()[1] for l in open('/proc/self/status') if l.split(':')[0] in ('CapInh','CapPrm','CapEff','CapBnd','CapAmb','NoNewPrivs','Seccomp')])", 0, "",
			"['0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', '1', '2']\n"},
		"unshare": {"import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))", 0, "", "-1\n"},
		"pids":    {"import os; print(sorted(int(n) for n in os.listdir('/proc') if n.isdigit())[0], len([n for n in os.listdir('/proc') if n.isdigit()]))", 0, "", "1 2\n"},
		"fds":     {"import os; print(sorted(int(f) for f in os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))", 0, "", "[0, 1, 2] 4\n"},
		"session": {"import os; print(os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid())", 0, "", "True True\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e, out := runTo(t, d, warmSpec("w-"+name, p, c.code))
			part, partly := strings.CutPrefix(c.out, "*")
			if e.Code != c.exit || e.Signal != c.signal || !partly && out != c.out || partly && !strings.Contains(out, part) {
				t.Errorf("%+v, printed %q; want code %d %s, %q", e, out, c.exit, c.signal, c.out)
			}
		})
	}
	t.Run("random", func(t *testing.T) {
		code := "import random, uuid; print(random.random(), uuid.uuid4())"
		_, a := runTo(t, d, warmSpec("r-1", p, code))
		_, b := runTo(t, d, warmSpec("r-2", p, code))
		if a == b || a == "" {
			t.Errorf("two children drew %q and %q", a, b)
		}
	})
	t.Run("stop", func(t *testing.T) {
		s := warmSpec("stop", p, "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(4))\nprint('up')\nsignal.pause()")
		if err := d.Start(within(t), s); err != nil {
			t.Fatal(err)
		}
		l, err := d.Log(within(t), s.ID, true)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if line, err := bufio.NewReader(l).ReadString('\n'); err != nil || !strings.HasSuffix(line, "up\n") {
			t.Fatalf("%q %v", line, err)
		}
		if err := d.Stop(within(t), s.ID, patience); err != nil {
			t.Fatal(err)
		}
		if e, err := d.Wait(within(t), s.ID); err != nil || e.Code != 4 || !e.Stopped {
			t.Errorf("%+v %v", e, err)
		}
	})
	t.Run("stop at once", func(t *testing.T) {
		for i := range 10 {
			s := warmSpec(fmt.Sprintf("stop-%d", i), p, "import signal; signal.pause()")
			if err := d.Start(within(t), s); err != nil {
				t.Fatal(err)
			}
			if err := d.Stop(within(t), s.ID, patience); err != nil {
				t.Fatal(err)
			}
			if e, err := d.Wait(within(t), s.ID); err != nil || e.Signal != "SIGTERM" || !e.Stopped {
				t.Errorf("%+v %v", e, err)
			}
		}
	})
	t.Run("memory", func(t *testing.T) {
		s := warmSpec("memory", p, "x = []\nwhile True: x.append(bytearray(10_000_000))")
		s.Memory = 200 << 20
		e, out := runTo(t, d, s)
		if !(e.OOM && e.Code == 137 && strings.Contains(e.Reason, "200 MiB")) && !strings.Contains(out, "MemoryError") {
			t.Errorf("%+v %q", e, out)
		}
	})
	t.Run("long arguments", func(t *testing.T) {
		for _, size := range []int{900 << 10, 1100 << 10, 3 << 20} {
			s := warmSpec(fmt.Sprintf("long-%d", size), p, isWarm+"; print(len(sys.argv[1]), len(os.environ['LONG']))")
			s.Args = append(s.Args, strings.Repeat("ä", size/2))
			s.Env["LONG"] = strings.Repeat("\n", size)
			s.Cold = nil // where it does not start warm it does not start
			if e, out := runTo(t, d, s); e.Code != 0 || out != fmt.Sprintf("True True\n%d %d\n", size/2, size) {
				t.Errorf("%d bytes: %+v, printed %q", size, e, out)
			}
		}
	})
	t.Run("skipped module is named", func(t *testing.T) {
		ids, err := d.warm.IDs()
		if err != nil || len(ids) != 1 {
			t.Fatal(ids, err)
		}
		if out := drivertest.Text(t, parentLog{d}, ids[0]); !strings.Contains(out, "no_such_module") || !strings.Contains(out, "ready after") {
			t.Errorf("the parent's log: %q", out)
		}
	})
}

// parentLog reads the logs of parents.
type parentLog struct{ *Driver }

func (p parentLog) Log(c context.Context, id string, follow bool) (io.ReadCloser, error) {
	return p.warm.Log(c, id, follow)
}

func TestWarmFallsBack(t *testing.T) {
	d := openTest(t)
	p := pyParent(t)
	if e, out := runTo(t, d, warmSpec("no-parent", p, isWarm)); e.Code != 0 || out != "False False\n" {
		t.Errorf("without a parent: %+v %q", e, out)
	}
	bad := p
	bad.Key, bad.Preload = "bad", nil
	bad.Script = filepath.Join(filepath.Dir(p.Script), "bad.py")
	if err := os.WriteFile(bad.Script, []byte("import socket, time\ns = socket.socket(fileno=3)\nwhile True: s.accept()[0].send(b'{\"error\": \"no\"}')\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.Warm(within(t), bad); err != nil {
		t.Fatal(err)
	}
	s := warmSpec("bad-parent", p, isWarm)
	s.Warm = "bad"
	if e, out := runTo(t, d, s); e.Code != 0 || out != "False False\n" {
		t.Errorf("with a parent that fails: %+v %q", e, out)
	}
}

func TestWarmParentIsReplaced(t *testing.T) {
	d := openTest(t)
	p := pyParent(t)
	if err := d.Warm(within(t), p); err != nil {
		t.Fatal(err)
	}
	s := warmSpec("survivor", p, "import sys; print('up'); sys.stdout.flush(); open('/mnt/gate/gate').read(); print('on')")
	gate := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(gate, "gate"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Mounts = []driver.Mount{{Source: gate, Target: "/mnt/gate"}}
	if err := d.Start(within(t), s); err != nil {
		t.Fatal(err)
	}
	n := d.parents.list[p.Key]
	ids, err := d.warm.IDs()
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	pid, err := d.warm.PID(within(t), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	drivertest.Kill(t, pid)
	if e, _ := runTo(t, d, warmSpec("meanwhile", p, isWarm)); e.Code != 0 { // cold or warm, as it comes
		t.Errorf("while there is no parent: %+v", e)
	}
	for dir := ""; dir == "" || dir == filepath.Join(d.warm.Dir, ids[0]); { // the next one
		n.mu.Lock()
		up := n.up
		n.mu.Unlock()
		<-up
		dir = d.parents.socket(p.Key)
	}
	if _, out := runTo(t, d, warmSpec("after", p, isWarm)); out != "True True\n" {
		t.Errorf("after the parent was replaced: %q", out)
	}
	if err := d.Cool(within(t), p.Key); err != nil {
		t.Fatal(err)
	}
	if ids, err := d.warm.IDs(); err != nil || len(ids) != 0 {
		t.Errorf("after Cool: %v %v", ids, err)
	}
	f, err := os.OpenFile(filepath.Join(gate, "gate"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if e, err := d.Wait(within(t), "survivor"); err != nil || e.Code != 0 {
		t.Errorf("the child of the killed parent: %+v %v", e, err)
	}
}
