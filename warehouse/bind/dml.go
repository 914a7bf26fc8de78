package bind

import (
	"context"
	"strings"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// DML is a bound INSERT, UPDATE, DELETE or MERGE: SQL for DuckDB, which answers with the number of rows changed.
type DML struct {
	Bound
	Target *Table
	// Check of a MERGE gives a row where two source rows meet one target row; then the MERGE may not run
	// (error 100090, Duplicate row detected during DML action). "" where nothing needs checking.
	Check string
	// Columns written, by their index in Target.Columns.
	Written []int
	// Overwrite: the table is to be emptied first, in the same transaction.
	Overwrite bool
}

func (b *binder) dml(t *Table, text string, written []int) *DML {
	return &DML{Bound: Bound{SQL: text, Tables: b.tables, Volatile: b.volatile}, Target: t, Written: written}
}

// target finds a table that is to be written.
func (b *binder) target(n sql.Name) (*Table, error) {
	t, err := b.names.Table(b.ctx, n)
	if err != nil {
		return nil, err
	}
	if t.View != nil {
		return nil, sqlerr.Compilation(2049, "42601", "DML on view '%s' is not possible", t.Name)
	}
	b.read(t.ID)
	return t, nil
}

// columnList is the columns that an INSERT names, all where it names none.
func columnList(t *Table, names []sql.Ident) ([]int, error) {
	if len(names) == 0 {
		out := make([]int, len(t.Columns))
		for i := range out {
			out[i] = i
		}
		return out, nil
	}
	out := make([]int, 0, len(names))
	for _, id := range names {
		at := -1
		for i := range t.Columns {
			if t.Columns[i].Name == id.Name {
				at = i
			}
		}
		if at < 0 {
			return nil, invalidIdentifier([]sql.Ident{id}, id.Pos)
		}
		for _, o := range out {
			if o == at {
				return nil, sqlerr.Compilation(2025, "42601", "duplicate column name '%s'", id.Name)
			}
		}
		out = append(out, at)
	}
	return out, nil
}

func isDefault(e sql.Expr) bool {
	r, ok := e.(*sql.Ref)
	return ok && len(r.Parts) == 1 && !r.Parts[0].Quoted && r.Parts[0].Name == "DEFAULT"
}

// fill is what a column gets that an INSERT does not give: its sequence, its default, or NULL.
func (b *binder) fill(c Column) (string, error) {
	if c.Sequence != "" {
		return c.Sequence + "::" + PhysicalType(c.Type), nil
	}
	if c.Default == nil {
		return "NULL::" + PhysicalType(c.Type), nil
	}
	k := &block{b: b}
	v, err := k.expr(c.Default)
	if err != nil {
		return "", err
	}
	if v, err = b.store(v, c); err != nil {
		return "", err
	}
	return v.sql, nil
}

// Insert binds INSERT INTO t [(…)] VALUES … | query. The text casts to the columns' types, checks text lengths, and fills in
// defaults and sequences; NOT NULL is the table's own.
func Insert(ctx context.Context, sc *statement.Context, n Names, s *sql.Insert) (*DML, error) {
	b := newBinder(ctx, sc, n)
	if len(s.Multi) > 0 {
		return nil, sqlerr.Unsupported("multi-table INSERT")
	}
	t, err := b.target(s.Table)
	if err != nil {
		return nil, err
	}
	cols, err := columnList(t, s.Columns)
	if err != nil {
		return nil, err
	}
	given := make(map[int]int, len(cols)) // column → output of the source
	var src *query
	defaults := map[int]bool{}
	if v, ok := s.Query.Body.(*sql.Values); ok && len(s.Query.With) == 0 && len(s.Query.Order) == 0 && s.Query.Limit == nil {
		rows := v
		// A column that is DEFAULT in every row is filled; in some only, each row says its own.
		if len(v.Rows) > 0 && hasDefault(v) {
			copyRows := make([][]sql.Expr, len(v.Rows))
			for i, row := range v.Rows {
				copyRows[i] = append([]sql.Expr(nil), row...)
			}
			for j := range v.Rows[0] {
				all, any := true, false
				for i := range v.Rows {
					if j < len(v.Rows[i]) && isDefault(v.Rows[i][j]) {
						any = true
					} else {
						all = false
					}
				}
				if !any || j >= len(cols) {
					continue
				}
				c := t.Columns[cols[j]]
				if !all && c.Sequence != "" {
					return nil, sqlerr.Unsupported("DEFAULT of an AUTOINCREMENT column in some rows of VALUES only")
				}
				for i := range copyRows {
					if j < len(copyRows[i]) && isDefault(copyRows[i][j]) {
						copyRows[i][j] = c.Default
						if all || c.Default == nil {
							copyRows[i][j] = &sql.Literal{Kind: sql.NullLit}
						}
					}
				}
				defaults[cols[j]] = all
			}
			rows = &sql.Values{Rows: copyRows, Pos: v.Pos}
		}
		src, err = b.body(rows, nil)
	} else {
		src, err = b.query(s.Query, nil)
	}
	if err != nil {
		return nil, err
	}
	if len(src.cols) != len(cols) {
		return nil, sqlerr.Compilation(2020, "21S01", "Insert value list does not match column list expecting %d but got %d", len(cols), len(src.cols))
	}
	for i, c := range cols {
		if !defaults[c] {
			given[c] = i
		}
	}
	text, err := b.insertText(t, src, given)
	if err != nil {
		return nil, err
	}
	out := b.dml(t, text, cols)
	out.Overwrite = s.Overwrite
	return out, nil
}

func hasDefault(v *sql.Values) bool {
	for _, row := range v.Rows {
		for _, x := range row {
			if isDefault(x) {
				return true
			}
		}
	}
	return false
}

// insertText writes the INSERT of a source into a table; given maps a column to the source's output.
func (b *binder) insertText(t *Table, src *query, given map[int]int) (string, error) {
	if src.raw != "" || src.distinct != "" || src.ordered {
		src = b.wrap(src)
	}
	var names, vals strings.Builder
	for i := range t.Columns {
		c := t.Columns[i]
		if i > 0 {
			names.WriteString(", ")
			vals.WriteString(", ")
		}
		names.WriteString(Physical(c.Name))
		at, ok := given[i]
		if !ok {
			s, err := b.fill(c)
			if err != nil {
				return "", err
			}
			vals.WriteString(s)
			continue
		}
		v, err := b.store(src.vals[at], c)
		if err != nil {
			return "", err
		}
		vals.WriteString(v.sql)
	}
	return "INSERT INTO " + t.From + " (" + names.String() + ") " + src.with + "SELECT " + vals.String() + src.tail, nil
}

// InsertColumns gives, for an array bind of INSERT INTO t (…) VALUES (?, …, ?), the target and for each placeholder in order
// the column it fills. ok is false where the statement is not of that form; then the rows go through Insert one by one.
func InsertColumns(ctx context.Context, sc *statement.Context, n Names, s *sql.Insert) (t *Table, cols []int, ok bool, err error) {
	b := newBinder(ctx, sc, n)
	if len(s.Multi) > 0 || s.Query == nil {
		return nil, nil, false, nil
	}
	v, isValues := s.Query.Body.(*sql.Values)
	if !isValues || len(v.Rows) != 1 {
		return nil, nil, false, nil
	}
	if t, err = b.target(s.Table); err != nil {
		return nil, nil, false, err
	}
	list, err := columnList(t, s.Columns)
	if err != nil {
		return nil, nil, false, err
	}
	if len(v.Rows[0]) != len(list) {
		return nil, nil, false, sqlerr.Compilation(2020, "21S01", "Insert value list does not match column list expecting %d but got %d", len(list), len(v.Rows[0]))
	}
	cols = make([]int, len(list))
	for i, x := range v.Rows[0] {
		p, isParam := x.(*sql.Param)
		if !isParam || p.Index != i+1 {
			return t, nil, false, nil
		}
		cols[i] = list[i]
	}
	return t, cols, true, nil
}

// targetRelation puts a DML's target in scope under its alias.
func (k *block) targetRelation(t *Table, a sql.Alias) (string, error) {
	rel, text := k.b.tableRelation(t)
	return text, k.put(rel, sql.Alias{Name: a.Name})
}

// sets binds the assignments of UPDATE and MERGE.
func (k *block) sets(t *Table, set []sql.Assign) (string, []int, error) {
	b := k.b
	var out strings.Builder
	var written []int
	for i, a := range set {
		name := a.Column.Parts[len(a.Column.Parts)-1]
		at := -1
		for j := range t.Columns {
			if t.Columns[j].Name == name.Name {
				at = j
			}
		}
		if at < 0 {
			return "", nil, invalidIdentifier(a.Column.Parts, a.Column.Pos)
		}
		for _, w := range written {
			if w == at {
				return "", nil, sqlerr.Compilation(2025, "42601", "duplicate column name '%s'", name.Name)
			}
		}
		written = append(written, at)
		c := t.Columns[at]
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(Physical(c.Name) + " = ")
		if a.Default || isDefault(a.X) {
			s, err := b.fill(c)
			if err != nil {
				return "", nil, err
			}
			out.WriteString(s)
			continue
		}
		v, err := k.expr(a.X)
		if err != nil {
			return "", nil, err
		}
		if v, err = b.store(v, c); err != nil {
			return "", nil, err
		}
		out.WriteString(v.sql)
	}
	return out.String(), written, nil
}

// Update binds UPDATE t SET … [FROM …] [WHERE …].
func Update(ctx context.Context, sc *statement.Context, n Names, s *sql.Update) (*DML, error) {
	b := newBinder(ctx, sc, n)
	t, err := b.target(s.Table)
	if err != nil {
		return nil, err
	}
	k := &block{b: b, noAgg: "SET"}
	into, err := k.targetRelation(t, s.Alias)
	if err != nil {
		return nil, err
	}
	text := "UPDATE " + into
	from := ""
	if s.From != nil {
		if from, err = k.from(s.From); err != nil {
			return nil, err
		}
	}
	set, written, err := k.sets(t, s.Set)
	if err != nil {
		return nil, err
	}
	text += " SET " + set
	if from != "" {
		text += " FROM " + from
	}
	if s.Where != nil {
		v, err := k.predicate(s.Where)
		if err != nil {
			return nil, err
		}
		text += " WHERE " + v.sql
	}
	return b.dml(t, text, written), nil
}

// Delete binds DELETE FROM t [USING …] [WHERE …].
func Delete(ctx context.Context, sc *statement.Context, n Names, s *sql.Delete) (*DML, error) {
	b := newBinder(ctx, sc, n)
	t, err := b.target(s.Table)
	if err != nil {
		return nil, err
	}
	k := &block{b: b, noAgg: "WHERE"}
	text, err := k.targetRelation(t, s.Alias)
	if err != nil {
		return nil, err
	}
	text = "DELETE FROM " + text
	if s.Using != nil {
		from, err := k.from(s.Using)
		if err != nil {
			return nil, err
		}
		text += " USING " + from
	}
	if s.Where != nil {
		v, err := k.predicate(s.Where)
		if err != nil {
			return nil, err
		}
		text += " WHERE " + v.sql
	}
	return b.dml(t, text, nil), nil
}

// Merge binds MERGE INTO t USING s ON … WHEN …. Check finds source rows that meet one target row twice, which Snowflake
// refuses (ERROR_ON_NONDETERMINISTIC_MERGE, page "MERGE") and DuckDB would take silently.
func Merge(ctx context.Context, sc *statement.Context, n Names, s *sql.Merge) (*DML, error) {
	b := newBinder(ctx, sc, n)
	t, err := b.target(s.Table)
	if err != nil {
		return nil, err
	}
	k := &block{b: b, noAgg: "MERGE"}
	into, err := k.targetRelation(t, s.Alias)
	if err != nil {
		return nil, err
	}
	alias := into[strings.LastIndex(into, " ")+1:]
	using, err := k.from(s.Using)
	if err != nil {
		return nil, err
	}
	on, err := k.predicate(s.On)
	if err != nil {
		return nil, err
	}
	source := &block{b: b, rels: k.rels[1:], noAgg: "MERGE"}
	var text strings.Builder
	text.WriteString("MERGE INTO " + into + " USING " + using + " ON " + on.sql)
	var written []int
	changes, all := false, false
	var touched []string
	for _, w := range s.Whens {
		scope := k
		if !w.Matched {
			scope = source
		}
		text.WriteString(" WHEN ")
		if !w.Matched {
			text.WriteString("NOT ")
		}
		text.WriteString("MATCHED")
		cond := ""
		if w.And != nil {
			v, err := scope.predicate(w.And)
			if err != nil {
				return nil, err
			}
			cond = v.sql
			text.WriteString(" AND " + cond)
		}
		switch {
		case w.AllByName:
			return nil, sqlerr.Unsupported("MERGE … ALL BY NAME")
		case w.Matched && w.Delete:
			text.WriteString(" THEN DELETE")
			changes = true
		case w.Matched:
			set, cols, err := k.sets(t, w.Set)
			if err != nil {
				return nil, err
			}
			written = append(written, cols...)
			text.WriteString(" THEN UPDATE SET " + set)
			changes = true
		default:
			ins, cols, err := source.mergeInsert(t, w)
			if err != nil {
				return nil, err
			}
			written = append(written, cols...)
			text.WriteString(" THEN INSERT " + ins)
		}
		if w.Matched {
			if cond == "" {
				all = true
			}
			touched = append(touched, cond)
		}
	}
	out := b.dml(t, text.String(), written)
	if changes {
		where := on.sql
		if !all && len(touched) > 0 {
			where += " AND (" + strings.Join(touched, " OR ") + ")"
		}
		// The target's rows are numbered here: a rowid is DuckDB's own and not emitted (tables-and-types §9).
		out.Check = "SELECT 1 FROM (SELECT *, row_number() OVER () AS \"~n\" FROM " + t.From + ") AS " + alias + " INNER JOIN " + using + " ON " + where + " GROUP BY " + alias + ".\"~n\" HAVING count(*) > 1 LIMIT 1"
	}
	return out, nil
}

func (k *block) mergeInsert(t *Table, w sql.MergeWhen) (string, []int, error) {
	b := k.b
	cols, err := columnList(t, w.Columns)
	if err != nil {
		return "", nil, err
	}
	if len(cols) != len(w.Values) {
		return "", nil, sqlerr.Compilation(2020, "21S01", "Insert value list does not match column list expecting %d but got %d", len(cols), len(w.Values))
	}
	given := map[int]sql.Expr{}
	for i, c := range cols {
		if !isDefault(w.Values[i]) {
			given[c] = w.Values[i]
		}
	}
	var names, vals []string
	for i := range t.Columns {
		c := t.Columns[i]
		names = append(names, Physical(c.Name))
		x, ok := given[i]
		if !ok {
			s, err := b.fill(c)
			if err != nil {
				return "", nil, err
			}
			vals = append(vals, s)
			continue
		}
		v, err := k.expr(x)
		if err != nil {
			return "", nil, err
		}
		if v, err = b.store(v, c); err != nil {
			return "", nil, err
		}
		vals = append(vals, v.sql)
	}
	return "(" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(vals, ", ") + ")", cols, nil
}
