package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"firn/driver"
	"firn/driver/drivertest"
)

var shimProgram string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the shim as the Makefile does.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "firn-shim-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if shimProgram = os.Getenv("FIRN_TEST_SHIM"); shimProgram == "" {
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

func TestConformance(t *testing.T) {
	drivertest.Run(t, func(t *testing.T, dir string) driver.Driver {
		d, err := New(dir, shimProgram)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}, drivertest.Options{Shim: func(t *testing.T, d driver.Driver, id string) int {
		pid, err := d.(*Driver).home.PID(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}})
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/mnt/job_stage", "/data/s"},
		{"/mnt/job_stage/a.py", "/data/s/a.py"},
		{"--out=/mnt/job_stage/x:/mnt/job_stage", "--out=/data/s/x:/data/s"},
		{"/mnt/job_stage2", "/mnt/job_stage2"},
		{"/a/mnt/job_stage", "/a/mnt/job_stage"},
		{"none", "none"},
	} {
		if got := swapPath(c.text, "/mnt/job_stage", "/data/s"); got != c.want {
			t.Errorf("%q gives %q, want %q", c.text, got, c.want)
		}
	}
}
