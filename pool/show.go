package pool

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"firn/result"
	"firn/sql"
)

// State of a pool, in Snowflake's words.
func (r *Room) stateOf(s *state) string {
	busy := s.running > 0 || len(s.queue) > 0
	switch {
	case s.Suspended && s.running > 0:
		return "STOPPING" // jobs run to their end before the nodes go
	case s.Suspended:
		return "SUSPENDED"
	case r.lacksGPU(s):
		return "STARTING"
	case busy:
		return "ACTIVE"
	}
	return "IDLE"
}

// status is error_code and status_message of DESCRIBE.
func (r *Room) status(s *state) (code, message string) {
	var texts []string
	switch {
	case r.lacksGPU(s) && !s.Suspended:
		code = "392507"
		texts = append(texts, fmt.Sprintf("Compute pool is starting. We have observed CAPACITY_ERROR: this machine has no GPU for instance family %s.", s.Family))
	case !s.Suspended && len(s.queue) > 0 && len(s.nodes) >= s.MaxNodes:
		code = "392508"
		texts = append(texts, "Compute pool has reached the maximum node limit. Consider increasing max_nodes using the ALTER COMPUTE POOL command.")
	case len(s.queue) > 0:
		texts = append(texts, fmt.Sprintf("%d jobs wait: this machine's share for jobs is %s, of which %s are free.", len(s.queue), r.cfg.Machine, r.cfg.Machine.plus(r.used, -1)))
	}
	if t := r.unenforced(); t != "" {
		texts = append(texts, t)
	}
	return code, strings.Join(texts, " ")
}

func (r *Room) unenforced() string {
	if len(r.cfg.Unenforced) == 0 {
		return ""
	}
	return "not enforced here: " + strings.Join(r.cfg.Unenforced, "; ")
}

var commonColumns = []result.Column{
	result.TextColumn("name"), result.TextColumn("state"), result.IntColumn("min_nodes"), result.IntColumn("max_nodes"), result.TextColumn("instance_family"),
	result.IntColumn("num_services"), result.IntColumn("num_jobs"), result.IntColumn("auto_suspend_secs"), result.TextColumn("auto_resume"),
	result.IntColumn("active_nodes"), result.IntColumn("idle_nodes"), result.IntColumn("target_nodes"),
	result.TimeColumn("created_on"), result.TimeColumn("resumed_on"), result.TimeColumn("updated_on"), result.TextColumn("owner"), result.TextColumn("comment"),
	result.TextColumn("is_exclusive"), result.TextColumn("application"),
}

var (
	showColumns     = append(slices.Clip(commonColumns), result.TextColumn("placement_group"), result.TextColumn("backup_instance_families"))
	describeColumns = append(slices.Clip(commonColumns), result.TextColumn("budget"), result.TextColumn("error_code"), result.TextColumn("status_message"), result.TextColumn("placement_group"))
	familyColumns   = []result.Column{
		result.TextColumn("name"), result.TextColumn("description"), result.TextColumn("vcpu"), result.TextColumn("memory_gib"), result.TextColumn("storage_gib"),
		result.TextColumn("gpu"), result.TextColumn("gpu_count"), result.TextColumn("gpu_memory_gib"), result.TextColumn("current_node_usage"), result.TextColumn("message"),
	}
)

func (r *Room) row(s *state) []any {
	active, idle, target := s.counts(r)
	var comment any
	if s.Comment != nil {
		comment = *s.Comment
	}
	return []any{s.Name, r.stateOf(s), int64(s.MinNodes), int64(s.MaxNodes), s.Family, int64(0), int64(s.running), s.AutoSuspendSecs, fmt.Sprint(s.AutoResume),
		int64(active), int64(idle), int64(target), at(s.Created), at(s.Resumed), at(s.Updated), s.Owner, comment, "false", nil}
}

func at(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func (r *Room) show(q *sql.Show, describe bool) (*result.Result, error) {
	out := &result.Result{Columns: showColumns, Type: result.TypeShow}
	if describe {
		return out, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.pools))
	for n := range r.pools {
		names = append(names, n)
	}
	slices.Sort(names)
	f := NewFilter(q)
	for _, n := range names {
		take, more := f.Take(n)
		if take {
			row := r.row(r.pools[n])
			if t := r.unenforced(); t != "" {
				const comment = 16
				if c, ok := row[comment].(string); ok && c != "" {
					row[comment] = c + " (" + t + ")"
				} else {
					row[comment] = "(" + t + ")"
				}
			}
			out.Rows = append(out.Rows, append(row, nil, nil))
		}
		if !more {
			break
		}
	}
	return out, nil
}

func (r *Room) describe(n sql.Name, describe bool) (*result.Result, error) {
	name, err := Name(n)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pools[name]
	if !ok {
		return nil, unknown(name)
	}
	out := &result.Result{Columns: describeColumns, Type: result.TypeDescribe}
	if describe {
		return out, nil
	}
	code, message := r.status(s)
	out.Rows = [][]any{append(r.row(s), nil, code, message, nil)}
	return out, nil
}

func (r *Room) showFamilies(describe bool) *result.Result {
	out := &result.Result{Columns: familyColumns, Type: result.TypeShow}
	if describe {
		return out
	}
	cloud := r.cfg.Cloud
	if cloud == "" {
		cloud = "AWS"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	nodes := map[string]int{}
	for _, s := range r.pools {
		nodes[s.Family] += len(s.nodes)
	}
	for _, name := range r.order {
		f := r.families[name]
		if f.Clouds != "" && !strings.Contains(f.Clouds, cloud) {
			continue
		}
		message := ""
		if l := f.Capacity().least(r.cfg.Machine); l.MilliCPU < f.Capacity().MilliCPU || l.Memory < f.Capacity().Memory {
			l.GPUs = 0
			message = fmt.Sprintf("An instance may use %s on this machine.", l)
		}
		if f.GPUs > 0 && r.cfg.Machine.GPUs == 0 {
			message = "This machine has no GPU."
		}
		out.Rows = append(out.Rows, []any{f.Name, f.Description, fmt.Sprint(f.CPU), fmt.Sprint(f.GiB), fmt.Sprintf("%.2f", float64(f.Disk)*1e9/(1<<30)),
			f.GPU, fmt.Sprint(f.GPUs), fmt.Sprint(f.GPUGiB), fmt.Sprint(nodes[f.Name]), message})
	}
	return out
}

// Status is what SYSTEM$GET_COMPUTE_POOL_STATUS answers: JSON.
func (r *Room) Status(name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pools[name]
	if !ok {
		return "", unknown(name)
	}
	_, message := r.status(s)
	b, err := json.Marshal(map[string]any{"status": r.stateOf(s), "message": message, "numServices": 0, "numJobs": s.running})
	return string(b), err
}

// Filter is LIKE, STARTS WITH, LIMIT and FROM of a SHOW statement, applied to names in their order.
type Filter struct {
	q    *sql.Show
	left int
}

// NewFilter is the filter of q.
func NewFilter(q *sql.Show) *Filter { return &Filter{q: q, left: q.Limit} }

// Take says whether an object of that name is shown, and whether there may be more.
func (f *Filter) Take(name string) (take, more bool) {
	q := f.q
	if q.Like != nil && !Like(q.Like.Value, name) || q.StartsWith != nil && !strings.HasPrefix(name, q.StartsWith.Value) || q.From != nil && name <= q.From.Value {
		return false, f.left != 0
	}
	if f.left == 0 {
		return false, false
	}
	if f.left > 0 {
		f.left--
	}
	return true, f.left != 0
}

// Like is SHOW's LIKE: without regard to case, % and _ as usual, a backslash before one of them means itself.
func Like(pattern, name string) bool {
	p, n := []rune(strings.ToUpper(pattern)), []rune(strings.ToUpper(name))
	pi, ni, star, mark := 0, 0, -1, 0
	for ni < len(n) {
		switch {
		case pi < len(p) && p[pi] == '%':
			star, mark = pi, ni
			pi++
			continue
		case pi < len(p) && p[pi] == '_':
			pi++
			ni++
			continue
		case pi+1 < len(p) && p[pi] == '\\' && p[pi+1] == n[ni]:
			pi += 2
			ni++
			continue
		case pi < len(p) && p[pi] != '\\' && p[pi] == n[ni]:
			pi++
			ni++
			continue
		case star < 0:
			return false
		}
		mark++
		pi, ni = star+1, mark
	}
	for pi < len(p) && p[pi] == '%' {
		pi++
	}
	return pi == len(p)
}
