package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// User is one row of the account's users. Password is an argon2id text, "" if the user has none. Settings are SQL's properties by
// upper-case name (DISPLAY_NAME, DEFAULT_ROLE, RSA_PUBLIC_KEY, …).
type User struct {
	Name, LoginName    string
	Password           string
	Settings           map[string]string
	Owner              string
	Created, LastLogin time.Time // LastLogin zero = never
}

// Users are all users.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT name, login_name, password, settings, owner, created, last_login FROM account_user ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("store: users: %w", err)
	}
	defer rows.Close()
	var all []User
	for rows.Next() {
		var u User
		var settings string
		var created, last int64
		if err := rows.Scan(&u.Name, &u.LoginName, &u.Password, &settings, &u.Owner, &created, &last); err != nil {
			return nil, fmt.Errorf("store: users: %w", err)
		}
		if err := json.Unmarshal([]byte(settings), &u.Settings); err != nil {
			return nil, fmt.Errorf("store: settings of user %s: %w", u.Name, err)
		}
		u.Created, u.LastLogin = fromMicro(created), fromMicro(last)
		all = append(all, u)
	}
	return all, rows.Err()
}

// PutUser makes the user or replaces all of it.
func (s *Store) PutUser(ctx context.Context, u User) error {
	return s.update(ctx, func(tx *sql.Tx) error { return putUser(ctx, tx, u) })
}

func putUser(ctx context.Context, tx *sql.Tx, u User) error {
	settings, err := json.Marshal(u.Settings)
	if err != nil {
		return fmt.Errorf("store: user: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO account_user (name, login_name, password, settings, owner, created, last_login) VALUES (?,?,?,?,?,?,?)
		ON CONFLICT (name) DO UPDATE SET login_name = excluded.login_name, password = excluded.password, settings = excluded.settings, owner = excluded.owner, last_login = excluded.last_login`,
		u.Name, u.LoginName, u.Password, string(settings), u.Owner, micro(u.Created), micro(u.LastLogin))
	if err != nil {
		return fmt.Errorf("store: user %s: %w", u.Name, err)
	}
	return nil
}

// DropUser removes the user with what was granted to it and its tokens.
func (s *Store) DropUser(ctx context.Context, name string) error {
	return s.exec(ctx, "drop user",
		step{`DELETE FROM account_user WHERE name = ?`, []any{name}},
		step{`DELETE FROM account_grant WHERE (grantee_kind = 'USER' AND grantee = ?1) OR (kind = 'USER' AND object = ?1)`, []any{name}},
		step{`DELETE FROM account_token WHERE user = ?`, []any{name}})
}

// step is one statement of a write transaction.
type step struct {
	SQL  string
	Args []any
}

// exec runs statements in one write transaction.
func (s *Store) exec(ctx context.Context, what string, qs ...step) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for _, q := range qs {
			if _, err := tx.ExecContext(ctx, q.SQL, q.Args...); err != nil {
				return fmt.Errorf("store: %s: %w", what, err)
			}
		}
		return nil
	})
}

// micro is the stored form of a time: µs since 1970, 0 for the zero time.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicro(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
