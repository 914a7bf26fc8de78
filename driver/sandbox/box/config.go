package box

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices" // version 1 and 2 device rules
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"golang.org/x/sys/unix"

	"firn/driver/sandbox/nsboot"
	"firn/driver/sandbox/plan"
)

// Where things are inside.
const (
	filesDir   = "/run/firn"          // Spec.Files
	sessionDir = "/snowflake/session" // the same: where Snowflake's clients look for "token"
)

const nosd = unix.MS_NOSUID | unix.MS_NODEV

// Hidden and read-only parts of /proc and /sys, as Docker has them.
var (
	masked = []string{"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
		"/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing"}
	readonly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func bindRO(src, dst string, flags int) *configs.Mount {
	return &configs.Mount{Source: src, Destination: dst, Device: "bind", Flags: unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY | nosd | flags,
		PropagationFlags: []int{unix.MS_PRIVATE | unix.MS_REC}}
}

func tmpfs(dst string, mode string, size int64, flags int) *configs.Mount {
	data := "mode=" + mode
	if size > 0 {
		data += ",size=" + strconv.FormatInt(size, 10)
	}
	return &configs.Mount{Source: "tmpfs", Destination: dst, Device: "tmpfs", Flags: nosd | flags, Data: data}
}

// config says to libcontainer what the sandbox is. userns is the user namespace to join (warm) or "" (a new one).
func config(p *plan.Plan, dir, userns string) *configs.Config {
	parent := p.Kind == plan.Parent
	cfg := &configs.Config{
		Rootfs: p.Root, Readonlyfs: true, NoNewPrivileges: true, Capabilities: &configs.Capabilities{},
		Cgroups: group(p),
		Mounts:  append(system(p), binds(p, dir)...),
	}
	cfg.Namespaces = configs.Namespaces{{Type: configs.NEWNS}, {Type: configs.NEWIPC}, {Type: configs.NEWNET}}
	if !parent {
		cfg.Hostname, cfg.MaskPaths, cfg.ReadonlyPaths = p.Spec.Host, masked, readonly
		cfg.Namespaces = append(cfg.Namespaces, configs.Namespace{Type: configs.NEWPID}, configs.Namespace{Type: configs.NEWUTS},
			configs.Namespace{Type: configs.NEWCGROUP}, configs.Namespace{Type: configs.NEWUSER, Path: userns})
		cfg.UIDMappings, cfg.GIDMappings = idmaps(p), idmaps(p)
		cfg.Networks = []*configs.Network{{Type: "loopback", Address: "127.0.0.1/0", Gateway: "localhost"}}
	}
	if p.Cgroup == "" {
		cfg.RootlessCgroups = true
	}
	for _, d := range specconv.AllowedDevices {
		cfg.Devices = append(cfg.Devices, d)
		cfg.Cgroups.Resources.Devices = append(cfg.Cgroups.Resources.Devices, &d.Rule)
	}
	return cfg
}

// group is the instance's cgroup with its limits.
func group(p *plan.Plan) *cgroups.Cgroup {
	if p.Cgroup == "" { // a path, or any limit, would make libcontainer insist
		return &cgroups.Cgroup{Name: p.Spec.ID, Rootless: true, Resources: &cgroups.Resources{}}
	}
	r := &cgroups.Resources{Memory: p.Spec.Memory}
	if p.Spec.MilliCPU > 0 {
		r.CpuPeriod = 100_000
		r.CpuQuota = max(1000, p.Spec.MilliCPU*int64(r.CpuPeriod)/1000)
	}
	if p.Spec.PIDs > 0 {
		r.PidsLimit = &p.Spec.PIDs
	}
	swap := "memory.memsw.limit_in_bytes"
	if plan.Unified() {
		swap = "memory.swap.max"
	}
	if _, err := os.Stat(filepath.Join(plan.Dir("memory", p.Cgroup), swap)); err == nil {
		r.MemorySwap = p.Spec.Memory // no swap beside it
	}
	return &cgroups.Cgroup{Path: filepath.Join(p.Cgroup, p.Spec.ID), Resources: r}
}

// system are the mounts that every sandbox has.
func system(p *plan.Plan) []*configs.Mount {
	parent := p.Kind == plan.Parent
	proc := &configs.Mount{Source: "proc", Destination: "/proc", Device: "proc", Flags: nosd | unix.MS_NOEXEC}
	switch {
	case parent && p.UID != 0:
		proc.Data = "hidepid=2" // it lives in the host's pid namespace
	case parent: // a user namespace without a pid namespace of its own may not mount proc
		proc = bindRO("/proc", "/proc", unix.MS_NOEXEC)
	}
	ms := []*configs.Mount{
		proc,
		{Source: "tmpfs", Destination: "/dev", Device: "tmpfs", Flags: unix.MS_NOSUID | unix.MS_STRICTATIME, Data: "mode=755,size=64k"},
		{Source: "devpts", Destination: "/dev/pts", Device: "devpts", Flags: unix.MS_NOSUID | unix.MS_NOEXEC, Data: "newinstance,ptmxmode=0666,mode=0620"},
		tmpfs("/dev/shm", "1777", p.Spec.Shm, unix.MS_NOEXEC),
		tmpfs("/tmp", "1777", p.Spec.Memory, 0),
		tmpfs("/run", "755", 64<<10, 0),
		bindRO(p.Etc, "/etc", 0),
	}
	if !parent {
		ms = append(ms, &configs.Mount{Source: "sysfs", Destination: "/sys", Device: "sysfs", Flags: nosd | unix.MS_NOEXEC | unix.MS_RDONLY})
	}
	for _, d := range p.System {
		ms = append(ms, bindRO(d, d, 0))
	}
	return append(ms, bindRO(p.Shim, nsboot.Init, 0))
}

// binds are the mounts of this instance's own, outer directories before what lies in them.
func binds(p *plan.Plan, dir string) []*configs.Mount {
	var ms []*configs.Mount
	for _, t := range p.Spec.Trees {
		ms = append(ms, bindRO(t, t, 0))
	}
	if p.Kind == plan.Parent {
		for _, t := range p.Parent.Trees {
			ms = append(ms, bindRO(t, t, 0))
		}
		// Empty, but there: libraries that the parent imports decide by it where a job's settings will be.
		ms = append(ms, tmpfs(filesDir, "755", 4<<10, unix.MS_RDONLY))
	} else {
		ms = append(ms, bindRO(filepath.Join(dir, hostsName), "/etc/hosts", unix.MS_NOEXEC))
		for _, m := range p.Spec.Mounts {
			flags := 0
			if m.ReadOnly {
				flags = unix.MS_RDONLY
			}
			ms = append(ms, owned(p, m.Source, m.Target, flags))
		}
		if p.Spec.Files != "" {
			for _, at := range []string{filesDir, sessionDir} {
				ms = append(ms, owned(p, p.Spec.Files, at, unix.MS_RDONLY|unix.MS_NOEXEC))
			}
		}
	}
	slices.SortStableFunc(ms, func(a, b *configs.Mount) int {
		return strings.Count(a.Destination, "/") - strings.Count(b.Destination, "/")
	})
	return ms
}

// owned is a bind mount whose files belong to the server's user on disk and to root inside.
func owned(p *plan.Plan, src, dst string, flags int) *configs.Mount {
	m := &configs.Mount{Source: src, Destination: dst, Device: "bind", Flags: unix.MS_BIND | unix.MS_REC | nosd | flags,
		PropagationFlags: []int{unix.MS_PRIVATE | unix.MS_REC}}
	if p.UID != 0 {
		ids := []configs.IDMap{{ContainerID: int64(p.Owner), HostID: int64(p.UID), Size: 1}}
		m.IDMapping = &configs.MountIDMapping{UIDMappings: ids, GIDMappings: ids}
	}
	return m
}

func idmaps(p *plan.Plan) []configs.IDMap {
	if p.UID == 0 { // the server's own uid, which is 0 in the user namespace that server and shim live in
		return []configs.IDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	}
	return []configs.IDMap{{ContainerID: 0, HostID: int64(p.UID), Size: plan.Range}}
}

// idmapText is the same as /proc/PID/uid_map wants it.
func idmapText(p *plan.Plan) []byte {
	m := idmaps(p)[0]
	return fmt.Appendf(nil, "%d %d %d\n", m.ContainerID, m.HostID, m.Size)
}
