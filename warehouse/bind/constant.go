package bind

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/function/convert"
)

// bindValue is the value bound to placeholder i as a typed constant. An array bind stands for its first row.
func (b *binder) bindValue(i int) (value, error) {
	if b.sc == nil || i < 1 || i > len(b.sc.Binds) {
		return value{}, sqlerr.Compilation(2049, "42601", "Bind variable ? not set.")
	}
	bind := &b.sc.Binds[i-1]
	text := bind.Value
	if b.sc.Rows > 0 && bind.Values != nil {
		text = nil
		if b.row < len(bind.Values) {
			text = bind.Values[b.row]
		}
	}
	return b.wire(bind.Type, text)
}

// wire makes a typed constant of a value in the wire's text form (client-protocol.md, binds).
func (b *binder) wire(kind string, text *string) (value, error) {
	t, err := bindType(kind)
	if err != nil {
		return value{}, err
	}
	if text == nil {
		if t.Kind == 0 {
			return nullValue(), nil
		}
		return b.cast(nullValue(), t, false)
	}
	bad := func() (value, error) {
		return value{}, sqlerr.New(100038, "22018", "Bind value '%s' is not a %s", *text, kind)
	}
	switch t.Kind {
	case result.Fixed:
		if _, ok := literalType(*text); !ok || !plainNumber(*text) {
			return bad()
		}
		return numberValue(*text), nil
	case result.Real:
		if _, err := convert.Float(*text); err != nil {
			return bad()
		}
		return value{sql: quote(*text) + "::DOUBLE", t: tFloat}, nil
	case result.Boolean:
		v, err := convert.Bool(*text)
		if err != nil {
			return bad()
		}
		return boolValue(v), nil
	case result.Binary:
		raw, err := hex.DecodeString(*text)
		if err != nil {
			return bad()
		}
		return value{sql: blob(raw), t: result.Type{Kind: result.Binary, Length: max(1, len(raw))}}, nil
	case result.Date:
		ms, err := strconv.ParseInt(*text, 10, 64)
		if err != nil {
			return bad()
		}
		return value{sql: "'" + time.UnixMilli(ms).UTC().Format("2006-01-02") + "'::DATE", t: tDate}, nil
	case result.Time:
		ns, err := strconv.ParseInt(*text, 10, 64)
		if err != nil {
			return bad()
		}
		return value{sql: "'" + time.Unix(0, ns).UTC().Format("15:04:05.000000") + "'::TIME", t: tTime}, nil
	case result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
		return wireTimestamp(t, *text, bad)
	case result.Variant:
		return value{sql: "v_parse(" + quote(*text) + ")", t: tVariant, null: true}, nil
	}
	return textValue(*text), nil
}

func wireTimestamp(t result.Type, text string, bad func() (value, error)) (value, error) {
	ns, zone, _ := strings.Cut(text, " ")
	n, ok := new(big.Int).SetString(ns, 10)
	if !ok {
		return bad()
	}
	us := new(big.Int).Div(n, big.NewInt(1000))
	if !us.IsInt64() {
		return bad()
	}
	ts := "make_timestamp(" + us.String() + ")"
	if t.Kind == result.TimestampTZ {
		o := 0
		if zone != "" {
			m, err := strconv.Atoi(zone)
			if err != nil {
				return bad()
			}
			o = m - 1440
		}
		ts = "struct_pack(t := " + ts + ", o := " + itoa(o) + "::SMALLINT)"
	}
	return value{sql: ts, t: t}, nil
}

// bindType is the Snowflake type of a bind's type on the wire; Kind 0 for an untyped NULL.
func bindType(kind string) (result.Type, error) {
	switch strings.ToUpper(kind) {
	case "FIXED":
		return tInt, nil
	case "REAL":
		return tFloat, nil
	case "TEXT":
		return tText, nil
	case "BOOLEAN":
		return tBool, nil
	case "BINARY":
		return tBinary, nil
	case "DATE":
		return tDate, nil
	case "TIME":
		return tTime, nil
	case "TIMESTAMP_NTZ", "TIMESTAMP":
		return tNTZ, nil
	case "TIMESTAMP_LTZ":
		return tLTZ, nil
	case "TIMESTAMP_TZ":
		return tTZ, nil
	case "VARIANT", "OBJECT", "ARRAY":
		return tVariant, nil
	case "ANY", "":
		return result.Type{}, nil
	}
	return result.Type{}, sqlerr.Unsupported("bind type %s", kind)
}

func plainNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if s == "" {
		return false
	}
	dot := false
	for i := 0; i < len(s); i++ {
		if s[i] == '.' && !dot {
			dot = true
			continue
		}
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// variable is a session variable's value.
func (b *binder) variable(e *sql.Variable) (value, error) {
	v, ok := b.names.Variable(e.Name)
	if !ok {
		return value{}, sqlerr.Compilation(2211, "02000", "Session variable '$%s' does not exist", e.Name)
	}
	return b.goValue(v, result.Type{})
}

// goValue inlines a Go value (as statement.Args and result rows hold them) as a typed constant; t Kind 0 takes the value's own type.
func (b *binder) goValue(v any, t result.Type) (value, error) {
	var out value
	switch v := v.(type) {
	case nil:
		out = nullValue()
	case bool:
		out = boolValue(v)
	case int:
		out = numberValue(strconv.Itoa(v))
	case int64:
		out = numberValue(strconv.FormatInt(v, 10))
	case float64:
		out = value{sql: quote(strconv.FormatFloat(v, 'g', -1, 64)) + "::DOUBLE", t: tFloat}
	case json.RawMessage:
		out = value{sql: "v_parse(" + quote(string(v)) + ")", t: tVariant, null: true}
	case string:
		switch {
		case t.Kind == result.Fixed && plainNumber(v):
			out = numberValue(v)
		case isSemi(t.Kind):
			out = value{sql: "v_parse(" + quote(v) + ")", t: tVariant, null: true}
		default:
			out = textValue(v)
		}
	case []byte:
		out = value{sql: blob(v), t: result.Type{Kind: result.Binary, Length: max(1, len(v))}}
	case time.Time:
		switch t.Kind {
		case result.Date:
			out = value{sql: "'" + v.Format("2006-01-02") + "'::DATE", t: tDate}
		case result.TimestampNTZ:
			wall := time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), v.Nanosecond(), time.UTC)
			out = value{sql: "make_timestamp(" + strconv.FormatInt(wall.UnixMicro(), 10) + ")", t: tNTZ}
		case result.TimestampTZ:
			_, off := v.Zone()
			out = value{sql: "struct_pack(t := make_timestamp(" + strconv.FormatInt(v.UnixMicro(), 10) + "), o := " + itoa(off/60) + "::SMALLINT)", t: tTZ}
		default:
			out = value{sql: "make_timestamp(" + strconv.FormatInt(v.UnixMicro(), 10) + ")", t: tLTZ}
		}
	default:
		return out, sqlerr.Internal(fmt.Errorf("constant of Go type %T", v))
	}
	if t.Kind != 0 && out.t != t {
		c, err := b.cast(out, t, false)
		if err != nil {
			return out, err
		}
		c.t = t
		return c, nil
	}
	return out, nil
}

// Constant evaluates an expression without DuckDB: literals, binds, session variables, casts of them, NULL, signs and || .
// The value is as statement.Args says.
func Constant(ctx context.Context, sc *statement.Context, n Names, e sql.Expr) (any, result.Type, error) {
	return newBinder(ctx, sc, n).constant(e)
}

func (b *binder) constant(e sql.Expr) (any, result.Type, error) {
	if err := b.enter(); err != nil {
		return nil, result.Type{}, err
	}
	defer b.leave()
	switch e := e.(type) {
	case *sql.Literal:
		switch e.Kind {
		case sql.NullLit:
			return nil, result.Type{}, nil
		case sql.BoolLit:
			return e.Bool, tBool, nil
		case sql.NumberLit:
			return numberConstant(e.Text)
		case sql.FloatLit:
			f, err := strconv.ParseFloat(e.Text, 64)
			if err != nil {
				return nil, tFloat, sqlerr.New(100038, "22018", "Numeric value '%s' is not recognized", e.Text)
			}
			return f, tFloat, nil
		case sql.StringLit:
			return e.Text, text(max(1, runes(e.Text))), nil
		case sql.BinaryLit:
			raw, err := unhexText(e.Text)
			return raw, tBinary, err
		}
	case *sql.TypedLiteral:
		t, err := TypeOf(e.Type)
		if err != nil {
			return nil, t, err
		}
		return b.convert(e.Text, tText, t)
	case *sql.Param:
		return b.bindConstant(e.Index)
	case *sql.Variable:
		v, ok := b.names.Variable(e.Name)
		if !ok {
			return nil, result.Type{}, sqlerr.Compilation(2211, "02000", "Session variable '$%s' does not exist", e.Name)
		}
		return v, goType(v), nil
	case *sql.Unary:
		v, t, err := b.constant(e.X)
		if err != nil || e.Op == "+" {
			return v, t, err
		}
		switch v := v.(type) {
		case nil:
			return nil, t, nil
		case int64:
			if e.Op == "-" {
				return -v, t, nil
			}
		case float64:
			if e.Op == "-" {
				return -v, t, nil
			}
		case string:
			if e.Op == "-" && t.Kind == result.Fixed {
				if s, ok := strings.CutPrefix(v, "-"); ok {
					return s, t, nil
				}
				return "-" + v, t, nil
			}
		case bool:
			if e.Op == "NOT" {
				return !v, t, nil
			}
		}
	case *sql.Binary:
		if e.Op == "||" {
			l, lt, err := b.constant(e.L)
			if err != nil {
				return nil, lt, err
			}
			r, rt, err := b.constant(e.R)
			if err != nil {
				return nil, rt, err
			}
			if l == nil || r == nil {
				return nil, tText, nil
			}
			ls, rs := numberString(l), numberString(r)
			return ls + rs, tText, nil
		}
	case *sql.Cast:
		v, from, err := b.constant(e.X)
		if err != nil {
			return nil, from, err
		}
		t, err := TypeOf(e.Type)
		if err != nil {
			return nil, t, err
		}
		v, t, err = b.convert(v, from, t)
		if err != nil && e.Try {
			return nil, t, nil
		}
		return v, t, err
	case *sql.ArrayLit:
		vals := make([]any, len(e.Items))
		for i, x := range e.Items {
			v, _, err := b.constant(x)
			if err != nil {
				return nil, tArray, err
			}
			vals[i] = v
		}
		raw, err := json.Marshal(vals)
		return json.RawMessage(raw), tArray, err
	case *sql.ObjectLit:
		obj := map[string]any{}
		for i := range e.Keys {
			key, _, err := b.constant(e.Keys[i])
			if err != nil {
				return nil, tObject, err
			}
			v, _, err := b.constant(e.Values[i])
			if err != nil {
				return nil, tObject, err
			}
			obj[numberString(key)] = v
		}
		raw, err := json.Marshal(obj)
		return json.RawMessage(raw), tObject, err
	case *sql.Ref:
		if len(e.Parts) == 1 && !e.Parts[0].Quoted {
			if v, ok := b.contextText(e.Parts[0].Name); ok {
				return v, tText, nil
			}
		}
		return nil, result.Type{}, invalidIdentifier(e.Parts, e.Pos)
	case *sql.Call:
		return b.constantCall(e)
	}
	return nil, result.Type{}, sqlerr.Compilation(1014, "22023", "an argument needs to be constant here")
}

// constantCall evaluates the few functions that clients write as arguments of functions and CALL.
func (b *binder) constantCall(e *sql.Call) (any, result.Type, error) {
	name := callName(e)
	args := make([]any, len(e.Args))
	types := make([]result.Type, len(e.Args))
	for i, x := range e.Args {
		v, t, err := b.constant(x)
		if err != nil {
			return nil, t, err
		}
		args[i], types[i] = v, t
	}
	to := map[string]result.Type{"TO_TIMESTAMP_LTZ": tLTZ, "TO_TIMESTAMP_NTZ": tNTZ, "TO_TIMESTAMP_TZ": tTZ, "TO_TIMESTAMP": tNTZ,
		"TO_DATE": tDate, "DATE": tDate, "TO_VARCHAR": tText, "TO_CHAR": tText, "TO_NUMBER": tInt, "TO_BOOLEAN": tBool, "TO_DOUBLE": tFloat, "TO_BINARY": tBinary}
	if t, ok := to[name]; ok && len(args) == 1 {
		return b.convert(args[0], types[0], t)
	}
	switch name {
	case "PARSE_JSON":
		if len(args) == 1 {
			s, ok := args[0].(string)
			if !ok {
				return nil, tVariant, nil
			}
			if !json.Valid([]byte(s)) {
				return nil, tVariant, sqlerr.New(100069, "22P02", "Error parsing JSON: %s", s)
			}
			return json.RawMessage(s), tVariant, nil
		}
	case "OBJECT_CONSTRUCT":
		obj := map[string]any{}
		for i := 0; i+1 < len(args); i += 2 {
			if args[i] != nil && args[i+1] != nil {
				obj[numberString(args[i])] = args[i+1]
			}
		}
		raw, err := json.Marshal(obj)
		return json.RawMessage(raw), tObject, err
	case "ARRAY_CONSTRUCT":
		raw, err := json.Marshal(args)
		return json.RawMessage(raw), tArray, err
	case "CURRENT_TIMESTAMP", "GETDATE", "SYSDATE", "LOCALTIMESTAMP":
		return b.now(), tLTZ, nil
	}
	if len(args) == 0 {
		if v, ok := b.contextText(name); ok {
			return v, tText, nil
		}
	}
	if f, ok := b.names.Function(name); ok && f.Scalar {
		r, err := f.Call(b.ctx, b.sc, statement.Args{Positional: args})
		if err != nil {
			return nil, result.Type{}, err
		}
		v, err := scalarOf(r)
		return v, f.Columns[0].Type, err
	}
	return nil, result.Type{}, sqlerr.Unsupported("%s in a constant argument", name)
}

func numberConstant(s string) (any, result.Type, error) {
	t, ok := literalType(s)
	if !ok {
		f, err := strconv.ParseFloat(s, 64)
		return f, tFloat, err
	}
	if t.Scale == 0 {
		if n, err := strconv.ParseInt(strings.TrimSuffix(s, "."), 10, 64); err == nil {
			return n, t, nil
		}
	}
	return s, t, nil
}

// numberString is a constant as text.
func numberString(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return convert.FloatText(v)
	case bool:
		return strconv.FormatBool(v)
	case json.RawMessage:
		return string(v)
	}
	return fmt.Sprint(v)
}

func goType(v any) result.Type {
	switch v := v.(type) {
	case bool:
		return tBool
	case int64, int:
		return tInt
	case float64:
		return tFloat
	case string:
		return text(max(1, runes(v)))
	case []byte:
		return tBinary
	case time.Time:
		return tLTZ
	case json.RawMessage:
		return tVariant
	}
	return result.Type{}
}

func (b *binder) bindConstant(i int) (any, result.Type, error) {
	if b.sc == nil || i < 1 || i > len(b.sc.Binds) {
		return nil, result.Type{}, sqlerr.Compilation(2049, "42601", "Bind variable ? not set.")
	}
	bind := &b.sc.Binds[i-1]
	t, err := bindType(bind.Type)
	if err != nil || bind.Value == nil {
		return nil, t, err
	}
	s := *bind.Value
	bad := sqlerr.New(100038, "22018", "Bind value '%s' is not a %s", s, bind.Type)
	switch t.Kind {
	case result.Fixed:
		if !plainNumber(s) {
			return nil, t, bad
		}
		return numberConstant(s)
	case result.Real:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, t, bad
		}
		return f, t, nil
	case result.Boolean:
		v, err := convert.Bool(s)
		if err != nil {
			return nil, t, bad
		}
		return v, t, nil
	case result.Binary:
		raw, err := hex.DecodeString(s)
		if err != nil {
			return nil, t, bad
		}
		return raw, t, nil
	case result.Date:
		ms, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, t, bad
		}
		return time.UnixMilli(ms).UTC(), t, nil
	case result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
		ns, zone, _ := strings.Cut(s, " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			return nil, t, bad
		}
		out := time.Unix(0, n).UTC()
		if zone != "" {
			m, err := strconv.Atoi(zone)
			if err != nil {
				return nil, t, bad
			}
			out = out.In(time.FixedZone("", (m-1440)*60))
		}
		return out, t, nil
	case result.Variant:
		return json.RawMessage(s), t, nil
	}
	return s, t, nil
}

// convert casts a constant.
func (b *binder) convert(v any, from, t result.Type) (any, result.Type, error) {
	if v == nil {
		return nil, t, nil
	}
	refuse := func() (any, result.Type, error) {
		return nil, t, sqlerr.Compilation(1065, "22023", "invalid type [CAST(%s AS %s)] for parameter '%s'", typeWord(from), t.SQL(), castWord(t))
	}
	switch t.Kind {
	case result.Text:
		switch v := v.(type) {
		case time.Time:
			switch from.Kind {
			case result.Date:
				return v.Format("2006-01-02"), t, nil
			case result.TimestampNTZ:
				return v.Format("2006-01-02 15:04:05.000"), t, nil
			}
			return v.In(b.location()).Format("2006-01-02 15:04:05.000 -0700"), t, nil
		case []byte:
			return strings.ToUpper(hex.EncodeToString(v)), t, nil
		}
		s := numberString(v)
		if n := t.TextLength(); runes(s) > n {
			s = string([]rune(s)[:n])
		}
		return s, t, nil
	case result.Fixed:
		s := ""
		switch v := v.(type) {
		case string, int64:
			s = numberString(v)
		case float64:
			s = strconv.FormatFloat(v, 'f', -1, 64)
		case bool:
			s = "0"
			if v {
				s = "1"
			}
		default:
			return refuse()
		}
		d, err := convert.Decimal(s, t.Scale)
		if err != nil {
			return nil, t, err
		}
		return numberWithType(convert.DecimalText(d, t.Scale), t)
	case result.Real:
		if _, ok := v.(time.Time); ok {
			return refuse()
		}
		f, err := convert.Float(numberString(v))
		return f, t, err
	case result.Boolean:
		switch v := v.(type) {
		case bool:
			return v, t, nil
		case int64:
			return v != 0, t, nil
		case string:
			out, err := convert.Bool(v)
			return out, t, err
		}
		return refuse()
	case result.Binary:
		switch v := v.(type) {
		case []byte:
			return v, t, nil
		case string:
			raw, err := unhexText(v)
			return raw, t, err
		}
		return refuse()
	case result.Date, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
		switch v := v.(type) {
		case time.Time:
			if t.Kind == result.Date {
				return time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC), t, nil
			}
			return v, t, nil
		case string:
			if t.Kind == result.Date {
				d, err := convert.Date(v)
				if err != nil {
					return nil, t, err
				}
				return time.Unix(int64(d)*86400, 0).UTC(), t, nil
			}
			loc := b.location()
			if t.Kind == result.TimestampNTZ {
				loc = time.UTC
			}
			out, err := convert.Timestamp(v, t.Kind.String(), loc)
			return out, t, err
		case int64:
			if t.Kind != result.Date {
				return convert.EpochTime(v), t, nil
			}
		}
		return refuse()
	case result.Variant, result.Array, result.Object:
		if raw, ok := v.(json.RawMessage); ok {
			return raw, t, nil
		}
		raw, err := json.Marshal(v)
		return json.RawMessage(raw), t, err
	}
	return refuse()
}

func numberWithType(s string, t result.Type) (any, result.Type, error) {
	v, _, err := numberConstant(s)
	return v, t, err
}

func (b *binder) location() *time.Location {
	loc, err := convert.Zone(b.zone)
	if err != nil {
		return time.UTC
	}
	return loc
}
