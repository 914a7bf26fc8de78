package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDoctor: a line for each thing that matters, and no error where sandboxes can be had.
func TestDoctor(t *testing.T) {
	out, err := exec.Command(filepath.Join(root(t), "bin", "firn"), "doctor", "--data", t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("doctor: %v\n%s", err, out)
	}
	for _, what := range []string{"user namespaces", "seccomp", "cgroups", "idmapped mounts", "TUN device", "Python 3.10", "Python 3.11", "Python 3.12", "Python 3.13", "uv", "disk"} {
		found := false
		for line := range strings.Lines(string(out)) {
			rest, ok := strings.CutPrefix(line[min(4, len(line)):], what+" ")
			found = found || ok && (strings.HasPrefix(line, "ok  ") || strings.HasPrefix(line, "--  ")) && strings.TrimSpace(rest) != ""
		}
		if !found {
			t.Errorf("there is no line for %s:\n%s", what, out)
		}
	}
}

// TestProcessDriver runs jobs as plain processes, and says at start what that means.
func TestProcessDriver(t *testing.T) {
	s := start(t, dataDir(t), "--driver", "process")
	out := s.python(t, newest, "some_kinds.py", "isolation: jobs are plain processes")
	if !strings.HasSuffix(strings.TrimSpace(out), "ok") {
		t.Errorf("the script did not reach its end:\n%s", out)
	}
	if log := s.tail(); !strings.Contains(log, "not enforced on this machine") || !strings.Contains(log, "isolation") {
		t.Errorf("the log does not say what is not isolated:\n%s", log)
	}
}

// TestNoSandbox: where user namespaces cannot be made, the server does not start, and says how it would.
func TestNoSandbox(t *testing.T) {
	bin := filepath.Join(root(t), "bin", "firn")
	// A user namespace may forbid further ones below it.
	run := func(command string) (string, error) {
		cmd := exec.Command("/bin/sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && "+command)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("true"); err != nil {
		t.Skipf("this machine does not let a user namespace forbid others: %v %s", err, out)
	}
	for _, command := range []string{"serve --listen 127.0.0.1:0 --data " + dataDir(t), "doctor --data " + t.TempDir()} {
		out, err := run("exec " + bin + " " + command)
		if err == nil || !strings.Contains(out, "--driver process") || !strings.Contains(out, "user namespaces") {
			t.Errorf("firn %s without user namespaces: %v\n%s", command, err, out)
		}
	}
}
