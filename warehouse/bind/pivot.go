package bind

import (
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// pivot is t PIVOT (agg(x) FOR c IN (v, …)): the other columns group, and each value is one aggregate over the rows that have it.
func (k *block) pivot(t *sql.Pivot) (string, error) {
	b := k.b
	if t.Any || t.Query != nil {
		return "", sqlerr.Unsupported("PIVOT with values from the data (ANY or a subquery)")
	}
	sub := &block{b: b, parent: k.parent}
	from, err := sub.from(t.From)
	if err != nil {
		return "", err
	}
	name := callName(t.Agg)
	agg, ok := aggregates[name]
	if !ok || len(t.Agg.Args) != 1 {
		return "", sqlerr.Compilation(1044, "42P13", "PIVOT needs an aggregate of one column, not %s", name)
	}
	x, isRef := t.Agg.Args[0].(*sql.Ref)
	if !isRef {
		return "", sqlerr.Compilation(1044, "42P13", "PIVOT needs an aggregate of one column")
	}
	xv, err := sub.ref(x)
	if err != nil {
		return "", err
	}
	cv, err := sub.ref(&sql.Ref{Parts: []sql.Ident{t.For}, Pos: t.Pos})
	if err != nil {
		return "", err
	}
	out := &query{}
	var keys []string
	for _, rel := range sub.rels {
		for i := range rel.cols {
			if c := &rel.cols[i]; !c.hidden && c.ref != xv.sql && c.ref != cv.sql {
				out.add(c.name, c.value())
				keys = append(keys, key(c.value()))
			}
		}
	}
	for i := range t.In {
		it := &t.In[i]
		v, err := sub.expr(it.X)
		if err != nil {
			return "", err
		}
		eq, err := b.compare("=", cv, v)
		if err != nil {
			return "", err
		}
		arg, err := b.choose([]value{eq}, []value{xv, nullValue()})
		if err != nil {
			return "", err
		}
		cell, err := agg.emit(b, &aggCall{name: name, pos: t.Pos, args: []value{arg}})
		if err != nil {
			return "", err
		}
		if t.Default != nil {
			d, err := sub.expr(t.Default)
			if err != nil {
				return "", err
			}
			if cell, err = b.coalesce([]value{cell, d}); err != nil {
				return "", err
			}
		}
		label := it.Alias.Name
		if label == "" {
			label = sql.Print(it.X)
		}
		out.add(label, cell)
	}
	out.tail = " FROM " + from
	if len(keys) > 0 {
		out.tail += " GROUP BY " + strings.Join(keys, ", ")
	}
	alias := b.alias()
	return "(" + out.text() + ") AS " + alias, k.put(out.relation("", alias), t.Alias)
}

// unpivot is t UNPIVOT (v FOR n IN (a, b, …)): one row for each column named, without NULLs unless they are included.
func (k *block) unpivot(t *sql.Unpivot) (string, error) {
	b := k.b
	sub := &block{b: b, parent: k.parent}
	from, err := sub.from(t.From)
	if err != nil {
		return "", err
	}
	var vals []value
	var names, cells []string
	used := map[string]bool{}
	for i := range t.In {
		r, ok := t.In[i].X.(*sql.Ref)
		if !ok {
			return "", sqlerr.Compilation(1003, "42000", "UNPIVOT takes column names")
		}
		v, err := sub.ref(r)
		if err != nil {
			return "", err
		}
		used[v.sql] = true
		label := t.In[i].Alias.Name
		if label == "" {
			label = r.Parts[len(r.Parts)-1].Name
		}
		names = append(names, quote(label))
		vals = append(vals, v)
	}
	vals, typ, err := b.commonAll("UNPIVOT", vals)
	if err != nil {
		return "", err
	}
	for i := range vals {
		cells = append(cells, vals[i].sql)
	}
	out := &query{tail: " FROM " + from}
	for _, rel := range sub.rels {
		for i := range rel.cols {
			if c := &rel.cols[i]; !c.hidden && !used[c.ref] {
				out.add(c.name, c.value())
			}
		}
	}
	out.add(t.Name.Name, value{sql: "unnest([" + strings.Join(names, ", ") + "])", t: tText})
	out.add(t.Value.Name, value{sql: "unnest([" + strings.Join(cells, ", ") + "])", t: typ, null: t.IncludeNulls})
	if typ.Kind == result.Kind(0) {
		return "", sqlerr.Compilation(1003, "42000", "UNPIVOT without columns")
	}
	last := outRef(len(out.cols) - 1)
	inner := b.alias()
	text := "(" + out.text() + ") AS " + inner
	if !t.IncludeNulls {
		text = "(SELECT * FROM " + text + " WHERE " + inner + "." + last + " IS NOT NULL) AS " + inner
	}
	return text, k.put(out.relation("", inner), t.Alias)
}
