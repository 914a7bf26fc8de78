package sandbox

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"firn/driver/sandbox/plan"
)

// Report is what this machine offers to sandboxes.
type Report struct {
	Root           bool   // uid 0 here (also inside a user namespace of our own)
	Ranges         bool   // uid ranges can be given to instances: root over all of the machine's ids
	UserNamespaces bool   // can be made, with mount, network and pid namespaces in them
	UserNSError    string // why not
	Seccomp        bool
	CgroupVersion  int    // 1, 2, or 0: none
	CgroupWritable bool   // limits can be enforced (delegated, without root)
	CgroupError    string // why not
	IDMapped       bool   // the kernel has id-mapped mounts; New tries the file system of Config.Dir
	Tun            bool   // a TUN device can be opened
}

// Probe looks at the machine. It leaves nothing behind.
func Probe() Report {
	r := Report{Root: os.Geteuid() == 0, Seccomp: seccomp(), IDMapped: kernelIDMaps()}
	r.Ranges = r.Root && ranges()
	if err := userNamespaces(); err != nil {
		r.UserNSError = err.Error()
	} else {
		r.UserNamespaces = true
	}
	switch {
	case plan.Unified():
		r.CgroupVersion = 2
	case isDir(plan.Dir("memory", "")):
		r.CgroupVersion = 1
	}
	if r.CgroupVersion > 0 {
		if err := cgroupWritable(); err != nil {
			r.CgroupError = err.Error()
		} else {
			r.CgroupWritable = true
		}
	}
	r.Tun = canOpen("/dev/net/tun")
	return r
}

func canOpen(device string) bool {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// Usable says why the machine cannot run sandboxes at all; nil if it can.
func (r Report) Usable() error {
	switch {
	case !r.UserNamespaces:
		return fmt.Errorf("user namespaces are not to be had here: %s", r.UserNSError)
	case !r.Seccomp:
		return errors.New("the kernel has no seccomp filters")
	case !r.Root:
		return errors.New("without root the server must enter a user namespace of its own first (EnterUserNamespace)")
	}
	return nil
}

// Missing names what is not enforced here, for people.
func (r Report) Missing() []string {
	var out []string
	if !r.CgroupWritable {
		why := r.CgroupError
		if why == "" {
			why = "none here"
		}
		out = append(out,
			"memory: no cgroup limit ("+why+"); each process is bounded, and the sum is sampled and the instance killed when it is over",
			"cpu: no cgroup limit; instances share all CPUs",
			"machine share: no limit on all instances together")
	}
	if !r.Ranges {
		out = append(out, "uids: instances run as the server's own user, each in a user namespace of its own")
	}
	if !r.Tun {
		out = append(out, "egress: no TUN device; allowed hosts are reached by name only, bare addresses and wildcard ports are unreachable and not named in the log")
	}
	return out
}

// ranges says whether the ids that instances get exist here: not in a user namespace that maps fewer.
func ranges() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	for l := range strings.Lines(string(b)) {
		f := strings.Fields(l)
		if len(f) != 3 {
			continue
		}
		first, _ := strconv.ParseInt(f[0], 10, 64)
		n, _ := strconv.ParseInt(f[2], 10, 64)
		if first <= parentUID && first+n >= firstUID+slots*plan.Range {
			return true
		}
	}
	return false
}

// userNamespaces makes one with everything in it that a sandbox has, in a process that then fails to find its program.
func userNamespaces() error {
	attr := &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}}
	pid, err := syscall.ForkExec("/proc/self/fd/firn-probe", []string{"probe"}, attr)
	if err == nil {
		syscall.Kill(pid, syscall.SIGKILL)
		syscall.Wait4(pid, nil, 0, nil)
		return nil
	}
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

func seccomp() bool {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	return seccompHas(&action)
}

func cgroupWritable() error {
	name := "firn-probe-" + strconv.Itoa(os.Getpid())
	if plan.Unified() {
		b, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			return err
		}
		_, own, _ := strings.Cut(strings.TrimSpace(string(b)), "0::")
		var errs []error
		for _, g := range []string{"/", strings.TrimSuffix(own, "/"+serverLeaf)} {
			d := plan.Dir("", filepath.Join(g, name))
			if err := os.Mkdir(d, 0o755); err != nil {
				errs = append(errs, err)
				continue
			}
			return os.Remove(d)
		}
		return errors.Join(errs...)
	}
	for _, c := range controllers {
		d := plan.Dir(c, name)
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
		if err := syscall.Rmdir(d); err != nil {
			return err
		}
	}
	return nil
}

// kernelIDMaps asks with a descriptor that is not open: a kernel without id-mapped mounts does not know the call.
func kernelIDMaps() bool {
	err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: math.MaxInt32})
	return !errors.Is(err, unix.ENOSYS)
}

// canIDMap tries an id-mapped mount of dir.
func canIDMap(dir, shimProgram string) error {
	// The map comes from a process in a user namespace; the shim waits on its standard input when asked to hold.
	cmd := exec.Command(shimProgram, "hold")
	cmd.Env = []string{}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstUID, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstUID, Size: 1}}}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("user namespace: %w", err)
	}
	defer func() {
		in.Close()
		cmd.Wait()
	}()
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid))
	if err != nil {
		return err
	}
	defer ns.Close()
	tree, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	return unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())})
}
