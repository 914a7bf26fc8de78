package session

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// procedure finds the registered procedure that a CALL names.
func (u *run) procedure(c *sql.Call) (statement.Function, bool) {
	name := dotted(c.Name)
	if c.Method != "" {
		name = "!" + strings.ToUpper(c.Method)
	}
	f, ok := u.s.Functions.Function(name)
	return f, ok && f.Procedure
}

// call is CALL f(…) and CALL object!method(…): one row.
func (u *run) call(ctx context.Context, f statement.Function, st *sql.CallProcedure, describe bool) (*result.Result, error) {
	if st.Into != "" {
		return nil, sqlerr.Unsupported("CALL … INTO")
	}
	args, err := u.args(ctx, st.Call)
	if err != nil {
		return nil, err
	}
	cols := f.Columns
	if f.Describe != nil {
		if cols, err = f.Describe(ctx, u.sc, args); err != nil {
			return nil, err
		}
	}
	if describe {
		return &result.Result{Columns: named(cols, f.Name), Type: result.TypeCall}, nil
	}
	r, err := f.Call(ctx, u.sc, args)
	if err != nil {
		return nil, err
	}
	if len(r.Columns) == 0 {
		r.Columns = cols
	}
	out := *r
	out.Columns, out.Type = named(r.Columns, f.Name), result.TypeCall
	return &out, nil
}

// named gives a single column without a name that of its procedure, as Snowflake does.
func named(cols []result.Column, name string) []result.Column {
	if len(cols) != 1 || cols[0].Name != "" {
		return cols
	}
	c := cols[0]
	c.Name = strings.TrimPrefix(name, "!")
	if i := strings.LastIndexByte(c.Name, '.'); i >= 0 {
		c.Name = c.Name[i+1:]
	}
	return []result.Column{c}
}

// args are a call's arguments, and of a method the object's whole name.
func (u *run) args(ctx context.Context, c *sql.Call) (statement.Args, error) {
	var a statement.Args
	if c.Method != "" {
		parts := exact(c.Name)
		if len(parts) < 3 && u.sc.Database == "" {
			return a, sqlerr.NoDatabase("CALL")
		}
		switch len(parts) {
		case 1:
			if u.sc.Schema == "" {
				return a, sqlerr.NoSchema("CALL")
			}
			parts = []string{u.sc.Database, u.sc.Schema, parts[0]}
		case 2:
			parts = []string{u.sc.Database, parts[0], parts[1]}
		}
		a.Object = parts
	}
	for _, x := range c.Args {
		v, err := u.evaluate(ctx, x)
		if err != nil {
			return a, err
		}
		a.Positional = append(a.Positional, v)
	}
	for _, n := range c.Named {
		v, err := u.evaluate(ctx, n.Value)
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

// evaluate computes an expression without tables: literals, binds and variables here, the rest by the Evaluator.
func (u *run) evaluate(ctx context.Context, x sql.Expr) (any, error) {
	switch x := x.(type) {
	case *sql.Literal:
		switch x.Kind {
		case sql.NullLit:
			return nil, nil
		case sql.BoolLit:
			return x.Bool, nil
		case sql.StringLit:
			return x.Text, nil
		case sql.NumberLit:
			if n, err := strconv.ParseInt(x.Text, 10, 64); err == nil {
				return n, nil
			}
		case sql.FloatLit:
			if f, err := strconv.ParseFloat(x.Text, 64); err == nil {
				return f, nil
			}
		}
	case *sql.Unary:
		if n, ok := x.X.(*sql.Literal); ok && x.Op == "-" && n.Kind == sql.NumberLit {
			if v, err := strconv.ParseInt("-"+n.Text, 10, 64); err == nil {
				return v, nil
			}
		}
	case *sql.Param:
		if x.Index < 1 || x.Index > len(u.sc.Binds) {
			return nil, sqlerr.Compilation(2049, "42601", "Bind variable :%d not set.", x.Index)
		}
		if v, ok := bound(u.sc.Binds[x.Index-1]); ok {
			return v, nil
		}
	case *sql.Variable:
		v, ok := u.sc.Variables[strings.ToUpper(x.Name)]
		if !ok {
			return nil, noVariable(x.Name)
		}
		return v, nil
	case *sql.Call:
		if f, ok := u.s.Functions.Function(dotted(x.Name)); ok && f.Scalar && x.Method == "" && x.Over == nil {
			a, err := u.args(ctx, x)
			if err != nil {
				return nil, err
			}
			r, err := f.Call(ctx, u.sc, a)
			if err != nil {
				return nil, err
			}
			if len(r.Rows) == 1 && len(r.Rows[0]) == 1 {
				return r.Rows[0][0], nil
			}
		}
	}
	if u.s.Evaluator != nil {
		v, err := u.s.Evaluator.Evaluate(ctx, u.sc, x)
		if !sqlerr.Is(err, notConstant) && !sqlerr.Is(err, notSupported) {
			return v, err
		}
	}
	return u.query(ctx, x)
}

// What an Evaluator says of an expression that it leaves to SELECT.
const (
	notConstant  = 1014
	notSupported = 2
)

// query computes an expression as SELECT x does.
func (u *run) query(ctx context.Context, x sql.Expr) (any, error) {
	p := &sql.Parsed{Statement: &sql.Query{Body: &sql.Select{Items: []sql.SelectItem{{X: x}}, Pos: x.Position()}, Pos: x.Position()}}
	for _, r := range u.s.Rooms {
		if !r.Handles(p.Statement) {
			continue
		}
		res, err := r.Run(ctx, u.sc, p, false)
		if err != nil {
			return nil, err
		}
		v, _, err := res.First()
		if e := res.Data.Remove(); err == nil {
			err = e
		}
		return v, err
	}
	return nil, sqlerr.Unsupported("an expression that is no constant")
}

func noVariable(name string) error {
	return sqlerr.Compilation(2211, "02000", "Session variable '$%s' does not exist", strings.ToUpper(name))
}

// bound is a bind of a plain type as an argument's value.
func bound(b statement.Bind) (any, bool) {
	if b.Value == nil {
		return nil, b.Values == nil
	}
	v := *b.Value
	switch b.Type {
	case "TEXT", "ANY":
		return v, true
	case "FIXED":
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, true
		}
		return v, true
	case "REAL":
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	case "BOOLEAN":
		return strings.EqualFold(v, "true") || v == "1", true
	}
	return nil, false
}

// executeImmediate runs a text, or a variable's text, as a statement of its own within this one.
func (u *run) executeImmediate(ctx context.Context, st *sql.ExecuteImmediate) (*result.Result, error) {
	if st.Stage != nil {
		return nil, sqlerr.Unsupported("EXECUTE IMMEDIATE FROM a file of a stage")
	}
	v, err := u.evaluate(ctx, st.X)
	if err != nil {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		return nil, sqlerr.Invalid("EXECUTE IMMEDIATE wants a text")
	}
	p, err := sql.Parse(text)
	var many *sql.MultipleError
	if errors.As(err, &many) {
		return nil, sqlerr.New(8, "0A000", "Actual statement count %d did not match the desired statement count 1.", many.Count)
	}
	if err != nil {
		return nil, parseError(err)
	}
	if _, again := p.Statement.(*sql.ExecuteImmediate); again {
		if u.depth++; u.depth > 8 {
			return nil, sqlerr.Unsupported("EXECUTE IMMEDIATE nested deeper than 8")
		}
	}
	inner := *u
	sc := *u.sc
	sc.Text, sc.Binds, sc.Rows = text, nil, 0
	for _, x := range st.Using {
		if r, ok := x.(*sql.Ref); ok && len(r.Parts) == 1 { // USING (v) names a variable
			x = &sql.Variable{Name: r.Parts[0].Name, Pos: r.Pos}
		}
		v, err := u.evaluate(ctx, x)
		if err != nil {
			return nil, err
		}
		sc.Binds = append(sc.Binds, asBind(v))
	}
	inner.sc = &sc
	return inner.statement(ctx, p)
}

func asBind(v any) statement.Bind {
	text := func(kind, s string) statement.Bind { return statement.Bind{Type: kind, Value: &s} }
	switch v := v.(type) {
	case nil:
		return statement.Bind{Type: "ANY"}
	case bool:
		return text("BOOLEAN", strconv.FormatBool(v))
	case int64:
		return text("FIXED", strconv.FormatInt(v, 10))
	case float64:
		return text("REAL", strconv.FormatFloat(v, 'g', -1, 64))
	case string:
		return text("TEXT", v)
	case json.RawMessage:
		return text("TEXT", string(v))
	}
	return statement.Bind{Type: "ANY"}
}

// flow is a ->> chain: each step is a query of its own; later ones read the results of earlier ones as $1 (the one before), $2, ….
func (u *run) flow(ctx context.Context, st *sql.Flow) (*result.Result, error) {
	if u.sc.Rows > 0 {
		return nil, sqlerr.Unsupported("binds in a chain of statements")
	}
	if u.r.Describe && len(st.Steps) > 1 {
		// Later columns follow from earlier results, and describing runs nothing.
		return nil, sqlerr.Unsupported("describing a chain of statements")
	}
	var ids []string
	for _, step := range st.Steps[:len(st.Steps)-1] {
		r := u.r
		r.ID = ""
		if u.r.ID != "" {
			r.ID = u.r.ID + "/" + strconv.Itoa(len(ids))
		}
		q, err := u.s.submit(ctx, u.n, r, true, func(ctx context.Context, in *run) (*result.Result, error) {
			scanEarlier(step, ids)
			return in.carryOut(ctx, &sql.Parsed{Statement: step})
		})
		if err != nil {
			return nil, err
		}
		if q.Err != nil {
			return nil, q.Err
		}
		ids = append([]string{q.ID}, ids...)
	}
	// The steps may have changed the session: the last one sees it as it is now.
	inner := *u
	sc := *u.sc
	now := u.n.state.Load()
	sc.Role, sc.Database, sc.Schema, sc.Warehouse, sc.Variables = now.role, now.database, now.schema, now.warehouse, now.variables
	sc.Params = view{now.parameters, statementParameters(u.r.Parameters), now.variables}
	inner.sc = &sc
	step := st.Steps[len(st.Steps)-1]
	scanEarlier(step, ids)
	return inner.carryOut(ctx, &sql.Parsed{Statement: step})
}

// scanEarlier puts TABLE(RESULT_SCAN('id')) where a step of a chain reads FROM $n; ids are the earlier steps', $1's first.
func scanEarlier(st sql.Statement, ids []string) {
	scan := func(t sql.TableExpr) sql.TableExpr {
		from, ok := t.(*sql.Table)
		if !ok || len(from.Name.Parts) != 1 || from.Name.Parts[0].Quoted {
			return t
		}
		text, ok := strings.CutPrefix(from.Name.Parts[0].Name, "$")
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 1 || n > len(ids) {
			return t
		}
		name := sql.Name{Parts: []sql.Ident{{Name: "RESULT_SCAN", Pos: from.Pos}}, Pos: from.Pos}
		id := &sql.Literal{Kind: sql.StringLit, Text: ids[n-1], Pos: from.Pos}
		return &sql.TableFunc{Call: &sql.Call{Name: name, Args: []sql.Expr{id}, Pos: from.Pos}, Alias: from.Alias, Sample: from.Sample, Pos: from.Pos}
	}
	sql.Walk(st, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.Select:
			n.From = scan(n.From)
		case *sql.Join:
			n.L, n.R = scan(n.L), scan(n.R)
		case *sql.Pivot:
			n.From = scan(n.From)
		case *sql.Unpivot:
			n.From = scan(n.From)
		case *sql.Update:
			n.From = scan(n.From)
		case *sql.Delete:
			n.Using = scan(n.Using)
		case *sql.Merge:
			n.Using = scan(n.Using)
		}
		return true
	})
}
