package catalog

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// Login errors (client-protocol.md §1.2). One text for a wrong user and a wrong password: who may log in is nobody's business.
func errPassword() error {
	return sqlerr.New(390100, "28000", "Incorrect username or password was specified.")
}
func errDisabled() error {
	return sqlerr.New(390101, "28000", "User access disabled. Contact your local system administrator.")
}
func errToken() error { return sqlerr.New(390303, "28000", "Invalid OAuth access token. ") }
func errTokenExpired() error {
	return sqlerr.New(390318, "28000", "OAuth access token expired. ")
}
func errPAT() error { return sqlerr.New(394400, "28000", "Programmatic access token is invalid.") }
func errRole(role string) error {
	return sqlerr.New(390189, "28000", "Role '%s' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.", role)
}

// Login finds out who it is and as which role. Errors are Snowflake's login errors.
func (c *Catalog) Login(ctx context.Context, l statement.Login) (statement.Identity, error) {
	if l.Account != "" && !strings.EqualFold(l.Account, c.account) {
		return statement.Identity{}, sqlerr.New(390201, "08001", "The requested account '%s' does not exist; the account of this server is '%s'.", l.Account, c.account)
	}
	switch l.Authenticator {
	case "", "SNOWFLAKE", "USERNAME_PASSWORD_MFA":
		u, err := c.byPassword(ctx, l.User, l.Password)
		if err != nil {
			return statement.Identity{}, err
		}
		return c.identity(u, l.Role)
	case "SNOWFLAKE_JWT":
		u, err := c.byKey(l.User, l.Token)
		if err != nil {
			return statement.Identity{}, err
		}
		return c.identity(u, l.Role)
	case "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN":
		return c.byToken(ctx, l)
	}
	return statement.Identity{}, sqlerr.Unsupported("authenticator %s", l.Authenticator)
}

func (c *Catalog) byPassword(ctx context.Context, login, password string) (store.User, error) {
	c.mu.RLock()
	u, known := c.users[c.logins[strings.ToUpper(login)]]
	c.mu.RUnlock()
	hash := u.Password
	if !known || hash == "" {
		hash = c.decoy
	}
	select {
	case c.hashing <- struct{}{}:
	case <-ctx.Done():
		return store.User{}, ctx.Err()
	}
	ok := verifyPassword(hash, password)
	<-c.hashing
	if !ok || !known || u.Password == "" {
		return store.User{}, errPassword()
	}
	if u.Settings["DISABLED"] == "true" {
		return store.User{}, errDisabled()
	}
	return u, nil
}

func (c *Catalog) byToken(ctx context.Context, l statement.Login) (statement.Identity, error) {
	bad, kind := errToken(), "JOB"
	if l.Authenticator == "PROGRAMMATIC_ACCESS_TOKEN" {
		bad, kind = errPAT(), "PAT"
	}
	// A job's client sends the token file as it is, a newline at its end included.
	token := strings.TrimSpace(l.Token)
	if token == "" {
		return statement.Identity{}, bad
	}
	hash := sha256.Sum256([]byte(token))
	t, ok, err := c.store.Token(ctx, hash[:])
	if err != nil {
		return statement.Identity{}, sqlerr.Internal(err)
	}
	if !ok || t.Kind != kind {
		return statement.Identity{}, bad
	}
	if !c.now().Before(t.Expires) {
		if kind == "JOB" {
			return statement.Identity{}, errTokenExpired()
		}
		return statement.Identity{}, bad
	}
	c.mu.RLock()
	u, known := c.users[t.User]
	named := c.logins[strings.ToUpper(l.User)]
	c.mu.RUnlock()
	if !known || l.User != "" && named != t.User {
		return statement.Identity{}, bad
	}
	if u.Settings["DISABLED"] == "true" {
		return statement.Identity{}, errDisabled()
	}
	if t.Role == "" { // a token not bound to a role acts as its user
		id, err := c.identity(u, l.Role)
		id.Expires = t.Expires
		return id, err
	}
	id, err := c.identity(u, "\""+strings.ReplaceAll(t.Role, `"`, `""`)+"\"")
	if err != nil {
		return statement.Identity{}, bad
	}
	if role := foldName(l.Role); role != "" && role != t.Role {
		if !c.acts(t.Role)[role] {
			return statement.Identity{}, errRole(role)
		}
		id.Role = role
	}
	id.Job, id.Expires = t.Job, t.Expires
	return id, nil
}

// identity is the user with the role asked for, else its default role if it may use it, else PUBLIC.
func (c *Catalog) identity(u store.User, asked string) (statement.Identity, error) {
	role := foldName(asked)
	if role != "" {
		if !c.mayUse(u.Name, role) {
			return statement.Identity{}, errRole(role)
		}
	} else if role = u.Settings["DEFAULT_ROLE"]; role == "" || !c.mayUse(u.Name, role) {
		role = Public
	}
	id := statement.Identity{User: u.Name, DisplayName: u.Settings["DISPLAY_NAME"], Role: role, Warehouse: u.Settings["DEFAULT_WAREHOUSE"]}
	if id.DisplayName == "" {
		id.DisplayName = u.Name
	}
	id.Database, id.Schema, _ = strings.Cut(u.Settings["DEFAULT_NAMESPACE"], ".")
	return id, nil
}

// foldName reads a name as connection parameters give it: upper case unless in double quotes.
func foldName(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return strings.ToUpper(s)
}

// IssueToken gives a job a token that logs in as user with role for ttl. Only its hash is kept.
func (c *Catalog) IssueToken(ctx context.Context, user, role, job string, ttl time.Duration) (string, error) {
	return c.issue(ctx, store.Token{Kind: "JOB", User: user, Role: role, Job: job}, ttl)
}

func (c *Catalog) issue(ctx context.Context, t store.Token, ttl time.Duration) (string, error) {
	token := secret(32)
	hash := sha256.Sum256([]byte(token))
	t.Hash, t.Created = hash[:], c.now()
	t.Expires = t.Created.Add(ttl)
	if err := c.store.PutToken(ctx, t); err != nil {
		return "", err
	}
	return token, nil
}

// RevokeJob ends all tokens of a job. Sessions that stand are session's to end.
func (c *Catalog) RevokeJob(ctx context.Context, job string) error {
	return c.store.DeleteJobTokens(ctx, job)
}

// IssueAccessToken gives a programmatic access token: it logs in as the user for ttl, with the role it names ("" = any of the
// user's). Only its hash is kept.
func (c *Catalog) IssueAccessToken(ctx context.Context, user, role, name string, ttl time.Duration) (string, error) {
	if err := c.known("USER", user); err != nil {
		return "", err
	}
	if role != "" && !c.mayUse(user, role) {
		return "", sqlerr.NotExist("Role", role)
	}
	return c.issue(ctx, store.Token{Kind: "PAT", Name: name, User: user, Role: role}, ttl)
}

// RevokeAccessToken ends a programmatic access token.
func (c *Catalog) RevokeAccessToken(ctx context.Context, user, name string) error {
	return c.store.DeleteUserToken(ctx, user, name)
}
