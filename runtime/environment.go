package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"time"

	"firn/sqlerr"
)

// Environment is a folder with an interpreter and packages, built once, never changed and shared by all jobs. Its slices and
// map are shared too: not to be written to.
type Environment struct {
	Key      string            // names its contents: Python, lock, platform
	Minor    string            // "3.11"
	Version  string            // "3.11.7"
	Python   string            // its interpreter, absolute; the program to run
	Trees    []string          // host folders that must be visible at the same path wherever Python is run
	Packages map[string]string // versions by name, as the lock spells it
	Preload  []string          // modules that a warm parent imports ahead
}

// State of an environment that may have to be built.
type State string

const (
	Ready    State = "ready"
	Building State = "building"
	Missing  State = "missing"
)

// recipe changes with the way environments are built, so that old ones are not taken for new.
const recipe = "2"

const marker = ".complete"

// Ensure gives the base environment of a Python minor ("3.11"), building it if it is not there: some ten to twenty seconds and a
// download the first time on a machine. Concurrent calls, in other processes too, build it once. progress (may be nil) is told
// what happens, a line each; nothing is said where nothing has to be done.
func (m *Manager) Ensure(ctx context.Context, minor string, progress func(string)) (Environment, error) {
	if progress == nil {
		progress = func(string) {}
	}
	interpreter, text, err := m.plan(ctx, minor)
	if err != nil {
		return Environment{}, err
	}
	env := m.describe(interpreter, text)
	if complete(env) {
		return env, nil
	}
	if err := m.build(ctx, env, interpreter, text, progress); err != nil {
		if ctx.Err() == nil {
			m.log.Error("runtime: build failed", "environment", env.Key, "error", err)
		}
		return Environment{}, err
	}
	return env, nil
}

// Status says without building whether an environment is there. A Python that is not is an error, as for Ensure.
func (m *Manager) Status(ctx context.Context, minor string) (State, error) {
	interpreter, text, err := m.plan(ctx, minor)
	if err != nil {
		return Missing, err
	}
	env := m.describe(interpreter, text)
	switch {
	case complete(env):
		return Ready, nil
	case held(m.folder(env.Key) + ".lock"):
		return Building, nil
	default:
		return Missing, nil
	}
}

func (m *Manager) plan(ctx context.Context, minor string) (Interpreter, string, error) {
	interpreter, err := m.interpreter(ctx, minor)
	if err != nil {
		return Interpreter{}, "", err
	}
	text, ok := m.lock(minor)
	if !ok {
		return Interpreter{}, "", sqlerr.Invalid("There is no runtime for Python %s.", minor)
	}
	return interpreter, text, nil
}

func (m *Manager) folder(key string) string { return filepath.Join(m.cfg.Dir, "envs", key) }

// describe is called for every job: the lock is read once.
func (m *Manager) describe(i Interpreter, text string) Environment {
	m.mu.Lock()
	defer m.mu.Unlock()
	env, ok := m.described[i]
	if !ok {
		env = m.newEnvironment(i, text)
		m.described[i] = env
	}
	return env
}

func (m *Manager) newEnvironment(i Interpreter, text string) Environment {
	// The interpreter's path is part of it: a virtual environment names it in its files.
	sum := sha256.Sum256([]byte(strings.Join([]string{recipe, i.Version, i.Path, goruntime.GOOS, goruntime.GOARCH, text}, "\x00")))
	key := "base-py" + strings.ReplaceAll(i.Minor, ".", "") + "-" + hex.EncodeToString(sum[:6])
	dir := m.folder(key)
	return Environment{
		Key: key, Minor: i.Minor, Version: i.Version,
		Python:   filepath.Join(dir, "bin", "python"),
		Trees:    []string{dir, i.Prefix},
		Packages: lockedPackages(text),
		Preload:  preload,
	}
}

func complete(env Environment) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(env.Python)), marker))
	return err == nil
}

// build makes the environment at its final place, since a virtual environment cannot be moved, and marks it last. What a killed
// build left has no mark and is removed by the next one.
func (m *Manager) build(ctx context.Context, env Environment, i Interpreter, text string, progress func(string)) (err error) {
	dir := m.folder(env.Key)
	if err := makeFolder(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	l, err := acquire(ctx, dir+".lock", func() { progress("waiting for another process that builds " + env.Key) })
	if err != nil {
		return fmt.Errorf("runtime: lock %s: %w", env.Key, err)
	}
	defer l.release()
	if complete(env) {
		return nil
	}
	uv, err := m.UV(ctx, progress)
	if err != nil {
		return err
	}
	started := time.Now()
	progress(fmt.Sprintf("building the Python %s environment: %d packages", i.Minor, len(env.Packages)))
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("runtime: build %s: %w", env.Key, err), os.RemoveAll(dir))
		}
	}()
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	file := dir + ".txt"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	defer os.Remove(file)
	environ := m.uvEnviron()
	if err := m.command(ctx, l, environ, func(string) {}, uv, "venv", "--quiet", "--no-python-downloads", "-p", i.Path, dir); err != nil {
		return err
	}
	// The lock is whole, so nothing has to be resolved; links cost no space beside the cache where both are on one disk. What
	// was downloaded before is asked for first: an index that is slow or gone then does not matter, and the hashes decide anyway.
	install := []string{uv, "pip", "install", "-p", env.Python, "--require-hashes", "--no-deps", "--link-mode", "hardlink", "-r", file}
	if err := m.command(ctx, l, environ, func(string) {}, append(install, "--offline")...); err != nil {
		progress("downloading packages")
		if err := m.command(ctx, l, environ, packageLines(progress), install...); err != nil {
			return err
		}
	}
	progress("packages are installed")
	progress("compiling byte code")
	if err := m.command(ctx, l, environ, func(string) {}, env.Python, "-I", "-c", compileScript, dir); err != nil {
		return err
	}
	if err := readable(dir); err != nil {
		return err
	}
	if err := publish(dir, env); err != nil {
		return err
	}
	progress(fmt.Sprintf("the Python %s environment is ready after %.0f s", i.Minor, time.Since(started).Seconds()))
	m.log.Info("runtime: built", "environment", env.Key, "seconds", time.Since(started).Seconds())
	return nil
}

// packageLines passes on what uv says of its steps, not the list of packages that follows.
func packageLines(progress func(string)) func(string) {
	return func(line string) {
		if !strings.HasPrefix(line, " + ") {
			progress(line)
		}
	}
}

// compileScript compiles all packages but their tests, a third of the files, which no job imports.
const compileScript = `import compileall, os, re, sys
lib = os.path.join(sys.argv[1], "lib")
compileall.compile_dir(lib, quiet=2, workers=min(os.cpu_count() or 1, 8), maxlevels=30, rx=re.compile(re.escape(lib) + "/.*/tests?/"))`

// Compile writes byte code for the Python files in dir beside them, so that jobs, which see dir read-only, need not
// compile them at each start: for the launcher's folder. It is done once for an environment and a folder; asking again is free.
func (m *Manager) Compile(ctx context.Context, env Environment, dir string) error {
	key := env.Key + "\x00" + dir
	m.mu.Lock()
	done := m.compiled[key]
	m.mu.Unlock()
	if done {
		return nil
	}
	if err := m.command(ctx, nil, os.Environ(), func(string) {}, env.Python, "-I", "-m", "compileall", "-q", dir); err != nil {
		return fmt.Errorf("runtime: compile %s: %w", dir, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.compiled[key] = true
	return nil
}

// uvEnviron is the environment of uv: pip's settings translated, and downloads kept where they can be linked from.
func (m *Manager) uvEnviron() []string {
	env := uvEnvironment(os.Environ(), readFile)
	if os.Getenv("UV_CACHE_DIR") != "" {
		return env
	}
	// The user's own cache serves every data directory, if it is on the same disk.
	own := os.Getenv("XDG_CACHE_HOME")
	if own == "" {
		if home := os.Getenv("HOME"); home != "" {
			own = filepath.Join(home, ".cache")
		}
	}
	if own != "" && os.MkdirAll(filepath.Join(own, "uv"), 0o755) == nil && sameDisk(filepath.Join(own, "uv"), m.cfg.Dir) {
		return env
	}
	return append(env, "UV_CACHE_DIR="+filepath.Join(m.cfg.Dir, "cache"))
}

func sameDisk(a, b string) bool {
	var x, y syscall.Stat_t
	return syscall.Stat(a, &x) == nil && syscall.Stat(b, &y) == nil && x.Dev == y.Dev
}

// makeFolder makes a folder and its parents, those that were not there readable by the jobs' users whatever the umask.
func makeFolder(path string) error {
	err := os.Mkdir(path, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, os.Chmod(path, 0o755))
}

// readable lets the jobs' users read everything, whatever the modes of the files in the cache.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := info.Mode().Perm() | 0o444
		if d.IsDir() || want&0o100 != 0 {
			want |= 0o111
		}
		want &^= 0o022
		if want == info.Mode().Perm() {
			return nil
		}
		return os.Chmod(path, want)
	})
}

// publish writes the mark: from then on the folder is the environment.
func publish(dir string, env Environment) error {
	data, err := json.MarshalIndent(env, "", " ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, marker+".tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, marker)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
