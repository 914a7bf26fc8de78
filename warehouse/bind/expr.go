package bind

import (
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// expr binds an expression; where its text is a GROUP BY key it stops being loose.
func (k *block) expr(e sql.Expr) (value, error) {
	if err := k.b.enter(); err != nil {
		return value{}, err
	}
	v, err := k.node(e)
	k.b.leave()
	if err != nil {
		return v, err
	}
	if v.loose != nil && k.keys != nil && !k.inAgg {
		if s, ok := k.keys[v.sql]; ok {
			v.sql, v.loose = s, nil
			v.null = v.null || k.nullKeys
		}
	}
	if v.volatile {
		k.b.volatile = true
	}
	return v, nil
}

func (k *block) node(e sql.Expr) (value, error) {
	b := k.b
	switch e := e.(type) {
	case *sql.Literal:
		return b.literal(e)
	case *sql.TypedLiteral:
		t, err := TypeOf(e.Type)
		if err != nil {
			return value{}, err
		}
		return b.cast(textValue(e.Text), t, false)
	case *sql.Param:
		return b.bindValue(e.Index)
	case *sql.Variable:
		return b.variable(e)
	case *sql.Ref:
		return k.ref(e)
	case *sql.Positional:
		return k.positional(e)
	case *sql.Star:
		return value{}, sqlerr.Compilation(1003, "42000", "syntax error: * is not an expression")
	case *sql.Unary:
		return k.unary(e)
	case *sql.Binary:
		return k.binary(e)
	case *sql.Cast:
		return k.castExpr(e)
	case *sql.Case:
		return k.caseExpr(e)
	case *sql.Call:
		return k.call(e)
	case *sql.In:
		return k.in(e)
	case *sql.Between:
		return k.between(e)
	case *sql.Like:
		return k.like(e)
	case *sql.Is:
		return k.is(e)
	case *sql.Exists:
		q, err := b.query(e.Query, k)
		if err != nil {
			return value{}, err
		}
		return value{sql: "EXISTS (" + q.text() + ")", t: tBool}, nil
	case *sql.Subquery:
		if e.Quant != "" {
			return value{}, sqlerr.Compilation(1003, "42000", "syntax error: unexpected %s", e.Quant)
		}
		q, err := k.single(e.Query)
		if err != nil {
			return value{}, err
		}
		return value{sql: "(" + q.text() + ")", t: q.cols[0].t, null: true}, nil
	case *sql.Path:
		return k.path(e)
	case *sql.Index:
		return k.index(e)
	case *sql.ArrayLit:
		args, err := k.exprs(e.Items)
		if err != nil {
			return value{}, err
		}
		return b.arrayOf(args)
	case *sql.ObjectLit:
		var args []value
		for i := range e.Keys {
			pair, err := k.exprs([]sql.Expr{e.Keys[i], e.Values[i]})
			if err != nil {
				return value{}, err
			}
			args = append(args, pair...)
		}
		return b.objectOf(args, false)
	case *sql.Tuple:
		return value{}, sqlerr.Unsupported("a row constructor outside a comparison")
	case *sql.IntervalExpr:
		return value{}, sqlerr.Unsupported("INTERVAL outside + and -")
	case *sql.Lambda:
		return value{}, sqlerr.Unsupported("lambda outside a higher-order function")
	}
	return value{}, sqlerr.Unsupported("%T", e)
}

func (k *block) exprs(list []sql.Expr) ([]value, error) {
	out := make([]value, len(list))
	for i, e := range list {
		v, err := k.expr(e)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// single binds a subquery that must have one column.
func (k *block) single(q *sql.Query) (*query, error) {
	out, err := k.b.query(q, k)
	if err != nil {
		return nil, err
	}
	if len(out.cols) != 1 {
		return nil, sqlerr.Compilation(1015, "42601", "Invalid argument types: a subquery used as an expression has %d columns", len(out.cols))
	}
	return out, nil
}

// predicate binds an expression as a condition.
func (k *block) predicate(e sql.Expr) (value, error) {
	v, err := k.expr(e)
	if err != nil {
		return v, err
	}
	return k.b.boolean(v)
}

func (b *binder) boolean(v value) (value, error) {
	if v.t.Kind == result.Boolean {
		return v, nil
	}
	out, err := b.cast(v, tBool, false)
	if err != nil {
		return v, sqlerr.Compilation(2016, "22000", "Invalid data type [%s] for predicate", typeWord(v.t))
	}
	return out, nil
}

func (b *binder) literal(l *sql.Literal) (value, error) {
	switch l.Kind {
	case sql.NullLit:
		return nullValue(), nil
	case sql.BoolLit:
		return boolValue(l.Bool), nil
	case sql.NumberLit:
		return numberValue(l.Text), nil
	case sql.FloatLit:
		return value{sql: "'" + l.Text + "'::DOUBLE", t: tFloat}, nil
	case sql.StringLit:
		v := textValue(l.Text)
		if l.Text == "" {
			v.t.Length = 1
		}
		return v, nil
	case sql.BinaryLit:
		raw, err := unhexText(l.Text)
		if err != nil {
			return value{}, err
		}
		return value{sql: blob(raw), t: result.Type{Kind: result.Binary, Length: max(1, len(raw))}}, nil
	}
	return value{}, sqlerr.Unsupported("literal %s", l.Text)
}

func unhexText(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		hi, lo := unhexAny(s[i]), unhexAny(s[i+1])
		if hi < 0 || lo < 0 {
			return nil, sqlerr.New(100115, "22000", "The following string is not a legal hex-encoded value: '%s'", s)
		}
		out = append(out, byte(hi<<4|lo))
	}
	if len(s)%2 != 0 {
		return nil, sqlerr.New(100115, "22000", "The following string is not a legal hex-encoded value: '%s'", s)
	}
	return out, nil
}

func unhexAny(c byte) int {
	if c >= 'a' && c <= 'f' {
		c -= 32
	}
	return unhex(c)
}

func (k *block) unary(e *sql.Unary) (value, error) {
	b := k.b
	if e.Op == "-" {
		if l, ok := e.X.(*sql.Literal); ok && l.Kind == sql.NumberLit {
			return numberValue("-" + l.Text), nil
		}
	}
	x, err := k.expr(e.X)
	if err != nil {
		return x, err
	}
	switch e.Op {
	case "NOT":
		if x, err = b.boolean(x); err != nil {
			return x, err
		}
		return derive(tBool, "(NOT "+x.sql+")", x), nil
	case "-", "+":
		switch x.t.Kind {
		case result.Fixed, result.Real:
		case result.Text, result.Variant, 0:
			if x, err = b.cast(x, tFloat, false); err != nil {
				return x, err
			}
		default:
			name := "NEGATE"
			if e.Op == "+" {
				name = "UNARY PLUS"
			}
			return x, argumentTypes(name, e.Pos, x)
		}
		if e.Op == "+" {
			return x, nil
		}
		if x.form == numberLit && !strings.HasPrefix(x.lit, "-") {
			return numberValue("-" + x.lit), nil
		}
		return derive(x.t, "(- "+x.sql+")", x), nil
	}
	return x, sqlerr.Unsupported("operator %s", e.Op)
}

// argumentTypes is 001044, Snowflake's answer to operands that a function has no form for.
func argumentTypes(name string, pos sql.Pos, args ...value) error {
	var types []string
	for _, a := range args {
		types = append(types, typeWord(a.t))
	}
	return sqlerr.Compilation(1044, "42P13", "error line %d at position %d\nInvalid argument types for function '%s': (%s)", max(1, pos.Line), pos.Col, name, strings.Join(types, ", "))
}

func (k *block) binary(e *sql.Binary) (value, error) {
	b := k.b
	switch e.Op {
	case "AND", "OR":
		return k.logical(e)
	case "=", "<>", "!=", "<", "<=", ">", ">=":
		if s, ok := e.R.(*sql.Subquery); ok && s.Quant != "" {
			return k.quantified(e.Op, e.L, s)
		}
		lt, lok := e.L.(*sql.Tuple)
		rt, rok := e.R.(*sql.Tuple)
		if lok && rok {
			return k.compareTuples(e.Op, lt, rt)
		}
	case "+", "-":
		if iv, ok := e.R.(*sql.IntervalExpr); ok {
			return k.interval(e.L, e.Op, iv)
		}
		if iv, ok := e.L.(*sql.IntervalExpr); ok && e.Op == "+" {
			return k.interval(e.R, e.Op, iv)
		}
	}
	l, err := k.expr(e.L)
	if err != nil {
		return l, err
	}
	r, err := k.expr(e.R)
	if err != nil {
		return r, err
	}
	switch e.Op {
	case "+", "-", "*", "/", "%":
		return b.arithmetic(e.Op, l, r, e.Pos)
	case "||":
		return b.concat([]value{l, r})
	}
	return b.compare(e.Op, l, r)
}

// logical flattens chains of AND and OR, so that a thousand of them nest no deeper than one.
func (k *block) logical(e *sql.Binary) (value, error) {
	var terms []sql.Expr
	at := sql.Expr(e)
	for {
		bin, ok := at.(*sql.Binary)
		if !ok || bin.Op != e.Op {
			terms = append(terms, at)
			break
		}
		terms = append(terms, bin.R)
		at = bin.L
	}
	vals := make([]value, 0, len(terms))
	n := 0
	for i := len(terms) - 1; i >= 0; i-- {
		v, err := k.predicate(terms[i])
		if err != nil {
			return v, err
		}
		n += len(v.sql) + 5
		vals = append(vals, v)
	}
	out := make([]byte, 0, n+2)
	out = append(out, '(')
	for i := range vals {
		if i > 0 {
			out = append(out, ' ')
			out = append(out, e.Op...)
			out = append(out, ' ')
		}
		out = append(out, vals[i].sql...)
	}
	return derive(tBool, string(append(out, ')')), vals...), nil
}

// number gives an operand of arithmetic its numeric type: a text beside an exact number is NUMBER(18,5) (a literal keeps its
// own scale), beside anything else FLOAT, as is a VARIANT.
func (b *binder) number(v, beside value) (value, error) {
	switch v.t.Kind {
	case result.Fixed, result.Real:
		return v, nil
	case result.Text:
		if beside.t.Kind == result.Fixed {
			t := number(18, 5)
			if v.form == textLit {
				t.Scale = 0
				if lt, ok := literalType(v.lit); ok {
					if _, plain := exactText(v.lit, lt); plain {
						t.Scale = min(lt.Scale, 18)
					}
				}
			}
			return b.cast(v, t, false)
		}
		return b.cast(v, tFloat, false)
	case result.Variant:
		return b.cast(v, tFloat, false)
	case result.Boolean:
		return b.cast(v, number(1, 0), false)
	case 0:
		if beside.t.Kind == result.Fixed {
			return b.cast(v, beside.t, false)
		}
		return b.cast(v, tFloat, false)
	}
	return v, sqlerr.Unsupported("arithmetic on %s", typeWord(v.t))
}

func (b *binder) arithmetic(op string, l, r value, pos sql.Pos) (value, error) {
	lk, rk := l.t.Kind, r.t.Kind
	if lk == result.Date || rk == result.Date || isTimestamp(lk) || isTimestamp(rk) {
		return b.dateArithmetic(op, l, r, pos)
	}
	if !operand(lk) || !operand(rk) {
		return l, argumentTypes(op, pos, l, r)
	}
	ln, err := b.number(l, r)
	if err != nil {
		return l, err
	}
	rn, err := b.number(r, l)
	if err != nil {
		return r, err
	}
	if ln.t.Kind == result.Real || rn.t.Kind == result.Real {
		if ln, err = b.cast(ln, tFloat, false); err != nil {
			return l, err
		}
		if rn, err = b.cast(rn, tFloat, false); err != nil {
			return l, err
		}
		switch op {
		case "/":
			return derive(tFloat, "sf_fdiv("+ln.sql+","+rn.sql+")", ln, rn), nil
		case "%":
			return derive(tFloat, "sf_fmod("+ln.sql+","+rn.sql+")", ln, rn), nil
		}
		return derive(tFloat, "("+ln.sql+" "+op+" "+rn.sql+")", ln, rn), nil
	}
	return b.exact(op, ln, rn), nil
}

func operand(k result.Kind) bool {
	return isNumeric(k) || k == result.Text || k == result.Variant || k == 0 || k == result.Boolean
}

// exact is arithmetic of two NUMBERs with the result types of the page "Arithmetic operators". DuckDB's own operators serve
// where their result type is the one wanted; its 64-bit decimals are left before they could overflow.
func (b *binder) exact(op string, l, r value) value {
	switch op {
	case "+", "-":
		t := addType(l.t, r.t)
		w := t.Precision - 1 // each operand fits here, unless the result is capped
		if max(l.t.Precision-l.t.Scale, r.t.Precision-r.t.Scale)+1+t.Scale > 38 {
			w = 38
		}
		if w == 18 {
			w = 19
		}
		ot := number(w, t.Scale)
		l, r = b.resize(l, ot), b.resize(r, ot)
		s := "(" + l.sql + " " + op + " " + r.sql + ")"
		if w != 38 && w+1 != t.Precision {
			s += "::" + PhysicalType(t)
		}
		return derive(t, s, l, r)
	case "*":
		t := mulType(l.t, r.t)
		if t.Scale == l.t.Scale+r.t.Scale && l.t.Precision+r.t.Precision <= 18 {
			s := "(" + l.sql + " * " + r.sql + ")"
			if l.t.Precision+r.t.Precision != t.Precision {
				s += "::" + PhysicalType(t)
			}
			return derive(t, s, l, r)
		}
		return b.narrow(derive(t, "sf_mul_"+itoa(t.Scale)+"("+l.sql+","+r.sql+")", l, r), t, false)
	case "/":
		t := divType(l.t, r.t)
		return b.narrow(derive(t, "sf_div_"+itoa(t.Scale)+"("+l.sql+","+r.sql+")", l, r), t, false)
	}
	t := modType(l.t, r.t)
	return b.narrow(derive(t, "sf_mod_"+itoa(t.Scale)+"("+l.sql+","+r.sql+")", l, r), t, false)
}

func (b *binder) dateArithmetic(op string, l, r value, pos sql.Pos) (value, error) {
	lk, rk := l.t.Kind, r.t.Kind
	switch {
	case op == "-" && lk == result.Date && rk == result.Date:
		return derive(number(9, 0), "("+l.sql+" - "+r.sql+")::DECIMAL(9,0)", l, r), nil
	case lk == result.Date && (op == "+" || op == "-") && (rk == result.Fixed || rk == result.Text):
		d, err := b.cast(r, number(9, 0), false)
		if err != nil {
			return l, err
		}
		return derive(tDate, "("+l.sql+" "+op+" "+d.sql+"::INTEGER)", l, d), nil
	case rk == result.Date && op == "+" && lk == result.Fixed:
		return b.dateArithmetic(op, r, l, pos)
	}
	return l, argumentTypes(op, pos, l, r)
}

func (b *binder) concat(args []value) (value, error) {
	n := 0
	bin := true
	for i := range args {
		bin = bin && args[i].t.Kind == result.Binary
	}
	out := "("
	for i := range args {
		v := args[i]
		if !bin {
			var err error
			if v, err = b.toText(v); err != nil {
				return v, err
			}
			n += v.t.TextLength()
		}
		args[i] = v
		if i > 0 {
			out += " || "
		}
		out += v.sql
	}
	t := text(n)
	if bin {
		t = tBinary
	}
	return derive(t, out+")", args...), nil
}

// toText converts an argument to text with its own length.
func (b *binder) toText(v value) (value, error) {
	switch v.t.Kind {
	case result.Text:
		return v, nil
	case 0:
		return b.cast(v, text(1), false)
	case result.Fixed:
		return v.with(text(v.t.Precision+2), v.sql+"::VARCHAR"), nil
	}
	out, err := b.cast(v, tText, false)
	if err == nil {
		switch v.t.Kind {
		case result.Boolean:
			out.t = text(5)
		case result.Date:
			out.t = text(10)
		}
	}
	return out, err
}

// compare emits a comparison in the common type of its operands. A literal is put into a column's type where it fits, so
// that DuckDB can still use the column's statistics.
func (b *binder) compare(op string, l, r value) (value, error) {
	if op == "!=" {
		op = "<>"
	}
	l, r, err := b.unify(l, r)
	if err != nil {
		return l, err
	}
	ls, rs := l.sql, r.sql
	switch {
	case l.t.Kind == result.TimestampTZ:
		ls, rs = sortKey(l), sortKey(r)
	case isSemi(l.t.Kind) && op != "=" && op != "<>":
		ls, rs = sortKey(l), sortKey(r)
	}
	return derive(tBool, "("+ls+" "+op+" "+rs+")", l, r), nil
}

// unify converts two operands to their common type.
func (b *binder) unify(l, r value) (value, value, error) {
	t, ok := common(l.t, r.t)
	if !ok {
		return l, r, sqlerr.Compilation(1044, "42P13", "Invalid argument types for function 'EQUAL': (%s, %s)", typeWord(l.t), typeWord(r.t))
	}
	if t.Kind == 0 {
		t = tText
	}
	if l.t.Kind == result.Text && r.t.Kind == result.Text {
		return l, r, nil
	}
	if l.t.Kind == result.Fixed && r.t.Kind == result.Fixed {
		if l.t == r.t {
			return l, r, nil
		}
		if r.form == numberLit && fits(r.lit, l.t) {
			return l, b.resize(r, l.t), nil
		}
		if l.form == numberLit && fits(l.lit, r.t) {
			return b.resize(l, r.t), r, nil
		}
	}
	lc, err := b.cast(l, t, false)
	if err != nil {
		return l, r, err
	}
	rc, err := b.cast(r, t, false)
	return lc, rc, err
}

func (k *block) compareTuples(op string, l, r *sql.Tuple) (value, error) {
	if len(l.Items) != len(r.Items) {
		return value{}, sqlerr.Compilation(1044, "42P13", "rows of %d and %d columns cannot be compared", len(l.Items), len(r.Items))
	}
	if op != "=" && op != "<>" && op != "!=" {
		return value{}, sqlerr.Unsupported("ordering of rows")
	}
	var parts []string
	var vals []value
	for i := range l.Items {
		a, err := k.expr(l.Items[i])
		if err != nil {
			return a, err
		}
		c, err := k.expr(r.Items[i])
		if err != nil {
			return c, err
		}
		v, err := k.b.compare("=", a, c)
		if err != nil {
			return v, err
		}
		parts = append(parts, v.sql)
		vals = append(vals, v)
	}
	s := "(" + strings.Join(parts, " AND ") + ")"
	if op != "=" {
		s = "(NOT " + s + ")"
	}
	return derive(tBool, s, vals...), nil
}

func (k *block) quantified(op string, l sql.Expr, s *sql.Subquery) (value, error) {
	x, err := k.expr(l)
	if err != nil {
		return x, err
	}
	q, err := k.single(s.Query)
	if err != nil {
		return x, err
	}
	t, ok := common(x.t, q.cols[0].t)
	if !ok {
		return x, argumentTypes(op, s.Pos, x, value{t: q.cols[0].t})
	}
	if x, err = k.b.cast(x, t, false); err != nil {
		return x, err
	}
	if q, err = k.b.castQuery(q, []result.Type{t}); err != nil {
		return x, err
	}
	if op == "!=" {
		op = "<>"
	}
	out := derive(tBool, "("+x.sql+" "+op+" "+s.Quant+" ("+q.text()+"))", x)
	out.null = true
	return out, nil
}

func (k *block) castExpr(e *sql.Cast) (value, error) {
	x, err := k.expr(e.X)
	if err != nil {
		return x, err
	}
	t, err := TypeOf(e.Type)
	if err != nil {
		return x, err
	}
	if e.Try && x.t.Kind != result.Text && x.t.Kind != 0 {
		return x, sqlerr.Compilation(1044, "22023", "Function TRY_CAST cannot be used with arguments of types %s and %s", typeWord(x.t), t.SQL())
	}
	out, err := k.b.cast(x, t, e.Try)
	if err != nil {
		return x, err
	}
	out.t = t
	return out, nil
}

func (k *block) caseExpr(e *sql.Case) (value, error) {
	b := k.b
	var x value
	var err error
	if e.X != nil {
		if x, err = k.expr(e.X); err != nil {
			return x, err
		}
	}
	conds := make([]value, len(e.Whens))
	thens := make([]value, 0, len(e.Whens)+1)
	for i, w := range e.Whens {
		if e.X != nil {
			w, err := k.expr(w.Cond)
			if err != nil {
				return w, err
			}
			conds[i], err = b.compare("=", x, w)
			if err != nil {
				return x, err
			}
		} else if conds[i], err = k.predicate(w.Cond); err != nil {
			return x, err
		}
		then, err := k.expr(w.Then)
		if err != nil {
			return x, err
		}
		thens = append(thens, then)
	}
	otherwise := nullValue()
	if e.Else != nil {
		if otherwise, err = k.expr(e.Else); err != nil {
			return x, err
		}
	}
	return b.choose(conds, append(thens, otherwise))
}

// choose is CASE WHEN conds[i] THEN vals[i] … ELSE the last of vals, every branch cast to the common type.
func (b *binder) choose(conds, vals []value) (value, error) {
	vals, t, err := b.commonAll("CASE", vals)
	if err != nil {
		return value{}, err
	}
	n := 16
	for i := range vals {
		n += len(vals[i].sql) + 12
	}
	for i := range conds {
		n += len(conds[i].sql)
	}
	out := make([]byte, 0, n)
	out = append(out, "(CASE"...)
	v := value{t: t}
	for i := range conds {
		out = append(out, " WHEN "...)
		out = append(out, conds[i].sql...)
		out = append(out, " THEN "...)
		out = append(out, vals[i].sql...)
		v.carry(&conds[i])
	}
	out = append(out, " ELSE "...)
	out = append(out, vals[len(vals)-1].sql...)
	out = append(out, " END)"...)
	for i := range vals {
		v.carry(&vals[i])
		v.null = v.null || vals[i].null
	}
	v.sql = string(out)
	return v, nil
}

// commonAll converts values to the type common to all.
func (b *binder) commonAll(what string, vals []value) ([]value, result.Type, error) {
	var t result.Type
	textOnly := true
	for i := range vals {
		if vals[i].t.Kind != result.Text && vals[i].t.Kind != 0 {
			textOnly = false
		}
		u, ok := common(t, vals[i].t)
		if !ok {
			return nil, t, sqlerr.Compilation(1044, "42P13", "Invalid argument types for function '%s': (%s, %s)", what, typeWord(t), typeWord(vals[i].t))
		}
		t = u
	}
	if t.Kind == 0 {
		return vals, t, nil
	}
	out := make([]value, len(vals))
	for i := range vals {
		if textOnly && vals[i].t.Kind == result.Text {
			out[i] = vals[i]
			continue
		}
		v, err := b.cast(vals[i], t, false)
		if err != nil {
			return nil, t, err
		}
		out[i] = v
	}
	return out, t, nil
}

func (b *binder) coalesce(args []value) (value, error) {
	vals, t, err := b.commonAll("COALESCE", args)
	if err != nil {
		return value{}, err
	}
	parts := make([]string, len(vals))
	null := true
	for i := range vals {
		parts[i] = vals[i].sql
		null = null && vals[i].null
	}
	out := derive(t, "coalesce("+strings.Join(parts, ", ")+")", vals...)
	out.null = null
	return out, nil
}

func (k *block) in(e *sql.In) (value, error) {
	b := k.b
	not := ""
	if e.Not {
		not = "NOT "
	}
	if tup, ok := e.X.(*sql.Tuple); ok {
		return k.inTuple(e, tup, not)
	}
	x, err := k.expr(e.X)
	if err != nil {
		return x, err
	}
	if e.Query != nil {
		q, err := k.single(e.Query)
		if err != nil {
			return x, err
		}
		t, ok := common(x.t, q.cols[0].t)
		if !ok {
			return x, argumentTypes("IN", e.Pos, x, value{t: q.cols[0].t})
		}
		xc, err := b.cast(x, t, false)
		if err != nil {
			return x, err
		}
		if q, err = b.castQuery(q, []result.Type{t}); err != nil {
			return x, err
		}
		out := derive(tBool, "("+xc.sql+" "+not+"IN ("+q.text()+"))", x)
		out.null = x.null || q.cols[0].null
		return out, nil
	}
	vals, err := k.exprs(e.List)
	if err != nil {
		return x, err
	}
	// One common type for x and the whole list; literals that fit x's own type leave x as it is.
	all := append([]value{x}, vals...)
	fit := x.t.Kind == result.Fixed && x.form == notLit
	for i := range vals {
		fit = fit && vals[i].form == numberLit && fits(vals[i].lit, x.t)
	}
	if fit {
		for i := range vals {
			all[i+1] = b.resize(vals[i], x.t)
		}
	} else if all, _, err = b.commonAll("IN", all); err != nil {
		return x, err
	}
	n := len(all[0].sql) + 16
	for i := range all {
		n += len(all[i].sql) + 2
	}
	out := make([]byte, 0, n)
	out = append(out, '(')
	out = append(out, key(all[0])...)
	out = append(out, ' ')
	out = append(out, not...)
	out = append(out, "IN ("...)
	for i := 1; i < len(all); i++ {
		if i > 1 {
			out = append(out, ", "...)
		}
		out = append(out, key(all[i])...)
	}
	return derive(tBool, string(append(out, "))"...)), all...), nil
}

func key(v value) string {
	if v.t.Kind == result.TimestampTZ {
		return sortKey(v)
	}
	return v.sql
}

func (k *block) inTuple(e *sql.In, x *sql.Tuple, not string) (value, error) {
	b := k.b
	xs, err := k.exprs(x.Items)
	if err != nil {
		return value{}, err
	}
	if e.Query != nil {
		q, err := b.query(e.Query, k)
		if err != nil {
			return value{}, err
		}
		if len(q.cols) != len(xs) {
			return value{}, sqlerr.Compilation(1044, "42P13", "Invalid argument types for function 'IN': a row of %d and a subquery of %d columns", len(xs), len(q.cols))
		}
		types := make([]result.Type, len(xs))
		parts := make([]string, len(xs))
		for i := range xs {
			t, ok := common(xs[i].t, q.cols[i].t)
			if !ok {
				return value{}, argumentTypes("IN", e.Pos, xs[i], value{t: q.cols[i].t})
			}
			types[i] = t
			v, err := b.cast(xs[i], t, false)
			if err != nil {
				return v, err
			}
			parts[i] = v.sql
		}
		if q, err = b.castQuery(q, types); err != nil {
			return value{}, err
		}
		out := derive(tBool, "(("+strings.Join(parts, ", ")+") "+not+"IN ("+q.text()+"))", xs...)
		out.null = true
		return out, nil
	}
	var parts []string
	var all []value
	for _, it := range e.List {
		row, ok := it.(*sql.Tuple)
		if !ok || len(row.Items) != len(xs) {
			return value{}, sqlerr.Compilation(1044, "42P13", "Invalid argument types for function 'IN': rows of unlike width")
		}
		v, err := k.compareTuples("=", x, row)
		if err != nil {
			return v, err
		}
		parts = append(parts, v.sql)
		all = append(all, v)
	}
	s := "(" + strings.Join(parts, " OR ") + ")"
	if not != "" {
		s = "(NOT " + s + ")"
	}
	return derive(tBool, s, all...), nil
}

func (k *block) between(e *sql.Between) (value, error) {
	b := k.b
	vals, err := k.exprs([]sql.Expr{e.X, e.Low, e.High})
	if err != nil {
		return value{}, err
	}
	lo, err := b.compare(">=", vals[0], vals[1])
	if err != nil {
		return lo, err
	}
	hi, err := b.compare("<=", vals[0], vals[2])
	if err != nil {
		return hi, err
	}
	s := "(" + lo.sql + " AND " + hi.sql + ")"
	if e.Not {
		s = "(NOT " + s + ")"
	}
	return derive(tBool, s, vals...), nil
}

func (k *block) is(e *sql.Is) (value, error) {
	x, err := k.expr(e.X)
	if err != nil {
		return x, err
	}
	not := ""
	if e.Not {
		not = "NOT "
	}
	var out value
	switch e.What {
	case "NULL":
		if x.t.Kind == 0 {
			out = derive(tBool, "(NULL IS "+not+"NULL)", x)
		} else {
			out = derive(tBool, "("+x.sql+" IS "+not+"NULL)", x)
		}
	case "TRUE", "FALSE":
		if x, err = k.b.boolean(x); err != nil {
			return x, err
		}
		out = derive(tBool, "("+x.sql+" IS "+not+e.What+")", x)
	case "DISTINCT":
		y, err := k.expr(e.Y)
		if err != nil {
			return y, err
		}
		l, r, err := k.b.unify(x, y)
		if err != nil {
			return x, err
		}
		out = derive(tBool, "("+key(l)+" IS "+not+"DISTINCT FROM "+key(r)+")", l, r)
	default:
		return x, sqlerr.Unsupported("IS %s", e.What)
	}
	out.null = false
	return out, nil
}

func (k *block) like(e *sql.Like) (value, error) {
	b := k.b
	x, err := k.expr(e.X)
	if err != nil {
		return x, err
	}
	if x, err = b.toText(x); err != nil {
		return x, err
	}
	escape := ""
	all := []value{x}
	if e.Escape != nil {
		v, err := k.expr(e.Escape)
		if err != nil {
			return v, err
		}
		if v, err = b.toText(v); err != nil {
			return v, err
		}
		escape = " ESCAPE " + v.sql
		all = append(all, v)
	}
	var parts []string
	for _, p := range e.Patterns {
		v, err := k.expr(p)
		if err != nil {
			return v, err
		}
		if v, err = b.toText(v); err != nil {
			return v, err
		}
		all = append(all, v)
		switch e.Op {
		case "LIKE", "ILIKE":
			parts = append(parts, "("+x.sql+" "+e.Op+" "+v.sql+escape+")")
		case "RLIKE", "REGEXP":
			parts = append(parts, "sf_rlike("+x.sql+","+v.sql+",'')")
		default:
			return v, sqlerr.Unsupported("%s", e.Op)
		}
	}
	join := " AND "
	if e.Any {
		join = " OR "
	}
	s := parts[0]
	if len(parts) > 1 {
		s = "(" + strings.Join(parts, join) + ")"
	}
	if e.Not {
		s = "(NOT " + s + ")"
	}
	return derive(tBool, s, all...), nil
}
