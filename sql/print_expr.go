package sql

// power is how tightly an expression's own text holds together.
func power(x Expr) int {
	switch x := x.(type) {
	case *Lambda:
		return powLambda
	case *Unary:
		if x.Op == "NOT" {
			return powNot
		}
		return powSign
	case *Binary:
		switch x.Op {
		case "OR":
			return powOr
		case "AND":
			return powAnd
		case "+", "-", "||":
			return powAdd
		case "*", "/", "%":
			return powMultiply
		}
		return powCompare
	case *In, *Between, *Like, *Is:
		return powCompare
	case *Cast:
		if x.Try {
			return powPrimary
		}
		return powPostfix
	case *Path, *Index:
		return powPostfix
	}
	return powPrimary
}

// expr writes x, in parentheses if it holds looser than need.
func (w *printer) expr(x Expr, need int) {
	if x == nil {
		return
	}
	if power(x) < need {
		w.s("(")
		defer w.s(")")
	}
	switch x := x.(type) {
	case *Literal:
		w.literal(x)
	case *TypedLiteral:
		w.typ(&x.Type)
		w.s(" ")
		w.str(x.Text)
	case *IntervalExpr:
		w.s("INTERVAL ")
		w.str(x.Text)
		w.flag(x.Unit != "", x.Unit)
	case *Param:
		w.s(":")
		w.num(int64(x.Index))
	case *Variable:
		w.s("$")
		w.s(x.Name)
	case *Ref:
		if x.Param != nil {
			w.name(&Name{Param: x.Param})
			return
		}
		w.parts(x.Parts)
	case *Positional:
		for _, part := range x.Qualifier {
			w.ident(part)
			w.s(".")
		}
		w.s("$")
		w.num(int64(x.N))
	case *Star:
		w.star(x)
	case *Unary:
		w.unary(x)
	case *Binary:
		pow := power(x)
		w.expr(x.L, pow)
		w.s(" ")
		w.s(x.Op)
		w.s(" ")
		w.expr(x.R, pow+1)
	case *Cast:
		if x.Try {
			w.s("TRY_CAST(")
			w.expr(x.X, powLambda)
			w.s(" AS ")
			w.typ(&x.Type)
			w.s(")")
			return
		}
		w.expr(x.X, powPostfix)
		w.s("::")
		w.typ(&x.Type)
	case *Case:
		w.caseExpr(x)
	case *Call:
		w.call(x)
	case *In:
		w.expr(x.X, powCompare)
		w.flag(x.Not, "NOT")
		w.s(" IN (")
		if x.Query != nil {
			w.query(x.Query)
		} else {
			w.exprs(x.List)
		}
		w.s(")")
	case *Between:
		w.expr(x.X, powCompare)
		w.flag(x.Not, "NOT")
		w.s(" BETWEEN ")
		w.expr(x.Low, powAdd)
		w.s(" AND ")
		w.expr(x.High, powAdd)
	case *Like:
		w.like(x)
	case *Is:
		w.expr(x.X, powCompare)
		w.s(" IS")
		w.flag(x.Not, "NOT")
		w.flag(true, x.What)
		if x.Y != nil {
			w.s(" FROM ")
			w.expr(x.Y, powAdd)
		}
	case *Exists:
		w.s("EXISTS (")
		w.query(x.Query)
		w.s(")")
	case *Subquery:
		if x.Quant != "" {
			w.s(x.Quant)
			w.s(" ")
		}
		w.s("(")
		w.query(x.Query)
		w.s(")")
	case *Path:
		w.path(x)
	case *Index:
		w.expr(x.X, powPostfix)
		w.s("[")
		w.expr(x.I, powLambda)
		w.s("]")
	case *ArrayLit:
		w.s("[")
		w.exprs(x.Items)
		w.s("]")
	case *ObjectLit:
		w.s("{")
		for i := range x.Keys {
			w.comma(i)
			w.expr(x.Keys[i], powPrimary)
			w.s(": ")
			w.expr(x.Values[i], powLambda)
		}
		w.s("}")
	case *Tuple:
		w.s("(")
		w.exprs(x.Items)
		w.s(")")
	case *Lambda:
		if len(x.Params) == 1 {
			w.ident(x.Params[0])
		} else {
			w.idents(x.Params)
		}
		w.s(" -> ")
		w.expr(x.Body, powLambda)
	}
}

func (w *printer) exprs(list []Expr) {
	for i, x := range list {
		w.comma(i)
		w.expr(x, powLambda)
	}
}

func (w *printer) literal(x *Literal) {
	switch x.Kind {
	case NullLit:
		w.s("NULL")
	case BoolLit:
		if x.Bool {
			w.s("TRUE")
		} else {
			w.s("FALSE")
		}
	case StringLit:
		w.str(x.Text)
	case BinaryLit:
		w.s("X'")
		w.s(x.Text)
		w.s("'")
	default:
		w.s(x.Text)
	}
}

func (w *printer) unary(x *Unary) {
	if x.Op == "NOT" {
		w.s("NOT ")
		w.expr(x.X, powNot)
		return
	}
	w.s(x.Op)
	// Two signs in a row would begin a comment.
	if _, sign := x.X.(*Unary); sign {
		w.s("(")
		w.expr(x.X, powLambda)
		w.s(")")
		return
	}
	w.expr(x.X, powSign)
}

func (w *printer) path(x *Path) {
	w.expr(x.X, powPostfix)
	for i, s := range x.Steps {
		switch {
		case s.Index != nil:
			if i == 0 {
				w.s(":")
			}
			w.s("[")
			w.expr(s.Index, powLambda)
			w.s("]")
			continue
		case i == 0:
			w.s(":")
		default:
			w.s(".")
		}
		if fieldName(s.Name) {
			w.s(s.Name)
		} else {
			w.b = appendQuoted(w.b, s.Name)
		}
	}
}

// fieldName says whether a path's field can stand without quotes; its case is kept.
func fieldName(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' || s[0] == '$' {
		return false
	}
	l := newLexer(s)
	t := l.scan()
	return t.kind == kWord && t.off == 0 && int(t.end) == len(s)
}

func (w *printer) star(x *Star) {
	for _, part := range x.Qualifier {
		w.ident(part)
		w.s(".")
	}
	w.s("*")
	if x.Ilike != "" {
		w.s(" ILIKE ")
		w.str(x.Ilike)
	}
	if x.Exclude != nil {
		w.s(" EXCLUDE ")
		w.idents(x.Exclude)
	}
	if x.Replace != nil {
		w.s(" REPLACE (")
		for i := range x.Replace {
			w.comma(i)
			w.expr(x.Replace[i].X, powLambda)
			w.s(" AS ")
			w.ident(x.Replace[i].Alias)
		}
		w.s(")")
	}
	if x.Rename != nil {
		w.s(" RENAME (")
		for i, r := range x.Rename {
			w.comma(i)
			w.ident(r.From)
			w.s(" AS ")
			w.ident(r.To)
		}
		w.s(")")
	}
}

func (w *printer) caseExpr(x *Case) {
	w.s("CASE")
	if x.X != nil {
		w.s(" ")
		w.expr(x.X, powLambda)
	}
	for _, when := range x.Whens {
		w.s(" WHEN ")
		w.expr(when.Cond, powLambda)
		w.s(" THEN ")
		w.expr(when.Then, powLambda)
	}
	if x.Else != nil {
		w.s(" ELSE ")
		w.expr(x.Else, powLambda)
	}
	w.s(" END")
}

func (w *printer) like(x *Like) {
	w.expr(x.X, powCompare)
	w.flag(x.Not, "NOT")
	w.flag(true, x.Op)
	if x.Any || x.All {
		word := "ANY"
		if x.All {
			word = "ALL"
		}
		w.flag(true, word)
		w.s(" (")
		w.exprs(x.Patterns)
		w.s(")")
	} else if len(x.Patterns) > 0 {
		w.s(" ")
		w.expr(x.Patterns[0], powAdd)
	}
	if x.Escape != nil {
		w.s(" ESCAPE ")
		w.expr(x.Escape, powAdd)
	}
}

func (w *printer) call(x *Call) {
	if x.Object != nil {
		w.call(x.Object)
	} else {
		w.name(&x.Name)
	}
	if x.Method != "" {
		w.s("!")
		w.s(x.Method)
	}
	w.s("(")
	if x.Distinct {
		w.s("DISTINCT ")
	}
	w.exprs(x.Args)
	for i, a := range x.Named {
		w.comma(i + len(x.Args))
		w.ident(Ident{Name: a.Name, Quoted: !bare(a.Name)})
		w.s(" => ")
		w.expr(a.Value, powLambda)
	}
	w.s(")")
	if x.Within != nil {
		w.s(" WITHIN GROUP (ORDER BY ")
		w.order(x.Within)
		w.s(")")
	}
	w.flag(x.FromLast, "FROM LAST")
	w.flag(x.IgnoreNulls, "IGNORE NULLS")
	w.flag(x.RespectNulls, "RESPECT NULLS")
	if x.Over != nil {
		w.window(x.Over)
	}
}

func (w *printer) window(x *Window) {
	w.s(" OVER (")
	blank := ""
	if x.Partition != nil {
		w.s("PARTITION BY ")
		w.exprs(x.Partition)
		blank = " "
	}
	if x.Order != nil {
		w.s(blank)
		w.s("ORDER BY ")
		w.order(x.Order)
		blank = " "
	}
	if f := x.Frame; f != nil {
		w.s(blank)
		w.s(f.Unit)
		w.s(" BETWEEN ")
		w.bound(f.Start)
		w.s(" AND ")
		w.bound(f.End)
	}
	w.s(")")
}

func (w *printer) bound(b Bound) {
	if b.N != nil {
		w.expr(b.N, powAdd)
		w.s(" ")
	}
	w.s(b.Kind)
}

func (w *printer) order(list []OrderItem) {
	for i, o := range list {
		w.comma(i)
		w.expr(o.X, powLambda)
		w.flag(o.Desc, "DESC")
		if o.Nulls != "" {
			w.s(" NULLS ")
			w.s(o.Nulls)
		}
	}
}
