package bind

import (
	"strconv"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

func itoa(i int) string { return strconv.Itoa(i) }

func appendInt(b []byte, i int) []byte { return strconv.AppendInt(b, int64(i), 10) }

// typeNames holds every name that Snowflake's pages of data types give a type
// (data-types-numeric, -text, -logical, -datetime, -semistructured).
var typeNames = map[string]result.Type{
	"NUMBER": {Kind: result.Fixed, Precision: 38}, "DECIMAL": {Kind: result.Fixed, Precision: 38}, "DEC": {Kind: result.Fixed, Precision: 38},
	"NUMERIC": {Kind: result.Fixed, Precision: 38},
	"INT":     {Kind: result.Fixed, Precision: 38}, "INTEGER": {Kind: result.Fixed, Precision: 38}, "BIGINT": {Kind: result.Fixed, Precision: 38},
	"SMALLINT": {Kind: result.Fixed, Precision: 38}, "TINYINT": {Kind: result.Fixed, Precision: 38}, "BYTEINT": {Kind: result.Fixed, Precision: 38},
	"FLOAT": {Kind: result.Real}, "FLOAT4": {Kind: result.Real}, "FLOAT8": {Kind: result.Real}, "DOUBLE": {Kind: result.Real},
	"DOUBLE PRECISION": {Kind: result.Real}, "REAL": {Kind: result.Real},
	"VARCHAR": {Kind: result.Text}, "STRING": {Kind: result.Text}, "TEXT": {Kind: result.Text}, "NVARCHAR": {Kind: result.Text},
	"NVARCHAR2": {Kind: result.Text}, "CHAR VARYING": {Kind: result.Text}, "CHARACTER VARYING": {Kind: result.Text}, "NCHAR VARYING": {Kind: result.Text}, "VARCHAR2": {Kind: result.Text},
	"CHAR": {Kind: result.Text, Length: 1}, "CHARACTER": {Kind: result.Text, Length: 1}, "NCHAR": {Kind: result.Text, Length: 1},
	"BINARY": {Kind: result.Binary}, "VARBINARY": {Kind: result.Binary},
	"BOOLEAN": {Kind: result.Boolean}, "BOOL": {Kind: result.Boolean},
	"DATE": {Kind: result.Date}, "TIME": {Kind: result.Time, Scale: 9},
	"DATETIME": {Kind: result.TimestampNTZ, Scale: 9}, "TIMESTAMP": {Kind: result.TimestampNTZ, Scale: 9},
	"TIMESTAMP_NTZ": {Kind: result.TimestampNTZ, Scale: 9}, "TIMESTAMPNTZ": {Kind: result.TimestampNTZ, Scale: 9}, "TIMESTAMP WITHOUT TIME ZONE": {Kind: result.TimestampNTZ, Scale: 9},
	"TIMESTAMP_LTZ": {Kind: result.TimestampLTZ, Scale: 9}, "TIMESTAMPLTZ": {Kind: result.TimestampLTZ, Scale: 9}, "TIMESTAMP WITH LOCAL TIME ZONE": {Kind: result.TimestampLTZ, Scale: 9},
	"TIMESTAMP_TZ": {Kind: result.TimestampTZ, Scale: 9}, "TIMESTAMPTZ": {Kind: result.TimestampTZ, Scale: 9}, "TIMESTAMP WITH TIME ZONE": {Kind: result.TimestampTZ, Scale: 9},
	"VARIANT": {Kind: result.Variant}, "OBJECT": {Kind: result.Object}, "ARRAY": {Kind: result.Array},
}

// TypeOf is the Snowflake type that a written name means. TIMESTAMP is TIMESTAMP_NTZ, the default of TIMESTAMP_TYPE_MAPPING.
func TypeOf(n sql.TypeName) (result.Type, error) {
	if n.Name == "VECTOR" {
		return vectorType(n)
	}
	t, ok := typeNames[n.Name]
	if !ok {
		switch n.Name {
		case "GEOGRAPHY", "GEOMETRY", "MAP", "DECFLOAT", "UUID", "FILE", "INTERVAL":
			return t, sqlerr.Unsupported("data type %s", n.Name)
		}
		return t, sqlerr.Compilation(2040, "42601", "Unsupported data type '%s'.", n.Name)
	}
	bad := func() (result.Type, error) {
		return t, sqlerr.Compilation(2013, "42601", "Invalid specification of data type '%s'.", n.Name)
	}
	switch t.Kind {
	case result.Fixed:
		if n.Name[len(n.Name)-1] == 'T' || n.Name == "INTEGER" {
			return t, nil // INT and its kin take no arguments; the parser refuses them
		}
		if len(n.Args) > 0 {
			t.Precision = n.Args[0]
		}
		if len(n.Args) > 1 {
			t.Scale = n.Args[1]
		}
		if len(n.Args) > 2 || t.Precision < 1 || t.Precision > 38 || t.Scale < 0 || t.Scale > 37 || t.Scale > t.Precision {
			return bad()
		}
	case result.Text, result.Binary:
		if len(n.Args) > 0 {
			t.Length = n.Args[0]
			most := 134217728 // the largest that the type's page allows
			if t.Kind == result.Binary {
				most = 67108864
			}
			if t.Length < 1 || t.Length > most {
				return bad()
			}
			if t.Kind == result.Text && t.Length == result.MaxText || t.Kind == result.Binary && t.Length == result.MaxBinary {
				t.Length = 0
			}
		}
	case result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
		if len(n.Args) > 0 {
			t.Scale = n.Args[0]
			if t.Scale < 0 || t.Scale > 9 {
				return bad()
			}
		}
	case result.Array, result.Object:
		if n.Elem != nil || len(n.Fields) > 0 {
			return t, sqlerr.Unsupported("structured type %s", n.Name)
		}
	}
	return t, nil
}

func vectorType(n sql.TypeName) (result.Type, error) {
	t := result.Type{Kind: result.Vector, Elem: result.Real}
	if n.Elem == nil || len(n.Args) != 1 || n.Args[0] < 1 || n.Args[0] > 4096 {
		return t, sqlerr.Compilation(2013, "42601", "Invalid specification of data type 'VECTOR'.")
	}
	e, err := TypeOf(*n.Elem)
	if err != nil {
		return t, err
	}
	t.Elem, t.Length = e.Kind, n.Args[0]
	if e.Kind != result.Fixed && e.Kind != result.Real {
		return t, sqlerr.Compilation(2013, "42601", "Invalid specification of data type 'VECTOR'.")
	}
	return t, nil
}

// Shorthands for types.
var (
	tFloat   = result.Type{Kind: result.Real}
	tText    = result.Type{Kind: result.Text}
	tBool    = result.Type{Kind: result.Boolean}
	tDate    = result.Type{Kind: result.Date}
	tTime    = result.Type{Kind: result.Time, Scale: 9}
	tNTZ     = result.Type{Kind: result.TimestampNTZ, Scale: 9}
	tLTZ     = result.Type{Kind: result.TimestampLTZ, Scale: 9}
	tTZ      = result.Type{Kind: result.TimestampTZ, Scale: 9}
	tVariant = result.Type{Kind: result.Variant}
	tObject  = result.Type{Kind: result.Object}
	tArray   = result.Type{Kind: result.Array}
	tBinary  = result.Type{Kind: result.Binary}
	tInt     = result.Type{Kind: result.Fixed, Precision: 38}
	tInt18   = result.Type{Kind: result.Fixed, Precision: 18}
)

func number(p, s int) result.Type { return result.Type{Kind: result.Fixed, Precision: p, Scale: s} }

func text(n int) result.Type {
	if n >= result.MaxText {
		n = 0
	}
	return result.Type{Kind: result.Text, Length: n}
}

func isTimestamp(k result.Kind) bool {
	return k == result.TimestampNTZ || k == result.TimestampLTZ || k == result.TimestampTZ
}

func isSemi(k result.Kind) bool {
	return k == result.Variant || k == result.Object || k == result.Array
}

func isNumeric(k result.Kind) bool { return k == result.Fixed || k == result.Real }

// The rules of the page "Arithmetic operators", scale and precision: leading digits and scale of the result, capped at 38.
func capped(l, s int) result.Type { return number(max(1, min(38, l+s)), s) }

func addType(a, b result.Type) result.Type {
	return capped(max(a.Precision-a.Scale, b.Precision-b.Scale)+1, max(a.Scale, b.Scale))
}

func mulType(a, b result.Type) result.Type {
	return capped(a.Precision-a.Scale+b.Precision-b.Scale, min(37, min(a.Scale+b.Scale, max(a.Scale, b.Scale, 12))))
}

func divType(a, b result.Type) result.Type {
	return capped(a.Precision-a.Scale+b.Scale, min(37, max(a.Scale, min(a.Scale+6, 12))))
}

func modType(a, b result.Type) result.Type {
	return capped(max(a.Precision-a.Scale, b.Precision-b.Scale), max(a.Scale, b.Scale))
}

// common is the type in which values of both types can stand: of CASE, COALESCE, UNION, IN and comparisons. Kind 0 is an
// untyped NULL. ok is false where Snowflake has no such type.
func common(a, b result.Type) (result.Type, bool) {
	if a.Kind == b.Kind {
		switch a.Kind {
		case result.Fixed:
			return capped(max(a.Precision-a.Scale, b.Precision-b.Scale), max(a.Scale, b.Scale)), true
		case result.Text:
			return text(max(a.TextLength(), b.TextLength())), true
		case result.Binary:
			n := max(a.BinaryLength(), b.BinaryLength())
			if n >= result.MaxBinary {
				n = 0
			}
			return result.Type{Kind: result.Binary, Length: n}, true
		case result.Vector:
			return a, a == b
		}
		a.Scale = max(a.Scale, b.Scale)
		return a, true
	}
	if a.Kind == 0 {
		return b, true
	}
	if b.Kind == 0 {
		return a, true
	}
	if rank(a.Kind) > rank(b.Kind) {
		a, b = b, a
	}
	switch {
	case isSemi(b.Kind):
		if isSemi(a.Kind) || b.Kind == result.Variant {
			return tVariant, true
		}
		return a, false
	case a.Kind == result.Text:
		// A text beside another type is read as that type.
		if b.Kind == result.Fixed {
			return number(38, max(b.Scale, 5)), true
		}
		return b, b.Kind != result.Binary && b.Kind != result.Vector
	case a.Kind == result.Boolean:
		return b, isNumeric(b.Kind)
	case a.Kind == result.Fixed:
		return b, b.Kind == result.Real
	case a.Kind == result.Date, isTimestamp(a.Kind):
		return result.Type{Kind: b.Kind, Scale: max(a.Scale, b.Scale)}, isTimestamp(b.Kind)
	}
	return a, false
}

// rank orders kinds from what is converted to what it is converted to.
func rank(k result.Kind) int {
	switch k {
	case result.Text:
		return 1
	case result.Boolean:
		return 2
	case result.Fixed:
		return 3
	case result.Real:
		return 4
	case result.Date:
		return 5
	case result.Time:
		return 6
	case result.TimestampNTZ:
		return 7
	case result.TimestampLTZ:
		return 8
	case result.TimestampTZ:
		return 9
	case result.Binary:
		return 10
	case result.Vector:
		return 11
	case result.Array:
		return 12
	case result.Object:
		return 13
	case result.Variant:
		return 14
	}
	return 0
}
