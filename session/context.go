package session

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// done is the answer of statements that change the session.
func done() *result.Result {
	r := result.Status("Statement executed successfully.")
	r.Type = result.TypeSCL
	return r
}

// use is USE DATABASE, SCHEMA, ROLE, WAREHOUSE or SECONDARY ROLES; a bare name is a database, or with two parts a schema.
func (u *run) use(ctx context.Context, st *sql.Use, describe bool) (*result.Result, error) {
	name := exact(st.Name)
	kind := st.Kind
	if kind == "" {
		kind = "DATABASE"
		if len(name) == 2 {
			kind = "SCHEMA"
		}
	}
	if kind == "SECONDARY ROLES" { // ALL or NONE: a role's own privileges are all there are
		return done(), nil
	}
	if len(name) == 0 || len(name) > 2 || len(name) == 2 && kind != "SCHEMA" {
		return nil, sqlerr.NotExistOrOperation(kind, dotted(st.Name))
	}
	if kind == "SCHEMA" && len(name) == 1 {
		if u.sc.Database == "" {
			return nil, sqlerr.NoDatabase("USE SCHEMA")
		}
		name = []string{u.sc.Database, name[0]}
	}
	ok, err := u.s.Objects.Exists(ctx, u.sc, kind, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, sqlerr.NotExistOrOperation(kind, strings.Join(name, "."))
	}
	if err := u.check(ctx, st); err != nil {
		return nil, err
	}
	schema := ""
	if kind == "DATABASE" {
		public, err := u.s.Objects.Exists(ctx, u.sc, "SCHEMA", []string{name[0], "PUBLIC"})
		if err != nil {
			return nil, err
		}
		if public {
			schema = "PUBLIC"
		}
	}
	if describe {
		return done(), nil
	}
	err = u.s.update(ctx, u.n, func(s *state) {
		switch kind {
		case "DATABASE":
			s.database, s.schema = name[0], schema
		case "SCHEMA":
			s.database, s.schema = name[0], name[1]
		case "ROLE":
			s.role = name[0]
		case "WAREHOUSE":
			s.warehouse = name[0]
		}
	})
	if err != nil {
		return nil, err
	}
	return done(), nil
}

// entering is what a CREATE changes in its session: a new database, schema or warehouse is the current one from then on (usage
// notes of CREATE DATABASE, CREATE SCHEMA, CREATE WAREHOUSE). IF NOT EXISTS of one that is there creates nothing and enters nothing.
// What a DROP takes away is no longer the current one.
func (u *run) entering(ctx context.Context, st sql.Statement) (func(*state), error) {
	if d, ok := st.(*sql.Drop); ok && !d.Undrop {
		return u.leaving(d), nil
	}
	c, ok := st.(*sql.Create)
	if !ok {
		return nil, nil
	}
	name := exact(c.Name)
	var enter func(*state)
	switch {
	case c.Kind == "DATABASE" && len(name) == 1:
		enter = func(s *state) { s.database, s.schema = name[0], "PUBLIC" }
	case c.Kind == "SCHEMA" && len(name) == 1:
		name = []string{u.sc.Database, name[0]}
		fallthrough
	case c.Kind == "SCHEMA" && len(name) == 2:
		enter = func(s *state) { s.database, s.schema = name[0], name[1] }
	case c.Kind == "WAREHOUSE" && len(name) == 1:
		enter = func(s *state) { s.warehouse = name[0] }
	default:
		return nil, nil
	}
	if c.IfNotExists {
		there, err := u.s.Objects.Exists(ctx, u.sc, c.Kind, name)
		if err != nil || there {
			return nil, err
		}
	}
	return enter, nil
}

func (u *run) leaving(d *sql.Drop) func(*state) {
	name := exact(d.Name)
	switch {
	case d.Kind == "DATABASE" && len(name) == 1 && name[0] == u.sc.Database:
		return func(s *state) { s.database, s.schema = "", "" }
	case d.Kind == "SCHEMA" && len(name) > 0 && name[len(name)-1] == u.sc.Schema && (len(name) == 1 || name[0] == u.sc.Database):
		return func(s *state) { s.schema = "" }
	case d.Kind == "WAREHOUSE" && len(name) == 1 && name[0] == u.sc.Warehouse:
		return func(s *state) { s.warehouse = "" }
	}
	return nil
}

// alterSession is ALTER SESSION SET|UNSET: all of it or nothing.
func (u *run) alterSession(ctx context.Context, st *sql.AlterSession, describe bool) (*result.Result, error) {
	set := map[string]string{}
	for _, o := range st.Set {
		p, ok := parameters[o.Name]
		if !ok {
			return nil, invalidParameter(o.Name)
		}
		text, ok := optionText(o.Value)
		if !ok {
			return nil, sqlerr.Invalid("invalid value for parameter '%s'", o.Name)
		}
		if o.Name == "TIMEZONE" {
			if text == "" || text == "Local" {
				return nil, sqlerr.Invalid("invalid value [%s] for parameter 'TIMEZONE'", text)
			}
			if _, err := time.LoadLocation(text); err != nil {
				return nil, sqlerr.Invalid("invalid value [%s] for parameter 'TIMEZONE'", text)
			}
		}
		text, err := p.check(text)
		if err != nil {
			return nil, err
		}
		if err := honoured(o.Name, text); err != nil {
			return nil, err
		}
		set[o.Name] = text
	}
	for _, name := range st.Unset {
		if _, ok := parameters[strings.ToUpper(name)]; !ok {
			return nil, invalidParameter(name)
		}
	}
	if describe {
		return done(), nil
	}
	err := u.s.update(ctx, u.n, func(s *state) {
		if s.parameters == nil {
			s.parameters = map[string]string{}
		}
		maps.Copy(s.parameters, set)
		for _, name := range st.Unset {
			delete(s.parameters, strings.ToUpper(name))
		}
	})
	if err != nil {
		return nil, err
	}
	u.q.Changed = u.s.LoginParameters(u.n)
	return done(), nil
}

func invalidParameter(name string) error {
	return sqlerr.Compilation(1006, "22023", "invalid parameter '%s'", name)
}

// optionText is an option's value as a parameter's text.
func optionText(v sql.Value) (string, bool) {
	switch {
	case v.Text != nil:
		return v.Text.Value, !v.Text.Null
	case v.Number != "":
		return v.Number, true
	case v.Raw != "":
		return v.Raw, true
	case v.Word != "":
		return v.Word, true
	case v.Name != nil:
		return dotted(*v.Name), true
	}
	return "", false
}

// setVariable is SET and UNSET.
func (u *run) setVariable(ctx context.Context, st *sql.SetVariable, describe bool) (*result.Result, error) {
	values := make([]any, len(st.Names))
	if !st.Unset {
		if len(st.Values) != len(st.Names) {
			return nil, sqlerr.Invalid("%d variables are set to %d values", len(st.Names), len(st.Values))
		}
		for i, x := range st.Values {
			v, err := u.evaluate(ctx, x)
			if err != nil {
				return nil, err
			}
			if s, ok := v.(string); ok && len(s) > maxVariable {
				return nil, sqlerr.Invalid("the value of variable '%s' is longer than %d bytes", st.Names[i].Name, maxVariable)
			}
			values[i] = v
		}
	}
	if describe {
		return done(), nil
	}
	err := u.s.update(ctx, u.n, func(s *state) {
		if s.variables == nil {
			s.variables = map[string]any{}
		}
		for i, n := range st.Names {
			if st.Unset {
				delete(s.variables, n.Name)
			} else {
				s.variables[n.Name] = values[i]
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return done(), nil
}

// maxVariable bounds a session variable's text in bytes; Snowflake's bound is 256.
const maxVariable = 64 << 10

// showParameters is SHOW PARAMETERS [LIKE …] [IN SESSION] (sql-reference/sql/show-parameters, plus the type, which the service adds).
func (u *run) showParameters(st *sql.Show) (*result.Result, error) {
	r := &result.Result{Type: result.TypeShow}
	for _, c := range []string{"key", "value", "default", "level", "description", "type"} {
		r.Columns = append(r.Columns, result.TextColumn(c))
	}
	if u.r.Describe {
		return r, nil
	}
	set := u.n.state.Load().parameters
	for _, name := range parameterNames {
		if st.Like != nil && !like(st.Like.Value, name) {
			continue
		}
		p := parameters[name]
		value, level := p.standard, ""
		if v, ok := set[name]; ok {
			value, level = v, "SESSION"
		}
		r.Rows = append(r.Rows, []any{name, value, p.standard, level, p.about, p.kind})
	}
	return limited(r, st), nil
}

// showVariables is SHOW VARIABLES.
func (u *run) showVariables(st *sql.Show) (*result.Result, error) {
	r := &result.Result{Type: result.TypeShow, Columns: []result.Column{result.IntColumn("session_id"), result.TimeColumn("created_on"), result.TimeColumn("updated_on"),
		result.TextColumn("name"), result.TextColumn("value"), result.TextColumn("type"), result.TextColumn("comment")}}
	if u.r.Describe {
		return r, nil
	}
	for _, name := range slices.Sorted(maps.Keys(u.sc.Variables)) {
		if st.Like != nil && !like(st.Like.Value, name) {
			continue
		}
		kind := "text"
		v := u.sc.Variables[name]
		switch v.(type) {
		case int64:
			kind = "fixed"
		case float64:
			kind = "real"
		case bool:
			kind = "boolean"
		case time.Time:
			kind = "timestamp_ltz"
		case []byte:
			kind = "binary"
		case json.RawMessage:
			kind = "variant"
		}
		var text any
		if v != nil {
			text = fmt.Sprint(v)
			if raw, ok := v.(json.RawMessage); ok {
				text = string(raw)
			}
		}
		// When a variable was set is not kept: its session's start stands for it.
		r.Rows = append(r.Rows, []any{u.n.id, u.n.created, u.n.created, name, text, kind, ""})
	}
	return limited(r, st), nil
}

// showRegions is SHOW REGIONS: the one region that CURRENT_REGION() names.
func (u *run) showRegions(st *sql.Show) (*result.Result, error) {
	r := &result.Result{Type: result.TypeShow}
	for _, c := range []string{"snowflake_region", "cloud", "region", "display_name"} {
		r.Columns = append(r.Columns, result.TextColumn(c))
	}
	if u.r.Describe || st.Like != nil && !like(st.Like.Value, u.s.Region) {
		return r, nil
	}
	cloud, region, _ := strings.Cut(u.s.Region, "_")
	display := strings.ToLower(strings.ReplaceAll(region, "_", "-"))
	r.Rows = [][]any{{u.s.Region, strings.ToLower(cloud), display, strings.ToUpper(cloud) + " " + display}}
	return limited(r, st), nil
}

func limited(r *result.Result, st *sql.Show) *result.Result {
	if st.Limit >= 0 && st.Limit < len(r.Rows) {
		r.Rows = r.Rows[:st.Limit]
	}
	return r
}

// like matches a pattern of SHOW … LIKE: % and _, blind to case; a backslash escapes.
func like(pattern, s string) bool {
	return match([]rune(strings.ToUpper(pattern)), []rune(strings.ToUpper(s)))
}

func match(p, s []rune) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '%':
			star, mark = i, j
			i++
			continue
		case i+1 < len(p) && p[i] == '\\' && p[i+1] == s[j]:
			i += 2
			j++
			continue
		case i < len(p) && p[i] != '\\' && (p[i] == '_' || p[i] == s[j]):
			i++
			j++
			continue
		case star >= 0:
			mark++
			i, j = star+1, mark
			continue
		}
		return false
	}
	for i < len(p) && p[i] == '%' {
		i++
	}
	return i == len(p)
}
