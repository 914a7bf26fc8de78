package sql

import (
	"strings"
	"testing"
	"text/scanner"
	"unicode"

	"pgregory.net/rapid"
)

// FuzzParse holds for any text: no panic, no hang, and what parses is printed as a text that parses to the same tree.
func FuzzParse(f *testing.F) {
	for _, file := range goldenFiles(f) {
		for _, c := range goldenCases(f, file) {
			f.Add(c.in)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkText(t, text)
	})
}

func checkText(t testing.TB, text string) {
	Split(text)
	d, err := Parse(text)
	if err != nil {
		return
	}
	parsesBack(t, text, d)
	_ = d.Bind(func(int, string) (string, bool, error) { return text, false, nil })
}

// TestAnyText shuffles the words of the golden statements: most texts fail, those that parse must print well.
func TestAnyText(t *testing.T) {
	words := []string{" ", "(", ")", ",", "?", "'a'", "\"b\"", "$1", "=", "::", ":", ".", ";", "->>", "@s/p", "1"}
	for _, file := range goldenFiles(t) {
		for _, c := range goldenCases(t, file) {
			l := newLexer(c.in)
			for tok := l.scan(); tok.kind != kEOF; tok = l.scan() {
				words = append(words, c.in[tok.off:tok.end])
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(r, "n")
		base := strings.FieldsFunc(rapid.SampledFrom(bases(t)).Draw(r, "base"), unicode.IsSpace)
		for range n {
			i := rapid.IntRange(0, len(base)).Draw(r, "at")
			w := rapid.SampledFrom(words).Draw(r, "word")
			if i < len(base) && rapid.Bool().Draw(r, "replace") {
				base[i] = w
				continue
			}
			base = append(base[:i:i], append([]string{w}, base[i:]...)...)
		}
		checkText(t, strings.Join(base, " "))
	})
}

func bases(t testing.TB) []string {
	var list []string
	for _, file := range goldenFiles(t) {
		for _, c := range goldenCases(t, file) {
			list = append(list, c.in)
		}
	}
	return list
}

// TestExpressionsPrint draws whole trees: their text parses to the same tree.
func TestExpressionsPrint(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		x := drawExpr(r, 4)
		text := Print(x)
		got, err := ParseExpr(text)
		if err != nil {
			r.Fatalf("%s\n%v", text, err)
		}
		if a, b := tree(x), tree(got); a != b {
			r.Fatalf("%s\ngot  %s\nwant %s", text, b, a)
		}
	})
}

func drawIdent(r *rapid.T) Ident {
	if rapid.Bool().Draw(r, "quoted") {
		return Ident{Name: rapid.StringN(1, 5, 20).Draw(r, "name"), Quoted: true}
	}
	return Ident{Name: rapid.SampledFrom([]string{"A", "B1", "_X", "STAGE", "DATE", "Ü", "IDENTIFIER", "END"}).Draw(r, "ident")}
}

func drawExpr(r *rapid.T, depth int) Expr {
	kinds := 6
	if depth > 0 {
		kinds = 18
	}
	sub := func() Expr { return drawExpr(r, depth-1) }
	pick := func(list ...string) string { return rapid.SampledFrom(list).Draw(r, "op") }
	flag := func() bool { return rapid.Bool().Draw(r, "flag") }
	switch rapid.IntRange(0, kinds-1).Draw(r, "kind") {
	case 0:
		return &Literal{Kind: StringLit, Text: rapid.String().Draw(r, "text")}
	case 1:
		return &Literal{Kind: NumberLit, Text: pick("0", "12", "1.50", ".5")}
	case 2:
		return &Ref{Parts: []Ident{drawIdent(r), drawIdent(r)}}
	case 3:
		return &Param{Index: rapid.IntRange(1, 9).Draw(r, "n")}
	case 4:
		return &Positional{N: rapid.IntRange(1, 99).Draw(r, "n")}
	case 5:
		return &Literal{Kind: NullLit}
	case 6, 7, 8:
		return &Binary{Op: pick("OR", "AND", "=", "<>", "<", ">=", "+", "-", "||", "*", "%"), L: sub(), R: sub()}
	case 9:
		return &Unary{Op: pick("NOT", "-", "+"), X: sub()}
	case 10:
		return &Cast{X: sub(), Type: TypeName{Name: pick("INT", "VARCHAR", "DOUBLE PRECISION")}, Try: flag()}
	case 11:
		return &Case{X: sub(), Whens: []When{{sub(), sub()}}, Else: sub()}
	case 12:
		return &In{X: sub(), Not: flag(), List: []Expr{sub(), sub()}}
	case 13:
		return &Between{X: sub(), Low: sub(), High: sub(), Not: flag()}
	case 14:
		return &Like{Op: pick("LIKE", "ILIKE", "RLIKE"), X: sub(), Not: flag(), Patterns: []Expr{sub()}, Escape: sub()}
	case 15:
		return &Is{X: sub(), Not: flag(), What: pick("NULL", "TRUE", "FALSE")}
	case 16:
		return &Call{Name: Name{Parts: []Ident{{Name: pick("F", "G"), Quoted: false}}}, Args: []Expr{sub(), &Tuple{Items: []Expr{sub(), sub()}}},
			Over: &Window{Partition: []Expr{sub()}, Order: []OrderItem{{X: sub(), Desc: flag()}}}}
	default:
		return &Index{X: &ArrayLit{Items: []Expr{sub()}}, I: sub()}
	}
}

const snowpark = `SELECT "A", "B", "C", ("D" + 1 :: INT) AS "E", sum("F") OVER (PARTITION BY "A" ORDER BY "B" ASC NULLS FIRST) AS "S" FROM ( SELECT  *  FROM ( SELECT "A", "B", "C", "D", "F" FROM ( SELECT  *  FROM (DB1.PUBLIC.T1)) WHERE (("A" = 'x' :: STRING) AND ("B" > 5 :: INT)))) WHERE ("E" IS NOT NULL) ORDER BY "A" ASC NULLS FIRST, "B" DESC NULLS LAST LIMIT 10`

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"select1", "SELECT 1"},
		{"snowpark", snowpark},
		{"lower", `select t.id, u.name, count(*) as n from db1.public.orders t left join users u on t.user_id = u.id where t.created_at >= dateadd(day, -7, current_date) and u.country in ('de', 'fr') group by t.id, u.name having count(*) > 1 order by n desc limit 100`},
		{"put", `PUT 'file:///abs/a.txt' '@st5/p'  parallel = 4 source_compression = 'AUTO_DETECT' auto_compress = False overwrite = True`},
		{"call", `CALL SYSTEM$EXECUTE_ML_JOB('DB1.PUBLIC.main_0b2db4bc_', 'POOL', '{"STAGE_PATH": "@PAY/main_0b2db4bc", "ARGS": ["bash", "/mnt/job_stage/system/startup.sh", "a\'b"], "ENV_VARS": {"A": 1}}', '{"ASYNC": true, "TARGET_INSTANCES": 1}')`},
		{"megabyte", "CALL SYSTEM$EXECUTE_ML_JOB('n', 'p', '" + strings.Repeat(`{\"a\": \'x\'}\n`, 70_000) + "', '{}')"},
		{"values", "INSERT INTO T VALUES " + strings.Repeat("(1 :: INT, 'abc' :: STRING, NULL), ", 1000) + "(1, 'x', NULL)"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	// The yardstick on a busy machine: text/scanner only reads the same text's tokens.
	b.Run("yardstick", func(b *testing.B) {
		for b.Loop() {
			var s scanner.Scanner
			s.Init(strings.NewReader(snowpark))
			s.Error = func(*scanner.Scanner, string) {}
			for s.Scan() != scanner.EOF {
			}
		}
	})
	b.Run("bound", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, err := Parse("DESCRIBE SERVICE IDENTIFIER(?)")
			if err != nil {
				b.Fatal(err)
			}
			if err := d.Bind(func(int, string) (string, bool, error) { return "DB1.PUBLIC.MLJOB_X", false, nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPrint(b *testing.B) {
	d, err := Parse(`SELECT "A", sum("F") OVER (PARTITION BY "A" ORDER BY "B" ASC NULLS FIRST) AS "S" FROM ( SELECT  *  FROM (DB1.PUBLIC.T1)) WHERE (("A" = 'x' :: STRING) AND ("B" > 5 :: INT)) LIMIT 10`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Print(d.Statement)
	}
}
