package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Token is what is kept of a token that was given out: never the token, only its SHA-256.
type Token struct {
	Hash             []byte
	Kind             string // JOB, PAT
	Name             string // of a PAT
	User, Role, Job  string
	Expires, Created time.Time
}

// PutToken keeps a new token.
func (s *Store) PutToken(ctx context.Context, t Token) error {
	return s.exec(ctx, "token", step{`INSERT INTO account_token (hash, kind, name, user, role, job, expires, created) VALUES (?,?,?,?,?,?,?,?)`,
		[]any{t.Hash, t.Kind, t.Name, t.User, t.Role, t.Job, micro(t.Expires), micro(t.Created)}})
}

// Token finds a token by its hash; ok is false if there is none.
func (s *Store) Token(ctx context.Context, hash []byte) (t Token, ok bool, err error) {
	var expires, created int64
	err = s.r.QueryRowContext(ctx, `SELECT kind, name, user, role, job, expires, created FROM account_token WHERE hash = ?`, hash).
		Scan(&t.Kind, &t.Name, &t.User, &t.Role, &t.Job, &expires, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("store: token: %w", err)
	}
	t.Hash, t.Expires, t.Created = hash, fromMicro(expires), fromMicro(created)
	return t, true, nil
}

// UserTokens are a user's programmatic access tokens, oldest first.
func (s *Store) UserTokens(ctx context.Context, user string) ([]Token, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT hash, kind, name, user, role, job, expires, created FROM account_token WHERE user = ? AND kind = 'PAT' ORDER BY created`, user)
	if err != nil {
		return nil, fmt.Errorf("store: tokens: %w", err)
	}
	defer rows.Close()
	var all []Token
	for rows.Next() {
		var t Token
		var expires, created int64
		if err := rows.Scan(&t.Hash, &t.Kind, &t.Name, &t.User, &t.Role, &t.Job, &expires, &created); err != nil {
			return nil, fmt.Errorf("store: tokens: %w", err)
		}
		t.Expires, t.Created = fromMicro(expires), fromMicro(created)
		all = append(all, t)
	}
	return all, rows.Err()
}

// DeleteJobTokens revokes all tokens of a job.
func (s *Store) DeleteJobTokens(ctx context.Context, job string) error {
	return s.exec(ctx, "revoke", step{`DELETE FROM account_token WHERE job = ? AND job <> ''`, []any{job}})
}

// DeleteUserToken revokes one programmatic access token by name.
func (s *Store) DeleteUserToken(ctx context.Context, user, name string) error {
	return s.exec(ctx, "revoke", step{`DELETE FROM account_token WHERE user = ? AND name = ? AND kind = 'PAT'`, []any{user, name}})
}

// DeleteExpiredTokens forgets tokens that ended before t.
func (s *Store) DeleteExpiredTokens(ctx context.Context, t time.Time) error {
	return s.exec(ctx, "expire", step{`DELETE FROM account_token WHERE expires < ?`, []any{micro(t)}})
}
