package catalog

import (
	"context"
	"encoding/json"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// FileFormat is what a file format says: its type (CSV, JSON, PARQUET, …) and the options that were set, others having Snowflake's
// defaults (FormatDefault).
type FileFormat struct {
	Database, Schema, Name string // of a named one
	Type                   string
	Options                Settings
}

// formatOption is one option of a format type as DESCRIBE shows it.
type formatOption struct{ name, kind, value string }

// formatOptions are the options by type, in DESCRIBE's order (page CREATE FILE FORMAT).
var formatOptions = map[string][]formatOption{
	"CSV": {
		{"RECORD_DELIMITER", "String", "\\n"}, {"FIELD_DELIMITER", "String", ","}, {"FILE_EXTENSION", "String", ""}, {"SKIP_HEADER", "Integer", "0"},
		{"PARSE_HEADER", "Boolean", "false"}, {"DATE_FORMAT", "String", "AUTO"}, {"TIME_FORMAT", "String", "AUTO"}, {"TIMESTAMP_FORMAT", "String", "AUTO"},
		{"BINARY_FORMAT", "String", "HEX"}, {"ESCAPE", "String", "NONE"}, {"ESCAPE_UNENCLOSED_FIELD", "String", "\\\\"}, {"TRIM_SPACE", "Boolean", "false"},
		{"FIELD_OPTIONALLY_ENCLOSED_BY", "String", "NONE"}, {"NULL_IF", "List", "[\\\\N]"}, {"COMPRESSION", "String", "AUTO"},
		{"ERROR_ON_COLUMN_COUNT_MISMATCH", "Boolean", "true"}, {"VALIDATE_UTF8", "Boolean", "true"}, {"SKIP_BLANK_LINES", "Boolean", "false"},
		{"REPLACE_INVALID_CHARACTERS", "Boolean", "false"}, {"EMPTY_FIELD_AS_NULL", "Boolean", "true"}, {"SKIP_BYTE_ORDER_MARK", "Boolean", "true"},
		{"ENCODING", "String", "UTF8"}, {"MULTI_LINE", "Boolean", "true"},
	},
	"JSON": {
		{"FILE_EXTENSION", "String", ""}, {"DATE_FORMAT", "String", "AUTO"}, {"TIME_FORMAT", "String", "AUTO"}, {"TIMESTAMP_FORMAT", "String", "AUTO"},
		{"BINARY_FORMAT", "String", "HEX"}, {"TRIM_SPACE", "Boolean", "false"}, {"NULL_IF", "List", "[]"}, {"COMPRESSION", "String", "AUTO"},
		{"ENABLE_OCTAL", "Boolean", "false"}, {"ALLOW_DUPLICATE", "Boolean", "false"}, {"STRIP_OUTER_ARRAY", "Boolean", "false"},
		{"STRIP_NULL_VALUES", "Boolean", "false"}, {"IGNORE_UTF8_ERRORS", "Boolean", "false"}, {"REPLACE_INVALID_CHARACTERS", "Boolean", "false"},
		{"SKIP_BYTE_ORDER_MARK", "Boolean", "true"}, {"MULTI_LINE", "Boolean", "true"},
	},
	"PARQUET": {
		{"TRIM_SPACE", "Boolean", "false"}, {"NULL_IF", "List", "[]"}, {"COMPRESSION", "String", "AUTO"}, {"SNAPPY_COMPRESSION", "Boolean", "true"},
		{"BINARY_AS_TEXT", "Boolean", "true"}, {"USE_LOGICAL_TYPE", "Boolean", "false"}, {"USE_VECTORIZED_SCANNER", "Boolean", "false"},
		{"REPLACE_INVALID_CHARACTERS", "Boolean", "false"},
	},
	"AVRO": {{"TRIM_SPACE", "Boolean", "false"}, {"NULL_IF", "List", "[]"}, {"COMPRESSION", "String", "AUTO"}, {"REPLACE_INVALID_CHARACTERS", "Boolean", "false"}},
	"ORC":  {{"TRIM_SPACE", "Boolean", "false"}, {"NULL_IF", "List", "[]"}, {"REPLACE_INVALID_CHARACTERS", "Boolean", "false"}},
	"XML": {
		{"COMPRESSION", "String", "AUTO"}, {"IGNORE_UTF8_ERRORS", "Boolean", "false"}, {"PRESERVE_SPACE", "Boolean", "false"},
		{"STRIP_OUTER_ELEMENT", "Boolean", "false"}, {"DISABLE_AUTO_CONVERT", "Boolean", "false"}, {"REPLACE_INVALID_CHARACTERS", "Boolean", "false"},
		{"SKIP_BYTE_ORDER_MARK", "Boolean", "true"},
	},
	"CUSTOM": nil,
}

// readFormat reads TYPE = … and its options; type CSV where none is named.
func readFormat(options []sql.Option, property string) (FileFormat, error) {
	f := FileFormat{Type: "CSV"}
	if v, ok := option(options, "TYPE"); ok {
		f.Type = strings.ToUpper(scalar(v))
	}
	known, ok := formatOptions[f.Type]
	if !ok {
		return f, sqlerr.Invalid("invalid value '%s' for property 'TYPE'", f.Type)
	}
	all, err := ReadSettings(options, property, func(name string) bool {
		for _, k := range known {
			if k.name == name {
				return true
			}
		}
		return name == "TYPE" || name == "COMMENT" || name == "FORMAT_NAME"
	})
	if err != nil {
		return f, err
	}
	for _, s := range all {
		if s.Name != "TYPE" && s.Name != "COMMENT" && s.Name != "FORMAT_NAME" {
			f.Options = append(f.Options, s)
		}
	}
	return f, nil
}

// stored is a file format's row text.
type storedFormat struct {
	Type    string
	Options Settings `json:",omitempty"`
}

func (o *object) format() FileFormat {
	var s storedFormat
	_ = json.Unmarshal(o.Settings, &s) // written by pack
	return FileFormat{Database: o.Database, Schema: o.Schema, Name: o.Name, Type: s.Type, Options: s.Options}
}

// FileFormat finds a named file format, for COPY, INFER_SCHEMA and SELECT … FROM @stage. The error is 002003.
func (c *Catalog) FileFormat(ctx context.Context, sc *statement.Context, name sql.Name) (FileFormat, error) {
	o, err := c.find(ctx, sc, &c.formats, name, "this operation")
	if err != nil {
		return FileFormat{}, err
	}
	if err := c.requireOn(ctx, sc, &c.formats, o, "USAGE"); err != nil {
		return FileFormat{}, err
	}
	return o.format(), nil
}

func (c *Catalog) createFormat(ctx context.Context, sc *statement.Context, s *sql.Create) (string, error) {
	f, err := readFormat(s.Options, "FILE FORMAT")
	if err != nil {
		return "", err
	}
	o := &object{SchemaObject: store.SchemaObject{Settings: pack(storedFormat{f.Type, f.Options}), Comment: comment(s.Options)}}
	return c.create(ctx, sc, &c.formats, s, o, func(from *object) { o.Settings = from.Settings })
}

func (c *Catalog) alterFormat(ctx context.Context, sc *statement.Context, s *sql.Alter) (string, error) {
	return c.alter(ctx, sc, &c.formats, s, func(o *object) error {
		f := o.format()
		set, err := readFormat(append([]sql.Option{{Name: "TYPE", Value: sql.Value{Word: f.Type}}}, s.Options...), "FILE FORMAT")
		if err != nil {
			return err
		}
		if set.Type != f.Type {
			return sqlerr.Invalid("the type of a file format cannot be altered")
		}
		o.Settings = pack(storedFormat{f.Type, f.Options.with(set.Options)})
		return nil
	})
}

var formatColumns = []result.Column{
	result.TimeColumn("created_on"), result.TextColumn("name"), result.TextColumn("database_name"), result.TextColumn("schema_name"),
	result.TextColumn("type"), result.TextColumn("owner"), result.TextColumn("comment"), result.TextColumn("format_options"), result.TextColumn("owner_role_type"),
}

func (c *Catalog) showFormats(ctx context.Context, sc *statement.Context, s *sql.Show) ([][]any, error) {
	return c.showObjects(ctx, sc, &c.formats, s, func(o *object, database, schema string) []any {
		f := o.format()
		all := map[string]any{"TYPE": f.Type}
		for _, d := range formatOptions[f.Type] {
			all[d.name] = optionValue(d, f.Options)
		}
		return []any{o.Created, o.Name, database, schema, f.Type, o.Owner, o.Comment, string(pack(all)), "ROLE"}
	})
}

// optionValue is an option's value for people and for JSON: bools and numbers bare, lists as lists.
func optionValue(d formatOption, set Settings) any {
	if d.kind == "List" {
		if list, ok := set.List(d.name); ok {
			return append([]string{}, list...)
		}
		if inner := strings.Trim(d.value, "[]"); inner != "" {
			return []string{inner}
		}
		return []string{}
	}
	v := d.value
	if s, ok := set.Get(d.name); ok {
		v = s
	}
	if d.kind == "Boolean" {
		return strings.EqualFold(v, "true")
	}
	return v
}

var describeFormatColumns = []result.Column{
	result.TextColumn("property"), result.TextColumn("property_type"), result.TextColumn("property_value"), result.TextColumn("property_default"),
}

func (c *Catalog) describeFormat(ctx context.Context, sc *statement.Context, s *sql.Describe) ([][]any, error) {
	f, err := c.FileFormat(ctx, sc, s.Name)
	if err != nil {
		return nil, err
	}
	return formatProperties(f), nil
}

// formatProperties are DESCRIBE's rows of a file format.
func formatProperties(f FileFormat) [][]any {
	out := [][]any{property("TYPE", "String", f.Type, "CSV")}
	for _, d := range formatOptions[f.Type] {
		value := d.value
		switch v, ok := f.Options.Get(d.name); {
		case d.kind == "List":
			if list, ok := f.Options.List(d.name); ok {
				value = "[" + strings.Join(list, ", ") + "]"
			}
		case ok && d.kind == "Boolean":
			value = strings.ToLower(v)
		case ok:
			value = shown(v)
		}
		out = append(out, property(d.name, d.kind, value, d.value))
	}
	return out
}

// shown writes control characters as SQL would.
func shown(s string) string {
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
}

func comment(options []sql.Option) string {
	v, _ := option(options, "COMMENT")
	return scalar(v)
}
