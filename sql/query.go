package sql

import "slices"

// atQuery says whether a query without parentheses begins here.
func (p *parser) atQuery() bool { return p.is("SELECT") || p.is("WITH") || p.is("VALUES") }

// atQueryTail says whether a query in parentheses goes on: a set operator or ORDER BY, LIMIT.
func (p *parser) atQueryTail() bool {
	switch p.tok.word {
	case "UNION", "INTERSECT", "EXCEPT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH":
		return true
	}
	return false
}

func (p *parser) query() *Query {
	if !p.enter() {
		return nil
	}
	q := &Query{Pos: p.pos()}
	if p.is("WITH") {
		p.with(q)
	}
	q.Body = p.setExpr(1)
	p.tail(q)
	p.leave()
	return plain(q)
}

// plain removes a level that adds nothing to its nested query.
func plain(q *Query) *Query {
	if inner, ok := q.Body.(*Query); ok && bareQuery(q) {
		return inner
	}
	return q
}

func bareQuery(q *Query) bool {
	return q.With == nil && q.Order == nil && !q.OrderAll && q.Limit == nil && q.Offset == nil
}

// continued is a query that begins with q in parentheses.
func (p *parser) continued(q *Query) *Query {
	if p.err != nil || q == nil {
		return q
	}
	out := &Query{Pos: q.Pos, Body: p.setRest(body(q), 1)}
	p.tail(out)
	return plain(out)
}

// body gives what a query in parentheses is as an operand.
func body(q *Query) Node {
	if q == nil {
		return nil
	}
	if bareQuery(q) {
		return q.Body
	}
	return q
}

func (p *parser) with(q *Query) {
	p.advance()
	q.Recursive = p.accept("RECURSIVE")
	for {
		c := CTE{Name: p.ident()}
		if p.is("(") {
			c.Columns = p.identList()
		}
		p.expect("AS")
		c.Query = p.parenQuery()
		q.With = append(q.With, c)
		if !p.accept(",") {
			return
		}
	}
}

// parenQuery is '(' query ')'.
func (p *parser) parenQuery() *Query {
	p.expect("(")
	q := p.query()
	p.expect(")")
	return q
}

func (p *parser) tail(q *Query) {
	if p.accept("ORDER") {
		p.expect("BY")
		if p.accept("ALL") {
			q.OrderAll = true
		} else {
			q.Order = p.orderItems()
		}
	}
	for p.err == nil {
		switch {
		case q.Limit == nil && p.accept("LIMIT"):
			q.Limit = p.binary(powAdd)
		case q.Offset == nil && p.accept("OFFSET"):
			q.Offset = p.binary(powAdd)
			_ = p.accept("ROW") || p.accept("ROWS")
		case q.Limit == nil && p.accept("FETCH"):
			_ = p.accept("FIRST") || p.accept("NEXT")
			q.Limit = p.binary(powAdd)
			_ = p.accept("ROW") || p.accept("ROWS")
			p.accept("ONLY")
		default:
			return
		}
	}
}

// setPower: INTERSECT binds tighter than the others, which go from left to right.
func setPower(w string) int {
	switch w {
	case "UNION", "EXCEPT", "MINUS":
		return 1
	case "INTERSECT":
		return 2
	}
	return 0
}

func (p *parser) setExpr(power int) Node { return p.setRest(p.operand(), power) }

func (p *parser) setRest(left Node, power int) Node {
	for n := 0; p.err == nil; n++ {
		pow := setPower(p.tok.word)
		if pow == 0 || pow < power {
			break
		}
		p.link(n)
		s := &SetOp{Op: p.tok.word, L: left, Pos: p.pos()}
		if s.Op == "MINUS" {
			s.Op = "EXCEPT"
		}
		p.advance()
		if p.accept("ALL") {
			s.All = true
		} else {
			p.accept("DISTINCT")
		}
		s.ByName = p.accept2("BY", "NAME")
		s.R = p.setExpr(pow + 1)
		left = s
	}
	return left
}

func (p *parser) operand() Node {
	switch p.tok.word {
	case "(":
		p.advance()
		q := p.query()
		p.expect(")")
		return body(q)
	case "SELECT":
		return p.selectBlock()
	case "VALUES":
		return p.values()
	}
	p.fail()
	return nil
}

func (p *parser) values() *Values {
	v := &Values{Pos: p.pos()}
	p.expect("VALUES")
	for {
		p.expect("(")
		v.Rows = append(v.Rows, p.exprs())
		p.expect(")")
		if !p.accept(",") {
			return v
		}
	}
}

func (p *parser) selectBlock() *Select {
	s := &Select{Pos: p.pos()}
	p.advance()
	if p.accept("DISTINCT") {
		s.Distinct = true
	} else if p.is("ALL") {
		p.advance()
	}
	if p.is("TOP") && p.peek().kind == kNumber {
		p.advance()
		s.Top = p.literal()
	}
	base := len(p.scratch)
	for {
		i := p.selectItem()
		p.scratch = append(p.scratch, i)
		if !p.accept(",") {
			break
		}
	}
	s.Items = slices.Clone(p.scratch[base:])
	clear(p.scratch[base:])
	p.scratch = p.scratch[:base]
	if p.accept("FROM") {
		s.From = p.from()
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	if p.accept("GROUP") {
		p.expect("BY")
		s.Group = p.groupBy()
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if p.accept("QUALIFY") {
		s.Qualify = p.expr()
	}
	return s
}

func (p *parser) selectItem() SelectItem {
	i := SelectItem{Span: Span{Off: int(p.tok.off)}}
	i.X = p.expr()
	i.Span.End = p.last
	if _, ok := i.X.(*Star); ok {
		return i
	}
	i.Alias = p.itemAlias()
	return i
}

func (p *parser) itemAlias() Ident {
	switch {
	case p.accept("AS"):
		return p.ident()
	case p.tok.kind == kQuoted, p.tok.kind == kWord && p.tok.class&(reserved|clause) == 0:
		return p.part()
	}
	return Ident{}
}

func (p *parser) groupBy() *GroupBy {
	g := &GroupBy{}
	switch {
	case p.accept("ALL"):
		g.Kind = "ALL"
		return g
	case (p.is("CUBE") || p.is("ROLLUP")) && p.peekIs("("):
		g.Kind = p.tok.word
		p.advance()
		p.advance()
		g.Items = p.exprs()
		p.expect(")")
		return g
	case p.is("GROUPING") && p.peekIs("SETS"):
		g.Kind = "SETS"
		p.advance()
		p.advance()
		p.expect("(")
		for {
			set := []Expr{}
			if p.accept("(") {
				if !p.is(")") {
					set = p.exprs()
				}
				p.expect(")")
			} else {
				set = append(set, p.expr())
			}
			g.Sets = append(g.Sets, set)
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
		return g
	}
	g.Items = p.exprs()
	return g
}
