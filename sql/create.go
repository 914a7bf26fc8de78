package sql

func (p *parser) create() Statement {
	pos := p.pos()
	p.advance()
	var m CreateMode
	if p.accept("OR") {
		switch {
		case p.accept("REPLACE"):
			m.OrReplace = true
		case p.accept("ALTER"):
			m.OrAlter = true
		default:
			p.fail()
		}
	}
	var life Lifetime
	v := &CreateView{Pos: pos}
	for more := true; more && p.err == nil; {
		switch p.tok.word {
		case "LOCAL", "GLOBAL":
			p.advance()
		case "SCOPED":
			p.advance()
			if !p.is("TEMPORARY") && !p.is("TEMP") {
				p.fail()
			}
			p.advance()
			life = "SCOPED TEMPORARY"
		case "TEMP", "TEMPORARY", "VOLATILE":
			life = "TEMPORARY"
			p.advance()
		case "TRANSIENT":
			life = "TRANSIENT"
			p.advance()
		case "SECURE":
			v.Secure = true
			p.advance()
		case "RECURSIVE":
			v.Recursive = true
			p.advance()
		default:
			more = false
		}
	}
	start := p.tok
	kind := p.objectKind()
	if kind == "MATERIALIZED VIEW" {
		v.Materialized = true
	}
	switch {
	case kind == "VIEW" || kind == "MATERIALIZED VIEW":
		v.CreateMode, v.Lifetime = m, life
		return p.createView(v)
	case v.Recursive, v.Secure && kind != "FUNCTION" && kind != "PROCEDURE":
		p.failAt(&start)
		return nil
	case kind == "TABLE":
		return p.createTable(&CreateTable{CreateMode: m, Lifetime: life, Pos: pos})
	case kind == "SERVICE":
		return p.service(&ExecuteJob{Create: true, CreateMode: m, Pos: pos})
	case optionKind(kind):
		c := &Create{CreateMode: m, Kind: kind, Lifetime: life, Pos: pos}
		c.IfNotExists = p.ifNotExists()
		c.Name = p.name()
		if p.accept("CLONE") {
			n := p.name()
			c.Clone = &n
		}
		c.Options = p.options()
		return c
	case kind != "":
		return p.other("CREATE "+kind, pos)
	}
	p.fail()
	return nil
}

func (p *parser) ifNotExists() bool {
	if !p.is("IF") || !p.peekIs("NOT") {
		return false
	}
	p.advance()
	p.advance()
	p.expect("EXISTS")
	return true
}

func (p *parser) ifExists() bool { return p.accept2("IF", "EXISTS") }

func (p *parser) createView(v *CreateView) Statement {
	v.IfNotExists = p.ifNotExists()
	v.Name = p.name()
	if p.accept("(") {
		for {
			c := ColumnDef{Name: p.ident()}
			if p.is("COMMENT") {
				p.advance()
				p.accept("=")
				c.Comment = p.plainText()
			}
			v.Columns = append(v.Columns, c)
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	v.Options = p.options()
	p.expect("AS")
	start := p.tok.off
	v.Query = p.query()
	if p.err == nil {
		v.Text = p.text[start:p.last]
	}
	return v
}

// plainText is a string literal.
func (p *parser) plainText() string {
	if p.tok.kind != kString && p.tok.kind != kDollar {
		p.fail()
		return ""
	}
	return p.textValue().Value
}

func (p *parser) createTable(t *CreateTable) Statement {
	t.IfNotExists = p.ifNotExists()
	t.Name = p.name()
	if p.ifNotExists() { // save_as_table(mode="append") of Snowpark writes it behind the name
		t.IfNotExists = true
	}
	if p.accept("(") {
		for {
			if c, ok := p.constraint(); ok {
				t.Constraints = append(t.Constraints, c)
			} else {
				t.Columns = append(t.Columns, p.column(true))
			}
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	for p.err == nil && !p.end() {
		switch p.tok.word {
		case "AS":
			p.advance()
			t.As = p.query()
			return t
		case "LIKE":
			p.advance()
			n := p.name()
			t.Like = &n
		case "CLONE":
			p.advance()
			n := p.name()
			t.Clone = &n
		case "USING":
			p.advance()
			p.expect("TEMPLATE")
			t.Template = p.parenQuery()
		case "COPY":
			p.advance()
			p.expect("GRANTS")
			t.CopyGrants = true
		case ")":
			p.fail()
		default:
			p.accept(",")
			t.Options = append(t.Options, p.option())
		}
	}
	return t
}

// constraint is a constraint of the whole table.
func (p *parser) constraint() (Constraint, bool) {
	var c Constraint
	if p.accept("CONSTRAINT") {
		c.Name = p.ident()
	}
	switch {
	case p.is("PRIMARY") && p.peekIs("KEY"):
		p.advance()
		p.advance()
		c.Kind = "PRIMARY KEY"
		c.Columns = p.identList()
	case p.is("UNIQUE"):
		p.advance()
		c.Kind = "UNIQUE"
		c.Columns = p.identList()
	case p.is("FOREIGN") && p.peekIs("KEY"):
		p.advance()
		p.advance()
		c.Kind = "FOREIGN KEY"
		c.Columns = p.identList()
		p.references(&c)
	default:
		if c.Name.Name != "" {
			p.fail()
		}
		return c, false
	}
	p.constraintProperties()
	return c, true
}

func (p *parser) references(c *Constraint) {
	p.expect("REFERENCES")
	n := p.name()
	c.Ref = &n
	if p.is("(") {
		c.RefColumns = p.identList()
	}
}

// constraintProperties are read and dropped: constraints are not enforced, in Snowflake neither.
func (p *parser) constraintProperties() {
	for p.err == nil {
		switch p.tok.word {
		case "NOT":
			if w := p.peek().word; w != "ENFORCED" && w != "DEFERRABLE" {
				return
			}
			p.advance()
			p.advance()
		case "ENFORCED", "DEFERRABLE", "ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "RELY", "NORELY":
			p.advance()
		case "INITIALLY":
			p.advance()
			if !p.accept("DEFERRED") {
				p.expect("IMMEDIATE")
			}
		case "MATCH":
			p.advance()
			if !p.accept("FULL") && !p.accept("SIMPLE") {
				p.expect("PARTIAL")
			}
		case "ON":
			p.advance()
			if !p.accept("DELETE") {
				p.expect("UPDATE")
			}
			switch {
			case p.accept("CASCADE"), p.accept("RESTRICT"):
			case p.accept("NO"):
				p.expect("ACTION")
			default:
				p.expect("SET")
				if !p.accept("NULL") {
					p.expect("DEFAULT")
				}
			}
		default:
			return
		}
	}
}

// column is one column with its type (which a CREATE TABLE … AS may leave out) and properties.
func (p *parser) column(typeless bool) ColumnDef {
	c := ColumnDef{}
	if p.tok.kind == kWord && p.tok.class&notColumn != 0 {
		p.fail()
	}
	c.Name = p.ident()
	if p.tok.kind == kWord && p.tok.class&reserved == 0 && !(typeless && columnProperty(p.tok.word)) {
		c.Type = p.typeName()
	} else if !typeless {
		p.fail()
	}
	for p.err == nil {
		switch p.tok.word {
		case "NOT":
			p.advance()
			p.expect("NULL")
			c.NotNull = true
		case "NULL":
			p.advance()
		case "DEFAULT":
			p.advance()
			c.Default = p.binary(powAdd)
		case "AUTOINCREMENT", "IDENTITY":
			c.Identity = p.identity()
		case "COLLATE":
			p.advance()
			c.Collate = p.plainText()
		case "COMMENT":
			p.advance()
			p.accept("=")
			c.Comment = p.plainText()
		case "CONSTRAINT":
			p.advance()
			p.ident()
			if !p.is("UNIQUE") && !p.is("PRIMARY") && !p.is("FOREIGN") && !p.is("REFERENCES") {
				p.fail()
			}
		case "UNIQUE":
			p.advance()
			c.Unique = true
			p.constraintProperties()
		case "PRIMARY":
			p.advance()
			p.expect("KEY")
			c.Primary = true
			p.constraintProperties()
		case "FOREIGN":
			p.advance()
			p.expect("KEY")
			if !p.is("REFERENCES") {
				p.fail()
			}
		case "REFERENCES":
			k := Constraint{Kind: "FOREIGN KEY"}
			p.references(&k)
			c.References = &k
			p.constraintProperties()
		case "GENERATED":
			p.advance()
			p.expect("ALWAYS")
			if !p.is("AS") {
				p.fail()
			}
		case "AS":
			p.advance()
			p.expect("(")
			c.As = p.expr()
			p.expect(")")
			_ = p.accept("VIRTUAL") || p.accept("STORED")
		default:
			return c
		}
	}
	return c
}

func columnProperty(w string) bool {
	switch w {
	case "DEFAULT", "AUTOINCREMENT", "IDENTITY", "COLLATE", "COMMENT", "CONSTRAINT", "PRIMARY", "REFERENCES", "FOREIGN":
		return true
	}
	return false
}

func (p *parser) identity() *Identity {
	i := &Identity{Start: 1, Step: 1}
	p.advance()
	if p.accept("(") {
		i.Start = p.integer()
		p.expect(",")
		i.Step = p.integer()
		p.expect(")")
	}
	for p.err == nil {
		switch p.tok.word {
		case "START":
			p.advance()
			p.accept("WITH")
			p.accept("=")
			i.Start = p.integer()
		case "INCREMENT":
			p.advance()
			p.accept("BY")
			p.accept("=")
			i.Step = p.integer()
		case "ORDER":
			p.advance()
		case "NOORDER":
			p.advance()
			i.NoOrder = true
		default:
			return i
		}
	}
	return i
}

// service is CREATE SERVICE or EXECUTE JOB SERVICE behind these words: their parts come in any order.
func (p *parser) service(s *ExecuteJob) Statement {
	if s.Create {
		s.IfNotExists = p.ifNotExists()
		s.Name = p.name()
	}
	for p.err == nil && !p.end() {
		switch p.tok.word {
		case "IN":
			p.advance()
			p.expect("COMPUTE")
			p.expect("POOL")
			s.Pool = p.name()
		case "FROM":
			p.advance()
			if p.atStage() {
				st := p.stagePath()
				s.Stage = &st
			}
			p.specification(s)
		case "SPECIFICATION", "SPECIFICATION_TEMPLATE", "SPECIFICATION_FILE", "SPECIFICATION_TEMPLATE_FILE":
			p.specification(s)
		case "NAME":
			if s.Create {
				p.fail()
				break
			}
			p.advance()
			p.expect("=")
			s.Name = p.name()
		case "USING":
			o := Option{Name: "USING", Pos: p.pos()}
			p.advance()
			if !p.is("(") {
				p.fail()
			}
			o.Value = p.value()
			s.Options = append(s.Options, o)
		case "AS", ")":
			p.fail()
		default:
			p.accept(",")
			s.Options = append(s.Options, p.option())
		}
	}
	if p.err == nil && (empty(&s.Pool) || empty(&s.Name) || s.Spec == nil && s.SpecFile == nil) {
		p.fail()
	}
	return s
}

func empty(n *Name) bool { return len(n.Parts) == 0 && n.Param == nil }

func (p *parser) specification(s *ExecuteJob) {
	w := p.tok.word
	if s.Spec != nil || s.SpecFile != nil {
		p.fail()
		return
	}
	switch w {
	case "SPECIFICATION", "SPECIFICATION_TEMPLATE":
		p.advance()
		p.accept("=")
		s.Spec = p.textRef()
	case "SPECIFICATION_FILE", "SPECIFICATION_TEMPLATE_FILE":
		p.advance()
		p.expect("=")
		s.SpecFile = p.textRef()
	default:
		p.fail()
	}
	s.Template = w == "SPECIFICATION_TEMPLATE" || w == "SPECIFICATION_TEMPLATE_FILE"
}
