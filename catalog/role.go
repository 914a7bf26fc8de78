package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

func (c *Catalog) createRole(ctx context.Context, sc *statement.Context, st *sql.Create) (string, error) {
	name, err := single(st.Name, "role")
	if err != nil {
		return "", err
	}
	if _, err := ReadSettings(st.Options, "ROLE", func(n string) bool { return n == "COMMENT" }); err != nil {
		return "", err
	}
	if err := c.require(ctx, sc, "CREATE ROLE", "ACCOUNT"); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.roles[name]; ok {
		switch {
		case st.IfNotExists:
			return fmt.Sprintf("%s already exists, statement succeeded.", name), nil
		case !st.OrReplace:
			return "", sqlerr.Exists(name)
		}
		if err := c.dropRoleLocked(ctx, sc, name); err != nil {
			return "", err
		}
	}
	r := store.Role{Name: name, Owner: sc.Role, Comment: comment(st.Options), Created: c.now()}
	if err := c.store.PutRole(ctx, r); err != nil {
		return "", err
	}
	c.roles[name] = r
	c.changed()
	return fmt.Sprintf("Role %s successfully created.", name), nil
}

func (c *Catalog) dropRole(ctx context.Context, sc *statement.Context, st *sql.Drop) (string, error) {
	name, err := single(st.Name, "role")
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.roles[name]; !ok {
		if st.IfExists {
			return fmt.Sprintf("Drop statement executed successfully (%s already dropped).", name), nil
		}
		return "", sqlerr.NotExist("Role", name)
	}
	if err := c.dropRoleLocked(ctx, sc, name); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s successfully dropped.", name), nil
}

// dropRoleLocked removes a role. What it owned in this room goes to the role that drops, as Snowflake's rule is.
func (c *Catalog) dropRoleLocked(ctx context.Context, sc *statement.Context, name string) error {
	roles := c.actsLocked(sc.Role)
	if systemRoles[name] || !roles[AccountAdmin] && !roles[c.roles[name].Owner] {
		return sqlerr.Privilege("role", name)
	}
	if err := c.store.DropRole(ctx, name, sc.Role); err != nil {
		return err
	}
	delete(c.roles, name)
	for k, u := range c.users {
		if u.Owner == name {
			u.Owner = sc.Role
			c.users[k] = u
		}
	}
	for k, r := range c.roles {
		if r.Owner == name {
			r.Owner = sc.Role
			c.roles[k] = r
		}
	}
	for k, w := range c.warehouses {
		if w.Owner == name {
			w.Owner = sc.Role
			c.warehouses[k] = w
		}
	}
	for _, s := range []*shelf{&c.stages, &c.formats} {
		for k, o := range s.named {
			if o.Owner == name {
				n := *o // others may be reading the old one
				n.Owner = sc.Role
				s.named[k] = &n
			}
		}
	}
	delete(c.grants, objectKey{"ROLE", name})
	for k, held := range c.grants {
		for h := range held {
			if h.granteeKind == "ROLE" && h.grantee == name {
				delete(held, h)
			}
		}
		if len(held) == 0 {
			delete(c.grants, k)
		}
	}
	c.changed()
	return nil
}

func (c *Catalog) alterRole(ctx context.Context, sc *statement.Context, st *sql.Alter) (string, error) {
	const done = "Statement executed successfully."
	name, err := single(st.Name, "role")
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.roles[name]
	if !ok {
		if st.IfExists {
			return done, nil
		}
		return "", sqlerr.NotExist("Role", name)
	}
	if roles := c.actsLocked(sc.Role); !roles[AccountAdmin] && (r.Owner == "" || !roles[r.Owner]) {
		return "", sqlerr.Privilege("role", name)
	}
	switch {
	case st.Action == "SET":
		if _, err := ReadSettings(st.Options, "ROLE", func(n string) bool { return n == "COMMENT" }); err != nil {
			return "", err
		}
		r.Comment = comment(st.Options)
	case st.Action == "UNSET" && len(st.Names) == 1 && st.Names[0] == "COMMENT":
		r.Comment = ""
	default:
		return "", sqlerr.Unsupported("ALTER ROLE %s", st.Action)
	}
	if err := c.store.PutRole(ctx, r); err != nil {
		return "", err
	}
	c.roles[name] = r
	return done, nil
}

var roleColumns = []result.Column{
	result.TimeColumn("created_on"), result.TextColumn("name"), result.TextColumn("is_default"), result.TextColumn("is_current"), result.TextColumn("is_inherited"),
	result.IntColumn("assigned_to_users"), result.IntColumn("granted_to_roles"), result.IntColumn("granted_roles"), result.TextColumn("owner"), result.TextColumn("comment"),
}

func (c *Catalog) showRoles(_ context.Context, sc *statement.Context, st *sql.Show) ([][]any, error) {
	mine := c.acts(sc.Role)
	c.mu.RLock()
	defer c.mu.RUnlock()
	def := c.users[sc.User].Settings["DEFAULT_ROLE"]
	f := newFilter(st)
	var out [][]any
	for _, name := range slices.Sorted(maps.Keys(c.roles)) {
		if f.full(len(out)) {
			break
		}
		if !f.name(name) {
			continue
		}
		r := c.roles[name]
		var users, to, has int64
		for h := range c.grants[objectKey{"ROLE", name}] {
			if h.granteeKind == "USER" {
				users++
			} else {
				to++
			}
		}
		for other := range c.roles {
			if _, ok := c.grants[objectKey{"ROLE", other}][holder{"ROLE", name, "USAGE"}]; ok {
				has++
			}
		}
		out = append(out, []any{r.Created, name, yn(name == def), yn(name == sc.Role), yn(name != sc.Role && mine[name]), users, to, has, r.Owner, r.Comment})
	}
	return out, nil
}

var describeRoleColumns = []result.Column{result.TimeColumn("created_on"), result.TextColumn("name"), result.TextColumn("comment"), result.TextColumn("owner")}

func (c *Catalog) describeRole(_ context.Context, _ *statement.Context, st *sql.Describe) ([][]any, error) {
	name, err := single(st.Name, "role")
	if err != nil {
		return nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.roles[name]
	if !ok {
		return nil, sqlerr.NotExist("Role", name)
	}
	return [][]any{{r.Created, r.Name, r.Comment, r.Owner}}, nil
}

// comment carries out COMMENT ON.
func (c *Catalog) comment(ctx context.Context, sc *statement.Context, st *sql.Comment) (string, error) {
	a := &sql.Alter{Kind: st.Kind, IfExists: st.IfExists, Name: st.Name, Action: "SET", Options: []sql.Option{{Name: "COMMENT", Value: sql.Value{Text: &st.Text}}}}
	switch strings.ToUpper(st.Kind) {
	case "STAGE":
		return c.alterStage(ctx, sc, a)
	case "FILE FORMAT":
		return c.alterFormat(ctx, sc, a)
	case "WAREHOUSE":
		return c.alterWarehouse(ctx, sc, a)
	case "ROLE":
		return c.alterRole(ctx, sc, a)
	}
	return c.alterUser(ctx, sc, a)
}
