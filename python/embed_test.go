package python

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func TestInstall(t *testing.T) {
	old := syscall.Umask(0o077) // a server of a careful administrator: jobs run as other users all the same
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "python")
	roots := make([]string, 4)
	var wg sync.WaitGroup
	for i := range roots {
		wg.Add(1)
		go func() {
			defer wg.Done()
			root, err := Install(dir)
			if err != nil {
				t.Error(err)
			}
			roots[i] = root
		}()
	}
	wg.Wait()
	for _, r := range roots {
		if r != roots[0] {
			t.Fatalf("%s and %s", r, roots[0])
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
	for _, name := range []string{"launcher.py", "firn_job/run.py"} {
		if _, err := os.Stat(filepath.Join(roots[0], name)); err != nil {
			t.Error(err)
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o644)
		if d.IsDir() {
			want = fs.ModeDir | 0o755
		}
		if info.Mode() != want {
			t.Errorf("%s: %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
