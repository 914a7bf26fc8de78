package sql

// options reads NAME = value … up to the end of the statement or a word that begins another part of it.
func (p *parser) options() []Option {
	var list []Option
	for p.err == nil && !p.end() && !p.is("AS") && !p.is(")") {
		p.accept(",")
		list = append(list, p.option())
	}
	return list
}

// flags are options that are words alone.
var flags = [...]string{"COPY GRANTS", "MANAGED ACCESS", "NOORDER", "ORDER", "LIVE VERSION"}

// valued are options whose value follows without '='.
func valued(w string) bool {
	switch w {
	case "FROM", "VERSION", "RUN", "MODEL", "START", "INCREMENT", "ALLOWED_VALUES":
		return true
	}
	return false
}

func (p *parser) option() Option {
	if p.is("WITH") {
		p.advance()
	}
	o := Option{Pos: p.pos()}
	if p.tok.kind != kWord {
		p.fail()
		return o
	}
	for _, f := range flags {
		if p.acceptWords(f) {
			o.Name = f
			return o
		}
	}
	o.Name = p.tok.word
	if valued(o.Name) {
		return p.valuedOption(o)
	}
	if p.is("CLUSTER") && p.peekIs("BY") {
		return p.clusterBy(o)
	}
	p.advance()
	for n := 0; p.tok.kind == kWord && n < 8; n++ {
		o.Name += " " + p.tok.word
		p.advance()
	}
	switch {
	case p.accept("="), p.accept("=>"):
		o.Value = p.value()
	case p.is("("), p.tok.kind == kString, p.tok.kind == kDollar, p.tok.kind == kNumber:
		o.Value = p.value()
	case p.end():
	default:
		p.fail()
	}
	return o
}

func (p *parser) valuedOption(o Option) Option {
	p.advance()
	switch o.Name {
	case "START":
		p.accept("WITH")
	case "INCREMENT":
		p.accept("BY")
	case "FROM":
		if p.is("MODEL") || p.is("SPECIFICATION") || p.is("SPECIFICATION_TEMPLATE") {
			o.Name += " " + p.tok.word
			p.advance()
		}
	case "ALLOWED_VALUES":
		p.accept("=")
		pos := p.pos()
		for {
			o.Value.List = append(o.Value.List, p.value())
			if !p.accept(",") {
				break
			}
		}
		o.Value.Pos = pos
		return o
	}
	p.accept("=")
	if o.Name == "FROM" && p.atStage() {
		st := p.stagePath()
		o.Value = Value{Stage: &st, Pos: st.Pos}
		return o
	}
	o.Value = p.value()
	return o
}

// clusterBy keeps the keys' source text: they are expressions.
func (p *parser) clusterBy(o Option) Option {
	p.advance()
	p.advance()
	o.Name = "CLUSTER BY"
	pos := p.pos()
	p.expect("(")
	start := p.tok.off
	p.exprs()
	if p.err == nil {
		o.Value = Value{Text: &Text{Value: p.text[start:p.last], Pos: pos}, Pos: pos}
	}
	p.expect(")")
	return o
}

func (p *parser) value() Value {
	v := Value{Pos: p.pos()}
	switch p.tok.kind {
	case kString, kDollar, kVar:
		v.Text = p.textRef()
		return v
	case kNumber, kFloat:
		v.Number = p.source(&p.tok)
		p.advance()
		return v
	case kQuoted:
		n := p.anyName()
		v.Name = &n
		return v
	case kWord:
		return p.wordValue()
	}
	switch p.tok.word {
	case "-", "+":
		sign := p.tok.word
		p.advance()
		if p.tok.kind != kNumber && p.tok.kind != kFloat {
			p.fail()
			return v
		}
		v.Number = p.source(&p.tok)
		if sign == "-" {
			v.Number = "-" + v.Number
		}
		p.advance()
	case "?", ":":
		v.Text = p.textRef()
	case "@":
		s := p.stagePath()
		v.Stage = &s
	case "(":
		return p.listValue()
	default:
		p.fail()
	}
	return v
}

func (p *parser) wordValue() Value {
	v := Value{Pos: p.pos()}
	switch {
	case p.is("IDENTIFIER") && p.peekIs("("):
		n := p.name()
		v.Name = &n
	case p.peekIs("."):
		n := p.anyName()
		v.Name = &n
	case p.ahead.word == ":" && isURL(p.text[p.tok.off:rawEnd(p.text, int(p.tok.off))]):
		s := p.stagePath()
		v.Stage = &s
	default:
		v.Word, v.Raw = p.tok.word, p.source(&p.tok)
		p.advance()
	}
	return v
}

// listValue is (a, b) or (K = v K2 = v2).
func (p *parser) listValue() Value {
	v := Value{Pos: p.pos()}
	if !p.enter() {
		return v
	}
	defer p.leave()
	p.advance()
	if p.accept(")") {
		v.List = []Value{}
		return v
	}
	if p.atPair() {
		for p.err == nil && !p.is(")") {
			o := Option{Pos: p.pos()}
			n := p.anyName()
			o.Name = n.Parts[0].Name
			if len(n.Parts) > 1 || n.Parts[0].Quoted {
				o.Name = string(appendName(nil, &n))
			}
			for p.tok.kind == kWord && len(n.Parts) == 1 {
				o.Name += " " + p.tok.word
				p.advance()
			}
			if !p.accept("=>") {
				p.expect("=")
			}
			o.Value = p.value()
			v.Options = append(v.Options, o)
			p.accept(",")
		}
		p.expect(")")
		return v
	}
	for {
		v.List = append(v.List, p.value())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return v
}

// atPair says whether name = value is here: (a) and (a.b) are lists.
func (p *parser) atPair() bool {
	if p.tok.kind != kWord && p.tok.kind != kQuoted {
		return false
	}
	switch p.peek().word {
	case "=", "=>":
		return true
	case ".":
		m := p.mark()
		e := p.err
		p.anyName()
		pair := p.err == nil && (p.is("=") || p.is("=>"))
		p.reset(m)
		p.err = e
		return pair
	}
	return p.ahead.kind == kWord
}
