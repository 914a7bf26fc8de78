package job

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"firn/result"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

func ltz(name string) result.Column {
	return result.Column{Name: name, Type: result.Type{Kind: result.TimestampLTZ, Scale: 3}, Nullable: true}
}

// historyColumns are those of Snowflake's page on GET_JOB_HISTORY.
var historyColumns = []result.Column{
	result.TextColumn("QUERY_ID"), result.IntColumn("ID"), result.TextColumn("NAME"), result.TextColumn("DATABASE_NAME"), result.TextColumn("SCHEMA_NAME"),
	ltz("CREATED_TIME"), ltz("COMPLETED_TIME"), ltz("DELETED_TIME"), result.TextColumn("STATUS"), result.TextColumn("MESSAGE"), result.VariantColumn("INSTANCE_STATUSES"),
	result.TextColumn("COMPUTE_POOL_NAME"), result.TextColumn("OWNER"), result.TextColumn("OWNER_ROLE_TYPE"), result.VariantColumn("PARAMETERS"), result.VariantColumn("MANAGING_OBJECT"),
}

const (
	historyDays  = 30
	historyLimit = 100   // RESULT_LIMIT's default
	historyMost  = 10000 // and its largest
)

// history is SNOWFLAKE.SPCS.GET_JOB_HISTORY: the role's jobs of the last 30 days, dropped ones too, newest first.
func (r *Room) history(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	jobs, err := r.past(ctx, sc, a)
	if err != nil {
		return nil, err
	}
	instances, err := r.instancesOf(ctx, jobs)
	if err != nil {
		return nil, err
	}
	out := &result.Result{Columns: historyColumns, Type: result.TypeSelect, Rows: make([][]any, len(jobs))}
	for i, j := range jobs {
		l := r.find(j.ID)
		message := j.Message
		vs := recorded(instances[j.ID])
		if l != nil {
			j = l.record()
			message = j.Message
			if vs, err = r.views(ctx, j, l); err != nil {
				return nil, err
			}
			if p := r.cfg.Pools.Pending(j.ID); p != "" {
				message = p
			}
		}
		sub, err := submission(j)
		if err != nil {
			return nil, err
		}
		params := map[string]any{"REPLICAS": j.Target, "MIN_INSTANCES": j.Min, "ASYNC": sub.Async, "job_seconds": r.jobSeconds(vs)}
		if len(sub.Integrations) > 0 {
			params["EXTERNAL_ACCESS_INTEGRATIONS"] = sub.Integrations
		}
		if sub.Warehouse != "" {
			params["QUERY_WAREHOUSE"] = sub.Warehouse
		}
		if sub.ClientML != "" {
			params["CLIENT_VERSION"] = sub.ClientML
		}
		if len(sub.Notes) > 0 {
			params["NOTES"] = sub.Notes
		}
		p, err := json.Marshal(params)
		if err != nil {
			return nil, sqlerr.Internal(err)
		}
		out.Rows[i] = []any{j.Query, j.ID, j.Name, j.Database, j.Schema, at(j.Created), at(j.Completed), at(j.Deleted), j.Status, message, statuses(vs, sub.Image), j.Pool, j.Owner, "ROLE", json.RawMessage(p), nil}
	}
	return out, nil
}

func (r *Room) past(ctx context.Context, sc *statement.Context, a statement.Args) ([]store.Job, error) {
	f := store.JobFilter{Limit: historyLimit}
	if sc.Role != admin {
		f.Owner = sc.Role
	}
	var err error
	if f.Since, err = argTime(a, "CREATED_TIME_START", 0); err != nil {
		return nil, err
	}
	if f.Until, err = argTime(a, "CREATED_TIME_END", 1); err != nil {
		return nil, err
	}
	if f.Since.IsZero() {
		f.Since = r.clock.Now().Add(-historyDays * 24 * time.Hour)
	}
	v, ok := a.Named["RESULT_LIMIT"]
	if !ok && len(a.Positional) > 2 {
		v, ok = a.Positional[2], true
	}
	if ok && v != nil {
		n, ok := number(v)
		if !ok || n < 1 || n > historyMost {
			return nil, sqlerr.Invalid("RESULT_LIMIT must be between 1 and %d.", historyMost)
		}
		f.Limit = int(n)
	}
	jobs, err := r.cfg.Store.Jobs(ctx, f)
	if err != nil {
		return nil, sqlerr.Internal(err)
	}
	return jobs, nil
}

func (r *Room) instancesOf(ctx context.Context, jobs []store.Job) (map[int64][]store.JobInstance, error) {
	ids := make([]int64, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	m, err := r.cfg.Store.InstancesOf(ctx, ids)
	if err != nil {
		return nil, sqlerr.Internal(err)
	}
	return m, nil
}

// jobSeconds are the seconds that instances held their nodes, all together.
func (r *Room) jobSeconds(vs []view) float64 {
	var sum time.Duration
	for _, v := range vs {
		if v.started.IsZero() {
			continue
		}
		end := v.ended
		if end.IsZero() {
			end = r.clock.Now()
		}
		sum += max(end.Sub(v.started), 0)
	}
	return float64(sum.Milliseconds()) / 1000
}

func statuses(vs []view, image string) json.RawMessage {
	type containerStatus struct {
		Name     string `json:"containerName"`
		Image    string `json:"image"`
		Code     *int   `json:"lastExitCode"`
		Message  string `json:"message"`
		Restarts int    `json:"restartCount"`
		Started  string `json:"startTime"`
		Status   string `json:"status"`
	}
	type instanceStatus struct {
		Containers []containerStatus `json:"containers"`
		ID         string            `json:"instanceId"`
	}
	out := struct {
		Failed    int              `json:"failedInstances"`
		Instances []instanceStatus `json:"instances"`
		Pending   int              `json:"pendingInstances"`
		Running   int              `json:"runningInstances"`
		Succeeded int              `json:"succeededInstances"`
		Total     int              `json:"totalInstances"`
	}{Instances: []instanceStatus{}, Total: len(vs)}
	for _, v := range vs {
		switch v.status {
		case "FAILED":
			out.Failed++
		case "PENDING":
			out.Pending++
		case "SUCCEEDED":
			out.Succeeded++
		default:
			out.Running++
		}
		out.Instances = append(out.Instances, instanceStatus{[]containerStatus{{container, image, v.code, v.message, 0, stamp(v.started), v.container}}, strconv.Itoa(v.index)})
	}
	b, err := json.Marshal(out)
	if err != nil { // nothing in it can fail to be written
		return nil
	}
	return b
}

var costColumns = []result.Column{
	result.IntColumn("ID"), result.TextColumn("NAME"), result.TextColumn("DATABASE_NAME"), result.TextColumn("SCHEMA_NAME"), result.TextColumn("STATUS"), result.TextColumn("OWNER"), result.TextColumn("USER_NAME"),
	result.TextColumn("COMPUTE_POOL_NAME"), result.TextColumn("INSTANCE_FAMILY"), result.IntColumn("INSTANCES"), ltz("STARTED_TIME"), ltz("COMPLETED_TIME"),
	real_("JOB_SECONDS"), real_("NODE_SECONDS"), real_("CPU_SECONDS"), real_("CREDITS"),
}

func real_(name string) result.Column {
	return result.Column{Name: name, Type: result.Type{Kind: result.Real}, Nullable: true}
}

// cost is FIRN$JOB_COST, with GET_JOB_HISTORY's arguments: what each job took. JOB_SECONDS go from the first start to the last end, NODE_SECONDS
// count each instance, CREDITS are what Snowflake's rates would make of them.
func (r *Room) cost(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	jobs, err := r.past(ctx, sc, a)
	if err != nil {
		return nil, err
	}
	instances, err := r.instancesOf(ctx, jobs)
	if err != nil {
		return nil, err
	}
	out := &result.Result{Columns: costColumns, Type: result.TypeSelect, Rows: make([][]any, len(jobs))}
	for i, j := range jobs {
		vs := recorded(instances[j.ID])
		var cpu float64
		for _, x := range instances[j.ID] {
			cpu += x.CPUSeconds
		}
		if l := r.find(j.ID); l != nil {
			j = l.record()
			if vs, err = r.views(ctx, j, l); err != nil {
				return nil, err
			}
		}
		var first, last time.Time
		ran := 0
		for _, v := range vs {
			if v.started.IsZero() {
				continue
			}
			ran++
			if first.IsZero() || v.started.Before(first) {
				first = v.started
			}
			end := v.ended
			if end.IsZero() {
				end = r.clock.Now()
			}
			if end.After(last) {
				last = end
			}
		}
		wall := 0.0
		if ran > 0 {
			wall = float64(max(last.Sub(first), 0).Milliseconds()) / 1000
		}
		node := r.jobSeconds(vs)
		family, rate := r.cfg.Pools.Credits(j.Pool)
		out.Rows[i] = []any{j.ID, j.Name, j.Database, j.Schema, j.Status, j.Owner, j.User, j.Pool, orNil(family), int64(ran), at(first), at(j.Completed), wall, node, cpu, node / 3600 * rate}
	}
	return out, nil
}
