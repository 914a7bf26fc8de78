package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"firn/driver"
	"firn/driver/drivertest"
)

// hostile is a root with a directory a/b in it, and a secret elsewhere that links at all places lead to.
func hostile(t *testing.T) (root, secret string) {
	t.Helper()
	root, secret = t.TempDir(), t.TempDir()
	for _, d := range []string{filepath.Join(root, "a/b"), filepath.Join(secret, "b")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{filepath.Join(secret, "file"), filepath.Join(secret, "b/file")} {
		if err := os.WriteFile(p, []byte("SECRET\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"link": secret, "a/link": secret, "inner": "a", "a/proc": "/proc/self/root"} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	return root, secret
}

func mounting(id, root, source string) driver.Spec {
	s := drivertest.Shell(id, "cat /mnt/x/file; touch /mnt/x/new")
	s.Mounts = []driver.Mount{{Source: source, Target: "/mnt/x", Root: root}}
	return s
}

// TestMountRoot: below the root of a mount no symlink leads anywhere.
func TestMountRoot(t *testing.T) {
	d := openTest(t)
	root, secret := hostile(t)
	for name, source := range map[string]string{
		"end": "link", "below": "a/link", "parent": "link/b", "inner": "inner/b", "magic": "a/proc/tmp", "missing": "c", "outside": "../x",
	} {
		t.Run(name, func(t *testing.T) {
			err := d.Start(within(t), mounting("m-"+name, root, filepath.Join(root, source)))
			if err == nil {
				t.Fatal("it started")
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error names a path of the host: %v", err)
			}
			if _, err := d.Wait(within(t), "m-"+name); !errors.Is(err, driver.ErrUnknown) {
				t.Errorf("something of it remains: %v", err)
			}
		})
	}
	for name, source := range map[string]string{"itself": "", "deep": "a/b"} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(root, source, "file"), []byte("mine\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if e, out := runTo(t, d, mounting("m-"+name, root, filepath.Join(root, source))); e.Code != 0 || out != "mine\n" {
				t.Errorf("%+v %q", e, out)
			}
		})
	}
	t.Run("the root may be a link", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "root")
		if err := os.Symlink(root, link); err != nil {
			t.Fatal(err)
		}
		if e, out := runTo(t, d, mounting("m-linked", link, filepath.Join(link, "a/b"))); e.Code != 0 || out != "mine\n" {
			t.Errorf("%+v %q", e, out)
		}
	})
	if _, err := os.Lstat(filepath.Join(secret, "new")); err == nil {
		t.Error("a sandbox wrote outside of the root")
	}
}

// TestMountSwap: a job that swaps the source, or its parent, for a symlink all the time never gets what that leads to
// mounted. Without the root it does in every other start.
func TestMountSwap(t *testing.T) {
	for name, c := range map[string]struct{ swapped, source string }{"end": {"a/b", "a/b"}, "parent": {"a", "a/b"}} {
		t.Run(name, func(t *testing.T) {
			d := openTest(t)
			root, secret := hostile(t)
			link := filepath.Join(root, "swap")
			if err := os.Symlink(secret, link); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			var swapper sync.WaitGroup
			defer swapper.Wait()
			defer stop()
			swapper.Go(func() {
				for ctx.Err() == nil {
					if err := unix.Renameat2(unix.AT_FDCWD, link, unix.AT_FDCWD, filepath.Join(root, c.swapped), unix.RENAME_EXCHANGE); err != nil {
						t.Error(err)
						return
					}
				}
			})
			started, refused := 0, 0
			for i := range 30 {
				s := mounting(fmt.Sprintf("swap-%d", i), root, filepath.Join(root, c.source))
				if err := d.Start(within(t), s); err != nil {
					refused++
					continue
				}
				started++
				if _, err := d.Wait(within(t), s.ID); err != nil {
					t.Fatal(err)
				}
				if out := drivertest.Text(t, d, s.ID); strings.Contains(out, "SECRET") {
					t.Fatalf("start %d: the sandbox saw what the link leads to", i)
				}
			}
			t.Logf("%d started, %d refused", started, refused)
			for _, p := range []string{"new", "b/new"} {
				if _, err := os.Lstat(filepath.Join(secret, p)); err == nil {
					t.Errorf("a sandbox wrote to %s outside of the root", p)
				}
			}
		})
	}
}
