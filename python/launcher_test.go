package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"firn/python"
	"firn/runtime"
)

// TestLauncher runs testdata/launcher_test.py, which holds the launcher against the real client, in the environment that jobs
// get. FIRN_TEST_PYTHONS="3.10 3.12" adds other Pythons; each needs its environment, built once under FIRN_TEST_CACHE.
func TestLauncher(t *testing.T) {
	cache := os.Getenv("FIRN_TEST_CACHE")
	if cache == "" {
		cache = "../.firn/test"
	}
	m := runtime.New(runtime.Config{Dir: filepath.Join(cache, "runtime")})
	image, err := m.Resolve(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, minor := range append([]string{image.Minor}, strings.Fields(os.Getenv("FIRN_TEST_PYTHONS"))...) {
		t.Run(minor, func(t *testing.T) {
			env, err := m.Ensure(t.Context(), minor, func(s string) { t.Log(s) })
			if err != nil {
				t.Fatal(err)
			}
			root, err := python.Install(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Compile(t.Context(), env, root); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(env.Python, "-B", "testdata/launcher_test.py", root)
			cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v:\n%s", err, out)
			} else if i := strings.LastIndex(string(out), "Ran "); i >= 0 {
				t.Log(strings.TrimSpace(string(out)[i:]))
			} else {
				t.Errorf("ran no test:\n%s", out)
			}
		})
	}
}
