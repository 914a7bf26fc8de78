package function_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the statements give into testdata; read the difference before keeping it")

// TestQueries runs every statement of testdata/queries.txt and compares columns (name, type, nullability) and rows with what is
// written there. A case is a line "# <page of Snowflake's SQL reference>", the statement, and the answer, each line after "> ";
// an error's lines begin with "! ". Rows without ORDER BY are compared in any order.
func TestQueries(t *testing.T) {
	const file = "testdata/queries.txt"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := open(t)
	fill(t, e)
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n\n") {
		lines := strings.Split(block, "\n")
		page, text, want := lines[0], lines[1], lines[2:]
		t.Run(strings.TrimPrefix(page, "# "), func(t *testing.T) {
			cols, rows, err := e.query(t, context_(text))
			var got []string
			if err != nil {
				for l := range strings.SplitSeq(err.Error(), "\n") {
					got = append(got, "! "+l)
				}
			} else {
				if !ordered(text) {
					slices.SortFunc(rows, slices.Compare)
				}
				for l := range strings.SplitSeq(show(cols, rows), "\n") {
					got = append(got, strings.TrimRight("> "+l, " "))
				}
			}
			out.WriteString(page + "\n" + text + "\n" + strings.Join(got, "\n") + "\n\n")
			if !*update && !slices.Equal(got, want) {
				t.Errorf("%s\n got %s\nwant %s", text, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
		})
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// ordered says whether a statement's own last clause is ORDER BY: one inside parentheses does not count.
func ordered(text string) bool {
	i := strings.LastIndex(strings.ToUpper(text), "ORDER BY")
	return i >= 0 && strings.Count(text[i:], ")") <= strings.Count(text[i:], "(")
}
