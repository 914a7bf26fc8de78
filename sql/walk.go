package sql

// Position of the parts that Walk visits too.
func (n *Name) Position() Pos { return n.Pos }

// Position is the text's place.
func (t *Text) Position() Pos { return t.Pos }

// Position is the path's place.
func (s *StagePath) Position() Pos { return s.Pos }

// Position is the type's place.
func (t *TypeName) Position() Pos { return t.Pos }

// Walk calls visit for n and, where visit gives true, for everything in it, in the order of the tree's fields: statements,
// queries, tables, expressions, and also *Name (names of objects and functions), *Text, *StagePath and *TypeName, as pointers into
// the tree. A nil node is left out.
func Walk(n Node, visit func(Node) bool) {
	w := walker{visit: visit}
	w.node(n)
}

// Children gives an expression's own operands, in order; subqueries are not entered.
func Children(x Expr) []Expr {
	var list []Expr
	first := true
	Walk(x, func(n Node) bool {
		if first {
			first = false
			return true
		}
		if e, ok := n.(Expr); ok {
			list = append(list, e)
		}
		return false
	})
	return list
}

type walker struct{ visit func(Node) bool }

func (w walker) exprs(list []Expr) {
	for _, x := range list {
		w.expr(x)
	}
}

func (w walker) expr(x Expr) {
	if x != nil {
		w.node(x)
	}
}

func (w walker) table(t TableExpr) {
	if t != nil {
		w.node(t)
	}
}

func (w walker) query(q *Query) {
	if q != nil {
		w.node(q)
	}
}

func (w walker) name(n *Name) {
	if n != nil && !empty(n) {
		w.node(n)
	}
}

func (w walker) text(t *Text) {
	if t != nil {
		w.node(t)
	}
}

func (w walker) items(list []SelectItem) {
	for i := range list {
		w.expr(list[i].X)
	}
}

func (w walker) order(list []OrderItem) {
	for i := range list {
		w.expr(list[i].X)
	}
}

func (w walker) assigns(list []Assign) {
	for i := range list {
		w.node(&list[i].Column)
		w.expr(list[i].X)
	}
}

func (w walker) options(list []Option) {
	for i := range list {
		w.value(&list[i].Value)
	}
}

func (w walker) value(v *Value) {
	w.text(v.Text)
	w.name(v.Name)
	if v.Stage != nil {
		w.node(v.Stage)
	}
	for i := range v.List {
		w.value(&v.List[i])
	}
	w.options(v.Options)
}

func (w walker) columns(list []ColumnDef) {
	for i := range list {
		c := &list[i]
		w.typ(&c.Type)
		w.expr(c.Default)
		if c.References != nil {
			w.name(c.References.Ref)
		}
		w.expr(c.As)
	}
}

func (w walker) typ(t *TypeName) {
	if t.Name != "" {
		w.node(t)
	}
}

func (w walker) sample(s *Sample) {
	if s != nil {
		w.expr(s.N)
		w.expr(s.Seed)
	}
}

func (w walker) node(n Node) {
	if n == nil || !w.visit(n) {
		return
	}
	switch n := n.(type) {
	case *Name:
		w.text(n.Param)
	case *StagePath:
		w.name(&n.Stage)
		w.name(n.Table)
		w.text(n.Param)
	case *TypeName:
		if n.Elem != nil {
			w.typ(n.Elem)
		}
		w.columns(n.Fields)
	case Expr:
		w.exprNode(n)
	case TableExpr:
		w.tableNode(n)
	case *Query:
		for i := range n.With {
			w.query(n.With[i].Query)
		}
		w.node(n.Body)
		w.order(n.Order)
		w.expr(n.Limit)
		w.expr(n.Offset)
	case *Select:
		w.expr(n.Top)
		w.items(n.Items)
		w.table(n.From)
		w.expr(n.Where)
		if n.Group != nil {
			w.exprs(n.Group.Items)
			for _, set := range n.Group.Sets {
				w.exprs(set)
			}
		}
		w.expr(n.Having)
		w.expr(n.Qualify)
	case *SetOp:
		w.node(n.L)
		w.node(n.R)
	case *Values:
		for _, row := range n.Rows {
			w.exprs(row)
		}
	default:
		w.statement(n)
	}
}

func (w walker) exprNode(x Expr) {
	switch x := x.(type) {
	case *TypedLiteral:
		w.typ(&x.Type)
	case *Ref:
		w.text(x.Param)
	case *Star:
		w.items(x.Replace)
	case *Unary:
		w.expr(x.X)
	case *Binary:
		w.expr(x.L)
		w.expr(x.R)
	case *Cast:
		w.expr(x.X)
		w.typ(&x.Type)
	case *Case:
		w.expr(x.X)
		for _, when := range x.Whens {
			w.expr(when.Cond)
			w.expr(when.Then)
		}
		w.expr(x.Else)
	case *Call:
		w.name(&x.Name)
		if x.Object != nil {
			w.node(x.Object)
		}
		w.exprs(x.Args)
		for _, a := range x.Named {
			w.expr(a.Value)
		}
		w.order(x.Within)
		if x.Over != nil {
			w.exprs(x.Over.Partition)
			w.order(x.Over.Order)
			if f := x.Over.Frame; f != nil {
				w.expr(f.Start.N)
				w.expr(f.End.N)
			}
		}
	case *In:
		w.expr(x.X)
		w.exprs(x.List)
		w.query(x.Query)
	case *Between:
		w.expr(x.X)
		w.expr(x.Low)
		w.expr(x.High)
	case *Like:
		w.expr(x.X)
		w.exprs(x.Patterns)
		w.expr(x.Escape)
	case *Is:
		w.expr(x.X)
		w.expr(x.Y)
	case *Exists:
		w.query(x.Query)
	case *Subquery:
		w.query(x.Query)
	case *Path:
		w.expr(x.X)
		for _, s := range x.Steps {
			w.expr(s.Index)
		}
	case *Index:
		w.expr(x.X)
		w.expr(x.I)
	case *ArrayLit:
		w.exprs(x.Items)
	case *ObjectLit:
		for i := range x.Keys {
			w.expr(x.Keys[i])
			w.expr(x.Values[i])
		}
	case *Tuple:
		w.exprs(x.Items)
	case *Lambda:
		w.expr(x.Body)
	}
}

func (w walker) tableNode(t TableExpr) {
	switch t := t.(type) {
	case *Table:
		w.name(&t.Name)
		w.sample(t.Sample)
		if t.At != nil {
			w.expr(t.At.X)
		}
	case *Derived:
		w.query(t.Query)
		w.sample(t.Sample)
	case *TableFunc:
		if t.Call != nil {
			w.node(t.Call)
		}
		w.sample(t.Sample)
	case *StageTable:
		w.node(&t.Stage)
		w.options(t.Options)
	case *ValuesTable:
		w.node(t.Values)
	case *Join:
		w.table(t.L)
		w.table(t.R)
		w.expr(t.On)
		w.expr(t.Match)
	case *Pivot:
		w.table(t.From)
		if t.Agg != nil {
			w.node(t.Agg)
		}
		w.items(t.In)
		w.order(t.Order)
		w.query(t.Query)
		w.expr(t.Default)
	case *Unpivot:
		w.table(t.From)
		w.items(t.In)
	}
}

func (w walker) statement(n Node) {
	switch n := n.(type) {
	case *CreateTable:
		w.name(&n.Name)
		w.columns(n.Columns)
		for i := range n.Constraints {
			w.name(n.Constraints[i].Ref)
		}
		w.query(n.As)
		w.name(n.Like)
		w.name(n.Clone)
		w.query(n.Template)
		w.options(n.Options)
	case *CreateView:
		w.name(&n.Name)
		w.query(n.Query)
		w.options(n.Options)
	case *Create:
		w.name(&n.Name)
		w.name(n.Clone)
		w.options(n.Options)
	case *Drop:
		w.name(&n.Name)
	case *AlterTable:
		w.name(&n.Name)
		for i := range n.Actions {
			a := &n.Actions[i]
			w.typ(&a.Column.Type)
			w.expr(a.Column.Default)
			w.expr(a.Column.As)
			w.name(&a.To)
			w.options(a.Options)
			if a.Constraint != nil {
				w.name(a.Constraint.Ref)
			}
		}
	case *Alter:
		w.name(&n.Name)
		w.options(n.Options)
		w.name(&n.To)
	case *AlterSession:
		w.options(n.Set)
	case *Insert:
		w.name(&n.Table)
		for i := range n.Multi {
			m := &n.Multi[i]
			if i == 0 || m.When != n.Multi[i-1].When {
				w.expr(m.When)
			}
			w.name(&m.Table)
			w.exprs(m.Values)
		}
		w.query(n.Query)
	case *Update:
		w.name(&n.Table)
		w.assigns(n.Set)
		w.table(n.From)
		w.expr(n.Where)
	case *Delete:
		w.name(&n.Table)
		w.table(n.Using)
		w.expr(n.Where)
	case *Merge:
		w.name(&n.Table)
		w.table(n.Using)
		w.expr(n.On)
		for i := range n.Whens {
			w.expr(n.Whens[i].And)
			w.assigns(n.Whens[i].Set)
			w.exprs(n.Whens[i].Values)
		}
	case *Truncate:
		w.name(&n.Table)
	case *CopyTable:
		w.name(&n.Table)
		if n.From != nil {
			w.node(n.From)
		}
		w.query(n.Query)
		w.options(n.Options)
	case *CopyStage:
		w.node(&n.To)
		w.name(n.Table)
		w.query(n.Query)
		w.expr(n.Partition)
		w.options(n.Options)
	case *CopyFiles:
		w.node(&n.To)
		if n.Query == nil {
			w.node(&n.From)
		}
		w.query(n.Query)
		w.options(n.Options)
	case *Put:
		w.text(&n.Local)
		w.node(&n.Stage)
		w.options(n.Options)
	case *Get:
		w.node(&n.Stage)
		w.text(&n.Local)
		w.options(n.Options)
	case *List:
		w.node(&n.Stage)
		w.text(n.Pattern)
	case *Show:
		w.text(n.Like)
		w.name(n.InName)
		w.name(n.On)
		w.name(n.To)
		w.name(n.Of)
		w.text(n.StartsWith)
		w.text(n.From)
		w.options(n.Rest)
	case *Describe:
		w.name(&n.Name)
		w.text(n.Text)
	case *Use:
		w.name(&n.Name)
	case *CallProcedure:
		if n.Call != nil {
			w.node(n.Call)
		}
	case *SetVariable:
		w.exprs(n.Values)
	case *Explain:
		w.node(n.Statement)
	case *Comment:
		w.name(&n.Name)
		w.text(&n.Text)
	case *Grant:
		w.name(&n.Name)
		w.name(&n.InName)
		w.name(&n.Role)
		w.name(&n.To)
	case *ExecuteImmediate:
		w.expr(n.X)
		if n.Stage != nil {
			w.node(n.Stage)
		}
		w.exprs(n.Using)
	case *ExecuteJob:
		w.name(&n.Pool)
		w.name(&n.Name)
		w.text(n.Spec)
		if n.Stage != nil {
			w.node(n.Stage)
		}
		w.text(n.SpecFile)
		w.options(n.Options)
	case *Flow:
		for _, s := range n.Steps {
			w.node(s)
		}
	}
}
