package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
	"firn/warehouse/duck"
)

// copyColumns are COPY's answer, a row a file; clients read the first and the third by their place.
var copyColumns = cols("file status rows_parsed:i rows_loaded:i error_limit:i errors_seen:i first_error first_error_line:i first_error_character:i first_error_column_name")

// stagedTable is the name by which the binder is given the files.
const stagedTable = "\x00staged"

// copyOptions are those of COPY INTO a table.
type copyOptions struct {
	onError   string
	purge     bool
	force     bool
	match     string // MATCH_BY_COLUMN_NAME: "", CASE_SENSITIVE, CASE_INSENSITIVE
	truncate  bool   // TRUNCATECOLUMNS, or ENFORCE_LENGTH = FALSE
	sizeLimit int64
}

func parseCopy(opts []sql.Option) (copyOptions, error) {
	c := copyOptions{onError: "ABORT_STATEMENT"}
	for _, o := range opts {
		text := optionText(o)
		on := strings.EqualFold(text, "TRUE")
		switch o.Name {
		case "FILE_FORMAT", "FILES", "PATTERN", "RETURN_FAILED_ONLY", "LOAD_UNCERTAIN_FILES", "INCLUDE_METADATA", "LOAD_MODE":
		case "ON_ERROR":
			c.onError = strings.ToUpper(text)
			if c.onError != "ABORT_STATEMENT" && c.onError != "CONTINUE" && c.onError != "SKIP_FILE" {
				if strings.HasPrefix(c.onError, "SKIP_FILE") {
					return c, sqlerr.Unsupported("ON_ERROR = %s", text)
				}
				return c, sqlerr.Compilation(1007, "22023", "invalid value ['%s'] for parameter 'ON_ERROR'", text)
			}
		case "PURGE":
			c.purge = on
		case "FORCE":
			c.force = on
		case "MATCH_BY_COLUMN_NAME":
			if c.match = strings.ToUpper(text); c.match == "NONE" {
				c.match = ""
			}
		case "TRUNCATECOLUMNS":
			c.truncate = c.truncate || on
		case "ENFORCE_LENGTH":
			c.truncate = c.truncate || !on
		case "SIZE_LIMIT":
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 1 {
				return c, sqlerr.Compilation(1007, "22023", "invalid value ['%s'] for parameter 'SIZE_LIMIT'", text)
			}
			c.sizeLimit = n
		case "VALIDATION_MODE":
			return c, sqlerr.Unsupported("COPY … VALIDATION_MODE")
		default:
			return c, sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'COPY'", o.Name)
		}
	}
	return c, nil
}

// copyTable is COPY INTO a table.
func (w *Warehouse) copyTable(ctx context.Context, sc *statement.Context, st *sql.CopyTable) (*result.Result, error) {
	opts, err := parseCopy(st.Options)
	if err != nil {
		return nil, err
	}
	from, own := st.From, st.Options
	var sel *sql.Select
	if st.Query != nil {
		var ok bool
		if sel, ok = st.Query.Body.(*sql.Select); !ok {
			return nil, sqlerr.Unsupported("COPY from this query")
		}
		t, ok := sel.From.(*sql.StageTable)
		if !ok {
			return nil, sqlerr.Unsupported("COPY from a query whose FROM is no stage")
		}
		from = &t.Stage
		own = append(slices.Clone(t.Options), own...)
	}
	if from == nil {
		from = &sql.StagePath{Table: &st.Table} // COPY INTO t: the table's own stage
	}
	var purge []StageFile
	p := dmlPlan{table: st.Table, operation: "COPY"}
	p.run = func(k *work, n *names, target *object) (*result.Result, error) {
		s, err := w.staged(ctx, sc, *from, own)
		if err != nil {
			return nil, err
		}
		s.onError = opts.onError
		if err := s.choose(ctx, k, target, opts); err != nil {
			return nil, err
		}
		if len(s.files) == 0 {
			return &result.Result{Columns: cols("status"), Rows: [][]any{{"Copy executed with 0 files processed."}}, Type: result.TypeCopy, Stats: &result.Stats{}}, nil
		}
		q, cols, err := s.plan(ctx, k, n, st, sel, target, opts)
		if err != nil {
			return nil, err
		}
		if err := k.begin(ctx); err != nil {
			return nil, err
		}
		if err := s.insert(ctx, k, n, st.Table, q, cols, opts); err != nil {
			return nil, err
		}
		now := w.cfg.Clock.Now().UTC()
		r := &result.Result{Columns: copyColumns, Type: result.TypeCopy, Stats: &result.Stats{}}
		for i, f := range s.files {
			c := &s.counts[i]
			status := "LOADED"
			switch {
			case c.skipped || c.errors > 0 && c.loaded == 0:
				status = "LOAD_FAILED"
			case c.errors > 0:
				status = "PARTIALLY_LOADED"
			}
			limit := c.parsed
			if opts.onError != "CONTINUE" {
				limit = 1
			}
			row := []any{f.Name, status, c.parsed, c.loaded, limit, c.errors, nil, nil, nil, nil}
			if c.first != "" {
				row[6], row[7], row[8], row[9] = c.first, c.line, c.character, c.column
			}
			r.Rows = append(r.Rows, row)
			r.Stats.Inserted += c.loaded
			if status == "LOAD_FAILED" {
				continue
			}
			if _, err := k.conn.Exec(ctx, "INSERT INTO m.firn.loads VALUES (?,?,?,?,?)", target.ID, f.Name, f.Size, stamp(f), now); err != nil {
				return nil, err
			}
			purge = append(purge, f)
		}
		return r, nil
	}
	r, err := w.dml(ctx, sc, p)
	if err != nil {
		return nil, err
	}
	if opts.purge && len(purge) > 0 {
		// The rows are in: a file that stays is no error, as in Snowflake.
		if err := w.cfg.Stages.Remove(ctx, sc, purge); err != nil {
			w.log.Warn("purge after COPY", "error", err)
		}
	}
	return r, nil
}

func stamp(f StageFile) string { return strconv.FormatInt(f.Modified.UnixNano(), 36) }

// choose leaves out the files that the table has had already, unless FORCE.
func (s *staged) choose(ctx context.Context, k *work, target *object, o copyOptions) error {
	if !o.force {
		had := map[string]bool{}
		key := func(name string, size int64, stamp string) string {
			return fmt.Sprintf("%s\x00%d\x00%s", name, size, stamp)
		}
		err := scan(ctx, k.conn, "SELECT file, size, stamp FROM m.firn.loads WHERE tab = ?", func(r row) error {
			had[key(r.text(0), r.int(1), r.text(2))] = true
			return nil
		}, target.ID)
		if err != nil {
			return err
		}
		s.files = slices.DeleteFunc(s.files, func(f StageFile) bool { return had[key(f.Name, f.Size, stamp(f))] })
	}
	if o.sizeLimit > 0 {
		var sum int64
		for i, f := range s.files {
			if sum >= o.sizeLimit {
				s.files = s.files[:i]
				break
			}
			sum += f.Size
		}
	}
	return nil
}

// ident is an exact name in a tree.
func ident(name string) sql.Ident { return sql.Ident{Name: name, Quoted: true} }

func ref(name string) *sql.Ref { return &sql.Ref{Parts: []sql.Ident{ident(name)}} }

// plan makes the query over the files, as the table stagedTable, and says which columns it fills.
func (s *staged) plan(ctx context.Context, k *work, n *names, st *sql.CopyTable, sel *sql.Select, target *object, o copyOptions) (*sql.Select, []sql.Ident, error) {
	columns := st.Columns
	all := func() []sql.Ident {
		var out []sql.Ident
		for i := range target.Columns {
			out = append(out, ident(target.Columns[i].Name))
		}
		return out
	}
	out := &sql.Select{From: &sql.Table{Name: sql.Name{Parts: []sql.Ident{ident(stagedTable)}}}}
	var t *bind.Table
	var err error
	switch {
	case sel != nil:
		if columns == nil {
			columns = all()
		}
		columns = columns[:min(len(columns), len(sel.Items))]
		out.Where, out.Distinct = sel.Where, sel.Distinct
		out.Items = sel.Items
		if s.format.typ == "PARQUET" && onlyPaths(sel) {
			// $1:"c" of a Parquet file is its column c: no VARIANT is made.
			if t, err = s.parquetTable(ctx, k); err != nil {
				return nil, nil, err
			}
			out.Items = slices.Clone(sel.Items)
			for i := range out.Items {
				out.Items[i].X = parquetRefs(out.Items[i].X, t)
			}
		} else {
			s.width = highest(sel)
			parse := s.onError
			s.onError = ""
			if t, err = s.table(ctx, k); err != nil {
				return nil, nil, err
			}
			s.onError = parse
		}
		if a := sel.From.(*sql.StageTable).Alias; a.Name.Name != "" {
			out.From.(*sql.Table).Alias = a
		}
	case o.match != "" && s.format.typ == "PARQUET":
		if t, err = s.parquetTable(ctx, k); err != nil {
			return nil, nil, err
		}
		if columns == nil {
			columns = all()
		}
		var found []sql.Ident
		for _, c := range columns {
			for _, f := range t.Columns {
				if f.Name == c.Name || o.match == "CASE_INSENSITIVE" && strings.EqualFold(f.Name, c.Name) {
					found = append(found, c)
					out.Items = append(out.Items, sql.SelectItem{X: ref(f.Name)})
					break
				}
			}
		}
		if columns = found; len(found) == 0 {
			return nil, nil, sqlerr.Compilation(100090, "22000", "No column of the files has the name of a column of the table.")
		}
	case o.match != "":
		return nil, nil, sqlerr.Unsupported("MATCH_BY_COLUMN_NAME for TYPE = %s", s.format.typ)
	case s.format.typ == "CSV":
		if columns == nil {
			columns = all()
		}
		s.width = len(columns)
		if t, err = s.table(ctx, k); err != nil {
			return nil, nil, err
		}
		for i, c := range columns {
			item := sql.Expr(&sql.Positional{N: i + 1})
			if col := target.find(c.Name); col != nil && (col.typ.Kind == result.Object || col.typ.Kind == result.Array || col.typ.Kind == result.Variant) {
				item = &sql.Call{Name: sql.Name{Parts: []sql.Ident{{Name: "PARSE_JSON"}}}, Args: []sql.Expr{item}}
			}
			out.Items = append(out.Items, sql.SelectItem{X: item})
		}
	default:
		if columns == nil {
			columns = all()
		}
		if len(columns) != 1 {
			return nil, nil, sqlerr.Compilation(2019, "0A000", "%s file format can produce one and only one column of type variant, object, or array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with transformation.", s.format.typ)
		}
		if t, err = s.table(ctx, k); err != nil {
			return nil, nil, err
		}
		out.Items = []sql.SelectItem{{X: &sql.Positional{N: 1}}}
	}
	n.extra = map[string]*bind.Table{stagedTable: t}
	return out, columns, nil
}

// onlyPaths says whether a transformation reads its files only as $1:name.
func onlyPaths(sel *sql.Select) bool {
	ok := true
	sql.Walk(sel, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.Path:
			if p, is := n.X.(*sql.Positional); is && p.N == 1 && len(n.Steps) >= 1 && n.Steps[0].Index == nil {
				return false
			}
		case *sql.Positional, *sql.Subquery, *sql.Star:
			ok = false
		case *sql.Ref:
			if len(n.Parts) > 1 || !strings.HasPrefix(n.Parts[0].Name, "METADATA$") {
				ok = false
			}
		}
		return true
	})
	return ok
}

// parquetRefs rewrites $1:name into the column.
func parquetRefs(x sql.Expr, t *bind.Table) sql.Expr {
	return rewrite(x, func(x sql.Expr) sql.Expr {
		p, ok := x.(*sql.Path)
		if !ok {
			return nil
		}
		base, ok := p.X.(*sql.Positional)
		if !ok || base.N != 1 {
			return nil
		}
		for _, c := range t.Columns {
			if c.Name != p.Steps[0].Name {
				continue
			}
			if len(p.Steps) == 1 {
				return ref(c.Name)
			}
			return &sql.Path{X: ref(c.Name), Steps: p.Steps[1:], Pos: p.Pos}
		}
		return &sql.Literal{Kind: sql.NullLit, Pos: p.Pos}
	})
}

// rewrite copies an expression, replacing the parts for which f gives another.
func rewrite(x sql.Expr, f func(sql.Expr) sql.Expr) sql.Expr {
	if x == nil {
		return nil
	}
	if y := f(x); y != nil {
		return y
	}
	list := func(in []sql.Expr) []sql.Expr {
		out := make([]sql.Expr, len(in))
		for i := range in {
			out[i] = rewrite(in[i], f)
		}
		return out
	}
	switch x := x.(type) {
	case *sql.Cast:
		c := *x
		c.X = rewrite(x.X, f)
		return &c
	case *sql.Call:
		c := *x
		c.Args = list(x.Args)
		c.Named = slices.Clone(x.Named)
		for i := range c.Named {
			c.Named[i].Value = rewrite(c.Named[i].Value, f)
		}
		return &c
	case *sql.Unary:
		c := *x
		c.X = rewrite(x.X, f)
		return &c
	case *sql.Binary:
		c := *x
		c.L, c.R = rewrite(x.L, f), rewrite(x.R, f)
		return &c
	case *sql.Case:
		c := *x
		c.X, c.Else = rewrite(x.X, f), rewrite(x.Else, f)
		c.Whens = slices.Clone(x.Whens)
		for i := range c.Whens {
			c.Whens[i].Cond, c.Whens[i].Then = rewrite(c.Whens[i].Cond, f), rewrite(c.Whens[i].Then, f)
		}
		return &c
	case *sql.Path:
		c := *x
		c.X = rewrite(x.X, f)
		return &c
	case *sql.Index:
		c := *x
		c.X, c.I = rewrite(x.X, f), rewrite(x.I, f)
		return &c
	case *sql.Is:
		c := *x
		c.X, c.Y = rewrite(x.X, f), rewrite(x.Y, f)
		return &c
	case *sql.In:
		c := *x
		c.X, c.List = rewrite(x.X, f), list(x.List)
		return &c
	case *sql.Between:
		c := *x
		c.X, c.Low, c.High = rewrite(x.X, f), rewrite(x.Low, f), rewrite(x.High, f)
		return &c
	case *sql.Like:
		c := *x
		c.X, c.Patterns, c.Escape = rewrite(x.X, f), list(x.Patterns), rewrite(x.Escape, f)
		return &c
	case *sql.ArrayLit:
		c := *x
		c.Items = list(x.Items)
		return &c
	case *sql.ObjectLit:
		c := *x
		c.Keys, c.Values = list(x.Keys), list(x.Values)
		return &c
	}
	return x
}

// highest is the largest $n of a query.
func highest(sel *sql.Select) int {
	n := 1
	sql.Walk(sel, func(x sql.Node) bool {
		if p, ok := x.(*sql.Positional); ok {
			n = max(n, p.N)
		}
		return true
	})
	return n
}

// insert carries the load out and fills the counts.
func (s *staged) insert(ctx context.Context, k *work, n *names, table sql.Name, q *sql.Select, columns []sql.Ident, o copyOptions) error {
	if s.format.typ == "PARQUET" {
		if err := s.parquetCounts(ctx, k.conn); err != nil {
			return err
		}
		if o.onError != "ABORT_STATEMENT" {
			o.onError = "ABORT_STATEMENT" // a value that cannot be converted ends the statement: typed files hold none of their own making
		}
	}
	target, err := n.Table(ctx, table)
	if err != nil {
		return err
	}
	if o.onError != "ABORT_STATEMENT" {
		if err := s.filter(ctx, k, n, target, q, columns, o); err != nil {
			return err
		}
	}
	sc := *s.sc
	if len(s.format.formats) > 0 {
		sc.Params = formatParams{sc.Params, s.format.formats}
	}
	if o.truncate {
		for i, c := range columns {
			for _, t := range target.Columns {
				if t.Name == c.Name && t.Type.Kind == result.Text && t.Type.Length > 0 && i < len(q.Items) {
					q.Items[i].X = &sql.Call{Name: sql.Name{Parts: []sql.Ident{{Name: "LEFT"}}}, Args: []sql.Expr{
						&sql.Cast{X: q.Items[i].X, Type: sql.TypeName{Name: "VARCHAR"}}, &sql.Literal{Kind: sql.NumberLit, Text: strconv.Itoa(t.Type.Length)}}}
				}
			}
		}
	}
	b, err := bind.Insert(ctx, &sc, n, &sql.Insert{Table: table, Columns: columns, Query: &sql.Query{Body: q}})
	if err != nil {
		return err
	}
	rows, err := k.conn.Exec(ctx, b.SQL)
	if err != nil {
		return s.loadError(err)
	}
	if s.format.typ == "PARQUET" {
		for i := range s.counts {
			s.counts[i].loaded = s.counts[i].parsed
		}
		if q.Where != nil && len(s.counts) == 1 {
			s.counts[0].loaded = rows
		}
		return nil
	}
	for i := range s.counts {
		if c := &s.counts[i]; !c.skipped {
			c.loaded = c.parsed - c.errors
		}
	}
	return nil
}

func (s *staged) loadError(err error) error {
	e, ok := sqlerr.As(err)
	if !ok {
		return s.parquetError(err)
	}
	c := *e
	if len(s.files) == 1 {
		c.Message += fmt.Sprintf("\n  File '%s'", s.files[0].Name)
	}
	c.Message += "\n  If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or 'CONTINUE' for the ON_ERROR option."
	return &c
}

// formatParams are the session's parameters with a file format's over them.
type formatParams struct {
	statement.Parameters
	own map[string]string
}

func (p formatParams) Get(name string) string {
	switch name {
	case "DATE_INPUT_FORMAT", "TIME_INPUT_FORMAT", "TIMESTAMP_INPUT_FORMAT", "BINARY_INPUT_FORMAT":
		if f := p.own[strings.Replace(name, "_INPUT", "", 1)]; f != "" {
			return f
		}
	}
	if p.Parameters == nil {
		return ""
	}
	return p.Parameters.Get(name)
}

// filter finds the rows that ON_ERROR = CONTINUE leaves out, and the files that SKIP_FILE does: those in which a text is not of
// its column's type, is too long, or is NULL where that is refused.
func (s *staged) filter(ctx context.Context, k *work, n *names, target *bind.Table, q *sql.Select, columns []sql.Ident, o copyOptions) error {
	t := n.extra[stagedTable]
	check := *t
	check.Columns = append(slices.Clone(t.Columns), s.metadata()[2:]...)
	n.extra[stagedTable] = &check
	defer func() { n.extra[stagedTable] = t }()

	sc := *s.sc
	if len(s.format.formats) > 0 {
		sc.Params = formatParams{sc.Params, s.format.formats}
	}
	or := func(l, r sql.Expr) sql.Expr {
		if l == nil {
			return r
		}
		return &sql.Binary{Op: "OR", L: l, R: r}
	}
	var any sql.Expr
	type cause struct {
		column, message string
		code            int
		cond            sql.Expr
	}
	var causes []cause
	for i, c := range columns {
		if i >= len(q.Items) {
			break
		}
		x := q.Items[i].X
		kind := result.Type{}
		nullable := true
		for _, col := range target.Columns {
			if col.Name == c.Name {
				kind, nullable = col.Type, col.Nullable
			}
		}
		if !nullable {
			causes = append(causes, cause{c.Name, "NULL result in a non-nullable column", 100072, &sql.Is{X: x, What: "NULL"}})
		}
		switch kind.Kind {
		case result.Fixed, result.Real, result.Boolean, result.Date, result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ, result.Binary:
			if _, plain := x.(*sql.Positional); !plain {
				if cast, ok := x.(*sql.Cast); ok {
					x = cast.X
				} else {
					continue
				}
			}
			name, err := sql.ParseType(kind.SQL())
			if err != nil {
				return err
			}
			causes = append(causes, cause{c.Name, fmt.Sprintf("%s value is not recognized", typeName(kind)), 100038,
				&sql.Binary{Op: "AND", L: &sql.Is{X: x, Not: true, What: "NULL"}, R: &sql.Is{X: &sql.Cast{X: x, Type: name, Try: true}, What: "NULL"}}})
		case result.Text:
			if kind.Length > 0 && !o.truncate {
				causes = append(causes, cause{c.Name, fmt.Sprintf("User character length limit (%d) exceeded by string", kind.Length), 100074,
					&sql.Binary{Op: ">", L: &sql.Call{Name: sql.Name{Parts: []sql.Ident{{Name: "LENGTH"}}}, Args: []sql.Expr{x}}, R: &sql.Literal{Kind: sql.NumberLit, Text: strconv.Itoa(kind.Length)}}})
			}
		}
	}
	if len(causes) > 0 {
		var which sql.Case
		for i, c := range causes {
			any = or(any, c.cond)
			which.Whens = append(which.Whens, sql.When{Cond: c.cond, Then: &sql.Literal{Kind: sql.NumberLit, Text: strconv.Itoa(i)}})
		}
		bad := &sql.Select{From: q.From, Where: any, Items: []sql.SelectItem{{X: ref(metaNo)}, {X: ref(metaLine)}, {X: &which}}}
		b, err := bind.Query(ctx, &sc, n, &sql.Query{Body: bad})
		if err != nil {
			return err
		}
		err = scan(ctx, k.conn, "SELECT a::BIGINT, b::BIGINT, c::BIGINT FROM ("+b.SQL+") x(a, b, c) ORDER BY 1, 2", func(r row) error {
			c := &s.counts[r.int(0)]
			if c.errors++; c.first == "" || r.int(1) < c.line {
				k := causes[r.int(2)]
				c.first, c.line, c.character, c.column = k.message, r.int(1), 1, fmt.Sprintf("%q[%q]", target.Name, k.column)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	var where sql.Expr
	if o.onError == "SKIP_FILE" {
		for i := range s.counts {
			if s.counts[i].errors > 0 {
				s.counts[i].skipped = true
				where = or(where, &sql.Binary{Op: "=", L: ref(metaNo), R: &sql.Literal{Kind: sql.NumberLit, Text: strconv.Itoa(i)}})
			}
		}
	} else {
		where = any
	}
	if where != nil {
		// Three-valued: a condition that is NULL is no error.
		keep := &sql.Unary{Op: "NOT", X: &sql.Call{Name: sql.Name{Parts: []sql.Ident{{Name: "COALESCE"}}}, Args: []sql.Expr{where, &sql.Literal{Kind: sql.BoolLit}}}}
		if q.Where == nil {
			q.Where = keep
		} else {
			q.Where = &sql.Binary{Op: "AND", L: q.Where, R: keep}
		}
		t.Columns = check.Columns
	}
	return nil
}

func typeName(t result.Type) string {
	switch t.Kind {
	case result.Fixed, result.Real:
		return "Numeric"
	case result.Boolean:
		return "Boolean"
	case result.Date:
		return "Date"
	case result.Time:
		return "Time"
	case result.Binary:
		return "Binary"
	}
	return "Timestamp"
}

// unloadColumns are the answer of COPY INTO a stage.
var unloadColumns = cols("rows_unloaded:i input_bytes:i output_bytes:i")

// copyStage is COPY INTO @stage: one Parquet or CSV file.
func (w *Warehouse) copyStage(ctx context.Context, sc *statement.Context, st *sql.CopyStage) (*result.Result, error) {
	if w.cfg.Stages == nil {
		return nil, sqlerr.Unsupported("stages")
	}
	if st.Partition != nil {
		return nil, sqlerr.Unsupported("COPY INTO a stage … PARTITION BY")
	}
	f, err := w.format(ctx, sc, &st.To, st.Options)
	if err != nil {
		return nil, err
	}
	var header, single bool
	for _, o := range st.Options {
		on := strings.EqualFold(optionText(o), "TRUE")
		switch o.Name {
		case "HEADER":
			header = on
		case "SINGLE":
			single = on
		case "OVERWRITE", "FILE_FORMAT", "MAX_FILE_SIZE", "INCLUDE_QUERY_ID", "DETAILED_OUTPUT":
		default:
			return nil, sqlerr.Unsupported("COPY INTO a stage … %s", o.Name)
		}
	}
	q := st.Query
	if q == nil {
		q = &sql.Query{Body: &sql.Select{Items: []sql.SelectItem{{X: &sql.Star{}}}, From: &sql.Table{Name: *st.Table}}}
	}
	k, err := w.work(ctx, sc, false)
	if err != nil {
		return nil, err
	}
	defer func() { k.end(err) }()
	n := w.names(sc)
	n.use(k)
	b, err := bind.Query(ctx, sc, n, q)
	if err != nil {
		return nil, err
	}
	if err = w.mayRead(ctx, sc, q, b.Tables); err != nil {
		return nil, err
	}
	var options, ext string
	switch f.typ {
	case "PARQUET":
		codec, name := "snappy", ".snappy.parquet"
		switch f.compression {
		case "NONE":
			codec, name = "uncompressed", ".parquet"
		case "AUTO", "SNAPPY":
		default:
			err = sqlerr.Unsupported("COPY INTO a stage as Parquet with COMPRESSION = %s", f.compression)
			return nil, err
		}
		options, ext = "FORMAT parquet, COMPRESSION "+codec, name
		b, err = unloadParquet(ctx, sc, n, q, b, header)
	case "CSV":
		if f.record != "\n" || len(f.field) != 1 {
			err = sqlerr.Unsupported("COPY INTO a stage with these delimiters")
			return nil, err
		}
		null := ""
		if len(f.nullIf) > 0 {
			null = f.nullIf[0]
		}
		options = fmt.Sprintf("FORMAT csv, DELIMITER %s, HEADER %t, NULLSTR %s", duck.Quote(f.field), header, duck.Quote(null))
		if f.enclosed != 0 {
			options += ", QUOTE " + duck.Quote(string(f.enclosed)) + ", ESCAPE " + duck.Quote(string(f.enclosed)) + ", FORCE_QUOTE *"
		} else {
			options += ", QUOTE '', ESCAPE ''"
		}
		ext = ".csv"
		switch f.compression {
		case "AUTO", "GZIP":
			options, ext = options+", COMPRESSION gzip", ".csv.gz"
		case "NONE":
		default:
			err = sqlerr.Unsupported("COPY INTO a stage as CSV with COMPRESSION = %s", f.compression)
			return nil, err
		}
		b, err = unloadText(ctx, sc, n, q, b)
	default:
		err = sqlerr.Unsupported("COPY INTO a stage as %s", f.typ)
	}
	if err != nil {
		return nil, err
	}
	to := st.To
	name := "data_0_0_0" + ext
	if to.Path != "" && !strings.HasSuffix(to.Path, "/") {
		i := strings.LastIndexByte(to.Path, '/') + 1
		name = to.Path[i:] + "_0_0_0" + ext
		if single {
			name = to.Path[i:]
		}
		to.Path = to.Path[:i]
	}
	path, commit, err := w.cfg.Stages.Create(ctx, sc, to, name)
	if err != nil {
		return nil, err
	}
	rows, err := k.conn.Exec(ctx, "COPY ("+b.SQL+") TO "+duck.Quote(path)+" ("+options+")")
	if err != nil {
		return nil, err
	}
	size, err := fileSize(path)
	if err != nil {
		return nil, err
	}
	if err = commit(); err != nil {
		return nil, err
	}
	return &result.Result{Columns: unloadColumns, Rows: [][]any{{rows, size, size}}, Type: result.TypeCopy, Stats: &result.Stats{}}, nil
}
