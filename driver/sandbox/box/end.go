package box

import (
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/sandbox/plan"
)

func (b *Box) cgroup(controller string) string {
	return plan.Dir(controller, filepath.Join(b.plan.Cgroup, b.plan.Spec.ID))
}

// oomKills counts processes of the instance that the kernel killed for memory.
func (b *Box) oomKills() int64 {
	switch {
	case b.plan.Cgroup == "":
		return 0
	case plan.Unified():
		return plan.Number(b.cgroup("memory"), "memory.events", "oom_kill")
	}
	return plan.Number(b.cgroup("memory"), "memory.oom_control", "oom_kill")
}

func (b *Box) memPeak() int64 {
	if plan.Unified() {
		return plan.Number(b.cgroup("memory"), "memory.peak", "")
	}
	return plan.Number(b.cgroup("memory"), "memory.max_usage_in_bytes", "")
}

func (b *Box) cpuSeconds() float64 {
	if plan.Unified() {
		return float64(plan.Number(b.cgroup("cpu"), "cpu.stat", "usage_usec")) / 1e6
	}
	return float64(plan.Number(b.cgroup("cpuacct"), "cpuacct.usage", "")) / 1e9
}

// account says how the payload ended and why. oomBefore is the counter at its start. It must be called while the
// instance's cgroups are there.
func (b *Box) account(st status, oomBefore int64) driver.Exit {
	e := driver.Exit{Code: 128 + int(unix.SIGKILL), Signal: "SIGKILL", MemPeak: st.maxRSS, CPU: st.cpu.Seconds()}
	if st.known {
		if st.wait.Signaled() {
			e.Code, e.Signal = 128+int(st.wait.Signal()), signalName(st.wait.Signal())
		} else {
			e.Code, e.Signal = st.wait.ExitStatus(), ""
		}
	}
	limit := b.plan.Spec.Memory
	if b.plan.Cgroup != "" {
		e.OOM = b.oomKills() > oomBefore
		e.MemPeak, e.CPU = b.memPeak(), b.cpuSeconds()
	} else {
		used, killed := b.mem.result()
		e.MemPeak, e.OOM = max(e.MemPeak, used), killed
	}
	switch {
	case e.OOM && b.plan.Cgroup == "":
		e.Reason = fmt.Sprintf("out of memory: the instance used %s of its limit of %s", size(e.MemPeak), size(limit))
	// The counter rises also where the group of all instances is full: then this one has not reached its own limit.
	case e.OOM && b.plan.Share > 0 && (limit == 0 || e.MemPeak < limit-limit/64):
		e.Reason = fmt.Sprintf("out of memory: all jobs together reached this machine's share of %s; this instance used %s", size(b.plan.Share), size(e.MemPeak))
	case e.OOM:
		e.Reason = fmt.Sprintf("out of memory: the limit of %s", size(limit))
	case e.Signal != "":
		e.Reason = "killed by " + e.Signal
	}
	if e.OOM && e.Code == 0 {
		e.Reason += " (a process of it was killed, the job itself ended by its own)"
	}
	return e
}

func size(n int64) string {
	return units.CustomSize("%.4g %s", float64(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"})
}

func signalName(s syscall.Signal) string {
	if n := unix.SignalName(s); n != "" {
		return n
	}
	return fmt.Sprintf("signal %d", int(s))
}
