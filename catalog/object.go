package catalog

import (
	"context"
	"fmt"
	"sort"
	"strconv"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// What stages and file formats share: making, finding, altering, dropping, listing.

// find gives an object by its name as written.
func (c *Catalog) find(ctx context.Context, sc *statement.Context, s *shelf, n sql.Name, op string) (*object, error) {
	p, err := c.resolve(ctx, sc, n, op)
	if err != nil {
		return nil, err
	}
	c.mu.RLock()
	o := s.get(sc.Session, p.schemaID, p.name)
	c.mu.RUnlock()
	if o == nil {
		return nil, sqlerr.NotExist(s.word, p.String())
	}
	return o, nil
}

// requireOn is the access check where the object is already known.
func (c *Catalog) requireOn(_ context.Context, sc *statement.Context, s *shelf, o *object, privilege string) error {
	if o.session != 0 {
		return nil
	}
	roles := c.acts(sc.Role)
	if roles[AccountAdmin] || roles[o.Owner] {
		return nil
	}
	held, some := c.holds(roles, privilege, target{kind: s.kind, key: grantObject(o)})
	switch {
	case held:
		return nil
	case some:
		return sqlerr.Privilege(kindText(s.kind), o.Name)
	}
	return sqlerr.NotExist(s.word, o.Database+"."+o.Schema+"."+o.Name)
}

func grantObject(o *object) string { return strconv.FormatInt(o.SchemaID, 10) + "/" + o.Name }

// create makes an object under the statement's name and lifetime. clone fills it from CLONE's source.
func (c *Catalog) create(ctx context.Context, sc *statement.Context, s *shelf, st *sql.Create, o *object, clone func(from *object)) (string, error) {
	if st.OrReplace && st.IfNotExists {
		return "", sqlerr.Invalid("options OR REPLACE and IF NOT EXISTS are incompatible")
	}
	p, err := c.resolve(ctx, sc, st.Name, "CREATE "+s.kind)
	if err != nil {
		return "", err
	}
	if st.Clone != nil {
		from, err := c.find(ctx, sc, s, *st.Clone, "CREATE "+s.kind)
		if err != nil {
			return "", err
		}
		clone(from)
	}
	privilege := "CREATE " + s.kind
	if st.Lifetime != "" {
		privilege = "USAGE" // what a session makes for itself takes nothing from others
	}
	if err := c.require(ctx, sc, privilege, "SCHEMA", p.database, p.schema); err != nil {
		return "", err
	}
	o.SchemaID, o.Database, o.Schema, o.Name = p.schemaID, p.database, p.schema, p.name
	o.Owner, o.Created = sc.Role, c.now()
	switch st.Lifetime {
	case "":
	case "TEMPORARY", "SCOPED TEMPORARY", "VOLATILE":
		o.session = sc.Session
	default:
		return "", sqlerr.Unsupported("%s %s", st.Lifetime, s.kind)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var old *object
	if o.session != 0 {
		old = s.temp[o.session][shelfKey{o.SchemaID, o.Name}]
	} else {
		old = s.named[shelfKey{o.SchemaID, o.Name}]
	}
	if old != nil && !st.OrReplace {
		if st.IfNotExists {
			return fmt.Sprintf("%s already exists, statement succeeded.", p.name), nil
		}
		return "", sqlerr.Exists(p.String())
	}
	if old != nil && old.session == 0 && !c.ownsLocked(sc, old) {
		return "", sqlerr.Privilege(kindText(s.kind), p.name)
	}
	if o.session != 0 {
		c.temps++
		o.ID = -c.temps // negative: never a stored one
		if s.kind == "STAGE" {
			o.dir = "x" + strconv.FormatInt(c.temps, 10)
		}
	} else {
		if o.ID, err = c.keep(ctx, s, o, old); err != nil {
			return "", err
		}
		if s.kind == "STAGE" {
			o.dir = strconv.FormatInt(o.ID, 10)
		}
		if old != nil {
			c.forgetGrants(s.kind, grantObject(old))
		}
	}
	s.put(o)
	c.discard(old)
	if s.kind == "STAGE" {
		return fmt.Sprintf("Stage area %s successfully created.", p.name), nil
	}
	return fmt.Sprintf("%s %s successfully created.", s.word, p.name), nil
}

func (c *Catalog) keep(ctx context.Context, s *shelf, o, old *object) (int64, error) {
	row := &o.SchemaObject
	before := (*object)(nil)
	if old != nil {
		before = old
	}
	if s.kind == "STAGE" {
		if before == nil {
			return c.store.CreateStage(ctx, *row, nil)
		}
		return c.store.CreateStage(ctx, *row, &before.SchemaObject)
	}
	if before == nil {
		return c.store.CreateFileFormat(ctx, *row, nil)
	}
	return c.store.CreateFileFormat(ctx, *row, &before.SchemaObject)
}

// ownsLocked says whether sc's role owns the object; the caller holds mu.
func (c *Catalog) ownsLocked(sc *statement.Context, o *object) bool {
	if o.session != 0 {
		return true
	}
	roles := c.actsLocked(sc.Role)
	return roles[AccountAdmin] || roles[o.Owner]
}

// forgetGrants drops the grants on an object from memory; the caller holds mu and the store has done the same.
func (c *Catalog) forgetGrants(kind, key string) {
	delete(c.grants, objectKey{kind, key})
	c.changed()
}

// drop removes an object for good.
func (c *Catalog) drop(ctx context.Context, s *shelf, o *object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropLocked(ctx, s, o)
}

func (c *Catalog) dropLocked(ctx context.Context, s *shelf, o *object) error {
	if o.session == 0 {
		var err error
		if s.kind == "STAGE" {
			err = c.store.DropStage(ctx, o.SchemaObject)
		} else {
			err = c.store.DropFileFormat(ctx, o.SchemaObject)
		}
		if err != nil {
			return err
		}
		c.forgetGrants(s.kind, grantObject(o))
	}
	s.remove(o)
	c.discard(o)
	return nil
}

func (c *Catalog) dropObject(ctx context.Context, sc *statement.Context, st *sql.Drop) (string, error) {
	s := c.shelfOf(st.Kind)
	if st.Undrop {
		return "", sqlerr.Unsupported("UNDROP %s", st.Kind)
	}
	gone := func(name string) (string, error) {
		return fmt.Sprintf("Drop statement executed successfully (%s already dropped).", name), nil
	}
	p, err := c.resolve(ctx, sc, st.Name, "DROP "+s.kind)
	if err != nil {
		if st.IfExists && sqlerr.Is(err, 2003) {
			return gone(st.Name.Parts[len(st.Name.Parts)-1].Name)
		}
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := s.get(sc.Session, p.schemaID, p.name)
	if o == nil {
		if st.IfExists {
			return gone(p.name)
		}
		return "", sqlerr.NotExist(s.word, p.String())
	}
	if !c.ownsLocked(sc, o) {
		if _, some := c.holdsLocked(c.actsLocked(sc.Role), "OWNERSHIP", target{kind: s.kind, key: grantObject(o)}); some {
			return "", sqlerr.Privilege(kindText(s.kind), p.name)
		}
		return "", sqlerr.NotExist(s.word, p.String())
	}
	if err := c.dropLocked(ctx, s, o); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s successfully dropped.", p.name), nil
}

// alter carries out SET, UNSET COMMENT and RENAME TO. set changes the object's settings from the statement's options.
func (c *Catalog) alter(ctx context.Context, sc *statement.Context, s *shelf, st *sql.Alter, set func(*object) error) (string, error) {
	const done = "Statement executed successfully."
	old, err := c.find(ctx, sc, s, st.Name, "ALTER "+s.kind)
	if err != nil {
		if st.IfExists && sqlerr.Is(err, 2003) {
			return done, nil
		}
		return "", err
	}
	if err := c.requireOn(ctx, sc, s, old, "OWNERSHIP"); err != nil {
		return "", err
	}
	o := *old
	switch st.Action {
	case "SET":
		if v, ok := option(st.Options, "COMMENT"); ok {
			o.Comment = scalar(v)
		}
		if err := set(&o); err != nil {
			return "", err
		}
	case "UNSET":
		for _, n := range st.Names {
			if n != "COMMENT" {
				return "", sqlerr.Unsupported("ALTER %s UNSET %s", s.kind, n)
			}
			o.Comment = ""
		}
	case "RENAME", "RENAME TO":
		p, err := c.resolve(ctx, sc, st.To, "ALTER "+s.kind)
		if err != nil {
			return "", err
		}
		o.SchemaID, o.Database, o.Schema, o.Name = p.schemaID, p.database, p.schema, p.name
	case "REFRESH":
		return done, nil // directory tables read the files themselves
	default:
		return "", sqlerr.Unsupported("ALTER %s %s", s.kind, st.Action)
	}
	return done, c.replace(ctx, s, old, &o)
}

func (c *Catalog) replace(ctx context.Context, s *shelf, old, o *object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.get(o.session, old.SchemaID, old.Name) != old { // dropped or altered meanwhile
		return sqlerr.NotExist(s.word, old.Database+"."+old.Schema+"."+old.Name)
	}
	renamed := o.SchemaID != old.SchemaID || o.Name != old.Name
	if renamed && s.get(o.session, o.SchemaID, o.Name) != nil {
		return sqlerr.Exists(o.Database + "." + o.Schema + "." + o.Name)
	}
	if o.session == 0 {
		var err error
		if s.kind == "STAGE" {
			err = c.store.AlterStage(ctx, old.SchemaObject, o.SchemaObject)
		} else {
			err = c.store.AlterFileFormat(ctx, old.SchemaObject, o.SchemaObject)
		}
		if err != nil {
			return err
		}
	}
	s.remove(old)
	s.put(o)
	if renamed {
		from, to := objectKey{s.kind, grantObject(old)}, grantObject(o)
		held := c.grants[from]
		delete(c.grants, from)
		for _, g := range held {
			g.Object, g.Name = to, o.Name
			c.addGrant(g)
		}
		c.changed()
	}
	return nil
}

// names are the names of an object's schema now; live is false where the schema is gone or hidden.
func (c *Catalog) names(ctx context.Context, o *object) (database, schema string, live bool) {
	if t, ok := c.tree.(SchemaNames); ok {
		database, schema, err := t.SchemaNames(ctx, o.SchemaID)
		return database, schema, err == nil
	}
	if id, err := c.tree.SchemaID(ctx, o.Database, o.Schema); err == nil && id == o.SchemaID {
		return o.Database, o.Schema, true
	}
	live, err := c.tree.Exists(ctx, o.SchemaID)
	return o.Database, o.Schema, err == nil && live
}

// showObjects answers SHOW of objects in schemas.
func (c *Catalog) showObjects(ctx context.Context, sc *statement.Context, s *shelf, st *sql.Show, row func(o *object, database, schema string) []any) ([][]any, error) {
	in, err := c.scope(ctx, sc, st)
	if err != nil {
		return nil, err
	}
	roles := c.acts(sc.Role)
	c.mu.RLock()
	all := s.all(sc.Session)
	c.mu.RUnlock()
	type found struct {
		o                *object
		database, schema string
	}
	var list []found
	f := newFilter(st)
	for _, o := range all {
		if !f.name(o.Name) || o.session == 0 && !c.sees(roles, s.kind, grantObject(o), o.Owner) {
			continue
		}
		database, schema, live := c.names(ctx, o)
		if live && in.holds(database, schema) {
			list = append(list, found{o, database, schema})
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.database != b.database {
			return a.database < b.database
		}
		if a.schema != b.schema {
			return a.schema < b.schema
		}
		return a.o.Name < b.o.Name
	})
	var out [][]any
	for _, l := range list {
		if f.full(len(out)) {
			break
		}
		out = append(out, row(l.o, l.database, l.schema))
	}
	return out, nil
}
