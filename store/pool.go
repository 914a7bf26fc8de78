package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrExists is returned for a name that is taken; ErrMissing for one that is not there.
var (
	ErrExists  = errors.New("store: exists")
	ErrMissing = errors.New("store: does not exist")
)

// Pool is one compute pool as its owner made it.
type Pool struct {
	ID                 int64
	Name               string
	Family             string
	MinNodes, MaxNodes int
	AutoResume         bool
	AutoSuspendSecs    int64 // 0: never
	Suspended          bool
	Owner              string
	Comment            *string
	Created            time.Time
	Resumed            time.Time // zero: never suspended and resumed
	Updated            time.Time
}

const poolColumns = "id, name, family, min_nodes, max_nodes, auto_resume, auto_suspend_secs, suspended, owner, comment, created, resumed, updated"

// Pools gives all pools by name.
func (s *Store) Pools(ctx context.Context) ([]Pool, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+poolColumns+" FROM compute_pool ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("store: pools: %w", err)
	}
	defer rows.Close()
	var ps []Pool
	for rows.Next() {
		var p Pool
		var created, resumed, updated int64
		err := rows.Scan(&p.ID, &p.Name, &p.Family, &p.MinNodes, &p.MaxNodes, &p.AutoResume, &p.AutoSuspendSecs, &p.Suspended, &p.Owner, &p.Comment, &created, &resumed, &updated)
		if err != nil {
			return nil, fmt.Errorf("store: pools: %w", err)
		}
		p.Created, p.Resumed, p.Updated = fromNanos(created), fromNanos(resumed), fromNanos(updated)
		ps = append(ps, p)
	}
	return ps, rows.Err()
}

// InsertPool adds a pool and gives its id; ErrExists if the name is taken.
func (s *Store) InsertPool(ctx context.Context, p Pool) (int64, error) {
	var id int64
	err := s.update(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO compute_pool (name, family, min_nodes, max_nodes, auto_resume, auto_suspend_secs, suspended, owner, comment, created, resumed, updated)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING RETURNING id`,
			p.Name, p.Family, p.MinNodes, p.MaxNodes, p.AutoResume, p.AutoSuspendSecs, p.Suspended, p.Owner, p.Comment, nanos(p.Created), nanos(p.Resumed), nanos(p.Updated)).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrExists
		}
		return err
	})
	return id, err
}

// UpdatePool writes all of a pool but its id, name and creation.
func (s *Store) UpdatePool(ctx context.Context, p Pool) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE compute_pool SET family=?, min_nodes=?, max_nodes=?, auto_resume=?, auto_suspend_secs=?, suspended=?, owner=?, comment=?, resumed=?, updated=? WHERE id=?`,
			p.Family, p.MinNodes, p.MaxNodes, p.AutoResume, p.AutoSuspendSecs, p.Suspended, p.Owner, p.Comment, nanos(p.Resumed), nanos(p.Updated), p.ID)
		return mustChange(r, err)
	})
}

// DeletePool removes a pool.
func (s *Store) DeletePool(ctx context.Context, id int64) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		return mustChange(tx.ExecContext(ctx, "DELETE FROM compute_pool WHERE id=?", id))
	})
}

func mustChange(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrMissing, err)
	}
	return nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
