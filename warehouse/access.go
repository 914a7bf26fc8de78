package warehouse

import (
	"context"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// Access is the account's check of privileges: an error names the first need that the statement's role lacks.
type Access interface {
	Check(ctx context.Context, sc *statement.Context, needs []statement.Need) error
}

// SetAccess gives the check, which is made after the warehouse: the catalog needs the name tree first. Until then all is
// allowed. Call it before the first client.
func (w *Warehouse) SetAccess(a Access) { w.access = a }

// mayRead asks for SELECT on each table and view that a statement itself names. What a view reads is the view's owner's business.
func (w *Warehouse) mayRead(ctx context.Context, sc *statement.Context, st sql.Node, read []int64) error {
	if w.access == nil || len(read) == 0 {
		return nil
	}
	bound := make(map[int64]bool, len(read))
	for _, id := range read {
		bound[id] = true
	}
	var needs []statement.Need
	sql.Walk(st, func(n sql.Node) bool {
		t, ok := n.(*sql.Table)
		if !ok {
			return true
		}
		if _, schema, last, err := w.resolve(sc, t.Name, "SELECT"); err == nil {
			// A name of a CTE that is also a table's is no table of the statement unless the binder read it.
			if o := w.tree.child(schema.ID, sc.Session, kindTable, last); o != nil && bound[o.ID] && !o.temporary() {
				needs = append(needs, statement.Need{Privilege: "SELECT", Kind: o.Kind, Name: w.path(o)})
			}
		}
		return true
	})
	if len(needs) == 0 {
		return nil
	}
	return w.access.Check(ctx, sc, needs)
}

// OwnerOf finds the role that owns a database, schema, table, view or sequence by its exact names; the catalog asks for it.
func (w *Warehouse) OwnerOf(_ context.Context, kind string, name []string) (role string, ok bool, err error) {
	if !ours(kind) || len(name) == 0 {
		return "", false, nil
	}
	o := w.database(name[0])
	if o != nil && len(name) > 1 {
		o = w.tree.child(o.ID, 0, kindSchema, name[1])
	}
	if o != nil && len(name) > 2 {
		o = w.tree.child(o.ID, 0, kind, name[2])
	}
	if o == nil {
		return "", false, nil
	}
	return o.Owner, true, nil
}

// SchemaNames are the names of a schema now.
func (w *Warehouse) SchemaNames(_ context.Context, id int64) (database, schema string, err error) {
	p, ok := w.Name(id)
	if !ok || len(p) != 2 {
		return "", "", sqlerr.NotExist("Schema", "")
	}
	return p[0], p[1], nil
}
