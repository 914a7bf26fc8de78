package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Role is one row of the account's roles.
type Role struct {
	Name, Owner, Comment string
	Created              time.Time
}

// Grant is a privilege (or, with Kind ROLE and USAGE, a role) given to a role or user. Object is the key of what it is on, Name
// that thing's name for people.
type Grant struct {
	Privilege, Kind, Object, Name string
	GranteeKind, Grantee          string
	Option                        bool
	By                            string
	Created                       time.Time
}

// Roles are all roles.
func (s *Store) Roles(ctx context.Context) ([]Role, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT name, owner, comment, created FROM account_role ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("store: roles: %w", err)
	}
	defer rows.Close()
	var all []Role
	for rows.Next() {
		var r Role
		var created int64
		if err := rows.Scan(&r.Name, &r.Owner, &r.Comment, &created); err != nil {
			return nil, fmt.Errorf("store: roles: %w", err)
		}
		r.Created = fromMicro(created)
		all = append(all, r)
	}
	return all, rows.Err()
}

// PutRole makes the role or replaces owner and comment.
func (s *Store) PutRole(ctx context.Context, r Role) error {
	return s.update(ctx, func(tx *sql.Tx) error { return putRole(ctx, tx, r) })
}

func putRole(ctx context.Context, tx *sql.Tx, r Role) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO account_role (name, owner, comment, created) VALUES (?,?,?,?)
		ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, comment = excluded.comment`, r.Name, r.Owner, r.Comment, micro(r.Created))
	if err != nil {
		return fmt.Errorf("store: role %s: %w", r.Name, err)
	}
	return nil
}

// DropRole removes the role with all grants to it and on it; what it owned in the account goes to heir.
func (s *Store) DropRole(ctx context.Context, name, heir string) error {
	return s.exec(ctx, "drop role",
		step{`UPDATE account_user SET owner = ? WHERE owner = ?`, []any{heir, name}},
		step{`UPDATE account_role SET owner = ? WHERE owner = ?`, []any{heir, name}},
		step{`UPDATE virtual_warehouse SET owner = ? WHERE owner = ?`, []any{heir, name}},
		step{`UPDATE stage SET owner = ? WHERE owner = ?`, []any{heir, name}},
		step{`UPDATE file_format SET owner = ? WHERE owner = ?`, []any{heir, name}},
		step{`DELETE FROM account_role WHERE name = ?`, []any{name}},
		step{`DELETE FROM account_grant WHERE (grantee_kind = 'ROLE' AND grantee = ?1) OR (kind = 'ROLE' AND object = ?1)`, []any{name}})
}

// Grants are all grants.
func (s *Store) Grants(ctx context.Context) ([]Grant, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT privilege, kind, object, name, grantee_kind, grantee, grant_option, granted_by, created FROM account_grant`)
	if err != nil {
		return nil, fmt.Errorf("store: grants: %w", err)
	}
	defer rows.Close()
	var all []Grant
	for rows.Next() {
		var g Grant
		var created int64
		if err := rows.Scan(&g.Privilege, &g.Kind, &g.Object, &g.Name, &g.GranteeKind, &g.Grantee, &g.Option, &g.By, &created); err != nil {
			return nil, fmt.Errorf("store: grants: %w", err)
		}
		g.Created = fromMicro(created)
		all = append(all, g)
	}
	return all, rows.Err()
}

// PutGrants adds grants; one that is there keeps its time and gains the grant option if asked.
func (s *Store) PutGrants(ctx context.Context, grants []Grant) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for _, g := range grants {
			if err := putGrant(ctx, tx, g); err != nil {
				return err
			}
		}
		return nil
	})
}

func putGrant(ctx context.Context, tx *sql.Tx, g Grant) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO account_grant (privilege, kind, object, name, grantee_kind, grantee, grant_option, granted_by, created) VALUES (?,?,?,?,?,?,?,?,?)
		ON CONFLICT DO UPDATE SET grant_option = grant_option OR excluded.grant_option`,
		g.Privilege, g.Kind, g.Object, g.Name, g.GranteeKind, g.Grantee, g.Option, g.By, micro(g.Created))
	if err != nil {
		return fmt.Errorf("store: grant: %w", err)
	}
	return nil
}

// DeleteGrants takes grants back; only their keys are looked at.
func (s *Store) DeleteGrants(ctx context.Context, grants []Grant) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for _, g := range grants {
			if _, err := tx.ExecContext(ctx, `DELETE FROM account_grant WHERE grantee_kind = ? AND grantee = ? AND kind = ? AND object = ? AND privilege = ?`,
				g.GranteeKind, g.Grantee, g.Kind, g.Object, g.Privilege); err != nil {
				return fmt.Errorf("store: revoke: %w", err)
			}
		}
		return nil
	})
}

// DeleteGrantsOn takes back all grants on one object, when it is dropped.
func (s *Store) DeleteGrantsOn(ctx context.Context, kind, object string) error {
	return s.exec(ctx, "grants", step{`DELETE FROM account_grant WHERE kind = ? AND object = ?`, []any{kind, object}})
}

// Found makes an account's first rows in one transaction, if it has no user yet; it says whether it did.
func (s *Store) Found(ctx context.Context, users []User, roles []Role, grants []Grant, warehouses []Warehouse) (bool, error) {
	made := false
	err := s.update(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM account_user`).Scan(&n); err != nil || n > 0 {
			return err
		}
		made = true
		for _, u := range users {
			if err := putUser(ctx, tx, u); err != nil {
				return err
			}
		}
		for _, r := range roles {
			if err := putRole(ctx, tx, r); err != nil {
				return err
			}
		}
		for _, g := range grants {
			if err := putGrant(ctx, tx, g); err != nil {
				return err
			}
		}
		for _, w := range warehouses {
			if err := putWarehouse(ctx, tx, w); err != nil {
				return err
			}
		}
		return nil
	})
	return made && err == nil, err
}
