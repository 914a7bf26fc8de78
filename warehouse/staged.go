package warehouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
	"firn/warehouse/duck"
)

// staged are files of a stage being read with a format.
type staged struct {
	w       *Warehouse
	sc      *statement.Context
	format  fileFormat
	files   []StageFile
	columns []bind.Column
	counts  []fileCount // of CSV and JSON, by file: filled by load
	onError string      // of COPY: ABORT_STATEMENT, CONTINUE, SKIP_FILE…; parse errors abort unless it says so
	width   int         // of COPY into a table: so many columns are read, others are an error
}

// fileCount is what became of one file.
type fileCount struct {
	parsed, loaded, errors int64
	skipped                bool
	first                  string
	line                   int64
	character              int64
	column                 string
}

// metadata columns follow the files' own ones.
const (
	metaFile = "METADATA$FILENAME"
	metaRow  = "METADATA$FILE_ROW_NUMBER"
	metaLine = "\x00LINE"
	metaNo   = "\x00FILE"
)

var (
	textType    = result.Type{Kind: result.Text}
	intType     = result.Type{Kind: result.Fixed, Precision: 38}
	variantType = result.Type{Kind: result.Variant}
)

// staged finds the files of a stage path.
func (w *Warehouse) staged(ctx context.Context, sc *statement.Context, p sql.StagePath, opts []sql.Option) (*staged, error) {
	if w.cfg.Stages == nil {
		return nil, sqlerr.Unsupported("stages")
	}
	s := &staged{w: w, sc: sc}
	var err error
	if s.format, err = w.format(ctx, sc, &p, opts); err != nil {
		return nil, err
	}
	pattern := ""
	var names []string
	for _, o := range opts {
		switch o.Name {
		case "PATTERN":
			pattern = optionText(o)
		case "FILES":
			names = []string{}
			for _, v := range o.Value.List {
				names = append(names, optionText(sql.Option{Value: v}))
			}
		}
	}
	if s.files, err = w.cfg.Stages.Files(ctx, sc, p, pattern, names); err != nil {
		return nil, err
	}
	return s, nil
}

// inStage is a file's name without the stage's, as METADATA$FILENAME shows it.
func inStage(name string) string {
	if _, rest, ok := strings.Cut(name, "/"); ok {
		return rest
	}
	return name
}

// Stage makes SELECT … FROM @stage readable.
func (n *names) Stage(ctx context.Context, t *sql.StageTable) (*bind.Table, error) {
	s, err := n.w.staged(ctx, n.sc, t.Stage, t.Options)
	if err != nil {
		return nil, err
	}
	return s.table(ctx, n.k)
}

// table makes the files one relation: $1 … $n of CSV, one VARIANT $1 of JSON and Parquet.
func (s *staged) table(ctx context.Context, k *work) (*bind.Table, error) {
	switch s.format.typ {
	case "CSV":
		if s.width == 0 {
			n, err := s.csvWidth()
			if err != nil {
				return nil, err
			}
			s.width = n
		}
		for i := range s.width {
			s.columns = append(s.columns, bind.Column{Name: "$" + strconv.Itoa(i+1), Type: textType, Nullable: true})
		}
		return s.load(ctx, k, s.loadCSV)
	case "JSON":
		s.columns = []bind.Column{{Name: "$1", Type: variantType, Nullable: true}}
		return s.load(ctx, k, s.loadJSON)
	}
	return s.parquetVariant(ctx, k)
}

func (s *staged) metadata() []bind.Column {
	return []bind.Column{{Name: metaFile, Type: textType, Nullable: true}, {Name: metaRow, Type: intType, Nullable: true},
		{Name: metaNo, Type: intType}, {Name: metaLine, Type: intType}}
}

// load reads the files into a temporary table.
func (s *staged) load(ctx context.Context, k *work, read func(ctx context.Context, a *duck.Appender, i int) error) (*bind.Table, error) {
	cols := append(append([]bind.Column(nil), s.columns...), s.metadata()...)
	shown := cols[:len(cols)-2]
	if k == nil {
		return &bind.Table{From: emptyRelation(cols), Columns: shown}, nil
	}
	name, a, err := k.temp(ctx, cols)
	if err != nil {
		return nil, err
	}
	s.counts = make([]fileCount, len(s.files))
	for i := range s.files {
		if err := read(ctx, a, i); err != nil {
			a.Abort()
			return nil, err
		}
	}
	if err := a.Close(); err != nil {
		return nil, err
	}
	return &bind.Table{From: "temp.main." + name, Columns: shown}, nil
}

// end fills the metadata of a row and goes on to the next.
func (s *staged) end(a *duck.Appender, file int, line int64) error {
	n := len(s.columns)
	a.Columns[n].SetString(a.Row, inStage(s.files[file].Name))
	a.Columns[n+1].SetInt(a.Row, s.counts[file].parsed)
	a.Columns[n+2].SetInt(a.Row, int64(file))
	a.Columns[n+3].SetInt(a.Row, line)
	return a.Next()
}

// csvWidth looks at the first records for how many columns there are.
func (s *staged) csvWidth() (int, error) {
	width := 1
	for _, file := range s.files {
		in, err := openFile(file.Path, &s.format)
		if err != nil {
			return 0, fileError(file.Name, err)
		}
		c := newCSV(in, &s.format)
		for range 1000 {
			fields, err := c.read()
			if err != nil {
				break // reading it whole says what is wrong
			}
			width = max(width, len(fields))
		}
		in.Close()
	}
	return width, nil
}

// fileError says in which file something is wrong.
func fileError(name string, err error) error {
	if e, ok := sqlerr.As(err); ok {
		c := *e
		c.Message += fmt.Sprintf("\n  File '%s'", name)
		return &c
	}
	e := sqlerr.New(100080, "22000", "File '%s' cannot be read: it is damaged, or not of the given format.", name)
	e.Err = err
	return e
}

// fail counts a bad record; it gives the error where that ends the statement.
func (s *staged) fail(file int, err error, line int64, column string) error {
	e, ok := sqlerr.As(err)
	if !ok {
		return fileError(s.files[file].Name, err)
	}
	c := &s.counts[file]
	c.errors++
	if c.first == "" {
		c.first, c.line, c.character, c.column = e.Message, line, 1, column
	}
	if s.onError == "" || strings.HasPrefix(s.onError, "ABORT") {
		full := *e
		full.Message = fmt.Sprintf("%s\n  File '%s', line %d, character 1\n  Row %d, column %s\n  If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or 'CONTINUE' for the ON_ERROR option.",
			e.Message, s.files[file].Name, line, c.parsed, column)
		return &full
	}
	return nil
}

func (s *staged) loadCSV(ctx context.Context, a *duck.Appender, file int) error {
	in, err := openFile(s.files[file].Path, &s.format)
	if err != nil {
		return fileError(s.files[file].Name, err)
	}
	defer in.Close()
	c := newCSV(in, &s.format)
	skip := s.format.skipHeader
	if s.format.parseHeader {
		skip = 1
	}
	for range skip {
		if _, err := c.read(); err != nil {
			break
		}
	}
	count := &s.counts[file]
	for {
		fields, err := c.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		count.parsed++
		if err != nil {
			if _, ok := sqlerr.As(err); !ok {
				return fileError(s.files[file].Name, err)
			}
			if err := s.fail(file, err, int64(c.line), ""); err != nil {
				return err
			}
			continue
		}
		if s.onError != "" && s.format.columnCountErrors && len(fields) != s.width {
			err := sqlerr.New(100080, "22000", "Number of columns in file (%d) does not match that of the corresponding table (%d), use file format option error_on_column_count_mismatch=false to ignore this error", len(fields), s.width)
			if err := s.fail(file, err, int64(c.line), ""); err != nil {
				return err
			}
			continue
		}
		for i := range s.width {
			if i >= len(fields) || s.format.null(fields[i]) {
				a.Columns[i].SetNull(a.Row)
			} else {
				a.Columns[i].SetBytes(a.Row, fields[i].text)
			}
		}
		if err := s.end(a, file, int64(c.line)); err != nil {
			return err
		}
	}
}

func (s *staged) loadJSON(ctx context.Context, a *duck.Appender, file int) error {
	in, err := openFile(s.files[file].Path, &s.format)
	if err != nil {
		return fileError(s.files[file].Name, err)
	}
	defer in.Close()
	d := json.NewDecoder(in)
	count := &s.counts[file]
	put := func() error {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			if errors.Is(err, io.EOF) {
				return err
			}
			return sqlerr.New(100069, "22P02", "Error parsing JSON: %s", err)
		}
		count.parsed++
		b, err := parseJSON(raw)
		if err != nil {
			return err
		}
		a.Columns[0].SetBytes(a.Row, b)
		return s.end(a, file, count.parsed)
	}
	for {
		if s.format.stripOuterArray {
			t, err := d.Token()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil || t != json.Delim('[') {
				return s.jsonFail(file, sqlerr.New(100069, "22P02", "Error parsing JSON: an array is expected with STRIP_OUTER_ARRAY"))
			}
			for d.More() {
				if err := put(); err != nil {
					return s.jsonFail(file, err)
				}
			}
			if _, err := d.Token(); err != nil {
				return s.jsonFail(file, sqlerr.New(100069, "22P02", "Error parsing JSON: %s", err))
			}
			continue
		}
		err := put()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.jsonFail(file, err)
		}
	}
}

// jsonFail ends a file: behind a broken value nothing can be read.
func (s *staged) jsonFail(file int, err error) error {
	if _, ok := sqlerr.As(err); !ok {
		return err
	}
	s.counts[file].parsed++
	return s.fail(file, err, s.counts[file].parsed, "")
}

// parquetList is DuckDB's reader of the files; paths are no patterns.
func (s *staged) parquetList() string {
	var b strings.Builder
	b.WriteString("read_parquet([")
	for i, f := range s.files {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(duck.Quote(globSafe(f.Path)))
	}
	b.WriteString("], filename=true, file_row_number=true, union_by_name=true")
	if s.format.binaryAsText {
		b.WriteString(", binary_as_string=true")
	}
	b.WriteByte(')')
	return b.String()
}

func globSafe(path string) string {
	if !strings.ContainsAny(path, "*?[") {
		return path
	}
	var b strings.Builder
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' {
			b.WriteString("[" + string(r) + "]")
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// parquetColumn is one column of Parquet files: its Snowflake type and how it is read in that.
type parquetColumn struct {
	name string
	typ  result.Type
	expr string
}

// parquetColumns describes the files' columns.
func (s *staged) parquetColumns(ctx context.Context, c *duck.Conn) ([]parquetColumn, error) {
	rows, err := c.QueryAll(ctx, "SELECT * FROM "+s.parquetList()+" LIMIT 0")
	if err != nil {
		return nil, s.parquetError(err)
	}
	defer rows.Close()
	var out []parquetColumn
	for i, name := range rows.Names[:len(rows.Names)-2] { // filename and file_row_number come last
		t, expr := parquetType(rows.Types[i], duck.Ident(name))
		out = append(out, parquetColumn{name, t, expr})
	}
	return out, nil
}

func (s *staged) parquetError(err error) error {
	var e *duck.Error
	if s.format.typ == "PARQUET" && errors.As(err, &e) && (strings.HasPrefix(e.Text, "Invalid Input Error") || strings.HasPrefix(e.Text, "IO Error")) {
		x := sqlerr.New(100091, "22000", "A file is no Parquet file, or damaged: %s", s.redact(firstLine(e.Text)))
		x.Err = err
		return x
	}
	return err
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// redact replaces the server's paths in DuckDB's text by the files' names.
func (s *staged) redact(text string) string {
	for _, f := range s.files {
		text = strings.ReplaceAll(text, f.Path, f.Name)
	}
	return text
}

// parquetType maps DuckDB's reading of a Parquet column: logical types are honoured.
func parquetType(t duck.Type, col string) (result.Type, string) {
	as := func(r result.Type) (result.Type, string) { return r, col + "::" + bind.PhysicalType(r) }
	switch t.Name() {
	case "BOOLEAN":
		return as(result.Type{Kind: result.Boolean})
	case "INTEGER":
		return as(intType)
	case "DECIMAL":
		return as(result.Type{Kind: result.Fixed, Precision: t.Width, Scale: t.Scale})
	case "FLOAT":
		return as(result.Type{Kind: result.Real})
	case "VARCHAR":
		return as(textType)
	case "BLOB":
		return as(result.Type{Kind: result.Binary})
	case "DATE":
		return as(result.Type{Kind: result.Date})
	case "TIME":
		return as(result.Type{Kind: result.Time, Scale: 9})
	case "TIMESTAMP":
		return as(result.Type{Kind: result.TimestampNTZ, Scale: 9})
	case "TIMESTAMPTZ":
		return result.Type{Kind: result.TimestampLTZ, Scale: 9}, "make_timestamp(epoch_us(" + col + "))"
	case "LIST":
		return result.Type{Kind: result.Array}, "v_parse(to_json(" + col + ")::VARCHAR)"
	case "STRUCT":
		return result.Type{Kind: result.Object}, "v_parse(to_json(" + col + ")::VARCHAR)"
	}
	return textType, col + "::VARCHAR"
}

// from is the files as a relation of the given expressions, with the metadata columns.
func (s *staged) from(exprs []string) string {
	var b strings.Builder
	b.WriteString("(SELECT ")
	for _, e := range exprs {
		b.WriteString(e + ",")
	}
	b.WriteString("CASE filename")
	for _, f := range s.files {
		b.WriteString(" WHEN " + duck.Quote(f.Path) + " THEN " + duck.Quote(inStage(f.Name)))
	}
	b.WriteString(" END AS " + bind.Physical(metaFile) + ",(file_row_number+1)::DECIMAL(38,0) AS " + bind.Physical(metaRow) + " FROM " + s.parquetList() + ")")
	return b.String()
}

// parquetVariant is the rows of Parquet files as objects.
func (s *staged) parquetVariant(ctx context.Context, k *work) (*bind.Table, error) {
	cols := append([]bind.Column{{Name: "$1", Type: variantType, Nullable: true}}, s.metadata()[:2]...)
	if len(s.files) == 0 || k == nil {
		return &bind.Table{From: emptyRelation(cols), Columns: cols}, nil
	}
	files, err := s.parquetColumns(ctx, k.conn)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(files))
	for i, c := range files {
		v := duck.Ident(c.name)
		switch c.typ.Kind {
		case result.Fixed, result.Real, result.Boolean, result.Array, result.Object:
		default:
			v += "::VARCHAR"
		}
		parts[i] = duck.Quote(c.name) + "," + v
	}
	return &bind.Table{From: s.from([]string{"v_parse(json_object(" + strings.Join(parts, ",") + ")::VARCHAR) AS " + bind.Physical("$1")}), Columns: cols}, nil
}

// parquetTable is the files with their own columns, typed.
func (s *staged) parquetTable(ctx context.Context, k *work) (*bind.Table, error) {
	t := &bind.Table{}
	if len(s.files) == 0 {
		t.Columns = s.metadata()[:2]
		t.From = emptyRelation(t.Columns)
		return t, nil
	}
	files, err := s.parquetColumns(ctx, k.conn)
	if err != nil {
		return nil, err
	}
	var exprs []string
	for _, c := range files {
		exprs = append(exprs, c.expr+" AS "+bind.Physical(c.name))
		t.Columns = append(t.Columns, bind.Column{Name: c.name, Type: c.typ, Nullable: true})
	}
	t.From = s.from(exprs)
	t.Columns = append(t.Columns, s.metadata()[:2]...)
	return t, nil
}

// parquetCounts are the rows of each file, from the files' footers.
func (s *staged) parquetCounts(ctx context.Context, c *duck.Conn) error {
	s.counts = make([]fileCount, len(s.files))
	for i, f := range s.files {
		err := scan(ctx, c, "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata("+duck.Quote(globSafe(f.Path))+")", func(r row) error {
			s.counts[i].parsed = r.int(0)
			return nil
		})
		if err != nil {
			return s.parquetError(err)
		}
	}
	return nil
}
