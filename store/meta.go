package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// MetaOnce gives the account's value of that name, making and keeping it the first time: a key that signs, a generated name.
func (s *Store) MetaOnce(ctx context.Context, name string, make func() ([]byte, error)) ([]byte, error) {
	var value []byte
	err := s.update(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = ?`, name).Scan(&value)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if value, err = make(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES (?, ?)`, name, value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: meta %s: %w", name, err)
	}
	return value, nil
}
