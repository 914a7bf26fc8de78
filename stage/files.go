package stage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// File is one file of a stage.
type File struct {
	Name     string // as LIST shows it: <stage in lower case>/<path>
	Path     string // in the stage
	Size     int64
	MD5      string // hex
	Modified time.Time

	dir string
}

// Files finds a stage path's files, in the order of their paths: the file of exactly that name, else every file whose path begins
// so. pattern, if not "", must match the whole path in the stage; files, if not nil, are names behind the path (COPY's FILES).
// MD5 is left empty: Digest computes it.
func (s *Stages) Files(ctx context.Context, sc *statement.Context, sp sql.StagePath, pattern string, files []string) ([]File, error) {
	at, err := s.where(ctx, sc, sp, "this operation")
	if err != nil {
		return nil, err
	}
	var re *regexp.Regexp
	if pattern != "" {
		if re, err = matcher(pattern); err != nil {
			return nil, err
		}
	}
	root, all, err := s.entries(ctx, at, re, true)
	if err != nil {
		return nil, failure(err)
	}
	if root != nil {
		defer root.Close()
	}
	var only map[string]bool
	if files != nil {
		only = map[string]bool{}
		for _, f := range files {
			only[join(at.path, strings.TrimPrefix(f, "/"))] = true
		}
	}
	var out []File
	for _, e := range all {
		if only == nil || only[e.path] {
			out = append(out, File{Name: at.prefix + e.path, Path: e.path, Size: e.size, Modified: e.modified, dir: at.dir})
		}
	}
	return out, nil
}

// files is LIST: with md5.
func (s *Stages) files(ctx context.Context, at spot, re *regexp.Regexp, exact bool) ([]File, error) {
	root, all, err := s.entries(ctx, at, re, exact)
	if err != nil || root == nil {
		return nil, err
	}
	defer root.Close()
	out := make([]File, 0, len(all))
	for _, e := range all {
		f, info, err := openFile(root, e.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			if errors.Is(err, fs.ErrPermission) { // a job closed its own file
				out = append(out, File{Name: at.prefix + e.path, Path: e.path, Size: e.size, Modified: e.modified, dir: at.dir})
				continue
			}
			return nil, err
		}
		sum, err := digest(ctx, f, info)
		f.Close()
		if err != nil {
			return nil, err
		}
		out = append(out, File{Name: at.prefix + e.path, Path: e.path, Size: info.Size(), MD5: sum, Modified: info.ModTime(), dir: at.dir})
	}
	return out, nil
}

// Open opens a file that Files gave. The caller closes it. To hand it to a library that opens by path, use /proc/self/fd/<Fd>: a
// path in the tree could be a symlink by the time it is opened.
func (s *Stages) Open(f File) (*os.File, error) {
	root, err := s.openTree(f.dir)
	if err != nil {
		return nil, failure(err)
	}
	defer root.Close()
	file, _, err := openFile(root, f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sqlerr.New(91016, "22000", "Remote file '%s' was not found.", f.Name)
	}
	return file, failure(err)
}

// Read opens the one file that a stage path names. The error is 091016 where there is none.
func (s *Stages) Read(ctx context.Context, sc *statement.Context, sp sql.StagePath) (*os.File, error) {
	at, err := s.where(ctx, sc, sp, "this operation")
	if err != nil {
		return nil, err
	}
	return s.Open(File{Name: at.prefix + at.path, Path: at.path, dir: at.dir})
}

// Remove removes what Files with the same arguments would find by prefix, as REMOVE does, and gives the names.
func (s *Stages) Remove(ctx context.Context, sc *statement.Context, sp sql.StagePath, pattern string) ([]string, error) {
	at, err := s.where(ctx, sc, sp, "REMOVE")
	if err != nil {
		return nil, err
	}
	var re *regexp.Regexp
	if pattern != "" {
		if re, err = matcher(pattern); err != nil {
			return nil, err
		}
	}
	names, err := s.remove(ctx, at, re)
	return names, failure(err)
}

// RemoveFile removes one file that Files gave (COPY's PURGE); one that is gone already is no error.
func (s *Stages) RemoveFile(f File) error {
	root, err := s.openTree(f.dir)
	if err != nil {
		return failure(err)
	}
	defer root.Close()
	if err := removeFile(root, f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure(err)
	}
	return nil
}

// Upload is a file that is being written: it is in the stage after Commit and not before.
type Upload struct {
	stages    *Stages
	root      *os.Root
	f         *os.File
	tmp       string
	dir, name string
	md5       string
	done      bool
}

// Create begins a file under a stage path (which names the file itself). Write to it, or let somebody write to Path, then Commit.
func (s *Stages) Create(ctx context.Context, sc *statement.Context, sp sql.StagePath) (*Upload, error) {
	at, err := s.where(ctx, sc, sp, "this operation")
	if err != nil {
		return nil, err
	}
	if at.path == "" || strings.HasSuffix(at.path, "/") {
		return nil, sqlerr.Invalid("the stage path names no file")
	}
	u, err := s.create(at.dir, at.path)
	return u, failure(err)
}

func (s *Stages) create(dir, name string) (*Upload, error) {
	root, err := s.openStage(dir)
	if err != nil {
		return nil, err
	}
	tmp, f, err := temporary(root)
	if err != nil {
		root.Close()
		return nil, err
	}
	return &Upload{stages: s, root: root, f: f, tmp: tmp, dir: dir, name: name}, nil
}

// Write appends to the file.
func (u *Upload) Write(p []byte) (int, error) { return u.f.Write(p) }

// Path is where the half file lies on this machine; no job sees it.
func (u *Upload) Path() string { return filepath.Join(u.stages.dir, u.dir, tmpDir, u.tmp) }

// Commit puts the file in its place, durably. Without overwrite a file that is there stays and the error is 001757.
func (u *Upload) Commit(overwrite bool) error {
	if u.done {
		return errors.New("stage: the upload has ended")
	}
	durable := u.dir[0] != 'x'
	err := func() error {
		if info, err := u.f.Stat(); err != nil {
			return err
		} else if sum, err := hex.DecodeString(u.md5); err == nil && u.md5 != "" {
			keepDigest(u.f, info, sum)
		}
		if durable {
			if err := u.f.Sync(); err != nil {
				return err
			}
		}
		if u.stages.isGone(u.dir) {
			return fs.ErrNotExist
		}
		return place(u.root, u.tmp, u.name, !overwrite, durable)
	}()
	if err != nil {
		u.Abort()
		if errors.Is(err, fs.ErrExist) && !overwrite {
			return sqlerr.New(1757, "42710", "The file '%s' exists already: use OVERWRITE = TRUE, or another path.", u.name)
		}
		return failure(err)
	}
	u.done = true
	u.f.Close()
	return u.root.Close()
}

// Abort removes the half file; after Commit it does nothing.
func (u *Upload) Abort() {
	if u.done {
		return
	}
	u.done = true
	u.f.Close()
	_ = u.root.Remove(tmpDir + "/" + u.tmp)
	u.root.Close()
}

// Dir makes a stage path's directory and gives its place on this machine, for a job's mount. The directory stays, though empty, until
// Release. The stage must be there (002003). What a job writes below it is in the stage at once.
func (s *Stages) Dir(ctx context.Context, sc *statement.Context, sp sql.StagePath) (string, error) {
	at, err := s.where(ctx, sc, sp, "this operation")
	if err != nil {
		return "", err
	}
	dir := strings.TrimSuffix(at.path, "/")
	root, err := s.openStage(at.dir)
	if err != nil {
		return "", failure(err)
	}
	defer root.Close()
	if dir != "" {
		if err := makeDirs(root, dir+"/x"); err != nil {
			if errors.Is(err, errInTheWay) {
				return "", sqlerr.Invalid("'%s' is no directory of the stage: a file stands in the way", dir)
			}
			return "", failure(err)
		}
	}
	at.path = dir
	full := filesDir
	if dir != "" {
		full += "/" + dir
	}
	if err := root.Chmod(full, 0o755|mounted); err != nil {
		return "", failure(err)
	}
	return filepath.Join(s.dir, at.dir, full), nil
}

// Release says that no job has the directory mounted any more: hostDir is what Dir gave. If it is empty it goes.
func (s *Stages) Release(hostDir string) error {
	root, rel, err := s.inside(hostDir)
	if err != nil {
		return err
	}
	defer root.Close()
	if rel == "." {
		return nil
	}
	if err := straight(root, rel+"/"); err != nil {
		return nil // gone, or no directory any more
	}
	if err := root.Chmod(rel, 0o755); err != nil {
		return failure(err)
	}
	for dir := rel; dir != "."; dir = filepath.Dir(dir) {
		info, err := root.Lstat(dir)
		if err != nil || info.Mode()&mounted != 0 || root.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// inside opens the tree that a directory of Dir's lies in.
func (s *Stages) inside(hostDir string) (*os.Root, string, error) {
	rel, err := filepath.Rel(s.dir, hostDir)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, "", fmt.Errorf("stage: %q is no directory of a stage", hostDir)
	}
	parts := strings.SplitN(filepath.ToSlash(rel), "/", 3)
	if len(parts) < 2 || parts[1] != filesDir {
		return nil, "", fmt.Errorf("stage: %q is no directory of a stage", hostDir)
	}
	root, err := s.openTree(parts[0])
	if err != nil {
		return nil, "", failure(err)
	}
	if len(parts) == 2 {
		return root, ".", nil
	}
	return root, parts[2], nil
}

// WriteIn writes a whole small file into a directory that Dir gave, for the server's own files among a job's (its result after it was
// killed). name is relative. The job may still be there: nothing it has put in the way is followed. With keep an existing file stays.
func (s *Stages) WriteIn(ctx context.Context, hostDir, name string, data []byte, keep bool) error {
	root, rel, err := s.inside(hostDir)
	if err != nil {
		return err
	}
	root.Close()
	name, err = clean(name)
	if err != nil {
		return err
	}
	if rel != "." {
		name = join(rel, name)
	}
	dir, _, _ := strings.Cut(strings.TrimPrefix(hostDir, s.dir+string(filepath.Separator)), string(filepath.Separator))
	u, err := s.create(dir, name)
	if err != nil {
		return failure(err)
	}
	defer u.Abort()
	if _, err := u.Write(data); err != nil {
		return failure(err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err = u.Commit(!keep)
	if keep && sqlerr.Is(err, 1757) {
		return nil
	}
	return err
}

// Digest is a file's md5 in hex.
func (s *Stages) Digest(ctx context.Context, f File) (string, error) {
	file, err := s.Open(f)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", failure(err)
	}
	d, err := digest(ctx, file, info)
	return d, failure(err)
}

// OpenBinds opens what a client has put under a path as the values of many binds, in the order of the rows: the files are named by
// numbers, 10.csv and so on (client-protocol.md §1.7).
func (s *Stages) OpenBinds(ctx context.Context, sc *statement.Context, path string) ([]io.ReadCloser, error) {
	sp, err := sql.ParseStagePath(path)
	if err != nil {
		return nil, sqlerr.Invalid("'%s' is no stage path", path)
	}
	files, err := s.Files(ctx, sc, sp, "", nil)
	if err != nil {
		return nil, err
	}
	number := func(f File) int {
		name := base(f.Path)
		n, err := strconv.Atoi(name[:len(name)-len(strings.TrimLeft(name, "0123456789"))])
		if err != nil {
			return 0
		}
		return n
	}
	sort.SliceStable(files, func(i, j int) bool { return number(files[i]) < number(files[j]) })
	var out []io.ReadCloser
	for _, f := range files {
		file, err := s.Open(f)
		if err != nil {
			for _, o := range out {
				o.Close()
			}
			return nil, err
		}
		out = append(out, file)
	}
	return out, nil
}
