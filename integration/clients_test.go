package integration

import (
	"strings"
	"testing"
)

// TestClients runs the scripts of the real clients against one server.
func TestClients(t *testing.T) {
	s := start(t, dataDir(t))
	for _, c := range []struct {
		name, environment, script string
		args                      []string
	}{
		{"tables", newest, "tables.py", nil},
		{"files with connector 4.8", newest, "files.py", []string{"4.8"}},
		{"files with connector 5.2", connector, "files.py", []string{"5.2"}},
		{"refusals", newest, "refusals.py", nil},
		{"kinds of jobs", newest, "kinds.py", nil},
		{"limits", newest, "limits.py", nil},
		{"dataframes", newest, "dataframe.py", nil},
		{"jobs and roles", newest, "jobs_roles.py", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := s.python(t, c.environment, c.script, c.args...)
			if !strings.HasSuffix(strings.TrimSpace(out), "ok") {
				t.Errorf("the script did not reach its end:\n%s", out)
			}
		})
	}
}
