package bind

import (
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// column is a column that names can reach: of a relation in FROM, or of a query's output.
type column struct {
	name   string
	ref    string // DuckDB text; of an output it is cN
	t      result.Type
	null   bool
	hidden bool // not in *: METADATA$FILENAME

	database, schema, table string
}

func (c *column) value() value {
	return value{sql: c.ref, t: c.t, null: c.null, database: c.database, schema: c.schema, table: c.table}
}

// relation is one item of FROM.
type relation struct {
	name             string // alias or table name; "" none
	database, schema string // of a table without an alias
	cols             []column
	index            map[string]int // of wide relations: name → first column; -1 where two have it
	merged           map[string]bool
}

const wide = 12

func (r *relation) find(name string) (*column, bool, bool) {
	if len(r.cols) > wide {
		if r.index == nil {
			r.index = make(map[string]int, len(r.cols))
			for i := range r.cols {
				if _, dup := r.index[r.cols[i].name]; dup {
					r.index[r.cols[i].name] = -1
				} else {
					r.index[r.cols[i].name] = i
				}
			}
		}
		i, ok := r.index[name]
		if !ok {
			return nil, false, false
		}
		if i < 0 {
			return nil, true, true
		}
		return &r.cols[i], true, false
	}
	var found *column
	for i := range r.cols {
		if r.cols[i].name == name {
			if found != nil {
				return nil, true, true
			}
			found = &r.cols[i]
		}
	}
	return found, found != nil, false
}

// block is one SELECT while it is bound.
type block struct {
	b      *binder
	parent *block // what the block may refer to outside itself
	rels   []*relation
	merged []column // USING and NATURAL columns, by name, first in *

	items   []item // select list, for aliases
	first   bool   // aliases before columns (ORDER BY)
	noAlias bool

	keys    map[string]string // GROUP BY: text of a key → text to stand for it
	grouped bool
	// nullKeys: grouping sets make every key nullable.
	nullKeys bool
	having   bool // an alias stands before a column that is no key
	inAgg    bool
	inWin    bool
	noAgg    string // where aggregates are refused: "WHERE", "GROUP BY"
	lambda   []column
}

// item is one output of a select list.
type item struct {
	name  string
	x     sql.Expr // nil: col is set
	col   *column
	v     value
	state uint8 // 0 not bound, 1 being bound, 2 bound
}

func plainIdent(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$') {
			return false
		}
	}
	return true
}

// written is a name as Snowflake writes it in messages.
func written(parts []sql.Ident) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if plainIdent(p.Name) {
			b.WriteString(p.Name)
		} else {
			b.WriteString(`"` + strings.ReplaceAll(p.Name, `"`, `""`) + `"`)
		}
	}
	return b.String()
}

func invalidIdentifier(parts []sql.Ident, pos sql.Pos) error {
	return sqlerr.InvalidIdentifier(written(parts), max(1, pos.Line), pos.Col)
}

func ambiguous(name sql.Ident) error {
	return sqlerr.Compilation(2028, "42601", "ambiguous column name '%s'", written([]sql.Ident{name}))
}

// ref resolves a column name: this block's columns and aliases, then the enclosing blocks'.
func (k *block) ref(r *sql.Ref) (value, error) {
	last := r.Parts[len(r.Parts)-1]
	for at := k; at != nil; at = at.parent {
		if len(r.Parts) == 1 {
			for i := len(at.lambda) - 1; i >= 0; i-- {
				if at.lambda[i].name == last.Name {
					return at.lambda[i].value(), nil
				}
			}
			if at.first && !at.inAgg && !at.noAlias {
				if v, ok, err := at.aliasValue(last.Name, r); ok || err != nil {
					return v, err
				}
			}
		}
		c, ok, err := at.column(r.Parts)
		if err != nil {
			return value{}, err
		}
		if ok {
			v := c.value()
			if at == k && !k.inAgg {
				v.loose = r
				if _, isKey := k.keys[v.sql]; k.having && !isKey && len(r.Parts) == 1 {
					if a, ok, err := k.aliasValue(last.Name, r); ok || err != nil {
						return a, err
					}
				}
			}
			return v, nil
		}
		if len(r.Parts) == 1 && !at.noAlias && !(at.first && !at.inAgg) {
			if v, ok, err := at.aliasValue(last.Name, r); ok || err != nil {
				return v, err
			}
		}
	}
	if len(r.Parts) == 1 && !r.Parts[0].Quoted {
		if v, ok, err := k.contextFunction(r.Parts[0].Name); ok || err != nil {
			return v, err
		}
	}
	return value{}, invalidIdentifier(r.Parts, r.Pos)
}

// column finds a column of this block's relations by 1 to 4 name parts.
func (k *block) column(parts []sql.Ident) (*column, bool, error) {
	name := parts[len(parts)-1]
	if len(parts) == 1 {
		for i := range k.merged {
			if k.merged[i].name == name.Name {
				return &k.merged[i], true, nil
			}
		}
	}
	var found *column
	for _, rel := range k.rels {
		if !rel.named(parts[:len(parts)-1]) {
			continue
		}
		c, ok, dup := rel.find(name.Name)
		if !ok {
			continue
		}
		if dup || found != nil {
			return nil, false, ambiguous(name)
		}
		found = c
	}
	return found, found != nil, nil
}

// named says whether a qualifier of 0 to 3 parts means this relation.
func (r *relation) named(q []sql.Ident) bool {
	switch len(q) {
	case 0:
		return true
	case 1:
		return r.name == q[0].Name
	case 2:
		return r.schema != "" && r.name == q[1].Name && (q[0].Name == r.schema || q[0].Name == "" && r.schema == "PUBLIC")
	case 3:
		return r.schema != "" && r.name == q[2].Name && r.database == q[0].Name && (q[1].Name == r.schema || q[1].Name == "" && r.schema == "PUBLIC")
	}
	return false
}

// aliasValue is the value of a select item by its alias. A volatile one cannot stand twice.
func (k *block) aliasValue(name string, r *sql.Ref) (value, bool, error) {
	for i := range k.items {
		it := &k.items[i]
		if it.name != name || it.x == nil {
			continue
		}
		if rr, same := it.x.(*sql.Ref); same && rr == r {
			continue
		}
		if it.state == 1 {
			continue // an alias does not see itself: a AS a
		}
		v, err := k.itemValue(i)
		if err != nil {
			return v, true, err
		}
		if v.volatile {
			return v, true, sqlerr.Unsupported("reuse of the alias %s of a volatile expression in its own SELECT", name)
		}
		if k.inAgg {
			v.loose = nil
		}
		return v, true, nil
	}
	return value{}, false, nil
}

// itemValue binds a select item once.
func (k *block) itemValue(i int) (value, error) {
	it := &k.items[i]
	if it.state == 2 {
		return it.v, nil
	}
	if it.col != nil {
		it.v = it.col.value()
		if k.grouped {
			it.v = k.key(it.v, &sql.Ref{Parts: []sql.Ident{{Name: it.col.name}}})
		}
		it.state = 2
		return it.v, nil
	}
	first, inAgg, noAgg, inWin := k.first, k.inAgg, k.noAgg, k.inWin
	k.first, k.inAgg, k.noAgg, k.inWin = false, false, "", false
	it.state = 1
	v, err := k.expr(it.x)
	k.first, k.inAgg, k.noAgg, k.inWin = first, inAgg, noAgg, inWin
	if err != nil {
		it.state = 0
		return v, err
	}
	it.v, it.state = v, 2
	return v, nil
}

// key puts a group key's stand-in for a value that is one.
func (k *block) key(v value, r *sql.Ref) value {
	if k.inAgg {
		return v
	}
	if s, ok := k.keys[v.sql]; ok {
		v.sql, v.loose = s, nil
	} else if r != nil {
		v.loose = r
	}
	return v
}

// positional is $n: column n of FROM, or of one relation of it.
func (k *block) positional(p *sql.Positional) (value, error) {
	name := "$" + itoa(p.N)
	for at := k; at != nil; at = at.parent {
		n := p.N
		for _, rel := range at.rels {
			if !rel.named(p.Qualifier) {
				continue
			}
			for i := range rel.cols {
				if rel.cols[i].hidden {
					continue
				}
				if n--; n == 0 {
					v := rel.cols[i].value()
					if at == k && !k.inAgg {
						v.loose = &sql.Ref{Parts: []sql.Ident{{Name: name}}}
					}
					return v, nil
				}
			}
		}
	}
	return value{}, invalidIdentifier(append(append([]sql.Ident{}, p.Qualifier...), sql.Ident{Name: name}), p.Pos)
}
