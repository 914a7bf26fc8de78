package sql

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A golden file is cases between lines "----": a statement, a line "=>", then its canonical text and its tree, or its error.
type goldenCase struct{ in, want string }

func goldenCases(t testing.TB, file string) []goldenCase {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []goldenCase
	for _, c := range strings.Split(string(b), "\n----\n") {
		in, want, _ := strings.Cut(strings.TrimSuffix(c, "\n"), "\n=>\n")
		list = append(list, goldenCase{in, want})
	}
	return list
}

func goldenFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return files
}

func TestGolden(t *testing.T) {
	for _, file := range goldenFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var out []string
			for _, c := range goldenCases(t, file) {
				got := describe(c.in)
				if got != c.want && !*update {
					t.Errorf("%s\ngot\n%s\nwant\n%s", c.in, got, c.want)
				}
				out = append(out, c.in+"\n=>\n"+got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.Join(out, "\n----\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func describe(in string) string {
	d, err := Parse(in)
	if err != nil {
		return "error: " + err.Error()
	}
	s := Print(d.Statement) + "\n" + tree(d.Statement)
	if d.Params > 0 {
		s += fmt.Sprintf("\nparams: %d", d.Params)
	}
	return s
}

// TestPrintParsesBack holds Print's promise for every golden statement.
func TestPrintParsesBack(t *testing.T) {
	for _, file := range goldenFiles(t) {
		for _, c := range goldenCases(t, file) {
			if d, err := Parse(c.in); err == nil {
				parsesBack(t, c.in, d)
			}
		}
	}
}

func parsesBack(t testing.TB, in string, d *Parsed) {
	t.Helper()
	opaque := false
	Walk(d.Statement, func(n Node) bool {
		_, o := n.(*Other)
		opaque = opaque || o
		return true
	})
	if opaque {
		return
	}
	text := Print(d.Statement)
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("%q\nprinted %q\ndoes not parse: %v", in, text, err)
	}
	if again.Params > d.Params {
		t.Fatalf("%q\nprinted %q\nhas %d parameters, want %d", in, text, again.Params, d.Params)
	}
	if a, b := tree(d.Statement), tree(again.Statement); a != b {
		t.Fatalf("%q\nprinted %q\nis another tree:\n%s\nwant\n%s", in, text, b, a)
	}
	if twice := Print(again.Statement); twice != text {
		t.Fatalf("%q\nprinted %q\nthen %q", in, text, twice)
	}
}

// tree writes all fields that are not zero, positions left out.
func tree(n any) string {
	var b strings.Builder
	dump(&b, reflect.ValueOf(n))
	return b.String()
}

func dump(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		dump(b, v.Elem())
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			dump(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		switch x := v.Interface().(type) {
		case Ident:
			if x.Quoted {
				fmt.Fprintf(b, "%q", x.Name)
			} else {
				b.WriteString(x.Name)
			}
			return
		case Pos, Span:
			return
		}
		b.WriteString(v.Type().Name())
		b.WriteByte('{')
		first := true
		for i := range v.NumField() {
			f := v.Field(i)
			if f.IsZero() || place(f.Type()) || onlyPos(f) {
				continue
			}
			if !first {
				b.WriteByte(' ')
			}
			first = false
			b.WriteString(v.Type().Field(i).Name)
			b.WriteByte(':')
			dump(b, f)
		}
		b.WriteByte('}')
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprint(b, v.Interface())
	}
}

// onlyPos says whether a struct holds nothing but places.
func onlyPos(v reflect.Value) bool {
	if v.Kind() != reflect.Struct {
		return false
	}
	for i := range v.NumField() {
		f := v.Field(i)
		if !place(f.Type()) && !f.IsZero() && !onlyPos(f) {
			return false
		}
	}
	return true
}

func place(t reflect.Type) bool {
	return t == reflect.TypeFor[Pos]() || t == reflect.TypeFor[Span]()
}
