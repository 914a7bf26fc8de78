package job

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"firn/pool"
	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// execute is SYSTEM$EXECUTE_ML_JOB(name, pool, spec, options): it answers the job's name as soon as the job is recorded, or, with ASYNC
// false, when it has ended.
func (r *Room) execute(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	j, async, err := r.submit(ctx, sc, a)
	if err != nil {
		return nil, err
	}
	if !async {
		if err := r.await(ctx, j); err != nil {
			return nil, err
		}
	}
	return cell("SYSTEM$EXECUTE_ML_JOB", fullName(j)), nil
}

func (r *Room) submit(ctx context.Context, sc *statement.Context, a statement.Args) (j store.Job, async bool, err error) {
	if len(a.Positional) != 4 {
		return j, false, sqlerr.Compilation(938, "22023", "not enough arguments for function [SYSTEM$EXECUTE_ML_JOB], expected 4, got %d", len(a.Positional))
	}
	q, err := parseRequest(a.String(2), a.String(3))
	if err != nil {
		return j, false, err
	}
	poolName, err := poolName(a.String(1))
	if err != nil {
		return j, false, err
	}
	database, schema, name, err := jobName(sc, a.String(0), "EXECUTE_ML_JOB")
	if err != nil {
		return j, false, err
	}
	if _, err := r.cfg.Tree.SchemaID(ctx, database, schema); err != nil {
		return j, false, err
	}
	if err := r.need(ctx, sc, "USAGE", "COMPUTE POOL", poolName); err != nil {
		return j, false, err
	}
	if err := r.need(ctx, sc, "CREATE SERVICE", "SCHEMA", database, schema); err != nil {
		return j, false, err
	}
	sub, err := r.check(ctx, sc, q)
	if err != nil {
		return j, false, err
	}
	ask := pool.Request{Pool: poolName, Instances: q.target, Min: q.min, Reserve: sub.Requests}
	if err := r.cfg.Pools.Check(ask); err != nil {
		return j, false, err
	}
	body, err := json.Marshal(sub)
	if err != nil {
		return j, false, sqlerr.Internal(err)
	}
	now := r.clock.Now()
	j = store.Job{Database: database, Schema: schema, Name: name, Status: string(Pending), Pool: poolName, Owner: sc.Role, User: sc.User, Query: sc.Query, Request: sc.Request,
		Target: q.target, Min: q.min, Submission: body, Created: now, Updated: now}
	made := false
	for try := 0; ; try++ {
		if q.suffix {
			j.Name = name + suffix()
		}
		var got store.Job
		got, made, err = r.cfg.Store.InsertJob(ctx, j)
		if errors.Is(err, store.ErrExists) {
			if q.suffix && try < 3 {
				continue
			}
			return j, false, sqlerr.Exists(j.Name)
		}
		if err != nil {
			return j, false, sqlerr.Internal(err)
		}
		j = got
		break
	}
	if made {
		l := newLive(j, sub)
		r.mu.Lock()
		r.live[j.ID] = l
		r.mu.Unlock()
		r.look(l)
	}
	return j, q.async, nil
}

// check completes a request and refuses what can be known to fail before anything is recorded.
func (r *Room) check(ctx context.Context, sc *statement.Context, q *request) (*Submission, error) {
	stage, err := whole(sc, q.stage.Stage, "EXECUTE_ML_JOB")
	if err != nil {
		return nil, err
	}
	sub := &Submission{Stage: stage, Path: strings.Trim(q.stage.Path, "/"), Args: q.args, Env: q.env, Integrations: q.integrations, Async: q.async, Metrics: q.metrics,
		Comment: q.comment, Repositories: q.repositories, Notes: q.notes,
		ClientPython: sc.Client.Python, ClientML: sc.Client.ML, ClientVersion: sc.Client.Version, ClientApp: sc.Client.App}
	if err := r.need(ctx, sc, "READ", "STAGE", stage...); err != nil {
		return nil, err
	}
	dir, err := r.cfg.Stages.Dir(ctx, sc, sub.tree())
	if err != nil {
		return nil, err
	}
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return nil, sqlerr.NotExist("Stage path", sub.stagePath())
	}
	if len(q.repositories) > 0 {
		return nil, sqlerr.Unsupported("ARTIFACT_REPOSITORIES of a job")
	}
	if len(sub.Integrations) > 0 {
		for i, n := range sub.Integrations {
			name, err := sql.ParseName(n)
			if err != nil || len(name.Parts) != 1 {
				return nil, sqlerr.Invalid("Invalid name of an external access integration '%s'.", n)
			}
			sub.Integrations[i] = name.Parts[0].Name
		}
		if r.cfg.Networks == nil {
			return nil, sqlerr.NotExist("External access integration", sub.Integrations[0])
		}
		if _, err := r.cfg.Networks.Egress(ctx, sc, sub.Integrations); err != nil {
			return nil, err
		}
	}
	if q.warehouse != "" {
		name, err := sql.ParseName(q.warehouse)
		if err != nil || len(name.Parts) != 1 {
			return nil, sqlerr.Invalid("Invalid warehouse name '%s' in QUERY_WAREHOUSE.", q.warehouse)
		}
		sub.Warehouse = name.Parts[0].Name
		if r.cfg.Warehouses != nil {
			if err := r.cfg.Warehouses.UseWarehouse(ctx, sc, sub.Warehouse); err != nil {
				return nil, err
			}
		}
	}
	if err := sub.override(q.overrides); err != nil {
		return nil, err
	}
	ask := q.runtime
	if ask == "" && minor(sc.Client.Python) != "" { // no client that is asked to choose sends nothing, but users' own calls may
		ask = fmt.Sprintf(`{"pythonVersion": %q}`, minor(sc.Client.Python))
	}
	if sub.Image, err = r.cfg.Runtimes.Resolve(ask); err != nil {
		return nil, err
	}
	if sub.Minor, err = r.cfg.Runtimes.Minor(sub.Image); err != nil {
		return nil, err
	}
	if have := minor(sub.ClientPython); have != "" && have != sub.Minor && sub.function() {
		return nil, sqlerr.Invalid("The function was pickled with Python %s but the job's runtime has Python %s, and pickled code of one does not run on another. "+
			"Submit from Python %s, or ask for a runtime with Python %s: runtime_environment=\"<release>-py%s\".",
			have, sub.Minor, sub.Minor, have, strings.ReplaceAll(have, ".", ""))
	}
	return sub, nil
}

// minor is "3.11" of "3.11.7".
func minor(version string) string {
	p := strings.SplitN(version, ".", 3)
	if len(p) < 2 {
		return ""
	}
	return p[0] + "." + p[1]
}

// suffix makes the names of one definition's jobs different: twelve letters and digits.
func suffix() string {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	var b [12]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:])
}

func poolName(text string) (string, error) {
	n, err := sql.ParseName(text)
	if err != nil || len(n.Parts) != 1 {
		return "", sqlerr.Invalid("Invalid compute pool name '%s'.", text)
	}
	return n.Parts[0].Name, nil
}

// maxName leaves room for a suffix in a file's name.
const maxName = 200

// jobName parses the name of a job to be made.
func jobName(sc *statement.Context, text, operation string) (database, schema, name string, err error) {
	n, err := sql.ParseName(text)
	if err != nil {
		return "", "", "", sqlerr.Invalid("Invalid identifier '%s'.", text)
	}
	parts, err := whole(sc, n, operation)
	if err != nil {
		return "", "", "", err
	}
	name = parts[2]
	for _, c := range name {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '-') {
			return "", "", "", sqlerr.Invalid("Invalid identifier '%s': the name of a job has letters, digits, '_', '-' and '$' only.", text)
		}
	}
	if len(name) > maxName {
		return "", "", "", sqlerr.Invalid("Invalid identifier '%s': the name of a job has at most %d characters.", text, maxName)
	}
	return parts[0], parts[1], name, nil
}

// whole completes a name with the session's database and schema.
func whole(sc *statement.Context, n sql.Name, operation string) ([]string, error) {
	parts := make([]string, 0, 3)
	for _, p := range n.Parts {
		parts = append(parts, p.Name)
	}
	return wholeParts(sc, parts, operation)
}

func wholeParts(sc *statement.Context, parts []string, operation string) ([]string, error) {
	switch len(parts) {
	case 1:
		if sc.Database == "" {
			return nil, sqlerr.NoDatabase(operation)
		}
		if sc.Schema == "" {
			return nil, sqlerr.NoSchema(operation)
		}
		return []string{sc.Database, sc.Schema, parts[0]}, nil
	case 2:
		if sc.Database == "" {
			return nil, sqlerr.NoDatabase(operation)
		}
		return []string{sc.Database, parts[0], parts[1]}, nil
	case 3:
		if parts[1] == "" {
			return []string{parts[0], "PUBLIC", parts[2]}, nil
		}
		return parts, nil
	}
	return nil, sqlerr.Invalid("Invalid identifier '%s'.", strings.Join(parts, "."))
}

// fullName is the name that clients parse and put into later statements: parts unquoted where that means the same.
func fullName(j store.Job) string {
	return sql.QuoteIdent(j.Database) + "." + sql.QuoteIdent(j.Schema) + "." + sql.QuoteIdent(j.Name)
}

func (r *Room) need(ctx context.Context, sc *statement.Context, privilege, kind string, name ...string) error {
	if r.cfg.Access == nil {
		return nil
	}
	return r.cfg.Access.Check(ctx, sc, []statement.Need{{Privilege: privilege, Kind: kind, Name: name}})
}

// await blocks until a job has ended; its failure is the statement's.
func (r *Room) await(ctx context.Context, j store.Job) error {
	if l := r.find(j.ID); l != nil {
		select {
		case <-l.done:
			j = l.record()
		case <-ctx.Done():
			return sqlerr.Canceled()
		case <-r.ctx.Done():
			return sqlerr.Internal(errClosed)
		}
	} else {
		var err error
		if j, err = r.cfg.Store.Job(ctx, j.ID); err != nil {
			return sqlerr.Internal(err)
		}
	}
	if Status(j.Status) != Done {
		return sqlerr.New(395014, "P0001", "Job %s ended with status %s: %s", fullName(j), j.Status, j.Message)
	}
	return nil
}

func cell(column, text string) *result.Result {
	return &result.Result{Columns: []result.Column{result.TextColumn(column)}, Rows: [][]any{{text}}, Type: result.TypeCall}
}
