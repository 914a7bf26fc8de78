package catalog

import (
	"context"
	"strconv"
	"strings"

	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// acts gives the roles that a role acts as: itself, all that were granted to it, and PUBLIC.
func (c *Catalog) acts(role string) map[string]bool {
	c.mu.RLock()
	set := c.closures[role]
	c.mu.RUnlock()
	if set != nil {
		return set
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.actsLocked(role)
}

// actsLocked is acts for who holds mu for writing.
func (c *Catalog) actsLocked(role string) map[string]bool {
	if set := c.closures[role]; set != nil {
		return set
	}
	set := map[string]bool{Public: true}
	todo := []string{role, Public}
	for len(todo) > 0 {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, live := c.roles[r]; !live {
			continue
		}
		set[r] = true
		for granted := range c.roles {
			if _, ok := c.grants[objectKey{"ROLE", granted}][holder{"ROLE", r, "USAGE"}]; ok && !set[granted] {
				todo = append(todo, granted)
			}
		}
	}
	if c.closures == nil {
		c.closures = map[string]map[string]bool{}
	}
	c.closures[role] = set
	return set
}

// mayUse says whether the user may take on the role: granted to it, or to a role that was.
func (c *Catalog) mayUse(user, role string) bool {
	c.mu.RLock()
	_, live := c.roles[role]
	var direct []string
	for granted := range c.roles {
		if _, ok := c.grants[objectKey{"ROLE", granted}][holder{"USER", user, "USAGE"}]; ok {
			direct = append(direct, granted)
		}
	}
	c.mu.RUnlock()
	if !live {
		return false
	}
	if role == Public {
		return true
	}
	for _, d := range direct {
		if c.acts(d)[role] {
			return true
		}
	}
	return false
}

// UseRole checks USE ROLE. A job's session stays within the role of its token.
func (c *Catalog) UseRole(_ context.Context, sc *statement.Context, role string) error {
	if sc.Job != "" {
		if c.acts(sc.Role)[role] {
			return nil
		}
	} else if c.mayUse(sc.User, role) {
		return nil
	}
	return sqlerr.NotExistOrOperation("Role", role)
}

// UseWarehouse checks USE WAREHOUSE and QUERY_WAREHOUSE options: it exists and the role may use it.
func (c *Catalog) UseWarehouse(ctx context.Context, sc *statement.Context, name string) error {
	c.mu.RLock()
	_, ok := c.warehouses[name]
	c.mu.RUnlock()
	if !ok || c.Check(ctx, sc, []statement.Need{{Privilege: "USAGE", Kind: "WAREHOUSE", Name: []string{name}}}) != nil {
		return sqlerr.NotExistOrOperation("Warehouse", name)
	}
	return nil
}

// Check is the one access check: whether sc's role has every privilege that is needed. ACCOUNTADMIN has all; the owner of an object
// has all on it. A missing one is 003001 where the role may know of the object (it has some privilege on it), else 002003. An object
// that is surely not there is no matter of access: the room that is asked for it says so, or knows IF EXISTS.
func (c *Catalog) Check(ctx context.Context, sc *statement.Context, needs []statement.Need) error {
	if len(needs) == 0 {
		return nil
	}
	roles := c.acts(sc.Role)
	if roles[AccountAdmin] {
		return nil
	}
	for _, n := range needs {
		if err := c.check(ctx, sc, roles, n); err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalog) check(ctx context.Context, sc *statement.Context, roles map[string]bool, n statement.Need) error {
	t, err := c.target(ctx, sc, n.Kind, n.Name)
	if err != nil {
		if sqlerr.Is(err, 2003) && n.Privilege == "OWNERSHIP" {
			return nil // DROP … IF EXISTS: the room that would drop it says what is to be said
		}
		return err
	}
	if t.absent || t.mine || t.owner != "" && roles[t.owner] {
		return nil
	}
	held, some := c.holds(roles, n.Privilege, t)
	switch {
	case held:
		return nil
	case n.Kind == "ACCOUNT":
		return sqlerr.Privilege("account", c.account)
	case some:
		return sqlerr.Privilege(kindText(n.Kind), t.last)
	}
	return sqlerr.NotExist(word(n.Kind), t.name)
}

// holds says whether one of the roles was granted the privilege on the target, and whether any privilege at all.
func (c *Catalog) holds(roles map[string]bool, privilege string, t target) (held, some bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.holdsLocked(roles, privilege, t)
}

func (c *Catalog) holdsLocked(roles map[string]bool, privilege string, t target) (held, some bool) {
	for k := range c.grants[objectKey{t.kind, t.key}] {
		if k.granteeKind != "ROLE" || !roles[k.grantee] {
			continue
		}
		some = true
		if k.privilege == privilege || k.privilege == "ALL" && privilege != "OWNERSHIP" {
			return true, true
		}
	}
	return false, some
}

// target is an object as grants name it.
type target struct {
	kind, key  string
	name, last string // whole and last part, for messages
	owner      string
	mine       bool // a temporary object of this very session
	absent     bool // surely not there
}

// treeKinds are the kinds whose objects Config.Owner surely knows.
var treeKinds = map[string]bool{"TABLE": true, "VIEW": true, "SEQUENCE": true}

// accountKinds are objects of the account: their names have one part.
var accountKinds = map[string]bool{"WAREHOUSE": true, "ROLE": true, "USER": true, "COMPUTE POOL": true, "INTEGRATION": true, "EXTERNAL ACCESS INTEGRATION": true, "DATABASE": true}

func (c *Catalog) target(ctx context.Context, sc *statement.Context, kind string, name []string) (target, error) {
	t := target{kind: kind, name: strings.Join(name, ".")}
	if len(name) > 0 {
		t.last = name[len(name)-1]
	}
	full := name
	switch {
	case kind == "ACCOUNT":
		return t, nil
	case kind == "DATABASE":
		switch {
		case len(name) == 0 && sc.Database == "":
			return t, sqlerr.NoDatabase("this operation")
		case len(name) == 0:
			full = []string{sc.Database}
		case len(name) > 1:
			return t, sqlerr.Invalid("the name of a database has one part")
		}
		t.name, t.last = full[0], full[0]
		id, err := c.tree.DatabaseID(ctx, full[0])
		if err != nil {
			return t, err
		}
		t.key = "#" + strconv.FormatInt(id, 10)
	case kind == "SCHEMA":
		switch {
		case len(name) > 2:
			return t, sqlerr.Invalid("the name of a schema has one or two parts")
		case len(name) < 2 && sc.Database == "":
			return t, sqlerr.NoDatabase("this operation")
		case len(name) == 0 && sc.Schema == "":
			return t, sqlerr.NoSchema("this operation")
		case len(name) == 0:
			full = []string{sc.Database, sc.Schema}
		case len(name) == 1:
			full = []string{sc.Database, name[0]}
		}
		t.last = full[1]
		id, err := c.tree.SchemaID(ctx, full[0], full[1])
		if err != nil {
			return t, err
		}
		t.key, t.name = "#"+strconv.FormatInt(id, 10), strings.Join(full, ".")
	case accountKinds[kind]:
		if len(name) != 1 {
			return t, sqlerr.Invalid("the name of a %s has one part", strings.ToLower(kind))
		}
		t.key = name[0]
	default:
		database, schema, last, err := fill(sc, name, "this operation")
		if err != nil {
			return t, err
		}
		id, err := c.tree.SchemaID(ctx, database, schema)
		if err != nil {
			return t, err
		}
		t.key = strconv.FormatInt(id, 10) + "/" + last
		full = []string{database, schema, last}
		t.name = strings.Join(full, ".")
		if s := c.shelfOf(kind); s != nil {
			c.mu.RLock()
			o := s.get(sc.Session, id, last)
			c.mu.RUnlock()
			if o == nil {
				t.absent = true
				return t, nil
			}
			t.owner, t.mine = o.Owner, o.session != 0
			return t, nil
		}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	here := true
	switch kind {
	case "WAREHOUSE":
		var w store.Warehouse
		w, here = c.warehouses[t.key]
		t.owner = w.Owner
	case "ROLE":
		var r store.Role
		r, here = c.roles[t.key]
		t.owner = r.Owner
	case "USER":
		var u store.User
		u, here = c.users[t.key]
		t.owner = u.Owner
	default:
		if c.owner != nil {
			var err error
			if t.owner, here, err = c.owner(ctx, kind, full); err != nil {
				return t, err
			}
			here = here || !treeKinds[kind]
		}
	}
	t.absent = !here
	return t, nil
}

func (c *Catalog) shelfOf(kind string) *shelf {
	switch kind {
	case "STAGE":
		return &c.stages
	case "FILE FORMAT":
		return &c.formats
	}
	return nil
}

// kindText is a kind in 003001's words; clients look for "schema".
func kindText(kind string) string { return strings.ToLower(kind) }

// word is Snowflake's spelling of a kind in messages: Compute pool, File format.
func word(kind string) string {
	if kind == "" {
		return "Object"
	}
	return kind[:1] + strings.ToLower(kind[1:])
}

// sees says whether a role may know of an object: it owns it or has some privilege on it.
func (c *Catalog) sees(roles map[string]bool, kind, key, owner string) bool {
	if roles[AccountAdmin] || owner != "" && roles[owner] {
		return true
	}
	_, some := c.holds(roles, "", target{kind: kind, key: key})
	return some
}

// changed forgets what was computed from grants and roles; the caller holds mu.
func (c *Catalog) changed() { c.closures = nil }

// require checks one privilege for a statement of this room.
func (c *Catalog) require(ctx context.Context, sc *statement.Context, privilege, kind string, name ...string) error {
	return c.Check(ctx, sc, []statement.Need{{Privilege: privilege, Kind: kind, Name: name}})
}
