package integration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// ordinary is the user that the server runs as in TestRootless.
const ordinary = 61235

// becomeEnv makes this test program the starter of a server of an ordinary user: see become.
const becomeEnv = "FIRN_TEST_BECOME"

func TestMain(m *testing.M) {
	if to := os.Getenv(becomeEnv); to != "" {
		fmt.Fprintln(os.Stderr, become(strings.Split(to, "\n")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestRootless runs the whole server as an ordinary user: jobs of every main kind, and a kill with a running job.
func TestRootless(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("every other test is that already: the tests do not run as root")
	}
	dir := dataDir(t)
	home := filepath.Dir(dir)
	runtimes := filepath.Join(home, "runtime")
	for _, d := range []string{dir, runtimes, filepath.Join(runtimes, "envs"), filepath.Join(home, "bin")} {
		if err := os.Mkdir(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"firn", "firn-shim"} {
		copyProgram(t, filepath.Join(root(t), "bin", name), filepath.Join(home, "bin", name))
	}
	if err := filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chown(path, ordinary, ordinary)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// The interpreter that the tests' environments are made with is kept where it is; other users may not be let to it.
	out, err := exec.Command(filepath.Join(root(t), ".firn", "test", newest, "bin", "python"), "-c", "import os, sys; print(os.path.realpath(sys.base_prefix))").Output()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	begin := func() *server {
		cmd := exec.Command(self, filepath.Join(home, "bin", "firn"), "serve", "--data", dir, "--listen", "127.0.0.1:0", "--runtimes", runtimes)
		cmd.Env = append(os.Environ(), becomeEnv+"="+strings.Join([]string{filepath.Join(root(t), ".firn", "test", "runtime", "envs"), filepath.Join(runtimes, "envs"), string(bytes.TrimSpace(out))}, "\n"),
			"HOME="+home, "TMPDIR="+home)
		return begin(t, dir, cmd)
	}
	s := begin()
	said := s.python(t, newest, "some_kinds.py", "uids: instances run as the server's own user")
	if !strings.HasSuffix(strings.TrimSpace(said), "ok") {
		t.Errorf("the script did not reach its end:\n%s", said)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if want := fmt.Sprintf("\nUid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", ordinary); err != nil || !strings.Contains(string(status), want) {
		t.Errorf("the server does not run as user %d: %v\n%s", ordinary, err, status)
	}
	_, id, ok := strings.Cut(s.python(t, newest, "long_job.py", "submit"), "JOB ")
	if !ok {
		t.Fatal("no job was submitted")
	}
	s.kill(t)
	s = begin()
	s.python(t, newest, "long_job.py", "finish", strings.TrimSpace(id))
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// become turns this process, which is root, into the program that its arguments name, run by an ordinary user. What that user
// needs lies in folders that only root passes through, so in a mount namespace of its own: the environments are seen at another
// place, and of the first folder on the way to the interpreter that others may not pass only that way is left.
func become(paths []string) error {
	environments, at, prefix := paths[0], paths[1], paths[2]
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	bind := func(from, to string) error {
		if err := syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", from, to, err)
		}
		return nil
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return err
	}
	if err := bind(environments, at); err != nil {
		return err
	}
	if closed := closedTo(prefix); closed != "" {
		held := filepath.Join(filepath.Dir(at), "python")
		if err := os.MkdirAll(held, 0o700); err != nil {
			return err
		}
		if err := bind(prefix, held); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", closed, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
		if err := os.MkdirAll(prefix, 0o755); err != nil {
			return err
		}
		if err := bind(held, prefix); err != nil {
			return err
		}
	}
	os.Unsetenv(becomeEnv)
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(ordinary); err != nil {
		return err
	}
	if err := syscall.Setuid(ordinary); err != nil {
		return err
	}
	return syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
}

// closedTo is the first folder on the way to path that other users may not pass, "" if there is none.
func closedTo(path string) string {
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		at = filepath.Join(at, part)
		if st, err := os.Stat(at); err == nil && st.Mode().Perm()&0o001 == 0 {
			return at
		}
	}
	return ""
}
