package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Warehouse is a virtual warehouse: a name with settings by upper-case name (WAREHOUSE_SIZE, AUTO_SUSPEND, …).
type Warehouse struct {
	Name             string
	Settings         map[string]string
	Owner, Comment   string
	Created, Updated time.Time
}

// Warehouses are all warehouses.
func (s *Store) Warehouses(ctx context.Context) ([]Warehouse, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT name, settings, owner, comment, created, updated FROM virtual_warehouse ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("store: warehouses: %w", err)
	}
	defer rows.Close()
	var all []Warehouse
	for rows.Next() {
		var w Warehouse
		var settings string
		var created, updated int64
		if err := rows.Scan(&w.Name, &settings, &w.Owner, &w.Comment, &created, &updated); err != nil {
			return nil, fmt.Errorf("store: warehouses: %w", err)
		}
		if err := json.Unmarshal([]byte(settings), &w.Settings); err != nil {
			return nil, fmt.Errorf("store: settings of warehouse %s: %w", w.Name, err)
		}
		w.Created, w.Updated = fromMicro(created), fromMicro(updated)
		all = append(all, w)
	}
	return all, rows.Err()
}

// PutWarehouse makes the warehouse or replaces all but its creation time.
func (s *Store) PutWarehouse(ctx context.Context, w Warehouse) error {
	return s.update(ctx, func(tx *sql.Tx) error { return putWarehouse(ctx, tx, w) })
}

func putWarehouse(ctx context.Context, tx *sql.Tx, w Warehouse) error {
	settings, err := json.Marshal(w.Settings)
	if err != nil {
		return fmt.Errorf("store: warehouse: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO virtual_warehouse (name, settings, owner, comment, created, updated) VALUES (?,?,?,?,?,?)
		ON CONFLICT (name) DO UPDATE SET settings = excluded.settings, owner = excluded.owner, comment = excluded.comment, updated = excluded.updated`,
		w.Name, string(settings), w.Owner, w.Comment, micro(w.Created), micro(w.Updated))
	if err != nil {
		return fmt.Errorf("store: warehouse %s: %w", w.Name, err)
	}
	return nil
}

// RenameWarehouse renames it and the grants on it.
func (s *Store) RenameWarehouse(ctx context.Context, from, to string) error {
	return s.exec(ctx, "rename warehouse",
		step{`UPDATE virtual_warehouse SET name = ? WHERE name = ?`, []any{to, from}},
		step{`UPDATE account_grant SET object = ?1, name = ?1 WHERE kind = 'WAREHOUSE' AND object = ?2`, []any{to, from}})
}

// DropWarehouse removes it and the grants on it.
func (s *Store) DropWarehouse(ctx context.Context, name string) error {
	return s.exec(ctx, "drop warehouse",
		step{`DELETE FROM virtual_warehouse WHERE name = ?`, []any{name}},
		step{`DELETE FROM account_grant WHERE kind = 'WAREHOUSE' AND object = ?`, []any{name}})
}
