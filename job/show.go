package job

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"firn/pool"
	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// Handles says whether a statement is this room's.
func (r *Room) Handles(s sql.Statement) bool {
	switch s := s.(type) {
	case *sql.Describe:
		return s.Kind == "SERVICE"
	case *sql.Drop:
		return s.Kind == "SERVICE"
	case *sql.Alter:
		return s.Kind == "SERVICE"
	case *sql.Create:
		return s.Kind == "SERVICE"
	case *sql.ExecuteJob:
		return true
	case *sql.Show:
		switch s.Kind {
		case "SERVICES", "JOB SERVICES", "SERVICE INSTANCES", "SERVICE CONTAINERS", "ENDPOINTS":
			return true
		}
	}
	return false
}

// Run carries out a statement of this room; with describe it only says which columns the answer has.
func (r *Room) Run(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error) {
	switch s := p.Statement.(type) {
	case *sql.Describe:
		if describe {
			return &result.Result{Columns: describeColumns, Type: result.TypeDescribe}, nil
		}
		return r.describe(ctx, sc, s.Name)
	case *sql.Show:
		return r.show(ctx, sc, s, describe)
	case *sql.Drop:
		if s.Undrop {
			return nil, sqlerr.Unsupported("UNDROP SERVICE")
		}
		if describe {
			return &result.Result{Columns: []result.Column{result.TextColumn("status")}, Type: result.TypeDDL}, nil
		}
		return r.dropService(ctx, sc, s)
	case *sql.Alter:
		return nil, sqlerr.Unsupported("ALTER SERVICE")
	case *sql.Create:
		return nil, sqlerr.Unsupported("CREATE SERVICE")
	case *sql.ExecuteJob:
		if s.Create {
			return nil, sqlerr.Unsupported("CREATE SERVICE")
		}
		return nil, sqlerr.Unsupported("EXECUTE JOB SERVICE: submit with SYSTEM$EXECUTE_ML_JOB, as snowflake-ml-python from 1.26 on does")
	}
	return nil, sqlerr.Internal(fmt.Errorf("job: no handler for %T", p.Statement))
}

func parseName(text string) ([]string, error) {
	n, err := sql.ParseName(text)
	if err != nil {
		return nil, sqlerr.Invalid("Invalid identifier '%s'.", text)
	}
	return nameParts(n), nil
}

func nameParts(n sql.Name) []string {
	parts := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		parts[i] = p.Name
	}
	return parts
}

func (r *Room) dropService(ctx context.Context, sc *statement.Context, d *sql.Drop) (*result.Result, error) {
	j, _, err := r.lookup(ctx, sc, nameParts(d.Name), "OWNERSHIP")
	if err != nil {
		if d.IfExists && sqlerr.Is(err, 2003) {
			return result.Status("Drop statement executed successfully (" + strings.Join(nameParts(d.Name), ".") + " already dropped)."), nil
		}
		return nil, err
	}
	if err := r.drop(ctx, j, sc.User); err != nil {
		return nil, err
	}
	return result.Status(j.Name + " successfully dropped."), nil
}

// view is one instance as SHOW gives it.
type view struct {
	index          int
	status         string // of the instance: PENDING READY FAILED TERMINATING SUCCEEDED
	container      string // of its container: PENDING READY DONE FAILED TERMINATING
	message        string
	started, ended time.Time
	code           *int
}

// views are a job's instances, of a live one as they stand, else as recorded.
func (r *Room) views(ctx context.Context, j store.Job, l *live) ([]view, error) {
	var is []instance
	if l != nil && !Status(j.Status).Final() {
		l.mu.Lock()
		is = slices.Clone(l.instances)
		l.mu.Unlock()
	} else {
		rows, err := r.cfg.Store.JobInstances(ctx, j.ID)
		if err != nil {
			return nil, sqlerr.Internal(err)
		}
		return recorded(rows), nil
	}
	if len(is) == 0 {
		is = make([]instance, max(j.Granted, j.Target))
	}
	pending := r.cfg.Pools.Pending(j.ID)
	vs := make([]view, len(is))
	for i, x := range is {
		v := view{index: i, started: x.started, ended: x.ended, message: x.message}
		switch {
		case !x.ended.IsZero() && x.code == 0:
			v.status, v.container, v.code = "SUCCEEDED", "DONE", &x.code
		case !x.ended.IsZero():
			v.status, v.container, v.code = "FAILED", "FAILED", &x.code
		case Status(j.Status) == Cancelling:
			v.status, v.container, v.message = "TERMINATING", "TERMINATING", "Stopping"
		case !x.started.IsZero():
			v.status, v.container, v.message = "READY", "READY", "Running"
		default:
			v.status, v.container, v.message = "PENDING", "PENDING", pending
		}
		vs[i] = v
	}
	return vs, nil
}

func recorded(rows []store.JobInstance) []view {
	vs := make([]view, len(rows))
	for i, x := range rows {
		vs[i] = view{index: x.Index, status: "SUCCEEDED", container: "DONE", message: x.Message, started: x.Started, ended: x.Ended, code: &rows[i].Code}
		if x.Code != 0 {
			vs[i].status, vs[i].container = "FAILED", "FAILED"
		}
	}
	return vs
}

func submission(j store.Job) (*Submission, error) {
	s := &Submission{}
	if err := json.Unmarshal(j.Submission, s); err != nil {
		return nil, sqlerr.Internal(fmt.Errorf("job %d: %w", j.ID, err))
	}
	return s, nil
}

var describeColumns = []result.Column{
	result.TextColumn("name"), result.TextColumn("status"), result.TextColumn("database_name"), result.TextColumn("schema_name"), result.TextColumn("owner"), result.TextColumn("compute_pool"),
	result.TextColumn("spec"), result.TextColumn("dns_name"), result.IntColumn("current_instances"), result.IntColumn("target_instances"), result.IntColumn("min_ready_instances"),
	result.IntColumn("min_instances"), result.IntColumn("max_instances"), result.TextColumn("auto_resume"), result.TextColumn("external_access_integrations"),
	result.TimeColumn("created_on"), result.TimeColumn("updated_on"), result.TimeColumn("resumed_on"), result.TimeColumn("suspended_on"), result.IntColumn("auto_suspend_secs"), result.TextColumn("comment"),
	result.TextColumn("owner_role_type"), result.TextColumn("query_warehouse"), result.TextColumn("is_job"), result.TextColumn("is_async_job"), result.TextColumn("spec_digest"), result.TextColumn("is_upgrading"),
	result.TextColumn("managing_object_domain"), result.TextColumn("managing_object_name"),
}

// without leaves out columns of DESCRIBE SERVICE by name.
func without(names ...string) (columns []result.Column, keep []int) {
	for i, c := range describeColumns {
		if !slices.Contains(names, c.Name) {
			columns, keep = append(columns, c), append(keep, i)
		}
	}
	return columns, keep
}

func (r *Room) serviceRow(j store.Job, sub *Submission, l *live) []any {
	current := 0
	if l != nil {
		l.mu.Lock()
		for _, x := range l.instances {
			if !x.started.IsZero() && x.ended.IsZero() {
				current++
			}
		}
		l.mu.Unlock()
	}
	spec := sub.specification(j.Name, j.Min)
	var eais any
	if len(sub.Integrations) > 0 {
		b, _ := json.Marshal(sub.Integrations) // texts
		eais = string(b)
	}
	return []any{j.Name, j.Status, j.Database, j.Schema, j.Owner, j.Pool, spec, nil, int64(current), int64(j.Target), int64(j.Min), int64(j.Min), int64(j.Target), "false", eais,
		at(j.Created), at(j.Updated), nil, nil, int64(0), orNil(sub.Comment), "ROLE", orNil(sub.Warehouse), "true", strconv.FormatBool(sub.Async), digest(spec), "false", nil, nil}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func at(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func (r *Room) describe(ctx context.Context, sc *statement.Context, n sql.Name) (*result.Result, error) {
	j, l, err := r.lookup(ctx, sc, nameParts(n), "MONITOR")
	if err != nil {
		return nil, err
	}
	sub := &Submission{}
	if l != nil {
		sub = l.sub
	} else if sub, err = submission(j); err != nil {
		return nil, err
	}
	return &result.Result{Columns: describeColumns, Rows: [][]any{r.serviceRow(j, sub, l)}, Type: result.TypeDescribe}, nil
}

var (
	serviceColumns, serviceKeep = without("spec")
	jobColumns, jobKeep         = without("spec", "is_job")
	instanceColumns             = []result.Column{
		result.TextColumn("database_name"), result.TextColumn("schema_name"), result.TextColumn("service_name"), result.TextColumn("service_status"), result.TextColumn("instance_id"),
		result.TextColumn("status"), result.TextColumn("spec_digest"), result.TextColumn("creation_time"), result.TextColumn("start_time"), result.TextColumn("ip_address"),
	}
	containerColumns = []result.Column{
		result.TextColumn("database_name"), result.TextColumn("schema_name"), result.TextColumn("service_name"), result.TextColumn("service_status"), result.TextColumn("instance_id"),
		result.TextColumn("instance_status"), result.TextColumn("container_name"), result.TextColumn("status"), result.TextColumn("message"), result.TextColumn("image_name"), result.TextColumn("image_digest"),
		result.IntColumn("restart_count"), result.TextColumn("start_time"), result.IntColumn("last_exit_code"), result.TextColumn("last_restart_time"),
	}
	endpointColumns = []result.Column{
		result.TextColumn("name"), result.IntColumn("port"), result.TextColumn("port_range"), result.TextColumn("protocol"), result.TextColumn("is_public"), result.TextColumn("ingress_url"),
	}
)

// stamp is a time as SHOW SERVICE INSTANCES writes it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func (r *Room) show(ctx context.Context, sc *statement.Context, q *sql.Show, describe bool) (*result.Result, error) {
	out := &result.Result{Type: result.TypeShow}
	switch q.Kind {
	case "SERVICES":
		out.Columns = serviceColumns
	case "JOB SERVICES":
		out.Columns = jobColumns
	case "SERVICE INSTANCES":
		out.Columns = instanceColumns
	case "SERVICE CONTAINERS":
		out.Columns = containerColumns
	case "ENDPOINTS":
		out.Columns = endpointColumns
	}
	if describe {
		return out, nil
	}
	if q.Kind == "SERVICES" || q.Kind == "JOB SERVICES" {
		return out, r.showServices(ctx, sc, q, out)
	}
	if q.InName == nil {
		return nil, sqlerr.Syntax(q.Pos.Line, q.Pos.Col, "<EOF>")
	}
	j, l, err := r.lookup(ctx, sc, nameParts(*q.InName), "MONITOR")
	if err != nil {
		return nil, err
	}
	if q.Kind == "ENDPOINTS" {
		return out, nil // a job has none of its own
	}
	sub := &Submission{}
	if l != nil {
		sub = l.sub
	} else if sub, err = submission(j); err != nil {
		return nil, err
	}
	vs, err := r.views(ctx, j, l)
	if err != nil {
		return nil, err
	}
	spec := digest(sub.specification(j.Name, j.Min))
	for _, v := range vs {
		var ip any
		if !v.started.IsZero() {
			ip = address(v.index)
			if len(vs) == 1 {
				ip = "127.0.0.1" // alone it has no network but its own
			}
		}
		started := orNil(stamp(v.started))
		if q.Kind == "SERVICE INSTANCES" {
			out.Rows = append(out.Rows, []any{j.Database, j.Schema, j.Name, j.Status, strconv.Itoa(v.index), v.status, spec, stamp(j.Created), started, ip})
			continue
		}
		var code any
		if v.code != nil {
			code = int64(*v.code)
		}
		out.Rows = append(out.Rows, []any{j.Database, j.Schema, j.Name, j.Status, strconv.Itoa(v.index), v.status, container, v.container, v.message, sub.Image, nil, int64(0), started, code, nil})
	}
	return out, nil
}

// mostShown is what a SHOW lists at most (Snowflake: SHOW SERVICES, usage notes).
const mostShown = 10000

func (r *Room) showServices(ctx context.Context, sc *statement.Context, q *sql.Show, out *result.Result) error {
	keep := serviceKeep
	if q.Kind == "JOB SERVICES" {
		keep = jobKeep
	}
	if len(q.Rest) > 0 {
		if strings.HasPrefix(q.Rest[0].Name, "EXCLUDE") {
			return nil // there are no services but jobs
		}
		return sqlerr.Unsupported("SHOW %s %s", q.Kind, q.Rest[0].Name)
	}
	f := store.JobFilter{Live: true, Limit: mostShown}
	if sc.Role != admin {
		f.Owner = sc.Role
	}
	if err := scope(sc, q, &f); err != nil {
		return err
	}
	if q.Like == nil && q.StartsWith == nil && q.From == nil && q.Limit >= 0 {
		f.Limit = min(q.Limit, mostShown)
		if q.Limit == 0 {
			return nil
		}
	}
	jobs, err := r.cfg.Store.Jobs(ctx, f)
	if err != nil {
		return sqlerr.Internal(err)
	}
	if q.From != nil { // a cursor goes by name; else the newest come first
		slices.SortFunc(jobs, func(a, b store.Job) int { return strings.Compare(a.Name, b.Name) })
	}
	filter := pool.NewFilter(q)
	for _, j := range jobs {
		take, more := filter.Take(j.Name)
		if take {
			l := r.find(j.ID)
			if l != nil {
				j = l.record()
			}
			sub, err := submission(j)
			if err != nil {
				return err
			}
			row := r.serviceRow(j, sub, l)
			kept := make([]any, len(keep))
			for i, k := range keep {
				kept[i] = row[k]
			}
			out.Rows = append(out.Rows, kept)
		}
		if !more {
			break
		}
	}
	return nil
}

// scope is IN … of SHOW SERVICES; without it the session's database, if it has one.
func scope(sc *statement.Context, q *sql.Show, f *store.JobFilter) error {
	var name []string
	if q.InName != nil {
		name = nameParts(*q.InName)
	}
	switch {
	case q.In == "ACCOUNT":
	case q.In == "COMPUTE POOL" && len(name) == 1:
		f.Pool = name[0]
	case q.In == "DATABASE" && len(name) == 1:
		f.Database = name[0]
	case (q.In == "SCHEMA" || q.In == "") && len(name) == 2:
		f.Database, f.Schema = name[0], name[1]
	case (q.In == "SCHEMA" || q.In == "") && len(name) == 1:
		if sc.Database == "" {
			return sqlerr.NoDatabase("SHOW SERVICES")
		}
		f.Database, f.Schema = sc.Database, name[0]
	case q.In == "SCHEMA" && len(name) == 0:
		f.Database, f.Schema = sc.Database, sc.Schema
	case len(name) == 0:
		f.Database = sc.Database
	default:
		return sqlerr.Unsupported("SHOW %s IN %s", q.Kind, q.In)
	}
	return nil
}
