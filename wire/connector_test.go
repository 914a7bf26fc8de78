package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firn/wire"
)

// shared are the environments of integration/environments.sh that hold a version of the connector.
var shared = map[string]string{"4.8.1": "client-2.6.0", "5.2.0": "connector-5.2.0"}

// python is the interpreter of an environment with that version of the real connector, kept in .firn/test; it is made if there is none.
func python(t *testing.T, version string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, ".firn", "test", "conn-"+version)
	bin := filepath.Join(dir, "bin", "python")
	for _, d := range []string{dir, filepath.Join(root, ".firn", "test", shared[version])} {
		if _, err := os.Stat(filepath.Join(d, ".complete")); err == nil {
			return filepath.Join(d, "bin", "python")
		}
	}
	uv := filepath.Join(root, ".firn", "tools", "bin", "uv")
	if _, err := os.Stat(uv); err != nil {
		if uv, err = exec.LookPath("uv"); err != nil {
			t.Fatal("uv is not there to make the connector's environment: run integration/environments.sh first")
		}
	}
	for _, args := range [][]string{{"venv", "--quiet", "--clear", dir}, {"pip", "install", "--quiet", "-p", bin, "snowflake-connector-python[pandas]==" + version}} {
		if out, err := exec.CommandContext(t.Context(), uv, args...).CombinedOutput(); err != nil {
			t.Fatalf("uv %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".complete"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return bin
}

// The real connector, both implementations of it, with everything that it does on this protocol.
func TestConnector(t *testing.T) {
	for _, version := range []string{"4.8.1", "5.2.0"} {
		t.Run(version, func(t *testing.T) {
			bin := python(t, version)
			s := start(t, t.TempDir(), wire.Config{Hold: 100 * time.Millisecond})
			u, err := url.Parse(s.url)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, bin, filepath.Join("testdata", "connector.py"), u.Port(), version)
			home := t.TempDir()
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "SNOWFLAKE_HOME=" + home, "SNOWFLAKE_DISABLE_PLATFORM_DETECTION=true", "NO_PROXY=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1"}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			for first := true; ; {
				select {
				case id := <-s.room.started:
					if first { // the one that another connection cancels
						json.NewEncoder(in).Encode(id)
						first = false
					}
					continue
				case err = <-ended:
				}
				break
			}
			t.Logf("%s", &out)
			if err != nil || !strings.HasSuffix(strings.TrimSpace(out.String()), "ok") {
				t.Errorf("the script did not reach its end: %v", err)
			}
			if n := len(s.room.inserts); n == 0 || s.room.inserts[0].rows != 5 {
				t.Errorf("executemany arrived as %d inserts", n)
			}
		})
	}
}
