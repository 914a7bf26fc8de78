package bind

import (
	"strings"

	"firn/result"
	"firn/sql"
)

// value is a bound expression: DuckDB text whose physical type is PhysicalType(t), ready to stand as an operand anywhere.
type value struct {
	sql  string
	t    result.Type // Kind 0: an untyped NULL
	null bool        // may be NULL
	lit  string      // a literal's own text, so that a cast of it is one literal again; see isLit
	form litForm

	agg      bool     // holds an aggregate of this block
	win      bool     // holds a window function
	volatile bool     // a second evaluation may differ
	loose    *sql.Ref // a column outside any aggregate that is no group key

	// of a column: where it comes from
	database, schema, table string
}

type litForm uint8

const (
	notLit litForm = iota
	nullLit
	numberLit
	textLit
	boolLit
)

// derive makes a value from its operands: nullable if one is, carrying what they carry.
func derive(t result.Type, text string, from ...value) value {
	v := value{sql: text, t: t}
	for i := range from {
		v.carry(&from[i])
		v.null = v.null || from[i].null
	}
	return v
}

func (v *value) carry(f *value) {
	v.agg = v.agg || f.agg
	v.win = v.win || f.win
	v.volatile = v.volatile || f.volatile
	if v.loose == nil {
		v.loose = f.loose
	}
}

// with gives v another text and type, as a conversion does.
func (v value) with(t result.Type, text string) value {
	v.sql, v.t, v.form, v.lit = text, t, notLit, ""
	v.database, v.schema, v.table = "", "", ""
	return v
}

func nullValue() value { return value{sql: "NULL", null: true, form: nullLit} }

func textValue(s string) value {
	return value{sql: quote(s) + "::VARCHAR", t: text(max(1, runes(s))), form: textLit, lit: s}
}

func boolValue(v bool) value {
	if v {
		return value{sql: "true", t: tBool, form: boolLit, lit: "true"}
	}
	return value{sql: "false", t: tBool, form: boolLit, lit: "false"}
}

// numberValue is an exact literal; digits is its text without a sign or with one.
func numberValue(digits string) value {
	t, ok := literalType(digits)
	if !ok {
		return value{sql: quote(digits) + "::DOUBLE", t: tFloat}
	}
	return value{sql: numberText(digits, t), t: t, form: numberLit, lit: digits}
}

// literalType is NUMBER(p,s) of a written number: leading zeros do not count, trailing ones do.
func literalType(s string) (result.Type, bool) {
	s = strings.TrimLeft(s, "+-")
	whole, frac, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "0")
	p := max(len(whole), 1) + len(frac)
	if p > 38 {
		if len(whole)+len(frac) > 38 || len(frac) > 37 {
			return result.Type{}, false
		}
		p = 38
	}
	return number(p, len(frac)), true
}

// numberText casts a literal at once to its type: never through DuckDB's INTEGER or DOUBLE.
func numberText(digits string, t result.Type) string {
	if len(digits) > 17 || strings.HasSuffix(digits, ".") || strings.HasPrefix(digits, ".") {
		return "'" + digits + "'::" + PhysicalType(t)
	}
	if digits[0] == '-' {
		return "(" + digits + ")::" + PhysicalType(t)
	}
	return digits + "::" + PhysicalType(t)
}

// quote is a DuckDB text literal. DuckDB's scanner cannot hold a zero byte, so such a text comes from its bytes.
func quote(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		return "decode(" + blob([]byte(s)) + ")"
	}
	if strings.IndexByte(s, '\'') < 0 {
		return "'" + s + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// blob is a DuckDB BLOB literal.
func blob(b []byte) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, 4*len(b)+8)
	out = append(out, '\'')
	for _, c := range b {
		out = append(out, '\\', 'x', hex[c>>4], hex[c&15])
	}
	return string(append(out, "'::BLOB"...))
}

func runes(s string) int {
	n := 0
	for range s {
		n++
	}
	return n
}
