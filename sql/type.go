package sql

// typeName reads a data type. The spellings of the time zone variants become TIMESTAMP_NTZ, TIMESTAMP_LTZ, TIMESTAMP_TZ.
func (p *parser) typeName() TypeName {
	t := TypeName{Pos: p.pos()}
	if p.tok.kind != kWord || p.tok.class&(reserved|notExpr) != 0 {
		p.fail()
		return t
	}
	if !p.enter() {
		return t
	}
	t.Name = p.tok.word
	p.advance()
	switch t.Name {
	case "DOUBLE":
		if p.accept("PRECISION") {
			t.Name = "DOUBLE PRECISION"
		}
	case "CHAR", "CHARACTER", "NCHAR":
		if p.accept("VARYING") {
			t.Name += " VARYING"
		}
	}
	if p.is("(") {
		p.typeArgs(&t)
	}
	if t.Name == "TIMESTAMP" {
		switch {
		case p.acceptWords("WITH LOCAL TIME ZONE"):
			t.Name = "TIMESTAMP_LTZ"
		case p.acceptWords("WITH TIME ZONE"):
			t.Name = "TIMESTAMP_TZ"
		case p.acceptWords("WITHOUT TIME ZONE"):
			t.Name = "TIMESTAMP_NTZ"
		}
	}
	p.leave()
	return t
}

func (p *parser) typeArgs(t *TypeName) {
	p.advance()
	switch t.Name {
	case "ARRAY", "VECTOR":
		e := p.elemType()
		t.Elem = &e
		if t.Name == "VECTOR" {
			p.expect(",")
			t.Args = []int{int(p.integer())}
		}
	case "MAP":
		t.Fields = append(t.Fields, ColumnDef{Type: p.elemType()})
		p.expect(",")
		t.Fields = append(t.Fields, ColumnDef{Type: p.elemType()})
	case "OBJECT":
		for {
			f := ColumnDef{Name: p.part()}
			f.Type = p.elemType()
			f.NotNull = f.Type.NotNull
			f.Type.NotNull = false
			t.Fields = append(t.Fields, f)
			if !p.accept(",") {
				break
			}
		}
	default:
		for {
			t.Args = append(t.Args, int(p.integer()))
			if !p.accept(",") {
				break
			}
		}
	}
	p.expect(")")
}

func (p *parser) elemType() TypeName {
	t := p.typeName()
	if p.accept("NOT") {
		p.expect("NULL")
		t.NotNull = true
	}
	return t
}

// integer is a whole number with an optional sign.
func (p *parser) integer() int64 {
	neg := p.accept("-")
	if !neg {
		p.accept("+")
	}
	if p.tok.kind != kNumber {
		p.fail()
		return 0
	}
	var n int64
	for _, c := range p.source(&p.tok) {
		if c < '0' || c > '9' || n > (1<<62)/10 {
			p.fail()
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	p.advance()
	if neg {
		n = -n
	}
	return n
}
