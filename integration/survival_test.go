package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestKill kills the server while a job runs. After a restart (on another port) the job is there, its own session goes on, it
// ends right and its log is whole.
func TestKill(t *testing.T) {
	dir := dataDir(t)
	s := start(t, dir)
	_, id, ok := strings.Cut(s.python(t, newest, "long_job.py", "submit"), "JOB ")
	if !ok {
		t.Fatal("no job was submitted")
	}
	s.kill(t)
	s = start(t, dir)
	s.python(t, newest, "long_job.py", "finish", strings.TrimSpace(id))
}

// TestRetry sends writes a second time under the same requestId, to the same server and to one that was killed in between: each
// is done once and answers the same.
func TestRetry(t *testing.T) {
	dir := dataDir(t)
	state := filepath.Join(t.TempDir(), "state.json")
	s := start(t, dir)
	s.python(t, newest, "retry.py", "before", state)
	s.kill(t)
	s = start(t, dir)
	s.python(t, newest, "retry.py", "after", state)
}

// TestSecondServer: one server a data directory, refused by name.
func TestSecondServer(t *testing.T) {
	s := start(t, dataDir(t))
	out, err := exec.Command(filepath.Join(root(t), "bin", "firn"), "serve", "--data", s.dir, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another server") {
		t.Errorf("second server on %s: %v, %s", s.dir, err, out)
	}
}
