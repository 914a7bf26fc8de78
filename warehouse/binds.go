package warehouse

import (
	"context"
	"encoding/hex"
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

// bindsTable is the name by which the binder is given the rows of an array bind.
const bindsTable = "\x00binds"

// arrayBinds turns INSERT … VALUES (?, f(?)) with a list per placeholder into INSERT … SELECT over a temporary table of the
// lists: one statement, however many rows.
func (n *names) arrayBinds(ctx context.Context, st *sql.Insert) (*sql.Insert, error) {
	values, ok := st.Query.Body.(*sql.Values)
	if !ok || len(values.Rows) != 1 {
		return nil, sqlerr.Unsupported("array binds outside INSERT … VALUES with one row")
	}
	t, err := n.bindTable(ctx)
	if err != nil {
		return nil, err
	}
	if n.extra == nil {
		n.extra = map[string]*bind.Table{}
	}
	n.extra[bindsTable] = t
	sel := &sql.Select{From: &sql.Table{Name: sql.Name{Parts: []sql.Ident{ident(bindsTable)}}}}
	for _, x := range values.Rows[0] {
		sel.Items = append(sel.Items, sql.SelectItem{X: rewrite(x, func(x sql.Expr) sql.Expr {
			p, ok := x.(*sql.Param)
			if !ok || p.Index < 1 || p.Index > len(t.Columns) {
				return nil
			}
			return ref(t.Columns[p.Index-1].Name)
		})})
	}
	out := *st
	out.Query = &sql.Query{Body: sel, Pos: st.Query.Pos}
	return &out, nil
}

// bindTable loads the lists into a temporary table, in types that follow from their wire types (client-protocol.md §1.7).
func (n *names) bindTable(ctx context.Context) (*bind.Table, error) {
	sc := n.sc
	cols := make([]bind.Column, len(sc.Binds))
	for i, b := range sc.Binds {
		if len(b.Values) != sc.Rows {
			return nil, sqlerr.New(100132, "22000", "Array bind: placeholder %d has %d values, %d are expected.", i+1, len(b.Values), sc.Rows)
		}
		cols[i] = bind.Column{Name: "B" + strconv.Itoa(i+1), Type: bindType(b), Nullable: true}
	}
	name, a, err := n.k.temp(ctx, cols)
	if err != nil {
		return nil, err
	}
	for r := range sc.Rows {
		for i := range sc.Binds {
			v := sc.Binds[i].Values[r]
			if v == nil {
				a.Columns[i].SetNull(a.Row)
			} else if err := setBind(&a.Columns[i], a.Row, cols[i].Type, *v); err != nil {
				a.Abort()
				return nil, err
			}
		}
		if err := a.Next(); err != nil {
			a.Abort()
			return nil, err
		}
	}
	if err := a.Close(); err != nil {
		return nil, err
	}
	return &bind.Table{From: "temp.main." + name, Columns: cols}, nil
}

var bindKinds = map[string]result.Type{
	"REAL": {Kind: result.Real}, "BOOLEAN": {Kind: result.Boolean}, "BINARY": {Kind: result.Binary}, "DATE": {Kind: result.Date},
	"TIME": {Kind: result.Time, Scale: 9}, "TIMESTAMP_NTZ": {Kind: result.TimestampNTZ, Scale: 9}, "TIMESTAMP_LTZ": {Kind: result.TimestampLTZ, Scale: 9},
	"TIMESTAMP_TZ": {Kind: result.TimestampTZ, Scale: 9}, "TIMESTAMP": {Kind: result.TimestampNTZ, Scale: 9},
}

// bindType is the type of a list of values.
func bindType(b statement.Bind) result.Type {
	if b.Type != "FIXED" {
		if t, ok := bindKinds[b.Type]; ok {
			return t
		}
		return textType
	}
	scale := 0
	for _, v := range b.Values {
		if v == nil {
			continue
		}
		if strings.ContainsAny(*v, "eE") {
			return result.Type{Kind: result.Real}
		}
		if i := strings.IndexByte(*v, '.'); i >= 0 {
			scale = max(scale, min(len(*v)-i-1, 37))
		}
	}
	return result.Type{Kind: result.Fixed, Precision: 38, Scale: scale}
}

// setBind sets a cell from the wire's text of a bind.
func setBind(v *duck.Vector, row int, t result.Type, s string) error {
	bad := func() error { return sqlerr.New(100132, "22000", "Invalid bind value '%s' for type %s", s, t.SQL()) }
	switch t.Kind {
	case result.Text:
		v.SetString(row, strings.ToValidUTF8(s, "\uFFFD"))
		return nil
	case result.Fixed:
		return setDecimal(v, row, t, s)
	case result.Real:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return bad()
		}
		v.SetDouble(row, f)
		return nil
	case result.Boolean:
		v.SetInt(row, boolInt(slices.Contains([]string{"true", "TRUE", "1", "True"}, s)))
		return nil
	case result.Binary:
		b, err := hex.DecodeString(s)
		if err != nil {
			return bad()
		}
		v.SetBytes(row, b)
		return nil
	}
	first, zone, _ := strings.Cut(s, " ")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return bad()
	}
	switch t.Kind {
	case result.Date: // ms
		v.SetInt(row, floorDiv(n, 86400000))
	case result.Time, result.TimestampNTZ, result.TimestampLTZ: // ns
		v.SetInt(row, floorDiv(n, 1000))
	case result.TimestampTZ: // ns, minutes + 1440
		z, err := strconv.Atoi(zone)
		if err != nil {
			return bad()
		}
		v.Children[0].SetInt(row, floorDiv(n, 1000))
		v.Children[1].SetInt(row, int64(z)-1440)
	}
	return nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
