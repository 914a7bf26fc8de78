package session

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// LoginRequest is one login: who, from which client, and the context that it asks for, as written.
type LoginRequest struct {
	statement.Login
	Database, Schema, Warehouse string
	Parameters                  map[string]any // SESSION_PARAMETERS
	Client                      statement.Client
}

// Login makes a session. A database, schema or warehouse that does not exist is left out, as Snowflake does, unless the client has
// asked for CLIENT_VALIDATE_DEFAULT_PARAMETERS.
func (s *Sessions) Login(ctx context.Context, r LoginRequest) (*Session, Tokens, statement.Identity, error) {
	r.Token = strings.TrimSpace(r.Token) // a job's client sends its token file unstripped
	fail := func(err error) (*Session, Tokens, statement.Identity, error) {
		return nil, Tokens{}, statement.Identity{}, err
	}
	who, err := s.Accounts.Login(ctx, r.Login)
	if err != nil {
		return fail(err)
	}
	st := &state{role: who.Role, parameters: map[string]string{}, variables: map[string]any{}}
	validate := false
	for name, v := range r.Parameters {
		name = strings.ToUpper(name)
		text, ok := parameterText(v)
		if !ok {
			continue
		}
		if name == "CLIENT_VALIDATE_DEFAULT_PARAMETERS" {
			validate = strings.EqualFold(text, "true")
		}
		p, known := parameters[name]
		if !known {
			continue // clients send some that only they know
		}
		if text, err = p.check(text); err != nil {
			return fail(err)
		}
		if err = honoured(name, text); err != nil {
			return fail(err)
		}
		st.parameters[name] = text
	}
	sc := &statement.Context{User: who.User, Role: who.Role, Region: s.Region, Account: s.Account, Version: s.Version, Job: who.Job, Client: r.Client, Params: view{session: st.parameters}}
	database, given := fold(r.Database), r.Database != ""
	if database == "" {
		database = who.Database
	}
	exists := func(kind string, asked bool, name ...string) (bool, error) {
		ok, err := s.Objects.Exists(ctx, sc, kind, name)
		if err == nil && !ok && asked && validate {
			err = sqlerr.New(390201, "08004", "The requested %s does not exist or not authorized.", strings.ToLower(kind))
		}
		return ok, err
	}
	if database != "" {
		ok, err := exists("DATABASE", given, database)
		if err != nil {
			return fail(err)
		}
		if ok {
			st.database = database
		}
	}
	if st.database != "" {
		schema, asked := fold(r.Schema), r.Schema != ""
		if schema == "" && (!given || database == who.Database) {
			schema = who.Schema
		}
		if schema == "" {
			schema = "PUBLIC"
		}
		ok, err := exists("SCHEMA", asked, st.database, schema)
		if err != nil {
			return fail(err)
		}
		if ok {
			st.schema = schema
		}
	}
	warehouse := fold(r.Warehouse)
	if warehouse == "" {
		warehouse = who.Warehouse
	}
	if warehouse != "" {
		ok, err := exists("WAREHOUSE", r.Warehouse != "", warehouse)
		if err != nil {
			return fail(err)
		}
		if ok {
			st.warehouse = warehouse
		}
	}

	now := s.Clock()
	n := &Session{user: who.User, job: who.Job, client: r.Client, created: now}
	n.until.Store(now.Add(s.MasterValidity).UnixMilli())
	n.state.Store(st)
	row, err := n.row(st)
	if err != nil {
		return fail(err)
	}
	text, h := newToken()
	master, mh := newToken()
	expires := now.Add(s.TokenValidity)
	n.id, err = s.Store.CreateSession(ctx, row, store.SessionToken{Hash: h, Expires: expires}, store.SessionToken{Hash: mh, Master: true, Expires: row.Until})
	if err != nil {
		return fail(err)
	}
	s.mu.Lock()
	s.byID[n.id] = n
	s.mu.Unlock()
	s.remember(h, token{session: n, expires: expires})
	s.remember(mh, token{session: n, master: true})
	return n, Tokens{Session: text, Master: master, SessionValidity: s.TokenValidity, MasterValidity: s.MasterValidity, ID: n.id}, who, nil
}

// fold is a name as a client's option gives it: "quoted" kept, else in upper case.
func fold(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return strings.ToUpper(s)
}

// row is the session as the store keeps it, with that state.
func (n *Session) row(st *state) (store.Session, error) {
	params, err := json.Marshal(st.parameters)
	if err != nil {
		return store.Session{}, fmt.Errorf("session: %w", err)
	}
	vars, err := json.Marshal(encodeVariables(st.variables))
	if err != nil {
		return store.Session{}, fmt.Errorf("session: %w", err)
	}
	return store.Session{ID: n.id, User: n.user, Role: st.role, Database: st.database, Schema: st.schema, Warehouse: st.warehouse, Job: n.job,
		Client: n.client.App, Version: n.client.Version, Parameters: string(params), Variables: string(vars),
		Created: n.created, Until: time.UnixMilli(n.until.Load())}, nil
}

func load(r store.Session) (*Session, error) {
	n := &Session{id: r.ID, user: r.User, job: r.Job, client: statement.Client{App: r.Client, Version: r.Version}, created: r.Created}
	st := &state{role: r.Role, database: r.Database, schema: r.Schema, warehouse: r.Warehouse, parameters: map[string]string{}}
	if err := json.Unmarshal([]byte(r.Parameters), &st.parameters); err != nil {
		return nil, fmt.Errorf("session %d: parameters: %w", r.ID, err)
	}
	var vars []variable
	if err := json.Unmarshal([]byte(r.Variables), &vars); err != nil {
		return nil, fmt.Errorf("session %d: variables: %w", r.ID, err)
	}
	st.variables = decodeVariables(vars)
	n.until.Store(r.Until.UnixMilli())
	n.state.Store(st)
	return n, nil
}

// variable is one of SET's as the store keeps it: its Go type must come back.
type variable struct {
	Name, Kind, Text string
}

func encodeVariables(m map[string]any) []variable {
	out := make([]variable, 0, len(m))
	for name, v := range m {
		e := variable{Name: name, Kind: "text", Text: fmt.Sprint(v)}
		switch v := v.(type) {
		case nil:
			e.Kind, e.Text = "null", ""
		case bool:
			e.Kind = "bool"
		case int64:
			e.Kind = "int"
		case float64:
			e.Kind = "real"
		case []byte:
			e.Kind, e.Text = "bytes", string(v)
		case time.Time:
			e.Kind, e.Text = "time", v.Format(time.RFC3339Nano)
		case *big.Int:
			e.Text = v.String()
		case json.RawMessage:
			e.Kind, e.Text = "json", string(v)
		}
		out = append(out, e)
	}
	return out
}

func decodeVariables(vars []variable) map[string]any {
	m := make(map[string]any, len(vars))
	for _, e := range vars {
		var v any = e.Text
		switch e.Kind {
		case "null":
			v = nil
		case "bool":
			v = e.Text == "true"
		case "int":
			var n int64
			fmt.Sscan(e.Text, &n)
			v = n
		case "real":
			var f float64
			fmt.Sscan(e.Text, &f)
			v = f
		case "bytes":
			v = []byte(e.Text)
		case "time":
			if t, err := time.Parse(time.RFC3339Nano, e.Text); err == nil {
				v = t
			}
		case "json":
			v = json.RawMessage(e.Text)
		}
		m[e.Name] = v
	}
	return m
}
