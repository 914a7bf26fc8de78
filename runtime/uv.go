package runtime

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// UVVersion is the uv that is installed where there is none.
const UVVersion = "0.13.9"

// UV finds uv: as configured, among the tools of the cache, on PATH, beside an interpreter; else it is installed among
// the tools, once, from the package index.
func (m *Manager) UV(ctx context.Context, progress func(string)) (string, error) {
	m.mu.Lock()
	known := m.uv
	m.mu.Unlock()
	if known != "" {
		if _, err := os.Stat(known); err == nil {
			return known, nil
		}
	}
	path, err := m.FindUV(ctx)
	if err != nil {
		return "", err
	}
	if path == "" {
		if path, err = m.installUV(ctx, progress); err != nil {
			return "", err
		}
	}
	m.mu.Lock()
	m.uv = path
	m.mu.Unlock()
	return path, nil
}

func (m *Manager) toolsUV() string { return filepath.Join(m.cfg.Dir, "tools", "uv-"+UVVersion, "uv") }

// FindUV is UV without installing: empty if there is none on this machine.
func (m *Manager) FindUV(ctx context.Context) (string, error) {
	if m.cfg.UVPath != "" {
		if !isProgram(m.cfg.UVPath) {
			return "", fmt.Errorf("runtime: %s, configured as uv, is not a program", m.cfg.UVPath)
		}
		return filepath.Abs(m.cfg.UVPath)
	}
	paths := []string{m.toolsUV()}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		paths = append(paths, filepath.Join(dir, "uv"))
	}
	for _, i := range m.Interpreters(ctx) {
		paths = append(paths, filepath.Join(i.Prefix, "bin", "uv"))
	}
	if home := os.Getenv("HOME"); home != "" {
		paths = append(paths, filepath.Join(home, ".local", "bin", "uv"), filepath.Join(home, ".cargo", "bin", "uv"))
	}
	for _, p := range paths {
		// A shim is a script that starts a shell at each call and may choose another version tomorrow.
		if filepath.IsAbs(p) && isProgram(p) && !isScript(p) {
			return p, nil
		}
	}
	return "", ctx.Err()
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "#!"
}

// installUV gets uv with the pip of any interpreter: its own, into a folder, or where it has none that of a throw-away virtual
// environment, which takes seconds more. The program itself needs nothing beside it.
func (m *Manager) installUV(ctx context.Context, progress func(string)) (string, error) {
	dir := filepath.Dir(m.toolsUV())
	l, err := acquire(ctx, dir+".lock", func() { progress("waiting for another process that installs uv") })
	if err != nil {
		return "", fmt.Errorf("runtime: install uv: %w", err)
	}
	defer l.release()
	if isProgram(m.toolsUV()) {
		return m.toolsUV(), nil
	}
	progress("installing uv " + UVVersion)
	var failed []error
	tmp := dir + ".building"
	pip := []string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "uv==" + UVVersion}
	for _, i := range m.Interpreters(ctx) {
		for _, way := range [][][]string{
			{append([]string{i.Path}, append(pip, "--target", tmp)...)},
			{{i.Path, "-m", "venv", tmp}, append([]string{filepath.Join(tmp, "bin", "python")}, pip...)},
		} {
			if err := m.tryUV(ctx, l, tmp, way); err == nil {
				return m.toolsUV(), nil
			} else if ctx.Err() != nil {
				return "", ctx.Err()
			} else {
				failed = append(failed, fmt.Errorf("with %s: %w", i.Path, err))
			}
		}
	}
	if len(failed) == 0 {
		failed = append(failed, errors.New("there is no Python of 3.10 to 3.13 here to install it with"))
	}
	return "", fmt.Errorf("runtime: uv is not on this machine and could not be installed (it can also be put on PATH, or its path into the configuration): %w", errors.Join(failed...))
}

// tryUV runs commands that put uv into tmp and keeps the program.
func (m *Manager) tryUV(ctx context.Context, l *lock, tmp string, commands [][]string) (err error) {
	if err := os.RemoveAll(tmp); err != nil { // of a killed one
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	for _, args := range commands {
		if err := m.command(ctx, l, os.Environ(), func(string) {}, args...); err != nil {
			return err
		}
	}
	if err := makeFolder(filepath.Dir(m.toolsUV())); err != nil {
		return err
	}
	return os.Rename(filepath.Join(tmp, "bin", "uv"), m.toolsUV())
}

// command runs a program to its end with l held by it too, so that one which outlives a killed server still keeps others
// from its folder. Its lines go to progress; the last of them are the error's text. Files are made readable by others.
func (m *Manager) command(ctx context.Context, l *lock, env []string, progress func(string), args ...string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `umask 022; exec "$@"`, "sh"}, args...)...)
	cmd.Env = env
	cmd.Dir = "/" // no project's settings
	if l != nil {
		cmd.ExtraFiles = []*os.File{l.file}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	lines := &lineWriter{each: progress}
	cmd.Stdout, cmd.Stderr = lines, lines
	err := cmd.Run()
	lines.flush()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(args[0]), err, strings.Join(lines.last, "\n"))
	}
	return nil
}

// lineWriter passes on each whole line, without the credentials that a URL in it may hold, and keeps the last ones.
type lineWriter struct {
	each func(string)
	mu   sync.Mutex
	part []byte
	last []string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, p...)
	for {
		i := bytes.IndexByte(w.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		w.line(string(w.part[:i]))
		w.part = w.part[i+1:]
	}
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := bufio.NewScanner(bytes.NewReader(w.part))
	for s.Scan() {
		w.line(s.Text())
	}
	w.part = nil
}

func (w *lineWriter) line(text string) {
	text = strings.TrimRight(redact(text), " \r")
	if text == "" {
		return
	}
	if w.last = append(w.last, text); len(w.last) > 20 {
		w.last = slices.Delete(w.last, 0, 1)
	}
	w.each(text)
}
