// Package sandbox runs the instances of jobs on this machine, each in a sandbox of its own (namespaces, limits, seccomp,
// no network but what is allowed), owned by a firn-shim that outlives the server. It works as root and, with less
// enforced, without: see Probe, Driver.Limits and DESIGN.md.
package sandbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"firn/driver"
	_ "firn/driver/sandbox/nsboot" // a server without root enters its user namespace before Go starts
	"firn/driver/sandbox/plan"
	"firn/driver/shim"
)

// Config says where and with what the driver works. Paths are absolute.
type Config struct {
	Dir       string // for instances and what they share; made if it is not there. Only one server may use it at a time
	Shim      string // the firn-shim program
	APISocket string // the server's unix socket, which 127.0.0.1:APIPort inside is carried to
	Tun       string // TUN device for egress; "", or one that cannot be opened: by loopback addresses

	// Hosts are addresses of names that egress does not ask the resolver for, as in /etc/hosts. Only such a name may lead to
	// this machine's own loopback.
	Hosts map[string]string

	MachineMemory   int64 // bytes all instances together may use; 0: no such limit
	MachineMilliCPU int64 // 1000 = one CPU; 0: no such limit

	Log *slog.Logger // nil: slog.Default()
}

// Driver is a driver.Driver.
type Driver struct {
	cfg     Config
	log     *slog.Logger
	report  Report
	skel    *skeleton
	jobs    *shim.Home
	warm    *shim.Home
	group   string          // parent cgroup, from the hierarchies' roots; "": there is none for us
	noShare string          // why the parent group has no limit, if it has none
	life    context.Context // ends with Close
	cancel  context.CancelFunc

	ids     ids
	parents parents
	hubs    hubs
}

var _ driver.Driver = (*Driver)(nil)

// New looks at the machine and makes what all instances share. Without root the process must have called
// EnterUserNamespace.
func New(cfg Config) (*Driver, error) {
	if !filepath.IsAbs(cfg.Dir) || !filepath.IsAbs(cfg.Shim) {
		return nil, errors.New("sandbox: Dir and Shim must be absolute paths")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	r := Probe()
	if err := r.Usable(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	st, err := os.Stat(cfg.Shim)
	if err != nil {
		return nil, fmt.Errorf("sandbox: firn-shim: %w", err)
	}
	if r.Ranges && st.Mode().Perm()&0o005 != 0o005 { // it is pid 1 inside, as another uid
		return nil, fmt.Errorf("sandbox: %s must be readable and executable by all users", cfg.Shim)
	}
	d := &Driver{cfg: cfg, log: cfg.Log, report: r}
	jobs, warm := filepath.Join(cfg.Dir, "i"), filepath.Join(cfg.Dir, "p")
	for _, p := range []string{cfg.Dir, jobs, warm} {
		if err := openDir(p); err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
	}
	sum := fmt.Sprintf("firn-%x", sha256.Sum256([]byte(cfg.Dir)))[:13]
	if d.skel, err = newSkeleton(cfg.Dir, sum, r.Ranges); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	r.Tun = canOpen(cfg.Tun)
	if !r.Tun {
		d.cfg.Tun = ""
	}
	if d.group, err = makeGroup(sum); err != nil {
		d.group, r.CgroupWritable, r.CgroupError = "", false, err.Error()
	} else if err := shareGroup(d.group, cfg.MachineMemory, cfg.MachineMilliCPU); err != nil {
		d.noShare = fmt.Sprintf("machine share: the limit on all instances together could not be set: %v", err)
	}
	d.jobs = &shim.Home{Dir: jobs, Shim: cfg.Shim, Clean: d.clean}
	d.warm = &shim.Home{Dir: warm, Shim: cfg.Shim, Clean: d.clean}
	if r.Ranges {
		if err := canIDMap(cfg.Dir, cfg.Shim); err != nil {
			return nil, fmt.Errorf("sandbox: mounts cannot be id-mapped in %s, which instances with uids of their own need: %w", cfg.Dir, err)
		}
	}
	d.report = r
	d.life, d.cancel = context.WithCancel(context.Background())
	d.parents.d, d.hubs.d = d, d
	if err := d.adopt(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return d, nil
}

// adopt finds what earlier servers left: the uid ranges that are in use, and warm parents, which end with their server.
func (d *Driver) adopt() error {
	live, err := d.jobs.IDs()
	if err != nil {
		return err
	}
	for _, id := range live {
		var p plan.Plan
		if d.jobs.Live(id) && d.jobs.Spec(id, &p) == nil {
			d.ids.claim(p.UID, id)
			if p.Hub {
				d.hubs.found(p.Spec.Job, id)
			}
		}
	}
	old, err := d.warm.IDs()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, id := range old {
		wg.Go(func() {
			d.warm.Stop(ctx, id, 0)
			if err := d.warm.Remove(ctx, id); err != nil {
				d.log.Warn("sandbox: an old warm parent is still there", "id", id, "err", err)
			}
		})
	}
	wg.Wait()
	return nil
}

// Start implements driver.Driver.
func (d *Driver) Start(ctx context.Context, s driver.Spec) error {
	if err := check(&s); err != nil {
		return err
	}
	if s.Shm == 0 {
		s.Shm = 64 << 20
	}
	p := plan.Plan{
		Kind: plan.Job, Owner: os.Geteuid(), Cgroup: d.group, API: d.cfg.APISocket, Tun: d.cfg.Tun, Hosts: d.cfg.Hosts,
		Shim: d.cfg.Shim, Root: d.skel.root, Etc: d.skel.etc(len(s.Egress) > 0 && d.cfg.Tun != ""), System: d.skel.system, Hub: s.Count > 1,
	}
	if d.group != "" {
		p.Share = d.cfg.MachineMemory
		if m := d.cfg.MachineMilliCPU; m > 0 && s.MilliCPU > m { // version 1 refuses a child with more than its parent
			s.MilliCPU = m
		}
	}
	var err error
	if s.Trees, err = d.skel.trees(s.Trees); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		if err := d.skel.point(m.Target); err != nil {
			return err
		}
	}
	if s.Warm != "" {
		if p.Warm = d.parents.socket(s.Warm); p.Warm == "" {
			s.Args = s.Cold
		}
	}
	if len(s.Args) == 0 {
		return fmt.Errorf("sandbox: instance %s has no program", s.ID)
	}
	p.Spec = s
	if d.report.Ranges {
		if p.UID, err = d.ids.take(s.ID, d.jobs.Live); err != nil {
			return err
		}
	}
	var extra []*os.File
	if p.Hub {
		h, done, err := d.hubs.get(ctx, s.Job)
		if err != nil {
			return fmt.Errorf("sandbox: the job's network: %w", err)
		}
		defer done()
		extra = append(extra, h)
	}
	if err := d.jobs.Start(ctx, s.ID, &p, extra...); err != nil {
		d.ids.free(p.UID, s.ID)
		return err
	}
	if p.Hub {
		d.hubs.joined(s.Job, s.ID)
	}
	return nil
}

// check refuses what cannot be run.
func check(s *driver.Spec) error {
	if err := shim.CheckID(s.ID); err != nil {
		return err
	}
	if s.Host == "" {
		s.Host = s.ID
	}
	if len(s.Host) > 64 {
		return fmt.Errorf("sandbox: host name %q is longer than 64 bytes", s.Host)
	}
	if strings.ContainsAny(s.Host, " \t\n/") {
		return fmt.Errorf("sandbox: bad host name %q", s.Host)
	}
	if s.Dir == "" {
		s.Dir = "/tmp"
	}
	if s.Count > 1 && (s.Index < 0 || s.Index >= s.Count || s.Count > maxPeers) {
		return fmt.Errorf("sandbox: index %d of %d instances", s.Index, s.Count)
	}
	for _, m := range s.Mounts {
		if !filepath.IsAbs(m.Source) || !filepath.IsAbs(m.Target) {
			return fmt.Errorf("sandbox: mount %s on %s: not absolute", m.Source, m.Target)
		}
		if m.Root == "" {
			continue
		}
		if rel, err := filepath.Rel(m.Root, m.Source); err != nil || !filepath.IsAbs(m.Root) || !filepath.IsLocal(rel) {
			return fmt.Errorf("sandbox: mount on %s: its source does not lie under its root", m.Target)
		}
	}
	for k, v := range s.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
			return fmt.Errorf("sandbox: bad environment variable %q", k)
		}
	}
	for _, a := range s.Args {
		if strings.Contains(a, "\x00") {
			return errors.New("sandbox: an argument with a zero byte")
		}
	}
	return nil
}

// Wait implements driver.Driver.
func (d *Driver) Wait(ctx context.Context, id string) (driver.Exit, error) {
	return d.jobs.Wait(ctx, id)
}

// Stop implements driver.Driver. SIGTERM goes to the payload's first process alone.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	return d.jobs.Stop(ctx, id, grace)
}

// Recover implements driver.Driver.
func (d *Driver) Recover(ctx context.Context) (map[string]driver.State, error) {
	return d.jobs.Recover(ctx)
}

// Log implements driver.Driver.
func (d *Driver) Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	return d.jobs.Log(ctx, id, follow)
}

// Remove implements driver.Driver.
func (d *Driver) Remove(ctx context.Context, id string) error { return d.jobs.Remove(ctx, id) }

// Warm implements driver.Driver.
func (d *Driver) Warm(ctx context.Context, p driver.Parent) error { return d.parents.warm(ctx, p) }

// Cool implements driver.Driver.
func (d *Driver) Cool(ctx context.Context, key string) error { return d.parents.cool(ctx, key) }

// Limits implements driver.Driver.
func (d *Driver) Limits() []string {
	out := d.report.Missing()
	if d.noShare != "" {
		out = append(out, d.noShare)
	}
	return out
}

// Report is what the machine offers, with what only New could find out.
func (d *Driver) Report() Report { return d.report }

// Close implements driver.Driver.
func (d *Driver) Close() error {
	d.cancel()
	d.parents.close()
	d.hubs.close()
	live, err := d.jobs.AnyLive()
	if err != nil {
		return err
	}
	if !live {
		dropGroup(d.group)
	}
	return d.skel.close(live)
}
