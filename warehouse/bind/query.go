package bind

import (
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// query is a bound query. While it is a plain SELECT its items can still be cast to another branch's types.
type query struct {
	with     string
	distinct string
	vals     []value
	tail     string // FROM … ; of a raw query: what follows it
	raw      string // set operations and wrapped queries: the whole text before tail
	ordered  bool   // ORDER BY or LIMIT in tail: the items may not change
	cols     []column
}

func outRef(i int) string {
	if i < len(outRefs) {
		return outRefs[i]
	}
	return "c" + strconv.Itoa(i)
}

var outRefs = [...]string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14", "c15", "c16", "c17", "c18", "c19"}

func (q *query) text() string {
	if q.raw != "" {
		return q.with + q.raw + q.tail
	}
	n := len(q.with) + len(q.distinct) + len(q.tail) + 8
	for i := range q.vals {
		n += len(q.vals[i].sql) + 10
	}
	out := make([]byte, 0, n)
	out = append(out, q.with...)
	out = append(out, "SELECT "...)
	out = append(out, q.distinct...)
	for i := range q.vals {
		if i > 0 {
			out = append(out, ',', ' ')
		}
		switch v := &q.vals[i]; {
		case v.t.Kind == 0:
			out = append(out, "NULL::VARCHAR"...)
		case v.null && v.sql[0] != 'N' && strings.Contains(v.sql, "NULL"):
			// DuckDB forgets the type of most operators over a constant NULL.
			out = append(out, v.sql...)
			out = append(out, "::"...)
			out = append(out, PhysicalType(v.t)...)
		default:
			out = append(out, v.sql...)
		}
		out = append(out, " AS "...)
		out = append(out, outRef(i)...)
	}
	return string(append(out, q.tail...))
}

// relation makes a query's output an item of FROM under the DuckDB name alias.
func (q *query) relation(name, alias string) *relation {
	cols := make([]column, len(q.cols))
	for i := range q.cols {
		cols[i] = q.cols[i]
		cols[i].ref = alias + "." + outRef(i)
	}
	return &relation{name: name, cols: cols}
}

// query binds a query expression. parent is the block that it stands in, nil at the top and in derived tables.
func (b *binder) query(q *sql.Query, parent *block) (*query, error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	defer b.leave()
	outer := b.ctes
	defer func() { b.ctes = outer }()
	with, err := b.with(q, parent)
	if err != nil {
		return nil, err
	}
	var out *query
	switch body := q.Body.(type) {
	case *sql.Select:
		out, err = b.selectBlock(body, q, parent)
	default:
		if out, err = b.body(body, parent); err == nil && (len(q.Order) > 0 || q.OrderAll) {
			out, err = b.orderOutput(out, q)
		}
	}
	if err != nil {
		return nil, err
	}
	limit, err := b.limit(q)
	if err != nil {
		return nil, err
	}
	if limit != "" {
		out.tail += limit
		out.ordered = true
	}
	if with != "" {
		if out.with != "" {
			out = b.wrap(out)
		}
		out.with = with
	}
	return out, nil
}

// body binds what may stand beside UNION: a SELECT, VALUES, a set operation or a query in parentheses.
func (b *binder) body(n sql.Node, parent *block) (*query, error) {
	switch n := n.(type) {
	case *sql.Select:
		return b.selectBlock(n, nil, parent)
	case *sql.Query:
		return b.query(n, parent)
	case *sql.SetOp:
		return b.setOp(n, parent)
	case *sql.Values:
		rel, from, err := b.valuesTable(n, &block{b: b, parent: parent})
		if err != nil {
			return nil, err
		}
		out := &query{tail: " FROM " + from}
		for i := range rel.cols {
			out.add(rel.cols[i].name, rel.cols[i].value())
		}
		return out, nil
	}
	return nil, sqlerr.Unsupported("%T as a query", n)
}

func (q *query) add(name string, v value) {
	q.vals = append(q.vals, v)
	q.cols = append(q.cols, column{name: name, ref: outRef(len(q.cols)), t: v.t, null: v.null, database: v.database, schema: v.schema, table: v.table})
}

// with binds the common table expressions and puts them in scope.
func (b *binder) with(q *sql.Query, parent *block) (string, error) {
	if len(q.With) == 0 {
		return "", nil
	}
	var out strings.Builder
	recursive := false
	for i := range q.With {
		c := &q.With[i]
		for j := range i {
			if q.With[j].Name.Name == c.Name.Name {
				return "", sqlerr.Compilation(2025, "42601", "duplicate alias '%s'", c.Name.Name)
			}
		}
		bound, rec, alias, err := b.cte(c, parent)
		if err != nil {
			return "", err
		}
		recursive = recursive || rec
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(alias + " AS (" + bound.text() + ")")
		cols := append([]column(nil), bound.cols...)
		if err := renameColumns(cols, c.Columns, c.Name.Name); err != nil {
			return "", err
		}
		b.ctes = &cte{name: c.Name.Name, sql: alias, cols: cols, outer: b.ctes}
	}
	if recursive {
		return "WITH RECURSIVE " + out.String() + " ", nil
	}
	return "WITH " + out.String() + " ", nil
}

func renameColumns(cols []column, names []sql.Ident, of string) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) != len(cols) {
		return sqlerr.Compilation(2024, "42601", "Column list of '%s' has %d names for %d columns", of, len(names), len(cols))
	}
	for i := range names {
		cols[i].name = names[i].Name
	}
	return nil
}

// cte binds one common table expression; where the second branch of its UNION ALL reads it, it is recursive.
func (b *binder) cte(c *sql.CTE, parent *block) (out *query, recursive bool, alias string, err error) {
	alias = b.alias()
	set, ok := c.Query.Body.(*sql.SetOp)
	if !ok || set.Op != "UNION" || !set.All || set.ByName || len(c.Query.With) > 0 || len(c.Query.Order) > 0 || c.Query.Limit != nil || !mentions(set.R, c.Name.Name) {
		out, err = b.query(c.Query, parent)
		return out, false, alias, err
	}
	l, err := b.body(set.L, parent)
	if err != nil {
		return nil, false, alias, err
	}
	// The anchor gives names and kinds; its sizes are widened, as later rows may need more.
	types := make([]result.Type, len(l.cols))
	for i := range l.cols {
		t := l.cols[i].t
		switch t.Kind {
		case result.Fixed:
			t = number(38, t.Scale)
		case result.Text, 0:
			t = tText
		}
		types[i] = t
		l.cols[i].null = true
	}
	if l, err = b.castQuery(l, types); err != nil {
		return nil, false, alias, err
	}
	cols := append([]column(nil), l.cols...)
	if err := renameColumns(cols, c.Columns, c.Name.Name); err != nil {
		return nil, false, alias, err
	}
	outer := b.ctes
	b.ctes = &cte{name: c.Name.Name, sql: alias, cols: cols, outer: outer}
	r, err := b.body(set.R, parent)
	b.ctes = outer
	if err != nil {
		return nil, false, alias, err
	}
	if len(r.cols) != len(l.cols) {
		return nil, false, alias, branchCount(len(l.cols), len(r.cols))
	}
	if r, err = b.castQuery(r, types); err != nil {
		return nil, false, alias, err
	}
	return &query{raw: "(" + l.text() + ") UNION ALL (" + r.text() + ")", cols: l.cols}, true, alias, nil
}

// mentions says whether a query names the table name, unqualified, in a FROM.
func mentions(n sql.Node, name string) bool {
	switch n := n.(type) {
	case *sql.Query:
		return mentions(n.Body, name)
	case *sql.SetOp:
		return mentions(n.L, name) || mentions(n.R, name)
	case *sql.Select:
		return n.From != nil && mentions(n.From, name)
	case *sql.Join:
		return mentions(n.L, name) || mentions(n.R, name)
	case *sql.Derived:
		return mentions(n.Query, name)
	case *sql.Table:
		return len(n.Name.Parts) == 1 && n.Name.Parts[0].Name == name
	}
	return false
}

func (b *binder) limit(q *sql.Query) (string, error) {
	out := ""
	for _, part := range []struct {
		word string
		x    sql.Expr
	}{{" LIMIT ", q.Limit}, {" OFFSET ", q.Offset}} {
		if part.x == nil {
			continue
		}
		n, null, err := b.count(part.x, strings.TrimSpace(part.word))
		if err != nil {
			return "", err
		}
		if !null {
			out += part.word + strconv.FormatInt(n, 10)
		}
	}
	return out, nil
}

// count is a constant row count.
func (b *binder) count(x sql.Expr, what string) (int64, bool, error) {
	v, _, err := b.constant(x)
	if err != nil {
		return 0, false, err
	}
	switch v := v.(type) {
	case nil:
		return 0, true, nil
	case int64:
		if v >= 0 {
			return v, false, nil
		}
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
			return n, false, nil
		}
		if v == "" {
			return 0, true, nil // LIMIT '' means none
		}
	}
	return 0, false, sqlerr.Compilation(1015, "22023", "Invalid row count '%v' in %s clause", v, what)
}

// wrap puts a query into a derived table of its own.
func (b *binder) wrap(q *query) *query {
	alias := b.alias()
	rel := q.relation("", alias)
	out := &query{tail: " FROM (" + q.text() + ") AS " + alias, vals: make([]value, 0, len(rel.cols)), cols: make([]column, 0, len(rel.cols))}
	for i := range rel.cols {
		out.add(q.cols[i].name, rel.cols[i].value())
	}
	return out
}

// castQuery gives a query the column types wanted.
func (b *binder) castQuery(q *query, types []result.Type) (*query, error) {
	same := true
	for i := range types {
		if q.cols[i].t != types[i] && !(q.cols[i].t.Kind == result.Text && types[i].Kind == result.Text) {
			same = false
		}
	}
	if !same && (q.raw != "" || q.distinct != "" || q.ordered) {
		q = b.wrap(q)
	}
	for i := range types {
		if !same {
			v, err := b.cast(q.vals[i], types[i], false)
			if err != nil {
				return nil, err
			}
			v.t = types[i]
			q.vals[i] = v
			q.cols[i].null = v.null
		}
		q.cols[i].t = types[i]
	}
	return q, nil
}

func branchCount(want, got int) error {
	return sqlerr.Compilation(1789, "42601", "invalid number of result columns for set operator input branches, expected %d, got %d in branch {2}", want, got)
}

func (b *binder) setOp(s *sql.SetOp, parent *block) (*query, error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	defer b.leave()
	l, err := b.body(s.L, parent)
	if err != nil {
		return nil, err
	}
	r, err := b.body(s.R, parent)
	if err != nil {
		return nil, err
	}
	if s.ByName {
		l, r = b.byName(l, r)
	}
	if len(l.cols) != len(r.cols) {
		return nil, branchCount(len(l.cols), len(r.cols))
	}
	types := make([]result.Type, len(l.cols))
	for i := range l.cols {
		t, ok := common(l.cols[i].t, r.cols[i].t)
		if !ok {
			return nil, sqlerr.Compilation(1790, "42601", "inconsistent data type for result columns for set operator input branches, expected %s, got %s for expression [{2}] branch {%d}", typeWord(l.cols[i].t), typeWord(r.cols[i].t), i+1)
		}
		types[i] = t
	}
	if l, err = b.castQuery(l, types); err != nil {
		return nil, err
	}
	if r, err = b.castQuery(r, types); err != nil {
		return nil, err
	}
	cols := l.cols
	for i := range cols {
		switch s.Op {
		case "EXCEPT", "MINUS": // the left branch's rows only
		case "INTERSECT":
			cols[i].null = cols[i].null && r.cols[i].null
		default:
			cols[i].null = cols[i].null || r.cols[i].null
		}
		cols[i].database, cols[i].schema, cols[i].table = "", "", ""
	}
	op := s.Op
	if op == "MINUS" {
		op = "EXCEPT"
	}
	if s.All {
		op += " ALL"
	}
	return &query{raw: "(" + l.text() + ") " + op + " (" + r.text() + ")", cols: cols}, nil
}

// byName lays the branches of UNION BY NAME over each other by column name; what one lacks is NULL.
func (b *binder) byName(l, r *query) (*query, *query) {
	l, r = b.wrap(l), b.wrap(r)
	pick := func(q *query, names []string) *query {
		out := &query{tail: q.tail}
		for _, n := range names {
			v := nullValue()
			for i := range q.cols {
				if q.cols[i].name == n {
					v = q.vals[i]
					break
				}
			}
			out.add(n, v)
		}
		return out
	}
	var names []string
	seen := map[string]bool{}
	for _, q := range []*query{l, r} {
		for i := range q.cols {
			if !seen[q.cols[i].name] {
				seen[q.cols[i].name] = true
				names = append(names, q.cols[i].name)
			}
		}
	}
	return pick(l, names), pick(r, names)
}

// orderOutput is ORDER BY after a set operation: by names, ordinals and expressions of the output.
func (b *binder) orderOutput(q *query, src *sql.Query) (*query, error) {
	out := b.wrap(q)
	k := &block{b: b}
	for i := range out.vals {
		if k.rels == nil {
			k.rels = []*relation{{}}
		}
		c := out.cols[i]
		c.ref = out.vals[i].sql
		k.rels[0].cols = append(k.rels[0].cols, c)
		k.items = append(k.items, item{name: c.name, col: &c})
	}
	order, err := k.order(src)
	if err != nil {
		return nil, err
	}
	out.tail += order
	out.ordered = true
	return out, nil
}

// sortKey is what a value is ordered and compared by.
func sortKey(v value) string {
	switch v.t.Kind {
	case result.TimestampTZ:
		return v.sql + ".t"
	case result.Variant, result.Array, result.Object:
		return "v_sort(" + v.sql + ")"
	}
	return v.sql
}

func direction(o *sql.OrderItem) string {
	switch {
	case o.Desc && o.Nulls == "LAST":
		return " DESC NULLS LAST"
	case o.Desc:
		return " DESC NULLS FIRST"
	case o.Nulls == "FIRST":
		return " ASC NULLS FIRST"
	}
	return " ASC NULLS LAST"
}

// order emits ORDER BY of a block: ordinals and aliases by position, all else by expression.
func (k *block) order(q *sql.Query) (string, error) {
	if q == nil || len(q.Order) == 0 && !q.OrderAll {
		return "", nil
	}
	var out strings.Builder
	out.WriteString(" ORDER BY ")
	put := func(i int, key string, o *sql.OrderItem) {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(key + direction(o))
	}
	at := func(i int) (string, error) {
		v, err := k.itemValue(i)
		if err != nil {
			return "", err
		}
		if key := sortKey(v); key != v.sql {
			return key, nil
		}
		return strconv.Itoa(i + 1), nil
	}
	if q.OrderAll {
		for i := range k.items {
			key, err := at(i)
			if err != nil {
				return "", err
			}
			o := sql.OrderItem{}
			if len(q.Order) > 0 {
				o = q.Order[0]
			}
			put(i, key, &o)
		}
		return out.String(), nil
	}
	for i := range q.Order {
		o := &q.Order[i]
		if n, ok, err := k.ordinal(o.X, "ORDER BY"); err != nil {
			return "", err
		} else if ok {
			key, err := at(n)
			if err != nil {
				return "", err
			}
			put(i, key, o)
			continue
		}
		if r, ok := o.X.(*sql.Ref); ok && len(r.Parts) == 1 {
			if n := k.itemNamed(r.Parts[0].Name); n >= 0 {
				key, err := at(n)
				if err != nil {
					return "", err
				}
				put(i, key, o)
				continue
			}
		}
		k.first = true
		v, err := k.expr(o.X)
		k.first = false
		if err != nil {
			return "", err
		}
		if err := k.checkGrouped(v); err != nil {
			return "", err
		}
		put(i, sortKey(v), o)
	}
	return out.String(), nil
}

// itemNamed is the select item of that name, -1 where there is none.
func (k *block) itemNamed(name string) int {
	for i := range k.items {
		if k.items[i].name == name {
			return i
		}
	}
	return -1
}

// ordinal reads a bare integer in GROUP BY or ORDER BY.
func (k *block) ordinal(x sql.Expr, clause string) (int, bool, error) {
	l, ok := x.(*sql.Literal)
	if !ok || l.Kind != sql.NumberLit {
		return 0, false, nil
	}
	n, err := strconv.Atoi(l.Text)
	if err != nil {
		return 0, false, nil
	}
	if n < 1 || n > len(k.items) {
		return 0, false, sqlerr.Compilation(2029, "42601", "%s position %d is not in select list", clause, n)
	}
	return n - 1, true, nil
}
