package sql

import (
	"strings"
	"unicode/utf8"
)

// ident is an identifier in a place where reserved words are none.
func (p *parser) ident() Ident {
	if p.tok.kind == kWord && p.tok.class&reserved != 0 {
		p.fail()
		return Ident{}
	}
	return p.part()
}

func (p *parser) identList() []Ident {
	var list []Ident
	p.expect("(")
	for {
		list = append(list, p.ident())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return list
}

// name is an object's name or IDENTIFIER(…).
func (p *parser) name() Name {
	if p.is("IDENTIFIER") && p.peekIs("(") {
		n := Name{Pos: p.pos()}
		p.advance()
		p.advance()
		t := p.textValue()
		n.Param = &t
		p.bindable = true
		p.expect(")")
		return n
	}
	if p.tok.kind == kWord && p.tok.class&reserved != 0 {
		p.fail()
		return Name{}
	}
	return p.anyName()
}

// anyName is a name of one to three parts; reserved words are fine.
func (p *parser) anyName() Name {
	n := Name{Pos: p.pos()}
	n.Parts = append(make([]Ident, 0, 1), p.part())
	for p.is(".") {
		p.advance()
		if p.is(".") && len(n.Parts) == 1 {
			n.Parts = append(n.Parts, Ident{Pos: p.pos()})
			p.advance()
		}
		n.Parts = append(n.Parts, p.part())
		if len(n.Parts) == 3 {
			break
		}
	}
	return n
}

// atText says whether a string or a bind is here.
func (p *parser) atText() bool {
	switch p.tok.kind {
	case kString, kDollar, kVar:
		return true
	}
	return p.is("?") || p.is(":")
}

// textValue is a string, a bind or a variable.
func (p *parser) textValue() Text {
	t := Text{Pos: p.pos()}
	switch p.tok.kind {
	case kString:
		t.Value = unescape(p.source(&p.tok))
		p.advance()
	case kDollar:
		t.Value = p.text[p.tok.off+2 : p.tok.end-2]
		p.advance()
	case kVar:
		t.Var = p.variable()
		p.bindable = true
		p.advance()
	default:
		p.bindable = true
		switch x := p.placeholder().(type) {
		case *Param:
			t.Param = x.Index
		case *Variable:
			t.Var = x.Name
		}
	}
	return t
}

func (p *parser) textRef() *Text {
	t := p.textValue()
	return &t
}

// ParseName parses the text of an object's name, as the value of IDENTIFIER(?) holds it: 1..3 parts, unquoted ones folded.
func ParseName(text string) (Name, error) {
	p := newParser(text)
	n := p.anyName()
	if p.err == nil && p.tok.kind != kEOF {
		p.fail()
	}
	if p.err != nil {
		return Name{}, p.err
	}
	return n, nil
}

// QuoteIdent writes an exact name as SQL: bare where that means the same, else in double quotes.
func QuoteIdent(name string) string {
	if bare(name) {
		if _, c := keyword(name); c&(reserved|notExpr|notTable|niladic|notColumn) == 0 {
			return name
		}
	}
	return string(appendQuoted(nil, name))
}

func appendQuoted(b []byte, name string) []byte {
	b = append(b, '"')
	if strings.IndexByte(name, '"') >= 0 {
		name = strings.ReplaceAll(name, `"`, `""`)
	}
	return append(append(b, name...), '"')
}

// bare says whether the unquoted text name is an identifier that means just this.
func bare(name string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z' || c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '$'):
		case c >= utf8.RuneSelf:
			l := newLexer(name)
			t := l.scan()
			return t.kind == kWord && t.off == 0 && int(t.end) == len(name) && t.word == name
		default:
			return false
		}
	}
	return true
}

// String writes the name with quotes only where they are needed; an empty middle part stays empty (A..B). An unresolved
// IDENTIFIER(…) gives "".
func (n Name) String() string {
	if len(n.Parts) == 1 {
		return QuoteIdent(n.Parts[0].Name)
	}
	var b strings.Builder
	for i, part := range n.Parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if part.Name != "" || part.Quoted {
			b.WriteString(QuoteIdent(part.Name))
		}
	}
	return b.String()
}
