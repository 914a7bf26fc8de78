package bind

import (
	"context"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// callName is a call's name as tables of functions hold it: "UPPER", "SNOWFLAKE.SPCS.GET_JOB_HISTORY", "!SPCS_GET_LOGS".
func callName(c *sql.Call) string {
	if c.Method != "" {
		return "!" + c.Method
	}
	if len(c.Name.Parts) == 1 {
		return c.Name.Parts[0].Name
	}
	parts := make([]string, len(c.Name.Parts))
	for i, p := range c.Name.Parts {
		parts[i] = p.Name
	}
	return strings.ToUpper(strings.Join(parts, "."))
}

// unnesting says whether a table function makes rows of each row to its left.
func unnesting(c *sql.Call) bool {
	if len(c.Name.Parts) != 1 {
		return false
	}
	switch c.Name.Parts[0].Name {
	case "FLATTEN", "SPLIT_TO_TABLE", "STRTOK_SPLIT_TO_TABLE":
		return true
	}
	return false
}

func (k *block) tableFunc(t *sql.TableFunc) (string, error) {
	b := k.b
	name := callName(t.Call)
	if t.Call.Method == "" {
		if unnesting(t.Call) {
			return k.lateralUnnest("", nil, t, false)
		}
		if name == "GENERATOR" {
			return k.generator(t)
		}
	}
	f, ok := b.names.Function(name)
	if !ok && len(t.Call.Name.Parts) > 1 && t.Call.Method == "" {
		// INFORMATION_SCHEMA.F and DB.INFORMATION_SCHEMA.F are F.
		if n := len(t.Call.Name.Parts); strings.EqualFold(t.Call.Name.Parts[n-2].Name, "INFORMATION_SCHEMA") {
			f, ok = b.names.Function("INFORMATION_SCHEMA." + t.Call.Name.Parts[n-1].Name)
		}
	}
	if !ok || !f.Table {
		if t.Call.Method != "" {
			name = t.Call.Method
		}
		return "", sqlerr.UnknownTableFunction(name)
	}
	args, err := b.args(t.Call)
	if err != nil {
		return "", err
	}
	var tab *Table
	if b.describe && (f.Describe != nil || f.Columns != nil) {
		cols := f.Columns
		if f.Describe != nil {
			if cols, err = f.Describe(b.ctx, b.sc, args); err != nil {
				return "", err
			}
		}
		tab = emptyTable(cols)
	} else {
		r, err := f.Call(b.ctx, b.sc, args)
		if err != nil {
			return "", err
		}
		if tab, err = b.names.Materialize(b.ctx, r); err != nil {
			return "", err
		}
	}
	b.volatile = true
	rel, text := b.tableRelation(tab)
	rel.name, rel.database, rel.schema = "", "", ""
	for i := range rel.cols {
		rel.cols[i].database, rel.cols[i].schema, rel.cols[i].table = "", "", ""
	}
	if text, err = k.sample(text, "", t.Sample); err != nil {
		return "", err
	}
	return text, k.put(rel, t.Alias)
}

// args evaluates a call's arguments for a function of another room.
func (b *binder) args(c *sql.Call) (statement.Args, error) {
	var a statement.Args
	if c.Method != "" {
		for _, p := range c.Name.Parts {
			a.Object = append(a.Object, p.Name)
		}
	}
	for _, x := range c.Args {
		v, _, err := b.constant(x)
		if err != nil {
			return a, err
		}
		a.Positional = append(a.Positional, v)
	}
	for _, n := range c.Named {
		v, _, err := b.constant(n.Value)
		if err != nil {
			return a, err
		}
		if a.Named == nil {
			a.Named = map[string]any{}
		}
		a.Named[n.Name] = v
	}
	return a, nil
}

// Args evaluates a call's arguments without DuckDB, for CALL.
func Args(ctx context.Context, sc *statement.Context, n Names, c *sql.Call) (statement.Args, error) {
	return newBinder(ctx, sc, n).args(c)
}

// emptyTable is a relation without rows, with these columns.
func emptyTable(cols []result.Column) *Table {
	t := &Table{Columns: make([]Column, len(cols))}
	var s strings.Builder
	s.WriteString("(SELECT ")
	for i, c := range cols {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString("NULL::" + PhysicalType(c.Type) + " AS " + Physical(c.Name))
		t.Columns[i] = Column{Name: c.Name, Type: c.Type, Nullable: c.Nullable}
	}
	s.WriteString(" WHERE false)")
	t.From = s.String()
	return t
}

// sequence is the hidden column by which SEQ1() … SEQ8() count the rows of a GENERATOR.
const sequence = "\x00SEQ"

func (k *block) generator(t *sql.TableFunc) (string, error) {
	rows := int64(-1)
	for _, n := range t.Call.Named {
		switch n.Name {
		case "ROWCOUNT":
			v, null, err := k.b.count(n.Value, "GENERATOR")
			if err != nil {
				return "", err
			}
			if null {
				v = 0
			}
			rows = v
		case "TIMELIMIT":
			if rows < 0 {
				return "", sqlerr.Unsupported("GENERATOR with TIMELIMIT")
			}
		default:
			return "", sqlerr.Compilation(1006, "42601", "unknown argument %s of GENERATOR", n.Name)
		}
	}
	if rows < 0 {
		rows = 0
	}
	alias := k.b.alias()
	rel := &relation{cols: []column{{name: sequence, ref: alias + ".c0", t: tInt, hidden: true}}}
	return "range(" + strconv.FormatInt(rows, 10) + ") AS " + alias + "(c0)", k.put(rel, t.Alias)
}

// lateralUnnest is FLATTEN and its kin beside the relations left of it: one subquery over them that unnests a list made by a
// function of ours. As a correlated LATERAL it would be thirty times slower (tables-and-types §4). The relations to the left
// are then reached through the subquery.
func (k *block) lateralUnnest(l string, left []*relation, t *sql.TableFunc, outer bool) (string, error) {
	b := k.b
	list, names, types, err := k.unnestCall(t.Call, outer)
	if err != nil {
		return "", err
	}
	alias := b.alias()
	var s strings.Builder
	s.WriteString("(SELECT ")
	n := 0
	seen := map[string]string{}
	remap := func(c *column) {
		ref, ok := seen[c.ref]
		if !ok {
			ref = "c" + strconv.Itoa(n)
			n++
			s.WriteString(c.ref + " AS " + ref + ", ")
			seen[c.ref] = ref
		}
		c.ref = alias + "." + ref
	}
	for _, rel := range left {
		for i := range rel.cols {
			remap(&rel.cols[i])
		}
	}
	for i := range k.merged {
		if _, ours := seen[k.merged[i].ref]; ours || len(left) == len(k.rels) {
			remap(&k.merged[i])
		}
	}
	s.WriteString("(row_number() OVER ())::DECIMAL(38,0) AS s, unnest(" + list + ") AS f")
	if l != "" {
		s.WriteString(" FROM " + l)
	}
	s.WriteString(") AS " + alias)
	rel := &relation{cols: make([]column, len(names))}
	for i := range names {
		ref := alias + ".f." + strings.ToLower(names[i])
		if names[i] == "SEQ" {
			ref = alias + ".s"
		}
		rel.cols[i] = column{name: names[i], ref: ref, t: types[i], null: names[i] != "SEQ"}
	}
	return s.String(), k.put(rel, t.Alias)
}

// unnestCall emits the list and names the columns of FLATTEN, SPLIT_TO_TABLE and STRTOK_SPLIT_TO_TABLE.
func (k *block) unnestCall(c *sql.Call, outer bool) (list string, names []string, types []result.Type, err error) {
	b := k.b
	// Arguments see everything to the left.
	sub := &block{b: b, parent: k.parent, rels: k.rels, merged: k.merged, noAgg: "FROM"}
	name := c.Name.Parts[0].Name
	if name != "FLATTEN" {
		args, err := sub.exprs(c.Args)
		if err != nil {
			return "", nil, nil, err
		}
		if len(args) < 1 || len(args) > 2 {
			return "", nil, nil, sqlerr.Compilation(938, "22023", "not enough arguments for function [%s], expected 2, got %d", name, len(args))
		}
		if len(args) == 1 {
			args = append(args, textValue(" "))
		}
		for i := range args {
			if args[i], err = b.toText(args[i]); err != nil {
				return "", nil, nil, err
			}
		}
		fn := "sf_split_table"
		if name != "SPLIT_TO_TABLE" {
			fn = "sf_strtok_table"
		}
		return fn + "(" + args[0].sql + "," + args[1].sql + ")", []string{"SEQ", "INDEX", "VALUE"}, []result.Type{tInt, tInt, tText}, nil
	}
	input, path, mode := value{}, "''", "'BOTH'"
	recursive := "false"
	outerText := "false"
	if outer {
		outerText = "true"
	}
	named := c.Named
	for i, x := range c.Args {
		if i == 0 {
			named = append([]sql.NamedArg{{Name: "INPUT", Value: x}}, named...)
		}
	}
	for _, n := range named {
		switch n.Name {
		case "INPUT":
			if input, err = sub.expr(n.Value); err != nil {
				return
			}
			if !isSemi(input.t.Kind) && input.t.Kind != 0 {
				return "", nil, nil, argumentTypes("FLATTEN", c.Pos, input)
			}
			if input, err = b.cast(input, tVariant, false); err != nil {
				return
			}
		case "PATH":
			v, _, err := b.constant(n.Value)
			if err != nil {
				return "", nil, nil, err
			}
			path = quote(numberString(v))
		case "OUTER", "RECURSIVE":
			v, _, err := b.constant(n.Value)
			if err != nil {
				return "", nil, nil, err
			}
			if v == true {
				if n.Name == "OUTER" {
					outerText = "true"
				} else {
					recursive = "true"
				}
			}
		case "MODE":
			v, _, err := b.constant(n.Value)
			if err != nil {
				return "", nil, nil, err
			}
			mode = quote(strings.ToUpper(numberString(v)))
		default:
			return "", nil, nil, sqlerr.Compilation(1006, "42601", "unknown argument %s of FLATTEN", n.Name)
		}
	}
	if input.sql == "" {
		return "", nil, nil, sqlerr.Compilation(938, "22023", "not enough arguments for function [FLATTEN], expected 1, got 0")
	}
	return "v_flatten(" + input.sql + "," + path + "," + outerText + "," + recursive + "," + mode + ")",
		[]string{"SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS"},
		[]result.Type{tInt, tText, tText, tInt, tVariant, tVariant}, nil
}
