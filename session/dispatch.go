package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// statement carries one parsed statement out: binds, privileges, then session itself or the first room that handles it.
func (u *run) statement(ctx context.Context, p *sql.Parsed) (*result.Result, error) {
	u.q.Params = p.Params
	if err := u.stagedBinds(ctx); err != nil {
		return nil, err
	}
	if err := u.bind(p); err != nil {
		return nil, err
	}
	return u.carryOut(ctx, p)
}

// carryOut is statement for one whose binds are in.
func (u *run) carryOut(ctx context.Context, p *sql.Parsed) (*result.Result, error) {
	if _, use := p.Statement.(*sql.Use); !use { // USE says first whether there is such a thing
		if err := u.check(ctx, p.Statement); err != nil {
			return nil, err
		}
	}
	describe := u.r.Describe
	switch st := p.Statement.(type) {
	case *sql.Use:
		return u.use(ctx, st, describe)
	case *sql.AlterSession:
		return u.alterSession(ctx, st, describe)
	case *sql.SetVariable:
		return u.setVariable(ctx, st, describe)
	case *sql.Show:
		switch st.Kind {
		case "PARAMETERS":
			if st.In == "" && st.InName == nil || st.In == "SESSION" {
				return u.showParameters(st)
			}
		case "VARIABLES":
			return u.showVariables(st)
		case "REGIONS":
			return u.showRegions(st)
		}
	case *sql.Describe:
		if st.Kind == "RESULT" {
			return u.describeResult(ctx, st)
		}
	case *sql.Other:
		if st.Word == "DESCRIBE RESULT LAST_QUERY_ID" {
			return u.describeResult(ctx, &sql.Describe{Kind: "RESULT", Pos: st.Pos})
		}
	case *sql.Flow:
		return u.flow(ctx, st)
	case *sql.ExecuteImmediate:
		return u.executeImmediate(ctx, st)
	case *sql.CallProcedure:
		if f, ok := u.procedure(st.Call); ok {
			return u.call(ctx, f, st, describe)
		}
	}
	for _, r := range u.s.Rooms {
		if !r.Handles(p.Statement) {
			continue
		}
		enter, err := u.entering(ctx, p.Statement)
		if err != nil {
			return nil, err
		}
		res, err := r.Run(ctx, u.sc, p, describe)
		if err == nil && enter != nil && !describe {
			u.s.follow(ctx, u.n, enter)
		}
		return res, err
	}
	return nil, refuse(p.Statement)
}

// check asks for the statement's privileges.
func (u *run) check(ctx context.Context, st sql.Statement) error {
	n := needs(st)
	if len(n) == 0 {
		return nil
	}
	out := n[:0]
	for _, e := range n {
		if len(e.Name) == 0 {
			switch e.Kind {
			case "DATABASE":
				e.Name = []string{u.sc.Database}
			case "SCHEMA":
				e.Name = []string{u.sc.Database, u.sc.Schema}
			}
			if slices.Contains(e.Name, "") {
				continue // there is no current one: the room says so
			}
		}
		out = append(out, e)
	}
	return u.s.Access.Check(ctx, u.sc, out)
}

// needs is the table of privileges: what each statement asks of its role. Tables that a query reads are known only once it is bound:
// warehouse asks Access for SELECT on them itself. SHOW and DESCRIBE give what the role may see. Procedures and functions ask for
// what their arguments name. A query's SELECT, the catalog's filters and these rows are all the ways to be refused.
func needs(st sql.Statement) []statement.Need {
	switch st := st.(type) {
	case *sql.CreateTable:
		if st.Lifetime != "" && st.Lifetime != "TRANSIENT" {
			return need("USAGE", "SCHEMA", parent(st.Name))
		}
		return need("CREATE TABLE", "SCHEMA", parent(st.Name))
	case *sql.CreateView:
		return need("CREATE VIEW", "SCHEMA", parent(st.Name))
	case *sql.Create:
		switch {
		case ofAccount(st.Kind):
			return need("CREATE "+st.Kind, "ACCOUNT", nil)
		case st.Kind == "SCHEMA":
			return need("CREATE SCHEMA", "DATABASE", parent(st.Name))
		case st.Lifetime != "" && st.Lifetime != "TRANSIENT":
			return need("USAGE", "SCHEMA", parent(st.Name))
		}
		return need("CREATE "+st.Kind, "SCHEMA", parent(st.Name))
	case *sql.ExecuteJob:
		return append(need("CREATE SERVICE", "SCHEMA", parent(st.Name)), need("USAGE", "COMPUTE POOL", exact(st.Pool))...)

	case *sql.Drop:
		return need("OWNERSHIP", st.Kind, exact(st.Name))
	case *sql.AlterTable:
		return need("OWNERSHIP", st.Kind, exact(st.Name))
	case *sql.Alter:
		switch st.Action {
		case "SUSPEND", "RESUME", "RESUME IF SUSPENDED", "STOP ALL", "ABORT", "ABORT ALL QUERIES", "REFRESH":
			return need("OPERATE", st.Kind, exact(st.Name))
		case "SET", "UNSET":
			if st.Kind == "WAREHOUSE" || st.Kind == "COMPUTE POOL" {
				return need("MODIFY", st.Kind, exact(st.Name))
			}
		}
		if st.Kind == "USER" || st.Kind == "ROLE" {
			return nil // a user may change some of its own: the catalog looks at what is changed
		}
		return need("OWNERSHIP", st.Kind, exact(st.Name))
	case *sql.Comment:
		if st.Kind == "COLUMN" {
			return need("OWNERSHIP", "TABLE", parent(st.Name))
		}
		return need("OWNERSHIP", st.Kind, exact(st.Name))
	case *sql.Grant:
		return nil // an owner may grant too: the catalog looks at what is granted

	case *sql.Insert:
		var out []statement.Need
		if len(st.Table.Parts) > 0 {
			out = need("INSERT", "TABLE", exact(st.Table))
		}
		for _, m := range st.Multi {
			out = append(out, need("INSERT", "TABLE", exact(m.Table))...)
		}
		if st.Overwrite {
			out = append(out, need("DELETE", "TABLE", exact(st.Table))...)
		}
		return out
	case *sql.Update:
		return need("UPDATE", "TABLE", exact(st.Table))
	case *sql.Delete:
		return need("DELETE", "TABLE", exact(st.Table))
	case *sql.Truncate:
		return need("TRUNCATE", "TABLE", exact(st.Table))
	case *sql.Merge:
		return append(need("INSERT", "TABLE", exact(st.Table)), need("UPDATE", "TABLE", exact(st.Table))...)

	case *sql.CopyTable:
		out := need("INSERT", "TABLE", exact(st.Table))
		if st.From != nil {
			out = append(out, stage("READ", st.From)...)
		}
		return out
	case *sql.CopyStage:
		return stage("WRITE", &st.To)
	case *sql.CopyFiles:
		return append(stage("WRITE", &st.To), stage("READ", &st.From)...)
	case *sql.Put:
		return stage("WRITE", &st.Stage)
	case *sql.Get:
		return stage("READ", &st.Stage)
	case *sql.List:
		if st.Remove {
			return stage("WRITE", &st.Stage)
		}
		return stage("READ", &st.Stage)

	case *sql.Use:
		switch st.Kind {
		case "DATABASE", "WAREHOUSE", "SCHEMA":
			return need("USAGE", st.Kind, exact(st.Name))
		}
	}
	return nil
}

func need(privilege, kind string, name []string) []statement.Need {
	return []statement.Need{{Privilege: privilege, Kind: kind, Name: name}}
}

// stage is a need of a stage path; a user's own stage and artifacts' trees (snow://…, asked for by their room) need nothing here.
func stage(privilege string, p *sql.StagePath) []statement.Need {
	switch {
	case p.User || p.URL != "":
		return nil
	case p.Table != nil:
		return need("OWNERSHIP", "TABLE", exact(*p.Table))
	}
	return need(privilege, "STAGE", exact(p.Stage))
}

// exact are a name's parts; a..b means the schema PUBLIC.
func exact(n sql.Name) []string {
	out := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		out[i] = p.Name
		if p.Name == "" && !p.Quoted {
			out[i] = "PUBLIC"
		}
	}
	return out
}

// parent is the name of what the object is in; none means the current one.
func parent(n sql.Name) []string {
	p := exact(n)
	if len(p) == 0 {
		return nil
	}
	return p[:len(p)-1]
}

// ofAccount says which kinds of objects are in no database.
func ofAccount(kind string) bool {
	switch kind {
	case "DATABASE", "WAREHOUSE", "COMPUTE POOL", "ROLE", "USER", "INTEGRATION", "EXTERNAL ACCESS INTEGRATION", "SHARE", "RESOURCE MONITOR", "NETWORK POLICY", "APPLICATION":
		return true
	}
	return strings.HasSuffix(kind, " INTEGRATION")
}

// refuse names a statement that no room carries out.
func refuse(st sql.Statement) error {
	word := strings.TrimPrefix(fmt.Sprintf("%T", st), "*sql.")
	switch st := st.(type) {
	case *sql.Other:
		word = st.Word
	case *sql.Create:
		word = "CREATE " + st.Kind
	case *sql.Drop:
		word = "DROP " + st.Kind
		if st.Undrop {
			word = "UNDROP " + st.Kind
		}
	case *sql.Alter:
		word = "ALTER " + st.Kind + " " + st.Action
	case *sql.Show:
		word = "SHOW " + st.Kind
		if st.In != "" {
			word += " IN " + st.In
		}
	case *sql.Describe:
		word = "DESCRIBE " + st.Kind
	case *sql.CallProcedure:
		return sqlerr.UnknownFunction(dotted(st.Call.Name))
	case *sql.Query:
		word = "SELECT"
	}
	return sqlerr.Unsupported("%s", word)
}

// dotted is a name for messages.
func dotted(n sql.Name) string { return strings.Join(exact(n), ".") }
