package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	filesDir = "files"
	tmpDir   = "tmp"

	// deepest directory that is looked into: a job may nest directories without end.
	deepest = 200
)

// errInTheWay: a path component is no directory, or a directory stands where a file should.
var errInTheWay = errors.New("a file or directory of another kind stands there")

// full says whether there is no room on the disk. EFBIG: the file system cannot hold a file of that size.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// openTree opens a stage's tree for reading; fs.ErrNotExist if nothing was ever written.
func (s *Stages) openTree(dir string) (*os.Root, error) {
	return os.OpenRoot(filepath.Join(s.dir, dir, filesDir))
}

// openStage opens a stage's directory (with files/ and tmp/ in it), making it.
func (s *Stages) openStage(dir string) (*os.Root, error) {
	if s.isGone(dir) {
		return nil, fs.ErrNotExist
	}
	base := filepath.Join(s.dir, dir)
	root, err := os.OpenRoot(base)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(base, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		root, err = os.OpenRoot(base)
	}
	if err != nil {
		return nil, err
	}
	for _, d := range []string{filesDir, tmpDir} {
		if err := root.Mkdir(d, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			root.Close()
			return nil, err
		}
	}
	return root, nil
}

// straight says whether every directory on the way to name is a real one: os.Root would follow a symlink that stays inside.
func straight(root *os.Root, name string) error {
	for i, c := range name {
		if c != '/' {
			continue
		}
		info, err := root.Lstat(name[:i])
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return &fs.PathError{Op: "open", Path: name[:i], Err: syscall.ENOTDIR}
		}
	}
	return nil
}

// openFile opens a regular file of a tree for reading. A pipe or device does not hang it; a symlink is not there.
func openFile(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	if err := straight(root, name); err != nil {
		return nil, nil, err
	}
	info, err := root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	now, err := f.Stat()
	if err == nil && (!now.Mode().IsRegular() || !os.SameFile(info, now)) {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist} // swapped under our hands
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, now, nil
}

// makeDirs makes the directories of a file's path under files/, each a real one.
func makeDirs(stage *os.Root, name string) error {
	dir := path.Dir(name)
	if dir == "." {
		return nil
	}
	if info, err := stage.Lstat(path.Join(filesDir, dir)); err == nil && info.IsDir() {
		return straightIn(stage, dir)
	}
	at := filesDir
	for _, part := range strings.Split(dir, "/") {
		at += "/" + part
		err := stage.Mkdir(at, 0o755)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, err := stage.Lstat(at)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return errInTheWay
		}
	}
	return nil
}

func straightIn(stage *os.Root, dir string) error {
	err := straight(stage, filesDir+"/"+dir+"/")
	if errors.Is(err, syscall.ENOTDIR) {
		return errInTheWay
	}
	return err
}

// place moves a whole file from tmp/ to its name, durably if sync. With keep an existing file stays and fs.ErrExist is returned.
// An empty directory in the way goes: in a stage directories are only parts of names.
func place(stage *os.Root, tmp, name string, keep, sync bool) error {
	to := filesDir + "/" + name
	// The directory may go between making and moving: REMOVE drops empty ones.
	for try := 0; ; try++ {
		if err := makeDirs(stage, name); err != nil {
			return err
		}
		var err error
		if keep {
			err = stage.Link(tmpDir+"/"+tmp, to)
		} else {
			err = stage.Rename(tmpDir+"/"+tmp, to)
		}
		switch {
		case err == nil && keep:
			err = stage.Remove(tmpDir + "/" + tmp)
		case errors.Is(err, fs.ErrNotExist) && try < 10:
			if _, e := stage.Lstat(tmpDir + "/" + tmp); e == nil {
				continue
			}
		case err != nil:
			info, e := stage.Lstat(to)
			if e != nil || !info.IsDir() {
				if errors.Is(err, fs.ErrExist) && e == nil && !info.Mode().IsRegular() && try < 10 {
					// A symlink or pipe of a job: not a file of the stage.
					if e := stage.Remove(to); e == nil {
						continue
					}
				}
				return err
			}
			if e := removeEmpty(stage, to, 0); e != nil || try >= 10 {
				return errInTheWay
			}
			continue
		}
		if err != nil || !sync {
			return err
		}
		return syncDir(stage, path.Dir(to))
	}
}

func syncDir(root *os.Root, dir string) error {
	d, err := root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// removeEmpty removes a directory that holds nothing but empty directories.
func removeEmpty(root *os.Root, dir string, depth int) error {
	if depth > deepest {
		return errInTheWay
	}
	d, err := root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	entries, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			return errInTheWay
		}
	}
	for _, e := range entries {
		if err := removeEmpty(root, dir+"/"+e.Name(), depth+1); err != nil {
			return err
		}
	}
	return root.Remove(dir)
}

// entry is one file of a tree.
type entry struct {
	path     string
	size     int64
	modified time.Time
}

// list gives the files whose path begins with prefix, by path. A tree that is not there is empty.
func list(ctx context.Context, root *os.Root, prefix string) ([]entry, error) {
	dir, begin := "", prefix
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		dir, begin = prefix[:i], prefix[i+1:]
		if err := straight(root, dir+"/"); err != nil {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				return nil, nil
			}
			return nil, err
		}
	}
	var out []entry
	if err := walk(ctx, root, dir, begin, 0, &out); err != nil {
		return nil, err
	}
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out, nil
}

func walk(ctx context.Context, root *os.Root, dir, begin string, depth int, out *[]entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > deepest || len(dir) > maxPath {
		return nil
	}
	at := dir
	if at == "" {
		at = "."
	}
	d, err := root.OpenFile(at, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil
		}
		return err
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(1024)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), begin) {
				continue
			}
			name := join(dir, e.Name())
			switch {
			case e.IsDir():
				if err := walk(ctx, root, name, "", depth+1, out); err != nil {
					if errors.Is(err, fs.ErrPermission) { // a job closed its own directory
						continue
					}
					return err
				}
			case e.Type().IsRegular():
				info, err := root.Lstat(name)
				if err != nil || !info.Mode().IsRegular() {
					continue // gone meanwhile
				}
				*out = append(*out, entry{name, info.Size(), info.ModTime()})
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(entries) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read directory: %w", err)
		}
	}
}

// choose is list for statements that take a file by its exact name or else everything that begins so: GET, COPY FILES, reads.
func choose(ctx context.Context, root *os.Root, p string) ([]entry, error) {
	if p != "" && !strings.HasSuffix(p, "/") {
		if err := straight(root, p); err == nil {
			if info, err := root.Lstat(p); err == nil && info.Mode().IsRegular() {
				return []entry{{p, info.Size(), info.ModTime()}}, nil
			}
		}
	}
	return list(ctx, root, p)
}

// mounted is the mode bit of directories that jobs have mounted: they stay, though empty.
const mounted = fs.ModeSticky

// removeFile removes a file and the directories that are empty without it, except those that a job has mounted.
func removeFile(root *os.Root, name string) error {
	if err := straight(root, name); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		info, err := root.Lstat(dir)
		if err != nil || !info.IsDir() || info.Mode()&mounted != 0 || root.Remove(dir) != nil {
			break
		}
	}
	return nil
}
