package bind

import (
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// aggCall is one call of an aggregate, alone or over a window.
type aggCall struct {
	name     string
	pos      sql.Pos
	args     []value
	distinct string // "DISTINCT " or ""
	within   string // " ORDER BY …" of WITHIN GROUP
	sort     value  // WITHIN GROUP's first key
	desc     bool
	over     string // " OVER (…)" or ""
	star     bool
}

// apply writes one DuckDB aggregate with the call's DISTINCT and OVER.
func (c *aggCall) apply(fn, args string) string {
	return fn + "(" + c.distinct + args + ")" + c.over
}

type aggregate struct {
	min, max int
	emit     func(b *binder, c *aggCall) (value, error)
}

func (k *block) aggregate(name string, agg aggregate, e *sql.Call) (value, error) {
	if k.noAgg != "" {
		return value{}, sqlerr.Compilation(2035, "42601", "Invalid aggregate function [%s] in %s clause", name, k.noAgg)
	}
	if k.inAgg {
		return value{}, sqlerr.Compilation(2034, "42601", "Aggregate functions cannot be nested: [%s] nested in another aggregate", name)
	}
	k.inAgg = true
	c, err := k.aggArgs(name, agg, e)
	k.inAgg = false
	if err != nil {
		return value{}, err
	}
	v, err := agg.emit(k.b, c)
	if err != nil {
		return v, err
	}
	v.agg, v.win, v.loose = true, false, nil
	return v, nil
}

func (k *block) aggArgs(name string, agg aggregate, e *sql.Call) (*aggCall, error) {
	c := &aggCall{name: name, pos: e.Pos}
	if e.Distinct {
		c.distinct = "DISTINCT "
	}
	if len(e.Args) == 1 {
		if s, ok := e.Args[0].(*sql.Star); ok {
			if name != "COUNT" {
				return nil, sqlerr.Compilation(1003, "42000", "syntax error: unexpected '*' in %s", name)
			}
			if len(s.Qualifier) == 0 {
				c.star = true
				return c, nil
			}
			for _, rel := range k.rels {
				if rel.named(s.Qualifier) {
					for i := range rel.cols {
						c.args = append(c.args, rel.cols[i].value())
					}
				}
			}
			return c, nil
		}
	}
	args, err := k.exprs(e.Args)
	if err != nil {
		return nil, err
	}
	c.args = args
	if len(args) < agg.min {
		return nil, sqlerr.Compilation(938, "22023", "not enough arguments for function [%s], expected %d, got %d", name, agg.min, len(args))
	}
	if agg.max >= 0 && len(args) > agg.max {
		return nil, sqlerr.Compilation(939, "22023", "too many arguments for function [%s] expected %d, got %d", name, agg.max, len(args))
	}
	for i := range e.Within {
		o := &e.Within[i]
		v, err := k.expr(o.X)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			c.sort, c.desc = v, o.Desc
			c.within = " ORDER BY "
		} else {
			c.within += ", "
		}
		c.within += sortKey(v) + direction(o)
	}
	return c, nil
}

// window binds f(…) OVER (…).
func (k *block) window(name string, e *sql.Call) (value, error) {
	if k.noAgg != "" {
		return value{}, sqlerr.Compilation(2303, "42601", "Window function [%s] may not appear in %s clause.", name, k.noAgg)
	}
	if k.inAgg || k.inWin {
		return value{}, sqlerr.Compilation(2304, "42601", "Window function [%s] may not be nested inside another window function.", name)
	}
	w, wok := windows[name]
	agg, aok := aggregates[name]
	if !wok && !aok {
		if _, ok := scalars[name]; ok {
			return value{}, sqlerr.Compilation(2140, "42601", "Function %s is not a window function", name)
		}
		if refused(name) {
			return value{}, sqlerr.Unsupported("function %s", name)
		}
		return value{}, sqlerr.UnknownFunction(name)
	}
	k.inWin = true
	defer func() { k.inWin = false }()
	if wok {
		agg = aggregate{min: w.min, max: w.max}
	}
	c, err := k.aggArgs(name, agg, e)
	if err != nil {
		return value{}, err
	}
	var parts []value
	var over strings.Builder
	over.WriteString(" OVER (")
	for i, x := range e.Over.Partition {
		v, err := k.expr(x)
		if err != nil {
			return v, err
		}
		if i == 0 {
			over.WriteString("PARTITION BY ")
		} else {
			over.WriteString(", ")
		}
		over.WriteString(key(v))
		parts = append(parts, v)
	}
	order := e.Over.Order
	if len(order) == 0 && len(e.Within) > 0 && name == "LISTAGG" {
		order = nil
	}
	for i := range order {
		o := &order[i]
		v, err := k.expr(o.X)
		if err != nil {
			return v, err
		}
		if i == 0 {
			if len(e.Over.Partition) > 0 {
				over.WriteByte(' ')
			}
			over.WriteString("ORDER BY ")
		} else {
			over.WriteString(", ")
		}
		over.WriteString(sortKey(v) + direction(o))
		parts = append(parts, v)
	}
	switch {
	case e.Over.Frame != nil:
		fr, err := k.frame(e.Over.Frame)
		if err != nil {
			return value{}, err
		}
		over.WriteString(fr)
	case wok && w.whole:
		// FIRST_VALUE, LAST_VALUE and NTH_VALUE see their whole partition unless a frame is given (pages of the three).
		over.WriteString(" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING")
	}
	over.WriteByte(')')
	c.over = over.String()
	var v value
	if wok {
		if w.order && len(e.Over.Order) == 0 {
			return value{}, sqlerr.Compilation(2289, "42601", "Window function type [%s] requires ORDER BY in window specification", name)
		}
		v, err = w.emit(k.b, c, e)
	} else {
		v, err = agg.emit(k.b, c)
	}
	if err != nil {
		return v, err
	}
	for i := range parts {
		v.carry(&parts[i])
	}
	for i := range c.args {
		v.carry(&c.args[i])
	}
	v.win = true
	return v, nil
}

func (k *block) frame(f *sql.Frame) (string, error) {
	bound := func(b sql.Bound) (string, error) {
		if b.N == nil {
			return b.Kind, nil
		}
		if iv, ok := b.N.(*sql.IntervalExpr); ok {
			s, err := frameInterval(iv)
			return s + " " + b.Kind, err
		}
		v, _, err := k.b.constant(b.N)
		if err != nil {
			return "", err
		}
		return numberString(v) + " " + b.Kind, nil
	}
	start, err := bound(f.Start)
	if err != nil {
		return "", err
	}
	end, err := bound(f.End)
	if err != nil {
		return "", err
	}
	if end == "" {
		end = "CURRENT ROW"
	}
	return " " + f.Unit + " BETWEEN " + start + " AND " + end, nil
}

// floatAgg is an aggregate of FLOATs that gives a FLOAT.
func floatAgg(fn string, n int) aggregate {
	return aggregate{n, n, func(b *binder, c *aggCall) (value, error) {
		args := make([]string, len(c.args))
		for i := range c.args {
			v, err := b.argument('n', c.args[i])
			if err == nil {
				v, err = b.cast(v, tFloat, false)
			}
			if err != nil {
				return v, argumentTypes(c.name, c.pos, c.args...)
			}
			args[i] = v.sql
		}
		v := derive(tFloat, c.apply(fn, strings.Join(args, ", ")), c.args...)
		v.null = true
		return v, nil
	}}
}

func boolAgg(fn string) aggregate {
	return aggregate{1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.boolean(c.args[0])
		if err != nil {
			return x, err
		}
		v := derive(tBool, c.apply(fn, x.sql), x)
		v.null = true
		return v, nil
	}}
}

func bitAgg(fn string) aggregate {
	return aggregate{1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.argument('i', c.args[0])
		if err != nil {
			return x, err
		}
		v := derive(tInt, c.apply(fn, x.sql)+"::DECIMAL(38,0)", x)
		v.null = true
		return v, nil
	}}
}

func aggNumber(b *binder, c *aggCall) (value, error) {
	x := c.args[0]
	v, err := b.argument('n', x)
	if err != nil || x.t.Kind == result.Boolean {
		return v, argumentTypes(c.name, c.pos, x)
	}
	return v, nil
}

// extreme is MIN and MAX: by what a type is ordered by.
func extreme(fn string) aggregate {
	return aggregate{1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		s := ""
		if k := sortKey(x); k != x.sql {
			s = "arg_" + fn + "(" + x.sql + ", " + k + ")" + c.over
		} else {
			s = fn + "(" + x.sql + ")" + c.over
		}
		v := derive(x.t, s, x)
		v.null = true
		return v, nil
	}}
}

func by(fn string) aggregate {
	return aggregate{2, 3, func(b *binder, c *aggCall) (value, error) {
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		if len(c.args) == 3 {
			return x, sqlerr.Unsupported("%s with a number of rows", c.name)
		}
		v := derive(x.t, fn+"("+x.sql+", "+sortKey(c.args[1])+")"+c.over, x, c.args[1])
		v.null = true
		return v, nil
	}}
}

// percentile is PERCENTILE_CONT and PERCENTILE_DISC (p) WITHIN GROUP (ORDER BY x).
func percentile(fn string, interpolate bool) aggregate {
	return aggregate{1, 1, func(b *binder, c *aggCall) (value, error) {
		if c.within == "" {
			return value{}, sqlerr.Compilation(2300, "42601", "%s needs WITHIN GROUP (ORDER BY …)", c.name)
		}
		x := c.sort
		t := x.t
		var err error
		if interpolate {
			if x, err = b.argument('n', x); err != nil {
				return x, argumentTypes(c.name, c.pos, c.sort)
			}
			x = b.spread(x)
			t = x.t
		}
		p, err := b.cast(c.args[0], tFloat, false)
		if err != nil {
			return p, err
		}
		ps := p.sql
		if c.desc {
			ps = "(1 - " + ps + ")"
		}
		v := derive(t, fn+"("+x.sql+", "+ps+")"+c.over, x)
		v.null = true
		return v, nil
	}}
}

// spread gives an exact number the three more digits that MEDIAN and PERCENTILE_CONT answer with (their pages' examples).
func (b *binder) spread(x value) value {
	if x.t.Kind != result.Fixed {
		return x
	}
	s := min(37, x.t.Scale+3)
	return b.resize(x, number(min(38, x.t.Precision+3), s))
}

// aggregates is every aggregate function.
var aggregates = map[string]aggregate{
	"COUNT": {0, -1, func(b *binder, c *aggCall) (value, error) {
		s := ""
		switch {
		case c.star:
			s = "count(*)" + c.over
		case len(c.args) == 0:
			return value{}, sqlerr.Compilation(938, "22023", "not enough arguments for function [COUNT], expected 1, got 0")
		case len(c.args) == 1:
			x, err := b.argument('x', c.args[0])
			if err != nil {
				return x, err
			}
			s = c.apply("count", key(x))
		default:
			// Rows in which any is NULL do not count.
			var tests, keys []string
			for _, a := range c.args {
				x, err := b.argument('x', a)
				if err != nil {
					return x, err
				}
				tests = append(tests, x.sql+" IS NOT NULL")
				keys = append(keys, key(x))
			}
			s = c.apply("count", "CASE WHEN "+strings.Join(tests, " AND ")+" THEN row("+strings.Join(keys, ", ")+") END")
		}
		return value{sql: s + "::DECIMAL(18,0)", t: tInt18}, nil
	}},
	"COUNT_IF": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.boolean(c.args[0])
		if err != nil {
			return x, err
		}
		return value{sql: c.apply("count", "CASE WHEN "+x.sql+" THEN 1 END") + "::DECIMAL(18,0)", t: tInt18}, nil
	}},
	"SUM": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := aggNumber(b, c)
		if err != nil {
			return x, err
		}
		t := tFloat
		if x.t.Kind == result.Fixed {
			t = number(38, x.t.Scale)
		}
		v := derive(t, c.apply("sum", x.sql), x)
		v.null = true
		return v, nil
	}},
	"AVG": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := aggNumber(b, c)
		if err != nil {
			return x, err
		}
		v := derive(tFloat, c.apply("avg", x.sql), x)
		if x.t.Kind == result.Fixed {
			s := max(x.t.Scale, min(x.t.Scale+6, 12))
			v = derive(number(38, s), "sf_div_"+itoa(s)+"("+c.apply("sum", x.sql)+","+c.apply("count", x.sql)+")", x)
		}
		v.null = true
		return v, nil
	}},
	"MIN": extreme("min"), "MAX": extreme("max"),
	"ANY_VALUE": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		v := derive(x.t, "any_value("+x.sql+")"+c.over, x)
		v.null = true
		return v, nil
	}},
	"MODE": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		v := derive(x.t, "mode("+x.sql+")"+c.over, x)
		v.null = true
		return v, nil
	}},
	"MEDIAN": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := aggNumber(b, c)
		if err != nil {
			return x, err
		}
		x = b.spread(x)
		v := derive(x.t, "median("+x.sql+")"+c.over, x)
		v.null = true
		return v, nil
	}},
	"STDDEV": floatAgg("stddev_samp", 1), "STDDEV_SAMP": floatAgg("stddev_samp", 1), "STDDEV_POP": floatAgg("stddev_pop", 1),
	"VARIANCE": variance("var_samp"), "VAR_SAMP": variance("var_samp"), "VARIANCE_SAMP": variance("var_samp"),
	"VAR_POP": variance("var_pop"), "VARIANCE_POP": variance("var_pop"),
	"CORR": floatAgg("corr", 2), "COVAR_POP": floatAgg("covar_pop", 2), "COVAR_SAMP": floatAgg("covar_samp", 2),
	"SKEW": floatAgg("skewness", 1), "KURTOSIS": floatAgg("kurtosis", 1),
	"REGR_AVGX": floatAgg("regr_avgx", 2), "REGR_AVGY": floatAgg("regr_avgy", 2), "REGR_INTERCEPT": floatAgg("regr_intercept", 2),
	"REGR_R2": floatAgg("regr_r2", 2), "REGR_SLOPE": floatAgg("regr_slope", 2), "REGR_SXX": floatAgg("regr_sxx", 2),
	"REGR_SXY": floatAgg("regr_sxy", 2), "REGR_SYY": floatAgg("regr_syy", 2),
	"REGR_COUNT": {2, 2, func(b *binder, c *aggCall) (value, error) {
		return value{sql: c.apply("count", "CASE WHEN "+c.args[0].sql+" IS NOT NULL AND "+c.args[1].sql+" IS NOT NULL THEN 1 END") + "::DECIMAL(18,0)", t: tInt18}, nil
	}},
	"BOOLAND_AGG": boolAgg("bool_and"), "BOOLOR_AGG": boolAgg("bool_or"),
	"BOOLXOR_AGG": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.boolean(c.args[0])
		if err != nil {
			return x, err
		}
		v := derive(tBool, "(count(CASE WHEN "+x.sql+" THEN 1 END)"+c.over+" = 1)", x)
		v.null = true
		return v, nil
	}},
	"BITAND_AGG": bitAgg("bit_and"), "BITOR_AGG": bitAgg("bit_or"), "BITXOR_AGG": bitAgg("bit_xor"),
	"MIN_BY": by("arg_min"), "MAX_BY": by("arg_max"),
	"PERCENTILE_CONT": percentile("quantile_cont", true), "PERCENTILE_DISC": percentile("quantile_disc", false),
	"APPROX_PERCENTILE": {2, 2, func(b *binder, c *aggCall) (value, error) {
		x, err := b.argument('n', c.args[0])
		if err != nil {
			return x, argumentTypes(c.name, c.pos, c.args...)
		}
		if x, err = b.cast(x, tFloat, false); err != nil {
			return x, err
		}
		p, err := b.cast(c.args[1], tFloat, false)
		if err != nil {
			return p, err
		}
		v := derive(tFloat, "quantile_cont("+x.sql+", "+p.sql+")"+c.over, x)
		v.null = true
		return v, nil
	}},
	"APPROX_COUNT_DISTINCT": {1, -1, approxCount}, "HLL": {1, -1, approxCount},
	"LISTAGG": {1, 2, func(b *binder, c *aggCall) (value, error) {
		x, err := b.toText(c.args[0])
		if err != nil {
			return x, err
		}
		sep := textValue("")
		if len(c.args) == 2 {
			if sep, err = b.toText(c.args[1]); err != nil {
				return x, err
			}
		}
		return derive(tText, "coalesce(string_agg("+c.distinct+x.sql+", "+sep.sql+c.within+")"+c.over+", '')", x).required(), nil
	}},
	"ARRAY_AGG": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.cast(c.args[0], tVariant, false)
		if err != nil {
			return x, err
		}
		within := c.within
		if c.distinct != "" {
			within = ""
		}
		if c.distinct != "" && c.within != "" {
			// DuckDB orders a DISTINCT list by its own argument only: sort it afterwards.
			asc := "true"
			if c.desc {
				asc = "false"
			}
			list := "v_list(list(DISTINCT " + x.sql + ") FILTER (WHERE " + x.sql + " IS NOT NULL)" + c.over + ")"
			return derive(tArray, "v_arraysort("+list+","+asc+",false)", x).required(), nil
		}
		return derive(tArray, "v_list(list("+c.distinct+x.sql+within+") FILTER (WHERE "+x.sql+" IS NOT NULL)"+c.over+")", x).required(), nil
	}},
	"ARRAY_UNIQUE_AGG": {1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := b.cast(c.args[0], tVariant, false)
		if err != nil {
			return x, err
		}
		return derive(tArray, "v_list(list(DISTINCT "+x.sql+") FILTER (WHERE "+x.sql+" IS NOT NULL)"+c.over+")", x).required(), nil
	}},
	"OBJECT_AGG": {2, 2, func(b *binder, c *aggCall) (value, error) {
		x, err := b.toText(c.args[0])
		if err != nil {
			return x, err
		}
		v, err := b.cast(c.args[1], tVariant, false)
		if err != nil {
			return x, err
		}
		where := " FILTER (WHERE " + x.sql + " IS NOT NULL AND " + v.sql + " IS NOT NULL)" + c.over
		return derive(tObject, "v_objects(list("+x.sql+")"+where+", list("+v.sql+")"+where+")", x, v).required(), nil
	}},
}

// windows is every function that exists only over a window.
var windows = map[string]window{
	"ROW_NUMBER":   rankWindow("row_number()", true, tInt18),
	"RANK":         rankWindow("rank()", true, tInt18),
	"DENSE_RANK":   rankWindow("dense_rank()", true, tInt18),
	"PERCENT_RANK": rankWindow("percent_rank()", true, tFloat),
	"CUME_DIST":    rankWindow("cume_dist()", true, tFloat),
	"NTILE": {min: 1, max: 1, order: true, emit: func(b *binder, c *aggCall, e *sql.Call) (value, error) {
		n, err := b.argument('i', c.args[0])
		if err != nil {
			return n, err
		}
		return value{sql: "ntile(" + n.sql + ")" + c.over + "::DECIMAL(18,0)", t: tInt18}, nil
	}},
	"LAG": shiftWindow("lag"), "LEAD": shiftWindow("lead"),
	"FIRST_VALUE": valueWindow("first_value"), "LAST_VALUE": valueWindow("last_value"),
	"NTH_VALUE": {min: 2, max: 2, whole: true, emit: func(b *binder, c *aggCall, e *sql.Call) (value, error) {
		if e.FromLast {
			return value{}, sqlerr.Unsupported("NTH_VALUE FROM LAST")
		}
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		n, err := b.argument('i', c.args[1])
		if err != nil {
			return n, err
		}
		v := derive(x.t, "nth_value("+x.sql+", "+n.sql+ignoreNulls(e)+")"+c.over, x)
		v.null = true
		return v, nil
	}},
	"CONDITIONAL_TRUE_EVENT": {min: 1, max: 1, order: true, emit: func(b *binder, c *aggCall, e *sql.Call) (value, error) {
		x, err := b.boolean(c.args[0])
		if err != nil {
			return x, err
		}
		over := strings.TrimSuffix(c.over, ")") + " ROWS UNBOUNDED PRECEDING)"
		return value{sql: "count(CASE WHEN " + x.sql + " THEN 1 END)" + over + "::DECIMAL(18,0)", t: tInt18}, nil
	}},
	"RATIO_TO_REPORT": {min: 1, max: 1, emit: func(b *binder, c *aggCall, e *sql.Call) (value, error) {
		x, err := b.argument('n', c.args[0])
		if err != nil {
			return x, err
		}
		sum := derive(tFloat, "sum("+x.sql+")"+c.over, x)
		if x.t.Kind == result.Fixed {
			sum.t = number(38, x.t.Scale)
		}
		v, err := b.arithmetic("/", x, b.nullIfZero(sum), e.Pos)
		v.null = true
		return v, err
	}},
}

// required marks a value that is never NULL.
func (v value) required() value {
	v.null = false
	return v
}

func (b *binder) nullIfZero(v value) value {
	zero := "0::" + PhysicalType(v.t)
	out := v.with(v.t, "nullif("+v.sql+", "+zero+")")
	out.null = true
	return out
}

func approxCount(b *binder, c *aggCall) (value, error) {
	if len(c.args) > 1 {
		return value{}, sqlerr.Unsupported("APPROX_COUNT_DISTINCT of several expressions")
	}
	if c.star {
		return value{}, sqlerr.Unsupported("APPROX_COUNT_DISTINCT(*)")
	}
	return value{sql: "approx_count_distinct(" + key(c.args[0]) + ")" + c.over + "::DECIMAL(18,0)", t: tInt18}, nil
}

// variance of an exact number is exact: the scale of a square, then of a division (page "VAR_SAMP": NUMBER(10,2) gives ten digits).
func variance(fn string) aggregate {
	return aggregate{1, 1, func(b *binder, c *aggCall) (value, error) {
		x, err := aggNumber(b, c)
		if err != nil {
			return x, err
		}
		fx, err := b.cast(x, tFloat, false)
		if err != nil {
			return x, err
		}
		v := derive(tFloat, c.apply(fn, fx.sql), x)
		if x.t.Kind == result.Fixed {
			s := mulType(x.t, x.t).Scale
			s = max(s, min(s+6, 12))
			v = derive(number(38, s), "sf_fnum_"+itoa(s)+"("+v.sql+")", x)
		}
		v.null = true
		return v, nil
	}}
}

// window is a function that exists only over a window. whole: without a frame it sees the whole partition; order: it needs ORDER BY.
type window struct {
	min, max     int
	whole, order bool
	emit         func(b *binder, c *aggCall, e *sql.Call) (value, error)
}

func rankWindow(call string, order bool, t result.Type) window {
	return window{order: order, emit: func(b *binder, c *aggCall, e *sql.Call) (value, error) {
		s := call + c.over
		if t.Kind == result.Fixed {
			s += "::DECIMAL(18,0)"
		}
		return value{sql: s, t: t}, nil
	}}
}

func ignoreNulls(e *sql.Call) string {
	if e.IgnoreNulls {
		return " IGNORE NULLS"
	}
	return ""
}

func shiftWindow(fn string) window {
	return window{min: 1, max: 3, order: true, emit: func(b *binder, c *aggCall, e *sql.Call) (value, error) {
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		s := ""
		t := x.t
		if len(c.args) > 2 {
			both, ct, err := b.commonAll(c.name, []value{x, c.args[2]})
			if err != nil {
				return x, err
			}
			x, t = both[0], ct
			s = ", " + both[1].sql
			if both[1].t.Kind == 0 {
				s = ", NULL"
			}
		}
		if len(c.args) > 1 {
			n, err := b.argument('i', c.args[1])
			if err != nil {
				return n, err
			}
			s = ", " + n.sql + s
		}
		v := derive(t, fn+"("+x.sql+s+ignoreNulls(e)+")"+c.over, x)
		v.null = true
		return v, nil
	}}
}

func valueWindow(fn string) window {
	return window{min: 1, max: 1, whole: true, emit: func(b *binder, c *aggCall, e *sql.Call) (value, error) {
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		v := derive(x.t, fn+"("+x.sql+ignoreNulls(e)+")"+c.over, x)
		v.null = true
		return v, nil
	}}
}
