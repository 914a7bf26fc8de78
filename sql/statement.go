package sql

// flow is one statement, or several with ->> between them.
func (p *parser) flow() Statement {
	pos := p.pos()
	s := p.statement()
	if !p.is("->>") {
		return s
	}
	f := &Flow{Steps: []Statement{s}, Pos: pos}
	for p.accept("->>") {
		f.Steps = append(f.Steps, p.statement())
	}
	return f
}

func (p *parser) statement() Statement {
	pos := p.pos()
	switch p.tok.word {
	case "SELECT", "VALUES", "(":
		return queryStatement(p.query())
	case "WITH":
		return p.withStatement()
	case "CREATE":
		return p.create()
	case "DROP", "UNDROP":
		return p.drop()
	case "ALTER":
		return p.alter()
	case "INSERT":
		return p.insert()
	case "UPDATE":
		return p.update()
	case "DELETE":
		return p.delete()
	case "MERGE":
		return p.merge()
	case "TRUNCATE":
		return p.truncate()
	case "COPY":
		return p.copyInto()
	case "PUT":
		return p.put()
	case "GET":
		return p.get()
	case "LIST", "LS":
		return p.list(false)
	case "REMOVE", "RM":
		return p.list(true)
	case "SHOW":
		return p.show()
	case "DESC", "DESCRIBE":
		return p.describe()
	case "USE":
		return p.use()
	case "CALL":
		return p.call()
	case "BEGIN", "START", "COMMIT", "ROLLBACK":
		return p.transaction()
	case "SET":
		return p.setVariable()
	case "UNSET":
		return p.unsetVariable()
	case "EXPLAIN":
		return p.explain()
	case "COMMENT":
		return p.comment()
	case "GRANT", "REVOKE":
		return p.grant()
	case "EXECUTE":
		return p.execute()
	case "DECLARE":
		return p.other("DECLARE", pos)
	}
	p.fail()
	return nil
}

// queryStatement keeps a nil *Query from becoming a Statement that is not nil.
func queryStatement(q *Query) Statement {
	if q == nil {
		return nil
	}
	return q
}

// other reads to the end of the statement without looking for a meaning.
func (p *parser) other(word string, pos Pos) Statement {
	block := word == "BEGIN" || word == "DECLARE"
	for p.err == nil && p.tok.kind != kEOF {
		if !block && p.end() {
			break
		}
		if p.tok.kind == kBad {
			p.fail()
			break
		}
		switch {
		case p.is("?") || p.is(":"):
			if p.bindNumber() == 0 {
				p.advance()
			}
		case p.is("@"):
			p.seek(max(rawEnd(p.text, int(p.tok.off)), int(p.tok.end)))
		case p.is("AS") && (p.peekIs("BEGIN") || p.peekIs("DECLARE")):
			block = true
			p.advance()
		default:
			p.advance()
		}
	}
	return &Other{Word: word, Pos: pos}
}

// withStatement is a query, or one of the forms of WITH that have no tree.
func (p *parser) withStatement() Statement {
	pos := p.pos()
	m := p.mark()
	p.advance()
	p.part()
	if p.err == nil && p.accept("AS") && p.tok.kind == kWord {
		switch w := p.tok.word; w {
		case "PROCEDURE", "MODEL":
			return p.other("WITH "+w, pos)
		}
	}
	if p.err != nil {
		return nil
	}
	p.reset(m)
	return queryStatement(p.query())
}

func (p *parser) drop() Statement {
	d := &Drop{Undrop: p.is("UNDROP"), Pos: p.pos()}
	word := p.tok.word
	p.advance()
	if d.Kind = p.objectKind(); d.Kind == "" {
		p.fail()
		return nil
	}
	d.IfExists = p.ifExists()
	d.Name = p.name()
	if p.is("(") {
		return p.other(word+" "+d.Kind, d.Pos)
	}
	for p.err == nil {
		switch p.tok.word {
		case "CASCADE":
			d.Cascade = true
		case "RESTRICT":
			d.Restrict = true
		case "FORCE":
			d.Force = true
		default:
			return d
		}
		p.advance()
	}
	return d
}

func (p *parser) truncate() Statement {
	t := &Truncate{Pos: p.pos()}
	p.advance()
	p.accept("TABLE")
	t.IfExists = p.ifExists()
	t.Table = p.name()
	return t
}

func (p *parser) use() Statement {
	u := &Use{Pos: p.pos()}
	p.advance()
	if p.is("SECONDARY") && p.peekIs("ROLES") {
		p.advance()
		p.advance()
		u.Kind = "SECONDARY ROLES"
		u.Name = p.anyName()
		for p.err == nil && p.accept(",") {
			// Named secondary roles have no place in the tree.
			return p.other("USE SECONDARY ROLES", u.Pos)
		}
		return u
	}
	switch p.tok.word {
	case "DATABASE", "SCHEMA", "ROLE", "WAREHOUSE":
		if k := p.peek().kind; k == kWord || k == kQuoted {
			u.Kind = p.tok.word
			p.advance()
		}
	}
	u.Name = p.name()
	return u
}

func (p *parser) call() Statement {
	s := &CallProcedure{Pos: p.pos()}
	p.advance()
	s.Call = p.namedCall()
	if p.accept("INTO") {
		if !p.is(":") {
			p.fail()
		}
		v, ok := p.placeholder().(*Variable)
		if !ok {
			p.fail()
			return nil
		}
		s.Into = v.Name
	}
	return s
}

func (p *parser) transaction() Statement {
	t := &Transaction{Kind: p.tok.word, Pos: p.pos()}
	p.advance()
	switch t.Kind {
	case "START":
		t.Kind = "BEGIN"
		p.expect("TRANSACTION")
	case "BEGIN":
		if !transactionWord(&p.tok) {
			return p.other("BEGIN", t.Pos)
		}
		_ = p.accept("WORK") || p.accept("TRANSACTION")
	default:
		p.accept("WORK")
	}
	if t.Kind == "BEGIN" && p.accept("NAME") {
		t.Name = p.ident()
	}
	return t
}

func (p *parser) setVariable() Statement {
	s := &SetVariable{Pos: p.pos()}
	p.advance()
	if p.is("(") {
		s.Names = p.identList()
		p.expect("=")
		p.expect("(")
		s.Values = p.exprs()
		p.expect(")")
		if len(s.Names) != len(s.Values) {
			p.fail()
		}
		return s
	}
	s.Names = []Ident{p.ident()}
	p.expect("=")
	s.Values = []Expr{p.expr()}
	return s
}

func (p *parser) unsetVariable() Statement {
	s := &SetVariable{Unset: true, Pos: p.pos()}
	p.advance()
	if p.is("(") {
		s.Names = p.identList()
	} else {
		s.Names = []Ident{p.ident()}
	}
	return s
}

func (p *parser) explain() Statement {
	e := &Explain{Pos: p.pos()}
	if !p.enter() {
		return nil
	}
	p.advance()
	if p.accept("USING") {
		switch p.tok.word {
		case "TABULAR", "JSON", "TEXT":
			e.Format = p.tok.word
			p.advance()
		default:
			p.fail()
		}
	}
	e.Statement = p.statement()
	p.leave()
	return e
}

func (p *parser) comment() Statement {
	c := &Comment{Pos: p.pos()}
	p.advance()
	c.IfExists = p.ifExists()
	p.expect("ON")
	if c.Kind = p.objectKind(); c.Kind == "" {
		p.fail()
		return nil
	}
	c.Name = p.name()
	if c.Kind == "COLUMN" && p.is(".") {
		p.advance()
		c.Name.Parts = append(c.Name.Parts, p.part())
	}
	if p.is("(") {
		return p.other("COMMENT ON "+c.Kind, c.Pos)
	}
	p.expect("IS")
	c.Text = p.textValue()
	return c
}

func (p *parser) execute() Statement {
	pos := p.pos()
	p.advance()
	switch p.tok.word {
	case "IMMEDIATE":
		p.advance()
		e := &ExecuteImmediate{Pos: pos}
		if p.accept("FROM") {
			st := p.stagePath()
			e.Stage = &st
			return p.usingFiles(e)
		}
		e.X = p.expr()
		if p.accept("USING") {
			p.expect("(")
			e.Using = p.exprs()
			p.expect(")")
		}
		return e
	case "JOB":
		p.advance()
		p.expect("SERVICE")
		return p.service(&ExecuteJob{Pos: pos})
	case "TASK", "ALERT", "NOTEBOOK", "SERVICE":
		return p.other("EXECUTE "+p.tok.word, pos)
	case "CODE":
		if p.peekIs("BUNDLE") {
			return p.other("EXECUTE CODE BUNDLE", pos)
		}
	case "DBT":
		return p.other("EXECUTE DBT PROJECT", pos)
	}
	p.fail()
	return nil
}

// usingFiles refuses the template parameters of EXECUTE IMMEDIATE FROM: they have no tree.
func (p *parser) usingFiles(e *ExecuteImmediate) Statement {
	if p.is("USING") || p.is("DRY_RUN") {
		return p.other("EXECUTE IMMEDIATE FROM USING", e.Pos)
	}
	return e
}
