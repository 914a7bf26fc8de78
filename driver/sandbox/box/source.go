package box

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"firn/driver"
)

// sources are the directories that must be what is mounted, held open so that their inodes stay theirs. libcontainer
// mounts by path, and can do no other: a descriptor's mount is not of the instance's namespace. So each mount is compared
// with its descriptor before any of the payload's code runs; until then only our init is in the namespace, waiting.
type sources []source

type source struct {
	target string
	f      *os.File // O_PATH
}

// Close lets go of the directories.
func (ss sources) Close() {
	for _, s := range ss {
		s.f.Close()
	}
}

// openSources opens the sources of mounts that have a root. A symlink below the root, or anything but a directory at the
// end, is an error.
func openSources(ms []driver.Mount) (_ sources, err error) {
	var ss sources
	defer func() {
		if err != nil {
			ss.Close()
		}
	}()
	for _, m := range ms {
		if m.Root == "" {
			continue
		}
		f, err := openBelow(m.Root, m.Source)
		if err != nil {
			return nil, fmt.Errorf("mount on %s: %w", m.Target, err)
		}
		ss = append(ss, source{m.Target, f})
	}
	return ss, nil
}

// openBelow opens a directory whose path below root, which is trusted, goes through directories alone.
func openBelow(root, path string) (*os.File, error) {
	rel, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, errors.New("the source does not lie under its root")
	}
	r, err := os.OpenFile(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errText(err)
	}
	defer r.Close()
	return beneath(r, rel, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
}

func beneath(at *os.File, rel string, how uint64) (*os.File, error) {
	for {
		fd, err := unix.Openat2(int(at.Fd()), rel, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: how})
		if err == unix.EINTR || err == unix.EAGAIN { // EAGAIN: something was renamed meanwhile
			continue
		}
		if err == unix.ELOOP {
			return nil, errors.New("a symlink stands in the way of the source")
		}
		if err != nil {
			return nil, os.NewSyscallError("open", err)
		}
		return os.NewFile(uintptr(fd), rel), nil
	}
}

// errText is an error without the path on this machine.
func errText(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// check says whether what is mounted in the sandbox whose init is pid is what was opened.
func (ss sources) check(pid int) error {
	if len(ss) == 0 {
		return nil
	}
	root, err := os.OpenFile(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, s := range ss {
		// A job may write in a mount that another one's target lies in: not through its links.
		f, err := beneath(root, strings.TrimPrefix(s.target, "/"), unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
		if err != nil {
			return fmt.Errorf("mount on %s: %w", s.target, err)
		}
		same, err := sameDir(f, s.f)
		f.Close()
		if err != nil {
			return fmt.Errorf("mount on %s: %w", s.target, err)
		}
		if !same {
			return fmt.Errorf("mount on %s: the source was replaced while it was being mounted", s.target)
		}
	}
	return nil
}

func sameDir(a, b *os.File) (bool, error) {
	var x, y unix.Stat_t
	if err := unix.Fstat(int(a.Fd()), &x); err != nil {
		return false, err
	}
	if err := unix.Fstat(int(b.Fd()), &y); err != nil {
		return false, err
	}
	return x.Dev == y.Dev && x.Ino == y.Ino, nil
}
