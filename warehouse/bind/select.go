package bind

import (
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// selectBlock binds one SELECT; q gives its ORDER BY (nil: none).
func (b *binder) selectBlock(s *sql.Select, q *sql.Query, parent *block) (*query, error) {
	k := &block{b: b, parent: parent}
	var tail strings.Builder
	if s.From != nil {
		from, err := k.from(s.From)
		if err != nil {
			return nil, err
		}
		tail.WriteString(" FROM ")
		tail.WriteString(from)
	}
	if err := k.expandItems(s); err != nil {
		return nil, err
	}
	if s.Where != nil {
		k.noAgg = "WHERE"
		where, err := k.predicate(s.Where)
		k.noAgg = ""
		if err != nil {
			return nil, err
		}
		if where.win {
			return nil, sqlerr.Compilation(2303, "42601", "Window function may not appear in WHERE clause.")
		}
		tail.WriteString(" WHERE ")
		tail.WriteString(where.sql)
	}
	group, err := k.group(s)
	if err != nil {
		return nil, err
	}
	tail.WriteString(group)
	out := &query{vals: make([]value, 0, len(k.items)), cols: make([]column, 0, len(k.items))}
	anyAgg := false
	for i := range k.items {
		v, err := k.itemValue(i)
		if err != nil {
			return nil, err
		}
		anyAgg = anyAgg || v.agg
		out.add(k.items[i].name, v)
	}
	if s.Having != nil {
		k.grouped, k.having = true, true
		v, err := k.predicate(s.Having)
		k.having = false
		if err != nil {
			return nil, err
		}
		if err := k.checkGrouped(v); err != nil {
			return nil, err
		}
		tail.WriteString(" HAVING ")
		tail.WriteString(v.sql)
	}
	if anyAgg || s.Having != nil {
		k.grouped = true
	}
	if s.Qualify != nil {
		v, err := k.predicate(s.Qualify)
		if err != nil {
			return nil, err
		}
		if !v.win {
			return nil, sqlerr.Compilation(2309, "42601", "QUALIFY clause must contain a window function.")
		}
		if err := k.checkGrouped(v); err != nil {
			return nil, err
		}
		tail.WriteString(" QUALIFY ")
		tail.WriteString(v.sql)
	}
	order, err := k.order(q)
	if err != nil {
		return nil, err
	}
	for i := range out.vals {
		if err := k.checkGrouped(out.vals[i]); err != nil {
			return nil, err
		}
	}
	if s.Distinct {
		out.distinct = distinct(out.vals)
	}
	tail.WriteString(order)
	out.ordered = order != ""
	out.tail = tail.String()
	if s.Top != nil {
		n, null, err := b.count(s.Top, "TOP")
		if err != nil {
			return nil, err
		}
		if !null {
			out.tail += " LIMIT " + itoa(int(n))
			out.ordered = true
		}
	}
	return out, nil
}

// distinct is DISTINCT by what values are compared by: two TIMESTAMP_TZ of one instant are one.
func distinct(vals []value) string {
	plain := true
	for i := range vals {
		if vals[i].t.Kind == result.TimestampTZ {
			plain = false
		}
	}
	if plain {
		return "DISTINCT "
	}
	keys := make([]string, len(vals))
	for i := range vals {
		keys[i] = vals[i].sql
		if vals[i].t.Kind == result.TimestampTZ {
			keys[i] = sortKey(vals[i])
		}
	}
	return "DISTINCT ON (" + strings.Join(keys, ", ") + ") "
}

// checkGrouped refuses a column that is neither aggregated nor a group key.
func (k *block) checkGrouped(v value) error {
	if v.loose == nil || !k.grouped && k.keys == nil {
		return nil
	}
	return sqlerr.Compilation(979, "42601", "[%s] is not a valid group by expression", written(v.loose.Parts))
}

// expandItems lays out the select list: stars become columns, every output gets its name.
func (k *block) expandItems(s *sql.Select) error {
	n := len(s.Items)
	for i := range s.Items {
		if _, ok := s.Items[i].X.(*sql.Star); ok {
			for _, rel := range k.rels {
				n += len(rel.cols)
			}
		}
	}
	k.items = make([]item, 0, n)
	for i := range s.Items {
		it := &s.Items[i]
		if star, ok := it.X.(*sql.Star); ok {
			if err := k.star(star); err != nil {
				return err
			}
			continue
		}
		name := it.Alias.Name
		if name == "" {
			switch x := it.X.(type) {
			case *sql.Ref:
				name = x.Parts[len(x.Parts)-1].Name
			case *sql.Positional:
				name = "$" + itoa(x.N)
			default:
				name = k.b.itemText(it)
			}
		}
		k.items = append(k.items, item{name: name, x: it.X})
	}
	return nil
}

// star expands * and t.* with ILIKE, EXCLUDE, REPLACE and RENAME.
func (k *block) star(s *sql.Star) error {
	start := len(k.items)
	put := func(c *column) { k.items = append(k.items, item{name: c.name, col: c}) }
	if len(s.Qualifier) == 0 {
		for i := range k.merged {
			put(&k.merged[i])
		}
	}
	found := false
	for _, rel := range k.rels {
		if !rel.named(s.Qualifier) {
			continue
		}
		found = true
		for i := range rel.cols {
			c := &rel.cols[i]
			if c.hidden || len(s.Qualifier) == 0 && rel.merged[c.name] {
				continue
			}
			put(c)
		}
	}
	if !found {
		if len(s.Qualifier) > 0 {
			return invalidIdentifier(s.Qualifier, s.Pos)
		}
		return sqlerr.Compilation(1080, "42601", "SELECT with no columns")
	}
	if s.Ilike == "" && len(s.Exclude)+len(s.Replace)+len(s.Rename) == 0 {
		return nil
	}
	has := func(name string) bool {
		for i := start; i < len(k.items); i++ {
			if k.items[i].name == name {
				return true
			}
		}
		return false
	}
	for _, x := range s.Exclude {
		if !has(x.Name) {
			return invalidIdentifier([]sql.Ident{x}, s.Pos)
		}
	}
	for _, x := range s.Rename {
		if !has(x.From.Name) {
			return invalidIdentifier([]sql.Ident{x.From}, s.Pos)
		}
	}
	for _, x := range s.Replace {
		if !has(x.Alias.Name) {
			return invalidIdentifier([]sql.Ident{x.Alias}, s.Pos)
		}
	}
	kept := k.items[:start]
	for _, it := range k.items[start:] {
		if s.Ilike != "" && !likeFold(it.name, s.Ilike) || contains(s.Exclude, it.name) {
			continue
		}
		for i := range s.Replace {
			if s.Replace[i].Alias.Name == it.name {
				it.x, it.col = s.Replace[i].X, nil
			}
		}
		for i := range s.Rename {
			if s.Rename[i].From.Name == it.name {
				it.name = s.Rename[i].To.Name
			}
		}
		kept = append(kept, it)
	}
	k.items = kept
	return nil
}

func contains(ids []sql.Ident, name string) bool {
	for i := range ids {
		if ids[i].Name == name {
			return true
		}
	}
	return false
}

// likeFold is ILIKE of column names: % and _ only.
func likeFold(s, pattern string) bool {
	s, pattern = strings.ToUpper(s), strings.ToUpper(pattern)
	var match func(s, p string) bool
	match = func(s, p string) bool {
		for p != "" {
			switch p[0] {
			case '%':
				for i := 0; i <= len(s); i++ {
					if match(s[i:], p[1:]) {
						return true
					}
				}
				return false
			case '_':
				if s == "" {
					return false
				}
			default:
				if s == "" || s[0] != p[0] {
					return false
				}
			}
			s, p = s[1:], p[1:]
		}
		return s == ""
	}
	return match(s, pattern)
}

// group binds GROUP BY: it fills k.keys, so that what follows can tell keys from loose columns.
func (k *block) group(s *sql.Select) (string, error) {
	g := s.Group
	if g == nil {
		return "", nil
	}
	k.noAgg = "GROUP BY"
	defer func() {
		k.noAgg = ""
		for i := range k.items {
			k.items[i].state = 0
		}
	}()
	keys := map[string]string{}
	one := func(x sql.Expr) (string, error) {
		n, ok, err := k.ordinal(x, "GROUP BY")
		if err != nil {
			return "", err
		}
		var v value
		if ok {
			k.noAgg = ""
			v, err = k.itemValue(n)
			k.noAgg = "GROUP BY"
		} else {
			v, err = k.expr(x)
		}
		if err != nil {
			return "", err
		}
		if v.agg || v.win {
			return "", sqlerr.Compilation(979, "42601", "[%s] is not a valid group by expression", v.sql)
		}
		return k.addKey(keys, v), nil
	}
	list := func(xs []sql.Expr) (string, error) {
		parts := make([]string, len(xs))
		for i, x := range xs {
			s, err := one(x)
			if err != nil {
				return "", err
			}
			parts[i] = s
		}
		return strings.Join(parts, ", "), nil
	}
	out := ""
	switch g.Kind {
	case "ALL":
		k.noAgg = ""
		var parts []string
		for i := range k.items {
			v, err := k.itemValue(i)
			if err != nil {
				return "", err
			}
			if !v.agg && !v.win && v.loose != nil {
				parts = append(parts, k.addKey(keys, v))
			}
		}
		out = strings.Join(parts, ", ")
		k.grouped = true
	case "", "CUBE", "ROLLUP":
		s, err := list(g.Items)
		if err != nil {
			return "", err
		}
		out = s
		if g.Kind != "" {
			out = g.Kind + " (" + s + ")"
			k.nullKeys = true
		}
	case "SETS":
		sets := make([]string, len(g.Sets))
		for i := range g.Sets {
			s, err := list(g.Sets[i])
			if err != nil {
				return "", err
			}
			sets[i] = "(" + s + ")"
		}
		out = "GROUPING SETS (" + strings.Join(sets, ", ") + ")"
		k.nullKeys = true
	default:
		return "", sqlerr.Unsupported("GROUP BY %s", g.Kind)
	}
	k.keys = keys
	if out == "" {
		return "", nil
	}
	return " GROUP BY " + out, nil
}

func (k *block) addKey(keys map[string]string, v value) string {
	if v.t.Kind == result.TimestampTZ {
		keys[v.sql] = "any_value(" + v.sql + ")"
		return sortKey(v)
	}
	keys[v.sql] = v.sql
	return v.sql
}
