package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("store: not found")

// Session is one client's login. Parameters and Variables are JSON that only session reads.
type Session struct {
	ID                                      int64
	User, Role, Database, Schema, Warehouse string
	Job                                     string // id of the job whose session it is; "" for others
	Client, Version                         string
	Parameters, Variables                   string
	Created, Until                          time.Time
}

// SessionToken is a token by the SHA-256 of its text. Master tokens renew; they live as long as the session.
type SessionToken struct {
	Hash    [32]byte
	Session int64
	Master  bool
	Expires time.Time
}

// CreateSession writes a session and its first tokens at once and gives the session's id.
func (s *Store) CreateSession(ctx context.Context, r Session, tokens ...SessionToken) (int64, error) {
	var id int64
	err := s.update(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO session (user, role, database, schema, warehouse, job, client, version, parameters, variables, created, until)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.User, r.Role, r.Database, r.Schema, r.Warehouse, r.Job, r.Client, r.Version, r.Parameters, r.Variables, r.Created.UnixMilli(), r.Until.UnixMilli())
		if err != nil {
			return fmt.Errorf("store: session: %w", err)
		}
		if id, err = res.LastInsertId(); err != nil {
			return fmt.Errorf("store: session: %w", err)
		}
		for _, t := range tokens {
			t.Session = id
			if err := addToken(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

func addToken(ctx context.Context, tx *sql.Tx, t SessionToken) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO session_token (hash, session, master, expires) VALUES (?, ?, ?, ?)`, t.Hash[:], t.Session, t.Master, t.Expires.UnixMilli()); err != nil {
		return fmt.Errorf("store: session token: %w", err)
	}
	return nil
}

// SessionByToken finds a token and its session, expired ones too. ErrNotFound if there is none.
func (s *Store) SessionByToken(ctx context.Context, hash [32]byte) (Session, SessionToken, error) {
	t := SessionToken{Hash: hash}
	var r Session
	var expires, created, until int64
	err := s.r.QueryRowContext(ctx, `SELECT t.master, t.expires, s.id, s.user, s.role, s.database, s.schema, s.warehouse, s.job, s.client, s.version, s.parameters, s.variables, s.created, s.until
		FROM session_token t JOIN session s ON s.id = t.session WHERE t.hash = ?`, hash[:]).Scan(
		&t.Master, &expires, &r.ID, &r.User, &r.Role, &r.Database, &r.Schema, &r.Warehouse, &r.Job, &r.Client, &r.Version, &r.Parameters, &r.Variables, &created, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return r, t, ErrNotFound
	}
	if err != nil {
		return r, t, fmt.Errorf("store: session: %w", err)
	}
	t.Session, t.Expires = r.ID, time.UnixMilli(expires)
	r.Created, r.Until = time.UnixMilli(created), time.UnixMilli(until)
	return r, t, nil
}

// UpdateSession writes a session's role, names, parameters and variables. ErrNotFound if it was closed.
func (s *Store) UpdateSession(ctx context.Context, r Session) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE session SET role = ?, database = ?, schema = ?, warehouse = ?, parameters = ?, variables = ? WHERE id = ?`,
			r.Role, r.Database, r.Schema, r.Warehouse, r.Parameters, r.Variables, r.ID))
	})
}

// RenewSession adds a token and moves the session's end, and its master tokens' with it; tokens that expired before dead are
// forgotten. Without a token only the end moves.
func (s *Store) RenewSession(ctx context.Context, id int64, until, dead time.Time, t *SessionToken) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `UPDATE session SET until = ? WHERE id = ?`, until.UnixMilli(), id)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE session_token SET expires = ? WHERE session = ? AND master = 1`, until.UnixMilli(), id); err != nil {
			return fmt.Errorf("store: session: %w", err)
		}
		if t == nil {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM session_token WHERE session = ? AND master = 0 AND expires < ?`, id, dead.UnixMilli()); err != nil {
			return fmt.Errorf("store: session: %w", err)
		}
		return addToken(ctx, tx, *t)
	})
}

// DeleteSession forgets a session and its tokens; deleting one that is gone is no error.
func (s *Store) DeleteSession(ctx context.Context, id int64) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM session WHERE id = ?`, id); err != nil {
			return fmt.Errorf("store: session: %w", err)
		}
		return nil
	})
}

// EndedSessions are the ids of the sessions that ended before t.
func (s *Store) EndedSessions(ctx context.Context, t time.Time) ([]int64, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id FROM session WHERE until < ? ORDER BY id`, t.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("store: session: %w", err)
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("store: session: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// one gives ErrNotFound where a statement changed no row.
func one(r sql.Result, err error) error {
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}
