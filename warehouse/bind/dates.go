package bind

import (
	"math/big"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// datePartArg are the functions whose argument at that index names a date part, as a word or as a text.
var datePartArg = map[string]int{
	"DATEADD": 0, "TIMEADD": 0, "TIMESTAMPADD": 0, "DATEDIFF": 0, "TIMEDIFF": 0, "TIMESTAMPDIFF": 0,
	"DATE_TRUNC": 0, "TIME_TRUNC": 0, "DATE_PART": 0, "EXTRACT": 0, "LAST_DAY": 1, "TIME_SLICE": 2,
}

func partOf(s string) (string, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	switch s {
	case "YEAR", "Y", "YY", "YYY", "YYYY", "YR", "YEARS", "YRS":
		return "YEAR", true
	case "MONTH", "MM", "MON", "MONS", "MONTHS":
		return "MONTH", true
	case "DAY", "D", "DD", "DAYS", "DAYOFMONTH":
		return "DAY", true
	case "DAYOFWEEK", "WEEKDAY", "DOW", "DW":
		return "DAYOFWEEK", true
	case "DAYOFWEEKISO", "DAYOFWEEK_ISO", "WEEKDAY_ISO", "DOW_ISO", "DW_ISO":
		return "DAYOFWEEKISO", true
	case "DAYOFYEAR", "YEARDAY", "DOY", "DY":
		return "DAYOFYEAR", true
	case "WEEK", "W", "WK", "WEEKOFYEAR", "WOY", "WY", "WEEKS":
		return "WEEK", true
	case "WEEKISO", "WEEK_ISO", "WEEKOFYEARISO", "WEEKOFYEAR_ISO":
		return "WEEKISO", true
	case "QUARTER", "Q", "QTR", "QTRS", "QUARTERS":
		return "QUARTER", true
	case "YEAROFWEEK", "YEAROFWEEKISO":
		return s, true
	case "HOUR", "H", "HH", "HR", "HOURS", "HRS":
		return "HOUR", true
	case "MINUTE", "M", "MI", "MIN", "MINUTES", "MINS":
		return "MINUTE", true
	case "SECOND", "S", "SEC", "SECONDS", "SECS":
		return "SECOND", true
	case "MILLISECOND", "MS", "MSEC", "MILLISECONDS":
		return "MILLISECOND", true
	case "MICROSECOND", "US", "USEC", "MICROSECONDS":
		return "MICROSECOND", true
	case "NANOSECOND", "NS", "NSEC", "NANOSEC", "NSECOND", "NANOSECONDS", "NANOSECS", "NSECONDS":
		return "NANOSECOND", true
	case "EPOCH_SECOND", "EPOCH", "EPOCH_SECONDS":
		return "EPOCH_SECOND", true
	case "EPOCH_MILLISECOND", "EPOCH_MILLISECONDS":
		return "EPOCH_MILLISECOND", true
	case "EPOCH_MICROSECOND", "EPOCH_MICROSECONDS":
		return "EPOCH_MICROSECOND", true
	case "EPOCH_NANOSECOND", "EPOCH_NANOSECONDS":
		return "EPOCH_NANOSECOND", true
	case "TIMEZONE_HOUR", "TZH":
		return "TIMEZONE_HOUR", true
	case "TIMEZONE_MINUTE", "TZM":
		return "TIMEZONE_MINUTE", true
	}
	return "", false
}

func (k *block) datePartCall(name string, at int, e *sql.Call) (value, error) {
	b := k.b
	part := ""
	var rest []sql.Expr
	for i, x := range e.Args {
		if i != at {
			rest = append(rest, x)
			continue
		}
		switch x := x.(type) {
		case *sql.Ref:
			part = x.Parts[len(x.Parts)-1].Name
		case *sql.Literal:
			part = x.Text
		default:
			v, _, err := b.constant(x)
			if err != nil {
				return value{}, err
			}
			part = numberString(v)
		}
		p, ok := partOf(part)
		if !ok {
			return value{}, sqlerr.Compilation(1104, "22023", "'%s' is not a valid date/time component for function %s.", part, name)
		}
		part = p
	}
	args, err := k.exprs(rest)
	if err != nil {
		return value{}, err
	}
	need := map[string]int{"DATEADD": 2, "TIMEADD": 2, "TIMESTAMPADD": 2, "DATEDIFF": 2, "TIMEDIFF": 2, "TIMESTAMPDIFF": 2, "DATE_TRUNC": 1, "TIME_TRUNC": 1, "DATE_PART": 1, "EXTRACT": 1, "LAST_DAY": 1, "TIME_SLICE": 2}[name]
	if name == "TIME_SLICE" && len(args) == 3 {
		return value{}, sqlerr.Unsupported("TIME_SLICE with START or END")
	}
	if len(args) != need {
		return value{}, sqlerr.Compilation(938, "22023", "not enough arguments for function [%s], expected %d, got %d", name, need+1, len(e.Args))
	}
	switch name {
	case "DATEADD", "TIMEADD", "TIMESTAMPADD":
		n, err := b.argument('i', args[0])
		if err != nil {
			return n, argumentTypes(name, e.Pos, args...)
		}
		return b.dateAdd(part, n, args[1], e.Pos)
	case "DATEDIFF", "TIMEDIFF", "TIMESTAMPDIFF":
		return b.dateDiff(part, args[0], args[1], e.Pos)
	case "DATE_TRUNC", "TIME_TRUNC":
		return b.dateTrunc(part, args[0], e.Pos)
	case "DATE_PART", "EXTRACT":
		return b.datePart(part, args[0], e.Pos)
	case "LAST_DAY":
		if part == "" {
			part = "MONTH"
		}
		d, err := b.cast(args[0], tDate, false)
		if err != nil {
			return d, argumentTypes(name, e.Pos, args...)
		}
		switch part {
		case "MONTH":
			return derive(tDate, "last_day("+d.sql+")", d), nil
		case "YEAR", "QUARTER", "WEEK":
			return derive(tDate, "(date_trunc('"+strings.ToLower(part)+"', "+d.sql+") + INTERVAL 1 "+part+" - INTERVAL 1 DAY)::DATE", d), nil
		}
		return value{}, sqlerr.Unsupported("LAST_DAY of %s", part)
	}
	// TIME_SLICE: slices count from 1970-01-01, weeks from Monday before it.
	n, _, err := b.constant(rest[1])
	if err != nil {
		return value{}, err
	}
	step, err := strconv.Atoi(numberString(n))
	if err != nil || step < 1 {
		return value{}, sqlerr.Invalid("invalid slice length %v of TIME_SLICE", n)
	}
	x, err := b.argument('t', args[0])
	if err != nil {
		return x, err
	}
	if x.t.Kind != result.Date && x.t.Kind != result.TimestampNTZ {
		return x, sqlerr.Unsupported("TIME_SLICE of %s", x.t.SQL())
	}
	origin := "'1970-01-01'::TIMESTAMP"
	if part == "WEEK" {
		origin = "'1969-12-29'::TIMESTAMP"
	}
	return derive(x.t, "time_bucket(INTERVAL '"+itoa(step)+" "+part+"', "+x.sql+"::TIMESTAMP, "+origin+")::"+PhysicalType(x.t), x), nil
}

// local brings a date or time argument to its wall clock and gives what brings a result back.
func (b *binder) local(x value) (wall string, back func(string) string) {
	switch x.t.Kind {
	case result.TimestampLTZ:
		return b.toLocal(x.sql), b.toUTC
	case result.TimestampTZ:
		return "sf_wall(" + x.sql + ")", func(s string) string { return "sf_unwall(" + s + "," + x.sql + ".o)" }
	}
	return x.sql, func(s string) string { return s }
}

// interval is a number of date parts as a DuckDB interval; n is a BIGINT.
func partInterval(part, n string) (string, bool) {
	switch part {
	case "YEAR":
		return "to_months((" + n + " * 12)::INTEGER)", true
	case "QUARTER":
		return "to_months((" + n + " * 3)::INTEGER)", true
	case "MONTH":
		return "to_months(" + n + "::INTEGER)", true
	case "WEEK":
		return "to_days((" + n + " * 7)::INTEGER)", true
	case "DAY":
		return "to_days(" + n + "::INTEGER)", true
	case "HOUR":
		return "to_hours(" + n + ")", false
	case "MINUTE":
		return "to_minutes(" + n + ")", false
	case "SECOND":
		return "to_microseconds(" + n + " * 1000000)", false
	case "MILLISECOND":
		return "to_microseconds(" + n + " * 1000)", false
	case "MICROSECOND":
		return "to_microseconds(" + n + ")", false
	case "NANOSECOND":
		return "to_microseconds(" + n + " // 1000)", false
	}
	return "", false
}

func (b *binder) dateAdd(part string, n, x value, pos sql.Pos) (value, error) {
	x, err := b.argument('t', x)
	if err != nil {
		return x, argumentTypes("DATEADD", pos, n, x)
	}
	iv, days := partInterval(part, n.sql)
	if iv == "" {
		return x, sqlerr.Compilation(1104, "22023", "'%s' is not a valid date/time component for function DATEADD.", strings.ToLower(part))
	}
	switch {
	case x.t.Kind == result.Date && days:
		return derive(tDate, "("+x.sql+" + "+iv+")::DATE", n, x), nil
	case x.t.Kind == result.Date:
		return derive(tNTZ, "("+x.sql+"::TIMESTAMP + "+iv+")", n, x), nil
	case x.t.Kind == result.Time:
		if days {
			return x, sqlerr.Compilation(1104, "22023", "'%s' is not a valid date/time component for function DATEADD.", strings.ToLower(part))
		}
		return derive(x.t, "("+x.sql+" + "+iv+")", n, x), nil
	case x.t.Kind == result.TimestampNTZ:
		return derive(x.t, "("+x.sql+" + "+iv+")", n, x), nil
	}
	if !days {
		if x.t.Kind == result.TimestampTZ {
			return derive(x.t, "struct_pack(t := "+x.sql+".t + "+iv+", o := "+x.sql+".o)", n, x), nil
		}
		return derive(x.t, "("+x.sql+" + "+iv+")", n, x), nil
	}
	wall, back := b.local(x)
	return derive(x.t, back("("+wall+" + "+iv+")"), n, x), nil
}

func (b *binder) dateDiff(part string, l, r value, pos sql.Pos) (value, error) {
	var err error
	if l, err = b.argument('t', l); err == nil {
		r, err = b.argument('t', r)
	}
	if err != nil || (l.t.Kind == result.Time) != (r.t.Kind == result.Time) {
		return l, argumentTypes("DATEDIFF", pos, l, r)
	}
	a, _ := b.local(l)
	c, _ := b.local(r)
	if l.t.Kind != result.Time {
		if l.t.Kind != result.Date {
			a = "(" + a + ")"
		}
		a, c = a+"::TIMESTAMP", c+"::TIMESTAMP"
	} else {
		a, c = "('1970-01-01'::DATE + "+a+")", "('1970-01-01'::DATE + "+c+")"
	}
	t := number(9, 0)
	s := ""
	switch part {
	case "YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND":
		s = "date_diff('" + strings.ToLower(part) + "', " + a + ", " + c + ")"
	case "WEEK":
		// DuckDB counts seven days; Snowflake counts Mondays.
		s = "(date_diff('day', date_trunc('week', " + a + "), date_trunc('week', " + c + ")) // 7)"
	case "NANOSECOND":
		s = "(date_diff('microsecond', " + a + ", " + c + ") * 1000)"
	default:
		return l, sqlerr.Compilation(1104, "22023", "'%s' is not a valid date/time component for function DATEDIFF.", strings.ToLower(part))
	}
	switch part {
	case "SECOND", "MILLISECOND", "MICROSECOND":
		t = number(18, 0)
	case "NANOSECOND":
		t = number(38, 0)
	}
	return derive(t, s+"::"+PhysicalType(t), l, r), nil
}

func (b *binder) dateTrunc(part string, x value, pos sql.Pos) (value, error) {
	x, err := b.argument('t', x)
	if err != nil {
		return x, argumentTypes("DATE_TRUNC", pos, x)
	}
	switch part {
	case "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND":
	case "NANOSECOND":
		return x, nil
	default:
		return x, sqlerr.Compilation(1104, "22023", "'%s' is not a valid date/time component for function DATE_TRUNC.", strings.ToLower(part))
	}
	trunc := "date_trunc('" + strings.ToLower(part) + "', "
	switch x.t.Kind {
	case result.Date:
		return derive(tDate, trunc+x.sql+")::DATE", x), nil
	case result.Time:
		return derive(x.t, trunc+"'1970-01-01'::DATE + "+x.sql+")::TIME", x), nil
	}
	wall, back := b.local(x)
	return derive(x.t, back(trunc+wall+")"), x), nil
}

// datePart is EXTRACT and its named forms.
func (b *binder) datePart(part string, x value, pos sql.Pos) (value, error) {
	x, err := b.argument('t', x)
	if err != nil {
		return x, argumentTypes("EXTRACT", pos, x)
	}
	wall, _ := b.local(x)
	get := func(name string, p int) (value, error) {
		t := number(p, 0)
		return derive(t, "date_part('"+name+"', "+wall+")::"+decimal(max(p, 5), 0)+cut(p), x), nil
	}
	switch part {
	case "YEAR":
		return get("year", 4)
	case "MONTH", "DAY", "QUARTER", "HOUR", "MINUTE", "SECOND":
		if part == "SECOND" {
			return derive(number(2, 0), "(floor(date_part('second', "+wall+")))::DECIMAL(5,0)::DECIMAL(2,0)", x), nil
		}
		return get(strings.ToLower(part), 2)
	case "DAYOFWEEK":
		return get("dow", 1)
	case "DAYOFWEEKISO":
		return get("isodow", 1)
	case "DAYOFYEAR":
		return get("doy", 3)
	case "WEEK", "WEEKISO":
		return get("week", 2)
	case "YEAROFWEEK", "YEAROFWEEKISO":
		return get("isoyear", 4)
	case "NANOSECOND":
		return derive(number(9, 0), "((date_part('microsecond', "+wall+") % 1000000) * 1000)::DECIMAL(9,0)", x), nil
	case "MICROSECOND":
		return derive(number(9, 0), "(date_part('microsecond', "+wall+") % 1000000)::DECIMAL(9,0)", x), nil
	case "MILLISECOND":
		return derive(number(9, 0), "((date_part('microsecond', "+wall+") % 1000000) // 1000)::DECIMAL(9,0)", x), nil
	case "EPOCH_SECOND", "EPOCH_MILLISECOND", "EPOCH_MICROSECOND", "EPOCH_NANOSECOND":
		utc := x.sql
		if x.t.Kind == result.TimestampTZ {
			utc = x.sql + ".t"
		}
		us := "epoch_us(" + utc + "::TIMESTAMP)"
		switch part {
		case "EPOCH_SECOND":
			us = "sf_floordiv(" + us + ",1000000)"
		case "EPOCH_MILLISECOND":
			us = "sf_floordiv(" + us + ",1000)"
		case "EPOCH_NANOSECOND":
			return derive(tInt, "("+us+"::HUGEINT * 1000)::DECIMAL(38,0)", x), nil
		}
		return derive(tInt, us+"::DECIMAL(38,0)", x), nil
	case "TIMEZONE_HOUR", "TIMEZONE_MINUTE":
		o := "0"
		switch x.t.Kind {
		case result.TimestampTZ:
			o = x.sql + ".o"
		case result.TimestampLTZ:
			o = "sf_tzof(" + x.sql + "," + b.zoneText() + ").o"
		}
		if part == "TIMEZONE_HOUR" {
			return derive(number(9, 0), "("+o+" // 60)::DECIMAL(9,0)", x), nil
		}
		return derive(number(9, 0), "("+o+" % 60)::DECIMAL(9,0)", x), nil
	}
	return x, sqlerr.Unsupported("date part %s", part)
}

// cut narrows a small number that DuckDB would not cast from BIGINT in one step.
func cut(p int) string {
	if p >= 5 {
		return ""
	}
	return "::" + decimal(p, 0)
}

func part(name string) scalar {
	return scalar{1, 1, func(b *binder, c *scalarCall) (value, error) {
		if c.args[0].t.Kind == result.Text || isNumeric(c.args[0].t.Kind) {
			return value{}, argumentTypes(c.name, c.pos, c.args...)
		}
		return b.datePart(name, c.args[0], c.pos)
	}}
}

var dateFunctions = map[string]scalar{
	"YEAR": part("YEAR"), "MONTH": part("MONTH"), "DAY": part("DAY"), "DAYOFMONTH": part("DAY"), "DAYOFWEEK": part("DAYOFWEEK"), "DAYOFWEEKISO": part("DAYOFWEEKISO"),
	"DAYOFYEAR": part("DAYOFYEAR"), "WEEK": part("WEEK"), "WEEKOFYEAR": part("WEEK"), "WEEKISO": part("WEEKISO"), "QUARTER": part("QUARTER"),
	"YEAROFWEEK": part("YEAROFWEEK"), "YEAROFWEEKISO": part("YEAROFWEEKISO"), "HOUR": part("HOUR"), "MINUTE": part("MINUTE"), "SECOND": part("SECOND"),
	"DAYNAME": f("l", always(text(3)), "left(dayname($1), 3)"), "MONTHNAME": f("l", always(text(3)), "left(monthname($1), 3)"),
	"ADD_MONTHS": {2, 2, func(b *binder, c *scalarCall) (value, error) {
		n, err := b.argument('i', c.args[1])
		if err != nil {
			return n, err
		}
		x, err := b.argument('t', c.args[0])
		if err != nil {
			return x, err
		}
		// The last day of a month stays the last day (page "ADD_MONTHS").
		v, err := b.dateAdd("MONTH", n, x, c.pos)
		if err != nil {
			return v, err
		}
		if x.t.Kind == result.Date {
			v.sql = "(CASE WHEN " + x.sql + " = last_day(" + x.sql + ") THEN last_day(" + v.sql + ") ELSE " + v.sql + " END)"
		}
		return v, nil
	}},
	"MONTHS_BETWEEN": f("ll", isFloat, "sf_months_between($1,$2)"),
	"NEXT_DAY":       f("ds", always(tDate), "sf_next_day($1,$2,1)"), "PREVIOUS_DAY": f("ds", always(tDate), "sf_next_day($1,$2,-1)"),
	"DATE_FROM_PARTS": f("iii", always(tDate), "sf_date_parts($1,$2,$3)"), "DATEFROMPARTS": f("iii", always(tDate), "sf_date_parts($1,$2,$3)"),
	"TIME_FROM_PARTS": f("iiii", always(tTime), "sf_time_parts($1,$2,$3,0::BIGINT)", "sf_time_parts($1,$2,$3,$4)"), "TIMEFROMPARTS": f("iiii", always(tTime), "sf_time_parts($1,$2,$3,0::BIGINT)", "sf_time_parts($1,$2,$3,$4)"),
	"TIMESTAMP_FROM_PARTS": {2, 7, emitTimestampParts}, "TIMESTAMP_NTZ_FROM_PARTS": {2, 7, emitTimestampParts}, "TIMESTAMPFROMPARTS": {2, 7, emitTimestampParts},
	"CONVERT_TIMEZONE": {2, 3, func(b *binder, c *scalarCall) (value, error) {
		if len(c.args) == 3 {
			args, err := b.convertArgs("ssl", c)
			if err != nil {
				return value{}, err
			}
			return derive(tNTZ, expand("sf_local(sf_utc($3,$1),$2)", args), args...), nil
		}
		zone, err := b.toText(c.args[0])
		if err != nil {
			return zone, err
		}
		x, err := b.argument('t', c.args[1])
		if err == nil {
			x, err = b.cast(x, tLTZ, false)
		}
		if err != nil {
			return x, argumentTypes(c.name, c.pos, c.args...)
		}
		return derive(tTZ, "sf_tzof("+x.sql+","+zone.sql+")", x, zone), nil
	}},
}

func emitTimestampParts(b *binder, c *scalarCall) (value, error) {
	if len(c.args) == 2 {
		args, err := b.convertArgs("dx", c)
		if err != nil {
			return value{}, err
		}
		t, err := b.cast(args[1], tTime, false)
		if err != nil {
			return t, err
		}
		return derive(tNTZ, "("+args[0].sql+" + "+t.sql+")", args[0], t), nil
	}
	if len(c.args) < 6 {
		return value{}, sqlerr.Compilation(938, "22023", "not enough arguments for function [%s], expected 6, got %d", c.name, len(c.args))
	}
	args, err := b.convertArgs("iiiiiii", c)
	if err != nil {
		return value{}, err
	}
	if len(args) == 6 {
		args = append(args, value{sql: "0::BIGINT", t: tInt})
	}
	return derive(tNTZ, expand("sf_ts_parts($1,$2,$3,$4,$5,$6,$7)", args), args...), nil
}

// interval is x ± INTERVAL '…': each part in turn, as Snowflake adds them.
func (k *block) interval(xe sql.Expr, op string, iv *sql.IntervalExpr) (value, error) {
	b := k.b
	x, err := k.expr(xe)
	if err != nil {
		return x, err
	}
	if x, err = b.argument('t', x); err != nil {
		return x, argumentTypes(op, iv.Pos, x)
	}
	parts, err := intervalParts(iv)
	if err != nil {
		return x, err
	}
	for _, p := range parts {
		n := p.n
		if op == "-" {
			n = -n
		}
		x, err = b.dateAdd(p.part, value{sql: "(" + strconv.FormatInt(n, 10) + ")::BIGINT", t: tInt}, x, iv.Pos)
		if err != nil {
			return x, err
		}
	}
	return x, nil
}

type intervalPart struct {
	n    int64
	part string
}

// intervalParts reads INTERVAL '1 day, 2 hours' and INTERVAL '3' DAY. Amounts round half away from zero.
func intervalParts(iv *sql.IntervalExpr) ([]intervalPart, error) {
	var out []intervalPart
	for piece := range strings.SplitSeq(iv.Text, ",") {
		fields := strings.Fields(piece)
		if len(fields) == 0 || len(fields) > 2 {
			return nil, sqlerr.Compilation(1003, "42000", "syntax error in interval '%s'.", iv.Text)
		}
		unit := iv.Unit
		if len(fields) == 2 {
			unit = fields[1]
		}
		if unit == "" {
			unit = "SECOND"
		}
		p, ok := partOf(unit)
		if !ok {
			return nil, sqlerr.Compilation(1104, "22023", "%s is not recognized as a date type.", unit)
		}
		r, ok := new(big.Rat).SetString(fields[0])
		if !ok {
			return nil, sqlerr.Compilation(1003, "42000", "syntax error in interval '%s'.", iv.Text)
		}
		if !r.IsInt() {
			half := big.NewRat(1, 2)
			if r.Sign() < 0 {
				half.Neg(half)
			}
			r.Add(r, half)
		}
		n := new(big.Int).Quo(r.Num(), r.Denom())
		if !n.IsInt64() {
			return nil, sqlerr.New(100037, "22003", "Number out of representable range: '%s'", fields[0])
		}
		out = append(out, intervalPart{n.Int64(), p})
	}
	return out, nil
}

func frameInterval(iv *sql.IntervalExpr) (string, error) {
	parts, err := intervalParts(iv)
	if err != nil {
		return "", err
	}
	if len(parts) != 1 {
		return "", sqlerr.Unsupported("RANGE with an interval of several parts")
	}
	return "INTERVAL '" + strconv.FormatInt(parts[0].n, 10) + " " + parts[0].part + "'", nil
}
