package bind

import (
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// from binds a FROM item, adds its relations to the block and gives its DuckDB text.
func (k *block) from(t sql.TableExpr) (string, error) {
	if err := k.b.enter(); err != nil {
		return "", err
	}
	defer k.b.leave()
	switch t := t.(type) {
	case *sql.Table:
		return k.table(t)
	case *sql.Derived:
		return k.derived(t)
	case *sql.ValuesTable:
		rel, text, err := k.b.valuesTable(t.Values, &block{b: k.b, parent: k.parent})
		if err != nil {
			return "", err
		}
		return text, k.put(rel, t.Alias)
	case *sql.Join:
		return k.join(t)
	case *sql.TableFunc:
		return k.tableFunc(t)
	case *sql.StageTable:
		tab, err := k.b.names.Stage(k.b.ctx, t)
		if err != nil {
			return "", err
		}
		rel, text := k.b.tableRelation(tab)
		rel.name = ""
		for i := range rel.cols {
			rel.cols[i].hidden = strings.HasPrefix(rel.cols[i].name, "METADATA$")
		}
		return text, k.put(rel, t.Alias)
	case *sql.Pivot:
		return k.pivot(t)
	case *sql.Unpivot:
		return k.unpivot(t)
	}
	return "", sqlerr.Unsupported("%T in FROM", t)
}

// put adds a relation under its alias.
func (k *block) put(rel *relation, a sql.Alias) error {
	if a.Name.Name != "" {
		rel.name, rel.database, rel.schema = a.Name.Name, "", ""
	}
	if len(a.Columns) > 0 {
		if len(a.Columns) > len(rel.cols) {
			return sqlerr.Compilation(2024, "42601", "alias '%s' has %d column names for %d columns", rel.name, len(a.Columns), len(rel.cols))
		}
		for i := range a.Columns {
			rel.cols[i].name = a.Columns[i].Name
		}
		rel.index = nil
	}
	if rel.name != "" {
		for _, r := range k.rels {
			if r.name == rel.name && r.schema == rel.schema && r.database == rel.database {
				return sqlerr.Compilation(2025, "42601", "duplicate alias '%s'", rel.name)
			}
		}
	}
	k.rels = append(k.rels, rel)
	return nil
}

// tableRelation makes a physical table an item of FROM.
func (b *binder) tableRelation(t *Table) (*relation, string) {
	b.read(t.ID)
	alias := b.alias()
	rel := &relation{name: t.Name, database: t.Database, schema: t.Schema, cols: make([]column, len(t.Columns))}
	for i := range t.Columns {
		c := &t.Columns[i]
		rel.cols[i] = column{name: c.Name, ref: alias + "." + Physical(c.Name), t: c.Type, null: c.Nullable, database: t.Database, schema: t.Schema, table: t.Name}
	}
	return rel, t.From + " AS " + alias
}

func (k *block) table(t *sql.Table) (string, error) {
	b := k.b
	if t.At != nil {
		word := "AT"
		if t.At.Before {
			word = "BEFORE"
		}
		return "", sqlerr.Unsupported("time travel (%s)", word)
	}
	if t.Changes {
		return "", sqlerr.Unsupported("CHANGES")
	}
	if len(t.Name.Parts) == 1 {
		for c := b.ctes; c != nil; c = c.outer {
			if c.name != t.Name.Parts[0].Name {
				continue
			}
			alias := b.alias()
			q := query{cols: append([]column(nil), c.cols...)}
			rel := q.relation(c.name, alias)
			for i := range rel.cols {
				rel.cols[i].ref = alias + "." + outRef(i)
			}
			text, err := k.sample(c.sql+" AS "+alias, alias, t.Sample)
			if err != nil {
				return "", err
			}
			return text, k.put(rel, t.Alias)
		}
	}
	tab, err := b.names.Table(b.ctx, b.qualify(t.Name))
	if err != nil {
		return "", err
	}
	var rel *relation
	var text string
	if tab.View != nil {
		rel, text, err = b.view(tab)
	} else {
		rel, text = b.tableRelation(tab)
	}
	if err != nil {
		return "", err
	}
	if text, err = k.sample(text, "", t.Sample); err != nil {
		return "", err
	}
	return text, k.put(rel, t.Alias)
}

// qualify resolves a view's unqualified names in the view's own schema.
func (b *binder) qualify(n sql.Name) sql.Name {
	if b.views == 0 || len(n.Parts) > 2 || len(n.Parts) == 0 {
		return n
	}
	parts := make([]sql.Ident, 0, 3)
	if len(n.Parts) == 1 {
		parts = append(parts, sql.Ident{Name: b.viewDB, Quoted: true}, sql.Ident{Name: b.viewSc, Quoted: true})
	} else {
		parts = append(parts, sql.Ident{Name: b.viewDB, Quoted: true})
	}
	n.Parts = append(parts, n.Parts...)
	return n
}

// view expands a view's query as a derived table; its columns' types are those declared when it was made.
func (b *binder) view(t *Table) (*relation, string, error) {
	b.read(t.ID)
	if b.views > 50 {
		return nil, "", sqlerr.Compilation(1026, "42601", "View '%s' is nested too deep", t.Name)
	}
	db, sc, ctes := b.viewDB, b.viewSc, b.ctes
	b.views++
	b.viewDB, b.viewSc, b.ctes = t.ViewDatabase, t.ViewSchema, nil
	q, err := b.query(t.View, nil)
	b.views--
	b.viewDB, b.viewSc, b.ctes = db, sc, ctes
	if err != nil {
		return nil, "", err
	}
	if len(t.Columns) > 0 && len(t.Columns) != len(q.cols) {
		return nil, "", sqlerr.Compilation(2037, "42601", "Failure during expansion of view '%s': View definition for '%s' declared %d column(s), but view query produces %d column(s).", t.Name, t.Name, len(t.Columns), len(q.cols))
	}
	if len(t.Columns) > 0 {
		types := make([]result.Type, len(t.Columns))
		for i := range types {
			types[i] = t.Columns[i].Type
		}
		if q, err = b.castQuery(q, types); err != nil {
			return nil, "", err
		}
	}
	alias := b.alias()
	rel := q.relation(t.Name, alias)
	rel.database, rel.schema = t.Database, t.Schema
	for i := range rel.cols {
		if len(t.Columns) > 0 {
			rel.cols[i].name = t.Columns[i].Name
		}
		rel.cols[i].database, rel.cols[i].schema, rel.cols[i].table = t.Database, t.Schema, t.Name
	}
	return rel, "(" + q.text() + ") AS " + alias, nil
}

func (k *block) derived(d *sql.Derived) (string, error) {
	b := k.b
	parent := k.parent
	if d.Lateral {
		parent = k
	}
	q, err := b.query(d.Query, parent)
	if err != nil {
		return "", err
	}
	alias := b.alias()
	text := "(" + q.text() + ") AS " + alias
	if d.Lateral {
		text = "LATERAL " + text
	}
	if text, err = k.sample(text, alias, d.Sample); err != nil {
		return "", err
	}
	rel := q.relation("", alias)
	for i := range rel.cols {
		// A derived table hides where its columns come from only to qualified names, not to the result's metadata.
		rel.cols[i].ref = alias + "." + outRef(i)
	}
	return text, k.put(rel, d.Alias)
}

// valuesTable is VALUES as a relation: COLUMN1, COLUMN2, …, of the common types of all rows.
func (b *binder) valuesTable(v *sql.Values, k *block) (*relation, string, error) {
	if len(v.Rows) == 0 {
		return nil, "", sqlerr.Compilation(1003, "42000", "VALUES without rows")
	}
	n := len(v.Rows[0])
	rows := make([][]value, len(v.Rows))
	types := make([]result.Type, n)
	cols := make([]column, n)
	for i, row := range v.Rows {
		if len(row) != n {
			return nil, "", sqlerr.Compilation(2020, "21S01", "VALUES clause: row %d has %d columns, row 1 has %d", i+1, len(row), n)
		}
		rows[i] = make([]value, n)
		for j, x := range row {
			val, err := k.expr(x)
			if err != nil {
				return nil, "", err
			}
			t, ok := common(types[j], val.t)
			if !ok {
				return nil, "", sqlerr.Compilation(2022, "42601", "VALUES clause: column %d holds %s and %s", j+1, typeWord(types[j]), typeWord(val.t))
			}
			rows[i][j], types[j] = val, t
			cols[j].null = cols[j].null || val.null
		}
	}
	alias := b.alias()
	out := make([]byte, 0, 64*len(rows))
	out = append(out, "(VALUES "...)
	for i := range rows {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(out, '(')
		for j := range rows[i] {
			if j > 0 {
				out = append(out, ", "...)
			}
			t := types[j]
			if t.Kind == 0 {
				t = tText
			}
			val, err := b.cast(rows[i][j], t, false)
			if err != nil {
				return nil, "", err
			}
			out = append(out, val.sql...)
		}
		out = append(out, ')')
	}
	out = append(out, ") AS "...)
	out = append(out, alias...)
	out = append(out, '(')
	for j := range cols {
		if j > 0 {
			out = append(out, ',')
		}
		out = append(out, outRef(j)...)
		cols[j].name = "COLUMN" + strconv.Itoa(j+1)
		cols[j].ref = alias + "." + outRef(j)
		cols[j].t = types[j]
	}
	return &relation{cols: cols}, string(append(out, ')')), nil
}

// join binds both sides and the condition; the condition is written out, USING and NATURAL as equalities.
func (k *block) join(j *sql.Join) (string, error) {
	b := k.b
	start := len(k.rels)
	mergedStart := len(k.merged)
	l, err := k.from(j.L)
	if err != nil {
		return "", err
	}
	mid := len(k.rels)
	if tf, ok := j.R.(*sql.TableFunc); ok && tf.Call.Method == "" && unnesting(tf.Call) && len(k.rels) > start {
		if j.On != nil || j.Kind == "LEFT" {
			if j.Kind != "LEFT" && j.Kind != "INNER" || j.On != nil && !isTrue(j.On) {
				return "", sqlerr.Unsupported("%s JOIN of a lateral %s with a condition", j.Kind, tf.Call.Name.Parts[0].Name)
			}
		}
		return k.lateralUnnest(l, k.rels[start:mid], tf, j.Kind == "LEFT")
	}
	r, err := k.from(j.R)
	if err != nil {
		return "", err
	}
	if rj, nested := j.R.(*sql.Join); nested && rj != nil {
		r = "(" + r + ")"
	}
	left, right := k.rels[start:mid], k.rels[mid:]
	var cond []string
	using := j.Using
	if j.Natural {
		using = commonNames(left, right)
	}
	if len(using) > 0 {
		if cond, err = k.using(using, left, right, j.Kind, mergedStart); err != nil {
			return "", err
		}
	}
	on := func(e sql.Expr) error {
		// Only this join's own sides are in reach.
		sub := &block{b: b, parent: k.parent, rels: k.rels[start:], merged: k.merged[mergedStart:], noAgg: "ON"}
		v, err := sub.predicate(e)
		if err == nil {
			cond = append(cond, v.sql)
		}
		return err
	}
	if j.On != nil {
		if err := on(j.On); err != nil {
			return "", err
		}
	}
	if j.Match != nil {
		if err := on(j.Match); err != nil {
			return "", err
		}
	}
	nullable := func(rels []*relation) {
		for _, rel := range rels {
			for i := range rel.cols {
				rel.cols[i].null = true
			}
		}
	}
	word := ""
	switch j.Kind {
	case "INNER", "":
		word = " INNER JOIN "
		if len(cond) == 0 {
			word = " CROSS JOIN "
		}
	case "CROSS":
		word = " CROSS JOIN "
		if len(cond) > 0 {
			word = " INNER JOIN "
		}
	case "LEFT":
		word = " LEFT JOIN "
		nullable(right)
	case "RIGHT":
		word = " RIGHT JOIN "
		nullable(left)
	case "FULL":
		word = " FULL JOIN "
		nullable(left)
		nullable(right)
	case "ASOF":
		word = " ASOF LEFT JOIN "
		nullable(right)
	default:
		return "", sqlerr.Unsupported("%s JOIN", j.Kind)
	}
	if word == " CROSS JOIN " {
		return l + word + r, nil
	}
	if len(cond) == 0 {
		cond = []string{"true"}
	}
	return l + word + r + " ON " + strings.Join(cond, " AND "), nil
}

func commonNames(left, right []*relation) []sql.Ident {
	var out []sql.Ident
	for _, l := range left {
		for i := range l.cols {
			for _, r := range right {
				if _, ok, _ := r.find(l.cols[i].name); ok && !contains(out, l.cols[i].name) {
					out = append(out, sql.Ident{Name: l.cols[i].name, Quoted: true})
				}
			}
		}
	}
	return out
}

// using makes the equalities of USING and the columns that stand for both sides.
func (k *block) using(names []sql.Ident, left, right []*relation, kind string, mergedStart int) ([]string, error) {
	side := func(rels []*relation, id sql.Ident) (*column, error) {
		var found *column
		for _, r := range rels {
			c, ok, dup := r.find(id.Name)
			if dup || ok && found != nil && !r.merged[id.Name] {
				return nil, ambiguous(id)
			}
			if ok && found == nil {
				found = c
			}
		}
		if found == nil {
			return nil, invalidIdentifier([]sql.Ident{id}, id.Pos)
		}
		return found, nil
	}
	var cond []string
	for _, id := range names {
		var l *column
		at := -1
		for i := mergedStart; i < len(k.merged); i++ {
			if k.merged[i].name == id.Name {
				l, at = &k.merged[i], i
			}
		}
		if l == nil {
			c, err := side(left, id)
			if err != nil {
				return nil, err
			}
			l = c
		}
		r, err := side(right, id)
		if err != nil {
			return nil, err
		}
		v, err := k.b.compare("=", l.value(), r.value())
		if err != nil {
			return nil, err
		}
		cond = append(cond, v.sql)
		m := *l
		m.name = id.Name
		switch kind {
		case "RIGHT":
			m = *r
			m.name = id.Name
		case "FULL":
			both, err := k.b.coalesce([]value{l.value(), r.value()})
			if err != nil {
				return nil, err
			}
			m = column{name: id.Name, ref: both.sql, t: both.t, null: true}
		}
		if at >= 0 {
			k.merged[at] = m
		} else {
			k.merged = append(k.merged, m)
		}
		for _, rel := range append(append([]*relation{}, left...), right...) {
			if _, ok, _ := rel.find(id.Name); ok {
				if rel.merged == nil {
					rel.merged = map[string]bool{}
				}
				rel.merged[id.Name] = true
			}
		}
	}
	return cond, nil
}

func isTrue(e sql.Expr) bool {
	l, ok := e.(*sql.Literal)
	return ok && (l.Kind == sql.BoolLit && l.Bool || l.Kind == sql.NumberLit && l.Text == "1")
}

// sample is SAMPLE after a relation.
func (k *block) sample(text, alias string, s *sql.Sample) (string, error) {
	if s == nil {
		return text, nil
	}
	k.b.volatile = true
	x, _, err := k.b.constant(s.N)
	if err != nil {
		return "", err
	}
	n, err := strconv.ParseFloat(numberString(x), 64)
	if err != nil || n < 0 || !s.Rows && n > 100 || s.Rows && n > 1000000 {
		return "", sqlerr.Invalid("invalid sample size %v", x)
	}
	seed := ""
	if s.Seed != nil {
		v, _, err := k.b.constant(s.Seed)
		if err != nil {
			return "", err
		}
		i, err := strconv.ParseInt(numberString(v), 10, 64)
		if err != nil {
			return "", sqlerr.Invalid("invalid sample seed %v", v)
		}
		seed = " REPEATABLE (" + strconv.FormatInt(i&0x7fffffff, 10) + ")"
	}
	num := strconv.FormatFloat(n, 'f', -1, 64)
	method := "bernoulli(" + num + "%)"
	switch {
	case s.Rows:
		method = "reservoir(" + num + " ROWS)"
	case s.Method == "SYSTEM" || s.Method == "BLOCK":
		method = "system(" + num + "%)"
	}
	return text + " TABLESAMPLE " + method + seed, nil
}
