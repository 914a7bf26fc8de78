package sql

import "strings"

// Binding powers, loosest first.
const (
	powLambda = iota
	powOr
	powAnd
	powNot
	powCompare
	powAdd
	powMultiply
	powSign
	powPostfix
	powPrimary
)

func (p *parser) expr() Expr { return p.binary(powOr) }

// infix gives the power of the token as an operator between two expressions, 0 for none.
func (p *parser) infix() int {
	switch p.tok.word {
	case "":
		return 0
	case "OR":
		return powOr
	case "AND":
		return powAnd
	case "=", "<>", "!=", "<", "<=", ">", ">=", "IS", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP", "BETWEEN":
		return powCompare
	case "NOT":
		switch p.peek().word {
		case "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP", "BETWEEN":
			return powCompare
		}
	case "+", "-", "||":
		return powAdd
	case "*", "/", "%":
		return powMultiply
	}
	return 0
}

// binary is Pratt's loop: operators of at least the given power.
func (p *parser) binary(power int) Expr {
	if !p.enter() {
		return nil
	}
	x := p.prefix()
	for n := 0; ; n++ {
		pow := p.infix()
		if pow == 0 || pow < power || p.err != nil {
			break
		}
		p.link(n)
		x = p.operate(x, pow)
	}
	p.leave()
	return x
}

func (p *parser) operate(x Expr, pow int) Expr {
	pos := p.pos()
	op := p.tok.word
	switch op {
	case "IS":
		return p.isTest(x)
	case "NOT", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP", "BETWEEN":
		return p.test(x)
	case "!=":
		op = "<>"
	}
	p.advance()
	b := &Binary{Op: op, L: x, Pos: pos}
	if pow == powCompare {
		switch p.tok.word {
		case "ANY", "ALL", "SOME":
			if p.peekIs("(") {
				b.R = p.quantified()
				return b
			}
		}
	}
	b.R = p.binary(pow + 1)
	return b
}

func (p *parser) quantified() Expr {
	s := &Subquery{Quant: p.tok.word, Pos: p.pos()}
	if s.Quant == "SOME" {
		s.Quant = "ANY"
	}
	p.advance()
	s.Query = p.parenQuery()
	return s
}

func (p *parser) isTest(x Expr) Expr {
	t := &Is{X: x, Pos: p.pos()}
	p.advance()
	t.Not = p.accept("NOT")
	switch p.tok.word {
	case "NULL", "TRUE", "FALSE":
		t.What = p.tok.word
		p.advance()
	case "DISTINCT":
		t.What = "DISTINCT"
		p.advance()
		p.expect("FROM")
		t.Y = p.binary(powAdd)
	default:
		p.fail()
	}
	return t
}

// test is [NOT] IN, LIKE and its kin, BETWEEN.
func (p *parser) test(x Expr) Expr {
	pos := p.pos()
	not := p.accept("NOT")
	op := p.tok.word
	p.advance()
	switch op {
	case "IN":
		in := &In{X: x, Not: not, Pos: pos}
		if !p.is("(") {
			p.fail()
			return nil
		}
		p.advance()
		in.List, in.Query = p.items()
		if len(in.List) == 1 {
			if s, ok := in.List[0].(*Subquery); ok && s.Quant == "" {
				in.List, in.Query = nil, s.Query
			}
		}
		return in
	case "BETWEEN":
		b := &Between{X: x, Not: not, Pos: pos}
		b.Low = p.binary(powAdd)
		p.expect("AND")
		b.High = p.binary(powAdd)
		return b
	}
	like := &Like{Op: op, X: x, Not: not, Pos: pos}
	if (p.is("ANY") || p.is("ALL") || p.is("SOME")) && p.peekIs("(") {
		like.All = p.is("ALL")
		like.Any = !like.All
		p.advance()
		p.advance()
		var q *Query
		like.Patterns, q = p.items()
		if q != nil {
			like.Patterns = []Expr{&Subquery{Query: q, Pos: q.Pos}}
		}
	} else {
		like.Patterns = []Expr{p.binary(powAdd)}
	}
	if p.accept("ESCAPE") {
		like.Escape = p.binary(powAdd)
	}
	return like
}

// items reads what follows a '(' up to its ')': a query, or expressions.
func (p *parser) items() ([]Expr, *Query) {
	if p.atQuery() {
		q := p.query()
		p.expect(")")
		return nil, q
	}
	var list []Expr
	for {
		x := p.expr()
		if s, ok := x.(*Subquery); ok && s.Quant == "" && len(list) == 0 && p.atQueryTail() {
			q := p.continued(s.Query)
			p.expect(")")
			return nil, q
		}
		list = append(list, x)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return list, nil
}

func (p *parser) exprs() []Expr {
	var list []Expr
	for {
		list = append(list, p.expr())
		if !p.accept(",") {
			return list
		}
	}
}

// paren is (x), (x, y), (query), or the parameters of a lambda.
func (p *parser) paren() Expr {
	pos := p.pos()
	p.advance()
	list, q := p.items()
	if q != nil {
		return &Subquery{Query: q, Pos: pos}
	}
	if p.is("->") {
		params := make([]Ident, 0, len(list))
		for _, x := range list {
			r, ok := x.(*Ref)
			if !ok || len(r.Parts) != 1 {
				p.fail()
				return nil
			}
			params = append(params, r.Parts[0])
		}
		return p.lambda(params, pos)
	}
	if len(list) == 1 {
		return list[0]
	}
	return &Tuple{Items: list, Pos: pos}
}

func (p *parser) lambda(params []Ident, pos Pos) Expr {
	p.advance()
	return &Lambda{Params: params, Body: p.expr(), Pos: pos}
}

// prefix is an operand with what stands before and behind it.
func (p *parser) prefix() Expr {
	switch p.tok.word {
	case "NOT":
		pos := p.pos()
		p.advance()
		return &Unary{Op: "NOT", X: p.binary(powNot), Pos: pos}
	case "-", "+":
		u := &Unary{Op: p.tok.word, Pos: p.pos()}
		p.advance()
		u.X = p.binary(powSign)
		return u
	}
	x := p.primary()
	if p.err != nil {
		return nil
	}
	switch p.tok.word {
	case "::", ":", "[", ".", "COLLATE", "!":
		return p.postfix(x)
	}
	return x
}

func (p *parser) postfix(x Expr) Expr {
	for n := 0; p.err == nil; n++ {
		switch p.tok.word {
		case "::":
			c := &Cast{X: x, Pos: p.pos()}
			p.advance()
			c.Type = p.typeName()
			x = c
		case ":":
			x = p.path(x)
		case "[":
			pos := p.pos()
			p.advance()
			i := p.expr()
			p.expect("]")
			if path, ok := x.(*Path); ok {
				path.Steps = append(path.Steps, PathStep{Index: i})
				continue
			}
			x = &Index{X: x, I: i, Pos: pos}
		case ".":
			switch x.(type) {
			case *Index, *Path, *Call:
			default:
				return x
			}
			x = p.path(x)
		case "COLLATE":
			if p.peek().kind != kString {
				return x
			}
			c := &Call{Name: Name{Parts: []Ident{{Name: "COLLATE", Pos: p.pos()}}, Pos: p.pos()}, Pos: p.pos()}
			p.advance()
			c.Args = []Expr{x, p.literal()}
			x = c
		case "!":
			object, ok := x.(*Call)
			if !ok || object.Object != nil || object.Method != "" {
				return x
			}
			x = p.method(&Call{Object: object, Pos: object.Pos})
		default:
			return x
		}
		p.link(n)
	}
	return x
}

// path reads one step, after ':' or '.', and merges it into a path that is there.
func (p *parser) path(x Expr) Expr {
	pos := p.pos()
	p.advance()
	var s PathStep
	switch p.tok.kind {
	case kWord:
		s.Name = p.source(&p.tok)
		p.advance()
	case kQuoted:
		s.Name = unquote(p.source(&p.tok))
		p.advance()
	default:
		if !p.accept("[") {
			p.fail()
			return nil
		}
		s.Index = p.expr()
		p.expect("]")
	}
	if path, ok := x.(*Path); ok {
		path.Steps = append(path.Steps, s)
		return path
	}
	return &Path{X: x, Steps: []PathStep{s}, Pos: pos}
}

func (p *parser) literal() Expr {
	l := &Literal{Pos: p.pos()}
	s := p.source(&p.tok)
	switch p.tok.kind {
	case kNumber:
		l.Kind, l.Text = NumberLit, s
	case kFloat:
		l.Kind, l.Text = FloatLit, s
	case kString:
		l.Kind, l.Text = StringLit, unescape(s)
	case kDollar:
		l.Kind, l.Text = StringLit, s[2:len(s)-2]
	case kBinary:
		l.Kind, l.Text = BinaryLit, s[2:len(s)-1]
	default:
		p.fail()
		return nil
	}
	p.advance()
	return l
}

func (p *parser) primary() Expr {
	switch p.tok.kind {
	case kNumber, kFloat, kString, kDollar, kBinary:
		return p.literal()
	case kQuoted:
		return p.ref()
	case kPos:
		x := &Positional{N: p.positional(), Pos: p.pos()}
		p.advance()
		return x
	case kVar:
		x := &Variable{Name: p.variable(), Pos: p.pos()}
		p.advance()
		return x
	case kWord:
		return p.wordExpr()
	}
	switch p.tok.word {
	case "(":
		return p.paren()
	case "[":
		return p.array()
	case "{":
		return p.object()
	case "*":
		return p.star(nil)
	case "?", ":":
		return p.placeholder()
	}
	p.fail()
	return nil
}

func (p *parser) positional() int {
	n := 0
	for _, c := range p.text[p.tok.off+1 : p.tok.end] {
		if n = n*10 + int(c-'0'); n > 1<<30 {
			p.fail()
			return 0
		}
	}
	return n
}

func (p *parser) variable() string { return fold(p.text[p.tok.off+1 : p.tok.end]) }

// fold is what an unquoted identifier means.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return foldWide(s)
		}
	}
	return strings.ToUpper(s)
}

// placeholder is ?, :1, or :name.
func (p *parser) placeholder() Expr {
	pos := p.pos()
	if n := p.bindNumber(); n > 0 {
		return &Param{Index: n, Pos: pos}
	}
	if p.is(":") && p.peek().kind == kWord && p.ahead.off == p.tok.end {
		p.advance()
		v := &Variable{Name: p.tok.word, Pos: pos}
		p.advance()
		return v
	}
	p.fail()
	return nil
}

// bindNumber takes ? or :1 and gives its number, 0 if neither is here.
func (p *parser) bindNumber() int {
	if p.accept("?") {
		p.params++
		return p.params
	}
	if !p.is(":") || p.peek().kind != kNumber || p.ahead.off != p.tok.end {
		return 0
	}
	n := 0
	for _, c := range p.text[p.ahead.off:p.ahead.end] {
		if c < '0' || c > '9' || n > 1<<20 {
			p.failAt(&p.ahead)
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if n == 0 {
		p.failAt(&p.ahead)
		return 0
	}
	p.highest = max(p.highest, n)
	p.advance()
	p.advance()
	return n
}

func (p *parser) array() Expr {
	a := &ArrayLit{Pos: p.pos()}
	p.advance()
	if !p.accept("]") {
		a.Items = p.exprs()
		p.expect("]")
	}
	return a
}

func (p *parser) object() Expr {
	o := &ObjectLit{Pos: p.pos()}
	p.advance()
	if p.accept("}") {
		return o
	}
	for {
		// The key is one literal, bind or variable: a ':' behind it is no path.
		switch p.tok.kind {
		case kString, kDollar, kVar, kOp:
			if p.is("{") || p.is("[") || p.is("(") || p.is("*") {
				p.fail()
			}
			o.Keys = append(o.Keys, p.primary())
		default:
			p.fail()
		}
		p.expect(":")
		o.Values = append(o.Values, p.expr())
		if !p.accept(",") {
			break
		}
	}
	p.expect("}")
	return o
}

// star is * with what may follow it in a select list or an argument list.
func (p *parser) star(qualifier []Ident) Expr {
	s := &Star{Qualifier: qualifier, Pos: p.pos()}
	if qualifier != nil {
		s.Pos = qualifier[0].Pos
	}
	p.advance()
	if p.is("ILIKE") && p.peek().kind == kString {
		p.advance()
		s.Ilike = unescape(p.source(&p.tok))
		p.advance()
	}
	if p.is("EXCLUDE") {
		p.advance()
		if p.is("(") {
			s.Exclude = p.identList()
		} else {
			s.Exclude = []Ident{p.ident()}
		}
	}
	if p.is("REPLACE") && p.peekIs("(") {
		p.advance()
		p.advance()
		for {
			x := p.expr()
			p.accept("AS")
			s.Replace = append(s.Replace, SelectItem{X: x, Alias: p.ident()})
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	if p.is("RENAME") {
		p.advance()
		many := p.accept("(")
		for {
			from := p.ident()
			p.expect("AS")
			s.Rename = append(s.Rename, RenameItem{From: from, To: p.ident()})
			if !many || !p.accept(",") {
				break
			}
		}
		if many {
			p.expect(")")
		}
	}
	return s
}

func (p *parser) wordExpr() Expr {
	pos := p.pos()
	switch p.tok.word {
	case "NULL":
		p.advance()
		return &Literal{Kind: NullLit, Pos: pos}
	case "TRUE", "FALSE":
		l := &Literal{Kind: BoolLit, Bool: p.is("TRUE"), Pos: pos}
		p.advance()
		return l
	case "CASE":
		return p.caseExpr()
	case "CAST", "TRY_CAST":
		c := &Cast{Try: p.is("TRY_CAST"), Pos: pos}
		p.advance()
		p.expect("(")
		c.X = p.expr()
		p.expect("AS")
		c.Type = p.typeName()
		p.expect(")")
		return c
	case "EXISTS":
		p.advance()
		return &Exists{Query: p.parenQuery(), Pos: pos}
	case "INTERVAL":
		if p.peek().kind == kString {
			return p.interval()
		}
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "DATETIME", "TIMESTAMPNTZ", "TIMESTAMPLTZ", "TIMESTAMPTZ":
		if p.peek().kind == kString {
			t := &TypedLiteral{Type: TypeName{Name: p.tok.word, Pos: pos}, Pos: pos}
			p.advance()
			t.Text = unescape(p.source(&p.tok))
			p.advance()
			return t
		}
	case "IDENTIFIER":
		if p.peekIs("(") {
			n := p.name()
			if p.is("(") || p.is("!") {
				return p.callOf(n)
			}
			return &Ref{Parts: n.Parts, Param: n.Param, Pos: pos}
		}
	case "INSERT", "LIKE", "ILIKE", "RLIKE", "REGEXP", "SET", "ROW", "TABLE":
		// Functions with a reserved word's name; TABLE(…) is an argument.
		if p.peekIs("(") {
			id := Ident{Name: p.tok.word, Pos: pos}
			p.advance()
			return p.callOf(Name{Parts: []Ident{id}, Pos: pos})
		}
	}
	switch {
	case p.tok.class&niladic != 0 && !p.peekIs("(") && !p.peekIs("."):
		c := &Call{Name: Name{Parts: []Ident{{Name: p.tok.word, Pos: pos}}, Pos: pos}, Pos: pos}
		p.advance()
		return c
	case p.tok.class&(reserved|notExpr) != 0:
		p.fail()
		return nil
	}
	return p.ref()
}

// column1 is a Ref with memory for the one part that most columns have.
type column1 struct {
	ref  Ref
	part [1]Ident
}

// ref is a column, a positional column, t.*, a call or a one-parameter lambda.
func (p *parser) ref() Expr {
	pos := p.pos()
	if len(p.refs) == 0 {
		// About one column in 24 bytes of what is left of the text.
		p.refs = make([]column1, min(max((len(p.text)-int(p.tok.off))/24, 1), 16))
	}
	one := &p.refs[0]
	p.refs = p.refs[1:]
	one.part[0] = p.part()
	parts := one.part[:1:1]
	for p.is(".") {
		next := p.peek()
		switch {
		case next.kind == kWord, next.kind == kQuoted:
			p.advance()
			parts = append(parts, p.part())
		case next.kind == kPos:
			p.advance()
			x := &Positional{Qualifier: parts, N: p.positional(), Pos: pos}
			p.advance()
			return x
		case next.word == "*":
			p.advance()
			return p.star(parts)
		case next.word == ".":
			p.advance()
			parts = append(parts, Ident{Pos: p.pos()})
			if k := p.peek().kind; k != kWord && k != kQuoted {
				p.advance()
				p.fail()
				return nil
			}
		default:
			p.advance()
			p.fail()
			return nil
		}
		if len(parts) > 16 {
			p.fail()
			return nil
		}
	}
	switch p.tok.word {
	case "(", "!":
		return p.callOf(Name{Parts: parts, Pos: pos})
	case "->":
		if len(parts) == 1 {
			return p.lambda(parts, pos)
		}
	}
	one.ref.Parts, one.ref.Pos = parts, pos
	return &one.ref
}

// part takes any word or quoted identifier.
func (p *parser) part() Ident {
	id := Ident{Pos: p.pos()}
	switch p.tok.kind {
	case kWord:
		id.Name = p.tok.word
	case kQuoted:
		id.Name, id.Quoted = unquote(p.source(&p.tok)), true
		if id.Name == "" {
			p.fail()
		}
	default:
		p.fail()
		return id
	}
	p.advance()
	return id
}

func (p *parser) caseExpr() Expr {
	c := &Case{Pos: p.pos()}
	p.advance()
	if !p.is("WHEN") {
		c.X = p.expr()
	}
	for p.accept("WHEN") {
		w := When{Cond: p.expr()}
		p.expect("THEN")
		w.Then = p.expr()
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.fail()
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	p.expect("END")
	return c
}

func (p *parser) interval() Expr {
	x := &IntervalExpr{Pos: p.pos()}
	p.advance()
	x.Text = unescape(p.source(&p.tok))
	p.advance()
	if unit := intervalUnit(p.tok.word); unit {
		x.Unit = p.tok.word
		p.advance()
		if p.is("TO") && intervalUnit(p.peek().word) {
			x.Unit += " TO " + p.ahead.word
			p.advance()
			p.advance()
		}
	}
	return x
}

func intervalUnit(w string) bool {
	switch w {
	case "YEAR", "YEARS", "QUARTER", "QUARTERS", "MONTH", "MONTHS", "WEEK", "WEEKS", "DAY", "DAYS", "HOUR", "HOURS", "MINUTE", "MINUTES",
		"SECOND", "SECONDS", "MILLISECOND", "MILLISECONDS", "MICROSECOND", "MICROSECONDS", "NANOSECOND", "NANOSECONDS":
		return true
	}
	return false
}

func (p *parser) method(c *Call) Expr {
	p.advance()
	if p.tok.kind != kWord {
		p.fail()
		return nil
	}
	c.Method = p.tok.word
	p.advance()
	if !p.is("(") {
		p.fail()
		return nil
	}
	return p.arguments(c)
}

// callOf is a call of n; the token is '(' or '!'.
func (p *parser) callOf(n Name) Expr {
	c := &Call{Name: n, Pos: n.Pos}
	if p.is("!") {
		return p.method(c)
	}
	return p.arguments(c)
}

func (p *parser) arguments(c *Call) Expr {
	if !p.enter() {
		return nil
	}
	p.advance()
	plain := ""
	if len(c.Name.Parts) == 1 && !c.Name.Parts[0].Quoted && c.Method == "" {
		plain = c.Name.Parts[0].Name
	}
	if p.accept("DISTINCT") {
		c.Distinct = true
	} else {
		p.accept("ALL")
	}
	if !p.is(")") || c.Distinct {
		p.argumentList(c, plain)
	}
	p.expect(")")
	p.leave()
	p.afterCall(c, plain)
	return c
}

func (p *parser) argumentList(c *Call, plain string) {
	for p.err == nil {
		switch {
		case (p.tok.kind == kWord || p.tok.kind == kQuoted) && p.peekIs("=>"):
			a := NamedArg{Name: p.part().Name}
			p.advance()
			a.Value = p.argument()
			c.Named = append(c.Named, a)
		case plain == "POSITION" && len(c.Args) == 0:
			c.Args = append(c.Args, p.binary(powAdd))
			if p.accept("IN") {
				c.Args = append(c.Args, p.expr())
			}
		default:
			if c.Args == nil {
				c.Args = make([]Expr, 0, 2)
			}
			c.Args = append(c.Args, p.argument())
		}
		switch p.tok.word {
		case "FROM":
			if plain == "EXTRACT" && len(c.Args) == 1 {
				p.advance()
				c.Args = append(c.Args, p.expr())
			}
		case "IGNORE", "RESPECT":
			p.nulls(c)
		}
		if !p.accept(",") {
			return
		}
	}
}

func (p *parser) argument() Expr {
	if p.atQuery() {
		pos := p.pos()
		return &Subquery{Query: p.query(), Pos: pos}
	}
	return p.expr()
}

func (p *parser) nulls(c *Call) {
	if p.accept2("IGNORE", "NULLS") {
		c.IgnoreNulls = true
	} else if p.accept2("RESPECT", "NULLS") {
		c.RespectNulls = true
	}
}

func (p *parser) afterCall(c *Call, plain string) {
	for p.err == nil {
		switch p.tok.word {
		case "WITHIN":
			if !p.peekIs("GROUP") {
				return
			}
			p.advance()
			p.advance()
			p.expect("(")
			p.expect("ORDER")
			p.expect("BY")
			c.Within = p.orderItems()
			p.expect(")")
		case "IGNORE", "RESPECT":
			if !p.peekIs("NULLS") {
				return
			}
			p.nulls(c)
		case "FROM":
			if plain != "NTH_VALUE" {
				return
			}
			switch p.peek().word {
			case "LAST":
				c.FromLast = true
			case "FIRST":
			default:
				return
			}
			p.advance()
			p.advance()
		case "OVER":
			if c.Over != nil || !p.peekIs("(") {
				return
			}
			p.advance()
			c.Over = p.window()
		default:
			return
		}
	}
}

func (p *parser) window() *Window {
	w := &Window{}
	p.expect("(")
	if p.accept2("PARTITION", "BY") {
		w.Partition = p.exprs()
	}
	if p.accept("ORDER") {
		p.expect("BY")
		w.Order = p.orderItems()
	}
	if p.is("ROWS") || p.is("RANGE") {
		f := &Frame{Unit: p.tok.word}
		p.advance()
		if p.accept("BETWEEN") {
			f.Start = p.bound()
			p.expect("AND")
			f.End = p.bound()
		} else {
			f.Start = p.bound()
			f.End = Bound{Kind: "CURRENT ROW"}
		}
		w.Frame = f
	}
	p.expect(")")
	return w
}

func (p *parser) bound() Bound {
	var b Bound
	switch {
	case p.accept("UNBOUNDED"):
		b.Kind = "UNBOUNDED "
	case p.is("CURRENT"):
		p.advance()
		p.expect("ROW")
		return Bound{Kind: "CURRENT ROW"}
	default:
		b.N = p.binary(powAdd)
	}
	switch {
	case p.accept("PRECEDING"):
		b.Kind += "PRECEDING"
	case p.accept("FOLLOWING"):
		b.Kind += "FOLLOWING"
	default:
		p.fail()
	}
	return b
}

func (p *parser) orderItems() []OrderItem {
	var list []OrderItem
	for {
		o := OrderItem{X: p.expr()}
		if p.accept("DESC") {
			o.Desc = true
		} else {
			p.accept("ASC")
		}
		if p.accept("NULLS") {
			switch p.tok.word {
			case "FIRST", "LAST":
				o.Nulls = p.tok.word
				p.advance()
			default:
				p.fail()
			}
		}
		list = append(list, o)
		if !p.accept(",") {
			return list
		}
	}
}
