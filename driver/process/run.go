package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/shim"
)

const (
	groupName = "group" // the payload's process group, for who cleans up after a killed shim: "pid starttime"
	drainTime = 2 * time.Second
)

// Run is the shim's side: it starts the payload in a session of its own and returns when it has ended.
func (p *Plan) Run(in *shim.Instance) (driver.Exit, error) {
	s := &p.Spec
	path, err := find(s.Args[0], s.Env["PATH"])
	if err != nil {
		return p.missing(in, err), nil
	}
	cmd := &exec.Cmd{Path: path, Args: s.Args, Dir: s.Dir, Env: []string{}, SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}}
	for k, v := range s.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, errs, err := pipes(cmd)
	if err != nil {
		return driver.Exit{}, err
	}
	if err := cmd.Start(); err != nil {
		closeAll(cmd.Stdout, cmd.Stderr)
		if st, serr := os.Stat(s.Dir); serr != nil || !st.IsDir() {
			return driver.Exit{}, err
		}
		return p.missing(in, err), nil
	}
	closeAll(cmd.Stdout, cmd.Stderr)
	pid := cmd.Process.Pid
	if err := os.WriteFile(groupName, fmt.Appendf(nil, "%d %s", pid, startTime(pid)), 0o600); err != nil {
		unix.Kill(-pid, unix.SIGKILL)
		cmd.Wait()
		return driver.Exit{}, err
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { in.Log.Pump(shim.Stdout, out) })
	pumps.Go(func() { in.Log.Pump(shim.Stderr, errs) })
	var mu sync.Mutex
	ended := false // then the number may be another's
	signal := func(to int, sig unix.Signal) func() {
		return func() {
			mu.Lock()
			defer mu.Unlock()
			if !ended {
				unix.Kill(to, sig)
			}
		}
	}
	in.Running(signal(pid, unix.SIGTERM), signal(-pid, unix.SIGKILL))

	// Wait without reaping: the number stays ours while the rest of the group is killed.
	var info unix.Siginfo
	for unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	mu.Lock()
	ended = true
	unix.Kill(-pid, unix.SIGKILL)
	mu.Unlock()
	cmd.Wait()
	done := make(chan struct{})
	go func() { pumps.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(drainTime): // something that left the group holds a pipe
	}
	return exit(cmd.ProcessState), nil
}

func exit(st *os.ProcessState) driver.Exit {
	e := driver.Exit{CPU: (st.UserTime() + st.SystemTime()).Seconds()}
	if u, ok := st.SysUsage().(*syscall.Rusage); ok {
		e.MemPeak = u.Maxrss << 10
	}
	ws := st.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		e.Code, e.Signal = 128+int(ws.Signal()), unix.SignalName(ws.Signal())
		e.Reason = "killed by " + e.Signal
	} else {
		e.Code = ws.ExitStatus()
	}
	return e
}

// missing is the end of a payload whose program cannot be run, as a shell has it.
func (p *Plan) missing(in *shim.Instance, err error) driver.Exit {
	in.Log.Say("%s: %v", p.Spec.Args[0], err)
	in.Running(func() {}, func() {})
	if os.IsNotExist(err) {
		return driver.Exit{Code: 127}
	}
	return driver.Exit{Code: 126}
}

// find looks for a program as execvp does, in the payload's PATH.
func find(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		_, err := os.Stat(name)
		return name, err
	}
	for d := range strings.SplitSeq(path, ":") {
		p := filepath.Join(d, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0 {
			return p, nil
		}
	}
	return "", os.ErrNotExist
}

func pipes(cmd *exec.Cmd) (out, errs *os.File, err error) {
	out, ow, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	errs, ew, err := os.Pipe()
	if err != nil {
		out.Close()
		ow.Close()
		return nil, nil, err
	}
	cmd.Stdout, cmd.Stderr = ow, ew
	return out, errs, nil
}

func closeAll(fs ...any) {
	for _, f := range fs {
		if f, ok := f.(*os.File); ok {
			f.Close()
		}
	}
}

// clean ends the process group of a killed shim's payload.
func clean(_, dir string) {
	b, err := os.ReadFile(filepath.Join(dir, groupName))
	if err != nil {
		return
	}
	f := strings.Fields(string(b))
	if len(f) != 2 {
		return
	}
	// The group is named by its first process. If that is gone its number may be another's, but then no group has it.
	if pid, err := strconv.Atoi(f[0]); err == nil && pid > 1 && startTime(pid) == f[1] {
		unix.Kill(-pid, unix.SIGKILL)
	}
}

// startTime is field 22 of /proc/PID/stat; with the pid it names one process.
func startTime(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return ""
	}
	return f[19]
}
