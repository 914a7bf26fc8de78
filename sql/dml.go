package sql

func (p *parser) insert() Statement {
	s := &Insert{Pos: p.pos()}
	p.advance()
	if p.is("OVERWRITE") {
		s.Overwrite = true
		p.advance()
	}
	if p.is("ALL") || p.is("FIRST") {
		s.First = p.is("FIRST")
		p.advance()
		return p.multiInsert(s)
	}
	p.expect("INTO")
	s.Table = p.name()
	if p.is("(") {
		switch p.peek().word {
		case "SELECT", "WITH", "VALUES", "(":
		default:
			s.Columns = p.identList()
		}
	}
	s.Query = p.query()
	return s
}

// multiInsert reads the targets. Several INTO behind one WHEN share its expression (the same pointer).
func (p *parser) multiInsert(s *Insert) Statement {
	target := MultiInsert{}
	for p.err == nil && !p.atQuery() && !p.is("(") {
		switch p.tok.word {
		case "WHEN":
			p.advance()
			target = MultiInsert{When: p.expr()}
			p.expect("THEN")
		case "ELSE":
			p.advance()
			target = MultiInsert{Else: true}
		}
		t := target
		p.expect("INTO")
		t.Table = p.name()
		if p.is("(") && !p.peekIs("SELECT") && !p.peekIs("WITH") {
			t.Columns = p.identList()
		}
		if p.is("VALUES") {
			p.advance()
			p.expect("(")
			t.Values = p.exprs()
			p.expect(")")
		}
		s.Multi = append(s.Multi, t)
	}
	if len(s.Multi) == 0 {
		p.fail()
	}
	s.Query = p.query()
	return s
}

// tableAlias is the optional alias of UPDATE, DELETE and MERGE.
func (p *parser) tableAlias() Alias {
	if p.atAlias() {
		return p.alias()
	}
	return Alias{}
}

func (p *parser) update() Statement {
	s := &Update{Pos: p.pos()}
	p.advance()
	s.Table = p.name()
	s.Alias = p.tableAlias()
	p.expect("SET")
	s.Set = p.assigns()
	if p.accept("FROM") {
		s.From = p.from()
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	return s
}

func (p *parser) assigns() []Assign {
	var list []Assign
	for {
		a := Assign{Column: Ref{Pos: p.pos()}}
		a.Column.Parts = []Ident{p.ident()}
		for p.accept(".") {
			a.Column.Parts = append(a.Column.Parts, p.part())
		}
		p.expect("=")
		if p.is("DEFAULT") && !p.peekIs(".") {
			p.advance()
			a.Default = true
		} else {
			a.X = p.expr()
		}
		list = append(list, a)
		if !p.accept(",") {
			return list
		}
	}
}

func (p *parser) delete() Statement {
	s := &Delete{Pos: p.pos()}
	p.advance()
	p.expect("FROM")
	s.Table = p.name()
	s.Alias = p.tableAlias()
	if p.accept("USING") {
		s.Using = p.from()
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	return s
}

func (p *parser) merge() Statement {
	s := &Merge{Pos: p.pos()}
	p.advance()
	p.expect("INTO")
	s.Table = p.name()
	s.Alias = p.tableAlias()
	p.expect("USING")
	s.Using = p.source1()
	p.expect("ON")
	s.On = p.expr()
	for p.accept("WHEN") {
		s.Whens = append(s.Whens, p.mergeWhen())
	}
	if len(s.Whens) == 0 {
		p.fail()
	}
	return s
}

func (p *parser) mergeWhen() MergeWhen {
	w := MergeWhen{Matched: !p.accept("NOT")}
	p.expect("MATCHED")
	if p.accept("AND") {
		w.And = p.expr()
	}
	p.expect("THEN")
	switch {
	case w.Matched && p.accept("DELETE"):
		w.Delete = true
	case w.Matched && p.accept("UPDATE"):
		if p.acceptWords("ALL BY NAME") {
			w.AllByName = true
			break
		}
		p.expect("SET")
		w.Set = p.assigns()
	case !w.Matched && p.accept("INSERT"):
		if p.acceptWords("ALL BY NAME") {
			w.AllByName = true
			break
		}
		if p.is("(") {
			w.Columns = p.identList()
		}
		p.expect("VALUES")
		p.expect("(")
		w.Values = p.exprs()
		p.expect(")")
	default:
		p.fail()
	}
	return w
}
