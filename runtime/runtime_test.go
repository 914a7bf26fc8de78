package runtime

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The test program is also the other process that builds environments: with this variable it does that and nothing else.
const builder = "FIRN_TEST_BUILD_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(builder); dir != "" {
		mgr := small(dir)
		_, err := mgr.Ensure(context.Background(), mgr.defaultMinor(context.Background()), func(s string) { fmt.Println(s) })
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// small manages environments of two small packages, taken from the real locks.
func small(dir string) *Manager {
	m := New(Config{Dir: dir})
	m.lock = func(minor string) (string, bool) {
		text, ok := baseLock(minor)
		var kept []string
		for _, name := range []string{"six", "cloudpickle"} {
			kept = append(kept, regexp.MustCompile(`(?m)^`+name+`==(.*\\\n)*.*\n`).FindString(text))
		}
		return strings.Join(kept, ""), ok
	}
	return m
}

// shared manages the real environments, kept between test runs: building them takes longest.
func shared(t *testing.T) *Manager {
	t.Helper()
	dir := os.Getenv("FIRN_TEST_CACHE")
	if dir == "" {
		var err error
		if dir, err = filepath.Abs("../.firn/test"); err != nil {
			t.Fatal(err)
		}
	}
	return New(Config{Dir: filepath.Join(dir, "runtime")})
}

func TestInterpreters(t *testing.T) {
	found := New(Config{Dir: t.TempDir()}).Interpreters(t.Context())
	if len(found) == 0 {
		t.Fatal("this test runs where a Python of 3.10 to 3.13 is")
	}
	for _, i := range found {
		real, err := filepath.EvalSymlinks(i.Path)
		if err != nil || real != i.Path || isScript(i.Path) {
			t.Errorf("%+v: not the program itself (%s, %v)", i, real, err)
		}
		out, err := exec.Command(i.Path, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.base_prefix)").Output()
		if err != nil || strings.TrimSpace(string(out)) != i.Version+" "+i.Prefix {
			t.Errorf("%+v says of itself %q, %v", i, out, err)
		}
	}
}

func TestShimsAndVirtualEnvironmentsAreResolved(t *testing.T) {
	real := New(Config{Dir: t.TempDir()}).Interpreters(t.Context())[0]
	dir := t.TempDir()
	shim := filepath.Join(dir, "python"+real.Minor)
	if err := os.WriteFile(shim, []byte("#!/bin/sh\nexec "+real.Path+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "python3")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho 'no version set' >&2; exit 127\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	venv := filepath.Join(dir, "venv")
	if out, err := exec.Command(real.Path, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range []string{shim, filepath.Join(venv, "bin", "python")} {
		found := probe(t.Context(), []string{filepath.Join(dir, "none"), broken}, []string{p})
		if len(found) != 1 || found[0] != real {
			t.Errorf("%s: %+v, want %+v", p, found, real)
		}
	}
}

func TestPreferenceOfCandidates(t *testing.T) {
	home := t.TempDir()
	for _, d := range []string{".pyenv/versions/3.11.9/bin/python3.11", ".pyenv/versions/3.11.10/bin/python3.11", ".pyenv/versions/3.9.1/bin/python3.9", ".local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu/bin/python3.12"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(home, d)), 0o755), os.WriteFile(filepath.Join(home, d), nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": home, "PATH": "/first:relative:/second"}
	var got []string
	for _, p := range candidates(func(k string) string { return env[k] }) {
		if strings.HasPrefix(p, home) || strings.HasSuffix(p, "python3.11") || strings.HasPrefix(p, "relative") {
			got = append(got, strings.TrimPrefix(p, home))
		}
	}
	want := []string{"/first/python3.11", "/second/python3.11", "/.pyenv/versions/3.11.10/bin/python3.11", "/.pyenv/versions/3.11.9/bin/python3.11", "/.local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu/bin/python3.12", "/usr/bin/python3.11", "/usr/local/bin/python3.11"}
	if !slices.Equal(got[:len(want)], want) {
		t.Errorf("%q", got)
	}
}

func start(t *testing.T, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), builder+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestConcurrentProcessesBuildOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	logs := make([]string, 3)
	for i := range logs {
		cmd, lines := start(t, dir)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for lines.Scan() {
				logs[i] += lines.Text() + "\n"
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, logs[i])
			}
		}()
	}
	wg.Wait()
	if all := strings.Join(logs, "--\n"); strings.Count(all, "building the Python") != 1 || strings.Count(all, "is ready after") != 1 {
		t.Errorf("not built once:\n%s", all)
	}
}

func TestKilledBuildIsBuiltAgain(t *testing.T) {
	for _, at := range []string{"building the Python", "packages are installed", "compiling byte code"} {
		t.Run(at, func(t *testing.T) {
			dir := t.TempDir()
			cmd, lines := start(t, dir)
			reached := false
			for !reached && lines.Scan() {
				reached = strings.HasPrefix(lines.Text(), at)
			}
			if err := cmd.Process.Kill(); err != nil || !reached {
				t.Fatalf("reached %v, %v", reached, err)
			}
			cmd.Wait()
			m := small(dir)
			minor := m.defaultMinor(t.Context())
			if state, err := m.Status(t.Context(), minor); err != nil || state == Ready {
				t.Fatalf("%v, %v", state, err)
			}
			env, err := m.Ensure(t.Context(), minor, nil)
			if err != nil {
				t.Fatal(err)
			}
			if state, err := m.Status(t.Context(), minor); err != nil || state != Ready {
				t.Errorf("%v, %v", state, err)
			}
			out, err := exec.Command(env.Python, "-c", "import six, cloudpickle; print(six.__version__, cloudpickle.__version__, six.__cached__)").Output()
			if want := env.Packages["six"] + " " + env.Packages["cloudpickle"]; err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("%q, %v; want %s", out, err, want)
			}
			if fields := strings.Fields(string(out)); len(fields) == 3 {
				if _, err := os.Stat(fields[2]); err != nil {
					t.Error("not compiled:", err)
				}
			}
			left, err := os.ReadDir(filepath.Join(dir, "envs"))
			if err != nil || len(left) != 2 { // the environment and its lock
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestCancelledBuildLeavesNothing(t *testing.T) {
	m := small(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	_, err := m.Ensure(ctx, m.defaultMinor(ctx), func(line string) {
		if strings.HasPrefix(line, "building") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(m.cfg.Dir, "envs", "*", "*"))
	if len(left) != 0 {
		t.Error(left)
	}
}

func TestJobsUsersCanReadWhateverTheUmask(t *testing.T) {
	m := small(filepath.Join(t.TempDir(), "cache"))
	old := syscall.Umask(0o077)
	env, err := m.Ensure(t.Context(), m.defaultMinor(t.Context()), nil)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	checkReadable(t, m.cfg.Dir)
	before := countBytecode(t, env)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.py"), []byte("x = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Compile(t.Context(), env, dir); err != nil {
			t.Fatal(err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "__pycache__", "a.*.pyc")); len(found) != 1 || before == 0 {
		t.Errorf("%v, %d files of byte code in the environment", found, before)
	}
}

func countBytecode(t *testing.T, env Environment) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(env.Trees[0], "lib", "*", "site-packages", "cloudpickle", "__pycache__", "*.pyc"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func checkReadable(t *testing.T, tree string) {
	t.Helper()
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 || strings.HasSuffix(path, ".lock") {
			return err
		}
		info, err := d.Info()
		if err == nil && (info.Mode()&0o444 != 0o444 || info.Mode()&0o022 != 0 || d.IsDir() && info.Mode()&0o111 != 0o111) {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNoNetworkIsNeededTwice(t *testing.T) {
	m := small(t.TempDir())
	minor := m.defaultMinor(t.Context())
	if _, err := m.Ensure(t.Context(), minor, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1") // nothing listens there
	}
	if _, err := small(t.TempDir()).Ensure(t.Context(), minor, func(line string) {
		if strings.HasPrefix(line, "downloading") {
			t.Error("it went to the index")
		}
	}); err != nil {
		t.Error(err)
	}
}

func TestBadLock(t *testing.T) {
	m := small(t.TempDir())
	m.lock = func(string) (string, bool) {
		return "six==1.17.0 --hash=sha256:" + strings.Repeat("0", 64) + "\n", true
	}
	_, err := m.Ensure(t.Context(), m.defaultMinor(t.Context()), nil)
	if err == nil || !strings.Contains(err.Error(), "ash mismatch") && !strings.Contains(err.Error(), "hash") {
		t.Error(err)
	}
}

func TestMissingPython(t *testing.T) {
	m := New(Config{Dir: t.TempDir()})
	for minor, text := range map[string]string{"3.9": "3.10, 3.11, 3.12, 3.13", "2.7": "not supported"} {
		if _, err := m.Ensure(t.Context(), minor, nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", minor, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PYENV_ROOT", t.TempDir())
	m = New(Config{Dir: t.TempDir()})
	if _, err := m.Ensure(t.Context(), "3.13", nil); err == nil || !strings.Contains(err.Error(), "uv python install 3.13") {
		t.Error(err) // no system that this is tested on has a 3.13 of its own
	}
}

func TestBaseEnvironment(t *testing.T) {
	m := shared(t)
	env, err := m.Ensure(t.Context(), m.defaultMinor(t.Context()), func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	script := "import importlib, importlib.metadata as md, sys\n" +
		"[importlib.import_module(m) for m in sys.argv[1].split()]\n" +
		"print(*sorted(d.name.lower().replace('_', '-').replace('.', '-') + '==' + d.version for d in md.distributions()), sep='\\n')\n"
	out, err := exec.Command(env.Python, "-I", "-c", script, strings.Join(env.Preload, " ")).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	for _, file := range []string{"pandas/__pycache__/__init__", "snowflake/snowpark/__pycache__/session"} {
		if compiled, _ := filepath.Glob(filepath.Join(env.Trees[0], "lib", "*", "site-packages", file+".*.pyc")); len(compiled) != 1 {
			t.Errorf("%s: not compiled", file)
		}
	}
	var want []string
	for name, version := range env.Packages {
		want = append(want, name+"=="+version)
	}
	slices.Sort(want)
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); !slices.Equal(got, want) {
		t.Errorf("installed %q\nlocked %q", got, want)
	}
	checkReadable(t, env.Trees[0])
	if !strings.HasPrefix(env.Python, env.Trees[0]+"/") {
		t.Errorf("%s is not in %v", env.Python, env.Trees)
	}
	real, err := filepath.EvalSymlinks(env.Python)
	if err != nil || !slices.ContainsFunc(env.Trees, func(tree string) bool { return strings.HasPrefix(real, tree+"/") }) {
		t.Errorf("%s is not in %v: %v", real, env.Trees, err)
	}
	for request, ok := range map[string]bool{"xgboost>=3": true, "xgboost>=99": false, "cloudpickle~=3.0\nscikit-learn": true} {
		if err := m.Satisfied(t.Context(), env, request); (err == nil) != ok {
			t.Errorf("%s: %v", request, err)
		}
	}
}

func TestLocks(t *testing.T) {
	for _, minor := range minors {
		text, ok := baseLock(minor)
		if !ok {
			t.Fatal(minor)
		}
		if strings.Contains(text, "://") || strings.Contains(text, "--index-url") {
			t.Errorf("%s names an index", minor)
		}
		packages := lockedPackages(text)
		if n := strings.Count(text, "=="); n != len(packages) || n < 50 || strings.Count(text, "--hash=") < n {
			t.Errorf("%s: %d packages, %d read", minor, n, len(packages))
		}
		if packages["snowflake-ml-python"] != "2.6.0" || packages["xgboost-cpu"] == "" || packages["threadpoolctl"] == "" {
			t.Errorf("%s: %v", minor, packages)
		}
	}
}

func TestSatisfied(t *testing.T) {
	m := small(t.TempDir())
	env, err := m.Ensure(t.Context(), m.defaultMinor(t.Context()), nil)
	if err != nil {
		t.Fatal(err)
	}
	pip := func(x string) string {
		return "ERROR: Could not find a version that satisfies the requirement " + x + " (from versions: none)\nERROR: No matching distribution found for " + x
	}
	t.Setenv("FIRN_SECRET", "x")
	table := []struct{ text, want string }{
		{"", ""},
		{"# nothing\n\n--extra-index-url https://u:p@h/simple\n-i https://h\n", ""},
		{"cloudpickle~=3.0", ""},
		{"six ; python_version >= '3'  # a comment\r\ncloudpickle>=3,\\\n <4\n", ""},
		{"nothing-here ; python_version < '3'", ""},
		{"six==1.17.0 --hash=sha256:00 \\\n  --hash=sha256:11", ""},
		{"cowpy", pip("cowpy")},
		{"six\ncloudpickle~=2.0\ncowpy", pip("cloudpickle~=2.0")},
		{"six==1.16.0", pip("six==1.16.0")},
		{"thing @ https://files.example/thing-1.0-py3-none-any.whl", pip("thing @ https://files.example/thing-1.0-py3-none-any.whl")},
		{"six==", "ERROR: Invalid requirement: 'six=='"},
		{"${FIRN_SECRET}", "ERROR: Invalid requirement: '${FIRN_SECRET}'"},
		{"-r /etc/passwd", "ERROR: requirements.txt: -r is not supported"},
		{"-e .", "ERROR: requirements.txt: -e is not supported"},
		{"./here", "ERROR: requirements.txt: a path or a repository is not supported: ./here"},
	}
	for _, c := range table {
		for range 2 { // the second time from memory, or asked again
			got := ""
			if err := m.Satisfied(t.Context(), env, c.text); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q: %s\nwant %s", c.text, got, c.want)
			}
		}
	}
}

func TestUVIsInstalledOnce(t *testing.T) {
	real := New(Config{Dir: t.TempDir()}).Interpreters(t.Context())[0]
	wheels := filepath.Join(filepath.Dir(shared(t).cfg.Dir), "wheels") // downloaded once, so that later runs need no network
	if kept, _ := filepath.Glob(filepath.Join(wheels, "uv-"+UVVersion+"-*.whl")); len(kept) == 0 {
		if out, err := exec.Command(real.Path, "-m", "pip", "download", "--quiet", "--no-deps", "-d", wheels, "uv=="+UVVersion).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, redact(string(out)))
		}
	}
	home := t.TempDir() // a machine whose only uv is out of sight: not on PATH, not in the home, not beside the interpreter
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", wheels)
	t.Setenv("PATH", "/usr/bin:/bin")
	t.Setenv("HOME", home)
	bare := filepath.Join(home, "bare")
	if out, err := exec.Command(real.Path, "-m", "venv", "--without-pip", bare).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, python := range map[string]string{"with pip": real.Path, "without": filepath.Join(bare, "bin", "python")} {
		t.Run(name, func(t *testing.T) {
			m := New(Config{Dir: t.TempDir()})
			m.found = []Interpreter{{Version: real.Version, Minor: real.Minor, Path: python, Prefix: home}}
			var installs int
			for range 2 {
				path, err := m.UV(t.Context(), func(line string) {
					if strings.HasPrefix(line, "installing uv") {
						installs++
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(path, "--version").Output()
				if err != nil || !strings.HasPrefix(string(out), "uv "+UVVersion) || path != m.toolsUV() {
					t.Errorf("%s: %q, %v", path, out, err)
				}
				m.uv = ""
			}
			left, err := os.ReadDir(filepath.Join(m.cfg.Dir, "tools"))
			if err != nil || len(left) != 2 || installs != 1 { // its folder and the lock
				t.Errorf("%v, %v, installed %d times", left, err, installs)
			}
		})
	}
}

func TestPipSettings(t *testing.T) {
	files := map[string]string{
		"/etc/pip.conf":                "[global]\nindex-url = https://old/simple\ntimeout: 60\n# index-url = x\n[list]\nindex-url=no\n",
		"/home/u/.config/pip/pip.conf": "[global]\nindex_url = https://user:word@feed.example/simple\nextra-index-url =\n    https://a/simple\n    https://b/simple\n[install]\ntrusted-host = h\n",
	}
	read := func(p string) []byte { return []byte(files[p]) }
	dir := t.TempDir()
	table := []struct {
		environ []string
		want    []string
	}{
		{[]string{"HOME=/home/u"}, []string{"UV_DEFAULT_INDEX=https://user:word@feed.example/simple", "UV_INDEX=https://a/simple https://b/simple", "UV_INSECURE_HOST=h", "UV_HTTP_TIMEOUT=60"}},
		{[]string{"HOME=/none", "PIP_INDEX_URL=https://env/simple", "PIP_CERT=/c.pem", "SSL_CERT_FILE=/mine.pem"}, []string{"UV_DEFAULT_INDEX=https://env/simple", "UV_HTTP_TIMEOUT=60"}},
		{[]string{"HOME=/home/u", "UV_DEFAULT_INDEX=https://uv/simple"}, nil},
		{[]string{"PIP_CONFIG_FILE=/dev/null", "PIP_FIND_LINKS=" + dir + " /no/such/folder"}, []string{"UV_FIND_LINKS=" + dir}},
	}
	for _, c := range table {
		got := uvEnvironment(c.environ, read)[len(c.environ):]
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.environ, got, c.want)
		}
	}
	if got := redact("error: https://user:word@feed.example/simple failed"); strings.Contains(got, "word") || !strings.Contains(got, "feed.example") {
		t.Error(got)
	}
}
