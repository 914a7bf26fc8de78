package sql

import "testing"

// TestBarePutPath: the connectors name a wildcard's files in the wildcard's own bare form, with their blanks.
func TestBarePutPath(t *testing.T) {
	for text, want := range map[string]string{
		"put file://odd name.txt @s/p auto_compress=false":       "odd name.txt",
		"PUT file:///d/two  blanks here.csv '@s/p' parallel = 4": "/d/two  blanks here.csv",
		"put file:///d/*.txt @s":                                 "/d/*.txt",
		"put file://10.csv ? source_compression=auto_detect":     "10.csv",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.Statement.(*Put).Local.Value; got != want {
			t.Errorf("%s: path %q, want %q", text, got, want)
		}
	}
	if _, err := Parse("put file://a b"); err == nil {
		t.Error("a PUT without a stage was taken")
	}
}
