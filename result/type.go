// Package result is what a statement answers with: columns with Snowflake's types, and rows, either small ones as Go
// values or Arrow in the types of the wire. It knows neither SQL nor HTTP.
package result

import "fmt"

// Kind is a Snowflake type without its parameters.
type Kind uint8

// The kinds, in the wire's words (client-facing names by Kind.String).
const (
	Fixed Kind = iota + 1
	Real
	Text
	Boolean
	Date
	Time
	TimestampNTZ
	TimestampLTZ
	TimestampTZ
	Binary
	Variant
	Object
	Array
	Vector
)

var kindNames = [...]string{"", "fixed", "real", "text", "boolean", "date", "time", "timestamp_ntz", "timestamp_ltz", "timestamp_tz", "binary", "variant", "object", "array", "vector"}

// String is the wire's name of the kind.
func (k Kind) String() string { return kindNames[k] }

// Lengths that Snowflake gives where a type names none.
const (
	MaxText   = 16777216
	MaxBinary = 8388608
)

// Type is a whole Snowflake type. Zero Length of Text or Binary means the maximum.
type Type struct {
	Kind      Kind
	Precision int  // Fixed: 1..38
	Scale     int  // Fixed: 0..37; times: 0..9 fractional digits
	Length    int  // Text in characters, Binary in bytes, Vector in elements
	Elem      Kind // Vector: Fixed or Real
}

// SQL is the type as DESCRIBE shows it: NUMBER(38,0), VARCHAR(16777216), TIMESTAMP_NTZ(9), …
func (t Type) SQL() string {
	switch t.Kind {
	case Fixed:
		return fmt.Sprintf("NUMBER(%d,%d)", t.Precision, t.Scale)
	case Real:
		return "FLOAT"
	case Text:
		return fmt.Sprintf("VARCHAR(%d)", t.TextLength())
	case Boolean:
		return "BOOLEAN"
	case Date:
		return "DATE"
	case Time:
		return fmt.Sprintf("TIME(%d)", t.Scale)
	case TimestampNTZ:
		return fmt.Sprintf("TIMESTAMP_NTZ(%d)", t.Scale)
	case TimestampLTZ:
		return fmt.Sprintf("TIMESTAMP_LTZ(%d)", t.Scale)
	case TimestampTZ:
		return fmt.Sprintf("TIMESTAMP_TZ(%d)", t.Scale)
	case Binary:
		return fmt.Sprintf("BINARY(%d)", t.BinaryLength())
	case Variant:
		return "VARIANT"
	case Object:
		return "OBJECT"
	case Array:
		return "ARRAY"
	case Vector:
		if t.Elem == Fixed {
			return fmt.Sprintf("VECTOR(INT, %d)", t.Length)
		}
		return fmt.Sprintf("VECTOR(FLOAT, %d)", t.Length)
	}
	return "NULL"
}

// TextLength is the length in characters, the maximum where none was given.
func (t Type) TextLength() int {
	if t.Length == 0 {
		return MaxText
	}
	return t.Length
}

// BinaryLength is the length in bytes, the maximum where none was given.
func (t Type) BinaryLength() int {
	if t.Length == 0 {
		return MaxBinary
	}
	return t.Length
}

// Column is one column of a result. Database, Schema and Table name where it comes from, if it is a table's own column.
type Column struct {
	Name                    string
	Database, Schema, Table string
	Type                    Type
	Nullable                bool
}

// Shorthands for columns of SHOW, DESCRIBE and the like.
func TextColumn(name string) Column {
	return Column{Name: name, Type: Type{Kind: Text}, Nullable: true}
}

// IntColumn is NUMBER(38,0).
func IntColumn(name string) Column {
	return Column{Name: name, Type: Type{Kind: Fixed, Precision: 38}, Nullable: true}
}

// BoolColumn is BOOLEAN.
func BoolColumn(name string) Column {
	return Column{Name: name, Type: Type{Kind: Boolean}, Nullable: true}
}

// TimeColumn is TIMESTAMP_LTZ(3), what SHOW gives for created_on and the like.
func TimeColumn(name string) Column {
	return Column{Name: name, Type: Type{Kind: TimestampLTZ, Scale: 3}, Nullable: true}
}

// VariantColumn holds JSON text as its Go value (json.RawMessage or string).
func VariantColumn(name string) Column {
	return Column{Name: name, Type: Type{Kind: Variant}, Nullable: true}
}
