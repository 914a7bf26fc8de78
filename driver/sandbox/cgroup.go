package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver/sandbox/plan"
)

// Controllers without which limits are not enforced.
var controllers = []string{"cpu", "memory", "pids"}

const cpuPeriod = 100_000 // microseconds

// makeGroup makes the one group that all instances stand under and returns its path from the hierarchies' roots.
func makeGroup(name string) (string, error) {
	if !plan.Unified() {
		return makeGroup1("/" + name)
	}
	base, err := base2()
	if err != nil {
		return "", err
	}
	g := filepath.Join(base, name)
	dir := plan.Dir("", g)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := enable(dir); err != nil {
		os.Remove(dir)
		return "", err
	}
	return g, nil
}

// shareGroup sets the machine's share as the group's limit. It fails where instances that run already have more.
func shareGroup(g string, memory, milliCPU int64) error {
	if plan.Unified() {
		dir, mem, cpu := plan.Dir("", g), "max", "max"
		if memory > 0 {
			mem = strconv.FormatInt(memory, 10)
		}
		if milliCPU > 0 {
			cpu = strconv.FormatInt(milliCPU*cpuPeriod/1000, 10)
		}
		return errors.Join(write(dir, "memory.max", mem), write(dir, "cpu.max", cpu+" "+strconv.Itoa(cpuPeriod)))
	}
	mem, cpu := int64(-1), int64(-1)
	if memory > 0 {
		mem = memory
	}
	if milliCPU > 0 {
		cpu = milliCPU * cpuPeriod / 1000
	}
	c := plan.Dir("cpu", g)
	return errors.Join(write(plan.Dir("memory", g), "memory.limit_in_bytes", strconv.FormatInt(mem, 10)),
		write(c, "cpu.cfs_period_us", strconv.Itoa(cpuPeriod)), write(c, "cpu.cfs_quota_us", strconv.FormatInt(cpu, 10)))
}

func makeGroup1(g string) (string, error) {
	for _, c := range controllers {
		d := plan.Dir(c, g)
		if !isDir(filepath.Dir(d)) {
			return "", fmt.Errorf("no %s controller", c)
		}
		if err := os.Mkdir(d, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		f, err := os.OpenFile(filepath.Join(d, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return "", err
		}
		f.Close()
	}
	if m := plan.Dir("memory", g); isFile(filepath.Join(m, "memory.use_hierarchy")) { // gone or fixed to 1 on newer kernels
		write(m, "memory.use_hierarchy", "1")
	}
	return g, nil
}

// base2 is the version 2 group in which we may make groups with limits: the root, or our own if it was delegated to us.
// A group that has processes cannot have children with limits, so where we are alone in it we move into a leaf.
func base2() (string, error) {
	own := "/"
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for l := range strings.Lines(string(b)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(l), "0::"); ok {
			own = p
		}
	}
	own = strings.TrimSuffix(own, "/"+serverLeaf)
	if own == "" {
		own = "/"
	}
	var errs []error
	for _, g := range slices.Compact([]string{"/", own}) {
		dir := plan.Dir("", g)
		err := enable(dir)
		if errors.Is(err, unix.EBUSY) && g == own {
			if err = leave(dir); err == nil {
				err = enable(dir)
			}
		}
		if err == nil {
			return g, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

const serverLeaf = "firn-server"

// enable gives a version 2 group's children the controllers that we need.
func enable(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	on, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	var want []string
	for _, c := range controllers {
		if !slices.Contains(strings.Fields(string(have)), c) {
			return fmt.Errorf("%s: no %s controller", dir, c)
		}
		if !slices.Contains(strings.Fields(string(on)), c) {
			want = append(want, "+"+c)
		}
	}
	if len(want) > 0 {
		return write(dir, "cgroup.subtree_control", strings.Join(want, " "))
	}
	f, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// leave moves this process into a leaf of its group; only if it is the only one there.
func leave(dir string) error {
	if ps := plan.PIDs(dir); len(ps) != 1 || ps[0] != os.Getpid() {
		return fmt.Errorf("%s: other processes are in the group", dir)
	}
	leaf := filepath.Join(dir, serverLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return write(leaf, "cgroup.procs", "0")
}

func write(dir, file, s string) error { return os.WriteFile(filepath.Join(dir, file), []byte(s), 0) }

func isFile(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular()
}

// dropGroup removes the group if nothing runs in it.
func dropGroup(g string) {
	if g == "" {
		return
	}
	for _, d := range plan.Dirs(g) {
		syscall.Rmdir(d)
	}
}

// clean ends what a killed shim may have left running and removes its groups.
func (d *Driver) clean(id, dir string) {
	var st struct {
		Pid   int    `json:"init_process_pid"`
		Start uint64 `json:"init_process_start"`
	}
	// libcontainer's own record. Everything in the sandbox ends with its init, and that with the shim: this is the second net.
	if b, err := os.ReadFile(filepath.Join(dir, "lc", id, "state.json")); err == nil && json.Unmarshal(b, &st) == nil && st.Pid > 0 {
		end(st.Pid, func() bool { return startTime(st.Pid) == st.Start })
	}
	if d.group != "" {
		ds := plan.Dirs(filepath.Join(d.group, id))
		for range 100 {
			left := 0
			for _, g := range ds {
				for _, pid := range plan.PIDs(g) {
					left++
					end(pid, func() bool { return slices.Contains(plan.PIDs(g), pid) })
				}
			}
			if left == 0 {
				break
			}
		}
		for _, g := range ds {
			for range 50 { // the kernel takes a moment to let go
				if err := syscall.Rmdir(g); !errors.Is(err, syscall.EBUSY) {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
		}
	}
	os.RemoveAll(filepath.Join(dir, "lc"))
}

// end kills a process, if it still is the one that is meant, and waits until it is dead.
func end(pid int, same func() bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if !same() || unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) != nil {
		return
	}
	unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
}

// startTime is field 22 of /proc/PID/stat, in ticks since boot; with the pid it names one process.
func startTime(pid int) uint64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return 0
	}
	n, _ := strconv.ParseUint(f[19], 10, 64)
	return n
}
