// Package catalog keeps the account: its users, roles, grants and tokens, its virtual warehouses, and the stages and file formats
// that hang on the schemas of the name tree. It holds the one access check, and answers CREATE, ALTER, DROP, SHOW and DESCRIBE of
// these. Everything is held in memory and written through to the store; one server owns a data directory, so the two agree.
package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// Tree is the account's name tree (databases, schemas), which another room keeps. Names are exact. Unknown names are Snowflake's
// errors (002003).
type Tree interface {
	DatabaseID(ctx context.Context, database string) (int64, error)
	SchemaID(ctx context.Context, database, schema string) (int64, error)
	// Exists says whether an object with this id is there and not dropped.
	Exists(ctx context.Context, id int64) (live bool, err error)
}

// SchemaNames is what a Tree may offer besides: the names of a schema now. Without it a schema that was renamed keeps its old name
// in SHOW … IN ACCOUNT.
type SchemaNames interface {
	SchemaNames(ctx context.Context, id int64) (database, schema string, err error)
}

// Files is told of stage directories that are gone. They also stand on the store's trash list until the files are removed, so a
// lost call is made up for at the next start.
type Files interface {
	Discard(dir string)
	// DiscardUser removes the files of a user who is dropped, before anybody else can have the name.
	DiscardUser(user string)
}

// Config is what a Catalog is made of.
type Config struct {
	Store   *store.Store
	Tree    Tree
	Account string // "" = FIRN
	// AdminPassword is user ADMIN's at the first start; later it is not looked at.
	AdminPassword string
	// Owner finds the role that owns an object of another room, by its kind ("TABLE", "COMPUTE POOL", …) and exact name parts; ok is
	// false if there is none. nil: only ACCOUNTADMIN and grants count for these.
	Owner func(ctx context.Context, kind string, name []string) (role string, ok bool, err error)
	Clock func() time.Time // nil = time.Now
	Log   *slog.Logger     // nil = slog.Default
}

// Catalog is the account. Its methods may be called from any goroutine.
type Catalog struct {
	store   *store.Store
	tree    Tree
	account string
	owner   func(ctx context.Context, kind string, name []string) (string, bool, error)
	now     func() time.Time
	log     *slog.Logger
	files   Files

	hashing chan struct{} // bounds the memory of password hashing
	decoy   string        // verified against where there is no user, so that both take as long

	mu         sync.RWMutex
	users      map[string]store.User
	logins     map[string]string // upper-case login name → user
	roles      map[string]store.Role
	grants     map[objectKey]map[holder]store.Grant
	warehouses map[string]store.Warehouse
	stages     shelf
	formats    shelf
	closures   map[string]map[string]bool // role → the roles it acts as; nil after a change of grants
	temps      int64                      // number of the last temporary object
}

// objectKey is what is granted on, holder who was granted which privilege on it.
type (
	objectKey struct{ kind, object string }
	holder    struct{ granteeKind, grantee, privilege string }
)

func (c *Catalog) addGrant(g store.Grant) {
	k, h := objectKey{g.Kind, g.Object}, holder{g.GranteeKind, g.Grantee, g.Privilege}
	if c.grants[k] == nil {
		c.grants[k] = map[holder]store.Grant{}
	}
	if old, ok := c.grants[k][h]; ok {
		old.Option = old.Option || g.Option
		g = old
	}
	c.grants[k][h] = g
}

// New opens the account, making it at the first start: user ADMIN, the system roles, warehouse COMPUTE_WH.
func New(ctx context.Context, c Config) (*Catalog, error) {
	if c.Store == nil || c.Tree == nil {
		return nil, fmt.Errorf("catalog: no store or no tree")
	}
	if c.Account == "" {
		c.Account = "FIRN"
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	cat := &Catalog{store: c.Store, tree: c.Tree, account: c.Account, owner: c.Owner, now: c.Clock, log: c.Log, hashing: make(chan struct{}, 4),
		stages: newShelf("STAGE", "Stage"), formats: newShelf("FILE FORMAT", "File format")}
	var err error
	if cat.decoy, err = hashPassword(secret(16)); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	if err := cat.found(ctx, c.AdminPassword); err != nil {
		return nil, fmt.Errorf("catalog: first start: %w", err)
	}
	if err := cat.load(ctx); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return cat, cat.store.DeleteExpiredTokens(ctx, cat.now())
}

// Names of the system roles and of what a first start makes.
const (
	AccountAdmin  = "ACCOUNTADMIN"
	SysAdmin      = "SYSADMIN"
	SecurityAdmin = "SECURITYADMIN"
	UserAdmin     = "USERADMIN"
	Public        = "PUBLIC"

	admin         = "ADMIN"
	firstWH       = "COMPUTE_WH"
	systemCPUPool = "SYSTEM_COMPUTE_POOL_CPU"
)

var systemRoles = map[string]bool{AccountAdmin: true, SysAdmin: true, SecurityAdmin: true, UserAdmin: true, Public: true}

func (c *Catalog) found(ctx context.Context, password string) error {
	have, err := c.store.Users(ctx)
	if err != nil || len(have) > 0 {
		return err
	}
	if password == "" {
		return fmt.Errorf("no password for user %s", admin)
	}
	hash, err := hashPassword(password)
	if err != nil {
		return err
	}
	t := c.now()
	users := []store.User{{Name: admin, LoginName: admin, Password: hash, Owner: AccountAdmin, Created: t,
		Settings: map[string]string{"DEFAULT_ROLE": AccountAdmin, "DEFAULT_WAREHOUSE": firstWH, "DISPLAY_NAME": admin}}}
	var roles []store.Role
	for _, name := range []string{AccountAdmin, SysAdmin, SecurityAdmin, UserAdmin, Public} {
		roles = append(roles, store.Role{Name: name, Created: t})
	}
	var grants []store.Grant
	give := func(privilege, kind, object, granteeKind, grantee string) {
		grants = append(grants, store.Grant{Privilege: privilege, Kind: kind, Object: object, Name: object, GranteeKind: granteeKind, Grantee: grantee, Created: t})
	}
	give("USAGE", "ROLE", SysAdmin, "ROLE", AccountAdmin)
	give("USAGE", "ROLE", SecurityAdmin, "ROLE", AccountAdmin)
	give("USAGE", "ROLE", UserAdmin, "ROLE", SecurityAdmin)
	give("USAGE", "ROLE", AccountAdmin, "USER", admin)
	for _, p := range []string{"CREATE DATABASE", "CREATE WAREHOUSE", "CREATE COMPUTE POOL", "CREATE INTEGRATION"} {
		give(p, "ACCOUNT", "", "ROLE", SysAdmin)
	}
	for _, p := range []string{"CREATE ROLE", "CREATE USER"} {
		give(p, "ACCOUNT", "", "ROLE", UserAdmin)
	}
	give("MANAGE GRANTS", "ACCOUNT", "", "ROLE", SecurityAdmin)
	give("USAGE", "COMPUTE POOL", systemCPUPool, "ROLE", Public)
	wh := []store.Warehouse{{Name: firstWH, Settings: map[string]string{"WAREHOUSE_SIZE": "X-Small"}, Owner: SysAdmin, Created: t, Updated: t}}
	_, err = c.store.Found(ctx, users, roles, grants, wh)
	return err
}

func (c *Catalog) load(ctx context.Context) error {
	c.users, c.logins, c.roles = map[string]store.User{}, map[string]string{}, map[string]store.Role{}
	c.grants, c.warehouses = map[objectKey]map[holder]store.Grant{}, map[string]store.Warehouse{}
	users, err := c.store.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		c.users[u.Name], c.logins[u.LoginName] = u, u.Name
	}
	roles, err := c.store.Roles(ctx)
	if err != nil {
		return err
	}
	for _, r := range roles {
		c.roles[r.Name] = r
	}
	grants, err := c.store.Grants(ctx)
	if err != nil {
		return err
	}
	for _, g := range grants {
		c.addGrant(g)
	}
	whs, err := c.store.Warehouses(ctx)
	if err != nil {
		return err
	}
	for _, w := range whs {
		c.warehouses[w.Name] = w
	}
	stages, err := c.store.Stages(ctx)
	if err != nil {
		return err
	}
	for _, o := range stages {
		c.stages.put(&object{SchemaObject: o, dir: strconv.FormatInt(o.ID, 10)})
	}
	formats, err := c.store.FileFormats(ctx)
	if err != nil {
		return err
	}
	for _, o := range formats {
		c.formats.put(&object{SchemaObject: o})
	}
	return nil
}

// SetFiles says who keeps the stages' files. Called once, before the first statement.
func (c *Catalog) SetFiles(f Files) { c.files = f }

func (c *Catalog) discard(o *object) {
	if c.files != nil && o != nil && o.dir != "" {
		c.files.Discard(o.dir)
	}
}

// CloseSession ends what lived with the session: its temporary stages and file formats.
func (c *Catalog) CloseSession(id int64) {
	c.mu.Lock()
	gone := c.stages.temp[id]
	delete(c.stages.temp, id)
	delete(c.formats.temp, id)
	c.mu.Unlock()
	for _, o := range gone {
		c.discard(o)
	}
}

// Sweep removes stages and file formats whose schema is gone for good: not in the tree any more.
func (c *Catalog) Sweep(ctx context.Context) error {
	for _, s := range []*shelf{&c.stages, &c.formats} {
		c.mu.RLock()
		all := s.all(0)
		c.mu.RUnlock()
		live := map[int64]bool{}
		for _, o := range all {
			l, known := live[o.SchemaID]
			if !known {
				var err error
				if l, err = c.tree.Exists(ctx, o.SchemaID); err != nil {
					return fmt.Errorf("catalog: sweep: %w", err)
				}
				live[o.SchemaID] = l
			}
			if l {
				continue
			}
			if err := c.drop(ctx, s, o); err != nil {
				return fmt.Errorf("catalog: sweep: %w", err)
			}
		}
	}
	return nil
}

// place is a resolved name of an object in a schema.
type place struct {
	schemaID               int64
	database, schema, name string
}

func (p place) String() string { return p.database + "." + p.schema + "." + p.name }

// fill completes a name of one to three parts with the session's database and schema. op is the statement's name, for 090105 and
// 090106. An empty middle part (db..name) is PUBLIC.
func fill(sc *statement.Context, parts []string, op string) (database, schema, name string, err error) {
	switch len(parts) {
	case 1:
		if sc.Database == "" {
			return "", "", "", sqlerr.NoDatabase(op)
		}
		if sc.Schema == "" {
			return "", "", "", sqlerr.NoSchema(op)
		}
		return sc.Database, sc.Schema, parts[0], nil
	case 2:
		if sc.Database == "" {
			return "", "", "", sqlerr.NoDatabase(op)
		}
		return sc.Database, parts[0], parts[1], nil
	case 3:
		if parts[1] == "" {
			return parts[0], "PUBLIC", parts[2], nil
		}
		return parts[0], parts[1], parts[2], nil
	}
	return "", "", "", sqlerr.Invalid("a name of %d parts names no object of a schema", len(parts))
}

func (c *Catalog) resolve(ctx context.Context, sc *statement.Context, n sql.Name, op string) (place, error) {
	database, schema, name, err := fill(sc, parts(n), op)
	if err != nil {
		return place{}, err
	}
	id, err := c.tree.SchemaID(ctx, database, schema)
	if err != nil {
		return place{}, err
	}
	return place{id, database, schema, name}, nil
}

// parts are a name's exact parts.
func parts(n sql.Name) []string {
	p := make([]string, len(n.Parts))
	for i, id := range n.Parts {
		p[i] = id.Name
	}
	return p
}

// single is the name of an account object: one part.
func single(n sql.Name, kind string) (string, error) {
	if len(n.Parts) != 1 || n.Parts[0].Name == "" {
		return "", sqlerr.Invalid("the name of a %s has one part", kind)
	}
	return n.Parts[0].Name, nil
}
