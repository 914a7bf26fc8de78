package sql

import "strings"

func (w *printer) statement(n Node) {
	switch n := n.(type) {
	case *CreateTable:
		w.createTable(n)
	case *CreateView:
		w.createView(n)
	case *Create:
		w.create(n.CreateMode, n.Lifetime, n.Kind)
		w.name(&n.Name)
		if n.Clone != nil {
			w.s(" CLONE ")
			w.name(n.Clone)
		}
		w.options(n.Options)
	case *Drop:
		if n.Undrop {
			w.s("UN")
		}
		w.s("DROP ")
		w.s(n.Kind)
		w.flag(n.IfExists, "IF EXISTS")
		w.s(" ")
		w.name(&n.Name)
		w.flag(n.Cascade, "CASCADE")
		w.flag(n.Restrict, "RESTRICT")
		w.flag(n.Force, "FORCE")
	case *AlterTable:
		w.alterTable(n)
	case *Alter:
		w.alter(n)
	case *AlterSession:
		w.s("ALTER SESSION ")
		if n.Unset != nil {
			w.s("UNSET ")
			w.s(strings.Join(n.Unset, ", "))
		} else {
			w.s("SET ")
			w.pairs(n.Set)
		}
	case *Insert:
		w.insert(n)
	case *Update:
		w.s("UPDATE ")
		w.name(&n.Table)
		w.alias(&n.Alias)
		w.s(" SET ")
		w.assigns(n.Set)
		if n.From != nil {
			w.s(" FROM ")
			w.table(n.From, false)
		}
		w.clause(" WHERE ", n.Where)
	case *Delete:
		w.s("DELETE FROM ")
		w.name(&n.Table)
		w.alias(&n.Alias)
		if n.Using != nil {
			w.s(" USING ")
			w.table(n.Using, false)
		}
		w.clause(" WHERE ", n.Where)
	case *Merge:
		w.merge(n)
	case *Truncate:
		w.s("TRUNCATE TABLE")
		w.flag(n.IfExists, "IF EXISTS")
		w.s(" ")
		w.name(&n.Table)
	case *CopyTable, *CopyStage, *CopyFiles:
		w.copyInto(n)
	case *Put:
		w.s("PUT ")
		w.local(&n.Local)
		w.s(" ")
		w.stage(&n.Stage)
		w.options(n.Options)
	case *Get:
		w.s("GET ")
		w.stage(&n.Stage)
		w.s(" ")
		w.local(&n.Local)
		w.options(n.Options)
	case *List:
		word := "LIST "
		if n.Remove {
			word = "REMOVE "
		}
		w.s(word)
		w.stage(&n.Stage)
		if n.Pattern != nil {
			w.s(" PATTERN = ")
			w.text(n.Pattern)
		}
	case *Flow:
		for i, s := range n.Steps {
			if i > 0 {
				w.s(" ->> ")
			}
			w.s(Print(s))
		}
	case *Explain:
		w.s("EXPLAIN ")
		if n.Format != "" {
			w.s("USING ")
			w.s(n.Format)
			w.s(" ")
		}
		w.s(Print(n.Statement))
	case *Other:
		w.s(n.Word)
	default:
		w.short(n)
	}
}

// short writes the statements of one line.
func (w *printer) short(n Node) {
	switch n := n.(type) {
	case *Show:
		w.show(n)
	case *Describe:
		w.s("DESCRIBE ")
		w.s(n.Kind)
		w.s(" ")
		if n.Text != nil {
			w.text(n.Text)
		} else {
			w.name(&n.Name)
		}
	case *Use:
		w.s("USE ")
		if n.Kind != "" {
			w.s(n.Kind)
			w.s(" ")
		}
		w.name(&n.Name)
	case *CallProcedure:
		w.s("CALL ")
		if n.Call != nil {
			w.call(n.Call)
		}
		if n.Into != "" {
			w.s(" INTO :")
			w.s(n.Into)
		}
	case *Transaction:
		w.s(n.Kind)
		if n.Name.Name != "" {
			w.s(" NAME ")
			w.ident(n.Name)
		}
	case *SetVariable:
		w.setVariable(n)
	case *Comment:
		w.s("COMMENT")
		w.flag(n.IfExists, "IF EXISTS")
		w.s(" ON ")
		w.s(n.Kind)
		w.s(" ")
		w.name(&n.Name)
		w.s(" IS ")
		w.text(&n.Text)
	case *Grant:
		w.grant(n)
	case *ExecuteImmediate:
		w.s("EXECUTE IMMEDIATE ")
		if n.Stage != nil {
			w.s("FROM ")
			w.stage(n.Stage)
			return
		}
		w.expr(n.X, powLambda)
		if n.Using != nil {
			w.s(" USING (")
			w.exprs(n.Using)
			w.s(")")
		}
	case *ExecuteJob:
		w.job(n)
	}
}

func (w *printer) local(t *Text) {
	if t.bound() {
		w.text(t)
		return
	}
	w.str("file://" + t.Value)
}

func (w *printer) create(m CreateMode, life Lifetime, kind string) {
	w.s("CREATE")
	w.flag(m.OrReplace, "OR REPLACE")
	w.flag(m.OrAlter, "OR ALTER")
	w.flag(life != "", string(life))
	w.flag(true, kind)
	w.flag(m.IfNotExists, "IF NOT EXISTS")
	w.s(" ")
}

func (w *printer) options(list []Option) {
	for i := range list {
		w.s(" ")
		w.option(&list[i])
	}
}

func (w *printer) option(o *Option) {
	w.s(o.Name)
	v := &o.Value
	switch {
	case v.none():
	case o.Name == "CLUSTER BY" && v.Text != nil:
		w.s(" (")
		w.s(v.Text.Value)
		w.s(")")
	case o.Name == "ALLOWED_VALUES" || o.Name == "WITH PRIVILEGES":
		w.s(" ")
		for i := range v.List {
			w.comma(i)
			w.value(&v.List[i])
		}
	case valued(o.Name), o.Name == "USING", o.Name == "STAGE", strings.HasPrefix(o.Name, "FROM "):
		w.s(" ")
		w.value(v)
	default:
		w.s(" = ")
		w.value(v)
	}
}

func (v *Value) none() bool {
	return v.Word == "" && v.Text == nil && v.Number == "" && v.Name == nil && v.Stage == nil && v.List == nil && v.Options == nil
}

// pairs writes NAME = value, … with commas.
func (w *printer) pairs(list []Option) {
	for i := range list {
		w.comma(i)
		w.s(list[i].Name)
		w.s(" = ")
		w.value(&list[i].Value)
	}
}

func (w *printer) value(v *Value) {
	switch {
	case v.Text != nil:
		w.text(v.Text)
	case v.Number != "":
		w.s(v.Number)
	case v.Name != nil:
		w.name(v.Name)
	case v.Stage != nil:
		w.stage(v.Stage)
	case v.Options != nil:
		w.s("(")
		w.pairs(v.Options)
		w.s(")")
	case v.List != nil:
		w.s("(")
		for i := range v.List {
			w.comma(i)
			w.value(&v.List[i])
		}
		w.s(")")
	case v.Raw != "":
		w.s(v.Raw)
	default:
		w.s(v.Word)
	}
}

func (w *printer) column(c *ColumnDef) {
	w.ident(c.Name)
	if c.Type.Name != "" {
		w.s(" ")
		w.typ(&c.Type)
	}
	if c.As != nil {
		w.s(" AS (")
		w.expr(c.As, powLambda)
		w.s(")")
	}
	if c.Collate != "" {
		w.s(" COLLATE ")
		w.str(c.Collate)
	}
	if c.Default != nil {
		w.s(" DEFAULT ")
		w.expr(c.Default, powAdd)
	}
	if i := c.Identity; i != nil {
		w.s(" IDENTITY START ")
		w.num(i.Start)
		w.s(" INCREMENT ")
		w.num(i.Step)
		w.flag(i.NoOrder, "NOORDER")
	}
	w.flag(c.NotNull, "NOT NULL")
	w.flag(c.Unique, "UNIQUE")
	w.flag(c.Primary, "PRIMARY KEY")
	if c.References != nil {
		w.s(" ")
		w.references(c.References)
	}
	if c.Comment != "" {
		w.s(" COMMENT ")
		w.str(c.Comment)
	}
}

func (w *printer) references(c *Constraint) {
	w.s("REFERENCES ")
	w.name(c.Ref)
	if c.RefColumns != nil {
		w.idents(c.RefColumns)
	}
}

func (w *printer) constraint(c *Constraint) {
	if c.Name.Name != "" {
		w.s("CONSTRAINT ")
		w.ident(c.Name)
		w.s(" ")
	}
	w.s(c.Kind)
	w.s(" ")
	w.idents(c.Columns)
	if c.Ref != nil {
		w.s(" ")
		w.references(c)
	}
}

func (w *printer) createTable(t *CreateTable) {
	w.create(t.CreateMode, t.Lifetime, "TABLE")
	w.name(&t.Name)
	if t.Columns != nil || t.Constraints != nil {
		w.s(" (")
		for i := range t.Columns {
			w.comma(i)
			w.column(&t.Columns[i])
		}
		for i := range t.Constraints {
			w.comma(i + len(t.Columns))
			w.constraint(&t.Constraints[i])
		}
		w.s(")")
	}
	if t.Like != nil {
		w.s(" LIKE ")
		w.name(t.Like)
	}
	if t.Clone != nil {
		w.s(" CLONE ")
		w.name(t.Clone)
	}
	if t.Template != nil {
		w.s(" USING TEMPLATE (")
		w.query(t.Template)
		w.s(")")
	}
	w.options(t.Options)
	w.flag(t.CopyGrants, "COPY GRANTS")
	if t.As != nil {
		w.s(" AS ")
		w.query(t.As)
	}
}

func (w *printer) createView(v *CreateView) {
	kind := "VIEW"
	if v.Materialized {
		kind = "MATERIALIZED VIEW"
	}
	if v.Recursive {
		kind = "RECURSIVE " + kind
	}
	if v.Secure {
		kind = "SECURE " + kind
	}
	w.create(v.CreateMode, v.Lifetime, kind)
	w.name(&v.Name)
	if v.Columns != nil {
		w.s(" (")
		for i := range v.Columns {
			w.comma(i)
			w.column(&v.Columns[i])
		}
		w.s(")")
	}
	w.options(v.Options)
	w.s(" AS ")
	if v.Text != "" {
		w.s(v.Text)
	} else {
		w.query(v.Query)
	}
}

func (w *printer) insert(n *Insert) {
	w.s("INSERT")
	w.flag(n.Overwrite, "OVERWRITE")
	if n.Multi == nil {
		w.s(" INTO ")
		w.name(&n.Table)
		if n.Columns != nil {
			w.s(" ")
			w.idents(n.Columns)
		}
		w.s(" ")
		w.query(n.Query)
		return
	}
	word := "ALL"
	if n.First {
		word = "FIRST"
	}
	w.flag(true, word)
	var when Expr
	other := false
	for i := range n.Multi {
		m := &n.Multi[i]
		if m.When != nil && m.When != when {
			w.s(" WHEN ")
			w.expr(m.When, powLambda)
			w.s(" THEN")
		}
		w.flag(m.Else && !other, "ELSE")
		when, other = m.When, m.Else
		w.s(" INTO ")
		w.name(&m.Table)
		if m.Columns != nil {
			w.s(" ")
			w.idents(m.Columns)
		}
		if m.Values != nil {
			w.s(" VALUES (")
			w.exprs(m.Values)
			w.s(")")
		}
	}
	w.s(" ")
	w.query(n.Query)
}

func (w *printer) assigns(list []Assign) {
	for i := range list {
		w.comma(i)
		w.parts(list[i].Column.Parts)
		w.s(" = ")
		if list[i].Default {
			w.s("DEFAULT")
		} else {
			w.expr(list[i].X, powLambda)
		}
	}
}

func (w *printer) merge(n *Merge) {
	w.s("MERGE INTO ")
	w.name(&n.Table)
	w.alias(&n.Alias)
	w.s(" USING ")
	w.table(n.Using, true)
	w.s(" ON ")
	w.expr(n.On, powLambda)
	for i := range n.Whens {
		m := &n.Whens[i]
		w.s(" WHEN")
		w.flag(!m.Matched, "NOT")
		w.s(" MATCHED")
		w.clause(" AND ", m.And)
		w.s(" THEN ")
		switch {
		case m.Delete:
			w.s("DELETE")
		case m.Matched && m.AllByName:
			w.s("UPDATE ALL BY NAME")
		case m.AllByName:
			w.s("INSERT ALL BY NAME")
		case m.Matched:
			w.s("UPDATE SET ")
			w.assigns(m.Set)
		default:
			w.s("INSERT ")
			if m.Columns != nil {
				w.idents(m.Columns)
				w.s(" ")
			}
			w.s("VALUES (")
			w.exprs(m.Values)
			w.s(")")
		}
	}
}

func (w *printer) copyInto(n Node) {
	switch n := n.(type) {
	case *CopyTable:
		w.s("COPY INTO ")
		w.name(&n.Table)
		if n.Columns != nil {
			w.s(" ")
			w.idents(n.Columns)
		}
		switch {
		case n.Query != nil:
			w.s(" FROM (")
			w.query(n.Query)
			w.s(")")
		case n.From != nil:
			w.s(" FROM ")
			w.stage(n.From)
		}
		w.options(n.Options)
	case *CopyStage:
		w.s("COPY INTO ")
		w.stage(&n.To)
		w.s(" FROM ")
		if n.Query != nil {
			w.s("(")
			w.query(n.Query)
			w.s(")")
		} else if n.Table != nil {
			w.name(n.Table)
		}
		w.clause(" PARTITION BY ", n.Partition)
		w.options(n.Options)
	case *CopyFiles:
		w.s("COPY FILES INTO ")
		w.stage(&n.To)
		w.s(" FROM ")
		if n.Query != nil {
			w.s("(")
			w.query(n.Query)
			w.s(")")
		} else {
			w.stage(&n.From)
		}
		w.options(n.Options)
	}
}

func (w *printer) alterTable(n *AlterTable) {
	w.s("ALTER ")
	w.s(n.Kind)
	w.flag(n.IfExists, "IF EXISTS")
	w.s(" ")
	w.name(&n.Name)
	for i := range n.Actions {
		a := &n.Actions[i]
		first := i == 0
		if !first {
			w.s(",")
		}
		switch a.Kind {
		case "ADD COLUMN":
			if first {
				w.s(" ADD")
			}
			w.s(" COLUMN")
			w.flag(a.IfNotExists, "IF NOT EXISTS")
			w.s(" ")
			w.column(&a.Column)
		case "DROP COLUMN":
			w.s(" DROP COLUMN")
			w.flag(a.IfExists, "IF EXISTS")
			for i, c := range a.Columns {
				if i > 0 {
					w.s(",")
				}
				w.s(" ")
				w.ident(c)
			}
		case "RENAME COLUMN":
			w.s(" RENAME COLUMN ")
			w.ident(a.Columns[0])
			w.s(" TO ")
			w.ident(a.Columns[1])
		case "ALTER COLUMN":
			if first {
				w.s(" ALTER")
			}
			w.s(" COLUMN ")
			w.ident(a.Column.Name)
			w.s(" ")
			switch a.Change {
			case "TYPE":
				w.s("SET DATA TYPE ")
				w.typ(&a.Column.Type)
			case "SET DEFAULT":
				w.s("SET DEFAULT ")
				w.expr(a.Column.Default, powAdd)
			case "COMMENT":
				w.s("COMMENT ")
				w.str(a.Column.Comment)
			default:
				w.s(a.Change)
			}
		case "RENAME":
			w.s(" RENAME TO ")
			w.name(&a.To)
		case "SWAP":
			w.s(" SWAP WITH ")
			w.name(&a.To)
		case "SET":
			w.s(" SET ")
			if len(a.Options) == 1 && a.Options[0].Name == "TAG" {
				w.s("TAG ")
				w.pairs(a.Options[0].Value.Options)
			} else {
				w.pairs(a.Options)
			}
		case "UNSET":
			w.s(" UNSET ")
			w.s(strings.Join(a.Names, ", "))
		case "ADD CONSTRAINT":
			w.s(" ADD ")
			w.constraint(a.Constraint)
		case "DROP CONSTRAINT":
			w.s(" DROP ")
			switch {
			case a.Constraint == nil:
				w.s("CONSTRAINT ")
				w.ident(a.Columns[0])
			case a.Constraint.Kind == "PRIMARY KEY":
				w.s("PRIMARY KEY")
			default:
				w.constraint(a.Constraint)
			}
		}
	}
}

func (w *printer) alter(n *Alter) {
	w.s("ALTER ")
	w.s(n.Kind)
	w.flag(n.IfExists, "IF EXISTS")
	if !empty(&n.Name) {
		w.s(" ")
		w.name(&n.Name)
	}
	w.flag(true, n.Action)
	switch n.Action {
	case "SET", "SET TAG":
		w.s(" ")
		w.pairs(n.Options)
	case "UNSET", "UNSET TAG":
		w.s(" ")
		w.s(strings.Join(n.Names, ", "))
	case "RENAME":
		w.s(" TO ")
		w.name(&n.To)
	case "SWAP":
		w.s(" WITH ")
		w.name(&n.To)
	case "FROM":
		for i := range n.Options {
			o := &n.Options[i]
			w.s(" ")
			if o.Name == "STAGE" && o.Value.Stage != nil {
				w.stage(o.Value.Stage)
				continue
			}
			w.option(o)
		}
	default:
		if !empty(&n.To) {
			w.s(" ")
			w.name(&n.To)
		}
		for i := range n.Options {
			o := &n.Options[i]
			w.s(" ")
			if o.Name == "WITH" {
				w.s("WITH ")
				w.value(&o.Value)
				continue
			}
			w.option(o)
		}
	}
}

func (w *printer) show(n *Show) {
	w.s("SHOW")
	w.flag(n.Terse, "TERSE")
	w.flag(true, n.Kind)
	w.flag(n.History, "HISTORY")
	if n.Like != nil {
		w.s(" LIKE ")
		w.text(n.Like)
	}
	if n.In != "" || n.InName != nil || n.On != nil {
		word := " IN"
		if n.On != nil {
			word = " ON"
		}
		w.s(word)
		w.flag(n.In != "", n.In)
		for _, x := range []*Name{n.InName, n.On} {
			if x != nil && !empty(x) {
				w.s(" ")
				w.name(x)
			}
		}
	}
	if n.To != nil {
		w.s(" TO ")
		w.s(n.GranteeKind)
		w.s(" ")
		w.name(n.To)
	}
	if n.Of != nil {
		w.s(" OF ")
		w.s(n.GranteeKind)
		w.s(" ")
		w.name(n.Of)
	}
	if n.StartsWith != nil {
		w.s(" STARTS WITH ")
		w.text(n.StartsWith)
	}
	for i := range n.Rest {
		o := &n.Rest[i]
		w.s(" ")
		w.s(o.Name)
		switch {
		case o.Value.none():
		case o.Name == "WITH PRIVILEGES":
			w.s(" ")
			for i := range o.Value.List {
				w.comma(i)
				w.value(&o.Value.List[i])
			}
		default:
			w.s(" ")
			w.value(&o.Value)
		}
	}
	if n.Limit >= 0 {
		w.s(" LIMIT ")
		w.num(int64(n.Limit))
	}
	if n.From != nil {
		w.s(" FROM ")
		w.text(n.From)
	}
}

func (w *printer) setVariable(n *SetVariable) {
	if n.Unset {
		w.s("UN")
	}
	w.s("SET ")
	if len(n.Names) == 1 {
		w.ident(n.Names[0])
		if !n.Unset {
			w.s(" = ")
			w.exprs(n.Values)
		}
		return
	}
	w.idents(n.Names)
	if !n.Unset {
		w.s(" = (")
		w.exprs(n.Values)
		w.s(")")
	}
}

func (w *printer) grant(n *Grant) {
	to := " TO "
	if n.Revoke {
		w.s("REVOKE ")
		if n.GrantOption {
			w.s("GRANT OPTION FOR ")
		}
		to = " FROM "
	} else {
		w.s("GRANT ")
	}
	switch {
	case n.Privileges == nil:
		if n.Kind != "" {
			w.s(n.Kind)
		} else {
			w.s("ROLE")
		}
		w.s(" ")
		w.name(&n.Role)
	default:
		w.s(strings.Join(n.Privileges, ", "))
		w.s(" ON")
		switch {
		case n.All || n.Future:
			word := "ALL"
			if n.Future {
				word = "FUTURE"
			}
			w.flag(true, word)
			w.flag(true, n.Kind)
			w.s(" IN ")
			w.s(n.InKind)
			w.s(" ")
			w.name(&n.InName)
		case n.Kind == "":
			w.s(" ACCOUNT")
		default:
			w.flag(true, n.Kind)
			w.s(" ")
			w.name(&n.Name)
		}
	}
	w.s(to)
	w.s(n.ToKind)
	w.s(" ")
	w.name(&n.To)
	w.flag(n.GrantOption && !n.Revoke, "WITH GRANT OPTION")
	if n.Current != "" {
		w.flag(true, n.Current+" CURRENT GRANTS")
	}
}

func (w *printer) job(n *ExecuteJob) {
	if n.Create {
		w.create(n.CreateMode, "", "SERVICE")
		w.name(&n.Name)
	} else {
		w.s("EXECUTE JOB SERVICE")
	}
	w.s(" IN COMPUTE POOL ")
	w.name(&n.Pool)
	w.s(" FROM")
	if n.Stage != nil {
		w.s(" ")
		w.stage(n.Stage)
	}
	w.s(" SPECIFICATION")
	if n.Template {
		w.s("_TEMPLATE")
	}
	if n.Spec != nil {
		w.s(" ")
		w.text(n.Spec)
	} else if n.SpecFile != nil {
		w.s("_FILE = ")
		w.text(n.SpecFile)
	}
	if !n.Create {
		w.s(" NAME = ")
		w.name(&n.Name)
	}
	w.options(n.Options)
}
