package function_test

import (
	"os"
	"strings"
	"testing"
)

// TestSmoke prints what statements of a file give: a tool for looking, not a check.
func TestSmoke(t *testing.T) {
	name := os.Getenv("FIRN_SMOKE")
	if name == "" {
		t.Skip("FIRN_SMOKE names no file")
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	e := open(t)
	fill(t, e)
	for q := range strings.SplitSeq(string(raw), "\n") {
		if strings.TrimSpace(q) == "" {
			continue
		}
		cols, rows, err := e.query(t, context_(q))
		if err != nil {
			t.Logf("ERR %s\n   %v", q, err)
			continue
		}
		t.Logf("%s\n%s", q, show(cols, rows))
	}
}
