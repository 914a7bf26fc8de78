package integration

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// root is the repository's root: tests run in their package's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The clients' environments that environments.sh makes.
const (
	newest    = "client-2.6.0"       // snowflake-ml-python 2.6.0, connector 4.8.1
	connector = "connector-5.2.0"    // the other implementation of the connector
	second    = "client-2.6.0-py312" // newest in another Python, where environments.sh found one
)

// server is one running `firn serve`.
type server struct {
	dir string
	url string
	cmd *exec.Cmd
	log *os.File
}

// start runs a server on dir (kept over restarts) and waits until it says that it is ready. It ends with the test.
func start(t testing.TB, dir string, args ...string) *server {
	t.Helper()
	bin := filepath.Join(root(t), "bin", "firn")
	if _, err := os.Stat(bin); err != nil {
		t.Fatalf("%v: run `make build` first", err)
	}
	all := append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--runtimes", filepath.Join(root(t), ".firn", "test", "runtime")}, args...)
	return begin(t, dir, exec.Command(bin, all...))
}

// begin is start with the server's whole command.
func begin(t testing.TB, dir string, cmd *exec.Cmd) *server {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(t.ArtifactDir(), "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{dir: dir, cmd: cmd, log: log}
	ready := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "firn: ready on "); ok {
				ready <- url
			}
		}
		close(ready)
	}()
	t.Cleanup(func() { s.stop(t) })
	select {
	case url, ok := <-ready:
		if !ok {
			t.Fatalf("the server ended before it was ready:\n%s", s.tail())
		}
		s.url = url
	case <-time.After(time.Minute):
		t.Fatalf("the server was not ready within a minute:\n%s", s.tail())
	}
	return s
}

// stop asks the server to end and waits; it may be called twice.
func (s *server) stop(t testing.TB) {
	if s.cmd.ProcessState != nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil && !t.Failed() {
		t.Errorf("SIGTERM: the server ended with %v:\n%s", err, s.tail())
	}
}

// kill ends the server as a power cut would.
func (s *server) kill(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.cmd.Wait()
}

func (s *server) tail() string {
	b, _ := os.ReadFile(s.log.Name())
	if len(b) > 6000 {
		b = b[len(b)-6000:]
	}
	return string(b)
}

// python runs one of scripts/ in a client's environment, connected by SNOWFLAKE_HOME alone, and gives what it printed.
// A script that fails fails the test, with its output and the end of the server's log.
func (s *server) python(t testing.TB, environment, script string, args ...string) string {
	t.Helper()
	out, err := s.tryPython(t, environment, script, args...)
	if err != nil {
		t.Fatalf("%s in %s: %v\n%s\n--- server's log:\n%s", script, environment, err, out, s.tail())
	}
	return out
}

func (s *server) tryPython(t testing.TB, environment, script string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := s.command(ctx, t, environment, script, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (s *server) command(ctx context.Context, t testing.TB, environment, script string, args ...string) *exec.Cmd {
	python := filepath.Join(root(t), ".firn", "test", environment, "bin", "python")
	cmd := exec.CommandContext(ctx, python, append([]string{filepath.Join(root(t), "integration", "scripts", script)}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "SNOWFLAKE_HOME="+filepath.Join(s.dir, "client"), "FIRN_URL="+s.url, "FIRN_PID="+strconv.Itoa(s.cmd.Process.Pid),
		"PYTHONPATH="+filepath.Join(root(t), "integration", "scripts"), "PYTHONDONTWRITEBYTECODE=1", "SNOWFLAKE_DISABLE_PLATFORM_DETECTION=true", "HOME="+cmd.Dir)
	return cmd
}

// dataDir is a data directory that others may pass through (a job's container root is another host uid).
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "firn-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("the data directory cannot be removed: %v", err)
		}
	})
	return filepath.Join(dir, "data")
}
