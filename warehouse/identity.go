package warehouse

import (
	"context"
	"strings"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// TableID is the id of a table by a name as written: of its stage @%t.
func (w *Warehouse) TableID(_ context.Context, sc *statement.Context, name sql.Name) (int64, error) {
	_, schema, last, err := w.resolve(sc, name, "this operation")
	if err != nil {
		return 0, err
	}
	o := w.tree.child(schema.ID, sc.Session, kindTable, last)
	if o == nil || o.Kind == kindView {
		return 0, sqlerr.NotExist("Table", strings.Join([]string{schema.Name, last}, "."))
	}
	return o.ID, nil
}
