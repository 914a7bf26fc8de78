// Package box is the shim's side of the sandbox: it makes one instance's namespaces, mounts and limits with libcontainer,
// starts the payload in them cold or warm, gives it its network, watches it and says how it ended. It is linked into
// firn-shim alone, so that the server carries none of it. reference: DESIGN.md beside driver/sandbox.
package box

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // C: enters the namespaces before Go starts
	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/sandbox/nsboot"
	"firn/driver/sandbox/plan"
	"firn/driver/shim"
)

const (
	hostsName = "hosts"
	stateDir  = "lc" // libcontainer's
	drainTime = 2 * time.Second
)

// Init is libcontainer's half inside the new namespaces; it does not return. Call it first where os.Args[1] is "init".
func Init() {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	libcontainer.Init()
}

// Box is one instance in the making and while it runs.
type Box struct {
	plan *plan.Plan
	dir  string
	in   *shim.Instance
	c    *libcontainer.Container
	hub  *hub
	mem  watch
}

// New returns the box of a plan; dir is the instance's directory. The calling goroutine must be locked to its thread for
// the process's life: the parent-death signal of what it starts belongs to that thread.
func New(p *plan.Plan, dir string) *Box { return &Box{plan: p, dir: dir} }

// Run makes the sandbox and returns when the payload has ended; an error if it never began.
func (b *Box) Run(in *shim.Instance) (driver.Exit, error) {
	b.in = in
	if b.plan.Hub {
		b.hub = takeHub(in)
	}
	if b.plan.Kind == plan.Parent {
		return b.runParent()
	}
	if err := b.writeHosts(); err != nil {
		return driver.Exit{}, err
	}
	if b.plan.Warm != "" {
		e, err := b.runJob(b.plan.Warm)
		if err == nil || len(b.plan.Spec.Cold) == 0 {
			return e, err
		}
		fmt.Fprintln(os.Stderr, "warm start:", err, "- starting cold")
		b.Release()
		b.plan.Warm, b.plan.Spec.Args = "", b.plan.Spec.Cold
	}
	return b.runJob("")
}

// Release frees what the instance held: cgroups and libcontainer's state. Everything in it has ended before.
func (b *Box) Release() {
	if b.c != nil {
		if err := b.c.Destroy(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		b.c = nil
	}
	os.RemoveAll(stateDir)
}

// writeHosts makes the instance's /etc/hosts, with its own name: libraries look themselves up.
func (b *Box) writeHosts() error {
	ip := "127.0.0.1"
	if b.hub != nil {
		ip = address(b.plan.Spec.Index).String()
	}
	if err := os.WriteFile(hostsName, fmt.Appendf(nil, "127.0.0.1 localhost\n%s %s\n", ip, b.plan.Spec.Host), 0o644); err != nil {
		return err
	}
	return os.Chmod(hostsName, 0o644) // whatever the umask: root inside is another user outside
}

// pipes are the payload's outputs.
type pipes struct {
	outR, outW, errR, errW *os.File
	pumps                  sync.WaitGroup
}

func newPipes() (*pipes, error) {
	p := &pipes{}
	var err error
	if p.outR, p.outW, err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.errR, p.errW, err = os.Pipe(); err != nil {
		p.outR.Close()
		p.outW.Close()
		return nil, err
	}
	return p, nil
}

// pump lets go of the writing ends and copies what comes into the log.
func (p *pipes) pump(log *shim.Log) {
	p.outW.Close()
	p.errW.Close()
	p.pumps.Go(func() { log.Pump(shim.Stdout, p.outR) })
	p.pumps.Go(func() { log.Pump(shim.Stderr, p.errR) })
}

// drain waits for the rest; a descriptor that left the sandbox cannot hold the record up for long.
func (p *pipes) drain() {
	done := make(chan struct{})
	go func() { p.pumps.Wait(); close(done) }()
	t := time.NewTimer(drainTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// process is one process for sure: a pid may be given again, a descriptor of it is not.
type process struct{ f *os.File }

func openProcess(pid int) (process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return process{}, fmt.Errorf("pidfd: %w", err)
	}
	return process{os.NewFile(uintptr(fd), "pidfd")}, nil
}

// signal may be called at any time, also after Close and after the process's end.
func (p process) signal(s unix.Signal) {
	c, err := p.f.SyscallConn()
	if err == nil {
		c.Control(func(fd uintptr) { unix.PidfdSendSignal(int(fd), s, nil, 0) })
	}
}

func (p process) Close() error { return p.f.Close() }

func seqpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that the runtime's poller, not a thread, waits for it
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "ctl"), os.NewFile(uintptr(fds[1]), "ctl"), nil
}

// runJob runs the payload in a sandbox of its own: as a fork of the parent whose socket is in warm, or as a new process.
func (b *Box) runJob(warm string) (_ driver.Exit, err error) {
	s := &b.plan.Spec
	filter, err := Filter()
	if err != nil {
		return driver.Exit{}, err
	}
	sec, err := memfd("seccomp", filter)
	if err != nil {
		return driver.Exit{}, err
	}
	defer sec.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return driver.Exit{}, err
	}
	defer null.Close()
	ctl, ctlC, err := seqpair()
	if err != nil {
		return driver.Exit{}, err
	}
	defer ctl.Close()
	defer ctlC.Close()
	out, err := newPipes()
	if err != nil {
		return driver.Exit{}, err
	}

	// The parent's fork makes the user namespace: it can enter only one that its own uid owns.
	var mid *middle
	userns := ""
	if warm != "" {
		if mid, err = fork(warm, idmapText(b.plan)); err != nil {
			return driver.Exit{}, err
		}
		defer mid.Close()
		userns = fmt.Sprintf("/proc/%d/ns/user", mid.pid)
	}
	var data int64
	if b.plan.Cgroup == "" {
		data = s.Memory
	}
	p := &libcontainer.Process{
		Args: []string{nsboot.Init, "pid1", "hold", strconv.FormatInt(s.PIDs, 10), strconv.FormatInt(data, 10)}, Cwd: "/", Init: true,
		Stdin: null, Stdout: out.outW, Stderr: out.errW, ExtraFiles: []*os.File{ctlC, sec},
	}
	if warm == "" {
		p.Args[2], p.Cwd = "run", s.Dir
		p.Args = append(p.Args, s.Args...)
		for k, v := range s.Env {
			p.Env = append(p.Env, k+"="+v)
		}
	}
	src, err := openSources(s.Mounts)
	if err != nil {
		return driver.Exit{}, err
	}
	defer src.Close()
	if err := b.create(userns, p); err != nil {
		return driver.Exit{}, err
	}
	pid, err := p.Pid()
	if err != nil {
		return driver.Exit{}, err
	}
	init, err := openProcess(pid)
	if err != nil {
		return driver.Exit{}, err
	}
	defer init.Close()
	kill := func() { init.signal(unix.SIGKILL) } // the namespace's init: the kernel ends the rest
	defer func() {
		if err != nil {
			kill()
			p.Wait()
			out.pump(b.in.Log)
			out.drain()
		}
	}()
	if err := src.check(pid); err != nil {
		return driver.Exit{}, err
	}
	if err := b.network(pid); err != nil {
		return driver.Exit{}, fmt.Errorf("network: %w", err)
	}
	oom := b.oomKills()
	if err := b.c.Exec(); err != nil { // only now: a cold payload must not start before its network
		return driver.Exit{}, fmt.Errorf("sandbox: %w", err)
	}
	ctlC.Close()
	end := (io.Reader)(ctl)
	term := func() { init.signal(unix.SIGTERM) }
	if mid != nil {
		if err := mid.start(b.plan, pid, data, null, out, sec); err != nil {
			return driver.Exit{}, err
		}
		end = mid.conn
		term = func() { mid.proc.signal(unix.SIGTERM) }
	}
	if mid == nil {
		if n, err := ctl.Read(make([]byte, 1)); n != 1 {
			return driver.Exit{}, fmt.Errorf("sandbox: its init ended before the payload began: %w", err)
		}
	}
	out.pump(b.in.Log)
	ended := make(chan struct{})
	if b.plan.Cgroup == "" && s.Memory > 0 {
		go b.mem.run(pid, s.Memory, kill, ended)
	}
	b.in.Running(term, kill)

	st := waitEnd(end, ctl, mid != nil)
	close(ended)
	e := b.account(st, oom)
	kill()
	p.Wait()
	out.drain()
	return e, nil
}

// create makes the sandbox with p waiting in it.
func (b *Box) create(userns string, p *libcontainer.Process) error {
	if err := os.Mkdir(stateDir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	c, err := libcontainer.Create(filepath.Join(b.dir, stateDir), b.plan.Spec.ID, config(b.plan, b.dir, userns))
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	b.c = c
	if err := c.Start(p); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

// status is what a reaper says of the payload's end.
type status struct {
	known  bool // false: it was killed together with its reaper
	wait   syscall.WaitStatus
	cpu    time.Duration
	maxRSS int64 // bytes, of the largest process
}

func parseEnd(b []byte) status {
	if len(b) != nsboot.EndSize {
		return status{}
	}
	return status{
		known:  true,
		wait:   syscall.WaitStatus(binary.NativeEndian.Uint32(b)),
		cpu:    time.Duration(binary.NativeEndian.Uint64(b[8:])) * time.Microsecond,
		maxRSS: int64(binary.NativeEndian.Uint64(b[16:])) << 10,
	}
}

// waitEnd reads the end from the payload's reaper. A hang-up without one means killed. With a warm payload the
// namespace's init is another process: its end kills the payload, and the reaper, outside, then says so.
func waitEnd(reaper io.Reader, init *os.File, warm bool) status {
	if warm {
		go func() {
			init.Read(make([]byte, 1))
			if c, ok := reaper.(interface{ SetReadDeadline(time.Time) error }); ok {
				c.SetReadDeadline(time.Now().Add(time.Second)) // the reaper may have been killed, too
			}
		}()
	}
	b := make([]byte, nsboot.EndSize+1)
	n, _ := reaper.Read(b)
	return parseEnd(b[:n])
}
