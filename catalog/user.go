package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// userText, userName and userBool are the properties of a user that SQL may set, by how their values are read: as text, as a
// name that is folded, as a boolean. PASSWORD, LOGIN_NAME and the public keys are read apart.
var (
	userText = map[string]bool{"DISPLAY_NAME": true, "FIRST_NAME": true, "MIDDLE_NAME": true, "LAST_NAME": true, "EMAIL": true, "COMMENT": true, "TYPE": true}
	userName = map[string]bool{"DEFAULT_WAREHOUSE": true, "DEFAULT_NAMESPACE": true, "DEFAULT_ROLE": true}
	userBool = map[string]bool{"MUST_CHANGE_PASSWORD": true, "DISABLED": true}
)

// setUser lays a statement's options over a user; a new password is hashed.
func (c *Catalog) setUser(ctx context.Context, u *store.User, options []sql.Option) error {
	for _, o := range options {
		v := scalar(o.Value)
		switch {
		case o.Name == "PASSWORD":
			if v == "" {
				return sqlerr.Invalid("the password is empty")
			}
			select {
			case c.hashing <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			h, err := hashPassword(v)
			<-c.hashing
			if err != nil {
				return err
			}
			u.Password = h
		case o.Name == "LOGIN_NAME":
			u.LoginName = strings.ToUpper(v)
		case o.Name == "RSA_PUBLIC_KEY" || o.Name == "RSA_PUBLIC_KEY_2":
			if _, _, err := publicKey(v); err != nil {
				return sqlerr.New(390410, "22023", "New public key rejected by current policy. Reason: 'Invalid public key'.")
			}
			u.Settings[o.Name] = v
		case o.Name == "DEFAULT_SECONDARY_ROLES":
			if len(o.Value.List) > 0 {
				v = "ALL"
			}
			u.Settings[o.Name] = v
		case userText[o.Name]:
			u.Settings[o.Name] = v
		case userName[o.Name]:
			if o.Value.Text != nil && o.Name != "DEFAULT_NAMESPACE" {
				v = foldName(v)
			}
			if o.Name == "DEFAULT_NAMESPACE" {
				n, err := sql.ParseName(v)
				if err != nil {
					return sqlerr.Invalid("invalid value '%s' for property 'DEFAULT_NAMESPACE'", v)
				}
				v = strings.Join(parts(n), ".")
			}
			if o.Value.Name != nil && o.Name != "DEFAULT_NAMESPACE" {
				v = strings.Join(parts(*o.Value.Name), ".")
			}
			u.Settings[o.Name] = v
		case userBool[o.Name]:
			b, err := boolean(o.Name, o.Value)
			if err != nil {
				return err
			}
			u.Settings[o.Name] = boolText(b)
		default:
			return sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'USER'", o.Name)
		}
	}
	return nil
}

func (c *Catalog) createUser(ctx context.Context, sc *statement.Context, st *sql.Create) (string, error) {
	name, err := single(st.Name, "user")
	if err != nil {
		return "", err
	}
	if err := c.require(ctx, sc, "CREATE USER", "ACCOUNT"); err != nil {
		return "", err
	}
	u := store.User{Name: name, LoginName: strings.ToUpper(name), Settings: map[string]string{"DISPLAY_NAME": name}, Owner: sc.Role, Created: c.now()}
	if err := c.setUser(ctx, &u, st.Options); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.users[name]; ok {
		switch {
		case st.IfNotExists:
			return fmt.Sprintf("%s already exists, statement succeeded.", name), nil
		case !st.OrReplace:
			return "", sqlerr.Exists(name)
		}
		if err := c.dropUserLocked(ctx, sc, name); err != nil {
			return "", err
		}
	}
	if err := c.putUserLocked(ctx, u, store.User{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("User %s successfully created.", name), nil
}

func (c *Catalog) putUserLocked(ctx context.Context, u, old store.User) error {
	if who, taken := c.logins[u.LoginName]; taken && who != u.Name {
		return sqlerr.Compilation(2002, "42710", "Object with LOGIN_NAME '%s' already exists.", u.LoginName)
	}
	if err := c.store.PutUser(ctx, u); err != nil {
		return err
	}
	if old.Name != "" {
		delete(c.logins, old.LoginName)
	}
	c.users[u.Name], c.logins[u.LoginName] = u, u.Name
	return nil
}

func (c *Catalog) dropUser(ctx context.Context, sc *statement.Context, st *sql.Drop) (string, error) {
	name, err := single(st.Name, "user")
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.users[name]; !ok {
		if st.IfExists {
			return fmt.Sprintf("Drop statement executed successfully (%s already dropped).", name), nil
		}
		return "", sqlerr.NotExist("User", name)
	}
	if err := c.dropUserLocked(ctx, sc, name); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s successfully dropped.", name), nil
}

func (c *Catalog) dropUserLocked(ctx context.Context, sc *statement.Context, name string) error {
	if roles := c.actsLocked(sc.Role); !roles[AccountAdmin] && !roles[c.users[name].Owner] {
		return sqlerr.Privilege("user", name)
	}
	if name == sc.User {
		return sqlerr.Invalid("a user cannot drop itself")
	}
	if err := c.store.DropUser(ctx, name); err != nil {
		return err
	}
	if c.files != nil {
		c.files.DiscardUser(name)
	}
	delete(c.logins, c.users[name].LoginName)
	delete(c.users, name)
	delete(c.grants, objectKey{"USER", name})
	for _, held := range c.grants {
		for h := range held {
			if h.granteeKind == "USER" && h.grantee == name {
				delete(held, h)
			}
		}
	}
	c.changed()
	return nil
}

// alterUser sets and unsets properties. A user may change its own password and defaults; everything else is the owner's.
func (c *Catalog) alterUser(ctx context.Context, sc *statement.Context, st *sql.Alter) (string, error) {
	const done = "Statement executed successfully."
	name, err := single(st.Name, "user")
	if err != nil {
		return "", err
	}
	roles := c.acts(sc.Role)
	c.mu.RLock()
	old, ok := c.users[name]
	c.mu.RUnlock()
	if !ok {
		if st.IfExists {
			return done, nil
		}
		return "", sqlerr.NotExist("User", name)
	}
	own := map[string]bool{"PASSWORD": true, "DEFAULT_WAREHOUSE": true, "DEFAULT_NAMESPACE": true, "DEFAULT_ROLE": true, "DEFAULT_SECONDARY_ROLES": true}
	if !roles[AccountAdmin] && !roles[old.Owner] {
		allowed := name == sc.User && sc.Job == ""
		for _, o := range st.Options {
			allowed = allowed && own[o.Name]
		}
		for _, n := range st.Names {
			allowed = allowed && own[n] && n != "PASSWORD"
		}
		if !allowed || st.Action != "SET" && st.Action != "UNSET" {
			return "", sqlerr.Privilege("user", name)
		}
	}
	u := old
	u.Settings = maps.Clone(old.Settings)
	switch st.Action {
	case "SET":
		if err := c.setUser(ctx, &u, st.Options); err != nil {
			return "", err
		}
	case "UNSET":
		for _, n := range st.Names {
			switch {
			case n == "PASSWORD":
				u.Password = ""
			case userText[n], userName[n], userBool[n], n == "RSA_PUBLIC_KEY", n == "RSA_PUBLIC_KEY_2", n == "DEFAULT_SECONDARY_ROLES":
				delete(u.Settings, n)
			default:
				return "", sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'USER'", n)
			}
		}
	default:
		return "", sqlerr.Unsupported("ALTER USER %s", st.Action)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.users[name]; !ok {
		return "", sqlerr.NotExist("User", name)
	}
	return done, c.putUserLocked(ctx, u, old)
}

var userColumns = []result.Column{
	result.TextColumn("name"), result.TimeColumn("created_on"), result.TextColumn("login_name"), result.TextColumn("display_name"), result.TextColumn("first_name"),
	result.TextColumn("last_name"), result.TextColumn("email"), result.TextColumn("mins_to_unlock"), result.TextColumn("days_to_expiry"), result.TextColumn("comment"),
	result.TextColumn("disabled"), result.TextColumn("must_change_password"), result.TextColumn("snowflake_lock"), result.TextColumn("default_warehouse"),
	result.TextColumn("default_namespace"), result.TextColumn("default_role"), result.TextColumn("default_secondary_roles"), result.TextColumn("ext_authn_duo"),
	result.TextColumn("ext_authn_uid"), result.TextColumn("mins_to_bypass_mfa"), result.TextColumn("owner"), result.TimeColumn("last_success_login"),
	result.TimeColumn("expires_at_time"), result.TimeColumn("locked_until_time"), result.TextColumn("has_password"), result.TextColumn("has_rsa_public_key"),
	result.TextColumn("type"), result.TextColumn("has_mfa"), result.TextColumn("has_pat"),
}

func (c *Catalog) showUsers(ctx context.Context, sc *statement.Context, st *sql.Show) ([][]any, error) {
	roles := c.acts(sc.Role)
	all := roles[SecurityAdmin]
	c.mu.RLock()
	list := slices.SortedFunc(maps.Values(c.users), func(a, b store.User) int { return strings.Compare(a.Name, b.Name) })
	c.mu.RUnlock()
	f := newFilter(st)
	var out [][]any
	for _, u := range list {
		if f.full(len(out)) {
			break
		}
		if !f.name(u.Name) {
			continue
		}
		row := make([]any, len(userColumns))
		row[0] = u.Name
		if all || roles[u.Owner] {
			tokens, err := c.store.UserTokens(ctx, u.Name)
			if err != nil {
				return nil, err
			}
			s := u.Settings
			second := "[]"
			if s["DEFAULT_SECONDARY_ROLES"] == "ALL" {
				second = `["ALL"]`
			}
			copy(row, []any{u.Name, u.Created, u.LoginName, s["DISPLAY_NAME"], s["FIRST_NAME"], s["LAST_NAME"], s["EMAIL"], nil, nil, nullable(s["COMMENT"]),
				or(s["DISABLED"], "false"), or(s["MUST_CHANGE_PASSWORD"], "false"), "false", nullable(s["DEFAULT_WAREHOUSE"]), nullable(s["DEFAULT_NAMESPACE"]),
				nullable(s["DEFAULT_ROLE"]), second, "false", nil, nil, u.Owner, when(u.LastLogin), nil, nil, boolText(u.Password != ""),
				boolText(s["RSA_PUBLIC_KEY"] != ""), nullable(s["TYPE"]), "false", boolText(len(tokens) > 0)})
		}
		out = append(out, row)
	}
	return out, nil
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func when(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

var describeUserColumns = []result.Column{result.TextColumn("property"), result.TextColumn("value"), result.TextColumn("default"), result.TextColumn("description")}

func (c *Catalog) describeUser(_ context.Context, sc *statement.Context, st *sql.Describe) ([][]any, error) {
	name, err := single(st.Name, "user")
	if err != nil {
		return nil, err
	}
	roles := c.acts(sc.Role)
	c.mu.RLock()
	u, ok := c.users[name]
	c.mu.RUnlock()
	if !ok || name != sc.User && !roles[SecurityAdmin] && !roles[u.Owner] {
		return nil, sqlerr.NotExist("User", name)
	}
	password := any(nil)
	if u.Password != "" {
		password = "********"
	}
	fingerprint := func(property string) any {
		if _, fp, err := publicKey(u.Settings[property]); err == nil {
			return fp
		}
		return nil
	}
	s := u.Settings
	out := [][]any{}
	add := func(property string, value any, def, text string) {
		out = append(out, []any{property, value, def, text})
	}
	add("NAME", u.Name, "null", "Name")
	add("COMMENT", nullable(s["COMMENT"]), "null", "user comment associated to an object in the dictionary")
	add("DISPLAY_NAME", nullable(s["DISPLAY_NAME"]), "null", "Display name of the associated object")
	add("TYPE", nullable(s["TYPE"]), "null", "Type of the user")
	add("LOGIN_NAME", u.LoginName, "null", "Login name of the user")
	add("FIRST_NAME", nullable(s["FIRST_NAME"]), "null", "First name of the user")
	add("LAST_NAME", nullable(s["LAST_NAME"]), "null", "Last name of the user")
	add("EMAIL", nullable(s["EMAIL"]), "null", "Email address of the user")
	add("PASSWORD", password, "null", "Password of the user")
	add("MUST_CHANGE_PASSWORD", or(s["MUST_CHANGE_PASSWORD"], "false"), "false", "User must change the password")
	add("DISABLED", or(s["DISABLED"], "false"), "false", "Whether the user is disabled")
	add("DEFAULT_WAREHOUSE", nullable(s["DEFAULT_WAREHOUSE"]), "null", "Default warehouse for this user")
	add("DEFAULT_NAMESPACE", nullable(s["DEFAULT_NAMESPACE"]), "null", "Default database namespace prefix for this user")
	add("DEFAULT_ROLE", nullable(s["DEFAULT_ROLE"]), "null", "Primary principal of user session will be set to this role")
	add("RSA_PUBLIC_KEY_FP", fingerprint("RSA_PUBLIC_KEY"), "null", "Fingerprint of user's RSA public key.")
	add("RSA_PUBLIC_KEY_2_FP", fingerprint("RSA_PUBLIC_KEY_2"), "null", "Fingerprint of user's second RSA public key.")
	return out, nil
}
