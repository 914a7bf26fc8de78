package runtime

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"firn/sqlerr"
)

// Interpreter is a CPython of this machine that jobs can use.
type Interpreter struct {
	Version string // "3.11.7"
	Minor   string // "3.11"
	Path    string // the program itself: absolute, no link, no shim, not of a virtual environment
	Prefix  string // its folder with the standard library: must be visible wherever Path is run
}

// Interpreters lists the Pythons 3.10 to 3.13 of this machine, the preferred one of each minor first: those of the configuration,
// PATH, pyenv's versions, uv's, then the system's folders. It looks once, and again only when a needed one was missing.
func (m *Manager) Interpreters(ctx context.Context) []Interpreter {
	m.mu.Lock()
	found := m.found
	m.mu.Unlock()
	if found != nil {
		return found
	}
	return m.look(ctx)
}

func (m *Manager) look(ctx context.Context) []Interpreter {
	found := probe(ctx, m.cfg.Interpreters, candidates(os.Getenv))
	m.mu.Lock()
	m.found = found
	m.mu.Unlock()
	return found
}

// interpreter is the one to use for a minor, or an error that says how to get one.
func (m *Manager) interpreter(ctx context.Context, minor string) (Interpreter, error) {
	if !slices.Contains(minors, minor) {
		return Interpreter{}, sqlerr.Invalid("Python %s is not supported: a runtime has one of Python %s.", minor, strings.Join(minors, ", "))
	}
	for _, list := range []func(context.Context) []Interpreter{m.Interpreters, m.look} { // it may have been installed since
		found := list(ctx)
		if i := slices.IndexFunc(found, func(i Interpreter) bool { return i.Minor == minor }); i >= 0 {
			if _, err := os.Stat(found[i].Path); err == nil {
				return found[i], nil
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return Interpreter{}, err
	}
	return Interpreter{}, sqlerr.Invalid("Python %s is not on this server: it has %s. Install it there, for example with `uv python install %s` or as the system's package python%s.",
		minor, m.have(ctx), minor, minor)
}

func (m *Manager) have(ctx context.Context) string {
	var versions []string
	for _, i := range m.Interpreters(ctx) {
		if !slices.Contains(versions, i.Minor) {
			versions = append(versions, i.Minor)
		}
	}
	if len(versions) == 0 {
		return "no Python of 3.10 to 3.13"
	}
	slices.SortFunc(versions, compareVersions)
	return "Python " + strings.Join(versions, ", ")
}

// candidates are the programs worth asking, in order of preference. Many are links to one another.
func candidates(getenv func(string) string) []string {
	var paths []string
	add := func(dir string) {
		for _, minor := range minors {
			paths = append(paths, filepath.Join(dir, "python"+minor))
		}
	}
	glob := func(pattern string) { // the highest version first
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return compareVersions(b, a) })
		paths = append(paths, found...)
	}
	home := getenv("HOME")
	pyenv := cmp.Or(getenv("PYENV_ROOT"), filepath.Join(home, ".pyenv"))
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		switch {
		case dir == filepath.Join(pyenv, "shims"): // each would start a shell to say what the versions folder says as well
			glob(filepath.Join(pyenv, "versions", "3.1[0-3].*", "bin", "python3.1[0-3]"))
		case filepath.IsAbs(dir):
			add(dir)
			paths = append(paths, filepath.Join(dir, "python3"))
		}
	}
	glob(filepath.Join(pyenv, "versions", "3.1[0-3].*", "bin", "python3.1[0-3]"))
	uv := cmp.Or(getenv("UV_PYTHON_INSTALL_DIR"), filepath.Join(cmp.Or(getenv("XDG_DATA_HOME"), filepath.Join(home, ".local", "share")), "uv", "python"))
	glob(filepath.Join(uv, "cpython-3.1[0-3].*", "bin", "python3.1[0-3]"))
	add("/usr/bin")
	add("/usr/local/bin")
	glob("/opt/*/bin/python3.1[0-3]")
	return paths
}

const probeScript = `import sys, json, sysconfig
exe = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps([sys.implementation.name, "%d.%d.%d" % sys.version_info[:3], "%d.%d" % sys.version_info[:2], exe, sys.base_prefix, bool(sysconfig.get_config_var("Py_GIL_DISABLED"))]))`

// probe asks each program what it is. A shim, a link or a virtual environment's python is answered for by the interpreter behind it.
func probe(ctx context.Context, preferred, rest []string) []Interpreter {
	var paths []string
	seen := map[string]bool{}
	for _, p := range append(slices.Clone(preferred), rest...) {
		real, err := filepath.EvalSymlinks(p)
		if err != nil || seen[real] {
			continue
		}
		// The link's own name counts for a shim, which looks at it; for anything else the file behind it is the program.
		if base := filepath.Base(real); strings.HasPrefix(base, "python") {
			seen[real] = true
		}
		paths = append(paths, p)
	}
	answers := make([]Interpreter, len(paths))
	var wg sync.WaitGroup
	gate := make(chan struct{}, 4)
	for i, p := range paths {
		wg.Add(1)
		go func() {
			defer wg.Done()
			gate <- struct{}{}
			answers[i], _ = ask(ctx, p)
			<-gate
		}()
	}
	wg.Wait()
	found := []Interpreter{}
	for _, a := range answers {
		if slices.Contains(minors, a.Minor) && !slices.ContainsFunc(found, func(f Interpreter) bool { return f.Path == a.Path }) {
			found = append(found, a)
		}
	}
	return found
}

func ask(ctx context.Context, path string) (Interpreter, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-S", "-c", probeScript)
	cmd.WaitDelay = time.Second
	cmd.Dir = "/"
	out, err := cmd.Output()
	if err != nil {
		return Interpreter{}, err
	}
	var answer []any
	if err := json.Unmarshal(out, &answer); err != nil || len(answer) != 6 {
		return Interpreter{}, fmt.Errorf("%s is no Python", path)
	}
	text := func(i int) string { s, _ := answer[i].(string); return s }
	if text(0) != "cpython" || answer[5] == true { // without the GIL it is another ABI
		return Interpreter{}, fmt.Errorf("%s is not an ordinary CPython", path)
	}
	program, err := filepath.EvalSymlinks(text(3))
	if err != nil {
		return Interpreter{}, err
	}
	prefix, err := filepath.EvalSymlinks(text(4))
	if err != nil {
		return Interpreter{}, err
	}
	return Interpreter{Version: text(1), Minor: text(2), Path: program, Prefix: prefix}, nil
}

// compareVersions orders texts by the numbers in them, so that 3.11.10 follows 3.11.9.
func compareVersions(a, b string) int {
	other := func(r rune) bool { return r < '0' || r > '9' }
	x, y := strings.FieldsFunc(a, other), strings.FieldsFunc(b, other)
	return slices.CompareFunc(x, y, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(strings.TrimLeft(a, "0")), len(strings.TrimLeft(b, "0"))), strings.Compare(strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")))
	})
}
