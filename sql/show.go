package sql

import "strings"

func (p *parser) show() Statement {
	s := &Show{Limit: -1, Pos: p.pos()}
	p.advance()
	if p.is("TERSE") {
		s.Terse = true
		p.advance()
	}
	for p.tok.kind == kWord && !showClause(p.tok.word) && len(s.Kind) < 100 {
		if s.Kind != "" {
			s.Kind += " "
		}
		s.Kind += p.tok.word
		p.advance()
	}
	if s.Kind == "" {
		p.fail()
		return nil
	}
	for p.err == nil && !p.end() {
		switch p.tok.word {
		case "HISTORY":
			s.History = true
			p.advance()
		case "LIKE":
			p.advance()
			s.Like = p.textRef()
		case "IN":
			p.advance()
			s.In, s.InName = p.scope()
		case "ON":
			p.advance()
			s.In, s.On = p.scope()
			if s.On == nil {
				s.On = &Name{}
			}
		case "TO", "OF":
			of := p.is("OF")
			p.advance()
			if of && p.is("TYPE") {
				p.fail()
				break
			}
			if s.GranteeKind = p.objectKind(); s.GranteeKind == "" {
				s.GranteeKind = "ROLE"
			}
			n := p.name()
			if of {
				s.Of = &n
			} else {
				s.To = &n
			}
		case "STARTS":
			p.advance()
			p.expect("WITH")
			s.StartsWith = p.textRef()
		case "LIMIT":
			p.advance()
			s.Limit = int(p.integer())
		case "FROM":
			p.advance()
			s.From = p.textRef()
		default:
			s.Rest = append(s.Rest, p.showRest())
		}
	}
	return s
}

func (p *parser) showRest() Option {
	o := Option{Pos: p.pos()}
	switch p.tok.word {
	case "EXCLUDE":
		if p.peekIs("JOBS") {
			p.advance()
			p.advance()
			o.Name = "EXCLUDE JOBS"
			return o
		}
	case "VERSION", "RUN":
		o.Name = p.tok.word
		p.advance()
		o.Value = p.value()
		return o
	case "WITH":
		p.advance()
		o.Name = "WITH PRIVILEGES"
		p.expect("PRIVILEGES")
		for {
			v := Value{Pos: p.pos()}
			var words []string
			for p.tok.kind == kWord && !showClause(p.tok.word) {
				words = append(words, p.tok.word)
				p.advance()
			}
			if words == nil {
				p.fail()
			}
			v.Word = strings.Join(words, " ")
			v.Raw = v.Word
			o.Value.List = append(o.Value.List, v)
			if !p.accept(",") {
				return o
			}
		}
	}
	p.fail()
	return o
}

func showClause(w string) bool {
	switch w {
	case "HISTORY", "LIKE", "IN", "ON", "TO", "OF", "STARTS", "LIMIT", "FROM", "EXCLUDE", "VERSION", "WITH":
		return true
	}
	return false
}

// scope is what follows IN or ON: a kind, a kind and a name, or a name.
func (p *parser) scope() (string, *Name) {
	var kind string
	switch w := p.tok.word; w {
	case "ACCOUNT", "SESSION", "ORGANIZATION":
		if !p.peekIs(".") {
			p.advance()
			return w, nil
		}
	default:
		if !p.peekIs(".") {
			kind = p.objectKind()
		}
	}
	if kind == "" || p.atName() {
		n := p.name()
		return kind, &n
	}
	switch kind {
	case "DATABASE", "SCHEMA", "TABLE", "VIEW":
		return kind, nil
	}
	p.fail()
	return "", nil
}

// atName says whether a name follows, and no further clause of SHOW.
func (p *parser) atName() bool {
	switch {
	case p.tok.kind == kQuoted:
		return true
	case p.tok.kind != kWord || p.tok.class&reserved != 0:
		return false
	}
	switch p.tok.word {
	case "STARTS":
		return !p.peekIs("WITH")
	case "LIMIT":
		return p.peek().kind != kNumber
	}
	return true
}

func (p *parser) describe() Statement {
	d := &Describe{Kind: "TABLE", Pos: p.pos()}
	p.advance()
	if p.is("RESULT") && p.peek().kind != kEOF && p.ahead.word != "." && p.ahead.word != ";" {
		p.advance()
		d.Kind = "RESULT"
		if p.is("LAST_QUERY_ID") {
			return p.other("DESCRIBE RESULT LAST_QUERY_ID", d.Pos)
		}
		d.Text = p.textRef()
		return d
	}
	m := p.mark()
	if k := p.objectKind(); k != "" {
		if p.tok.kind == kWord || p.tok.kind == kQuoted || p.is("?") {
			d.Kind = k
		} else if k != "TABLE" {
			// A table whose name is a kind's.
			p.reset(m)
		}
	}
	if p.is("SEARCH") && p.peekIs("OPTIMIZATION") {
		return p.other("DESCRIBE SEARCH OPTIMIZATION", d.Pos)
	}
	d.Name = p.name()
	switch {
	case p.is("("):
		return p.other("DESCRIBE "+d.Kind, d.Pos)
	case p.accept("TYPE"):
		p.expect("=")
		if p.is("STAGE") {
			return p.other("DESCRIBE TABLE TYPE = STAGE", d.Pos)
		}
		p.expect("COLUMNS")
	}
	return d
}
