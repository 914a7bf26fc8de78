package sql

import "strings"

// from is FROM's list: a comma is a CROSS join, looser than JOIN.
func (p *parser) from() TableExpr {
	t := p.joined()
	for n := 0; p.is(","); n++ {
		p.link(n)
		j := &Join{Kind: "CROSS", L: t, Pos: p.pos()}
		p.advance()
		j.R = p.joined()
		t = j
	}
	return t
}

func (p *parser) joined() TableExpr {
	if !p.enter() {
		return nil
	}
	t := p.source1()
	for n := 0; p.err == nil; n++ {
		j := p.joinWords()
		if j == nil {
			break
		}
		p.link(n)
		j.L, j.R = t, p.source1()
		if j.Kind == "ASOF" {
			if !p.accept("MATCH_CONDITION") {
				p.fail()
			}
			p.expect("(")
			j.Match = p.expr()
			p.expect(")")
		}
		if p.accept("ON") {
			j.On = p.expr()
		} else if p.is("USING") {
			p.advance()
			j.Using = p.identList()
		}
		t = j
	}
	p.leave()
	return t
}

// joinWords takes [NATURAL] [INNER | LEFT | RIGHT | FULL [OUTER] | CROSS | ASOF] JOIN, nil if there is none.
func (p *parser) joinWords() *Join {
	switch p.tok.word {
	case "JOIN", "NATURAL", "INNER", "LEFT", "RIGHT", "FULL", "CROSS":
	case "ASOF":
		if !p.peekIs("JOIN") {
			return nil
		}
	default:
		return nil
	}
	j := &Join{Kind: "INNER", Pos: p.pos()}
	j.Natural = p.accept("NATURAL")
	switch p.tok.word {
	case "LEFT", "RIGHT", "FULL":
		j.Kind = p.tok.word
		p.advance()
		p.accept("OUTER")
	case "INNER", "CROSS", "ASOF":
		j.Kind = p.tok.word
		p.advance()
	}
	p.expect("JOIN")
	return j
}

// source1 is one thing in FROM with its alias, PIVOT, SAMPLE, time travel.
func (p *parser) source1() TableExpr {
	t := p.tablePrimary()
	for n := 0; p.err == nil; n++ {
		switch p.tok.word {
		case "AT", "BEFORE":
			table, ok := t.(*Table)
			if !ok || table.At != nil || !p.peekIs("(") {
				return p.aliased(t)
			}
			table.At = p.travel()
		case "CHANGES":
			table, ok := t.(*Table)
			if !ok || table.Changes || !p.peekIs("(") {
				return p.aliased(t)
			}
			table.Changes = true
			p.advance()
			p.advance()
			p.expect("INFORMATION")
			p.expect("=>")
			p.expect("DEFAULT")
			p.expect(")")
		case "PIVOT":
			if !p.peekIs("(") {
				return p.aliased(t)
			}
			p.link(n)
			t = p.pivot(t)
		case "UNPIVOT":
			if w := p.peek().word; w != "(" && w != "INCLUDE" && w != "EXCLUDE" {
				return p.aliased(t)
			}
			p.link(n)
			t = p.unpivot(t)
		case "SAMPLE", "TABLESAMPLE":
			s := sampleOf(t)
			if s == nil || *s != nil {
				p.fail()
				return nil
			}
			*s = p.sample()
		default:
			if !p.atAlias() {
				return t
			}
			a := aliasOf(t)
			if a == nil || a.Name.Name != "" {
				return t
			}
			*a = p.alias()
		}
	}
	return t
}

func (p *parser) aliased(t TableExpr) TableExpr {
	if a := aliasOf(t); a != nil && a.Name.Name == "" {
		*a = Alias{Name: p.part()}
	}
	return t
}

func aliasOf(t TableExpr) *Alias {
	switch t := t.(type) {
	case *Table:
		return &t.Alias
	case *Derived:
		return &t.Alias
	case *TableFunc:
		return &t.Alias
	case *StageTable:
		return &t.Alias
	case *ValuesTable:
		return &t.Alias
	case *Pivot:
		return &t.Alias
	case *Unpivot:
		return &t.Alias
	}
	return nil
}

func sampleOf(t TableExpr) **Sample {
	switch t := t.(type) {
	case *Table:
		return &t.Sample
	case *Derived:
		return &t.Sample
	case *TableFunc:
		return &t.Sample
	}
	return nil
}

func (p *parser) atAlias() bool {
	switch {
	case p.tok.kind == kQuoted, p.is("AS"):
		return true
	case p.tok.kind != kWord || p.tok.class&(reserved|notTable|clause) != 0:
		return false
	}
	switch p.tok.word {
	case "ASOF":
		return !p.peekIs("JOIN")
	case "MATCH_CONDITION", "MATCH_RECOGNIZE":
		return !p.peekIs("(")
	}
	return true
}

func (p *parser) alias() Alias {
	p.accept("AS")
	if p.tok.kind == kWord && p.tok.class&notTable != 0 {
		p.fail()
	}
	a := Alias{Name: p.ident()}
	if p.is("(") {
		a.Columns = p.identList()
	}
	return a
}

func (p *parser) tablePrimary() TableExpr {
	pos := p.pos()
	switch p.tok.kind {
	case kString:
		return p.stageTable()
	case kPos:
		// A step of a ->> flow.
		t := &Table{Name: Name{Parts: []Ident{{Name: p.source(&p.tok), Pos: pos}}, Pos: pos}, Pos: pos}
		p.advance()
		return t
	}
	switch p.tok.word {
	case "(":
		return p.parenTable(false)
	case "@":
		return p.stageTable()
	case "VALUES":
		return &ValuesTable{Values: p.values(), Pos: pos}
	case "TABLE":
		if p.peekIs("(") {
			return p.tableCall(false, pos)
		}
	case "LATERAL":
		p.advance()
		switch {
		case p.is("("):
			return p.parenTable(true)
		case p.is("TABLE"):
			return p.tableCall(true, pos)
		}
		return &TableFunc{Call: p.namedCall(), Lateral: true, Pos: pos}
	case "SNOW":
		if strings.HasPrefix(p.text[p.tok.end:], "://") {
			return p.stageTable()
		}
	}
	if p.tok.kind == kWord && p.tok.class&notTable != 0 {
		p.fail()
		return nil
	}
	n := p.name()
	if p.is("(") || p.is("!") {
		c, _ := p.callOf(n).(*Call)
		return &TableFunc{Call: c, Pos: pos}
	}
	return &Table{Name: n, Pos: pos}
}

func (p *parser) namedCall() *Call {
	n := p.name()
	if p.err != nil || !p.is("(") && !p.is("!") {
		p.fail()
		return nil
	}
	c, _ := p.callOf(n).(*Call)
	return c
}

// tableCall is TABLE(f(…)), TABLE(obj!m(…)), TABLE(MODEL(m, v)!f(…)), TABLE('name'), TABLE(?), TABLE(name).
func (p *parser) tableCall(lateral bool, pos Pos) TableExpr {
	p.advance()
	p.expect("(")
	if p.atText() {
		t := &Table{Name: Name{Param: p.textRef(), Pos: pos}, Pos: pos}
		p.bindable = true
		p.expect(")")
		return t
	}
	n := p.name()
	if p.is(")") {
		p.advance()
		return &Table{Name: n, Pos: pos}
	}
	if !p.is("(") && !p.is("!") {
		p.fail()
		return nil
	}
	x := p.callOf(n)
	if p.is("!") {
		x = p.postfix(x)
	}
	c, ok := x.(*Call)
	if !ok {
		p.fail()
		return nil
	}
	p.expect(")")
	return &TableFunc{Call: c, Lateral: lateral, Pos: pos}
}

func (p *parser) stageTable() TableExpr {
	s := &StageTable{Pos: p.pos()}
	s.Stage = p.stagePath()
	if p.is("(") {
		p.advance()
		if !p.is(")") {
			for {
				o := Option{Name: p.tok.word, Pos: p.pos()}
				if p.tok.kind != kWord {
					p.fail()
				}
				p.advance()
				if !p.accept("=>") {
					p.expect("=")
				}
				o.Value = p.value()
				s.Options = append(s.Options, o)
				if !p.accept(",") {
					break
				}
			}
		}
		p.expect(")")
	}
	return s
}

// parenTable is (query) or a join in parentheses.
func (p *parser) parenTable(lateral bool) TableExpr {
	pos := p.pos()
	if !p.enter() {
		return nil
	}
	defer p.leave()
	p.advance()
	if p.atQuery() {
		q := p.query()
		p.expect(")")
		return &Derived{Query: q, Lateral: lateral, Pos: pos}
	}
	t := p.from()
	if d, ok := t.(*Derived); ok && d.Alias.Name.Name == "" && d.Sample == nil && !d.Lateral {
		if p.atQueryTail() {
			d.Query = p.continued(d.Query)
		}
		d.Lateral = lateral
	} else if lateral {
		p.fail()
	}
	p.expect(")")
	return t
}

func (p *parser) sample() *Sample {
	s := &Sample{}
	p.advance()
	switch p.tok.word {
	case "BERNOULLI", "ROW":
		s.Method = "BERNOULLI"
		p.advance()
	case "SYSTEM", "BLOCK":
		s.Method = "SYSTEM"
		p.advance()
	}
	p.expect("(")
	s.N = p.expr()
	s.Rows = p.accept("ROWS")
	p.expect(")")
	if p.is("SEED") || p.is("REPEATABLE") {
		p.advance()
		p.expect("(")
		s.Seed = p.expr()
		p.expect(")")
	}
	return s
}

func (p *parser) travel() *Travel {
	t := &Travel{Before: p.is("BEFORE")}
	p.advance()
	p.expect("(")
	switch p.tok.word {
	case "TIMESTAMP", "OFFSET", "STATEMENT", "STREAM":
		t.Kind = p.tok.word
		p.advance()
	default:
		p.fail()
	}
	p.expect("=>")
	t.X = p.expr()
	p.expect(")")
	return t
}

func (p *parser) pivot(from TableExpr) TableExpr {
	t := &Pivot{From: from, Pos: p.pos()}
	p.advance()
	p.expect("(")
	t.Agg = p.namedCall()
	p.expect("FOR")
	t.For = p.ident()
	p.expect("IN")
	p.expect("(")
	switch {
	case p.accept("ANY"):
		t.Any = true
		if p.accept("ORDER") {
			p.expect("BY")
			t.Order = p.orderItems()
		}
		p.expect(")")
	case p.atQuery():
		t.Query = p.query()
		p.expect(")")
	default:
		t.In = p.pivotItems()
	}
	if p.acceptWords("DEFAULT ON NULL") {
		p.expect("(")
		t.Default = p.expr()
		p.expect(")")
	}
	p.expect(")")
	return t
}

func (p *parser) pivotItems() []SelectItem {
	var list []SelectItem
	for {
		list = append(list, p.selectItem())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return list
}

func (p *parser) unpivot(from TableExpr) TableExpr {
	t := &Unpivot{From: from, Pos: p.pos()}
	p.advance()
	if p.accept("INCLUDE") {
		t.IncludeNulls = true
		p.expect("NULLS")
	} else if p.accept("EXCLUDE") {
		p.expect("NULLS")
	}
	p.expect("(")
	t.Value = p.ident()
	p.expect("FOR")
	t.Name = p.ident()
	p.expect("IN")
	p.expect("(")
	t.In = p.pivotItems()
	p.expect(")")
	return t
}
