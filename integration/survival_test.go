package integration

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestGraceful: SIGTERM ends the server within seconds though a job runs and somebody waits for it. The job goes on and is
// found again; the waiting client is cut off, asks again by itself and has its answer from the next server on the same port.
func TestGraceful(t *testing.T) {
	dir := dataDir(t)
	s := start(t, dir)
	_, id, ok := strings.Cut(s.python(t, newest, "long_job.py", "submit"), "JOB ")
	if !ok {
		t.Fatal("no job was submitted")
	}
	id = strings.TrimSpace(id)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	waiting := s.command(ctx, t, newest, "waiting.py", id)
	var errs bytes.Buffer
	waiting.Stderr = &errs
	out, err := waiting.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "WAITING" {
		t.Fatalf("the waiting client said %q\n%s", lines.Text(), errs.String())
	}
	from := time.Now()
	s.stop(t) // fails the test unless the exit status is 0
	if took := time.Since(from); took > 8*time.Second {
		t.Errorf("SIGTERM took %v", took)
	} else {
		t.Logf("SIGTERM took %v", took)
	}
	s = start(t, dir, "--listen", strings.TrimPrefix(s.url, "http://"))
	s.python(t, newest, "long_job.py", "finish", id)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "ENDED with") || !strings.Contains(lines.Text(), "DONE") {
		t.Errorf("the waiting client said %q\n%s", lines.Text(), errs.String())
	}
	if err := waiting.Wait(); err != nil {
		t.Errorf("the waiting client: %v\n%s", err, errs.String())
	}
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
