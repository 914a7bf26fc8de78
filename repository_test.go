// Package firn_test tests the repository itself: that every package says what it is, and that the rooms' arrows go one way.
package firn_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type goPackage struct {
	ImportPath, Doc string
	Imports         []string
	Deps            []string
}

func packages(t *testing.T, arguments ...string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,Imports,Deps"}, arguments...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// allowed is every arrow between rooms, with its reason. A room may import its own sub-packages, and those the room's.
var allowed = map[string]map[string]string{
	"sql":       {},
	"sqlerr":    {},
	"result":    {"sqlerr": "a result may hold an error of reading its rows"},
	"statement": {"result": "functions answer results"},
	"python":    {},
	"driver":    {"python": "the suite starts the launcher"},
	"store":     {},
	"runtime":   {"sqlerr": "refusals are Snowflake's errors"},
	"warehouse": {"sql": "it runs trees", "sqlerr": "", "result": "it makes results", "statement": "it is told who runs a statement"},
	"catalog":   {"sql": "it runs trees", "sqlerr": "", "result": "it makes results", "statement": "it is told who runs a statement", "store": "its rows"},
	"stage":     {"sql": "stage paths", "sqlerr": "", "result": "it makes results", "statement": "who runs a statement", "store": "the signing key", "catalog": "stages are catalog's objects"},
	"pool":      {"sql": "it runs trees", "sqlerr": "", "result": "it makes results", "statement": "who runs a statement", "store": "its rows"},
	"job":       {"sql": "it runs trees", "sqlerr": "", "result": "it makes results", "statement": "who runs a statement", "store": "its rows", "driver": "it starts instances", "pool": "it asks for places"},
	"session":   {"sql": "it parses", "sqlerr": "", "result": "it keeps results", "statement": "it makes contexts", "store": "its rows"},
	"wire":      {"session": "it carries its requests", "result": "it writes results", "sqlerr": "it writes errors", "statement": "binds and clients"},
}

func room(path string) string {
	r, _, _ := strings.Cut(strings.TrimPrefix(path, "firn/"), "/")
	return r
}

// TestArrows: a room imports what the table allows and nothing else; cmd, bench, integration may import anything but nobody imports them.
func TestArrows(t *testing.T) {
	for _, p := range packages(t, "./...") {
		from := room(p.ImportPath)
		if from == "firn" || from == "cmd" || from == "bench" || from == "integration" {
			continue
		}
		rules, known := allowed[from]
		if !known {
			t.Errorf("%s: a room that the table of arrows does not know", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			to := room(i)
			if !strings.HasPrefix(i, "firn/") || to == from {
				continue
			}
			if _, ok := rules[to]; !ok {
				t.Errorf("%s imports %s: no arrow goes there", p.ImportPath, i)
			}
		}
	}
}

// TestShimIsSmall: what a shim must never carry (with them a start costs milliseconds and tens of megabytes).
func TestShimIsSmall(t *testing.T) {
	for _, p := range packages(t, "./cmd/firn-shim") {
		for _, d := range p.Deps {
			for _, bad := range []string{"duckdb", "modernc.org/sqlite", "k8s.io", "arrow-go", "firn/store", "firn/warehouse", "firn/session", "firn/wire", "firn/job", "gocloud.dev", "pgx"} {
				if strings.Contains(d, bad) {
					t.Errorf("firn-shim depends on %s", d)
				}
			}
		}
	}
}

// TestPackageComments: every package says in its comment what it is.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t, "./...") {
		if p.ImportPath != "firn" && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// TestNoReplace: what we build with is what go.mod names.
func TestNoReplace(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Replace []any }
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Replace) > 0 {
		t.Errorf("go.mod replaces modules: %v", slices.Collect(slices.Values(m.Replace)))
	}
}
