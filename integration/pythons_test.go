package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPythons: a job runs in its client's Python, and a function of another one is refused before a node is taken.
func TestPythons(t *testing.T) {
	s := start(t, dataDir(t))
	for _, c := range []struct {
		environment string
		args        []string
	}{{newest, nil}, {second, []string{"3.12"}}} {
		t.Run(c.environment, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(root(t), ".firn", "test", c.environment, ".complete")); err != nil && c.environment == second {
				t.Skip("environments.sh found no Python 3.12 on this machine")
			}
			out := s.python(t, c.environment, "pythons.py", c.args...)
			if !strings.HasSuffix(strings.TrimSpace(out), "ok") {
				t.Errorf("the script did not reach its end:\n%s", out)
			}
			t.Log(out)
		})
	}
}
