// Package process runs the instances of jobs as plain processes, for machines that have no user namespaces. Nothing is
// isolated and no limit but the log's is enforced; it says so in Limits. What the server sees is the same as of the
// sandbox: a shim for each instance that outlives it, the log, the recorded exit.
//
// There are no mounts: where Spec.Dir, the arguments or the environment name a path below a mount's target or the files'
// place, the payload gets the path on the host instead. There is no relay either: APIPort must be the server's own port.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"firn/driver"
	"firn/driver/shim"
)

// Kind is the kind of these specs, by which firn-shim knows them.
const Kind = "process"

// Where the sandbox has Spec.Files.
var filesAt = []string{"/run/firn", "/snowflake/session"}

// Plan is the content of spec.json.
type Plan struct {
	Kind string
	Spec driver.Spec // with the paths of the host
}

// Driver is a driver.Driver.
type Driver struct{ home *shim.Home }

var _ driver.Driver = (*Driver)(nil)

// New makes a driver that keeps its instances in dir and runs them by the firn-shim program. Both paths are absolute.
func New(dir, shimProgram string) (*Driver, error) {
	if !filepath.IsAbs(dir) || !filepath.IsAbs(shimProgram) {
		return nil, errors.New("process: directory and shim must be absolute paths")
	}
	if _, err := os.Stat(shimProgram); err != nil {
		return nil, fmt.Errorf("process: firn-shim: %w", err)
	}
	home := filepath.Join(dir, "i")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	return &Driver{&shim.Home{Dir: home, Shim: shimProgram, Clean: clean}}, nil
}

// Start implements driver.Driver. It always starts cold.
func (d *Driver) Start(ctx context.Context, s driver.Spec) error {
	if s.Warm != "" {
		s.Args = s.Cold
	}
	if len(s.Args) == 0 {
		return fmt.Errorf("process: instance %s has no program", s.ID)
	}
	for _, a := range s.Args {
		if strings.Contains(a, "\x00") {
			return errors.New("process: an argument with a zero byte")
		}
	}
	for k, v := range s.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
			return fmt.Errorf("process: bad environment variable %q", k)
		}
	}
	return d.home.Start(ctx, s.ID, Plan{Kind, outside(s)})
}

// outside puts the host's paths in the places of those inside.
func outside(s driver.Spec) driver.Spec {
	pairs := map[string]string{}
	for _, m := range s.Mounts {
		pairs[m.Target] = m.Source
	}
	if s.Files != "" {
		for _, at := range filesAt {
			pairs[at] = s.Files
		}
	}
	swap := func(text string) string {
		for target, source := range pairs {
			text = swapPath(text, target, source)
		}
		return text
	}
	s.Dir = swap(s.Dir)
	args := make([]string, len(s.Args))
	for i, a := range s.Args {
		args[i] = swap(a)
	}
	env := make(map[string]string, len(s.Env))
	for k, v := range s.Env {
		env[k] = swap(v)
	}
	s.Args, s.Env = args, env
	return s
}

// swapPath replaces a path in a text where it stands alone or with something below it, not as a part of another name.
func swapPath(text, from, to string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, from)
		if i < 0 {
			return b.String() + text
		}
		before := i == 0 || !strings.ContainsRune(nameChars, rune(text[i-1]))
		rest := text[i+len(from):]
		after := rest == "" || !strings.ContainsRune(nameChars, rune(rest[0])) || rest[0] == '/'
		b.WriteString(text[:i])
		if before && after {
			b.WriteString(to)
		} else {
			b.WriteString(from)
		}
		text = rest
	}
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

// Wait implements driver.Driver.
func (d *Driver) Wait(ctx context.Context, id string) (driver.Exit, error) {
	return d.home.Wait(ctx, id)
}

// Stop implements driver.Driver.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	return d.home.Stop(ctx, id, grace)
}

// Recover implements driver.Driver.
func (d *Driver) Recover(ctx context.Context) (map[string]driver.State, error) {
	return d.home.Recover(ctx)
}

// Log implements driver.Driver.
func (d *Driver) Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	return d.home.Log(ctx, id, follow)
}

// Remove implements driver.Driver.
func (d *Driver) Remove(ctx context.Context, id string) error { return d.home.Remove(ctx, id) }

// Warm implements driver.Driver: there are no warm parents.
func (d *Driver) Warm(context.Context, driver.Parent) error { return nil }

// Cool implements driver.Driver.
func (d *Driver) Cool(context.Context, string) error { return nil }

// Limits implements driver.Driver.
func (d *Driver) Limits() []string {
	return []string{
		"isolation: jobs are plain processes of the server's user, with all its files and its whole network",
		"memory, cpu, processes: no limit is enforced",
		"mounts: payloads see the host's own paths",
		"api: a job loses its connection for good when the server comes back on another port",
		"warm starts: every job starts a fresh interpreter",
	}
}

// Close implements driver.Driver.
func (d *Driver) Close() error { return nil }
