package bind

import (
	"fmt"
	"strings"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// call binds a function call: aggregates and windows, the forms that read their arguments' text (date parts), the tables of
// functions, then functions of other rooms.
func (k *block) call(e *sql.Call) (value, error) {
	b := k.b
	if e.Method != "" {
		return value{}, sqlerr.UnknownFunction(e.Method)
	}
	name := callName(e)
	if e.Over != nil {
		return k.window(name, e)
	}
	if agg, ok := aggregates[name]; ok {
		return k.aggregate(name, agg, e)
	}
	if _, ok := windows[name]; ok {
		return value{}, sqlerr.Compilation(2290, "42601", "missing OVER clause for window function [%s]", name)
	}
	switch name {
	case "SYSTEM$TYPEOF":
		if len(e.Args) == 1 {
			v, err := k.expr(e.Args[0])
			if err != nil {
				return v, err
			}
			return textValue(typeofText(v.t)), nil
		}
	case "GROUPING", "GROUPING_ID":
		inner, err := k.exprs(e.Args)
		if err != nil {
			return value{}, err
		}
		parts := make([]string, len(inner))
		for i := range inner {
			parts[i] = inner[i].sql
		}
		return value{sql: "grouping(" + strings.Join(parts, ", ") + ")::DECIMAL(18,0)", t: tInt18, agg: true}, nil
	case "SEQ1", "SEQ2", "SEQ4", "SEQ8":
		return k.sequenceValue(), nil
	case "CAST", "TRY_CAST":
		return value{}, sqlerr.Compilation(1003, "42000", "syntax error: %s needs AS", name)
	}
	if part, ok := datePartArg[name]; ok {
		return k.datePartCall(name, part, e)
	}
	if f, ok := scalars[name]; ok {
		if len(e.Named) > 0 {
			return value{}, sqlerr.Compilation(1006, "42601", "function %s takes no named arguments", name)
		}
		args, err := k.exprs(e.Args)
		if err != nil {
			return value{}, err
		}
		if len(args) < f.min {
			return value{}, sqlerr.Compilation(938, "22023", "not enough arguments for function [%s], expected %d, got %d", name, f.min, len(args))
		}
		if f.max >= 0 && len(args) > f.max {
			return value{}, sqlerr.Compilation(939, "22023", "too many arguments for function [%s] expected %d, got %d", name, f.max, len(args))
		}
		v, err := f.emit(b, &scalarCall{name: name, pos: e.Pos, args: args})
		if err != nil {
			return v, err
		}
		return v, nil
	}
	if len(e.Args) == 0 {
		if v, ok, err := k.contextFunction(name); ok || err != nil {
			return v, err
		}
	}
	if f, ok := b.names.Function(name); ok && f.Scalar {
		return k.foreign(f, e)
	}
	if refused(name) {
		return value{}, sqlerr.Unsupported("function %s", name)
	}
	return value{}, sqlerr.UnknownFunction(name)
}

// foreign calls a function of another room once and inlines its answer.
func (k *block) foreign(f statement.Function, e *sql.Call) (value, error) {
	b := k.b
	args, err := b.args(e)
	if err != nil {
		return value{}, err
	}
	b.volatile = true
	if len(f.Columns) != 1 {
		return value{}, sqlerr.Internal(fmt.Errorf("scalar function %s has %d columns", f.Name, len(f.Columns)))
	}
	t := f.Columns[0].Type
	if b.describe {
		v, err := b.cast(nullValue(), t, false)
		v.null = f.Columns[0].Nullable
		return v, err
	}
	r, err := f.Call(b.ctx, b.sc, args)
	if err != nil {
		return value{}, err
	}
	g, err := scalarOf(r)
	if err != nil {
		return value{}, err
	}
	v, err := b.goValue(g, t)
	v.null = f.Columns[0].Nullable
	return v, err
}

// scalarOf takes the single value of a scalar function's result.
func scalarOf(r *result.Result) (any, error) {
	if r == nil || len(r.Rows) != 1 || len(r.Rows[0]) != 1 {
		return nil, sqlerr.Internal(fmt.Errorf("scalar function gave no single value"))
	}
	return r.Rows[0][0], nil
}

// sequenceValue is SEQn(): the row's number in a GENERATOR, or in the order of the rows as they come.
func (k *block) sequenceValue() value {
	for _, rel := range k.rels {
		for i := range rel.cols {
			if rel.cols[i].name == sequence {
				return value{sql: rel.cols[i].ref + "::DECIMAL(19,0)", t: number(19, 0)}
			}
		}
	}
	return value{sql: "(row_number() OVER () - 1)::DECIMAL(19,0)", t: number(19, 0), win: true, volatile: true}
}

// contextText is a context function whose value is a text known without DuckDB.
func (b *binder) contextText(name string) (any, bool) {
	if b.sc == nil {
		return nil, false
	}
	sc := b.sc
	orNull := func(s string) (any, bool) {
		if s == "" {
			return nil, true
		}
		return s, true
	}
	switch name {
	case "CURRENT_USER":
		return orNull(sc.User)
	case "CURRENT_ROLE":
		return orNull(sc.Role)
	case "CURRENT_DATABASE":
		return orNull(sc.Database)
	case "CURRENT_SCHEMA":
		return orNull(sc.Schema)
	case "CURRENT_WAREHOUSE":
		return orNull(sc.Warehouse)
	case "CURRENT_ACCOUNT", "CURRENT_ACCOUNT_NAME", "CURRENT_ORGANIZATION_NAME":
		return orNull(sc.Account)
	case "CURRENT_REGION":
		return orNull(sc.Region)
	case "CURRENT_VERSION":
		return orNull(sc.Version)
	case "CURRENT_SESSION":
		return fmt.Sprint(sc.Session), true
	case "CURRENT_STATEMENT":
		return orNull(sc.Text)
	case "CURRENT_CLIENT":
		return orNull(strings.TrimSpace(sc.Client.App + " " + sc.Client.Version))
	case "CURRENT_SECONDARY_ROLES":
		return `{"roles":"","value":""}`, true
	case "CURRENT_ROLE_TYPE":
		return "ROLE", true
	case "CURRENT_AVAILABLE_ROLES":
		return `["` + sc.Role + `"]`, true
	case "CURRENT_SCHEMAS":
		if sc.Database == "" || sc.Schema == "" {
			return "[]", true
		}
		return `["` + sc.Database + "." + sc.Schema + `"]`, true
	}
	return nil, false
}

func (b *binder) now() time.Time { return time.Now().UTC() }

// contextFunction is a context function, with or without parentheses. Times are DuckDB's transaction_timestamp-like statement
// time: one value per statement.
func (k *block) contextFunction(name string) (value, bool, error) {
	b := k.b
	if s, ok := b.contextText(name); ok {
		v, err := b.goValue(s, result.Type{})
		if err == nil && v.form == nullLit {
			v, err = b.cast(v, tText, false)
		}
		v.null = true
		if v.t.Kind == result.Text {
			v.t = tText
		}
		return v, true, err
	}
	switch name {
	case "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "GETDATE", "SYSTIMESTAMP":
		b.volatile = true
		return value{sql: b.statementTime(), t: tLTZ}, true, nil
	case "SYSDATE":
		b.volatile = true
		return value{sql: b.statementTime(), t: tNTZ}, true, nil
	case "CURRENT_DATE":
		b.volatile = true
		return value{sql: b.toLocal(b.statementTime()) + "::DATE", t: tDate}, true, nil
	case "CURRENT_TIME", "LOCALTIME":
		b.volatile = true
		return value{sql: b.toLocal(b.statementTime()) + "::TIME", t: tTime}, true, nil
	}
	return value{}, false, nil
}

// statementTime is the statement's own time, the same wherever it stands in the statement.
func (b *binder) statementTime() string {
	if b.started.IsZero() {
		b.started = b.now()
	}
	return "make_timestamp(" + fmt.Sprint(b.started.UnixMicro()) + ")"
}

// typeofText is SYSTEM$TYPEOF's answer: the type and how it is stored.
func typeofText(t result.Type) string {
	switch t.Kind {
	case 0:
		return "NULL[LOB]"
	case result.Fixed:
		size := "SB16"
		switch {
		case t.Precision <= 2:
			size = "SB1"
		case t.Precision <= 4:
			size = "SB2"
		case t.Precision <= 9:
			size = "SB4"
		case t.Precision <= 18:
			size = "SB8"
		}
		return t.SQL() + "[" + size + "]"
	case result.Real:
		return "FLOAT[DOUBLE]"
	case result.Text, result.Binary, result.Variant, result.Object, result.Array:
		return t.SQL() + "[LOB]"
	case result.Boolean:
		return "BOOLEAN[SB1]"
	case result.Date:
		return "DATE[SB4]"
	}
	return t.SQL() + "[SB8]"
}

// scalarCall is one call of a scalar function, its arguments bound.
type scalarCall struct {
	name string
	pos  sql.Pos
	args []value
}

// scalar is a row of the tables of functions: how many arguments (max -1: any number) and how it is emitted.
type scalar struct {
	min, max int
	emit     func(b *binder, c *scalarCall) (value, error)
}

// typeRule gives a call's type from its converted arguments.
type typeRule func(args []value) result.Type

func always(t result.Type) typeRule { return func([]value) result.Type { return t } }

func like(i int) typeRule { return func(a []value) result.Type { return a[i].t } }

// f makes a scalar from a signature, a type rule and one DuckDB template for each number of arguments, the fewest first.
// The signature has a letter for each argument: s text, n a number as it is (text and VARIANT as FLOAT), i a BIGINT, f FLOAT,
// b BOOLEAN, d DATE, t a date or timestamp as it is (text as TIMESTAMP_NTZ), l a local timestamp, v VARIANT, c BINARY or text
// as BLOB, x anything as it is. In a template $1 … $9 are the converted arguments.
func f(sig string, t typeRule, templates ...string) scalar {
	most := len(sig)
	least := most - len(templates) + 1
	return scalar{min: least, max: most, emit: func(b *binder, c *scalarCall) (value, error) {
		args, err := b.convertArgs(sig, c)
		if err != nil {
			return value{}, err
		}
		return derive(t(args), expand(templates[len(args)-least], args), args...), nil
	}}
}

// nullable marks a function that may give NULL for arguments that are not.
func nullable(s scalar) scalar {
	emit := s.emit
	s.emit = func(b *binder, c *scalarCall) (value, error) {
		v, err := emit(b, c)
		v.null = true
		return v, err
	}
	return s
}

func volatile(s scalar) scalar {
	emit := s.emit
	s.emit = func(b *binder, c *scalarCall) (value, error) {
		v, err := emit(b, c)
		v.volatile = true
		return v, err
	}
	return s
}

func (b *binder) convertArgs(sig string, c *scalarCall) ([]value, error) {
	args := make([]value, len(c.args))
	for i := range c.args {
		v, err := b.argument(sig[i], c.args[i])
		if err != nil {
			return nil, argumentTypes(c.name, c.pos, c.args...)
		}
		args[i] = v
	}
	return args, nil
}

// argument converts one argument to what a signature's letter asks for.
func (b *binder) argument(kind byte, v value) (value, error) {
	switch kind {
	case 's':
		return b.toText(v)
	case 'n':
		switch v.t.Kind {
		case result.Fixed, result.Real:
			return v, nil
		case 0:
			return b.cast(v, tFloat, false)
		case result.Text, result.Variant:
			return b.cast(v, tFloat, false)
		case result.Boolean:
			return b.cast(v, number(1, 0), false)
		}
		return v, sqlerr.Unsupported("number")
	case 'i':
		if v.t.Kind != result.Fixed && v.t.Kind != result.Real && v.t.Kind != result.Text && v.t.Kind != result.Variant && v.t.Kind != 0 {
			return v, sqlerr.Unsupported("integer")
		}
		if v.form == numberLit && !strings.Contains(v.lit, ".") && len(v.lit) < 18 {
			return v.with(tInt, "("+v.lit+")::BIGINT"), nil
		}
		out, err := b.cast(v, tInt, false)
		if err != nil {
			return v, err
		}
		return out.with(tInt, out.sql+"::BIGINT"), nil
	case 'f':
		return b.cast(v, tFloat, false)
	case 'b':
		return b.boolean(v)
	case 'd':
		return b.cast(v, tDate, false)
	case 't':
		switch v.t.Kind {
		case result.Date, result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
			return v, nil
		}
		return b.cast(v, tNTZ, false)
	case 'l':
		return b.cast(v, tNTZ, false)
	case 'v':
		return b.cast(v, tVariant, false)
	case 'c':
		if v.t.Kind == result.Binary {
			return v, nil
		}
		out, err := b.toText(v)
		if err != nil {
			return v, err
		}
		return out.with(tBinary, "encode("+out.sql+")"), nil
	case 'a':
		if v.t.Kind == result.Array || v.t.Kind == result.Variant || v.t.Kind == 0 {
			return b.cast(v, tArray, false)
		}
		return v, sqlerr.Unsupported("array")
	case 'o':
		if v.t.Kind == result.Object || v.t.Kind == result.Variant || v.t.Kind == 0 {
			return b.cast(v, tObject, false)
		}
		return v, sqlerr.Unsupported("object")
	case 'x':
		if v.t.Kind == 0 {
			return b.cast(v, tText, false)
		}
	}
	return v, nil
}

// expand puts arguments into a template.
func expand(template string, args []value) string {
	n := len(template)
	for i := range args {
		n += len(args[i].sql)
	}
	out := make([]byte, 0, n+16)
	for i := 0; i < len(template); i++ {
		if template[i] == '$' && i+1 < len(template) && template[i+1] >= '1' && template[i+1] <= '9' {
			out = append(out, args[template[i+1]-'1'].sql...)
			i++
			continue
		}
		out = append(out, template[i])
	}
	return string(out)
}
