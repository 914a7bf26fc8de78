package warehouse

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
	"firn/warehouse/duck"
)

var inferColumns = func() []result.Column {
	c := cols("COLUMN_NAME TYPE NULLABLE EXPRESSION FILENAMES ORDER_ID:i")
	c[2] = result.BoolColumn("NULLABLE")
	return c
}()

// inferSchema is INFER_SCHEMA(LOCATION => '@…', FILE_FORMAT => '…' [, FILES => …, IGNORE_CASE => …, MAX_FILE_COUNT => …]).
func (w *Warehouse) inferSchema() statement.Function {
	return statement.Function{Name: "INFER_SCHEMA", Table: true, Columns: inferColumns, Call: w.infer}
}

func (w *Warehouse) infer(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	location, _ := a.Named["LOCATION"].(string)
	format, _ := a.Named["FILE_FORMAT"].(string)
	if location == "" || format == "" {
		return nil, sqlerr.Invalid("INFER_SCHEMA needs LOCATION and FILE_FORMAT")
	}
	p, err := sql.ParseStagePath(location)
	if err != nil {
		return nil, sqlerr.Invalid("invalid location '%s'", location)
	}
	opts := []sql.Option{{Name: "FILE_FORMAT", Value: sql.Value{Text: &sql.Text{Value: format}}}}
	switch f := a.Named["FILES"].(type) {
	case nil:
	case string:
		o := sql.Option{Name: "FILES"}
		for _, name := range strings.Split(f, ",") {
			o.Value.List = append(o.Value.List, sql.Value{Text: &sql.Text{Value: strings.TrimSpace(name)}})
		}
		opts = append(opts, o)
	case json.RawMessage:
		var list []string
		if err := json.Unmarshal(f, &list); err != nil {
			return nil, sqlerr.Invalid("invalid FILES")
		}
		o := sql.Option{Name: "FILES"}
		for _, name := range list {
			o.Value.List = append(o.Value.List, sql.Value{Text: &sql.Text{Value: name}})
		}
		opts = append(opts, o)
	}
	s, err := w.staged(ctx, sc, p, opts)
	if err != nil {
		return nil, err
	}
	if n, ok := a.Named["MAX_FILE_COUNT"].(int64); ok && n > 0 && int(n) < len(s.files) {
		s.files = s.files[:n]
	}
	ignoreCase, _ := a.Named["IGNORE_CASE"].(bool)
	r := &result.Result{Columns: inferColumns}
	if len(s.files) == 0 {
		return r, nil
	}
	var names []string
	for _, f := range s.files {
		names = append(names, inStage(f.Name))
	}
	add := func(name string, t result.Type, nullable bool, expr string) {
		if ignoreCase {
			name = strings.ToUpper(name)
		}
		word := inferType(t)
		r.Rows = append(r.Rows, []any{name, word, nullable, expr + "::" + word, strings.Join(names, ", "), int64(len(r.Rows))})
	}
	switch s.format.typ {
	case "PARQUET":
		c, err := w.duck.Acquire()
		if err != nil {
			return nil, err
		}
		defer c.Release()
		list, err := s.parquetColumns(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, col := range list {
			add(col.name, col.typ, true, "$1:"+columnText(col.name))
		}
	case "CSV":
		list, err := s.inferCSV()
		if err != nil {
			return nil, err
		}
		for i, c := range list {
			add(c.name, c.typ, c.nullable, "$"+strconv.Itoa(i+1))
		}
	default:
		return nil, sqlerr.Unsupported("INFER_SCHEMA for TYPE = %s", s.format.typ)
	}
	return r, nil
}

func columnText(name string) string {
	if sql.QuoteIdent(name) == name {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// inferType is the type's text: NUMBER(38, 0), TEXT, REAL, TIMESTAMP_NTZ.
func inferType(t result.Type) string {
	switch t.Kind {
	case result.Fixed:
		return "NUMBER(" + strconv.Itoa(t.Precision) + ", " + strconv.Itoa(t.Scale) + ")"
	case result.Text:
		return "TEXT"
	case result.Real:
		return "REAL"
	}
	return strings.ToUpper(t.Kind.String())
}

type csvColumn struct {
	name     string
	typ      result.Type
	nullable bool
}

// inferCSV reads the files' beginnings.
func (s *staged) inferCSV() ([]csvColumn, error) {
	type guess struct {
		seen, null   bool
		whole, scale int
		kinds        int
	}
	var header []string
	var g []guess
	for _, file := range s.files {
		in, err := openFile(file.Path, &s.format)
		if err != nil {
			return nil, fileError(file.Name, err)
		}
		c := newCSV(in, &s.format)
		for range s.format.skipHeader {
			c.read()
		}
		for i := range 10000 {
			fields, err := c.read()
			if err != nil {
				break
			}
			if s.format.parseHeader && i == 0 {
				if header == nil {
					for _, f := range fields {
						header = append(header, string(f.text))
					}
				}
				continue
			}
			for k, f := range fields {
				if k == len(g) {
					g = append(g, guess{})
				}
				x := &g[k]
				if s.format.null(f) {
					x.null = true
					continue
				}
				x.seen = true
				t := string(f.text)
				whole, scale, number := digits(t)
				switch {
				case number:
					x.whole, x.scale = max(x.whole, whole), max(x.scale, scale)
					x.kinds |= 1
				case isFloat(t):
					x.kinds |= 2
				case strings.EqualFold(t, "true") || strings.EqualFold(t, "false"):
					x.kinds |= 4
				case isTime(t, "2006-01-02"):
					x.kinds |= 8
				case isTime(t, "2006-01-02 15:04:05"), isTime(t, "2006-01-02T15:04:05"), isTime(t, "2006-01-02 15:04:05.999999999"), isTime(t, "2006-01-02T15:04:05.999999999"):
					x.kinds |= 16
				default:
					x.kinds |= 32
				}
			}
		}
		in.Close()
	}
	out := make([]csvColumn, len(g))
	for i, x := range g {
		c := csvColumn{name: "c" + strconv.Itoa(i+1), nullable: true, typ: textType}
		if i < len(header) {
			c.name = header[i]
		}
		switch x.kinds {
		case 1:
			c.typ = result.Type{Kind: result.Fixed, Precision: max(1, x.whole+x.scale), Scale: x.scale}
			if c.typ.Precision > 38 {
				c.typ = textType
			}
		case 2, 3:
			c.typ = result.Type{Kind: result.Real}
		case 4:
			c.typ = result.Type{Kind: result.Boolean}
		case 8:
			c.typ = result.Type{Kind: result.Date}
		case 16, 24:
			c.typ = result.Type{Kind: result.TimestampNTZ, Scale: 9}
		}
		out[i] = c
	}
	return out, nil
}

// digits counts the digits before and after the point of a plain number.
func digits(s string) (whole, scale int, ok bool) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	w, f, _ := strings.Cut(s, ".")
	for _, part := range []string{w, f} {
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return 0, 0, false
			}
		}
	}
	return len(w), len(f), len(w)+len(f) > 0
}

func isFloat(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && !strings.ContainsAny(s, "xX_")
}

func isTime(s, layout string) bool {
	_, err := time.Parse(layout, s)
	return err == nil
}

// template is CREATE TABLE … USING TEMPLATE: a query that gives one ARRAY of INFER_SCHEMA's rows as objects.
func (w *Warehouse) template(ctx context.Context, sc *statement.Context, n *names, q *sql.Query) ([]column, error) {
	b, err := bind.Query(ctx, sc, n, q)
	if err != nil {
		return nil, err
	}
	text := ""
	err = scan(ctx, n.k.conn, "SELECT v_json(c)::VARCHAR FROM ("+b.SQL+") x(c)", func(r row) error {
		if r.valid(0) {
			text = r.text(0)
		}
		return nil
	})
	if err != nil {
		return nil, duck.Wrap(err, "template")
	}
	var defs []struct {
		Name     string `json:"COLUMN_NAME"`
		Type     string `json:"TYPE"`
		Nullable *bool  `json:"NULLABLE"`
	}
	if err := json.Unmarshal([]byte(text), &defs); err != nil || len(defs) == 0 {
		return nil, sqlerr.Invalid("USING TEMPLATE needs a query that gives an array of column definitions")
	}
	var out []column
	for _, d := range defs {
		name, err := sql.ParseType(d.Type)
		if err != nil {
			return nil, sqlerr.Invalid("invalid type '%s' of column '%s'", d.Type, d.Name)
		}
		t, err := bind.TypeOf(name)
		if err != nil {
			return nil, err
		}
		c := newColumn(d.Name, t)
		c.NotNull = d.Nullable != nil && !*d.Nullable
		out = append(out, c)
	}
	return out, nil
}
