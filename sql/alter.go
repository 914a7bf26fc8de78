package sql

func (p *parser) alter() Statement {
	pos := p.pos()
	p.advance()
	if p.is("SESSION") && (p.peekIs("SET") || p.peekIs("UNSET")) {
		return p.alterSession(pos)
	}
	kind := p.objectKind()
	switch kind {
	case "":
		p.fail()
		return nil
	case "ACCOUNT":
		if p.is("SET") || p.is("UNSET") {
			a := &Alter{Kind: kind, Pos: pos}
			return p.alterAction(a)
		}
		return p.other("ALTER ACCOUNT", pos)
	case "TABLE":
		return p.alterTable(&AlterTable{Kind: kind, Pos: pos})
	case "VIEW", "MATERIALIZED VIEW":
		a := &Alter{Kind: kind, Pos: pos}
		a.IfExists = p.ifExists()
		a.Name = p.name()
		if p.is("RENAME") && kind == "VIEW" {
			t := &AlterTable{Kind: kind, IfExists: a.IfExists, Name: a.Name, Pos: pos}
			t.Actions = []TableAction{p.renameTable()}
			return t
		}
		return p.alterAction(a)
	}
	a := &Alter{Kind: kind, Pos: pos}
	a.IfExists = p.ifExists()
	a.Name = p.name()
	if p.is("(") {
		return p.other("ALTER "+kind, pos)
	}
	return p.alterAction(a)
}

func (p *parser) alterSession(pos Pos) Statement {
	s := &AlterSession{Pos: pos}
	p.advance()
	if p.accept("UNSET") {
		s.Unset = p.names()
		return s
	}
	p.advance()
	s.Set = p.settings()
	return s
}

// names are the bare or qualified names of UNSET.
func (p *parser) names() []string {
	var list []string
	for {
		n := p.anyName()
		list = append(list, string(appendName(nil, &n)))
		if !p.accept(",") {
			return list
		}
	}
}

// settings are NAME = value pairs with or without commas.
func (p *parser) settings() []Option {
	var list []Option
	for {
		o := Option{Pos: p.pos()}
		if p.tok.kind != kWord {
			p.fail()
			return list
		}
		n := p.anyName()
		o.Name = string(appendName(nil, &n))
		if !p.is("(") {
			p.expect("=")
		}
		o.Value = p.value()
		list = append(list, o)
		if p.accept(",") {
			continue
		}
		if p.end() || p.err != nil {
			return list
		}
	}
}

// tags are name = 'value' pairs, with commas.
func (p *parser) tags() []Option {
	var list []Option
	for {
		o := Option{Pos: p.pos()}
		n := p.anyName()
		o.Name = string(appendName(nil, &n))
		p.expect("=")
		o.Value = p.value()
		list = append(list, o)
		if !p.accept(",") {
			return list
		}
	}
}

// alterAction reads what ALTER does to an object that is no table. Forms that have no tree become *Other.
func (p *parser) alterAction(a *Alter) Statement {
	word := p.tok.word
	switch word {
	case "SET":
		p.advance()
		if p.accept("TAG") {
			a.Action, a.Options = "SET TAG", p.tags()
			return a
		}
		a.Action, a.Options = "SET", p.settings()
		return a
	case "UNSET":
		p.advance()
		a.Action = "UNSET"
		if p.accept("TAG") {
			a.Action = "UNSET TAG"
		}
		a.Names = p.names()
		return a
	case "RENAME":
		if p.peekIs("TO") {
			p.advance()
			p.advance()
			a.Action, a.To = "RENAME", p.name()
			return a
		}
	case "SWAP":
		p.advance()
		p.expect("WITH")
		a.Action, a.To = "SWAP", p.name()
		return a
	case "SUSPEND":
		p.advance()
		a.Action = word
		return a
	case "RESUME":
		p.advance()
		a.Action = word
		if p.accept2("IF", "SUSPENDED") {
			a.Action = "RESUME IF SUSPENDED"
		}
		return a
	case "STOP":
		p.advance()
		p.expect("ALL")
		a.Action = "STOP ALL"
		return a
	case "ABORT":
		if p.acceptWords("ABORT ALL QUERIES") {
			a.Action = "ABORT ALL QUERIES"
			return a
		}
	case "REFRESH", "FROM", "RESTORE":
		p.advance()
		a.Action = word
		if word == "FROM" {
			return p.alterFrom(a)
		}
		a.Options = p.options()
		return a
	case "ADD", "COMMIT", "DROP", "MODIFY":
		if a.Kind == "EXPERIMENT" || a.Kind == "MODEL" {
			return p.alterPart(a)
		}
	}
	switch {
	case p.tok.kind != kWord:
		p.fail()
		return nil
	default:
		return p.other("ALTER "+a.Kind, a.Pos)
	}
}

// alterFrom is ALTER SERVICE n FROM …: Options hold STAGE, and SPECIFICATION or SPECIFICATION_FILE.
func (p *parser) alterFrom(a *Alter) Statement {
	if p.atStage() {
		o := Option{Name: "STAGE", Pos: p.pos()}
		st := p.stagePath()
		o.Value = Value{Stage: &st, Pos: st.Pos}
		a.Options = append(a.Options, o)
	}
	if !p.end() {
		a.Options = append(a.Options, p.options()...)
	}
	return a
}

// alterPart is ADD|COMMIT|DROP|MODIFY RUN r … of an experiment: Action "ADD RUN" and so on, To the run's name, Options the rest
// ("ADD METRICS" and "ADD PARAMETERS" for MODIFY).
func (p *parser) alterPart(a *Alter) Statement {
	verb := p.tok.word
	if !p.peekIs("RUN") || a.Kind != "EXPERIMENT" {
		return p.other("ALTER "+a.Kind, a.Pos)
	}
	p.advance()
	p.advance()
	a.Action = verb + " RUN"
	a.To = p.name()
	for p.err == nil && !p.end() {
		if p.is("WITH") && p.peekIs("(") {
			p.advance()
			a.Options = append(a.Options, Option{Name: "WITH", Pos: p.pos(), Value: p.value()})
			continue
		}
		a.Options = append(a.Options, p.option())
	}
	return a
}

func (p *parser) renameTable() TableAction {
	p.advance()
	p.expect("TO")
	return TableAction{Kind: "RENAME", To: p.name()}
}

func (p *parser) alterTable(t *AlterTable) Statement {
	t.IfExists = p.ifExists()
	t.Name = p.name()
	switch p.tok.word {
	case "RENAME":
		if p.peekIs("TO") {
			t.Actions = append(t.Actions, p.renameTable())
			return t
		}
		p.advance()
		p.expect("COLUMN")
		from := p.ident()
		p.expect("TO")
		t.Actions = append(t.Actions, TableAction{Kind: "RENAME COLUMN", Columns: []Ident{from, p.ident()}})
	case "SWAP":
		p.advance()
		p.expect("WITH")
		t.Actions = append(t.Actions, TableAction{Kind: "SWAP", To: p.name()})
	case "SET":
		p.advance()
		a := TableAction{Kind: "SET"}
		if p.accept("TAG") {
			o := Option{Name: "TAG", Pos: p.pos()}
			o.Value = Value{Options: p.tags(), Pos: o.Pos}
			a.Options = []Option{o}
		} else {
			a.Options = p.settings()
		}
		t.Actions = append(t.Actions, a)
	case "UNSET":
		p.advance()
		if p.is("TAG") {
			return p.other("ALTER TABLE UNSET TAG", t.Pos)
		}
		t.Actions = append(t.Actions, TableAction{Kind: "UNSET", Names: p.names()})
	case "ADD":
		p.tableAdd(t)
	case "DROP":
		p.tableDrop(t)
	case "ALTER", "MODIFY":
		p.tableAlter(t)
	default:
		if p.tok.kind != kWord {
			p.fail()
			return nil
		}
		return p.other("ALTER TABLE "+p.tok.word, t.Pos)
	}
	if p.err == nil && t.Actions == nil {
		return p.other("ALTER TABLE", t.Pos)
	}
	return t
}

func (p *parser) tableAdd(t *AlterTable) {
	p.advance()
	switch p.tok.word {
	case "ROW", "SEARCH":
		return
	}
	if c, ok := p.constraint(); ok {
		t.Actions = append(t.Actions, TableAction{Kind: "ADD CONSTRAINT", Constraint: &c})
		return
	}
	for p.err == nil {
		p.accept("COLUMN")
		a := TableAction{Kind: "ADD COLUMN", IfNotExists: p.ifNotExists()}
		a.Column = p.column(false)
		t.Actions = append(t.Actions, a)
		if !p.accept(",") {
			return
		}
		p.accept("ADD")
	}
}

func (p *parser) tableDrop(t *AlterTable) {
	p.advance()
	a := TableAction{Kind: "DROP CONSTRAINT"}
	switch {
	case p.is("ROW"), p.is("ALL"), p.is("SEARCH"), p.is("CLUSTERING") && p.peekIs("KEY"):
		return
	case p.accept("CONSTRAINT"):
		a.Columns = []Ident{p.ident()}
	case p.is("PRIMARY") && p.peekIs("KEY"):
		p.advance()
		p.advance()
		a.Constraint = &Constraint{Kind: "PRIMARY KEY"}
	case p.is("UNIQUE"), p.is("FOREIGN") && p.peekIs("KEY"):
		c := Constraint{Kind: "UNIQUE"}
		if p.is("FOREIGN") {
			c.Kind = "FOREIGN KEY"
			p.advance()
		}
		p.advance()
		c.Columns = p.identList()
		a.Constraint = &c
	default:
		p.accept("COLUMN")
		a.Kind = "DROP COLUMN"
		a.IfExists = p.ifExists()
		for {
			a.Columns = append(a.Columns, p.ident())
			if !p.accept(",") {
				break
			}
			p.accept("COLUMN")
		}
		_ = p.accept("CASCADE") || p.accept("RESTRICT")
	}
	if a.Kind == "DROP CONSTRAINT" {
		_ = p.accept("CASCADE") || p.accept("RESTRICT")
	}
	t.Actions = append(t.Actions, a)
}

// tableAlter is ALTER|MODIFY [(] [COLUMN] c change [, [COLUMN] c change …] [)]. Each change is an action with the column's name
// in Column.Name: "TYPE" (Column.Type), "SET DEFAULT" (Column.Default), "COMMENT" (Column.Comment), "UNSET COMMENT" and so on.
func (p *parser) tableAlter(t *AlterTable) {
	p.advance()
	many := p.accept("(")
	for p.err == nil {
		p.accept("COLUMN")
		a := TableAction{Kind: "ALTER COLUMN"}
		a.Column.Name = p.ident()
		switch {
		case p.accept("SET"):
			switch {
			case p.accept("NOT"):
				p.expect("NULL")
				a.Change = "SET NOT NULL"
			case p.accept("DEFAULT"):
				a.Change = "SET DEFAULT"
				a.Column.Default = p.binary(powAdd)
			case p.accept("DATA"):
				p.expect("TYPE")
				a.Change = "TYPE"
				a.Column.Type = p.typeName()
			default:
				t.Actions = nil
				return
			}
		case p.accept("DROP"):
			if p.accept("NOT") {
				p.expect("NULL")
				a.Change = "DROP NOT NULL"
			} else {
				p.expect("DEFAULT")
				a.Change = "DROP DEFAULT"
			}
		case p.accept("NOT"):
			p.expect("NULL")
			a.Change = "SET NOT NULL"
		case p.accept("COMMENT"):
			p.accept("=")
			a.Change = "COMMENT"
			a.Column.Comment = p.plainText()
		case p.accept2("UNSET", "COMMENT"):
			a.Change = "UNSET COMMENT"
		case p.is("UNSET"):
			t.Actions = nil
			return
		default:
			p.accept("TYPE")
			a.Change = "TYPE"
			a.Column.Type = p.typeName()
		}
		t.Actions = append(t.Actions, a)
		if !p.accept(",") {
			break
		}
		if !many {
			_ = p.accept("ALTER") || p.accept("MODIFY")
		}
	}
	if many {
		p.expect(")")
	}
}
