package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports: the shim is started for every instance, so it carries nothing of the server: with DuckDB, a store or a
// cloud client linked in, a start would cost 6–17 ms and 29–52 MB more.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for p := range strings.Lines(string(out)) {
		p = strings.TrimSpace(p)
		own := strings.HasPrefix(p, "firn/")
		if own && p != "firn/driver" && !strings.HasPrefix(p, "firn/driver/") && p != "firn/cmd/firn-shim" {
			t.Errorf("the shim imports %s", p)
		}
		if p == "firn/driver/sandbox" {
			t.Errorf("the shim imports %s, the server's side", p)
		}
		for _, no := range []string{"duckdb", "sqlite", "pgx", "k8s.io/", "arrow", "aws", "gocloud", "net/http", "database/sql"} {
			if !own && strings.Contains(p, no) {
				t.Errorf("the shim imports %s", p)
			}
		}
	}
}
