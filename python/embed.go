// Package python holds the files that run inside a job: the launcher, the warm parent and what they import.
// The server carries them in its binary and puts them on disk, where every job sees them read-only at the same path.
package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed *.py firn_job/*.py
var files embed.FS

// Install makes sure that the files lie in one folder under dir and returns that folder: launcher.py and warm.py are in it.
// Its name is a hash of the contents, so an updated server leaves the files of running jobs alone, and calling it
// again, also from several processes at once, costs a look at the folder. Everything is readable by the jobs' own users.
func Install(dir string) (root string, err error) {
	sum, err := digest()
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	root = filepath.Join(dir, sum)
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil { // whatever the umask
			return "", err
		}
	}
	tmp, err := os.MkdirTemp(dir, ".install-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := write(tmp); err != nil {
		return "", fmt.Errorf("python: install in %s: %w", dir, err)
	}
	if err := os.Rename(tmp, root); err != nil {
		if _, serr := os.Stat(root); serr == nil || errors.Is(err, fs.ErrExist) {
			return root, nil // somebody else was first
		}
		return "", err
	}
	return root, syncDir(dir)
}

func digest() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", path, len(data))
		h.Write(data)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

// write copies the files into dir and makes them last: after a crash a folder under its final name must be whole.
func write(dir string) error {
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, path)
		if d.IsDir() {
			if err := os.MkdirAll(to, 0o755); err != nil {
				return err
			}
			return os.Chmod(to, 0o755) // whatever the umask, and MkdirTemp's 0700
		}
		data, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return writeFile(to, data)
	})
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Join(dir, "firn_job")); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
