package sql

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		text      string
		line, col int
		what      string
	}{
		{"selct 1", 1, 0, "selct"},
		{"select 1 +", 1, 10, "<EOF>"},
		{"select\n  a b c", 2, 6, "c"},
		{"select /* x\n y */ 1\n\n  from where", 4, 7, "where"},
		{"select 'é' 'x'", 1, 11, "'x'"},
		{"select a, , b", 1, 10, ","},
		{"select * from t where a = 'x", 1, 26, "<EOF>"},
		{"select /* never", 1, 7, "<EOF>"},
		{`select "a`, 1, 7, "<EOF>"},
		{"select a ` b", 1, 9, "`"},
		{"select 1 from t order a", 1, 22, "a"},
		{"put file:///x", 1, 13, "<EOF>"},
		{"put '/x' @st", 1, 4, "'/x'"},
		{"put file:///x @st/", 0, 0, ""},
		{"list @", 1, 6, "<EOF>"},
		{"list @a.b.c.d", 1, 11, "."},
		{"list 'st'", 1, 5, "'st'"},
		{"create table t (a int, )", 1, 23, ")"},
		{"insert into t (a) set", 1, 18, "set"},
		{"select a as select", 1, 12, "select"},
		{`select ""`, 1, 7, `""`},
		{"select {'a' 1}", 1, 12, "1"},
		{"call p", 1, 6, "<EOF>"},
		{"show", 1, 4, "<EOF>"},
		{"select :0", 1, 8, "0"},
		{"execute job service in compute pool p name = n", 1, 46, "<EOF>"},
		{"select 1 limit 1 limit 2", 1, 17, "limit"},
	} {
		_, err := Parse(c.text)
		if c.line == 0 {
			if err != nil {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%q: got %v, want a SyntaxError", c.text, err)
			continue
		}
		if e.Line != c.line || e.Col != c.col || e.Unexpected != c.what {
			t.Errorf("%q: got %v, want line %d position %d %q", c.text, e, c.line, c.col, c.what)
		}
	}
}

func TestParseCounts(t *testing.T) {
	for _, text := range []string{"", "  ", ";", " ; ;", "-- x", "/* x */;"} {
		if _, err := Parse(text); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: got %v, want ErrEmpty", text, err)
		}
	}
	for _, text := range []string{"select 1", "select 1;", ";select 1;;", "select 1; -- end"} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := Parse("select 1; select 2;; select ';'")
	var m *MultipleError
	if !errors.Is(err, ErrMultiple) || !errors.As(err, &m) || m.Count != 3 {
		t.Errorf("got %v, want 3 statements", err)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" ;; ", nil},
		{"select 1", []string{"select 1"}},
		{"select ';', $$;$$, \";\" -- ;\n; /* ; */ select 2 ;", []string{"select ';', $$;$$, \";\" -- ;", "/* ; */ select 2"}},
		{"put file:///d/*.txt @st/*; select 1", []string{"put file:///d/*.txt @st/*", "select 1"}},
		{"put file:///d//x @st; select 1", []string{"put file:///d//x @st", "select 1"}},
		{"begin; insert into t values (1); commit", []string{"begin", "insert into t values (1)", "commit"}},
		{"begin let x := 1; if (x = 1) then select 1; end if; return case when true then 1 end; end; select 2", []string{"begin let x := 1; if (x = 1) then select 1; end if; return case when true then 1 end; end", "select 2"}},
		{"declare x int; begin select 1; end; select 2", []string{"declare x int; begin select 1; end", "select 2"}},
		{"create task t as begin select 1; begin select 2; end; end; select 3", []string{"create task t as begin select 1; begin select 2; end; end", "select 3"}},
		{"select case when a then 1 end; select 2", []string{"select case when a then 1 end", "select 2"}},
		{"select 'open; select 2", []string{"select 'open; select 2"}},
	} {
		if got := Split(c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q:\ngot  %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestBind(t *testing.T) {
	d, err := Parse("create stage identifier(?) url = ? comment = $c")
	if err != nil {
		t.Fatal(err)
	}
	s := d.Statement.(*Create)
	for _, name := range []string{"DB1.PUBLIC.mljob_abc", `"x y".s`} {
		err := d.Bind(func(n int, variable string) (string, bool, error) {
			switch {
			case n == 1:
				return name, false, nil
			case n == 2:
				return "u", false, nil
			case variable == "C":
				return "", true, nil
			}
			t.Fatalf("asked for %d %q", n, variable)
			return "", false, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := ParseName(name)
		if s.Name.String() != want.String() {
			t.Errorf("bound %q: name is %s", name, s.Name)
		}
	}
	if s.Options[0].Value.Text.Value != "u" || !s.Options[1].Value.Text.Null {
		t.Errorf("options: %s", tree(s))
	}
}

func TestBindPlaces(t *testing.T) {
	lookup := func(n int, variable string) (string, bool, error) {
		if variable != "" {
			return "v." + variable, false, nil
		}
		return []string{"file:///a b/*.x", "@db.s.st/p q/r.csv", "a.b.c"}[n-1], false, nil
	}
	for _, c := range []struct{ text, want string }{
		{"put :1 :2", `Local:Text{Value:"/a b/*.x" Param:1} Stage:StagePath{Stage:Name{Parts:[DB S ST]} Path:"p q/r.csv"`},
		{"get :2 :1", `Stage:Name{Parts:[DB S ST]} Path:"p q/r.csv"`},
		{"list :2", `Path:"p q/r.csv"`},
		{"copy into identifier(:3) from :2", `Table:Name{Parts:[A B C]`},
		{"select * from identifier(:3)", `Name{Parts:[A B C]`},
		{"select * from table($t)", `Name{Parts:[V T]`},
		{"select identifier(:3) + 1", `Ref{Parts:[A B C]`},
		{"select identifier(:3)(1)", `Call{Name:Name{Parts:[A B C]`},
		{"call identifier(:3)()", `Call{Name:Name{Parts:[A B C]`},
		{"call identifier(:3)!m()", `Name:Name{Parts:[A B C]`},
		{"select * from (select 1 from identifier(:3) t join identifier($x) u) where exists (select 1 from identifier(:3))", `Name{Parts:[V X]`},
		{"alter table identifier(:3) rename to identifier($n)", `To:Name{Parts:[V N]`},
		{"drop service identifier('\"q r\"')", `Name:Name{Parts:["q r"]`},
		{"show endpoints in service identifier(:3)", `InName:Name{Parts:[A B C]`},
		{"execute job service in compute pool identifier($p) from specification :3 name = identifier(:3) query_warehouse = identifier($w)", `Pool:Name{Parts:[V P]`},
		{"grant role identifier(:3) to user identifier($u)", `To:Name{Parts:[V U]`},
		{"show tables like :3", `Like:Text{Value:"a.b.c" Param:3}`},
	} {
		d, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if err := d.Bind(lookup); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if got := tree(d.Statement); !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
	bad := errors.New("no such variable")
	d, _ := Parse("drop table identifier($x)")
	if err := d.Bind(func(int, string) (string, bool, error) { return "", false, bad }); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	for _, v := range []string{"", "a b", "a.b.c.d", `"a`, "1x"} {
		var e *BindError
		if err := d.Bind(func(int, string) (string, bool, error) { return v, false, nil }); !errors.As(err, &e) || e.Value != v {
			t.Errorf("IDENTIFIER(%q): got %v", v, err)
		}
	}
	if _, err := Parse("drop table identifier('a b')"); err == nil {
		t.Error("IDENTIFIER('a b') parses")
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a", "A"},
		{`db.s."x"`, `DB.S."x"`},
		{`"DB"."S"."T"`, "DB.S.T"},
		{"db..t", "DB..T"},
		{`"SELECT"`, `"SELECT"`},
		{`"a""b"`, `"a""b"`},
		{"mljob_$1", "MLJOB_$1"},
		{`"1A"`, `"1A"`},
		{"ü", "Ü"},
		{`"ü"`, `"ü"`},
		{`"LEFT"`, `"LEFT"`},
	} {
		n, err := ParseName(c.text)
		if err != nil || n.String() != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, n, err, c.want)
			continue
		}
		again, err := ParseName(n.String())
		if err != nil || again.String() != n.String() {
			t.Errorf("%s: parsed again: %s, %v", n, again, err)
		}
	}
	for _, text := range []string{"", "a.", ".a", "a.b.c.d", `""`, "a b", "a-b", "'a'"} {
		if n, err := ParseName(text); err == nil {
			t.Errorf("%q gives %s", text, n)
		}
	}
}

func TestStagePaths(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"@st", "StagePath{Stage:Name{Parts:[ST]}}"},
		{"@st/", "StagePath{Stage:Name{Parts:[ST]}}"},
		{"@SYSTEMBIND/12ab", `StagePath{Stage:Name{Parts:[SYSTEMBIND]} Path:"12ab"}`},
		{`@"D b"."S".st/a b/c;d(1)'x`, `StagePath{Stage:Name{Parts:["D b" "S" ST]} Path:"a b/c;d(1)'x"}`},
		{"@~/a", `StagePath{User:true Path:"a"}`},
		{`@db.s.%"t ""x"/p`, `StagePath{Table:Name{Parts:[DB S "t \"x"]} Path:"p"}`},
		{"'@st/it\\'s'", `StagePath{Stage:Name{Parts:[ST]} Path:"it's"}`},
		{"snow://model/db.s.m/versions/v/", `StagePath{URL:"snow://model/db.s.m/versions/v/"}`},
		{"s3://b/k", `StagePath{URL:"s3://b/k"}`},
	} {
		s, err := ParseStagePath(c.text)
		if err != nil || tree(s) != c.want {
			t.Errorf("%s: got %s, %v", c.text, tree(s), err)
			continue
		}
		again, err := ParseStagePath(s.String())
		if err != nil || tree(again) != c.want {
			t.Errorf("%s printed %s: got %s, %v", c.text, s.String(), tree(again), err)
		}
	}
	for _, text := range []string{"", "st", "@", "@a.", "@a.b.c.d", "@a b", `@"a`, "@%", "://x"} {
		if s, err := ParseStagePath(text); err == nil {
			t.Errorf("%q gives %s", text, tree(s))
		}
	}
}

func TestTypes(t *testing.T) {
	for text, want := range map[string]string{
		"number(38, 0)":                 "NUMBER(38, 0)",
		"DOUBLE PRECISION":              "DOUBLE PRECISION",
		"timestamp_ntz(9)":              "TIMESTAMP_NTZ(9)",
		"timestamp(3) with time zone":   "TIMESTAMP_TZ(3)",
		"vector(float, 256)":            "VECTOR(FLOAT, 256)",
		"map(varchar, number not null)": "MAP(VARCHAR, NUMBER NOT NULL)",
	} {
		got, err := ParseType(text)
		if err != nil || Print(&got) != want {
			t.Errorf("%s: got %s, %v", text, Print(&got), err)
		}
	}
	for _, text := range []string{"", "number(", "number(x)", "select", "number(38) x"} {
		if _, err := ParseType(text); err == nil {
			t.Errorf("%q is a type", text)
		}
	}
}

func TestDepth(t *testing.T) {
	n := 100_000
	for _, text := range []string{
		"select " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"select " + strings.Repeat("- ", n) + "1",
		"select " + strings.Repeat("not ", n) + "1",
		strings.Repeat("select * from (", n) + "select 1" + strings.Repeat(")", n),
		"select * from " + strings.Repeat("(", n) + "t" + strings.Repeat(")", n),
		"select " + strings.Repeat("f(", n),
		"select " + strings.Repeat("[", n),
		"select " + strings.Repeat("{'a':", n),
		"select " + strings.Repeat("case when ", n),
		"select x::" + strings.Repeat("array(", n),
		"create stage s a = " + strings.Repeat("(", n),
		strings.Repeat("explain ", n) + "select 1",
		"select 1" + strings.Repeat("+1", 2*n),
		"select 1" + strings.Repeat(" union select 1", n),
		"select * from t" + strings.Repeat(", t", n),
		"select a" + strings.Repeat("[0]", n),
		"select " + strings.Repeat("a -> ", n) + "1",
	} {
		_, err := Parse(text)
		var d *DepthError
		if !errors.As(err, &d) {
			t.Errorf("%.40q…: got %v", text, err)
		}
	}
	// Wide is not deep.
	for _, text := range []string{
		"select " + strings.Repeat("1 :: int,", n) + "1",
		"insert into t values " + strings.Repeat("(1, -1),", n) + "(1, 2)",
		"select 1 from t where a = 1" + strings.Repeat(" or a = 1", 20_000),
		"select * from (" + strings.Repeat("select * from (", 150) + "select 1" + strings.Repeat(")", 151),
	} {
		d, err := Parse(text)
		if err != nil {
			t.Errorf("%.40q…: %v", text, err)
			continue
		}
		Print(d.Statement)
	}
}

func TestPositions(t *testing.T) {
	d, err := Parse("select a,\n  'é' + bcd\nfrom t")
	if err != nil {
		t.Fatal(err)
	}
	b := d.Statement.(*Query).Body.(*Select).Items[1].X.(*Binary)
	if got, want := b.R.Position(), (Pos{Line: 2, Col: 8, Off: 19}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	text := "select count( * ) , (a +b) c, t.* from t"
	d, err = Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"count( * )", "(a +b)", "t.*"} {
		s := d.Statement.(*Query).Body.(*Select).Items[i].Span
		if got := text[s.Off:s.End]; got != want {
			t.Errorf("item %d: source %q, want %q", i, got, want)
		}
	}
}

func TestLongLiterals(t *testing.T) {
	big := strings.Repeat(`{\"a\": \'x\'}\n`, 200_000)
	d, err := Parse("CALL SYSTEM$EXECUTE_ML_JOB('n', 'p', '" + big + "', $$" + big + "$$)")
	if err != nil {
		t.Fatal(err)
	}
	args := d.Statement.(*CallProcedure).Call.Args
	if got, want := args[2].(*Literal).Text, strings.Repeat("{\"a\": 'x'}\n", 200_000); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if args[3].(*Literal).Text != big {
		t.Error("the $$ text is changed")
	}
}

func TestChildren(t *testing.T) {
	x, err := ParseExpr("f(a + b, c => (select d)) over (partition by e order by g)")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range Children(x) {
		got = append(got, Print(c))
	}
	if want := []string{"A + B", "(SELECT D)", "E", "G"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuoteIdent(t *testing.T) {
	for name, want := range map[string]string{"A": "A", "a": `"a"`, "": `""`, "A B": `"A B"`, "TABLE": `"TABLE"`, "A$1": "A$1", "$1": `"$1"`, "CURRENT_DATE": `"CURRENT_DATE"`, "STAGE": "STAGE"} {
		if got := QuoteIdent(name); got != want {
			t.Errorf("%q: got %s", name, got)
		}
	}
}
