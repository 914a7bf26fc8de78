package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"firn/driver"
	"firn/driver/drivertest"
)

const nobody = 61234 // a user without root for tests

// asNobody copies this test program and the shim to a directory of that user's, and gives a command that runs it there.
func asNobody(t *testing.T) (dir string, command func(env []string, args ...string) *exec.Cmd) {
	t.Helper()
	if !Probe().Ranges {
		t.Skip("needs root, to become another user")
	}
	dir, err := os.MkdirTemp("", "firn-rootless-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"/proc/self/exe": "sandbox.test", shimProgram: "firn-shim"} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, func(env []string, args ...string) *exec.Cmd {
		c := exec.CommandContext(within(t), filepath.Join(dir, "sandbox.test"), args...)
		c.Env = append(os.Environ(), "FIRN_TEST_SHIM="+filepath.Join(dir, "firn-shim"), "TMPDIR="+dir, "HOME="+dir)
		c.Env = append(c.Env, env...)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{}}}
		return c
	}
}

// TestRootless runs this package's tests as a user without root, in a process of its own.
func TestRootless(t *testing.T) {
	_, command := asNobody(t)
	out, err := command(nil, "-test.v", "-test.timeout=5m").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for l := range strings.Lines(string(out)) {
		if strings.Contains(l, "--- SKIP") {
			t.Log(strings.TrimSpace(l))
		}
	}
	if !bytes.Contains(out, []byte("--- PASS: TestConformance")) || !bytes.Contains(out, []byte("--- PASS: TestWarm")) {
		t.Errorf("the suite did not run:\n%s", out)
	}
}

// TestRootlessRestart: a server without root enters the user namespace of the instances that outlived the last one, and so
// a new instance can join their network.
func TestRootlessRestart(t *testing.T) {
	dir, command := asNobody(t)
	data := filepath.Join(dir, "data")
	var got []string
	for _, index := range []string{"0", "1"} {
		c := command([]string{"FIRN_TEST_DIR=" + data, "FIRN_TEST_INDEX=" + index}, "-test.run=TestServer$", "-test.v")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("server %s: %v\n%s", index, err, out)
		}
		for l := range strings.Lines(string(out)) {
			if _, s, ok := strings.Cut(l, "SAYS "); ok {
				got = append(got, strings.TrimSpace(s))
			}
		}
	}
	if want := "false; true 10.244.0.2 10.244.0.3 0"; strings.Join(got, "; ") != want {
		t.Errorf("%q, want %q", strings.Join(got, "; "), want)
	}
}

// TestServer is one life of a server in TestRootlessRestart.
func TestServer(t *testing.T) {
	data := os.Getenv("FIRN_TEST_DIR")
	if data == "" {
		t.Skip("is a part of TestRootlessRestart")
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(data, "gate")
	d := open(t, config(data))
	s := drivertest.Shell("pair-0", "cat /mnt/gate/go")
	s.Job, s.Count, s.Mounts = "pair", 2, []driver.Mount{{Source: gate, Target: "/mnt/gate"}}
	if os.Getenv("FIRN_TEST_INDEX") == "0" {
		if err := os.Mkdir(gate, 0o700); err != nil {
			t.Fatal(err)
		}
		mkfifo(t, filepath.Join(gate, "go"))
		if err := d.Start(within(t), s); err != nil {
			t.Fatal(err)
		}
		fmt.Println("SAYS false")
		return // without Close, as if killed
	}
	all, err := d.Recover(within(t))
	if err != nil || all["pair-0"] != driver.Running {
		t.Fatal(all, err)
	}
	own, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		t.Fatal(err)
	}
	its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", shimOf(t, d, "pair-0")))
	joined := err == nil && own == its
	s.ID, s.Host, s.Index = "pair-1", "pair-1", 1
	s.Args[2] = "getent ahostsv4 pair | awk '$2==\"STREAM\"{print $1}' | sort"
	_, out := runTo(t, d, s)
	f, err := os.OpenFile(filepath.Join(gate, "go"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "")
	f.Close()
	e, err := d.Wait(within(t), "pair-0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("SAYS", joined, strings.Join(strings.Fields(out), " "), e.Code)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
