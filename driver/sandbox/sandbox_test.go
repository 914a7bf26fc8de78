package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"firn/driver"
	"firn/driver/drivertest"
)

var shimProgram string

// TestMain builds the shim as the Makefile does, and enters a user namespace where the tests do not run as root.
func TestMain(m *testing.M) {
	if err := EnterUserNamespace(os.Getenv("FIRN_TEST_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, "skipped: no user namespaces here:", err)
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "firn-shim-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shimProgram = os.Getenv("FIRN_TEST_SHIM")
	if shimProgram == "" {
		shimProgram = filepath.Join(dir, "firn-shim")
		c := exec.Command("go", "build", "-trimpath", "-tags", "netgo,osusergo", "-ldflags", `-s -w -linkmode external -extldflags "-static"`, "-o", shimProgram, "firn/cmd/firn-shim")
		c.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := c.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the shim: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

func config(dir string) Config {
	return Config{Dir: dir, Shim: shimProgram, APISocket: filepath.Join(dir, "api"), Tun: "/dev/net/tun", Log: slog.New(slog.DiscardHandler)}
}

func open(t testing.TB, cfg Config) *Driver {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func shimOf(t *testing.T, d driver.Driver, id string) int {
	t.Helper()
	pid, err := d.(*Driver).jobs.PID(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestConformance(t *testing.T) {
	t.Log(Probe())
	drivertest.Run(t, func(t *testing.T, dir string) driver.Driver { return open(t, config(dir)) },
		drivertest.Options{Isolated: true, Memory: true, Network: true, Shim: shimOf})
}
