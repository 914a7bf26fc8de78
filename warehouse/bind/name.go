package bind

import (
	"strings"

	"firn/result"
)

// Physical is the DuckDB name of a Snowflake column, quoted. DuckDB is blind to letter case and Snowflake is not, so a
// lower-case letter x is written ~x and ~ is ~~: plain upper-case names stay, and no two names meet. Letters beyond ASCII
// fold in DuckDB too, so each of their bytes is written as ~ and two upper-case hex digits.
func Physical(name string) string {
	plain := true
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= 'a' && c <= 'z' || c == '~' || c == '"' || c >= 0x80 || c == 0 {
			plain = false
			break
		}
	}
	if plain {
		return `"` + name + `"`
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(2*len(name) + 2)
	b.WriteByte('"')
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c == '~':
			b.WriteByte('~')
			b.WriteByte(c)
		case c == '"':
			b.WriteString(`""`)
		case c >= 0x80 || c == 0:
			b.WriteByte('~')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Logical gives back the Snowflake name of an unquoted physical one (what DuckDB's catalog holds).
func Logical(physical string) string {
	if !strings.Contains(physical, "~") {
		return physical
	}
	var b strings.Builder
	for i := 0; i < len(physical); i++ {
		c := physical[i]
		if c != '~' || i+1 == len(physical) {
			b.WriteByte(c)
			continue
		}
		i++
		c = physical[i]
		if hi := unhex(c); hi >= 0 && i+1 < len(physical) && unhex(physical[i+1]) >= 0 {
			b.WriteByte(byte(hi<<4 | unhex(physical[i+1])))
			i++
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// PhysicalType is the DuckDB type that holds a Snowflake type.
func PhysicalType(t result.Type) string {
	switch t.Kind {
	case result.Fixed:
		return decimal(t.Precision, t.Scale)
	case result.Real:
		return "DOUBLE"
	case result.Text:
		return "VARCHAR"
	case result.Boolean:
		return "BOOLEAN"
	case result.Date:
		return "DATE"
	case result.Time:
		return "TIME"
	case result.TimestampNTZ, result.TimestampLTZ:
		return "TIMESTAMP"
	case result.TimestampTZ:
		return "STRUCT(t TIMESTAMP, o SMALLINT)"
	case result.Binary, result.Variant, result.Object, result.Array:
		return "BLOB"
	case result.Vector:
		e := "FLOAT["
		if t.Elem == result.Fixed {
			e = "INTEGER["
		}
		return e + itoa(t.Length) + "]"
	}
	return "VARCHAR"
}

func decimal(p, s int) string {
	var b [16]byte
	out := append(b[:0], "DECIMAL("...)
	out = appendInt(out, p)
	out = append(out, ',')
	out = appendInt(out, s)
	return string(append(out, ')'))
}
