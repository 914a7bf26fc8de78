package sql

import "strings"

func (p *parser) grant() Statement {
	g := &Grant{Revoke: p.is("REVOKE"), Pos: p.pos()}
	verb := p.tok.word
	p.advance()
	if g.Revoke && p.acceptWords("GRANT OPTION FOR") {
		g.GrantOption = true
	}
	switch {
	case p.is("ROLE"):
		p.advance()
		g.Role = p.name()
	case p.is("DATABASE") && p.peekIs("ROLE"), p.is("APPLICATION") && p.peekIs("ROLE"):
		g.Kind = p.tok.word + " ROLE"
		p.advance()
		p.advance()
		g.Role = p.name()
	default:
		p.privileges(g)
		p.expect("ON")
		if !p.grantObject(g) {
			return p.other(verb, g.Pos)
		}
	}
	if g.Revoke {
		p.expect("FROM")
	} else {
		p.expect("TO")
	}
	g.ToKind = "ROLE"
	switch p.tok.word {
	case "ROLE", "USER", "SHARE", "APPLICATION", "DATABASE":
		if k := p.peek().kind; k == kWord || k == kQuoted {
			g.ToKind = p.tok.word
			p.advance()
			if g.ToKind == "DATABASE" || g.ToKind == "APPLICATION" && p.is("ROLE") {
				p.expect("ROLE")
				g.ToKind += " ROLE"
			}
		}
	}
	g.To = p.name()
	switch {
	case !g.Revoke && p.acceptWords("WITH GRANT OPTION"):
		g.GrantOption = true
	case p.acceptWords("COPY CURRENT GRANTS"):
		g.Current = "COPY"
	case p.acceptWords("REVOKE CURRENT GRANTS"):
		g.Current = "REVOKE"
	case g.Revoke:
		_ = p.accept("CASCADE") || p.accept("RESTRICT")
	}
	return g
}

func (p *parser) privileges(g *Grant) {
	for {
		var words []string
		for p.tok.kind == kWord && !p.is("ON") && len(words) < 8 {
			words = append(words, p.tok.word)
			p.advance()
		}
		if words == nil {
			p.fail()
			return
		}
		priv := strings.Join(words, " ")
		if priv == "ALL PRIVILEGES" {
			priv = "ALL"
		}
		g.Privileges = append(g.Privileges, priv)
		if !p.accept(",") {
			return
		}
	}
}

// grantObject reads what the privileges are on; false: a form that has no tree (a function with its argument types).
func (p *parser) grantObject(g *Grant) bool {
	if p.is("ACCOUNT") {
		p.advance()
		return true
	}
	switch {
	case p.accept("ALL"):
		g.All = true
	case p.accept("FUTURE"):
		g.Future = true
	default:
		if g.Kind = p.objectKind(); g.Kind == "" {
			p.fail()
			return true
		}
		g.Name = p.name()
		return !p.is("(")
	}
	for p.tok.kind == kWord && !p.is("IN") && len(g.Kind) < 100 {
		if g.Kind != "" {
			g.Kind += " "
		}
		g.Kind += p.tok.word
		p.advance()
	}
	if g.Kind == "" {
		p.fail()
	}
	p.expect("IN")
	switch p.tok.word {
	case "DATABASE", "SCHEMA":
		g.InKind = p.tok.word
		p.advance()
		g.InName = p.name()
	default:
		p.fail()
	}
	return true
}
