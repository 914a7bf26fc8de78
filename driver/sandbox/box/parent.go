package box

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/sandbox/plan"
	"firn/driver/shim"
)

// runParent runs a warm parent: in a mount, ipc and network namespace of its own but in the host's pid namespace, as a uid
// of its own, without capabilities. It gets no seccomp filter: it must setns and unshare, its children add theirs.
func (b *Box) runParent() (driver.Exit, error) {
	par := b.plan.Parent
	null, err := os.Open(os.DevNull)
	if err != nil {
		return driver.Exit{}, err
	}
	defer null.Close()
	lfd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return driver.Exit{}, fmt.Errorf("socket: %w", err)
	}
	sock := os.NewFile(uintptr(lfd), plan.Socket)
	defer sock.Close()
	if err := unix.Bind(lfd, &unix.SockaddrUnix{Name: plan.Socket}); err != nil { // relative: the shim is in its directory
		return driver.Exit{}, fmt.Errorf("bind: %w", err)
	}
	if err := os.Chmod(plan.Socket, 0o600); err != nil {
		return driver.Exit{}, err
	}
	if err := unix.Listen(lfd, 1024); err != nil {
		return driver.Exit{}, fmt.Errorf("listen: %w", err)
	}
	ctl, ctlC, err := seqpair() // its hang-up is the parent's sign that the shim is gone, and ours that it is
	if err != nil {
		return driver.Exit{}, err
	}
	defer ctl.Close()
	defer ctlC.Close()
	out, err := newPipes()
	if err != nil {
		return driver.Exit{}, err
	}
	p := &libcontainer.Process{
		Args: append([]string{par.Python, "-u", "-B", par.Script}, par.Preload...), Cwd: "/", Init: true, UID: b.plan.UID, GID: b.plan.UID,
		Stdin: null, Stdout: out.outW, Stderr: out.errW, ExtraFiles: []*os.File{sock, ctlC},
	}
	for k, v := range par.Env {
		p.Env = append(p.Env, k+"="+v)
	}
	if err := b.create("", p); err != nil {
		return driver.Exit{}, err
	}
	pid, err := p.Pid()
	if err != nil {
		return driver.Exit{}, err
	}
	proc, err := openProcess(pid)
	if err != nil {
		return driver.Exit{}, err
	}
	defer proc.Close()
	kill := func() { proc.signal(unix.SIGKILL) }
	if err := b.c.Exec(); err != nil {
		kill()
		p.Wait()
		return driver.Exit{}, fmt.Errorf("sandbox: %w", err)
	}
	ctlC.Close()
	out.pump(b.in.Log)
	go func() { // a parent lives no longer than the server's end of this pipe
		life := os.NewFile(shim.FirstFD, "life")
		io.Copy(io.Discard, life)
		kill()
	}()
	b.in.Running(kill, kill)
	st, werr := p.Wait()
	e := driver.Exit{Code: 1}
	if st != nil {
		e.Code = st.ExitCode()
	} else if werr != nil {
		e.Reason = werr.Error()
	}
	if b.plan.Cgroup != "" { // spare forks end with it; used ones have left this group
		for _, d := range plan.Dirs(filepath.Join(b.plan.Cgroup, b.plan.Spec.ID)) {
			for _, pid := range plan.PIDs(d) {
				unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
	out.drain()
	return e, nil
}
