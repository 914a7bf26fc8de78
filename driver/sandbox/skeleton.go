package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// skeleton is what every sandbox is mounted on: one tree of empty directories and one small /etc, shared and read-only.
// Made for each instance they cost about 15 % of its CPU.
type skeleton struct {
	root   string
	etcDir string
	system []string // directories of the host that are seen inside at the same path

	mu   sync.Mutex
	made map[string]bool
	own  string // where root had to be made elsewhere: removed at the end if nothing is mounted there
}

// Parts of the root that are filled anew for each instance: mount points in them are made there.
var volatile = []string{"/tmp", "/run", "/dev"}

// Parts that are not for mounting on.
var reserved = []string{"/proc", "/sys", "/etc", "/.firn", "/usr", "/bin", "/sbin", "/lib", "/lib64"}

// resolvers are the two kinds of /etc/resolv.conf: where DNS is, with and without a TUN.
var resolvers = map[string]string{"tun": "nameserver 198.18.0.1\n", "loop": "nameserver 127.0.0.1\n"}

func newSkeleton(dir, name string, ranges bool) (*skeleton, error) {
	s := &skeleton{root: filepath.Join(dir, "root"), etcDir: filepath.Join(dir, "etc"), made: map[string]bool{}}
	if ranges && !passable(dir) { // the root inside is another uid of the host and could not come this far
		s.root = ""
		for _, base := range []string{"/run", "/var/lib", os.TempDir()} {
			p := filepath.Join(base, name)
			if passable(base) && openDir(p) == nil && ownedByUs(p) {
				s.root, s.own = filepath.Join(p, "root"), p
				break
			}
		}
		if s.root == "" {
			return nil, fmt.Errorf("%s cannot be passed through by other users, and neither /run nor %s can be written", dir, os.TempDir())
		}
	}
	for _, d := range []string{"usr", "etc", "proc", "sys", "dev", "tmp", "run", "mnt", "snowflake/session", ".firn"} {
		if err := s.mkdir("/" + d); err != nil {
			return nil, err
		}
	}
	if err := put(filepath.Join(s.root, ".firn/init"), "", 0o644); err != nil {
		return nil, err
	}
	s.system = []string{"/usr"}
	for _, d := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64"} {
		to, err := os.Readlink(d)
		switch {
		case err == nil:
			if err := os.Symlink(to, filepath.Join(s.root, d)); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, err
			}
		case isDir(d):
			if err := s.mkdir(d); err != nil {
				return nil, err
			}
			s.system = append(s.system, d)
		}
	}
	var etc []string // of the host's, as they are
	for _, n := range []string{"ssl", "pki", "ca-certificates", "alternatives"} {
		if isDir(filepath.Join("/etc", n)) {
			etc = append(etc, n)
			s.system = append(s.system, filepath.Join("/etc", n))
		}
	}
	for kind, ns := range resolvers {
		if err := s.writeEtc(filepath.Join(s.etcDir, kind), ns, etc); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *skeleton) writeEtc(dir, resolver string, points []string) error {
	files := map[string]string{
		"passwd": "root:x:0:0:job:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
		"group":  "root:x:0:\nnogroup:x:65534:\n",
		"hosts":  "127.0.0.1 localhost\n", "resolv.conf": resolver,
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
	}
	for _, n := range []string{"ld.so.cache", "mime.types", "services", "protocols", "localtime"} { // small: a copy is cheaper than a mount
		if b, err := os.ReadFile(filepath.Join("/etc", n)); err == nil {
			files[n] = string(b)
		}
	}
	for _, d := range append([]string{""}, points...) {
		if err := openDirs(filepath.Join(dir, d)); err != nil {
			return err
		}
	}
	for n, c := range files {
		if err := put(filepath.Join(dir, n), c, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *skeleton) etc(tun bool) string {
	if tun {
		return filepath.Join(s.etcDir, "tun")
	}
	return filepath.Join(s.etcDir, "loop")
}

func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// point makes sure that something can be mounted at this path inside.
func (s *skeleton) point(p string) error {
	if !filepath.IsAbs(p) || filepath.Clean(p) != p || p == "/" || slices.Contains(volatile, p) {
		return fmt.Errorf("sandbox: nothing can be mounted at %q", p)
	}
	for _, r := range reserved {
		if under(p, r) {
			return fmt.Errorf("sandbox: nothing can be mounted at %q: %s is the sandbox's own", p, r)
		}
	}
	for _, v := range volatile {
		if under(p, v) {
			return nil
		}
	}
	return s.mkdir(p)
}

// trees makes the mount points of read-only trees and drops those that are seen anyway.
func (s *skeleton) trees(list []string) ([]string, error) {
	list = slices.Clone(list)
	slices.Sort(list)
	var out []string
next:
	for _, t := range list {
		for _, seen := range append(out, s.system...) {
			if under(t, seen) {
				continue next
			}
		}
		for _, link := range []string{"/bin", "/sbin", "/lib", "/lib64"} { // links into /usr
			if under(t, link) {
				continue next
			}
		}
		if err := s.point(t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (s *skeleton) mkdir(p string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made[p] {
		return nil
	}
	if err := openDirs(filepath.Join(s.root, p)); err != nil {
		return err
	}
	s.made[p] = true
	return nil
}

// close removes a root that had to be made outside of Dir. Never while instances run: to remove a directory detaches what
// is mounted on it in their namespaces.
func (s *skeleton) close(live bool) error {
	if s.own == "" || live {
		return nil
	}
	return os.RemoveAll(s.own)
}

// openDir makes one directory that others may pass through but not list.
func openDir(p string) error {
	if err := os.MkdirAll(p, 0o711); err != nil {
		return err
	}
	st, err := os.Stat(p)
	if err == nil && st.Mode().Perm()&0o111 != 0o111 {
		err = os.Chmod(p, st.Mode().Perm()|0o111)
	}
	return err
}

// openDirs makes a directory and what is missing above it, readable by all whatever the umask says.
func openDirs(p string) error {
	if isDir(p) {
		return nil
	}
	if err := openDirs(filepath.Dir(p)); err != nil {
		return err
	}
	if err := os.Mkdir(p, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(p, 0o755)
}

// put writes a file by rename: instances that run have the old one mounted.
func put(path, content string, mode fs.FileMode) error {
	if b, err := os.ReadFile(path); err == nil && string(b) == content {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".put")
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}

// passable says whether every user may pass through a directory and all above it.
func passable(dir string) bool {
	for p := dir; ; p = filepath.Dir(p) {
		st, err := os.Stat(p)
		if err != nil || st.Mode().Perm()&0o001 == 0 {
			return false
		}
		if p == "/" {
			return true
		}
	}
}
