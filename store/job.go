package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Job is one job's record.
type Job struct {
	ID                     int64
	Database, Schema, Name string // exact names
	Status, Message        string
	Pool                   string
	Owner, User            string // role, user
	Query                  string // id of the statement that made it
	Request                string // the client's requestId, "" if none
	Target, Min            int    // instances wanted, at least
	Granted                int    // instances placed; 0: not yet
	Submission             []byte // JSON of the job room
	Created                time.Time
	Updated                time.Time
	Started                time.Time
	Completed              time.Time
	Deleted                time.Time
}

// JobInstance is what became of one instance.
type JobInstance struct {
	Index          int
	Started, Ended time.Time
	Code           int
	Message        string
	CPUSeconds     float64
	MemPeak        int64
}

const jobColumns = "id, database_name, schema_name, name, status, message, pool, owner, user, query, request, target, min_instances, granted, submission, created, updated, started, completed, deleted"

type scanner interface{ Scan(...any) error }

func scanJob(r scanner) (j Job, err error) {
	var created, updated, started, completed, deleted int64
	err = r.Scan(&j.ID, &j.Database, &j.Schema, &j.Name, &j.Status, &j.Message, &j.Pool, &j.Owner, &j.User, &j.Query, &j.Request,
		&j.Target, &j.Min, &j.Granted, &j.Submission, &created, &updated, &started, &completed, &deleted)
	if errors.Is(err, sql.ErrNoRows) {
		return j, ErrMissing
	}
	if err != nil {
		return j, fmt.Errorf("store: job: %w", err)
	}
	j.Created, j.Updated, j.Started, j.Completed, j.Deleted = fromNanos(created), fromNanos(updated), fromNanos(started), fromNanos(completed), fromNanos(deleted)
	return j, nil
}

// InsertJob adds a job and gives it its id. If the user's request made one already, that one is given and made is false; ErrExists if the
// name is taken.
func (s *Store) InsertJob(ctx context.Context, j Job) (job Job, made bool, err error) {
	err = s.share(ctx, func(tx *sql.Tx) error {
		made = false
		if j.Request != "" {
			job, err = scanJob(tx.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM job WHERE user=? AND request=? AND request<>''", j.User, j.Request))
			if !errors.Is(err, ErrMissing) {
				return err
			}
		}
		job = j
		err := tx.QueryRowContext(ctx, `INSERT INTO job (database_name, schema_name, name, status, message, pool, owner, user, query, request, target, min_instances, granted, submission, created, updated, started, completed, deleted)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING RETURNING id`,
			j.Database, j.Schema, j.Name, j.Status, j.Message, j.Pool, j.Owner, j.User, j.Query, j.Request, j.Target, j.Min, j.Granted, string(j.Submission),
			nanos(j.Created), nanos(j.Updated), nanos(j.Started), nanos(j.Completed), nanos(j.Deleted)).Scan(&job.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrExists
		}
		made = err == nil
		return err
	})
	return job, made, err
}

// JobChange is one step of a job's life, written as one transaction.
type JobChange struct {
	ID      int64
	From    []string // the statuses it may be in
	To      string
	Message *string
	Granted int // 0: unchanged
	// Times: zero leaves them as they are.
	Started, Completed, Deleted time.Time
	At                          time.Time // updated
	Instances                   []JobInstance
}

// ChangeJob makes the step if the job is in one of From's statuses; else ok is false and nothing is written.
func (s *Store) ChangeJob(ctx context.Context, c JobChange) (ok bool, err error) {
	q := "UPDATE job SET status=?, updated=?"
	args := []any{c.To, nanos(c.At)}
	set := func(column string, v any) {
		q += ", " + column + "=?"
		args = append(args, v)
	}
	if c.Message != nil {
		set("message", *c.Message)
	}
	if c.Granted > 0 {
		set("granted", c.Granted)
	}
	for column, t := range map[string]time.Time{"started": c.Started, "completed": c.Completed, "deleted": c.Deleted} {
		if !t.IsZero() {
			set(column, nanos(t))
		}
	}
	q += " WHERE id=? AND status IN (?" + strings.Repeat(",?", len(c.From)-1) + ")"
	args = append(args, c.ID)
	for _, f := range c.From {
		args = append(args, f)
	}
	err = s.share(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, q, args...)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		if ok = n == 1; !ok {
			return nil
		}
		for _, i := range c.Instances {
			_, err := tx.ExecContext(ctx, `INSERT INTO job_instance (job, idx, started, ended, code, message, cpu_seconds, mem_peak) VALUES (?,?,?,?,?,?,?,?)
				ON CONFLICT DO UPDATE SET started=excluded.started, ended=excluded.ended, code=excluded.code, message=excluded.message, cpu_seconds=excluded.cpu_seconds, mem_peak=excluded.mem_peak`,
				c.ID, i.Index, nanos(i.Started), nanos(i.Ended), i.Code, i.Message, i.CPUSeconds, i.MemPeak)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return ok && err == nil, err
}

// Job gives the job of that id, also a dropped one.
func (s *Store) Job(ctx context.Context, id int64) (Job, error) {
	return scanJob(s.r.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM job WHERE id=?", id))
}

// JobByName gives the job of that name that was not dropped, or ErrMissing.
func (s *Store) JobByName(ctx context.Context, database, schema, name string) (Job, error) {
	return scanJob(s.r.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM job WHERE database_name=? AND schema_name=? AND name=? AND deleted=0", database, schema, name))
}

// OpenJobs gives every job that has not ended, oldest first.
func (s *Store) OpenJobs(ctx context.Context) ([]Job, error) {
	return s.jobs(ctx, "WHERE status IN ('PENDING','RUNNING','CANCELLING') ORDER BY id")
}

// JobFilter selects jobs, newest first. Empty fields select all.
type JobFilter struct {
	Owner            string
	Database, Schema string
	Pool             string
	Live             bool // without dropped ones
	Since, Until     time.Time
	Limit            int
}

// Jobs gives the jobs that the filter selects, newest first.
func (s *Store) Jobs(ctx context.Context, f JobFilter) ([]Job, error) {
	var where []string
	var args []any
	add := func(cond string, v any) {
		where = append(where, cond)
		args = append(args, v)
	}
	if f.Owner != "" {
		add("owner=?", f.Owner)
	}
	if f.Database != "" {
		add("database_name=?", f.Database)
	}
	if f.Schema != "" {
		add("schema_name=?", f.Schema)
	}
	if f.Pool != "" {
		add("pool=?", f.Pool)
	}
	if f.Live {
		where = append(where, "deleted=0")
	}
	if !f.Since.IsZero() {
		add("created>=?", nanos(f.Since))
	}
	if !f.Until.IsZero() {
		add("created<=?", nanos(f.Until))
	}
	q := ""
	if len(where) > 0 {
		q = "WHERE " + strings.Join(where, " AND ")
	}
	q += " ORDER BY id DESC"
	if f.Limit > 0 {
		q += " LIMIT ?"
		args = append(args, f.Limit)
	}
	return s.jobs(ctx, q, args...)
}

func (s *Store) jobs(ctx context.Context, tail string, args ...any) ([]Job, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+jobColumns+" FROM job "+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("store: jobs: %w", err)
	}
	defer rows.Close()
	var js []Job
	for rows.Next() {
		j, err := scanJob(rows)
		if err != nil {
			return nil, err
		}
		js = append(js, j)
	}
	return js, rows.Err()
}

// JobInstances gives what is recorded of a job's instances, by index.
func (s *Store) JobInstances(ctx context.Context, job int64) ([]JobInstance, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT idx, started, ended, code, message, cpu_seconds, mem_peak FROM job_instance WHERE job=? ORDER BY idx", job)
	if err != nil {
		return nil, fmt.Errorf("store: instances: %w", err)
	}
	defer rows.Close()
	var is []JobInstance
	for rows.Next() {
		var i JobInstance
		var started, ended int64
		if err := rows.Scan(&i.Index, &started, &ended, &i.Code, &i.Message, &i.CPUSeconds, &i.MemPeak); err != nil {
			return nil, fmt.Errorf("store: instances: %w", err)
		}
		i.Started, i.Ended = fromNanos(started), fromNanos(ended)
		is = append(is, i)
	}
	return is, rows.Err()
}

// InstancesOf gives what is recorded of the instances of several jobs, by job.
func (s *Store) InstancesOf(ctx context.Context, jobs []int64) (map[int64][]JobInstance, error) {
	ids, err := json.Marshal(jobs)
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT job, idx, started, ended, code, message, cpu_seconds, mem_peak FROM job_instance WHERE job IN (SELECT value FROM json_each(?)) ORDER BY job, idx", string(ids))
	if err != nil {
		return nil, fmt.Errorf("store: instances: %w", err)
	}
	defer rows.Close()
	out := map[int64][]JobInstance{}
	for rows.Next() {
		var job int64
		var i JobInstance
		var started, ended int64
		if err := rows.Scan(&job, &i.Index, &started, &ended, &i.Code, &i.Message, &i.CPUSeconds, &i.MemPeak); err != nil {
			return nil, fmt.Errorf("store: instances: %w", err)
		}
		i.Started, i.Ended = fromNanos(started), fromNanos(ended)
		out[job] = append(out[job], i)
	}
	return out, rows.Err()
}
