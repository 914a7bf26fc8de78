package warehouse

import (
	"context"
	"strconv"
	"strings"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// fileFormat is how files are read and written (page "CREATE FILE FORMAT").
type fileFormat struct {
	typ               string // CSV, JSON, PARQUET
	compression       string
	record, field     string
	skipHeader        int
	parseHeader       bool
	skipBlank         bool
	enclosed          byte // 0: none
	escape            byte // inside enclosed fields; 0: none
	escapeUnenclosed  byte
	trim              bool
	nullIf            []string
	columnCountErrors bool
	emptyIsNull       bool
	replaceInvalid    bool
	stripOuterArray   bool
	multiLine         bool
	binaryAsText      bool
	extension         string
	formats           map[string]string // DATE_FORMAT, TIME_FORMAT, TIMESTAMP_FORMAT: session parameters while reading
}

func defaultFormat(typ string) fileFormat {
	f := fileFormat{typ: typ, compression: "AUTO", binaryAsText: true, multiLine: true, formats: map[string]string{}}
	if typ == "CSV" {
		f.record, f.field, f.escapeUnenclosed = "\n", ",", '\\'
		f.columnCountErrors, f.emptyIsNull = true, true
		f.nullIf = []string{`\N`}
	}
	return f
}

// format puts together the options of the stage, of the named format and of the statement itself, later ones over earlier ones.
func (w *Warehouse) format(ctx context.Context, sc *statement.Context, stage *sql.StagePath, own []sql.Option) (fileFormat, error) {
	var opts []sql.Option
	if stage != nil && w.cfg.Stages != nil {
		s, err := w.cfg.Stages.StageFormat(ctx, sc, *stage)
		if err != nil {
			return fileFormat{}, err
		}
		opts = append(opts, s...)
	}
	for _, o := range own {
		if o.Name != "FILE_FORMAT" {
			continue
		}
		named, err := w.formatOption(ctx, sc, o.Value)
		if err != nil {
			return fileFormat{}, err
		}
		if typ := formatType(named); typ != "" && typ != formatType(opts) {
			opts = nil
		}
		opts = append(opts, named...)
	}
	return parseFormat(opts)
}

func formatType(opts []sql.Option) string {
	typ := ""
	for _, o := range opts {
		if o.Name == "TYPE" {
			typ = strings.ToUpper(optionText(o))
		}
	}
	return typ
}

// formatOption is FILE_FORMAT = 'name' | (FORMAT_NAME = name) | (TYPE = …).
func (w *Warehouse) formatOption(ctx context.Context, sc *statement.Context, v sql.Value) ([]sql.Option, error) {
	if v.Options == nil && v.List == nil {
		n, err := nameValue(v)
		if err != nil {
			return nil, err
		}
		return w.namedFormat(ctx, sc, n)
	}
	var out []sql.Option
	for _, o := range v.Options {
		if o.Name != "FORMAT_NAME" {
			out = append(out, o)
			continue
		}
		n, err := nameValue(o.Value)
		if err != nil {
			return nil, err
		}
		named, err := w.namedFormat(ctx, sc, n)
		if err != nil {
			return nil, err
		}
		out = append(named, out...)
	}
	return out, nil
}

func (w *Warehouse) namedFormat(ctx context.Context, sc *statement.Context, n sql.Name) ([]sql.Option, error) {
	if w.cfg.Stages == nil {
		return nil, sqlerr.NotExist("File format", written(n))
	}
	return w.cfg.Stages.FileFormat(ctx, sc, n)
}

func nameValue(v sql.Value) (sql.Name, error) {
	switch {
	case v.Name != nil:
		return *v.Name, nil
	case v.Text != nil:
		n, err := sql.ParseName(v.Text.Value)
		if err != nil {
			return n, sqlerr.Invalid("invalid name '%s'", v.Text.Value)
		}
		return n, nil
	case v.Word != "":
		return sql.Name{Parts: []sql.Ident{{Name: v.Word}}}, nil
	}
	return sql.Name{}, sqlerr.Invalid("a file format's name is missing")
}

func parseFormat(opts []sql.Option) (fileFormat, error) {
	typ := formatType(opts)
	if typ == "" {
		typ = "CSV"
	}
	if typ != "CSV" && typ != "JSON" && typ != "PARQUET" {
		return fileFormat{}, sqlerr.Unsupported("file format TYPE = %s", typ)
	}
	f := defaultFormat(typ)
	for _, o := range opts {
		text := optionText(o)
		word := strings.ToUpper(text)
		on := word == "TRUE"
		none := word == "NONE"
		bad := func() (fileFormat, error) {
			return f, sqlerr.Compilation(1007, "22023", "invalid value ['%s'] for parameter '%s'", text, o.Name)
		}
		one := func(into *byte) bool {
			s := unescapeOption(text)
			switch {
			case none || s == "":
				*into = 0
			case len(s) == 1:
				*into = s[0]
			default:
				return false
			}
			return true
		}
		switch o.Name {
		case "TYPE", "COMMENT", "ENABLE_OCTAL", "ALLOW_DUPLICATE", "USE_VECTORIZED_SCANNER", "USE_LOGICAL_TYPE", "SNAPPY_COMPRESSION", "PRESERVE_SPACE", "SKIP_BYTE_ORDER_MARK", "IGNORE_UTF8_ERRORS":
			if o.Name == "IGNORE_UTF8_ERRORS" {
				f.replaceInvalid = on
			}
		case "COMPRESSION":
			f.compression = word
		case "RECORD_DELIMITER":
			f.record = unescapeOption(text)
			if none {
				f.record = ""
			}
		case "FIELD_DELIMITER":
			f.field = unescapeOption(text)
			if none {
				f.field = ""
			}
		case "MULTI_LINE":
			f.multiLine = on
		case "FILE_EXTENSION":
			f.extension = text
		case "PARSE_HEADER":
			f.parseHeader = on
		case "SKIP_HEADER":
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return bad()
			}
			f.skipHeader = n
		case "SKIP_BLANK_LINES":
			f.skipBlank = on
		case "DATE_FORMAT", "TIME_FORMAT", "TIMESTAMP_FORMAT", "BINARY_FORMAT":
			f.formats[o.Name] = text
		case "ESCAPE":
			if !one(&f.escape) {
				return bad()
			}
		case "ESCAPE_UNENCLOSED_FIELD":
			if !one(&f.escapeUnenclosed) {
				return bad()
			}
		case "FIELD_OPTIONALLY_ENCLOSED_BY":
			if !one(&f.enclosed) {
				return bad()
			}
		case "TRIM_SPACE":
			f.trim = on
		case "NULL_IF":
			f.nullIf = nil
			for _, v := range o.Value.List {
				f.nullIf = append(f.nullIf, optionText(sql.Option{Value: v}))
			}
			if o.Value.Text != nil {
				f.nullIf = []string{o.Value.Text.Value}
			}
		case "ERROR_ON_COLUMN_COUNT_MISMATCH":
			f.columnCountErrors = on
		case "EMPTY_FIELD_AS_NULL":
			f.emptyIsNull = on
		case "REPLACE_INVALID_CHARACTERS":
			f.replaceInvalid = on
		case "ENCODING":
			if e := strings.ReplaceAll(word, "-", ""); e != "UTF8" {
				return f, sqlerr.Unsupported("file format ENCODING = %s", text)
			}
		case "STRIP_OUTER_ARRAY":
			f.stripOuterArray = on
		case "STRIP_NULL_VALUES":
			if on {
				return f, sqlerr.Unsupported("file format STRIP_NULL_VALUES = TRUE")
			}
		case "BINARY_AS_TEXT":
			f.binaryAsText = on
		default:
			return f, sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'FILE_FORMAT'", o.Name)
		}
	}
	return f, nil
}

// unescapeOption reads what a delimiter's text may hold beyond the string's own escapes: 0x7C and octal.
func unescapeOption(s string) string {
	if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		if n, err := strconv.ParseUint(h, 16, 8); err == nil {
			return string([]byte{byte(n)})
		}
	}
	switch s {
	case `\n`:
		return "\n"
	case `\t`:
		return "\t"
	case `\r\n`:
		return "\r\n"
	case `\r`:
		return "\r"
	}
	return s
}
