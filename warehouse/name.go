package warehouse

import (
	"context"
	"strings"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// informationSchema is in every database, made of the tree.
const informationSchema = "INFORMATION_SCHEMA"

// written is a name as messages show it.
func written(n sql.Name) string {
	parts := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		parts[i] = p.Name
	}
	return strings.Join(parts, ".")
}

// database finds a live database by its exact name.
func (w *Warehouse) database(name string) *object { return w.tree.child(0, 0, kindDatabase, name) }

// resolve finds the database and schema that a name of one to three parts means; the last part is the object's.
func (w *Warehouse) resolve(sc *statement.Context, n sql.Name, operation string) (db, schema *object, last string, err error) {
	parts := n.Parts
	if len(parts) == 0 {
		return nil, nil, "", sqlerr.Invalid("an object's name is missing")
	}
	last = parts[len(parts)-1].Name
	database, schemaName := sc.Database, sc.Schema
	if len(parts) == 3 {
		database = parts[0].Name
	}
	if database == "" {
		return nil, nil, "", sqlerr.NoDatabase(operation)
	}
	if len(parts) >= 2 {
		schemaName = parts[len(parts)-2].Name
		if schemaName == "" {
			schemaName = "PUBLIC"
		}
	}
	if db = w.database(database); db == nil {
		return nil, nil, "", sqlerr.NotExist("Database", database)
	}
	if schemaName == "" {
		return nil, nil, "", sqlerr.NoSchema(operation)
	}
	if schema = w.tree.child(db.ID, 0, kindSchema, schemaName); schema == nil {
		return db, nil, "", sqlerr.NotExist("Schema", database+"."+schemaName)
	}
	return db, schema, last, nil
}

var kindWords = map[string]string{kindTable: "Table", kindView: "View", kindSequence: "Sequence", kindSchema: "Schema", kindDatabase: "Database"}

// find finds a live object of a schema, or a schema or database, as written. kind TABLE finds views too; the caller looks.
func (w *Warehouse) find(sc *statement.Context, kind string, n sql.Name, operation string) (*object, error) {
	switch kind {
	case kindDatabase:
		if db := w.database(written(n)); db != nil {
			return db, nil
		}
		return nil, sqlerr.NotExist("Database", written(n))
	case kindSchema:
		return w.schema(sc, n, operation)
	}
	_, schema, last, err := w.resolve(sc, n, operation)
	if err != nil {
		return nil, err
	}
	if o := w.tree.child(schema.ID, sc.Session, kind, last); o != nil {
		return o, nil
	}
	return nil, sqlerr.NotExist(kindWords[kind], written(n))
}

// schema finds a schema: s or db.s.
func (w *Warehouse) schema(sc *statement.Context, n sql.Name, operation string) (*object, error) {
	database, name := sc.Database, n.Parts[len(n.Parts)-1].Name
	if len(n.Parts) > 1 {
		database = n.Parts[len(n.Parts)-2].Name
	}
	if database == "" {
		return nil, sqlerr.NoDatabase(operation)
	}
	db := w.database(database)
	if db == nil {
		return nil, sqlerr.NotExist("Database", database)
	}
	if s := w.tree.child(db.ID, 0, kindSchema, name); s != nil {
		return s, nil
	}
	return nil, sqlerr.NotExist("Schema", written(n))
}

// path gives the exact names of an object: database, schema, name, as many as its kind has.
func (w *Warehouse) path(o *object) []string {
	var parts []string
	for o != nil {
		parts = append([]string{o.Name}, parts...)
		if o.Parent == 0 {
			break
		}
		o = w.tree.get(o.Parent)
	}
	return parts
}

// SchemaID finds a live schema by exact names.
func (w *Warehouse) SchemaID(ctx context.Context, database, schema string) (int64, error) {
	id, err := w.DatabaseID(ctx, database)
	if err != nil {
		return 0, err
	}
	s := w.tree.child(id, 0, kindSchema, schema)
	if s == nil {
		return 0, sqlerr.NotExist("Schema", database+"."+schema)
	}
	return s.ID, nil
}

// DatabaseID finds a live database by its exact name.
func (w *Warehouse) DatabaseID(_ context.Context, database string) (int64, error) {
	db := w.database(database)
	if db == nil {
		return 0, sqlerr.NotExist("Database", database)
	}
	return db.ID, nil
}

// Exists says whether an object is live, or hidden: dropped, or below something dropped, but still to be undropped. Neither: it
// is gone for good.
func (w *Warehouse) Exists(id int64) (live, hidden bool) {
	o := w.tree.get(id)
	if o == nil {
		return false, false
	}
	for o != nil {
		if !o.Dropped.IsZero() {
			return false, true
		}
		if o.Parent == 0 {
			return true, false
		}
		o = w.tree.get(o.Parent)
	}
	return false, false
}

// Name gives the exact names of an object that is not gone: database, schema, object.
func (w *Warehouse) Name(id int64) ([]string, bool) {
	o := w.tree.get(id)
	if o == nil {
		return nil, false
	}
	return w.path(o), true
}

// Owner is the role that owns an object.
func (w *Warehouse) Owner(id int64) (string, bool) {
	o := w.tree.get(id)
	if o == nil {
		return "", false
	}
	return o.Owner, true
}
