// Package plan is what the sandbox driver in the server writes down for a shim: an instance's spec and everything about
// this machine that the shim needs to run it. It is read again by later servers, so fields are only ever added.
package plan

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"firn/driver"
)

// Kinds of plans.
const (
	Job    = "job"
	Parent = "parent" // a warm parent
)

// Range is how many ids of the host an instance has, as root.
const Range = 65536

// Socket is the name of a warm parent's socket in its directory.
const Socket = "w"

// Plan is the content of spec.json.
type Plan struct {
	Kind   string
	Spec   driver.Spec
	Parent *driver.Parent `json:",omitempty"`

	Shim   string // the shim's program, which is also pid 1 inside
	Root   string // the skeleton: empty directories to mount on, shared by all instances
	Etc    string // a small /etc, shared
	System []string
	// System are directories of the host seen at the same path inside, beside Spec.Trees: /usr and, on some systems, /lib and /bin.
	Warm string `json:",omitempty"` // directory of the warm parent's socket

	UID   int // first uid on the host of the instance's range; 0: the server's own (no root)
	Owner int // uid on disk of the files in mounts, as root

	Cgroup string `json:",omitempty"` // parent group of all instances, from the hierarchies' roots; "": there are no cgroups for us
	Share  int64  // the parent group's memory limit, bytes; 0: none

	API   string            // the server's unix socket
	Tun   string            `json:",omitempty"` // TUN device; "": egress by loopback addresses
	Hosts map[string]string `json:",omitempty"` // addresses of names that egress does not ask the resolver for
	Hub   bool              `json:",omitempty"` // a descriptor of the job's network namespace comes with the plan
}

const root = "/sys/fs/cgroup"

// Unified says whether version 2 is the only cgroup hierarchy here.
func Unified() bool {
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers"))
	return err == nil
}

// Dir is the directory of a cgroup; controller matters for version 1 only.
func Dir(controller, group string) string {
	if Unified() {
		return filepath.Join(root, group)
	}
	return filepath.Join(root, controller, group)
}

// Dirs are the directories of a cgroup in all hierarchies that this process is in.
func Dirs(group string) []string {
	if Unified() {
		return []string{filepath.Join(root, group)}
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	var ds []string
	for l := range strings.Lines(string(own)) {
		p := strings.SplitN(strings.TrimSpace(l), ":", 3)
		if len(p) != 3 {
			continue
		}
		name := strings.TrimPrefix(p[1], "name=")
		if name == "" { // version 2 beside version 1
			name = "unified"
		}
		ds = append(ds, filepath.Join(root, name, group))
	}
	return ds
}

// Number reads one number of a cgroup's file: the whole content, or the value after key. 0 if it is not there.
func Number(dir, file, key string) int64 {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return 0
	}
	for l := range bytes.Lines(b) {
		f := strings.Fields(string(l))
		if key == "" && len(f) == 1 || len(f) == 2 && f[0] == key {
			n, _ := strconv.ParseInt(f[len(f)-1], 10, 64)
			return n
		}
	}
	return 0
}

// PIDs lists the processes of a cgroup directory.
func PIDs(dir string) []int {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var ps []int
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil && n > 0 {
			ps = append(ps, n)
		}
	}
	return ps
}
