package sql

// queryNode writes a query, or a part of one as a query.
func (w *printer) queryNode(n Node) {
	switch n := n.(type) {
	case *Query:
		w.query(n)
	case *Select:
		w.selectBlock(n)
	case *SetOp:
		w.setOp(n)
	case *Values:
		w.values(n)
	}
}

func (w *printer) query(q *Query) {
	if q == nil {
		return
	}
	if q.With != nil {
		w.s("WITH ")
		if q.Recursive {
			w.s("RECURSIVE ")
		}
		for i := range q.With {
			c := &q.With[i]
			w.comma(i)
			w.ident(c.Name)
			if c.Columns != nil {
				w.idents(c.Columns)
			}
			w.s(" AS (")
			w.query(c.Query)
			w.s(")")
		}
		w.s(" ")
	}
	w.operand(q.Body, 1)
	if q.OrderAll {
		w.s(" ORDER BY ALL")
	}
	if q.Order != nil {
		w.s(" ORDER BY ")
		w.order(q.Order)
	}
	if q.Limit != nil {
		w.s(" LIMIT ")
		w.expr(q.Limit, powAdd)
	}
	if q.Offset != nil {
		w.s(" OFFSET ")
		w.expr(q.Offset, powAdd)
	}
}

// operand writes a side of a set operator: a query with its own ORDER BY and a looser operator in parentheses.
func (w *printer) operand(n Node, need int) {
	switch n := n.(type) {
	case *Query:
		w.s("(")
		w.query(n)
		w.s(")")
	case *SetOp:
		if setPower(n.Op) < need {
			w.s("(")
			w.setOp(n)
			w.s(")")
			return
		}
		w.setOp(n)
	default:
		w.queryNode(n)
	}
}

func (w *printer) setOp(s *SetOp) {
	pow := setPower(s.Op)
	w.operand(s.L, pow)
	w.flag(true, s.Op)
	w.flag(s.All, "ALL")
	w.flag(s.ByName, "BY NAME")
	w.s(" ")
	w.operand(s.R, pow+1)
}

func (w *printer) values(v *Values) {
	w.s("VALUES ")
	for i, row := range v.Rows {
		w.comma(i)
		w.s("(")
		w.exprs(row)
		w.s(")")
	}
}

func (w *printer) selectBlock(s *Select) {
	w.s("SELECT")
	w.flag(s.Distinct, "DISTINCT")
	if s.Top != nil {
		w.s(" TOP ")
		w.expr(s.Top, powPrimary)
	}
	w.s(" ")
	w.items(s.Items)
	if s.From != nil {
		w.s(" FROM ")
		w.table(s.From, false)
	}
	w.clause(" WHERE ", s.Where)
	if g := s.Group; g != nil {
		w.s(" GROUP BY ")
		switch g.Kind {
		case "ALL":
			w.s("ALL")
		case "CUBE", "ROLLUP":
			w.s(g.Kind)
			w.s(" (")
			w.exprs(g.Items)
			w.s(")")
		case "SETS":
			w.s("GROUPING SETS (")
			for i, set := range g.Sets {
				w.comma(i)
				w.s("(")
				w.exprs(set)
				w.s(")")
			}
			w.s(")")
		default:
			w.exprs(g.Items)
		}
	}
	w.clause(" HAVING ", s.Having)
	w.clause(" QUALIFY ", s.Qualify)
}

func (w *printer) clause(word string, x Expr) {
	if x != nil {
		w.s(word)
		w.expr(x, powLambda)
	}
}

func (w *printer) items(list []SelectItem) {
	for i := range list {
		w.comma(i)
		w.expr(list[i].X, powLambda)
		if list[i].Alias.Name != "" {
			w.s(" AS ")
			w.ident(list[i].Alias)
		}
	}
}

func (w *printer) alias(a *Alias) {
	if a.Name.Name == "" {
		return
	}
	w.s(" AS ")
	w.ident(a.Name)
	if a.Columns != nil {
		w.idents(a.Columns)
	}
}

func (w *printer) sample(s *Sample) {
	if s == nil {
		return
	}
	w.s(" SAMPLE")
	w.flag(s.Method != "", s.Method)
	w.s(" (")
	w.expr(s.N, powLambda)
	w.flag(s.Rows, "ROWS")
	w.s(")")
	if s.Seed != nil {
		w.s(" SEED (")
		w.expr(s.Seed, powLambda)
		w.s(")")
	}
}

// table writes a table expression; inner puts a join in parentheses.
func (w *printer) table(t TableExpr, inner bool) {
	switch t := t.(type) {
	case *Table:
		w.tableName(&t.Name)
		if t.Changes {
			w.s(" CHANGES (INFORMATION => DEFAULT)")
		}
		if t.At != nil {
			word := " AT ("
			if t.At.Before {
				word = " BEFORE ("
			}
			w.s(word)
			w.s(t.At.Kind)
			w.s(" => ")
			w.expr(t.At.X, powLambda)
			w.s(")")
		}
		w.alias(&t.Alias)
		w.sample(t.Sample)
	case *Derived:
		if t.Lateral {
			w.s("LATERAL ")
		}
		w.s("(")
		w.query(t.Query)
		w.s(")")
		w.alias(&t.Alias)
		w.sample(t.Sample)
	case *TableFunc:
		if t.Lateral {
			w.s("LATERAL ")
		}
		w.s("TABLE(")
		if t.Call != nil {
			w.call(t.Call)
		}
		w.s(")")
		w.alias(&t.Alias)
		w.sample(t.Sample)
	case *StageTable:
		w.stage(&t.Stage)
		if t.Options != nil {
			w.s(" (")
			for i := range t.Options {
				w.comma(i)
				w.s(t.Options[i].Name)
				w.s(" => ")
				w.value(&t.Options[i].Value)
			}
			w.s(")")
		}
		w.alias(&t.Alias)
	case *ValuesTable:
		w.values(t.Values)
		w.alias(&t.Alias)
	case *Join:
		if inner {
			w.s("(")
			defer w.s(")")
		}
		w.join(t)
	case *Pivot:
		w.pivot(t)
	case *Unpivot:
		w.table(t.From, true)
		w.s(" UNPIVOT")
		w.flag(t.IncludeNulls, "INCLUDE NULLS")
		w.s(" (")
		w.ident(t.Value)
		w.s(" FOR ")
		w.ident(t.Name)
		w.s(" IN (")
		w.items(t.In)
		w.s("))")
		w.alias(&t.Alias)
	}
}

// tableName writes a table's name; $1, a step of a flow, stands as it is.
func (w *printer) tableName(n *Name) {
	if len(n.Parts) == 1 && !n.Parts[0].Quoted && len(n.Parts[0].Name) > 1 && n.Parts[0].Name[0] == '$' {
		w.s(n.Parts[0].Name)
		return
	}
	w.name(n)
}

func (w *printer) join(j *Join) {
	w.table(j.L, false)
	w.flag(j.Natural, "NATURAL")
	w.flag(true, j.Kind)
	w.s(" JOIN ")
	w.table(j.R, true)
	if j.Match != nil {
		w.s(" MATCH_CONDITION (")
		w.expr(j.Match, powLambda)
		w.s(")")
	}
	w.clause(" ON ", j.On)
	if j.Using != nil {
		w.s(" USING ")
		w.idents(j.Using)
	}
}

func (w *printer) pivot(t *Pivot) {
	w.table(t.From, true)
	w.s(" PIVOT (")
	if t.Agg != nil {
		w.call(t.Agg)
	}
	w.s(" FOR ")
	w.ident(t.For)
	w.s(" IN (")
	switch {
	case t.Any:
		w.s("ANY")
		if t.Order != nil {
			w.s(" ORDER BY ")
			w.order(t.Order)
		}
	case t.Query != nil:
		w.query(t.Query)
	default:
		w.items(t.In)
	}
	w.s(")")
	if t.Default != nil {
		w.s(" DEFAULT ON NULL (")
		w.expr(t.Default, powLambda)
		w.s(")")
	}
	w.s(")")
	w.alias(&t.Alias)
}
