package integration

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk fills the disk that the data directory lies on: what does not fit is refused by clear errors, nothing is half-made,
// the server stays up, and with room again everything works, also after a restart.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a small disk")
	}
	dir := dataDir(t)
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=711,size=400m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	s := start(t, dir)
	run := func(step ...string) {
		t.Helper()
		t.Log(step[0] + "\n" + s.python(t, newest, "full_disk.py", step...))
	}
	run("before")
	fill(t, dir, ballast, 12<<20)
	run("full")
	fill(t, dir, ballast, 2<<20)
	run("none", ballast) // it fills the rest itself, once it has logged in
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	run("room")
	fill(t, dir, ballast, 4096)
	s.kill(t)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	out, err := s.tryPython(t, newest, "full_disk.py", "again")
	if err == nil || !strings.Contains(out, "already exists") { // the script's last step made these tables before
		t.Errorf("after a restart: %v\n%s", err, out)
	}
}

// fill makes the file anew so that it leaves so many bytes of dir's disk.
func fill(t *testing.T, dir, path string, leave int64) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*fs.Bsize-leave); err != nil {
		t.Fatal(err)
	}
}
