package catalog

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// allOf is what ALL means by kind; for kinds that are not here the word itself is kept and stands for everything.
var allOf = map[string][]string{
	"STAGE":        {"READ", "WRITE"},
	"FILE FORMAT":  {"USAGE"},
	"WAREHOUSE":    {"MODIFY", "MONITOR", "OPERATE", "USAGE"},
	"COMPUTE POOL": {"MODIFY", "MONITOR", "OPERATE", "USAGE"},
	"TABLE":        {"DELETE", "INSERT", "REFERENCES", "SELECT", "TRUNCATE", "UPDATE"},
	"VIEW":         {"REFERENCES", "SELECT"},
	"SEQUENCE":     {"USAGE"},
}

// grant carries out GRANT and REVOKE. Grants ON ALL and ON FUTURE are not there yet.
func (c *Catalog) grant(ctx context.Context, sc *statement.Context, st *sql.Grant) (string, error) {
	const done = "Statement executed successfully."
	if st.All || st.Future {
		return "", sqlerr.Unsupported("GRANT ON ALL or ON FUTURE objects")
	}
	if st.ToKind != "ROLE" && (st.ToKind != "USER" || len(st.Role.Parts) == 0) {
		return "", sqlerr.Unsupported("GRANT TO %s", st.ToKind)
	}
	if strings.HasSuffix(st.Kind, " ROLE") {
		return "", sqlerr.Unsupported("GRANT %s", st.Kind)
	}
	grantee, err := single(st.To, strings.ToLower(st.ToKind))
	if err != nil {
		return "", err
	}
	if err := c.known(st.ToKind, grantee); err != nil {
		return "", err
	}
	var t target
	privileges := st.Privileges
	switch {
	case len(st.Role.Parts) > 0:
		role, err := single(st.Role, "role")
		if err != nil {
			return "", err
		}
		if err := c.known("ROLE", role); err != nil {
			return "", err
		}
		if st.ToKind == "ROLE" && !st.Revoke && c.acts(role)[grantee] && grantee != Public {
			return "", sqlerr.Compilation(3013, "42501", "Role grant would make a cycle: role '%s' already has role '%s'.", role, grantee)
		}
		if t, err = c.target(ctx, sc, "ROLE", []string{role}); err != nil {
			return "", err
		}
		privileges = []string{"USAGE"}
	case st.Kind == "":
		t = target{kind: "ACCOUNT", name: c.account}
	default:
		if t, err = c.target(ctx, sc, st.Kind, parts(st.Name)); err != nil {
			return "", err
		}
		if t.absent {
			return "", sqlerr.NotExist(word(t.kind), t.name)
		}
	}
	if err := c.mayGrant(sc, t, privileges); err != nil {
		return "", err
	}
	if slices.Contains(privileges, "OWNERSHIP") {
		if err := c.giveOwnership(ctx, sc, st, grantee); err != nil || st.Current != "REVOKE" {
			return done, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.store.DeleteGrantsOn(ctx, t.kind, t.key); err != nil {
			return "", err
		}
		c.forgetGrants(t.kind, t.key)
		return done, nil
	}
	if len(privileges) == 1 && privileges[0] == "ALL" && allOf[t.kind] != nil {
		privileges = allOf[t.kind]
		if st.Revoke {
			privileges = append([]string{"ALL"}, privileges...)
		}
	}
	var list []store.Grant
	for _, p := range privileges {
		list = append(list, store.Grant{Privilege: p, Kind: t.kind, Object: t.key, Name: t.name, GranteeKind: st.ToKind, Grantee: grantee,
			Option: st.GrantOption, By: sc.Role, Created: c.now()})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !st.Revoke {
		if err := c.store.PutGrants(ctx, list); err != nil {
			return "", err
		}
		for _, g := range list {
			c.addGrant(g)
		}
		c.changed()
		return done, nil
	}
	if st.GrantOption {
		return "", sqlerr.Unsupported("REVOKE GRANT OPTION FOR")
	}
	if err := c.store.DeleteGrants(ctx, list); err != nil {
		return "", err
	}
	for _, g := range list {
		k := objectKey{g.Kind, g.Object}
		delete(c.grants[k], holder{g.GranteeKind, g.Grantee, g.Privilege})
		if len(c.grants[k]) == 0 {
			delete(c.grants, k)
		}
	}
	c.changed()
	return done, nil
}

// known says whether a grantee is there.
func (c *Catalog) known(kind, name string) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.roles[name]
	if kind == "USER" {
		_, ok = c.users[name]
	}
	if !ok {
		return sqlerr.NotExist(word(kind), name)
	}
	return nil
}

// mayGrant: the owner of the object, who holds MANAGE GRANTS, or who holds each privilege with the grant option.
func (c *Catalog) mayGrant(sc *statement.Context, t target, privileges []string) error {
	roles := c.acts(sc.Role)
	if roles[AccountAdmin] || t.owner != "" && roles[t.owner] {
		return nil
	}
	if held, _ := c.holds(roles, "MANAGE GRANTS", target{kind: "ACCOUNT"}); held {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	some := false
	missing := len(privileges)
	for h, g := range c.grants[objectKey{t.kind, t.key}] {
		if h.granteeKind != "ROLE" || !roles[h.grantee] {
			continue
		}
		some = true
		if g.Option && slices.Contains(privileges, h.privilege) {
			missing--
		}
	}
	switch {
	case missing <= 0:
		return nil
	case t.kind == "ACCOUNT":
		return sqlerr.Privilege("account", c.account)
	case some || t.kind == "ROLE":
		return sqlerr.Privilege(kindText(t.kind), t.name)
	}
	return sqlerr.NotExist(word(t.kind), t.name)
}

// giveOwnership hands an object of this room to another role.
func (c *Catalog) giveOwnership(ctx context.Context, sc *statement.Context, st *sql.Grant, to string) error {
	if st.Revoke {
		return sqlerr.Unsupported("REVOKE OWNERSHIP")
	}
	if s := c.shelfOf(st.Kind); s != nil {
		old, err := c.find(ctx, sc, s, st.Name, "GRANT OWNERSHIP")
		if err != nil {
			return err
		}
		o := *old
		o.Owner = to
		return c.replace(ctx, s, old, &o)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch st.Kind {
	case "WAREHOUSE":
		w := c.warehouses[st.Name.Parts[0].Name]
		w.Owner, w.Updated = to, c.now()
		if err := c.store.PutWarehouse(ctx, w); err != nil {
			return err
		}
		c.warehouses[w.Name] = w
	case "ROLE":
		r := c.roles[st.Name.Parts[0].Name]
		if systemRoles[r.Name] {
			return sqlerr.Privilege("role", r.Name)
		}
		r.Owner = to
		if err := c.store.PutRole(ctx, r); err != nil {
			return err
		}
		c.roles[r.Name] = r
	case "USER":
		u := c.users[st.Name.Parts[0].Name]
		u.Owner = to
		if err := c.store.PutUser(ctx, u); err != nil {
			return err
		}
		c.users[u.Name] = u
	default:
		return sqlerr.Unsupported("GRANT OWNERSHIP ON %s", st.Kind)
	}
	return nil
}

// Dropped forgets the grants on an object that another room has dropped for good: kind and, for databases and schemas, its id, else
// the id of its schema and its name (id 0: an object of the account).
func (c *Catalog) Dropped(ctx context.Context, kind string, id int64, name string) error {
	t := target{kind: kind}
	switch {
	case kind == "DATABASE" || kind == "SCHEMA":
		t.key = "#" + itoa(id)
	case id == 0:
		t.key = name
	default:
		t.key = itoa(id) + "/" + name
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.grants[objectKey{kind, t.key}]) == 0 {
		return nil
	}
	if err := c.store.DeleteGrantsOn(ctx, kind, t.key); err != nil {
		return err
	}
	c.forgetGrants(kind, t.key)
	return nil
}

// grantColumns: SHOW GRANTS OF has its own columns, ON has one more than TO.
func grantColumns(s *sql.Show) []result.Column {
	if s.Of != nil {
		return []result.Column{result.TimeColumn("created_on"), result.TextColumn("role"), result.TextColumn("granted_to"), result.TextColumn("grantee_name"), result.TextColumn("granted_by")}
	}
	if s.To == nil && s.On == nil || s.GranteeKind == "USER" && s.To != nil {
		return []result.Column{result.TimeColumn("created_on"), result.TextColumn("role"), result.TextColumn("granted_to"), result.TextColumn("grantee_name"), result.TextColumn("granted_by")}
	}
	cols := []result.Column{result.TimeColumn("created_on"), result.TextColumn("privilege"), result.TextColumn("granted_on"), result.TextColumn("name"),
		result.TextColumn("granted_to"), result.TextColumn("grantee_name"), result.TextColumn("grant_option")}
	if s.On != nil {
		cols = append(cols, result.TextColumn("granted_by_role_type"))
	}
	return append(cols, result.TextColumn("granted_by"))
}

func (c *Catalog) showGrants(ctx context.Context, sc *statement.Context, s *sql.Show) ([][]any, error) {
	var list []store.Grant
	keep := func(f func(g store.Grant) bool) {
		c.mu.RLock()
		defer c.mu.RUnlock()
		for _, held := range c.grants {
			for _, g := range held {
				if f(g) {
					list = append(list, g)
				}
			}
		}
	}
	roleGrant := func(g store.Grant) []any { return []any{g.Created, g.Object, g.GranteeKind, g.Grantee, g.By} }
	var row func(store.Grant) []any
	switch {
	case s.Of != nil:
		name, err := single(*s.Of, "role")
		if err != nil {
			return nil, err
		}
		if s.GranteeKind != "ROLE" {
			return nil, sqlerr.Unsupported("SHOW GRANTS OF %s", s.GranteeKind)
		}
		if err := c.known("ROLE", name); err != nil {
			return nil, err
		}
		keep(func(g store.Grant) bool { return g.Kind == "ROLE" && g.Object == name })
		row = roleGrant
	case s.On == nil && s.To == nil:
		keep(func(g store.Grant) bool {
			return g.Kind == "ROLE" && g.GranteeKind == "USER" && g.Grantee == sc.User
		})
		row = roleGrant
	case s.To != nil:
		name, err := single(*s.To, "role")
		if err != nil {
			return nil, err
		}
		if s.GranteeKind != "ROLE" && s.GranteeKind != "USER" {
			return nil, sqlerr.Unsupported("SHOW GRANTS TO %s", s.GranteeKind)
		}
		if err := c.known(s.GranteeKind, name); err != nil {
			return nil, err
		}
		keep(func(g store.Grant) bool { return g.GranteeKind == s.GranteeKind && g.Grantee == name })
		row = roleGrant
		if s.GranteeKind == "ROLE" {
			list = append(list, c.owned(name)...)
			row = func(g store.Grant) []any {
				return []any{g.Created, g.Privilege, g.Kind, g.Name, g.GranteeKind, g.Grantee, boolText(g.Option), g.By}
			}
		}
	default:
		kind := s.In
		if kind == "" {
			kind = "TABLE"
		}
		t, err := c.target(ctx, sc, kind, parts(*s.On))
		if err != nil {
			return nil, err
		}
		if t.absent || !t.mine && !c.sees(c.acts(sc.Role), t.kind, t.key, t.owner) && t.kind != "ACCOUNT" {
			return nil, sqlerr.NotExist(word(t.kind), t.name)
		}
		keep(func(g store.Grant) bool { return g.Kind == t.kind && g.Object == t.key })
		if t.owner != "" {
			list = append(list, store.Grant{Privilege: "OWNERSHIP", Kind: t.kind, Name: t.name, GranteeKind: "ROLE", Grantee: t.owner, Option: true, By: t.owner})
		}
		row = func(g store.Grant) []any {
			return []any{when(g.Created), g.Privilege, g.Kind, g.Name, g.GranteeKind, g.Grantee, boolText(g.Option), "ROLE", g.By}
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		for _, d := range [][2]string{{a.Kind, b.Kind}, {a.Name, b.Name}, {a.Privilege, b.Privilege}, {a.GranteeKind, b.GranteeKind}, {a.Grantee, b.Grantee}} {
			if d[0] != d[1] {
				return d[0] < d[1]
			}
		}
		return false
	})
	f := newFilter(s)
	var out [][]any
	for _, g := range list {
		if f.full(len(out)) {
			break
		}
		out = append(out, row(g))
	}
	return out, nil
}

// owned are a role's objects of this room, as OWNERSHIP grants.
func (c *Catalog) owned(role string) []store.Grant {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []store.Grant
	add := func(kind, name, owner string, g store.Grant) {
		if owner == role {
			g.Privilege, g.Kind, g.Name, g.GranteeKind, g.Grantee, g.Option, g.By = "OWNERSHIP", kind, name, "ROLE", role, true, role
			out = append(out, g)
		}
	}
	for _, w := range c.warehouses {
		add("WAREHOUSE", w.Name, w.Owner, store.Grant{Created: w.Created})
	}
	for _, r := range c.roles {
		add("ROLE", r.Name, r.Owner, store.Grant{Created: r.Created})
	}
	for _, u := range c.users {
		add("USER", u.Name, u.Owner, store.Grant{Created: u.Created})
	}
	for _, s := range []*shelf{&c.stages, &c.formats} {
		for _, o := range s.named {
			add(strings.ReplaceAll(s.kind, " ", "_"), o.Database+"."+o.Schema+"."+o.Name, o.Owner, store.Grant{Created: o.Created})
		}
	}
	return out
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
