package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"firn/pool"
	"firn/sql"
	"firn/sqlerr"
)

// Submission is all that was asked for in SYSTEM$EXECUTE_ML_JOB, checked and with names made whole. It is kept as JSON with the job, so
// fields are only ever added.
type Submission struct {
	Stage          []string          // database, schema, stage
	Path           string            // in the stage, no leading or trailing slash
	Args           []string          // as sent
	Env            map[string]string // the user's, SPEC_OVERRIDES applied
	Image          string            // runtime image
	Minor          string            // its Python
	Integrations   []string          `json:",omitempty"`
	Warehouse      string            `json:",omitempty"` // exact name
	Async          bool
	Metrics        bool     `json:",omitempty"`
	Comment        string   `json:",omitempty"`
	Repositories   []string `json:",omitempty"`
	Notes          []string `json:",omitempty"` // keys that were not known and left alone
	Requests       pool.Resources
	Limits         pool.Resources
	ClientPython   string `json:",omitempty"` // "3.11.7"
	ClientML       string `json:",omitempty"`
	ClientVersion  string `json:",omitempty"`
	ClientApp      string `json:",omitempty"`
	StatementLimit int    `json:",omitempty"`
}

// Paths and names that clients read back out of a job's specification (snowflake/ml/jobs/_utils/constants.py, job.py).
const (
	container   = "main"
	stageMount  = "/mnt/job_stage"
	resultMount = "/mnt/job_result"
	resultFile  = "mljob_result"
	stageVolume = "stage-volume"
	resultVol   = "result-volume"
)

// request is the third and fourth argument as sent.
type request struct {
	stage        sql.StagePath
	args         []string
	env          map[string]string
	metrics      bool
	overrides    json.RawMessage
	runtime      string
	repositories []string
	integrations []string
	warehouse    string // identifier text
	target, min  int
	suffix       bool
	async        bool
	comment      string
	notes        []string
}

// object is a JSON object whose keys are taken one by one; what is left at the end was not known.
type object struct {
	what string
	m    map[string]json.RawMessage
	err  error
}

func parseObject(what, text string) *object {
	o := &object{what: what}
	if strings.TrimSpace(text) == "" || strings.TrimSpace(text) == "null" {
		return o
	}
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&o.m); err != nil {
		o.err = sqlerr.Invalid("Invalid %s: it must be a JSON object (%v).", what, err)
	}
	return o
}

// take decodes the key's value if it is there and not null.
func (o *object) take(key string, v any) {
	raw, ok := o.m[key]
	if !ok {
		return
	}
	delete(o.m, key)
	if o.err != nil || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return
	}
	if err := json.Unmarshal(raw, v); err != nil {
		o.err = sqlerr.Invalid("Invalid value for %s in the %s: %v.", key, o.what, err)
	}
}

// texts is a list of scalars as texts.
func (o *object) texts(key string) []string {
	var vs []any
	raw := o.m[key]
	o.take(key, &vs)
	if len(vs) == 0 {
		return nil
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = scalar(p)
	}
	return out
}

// scalar is a JSON value as an environment variable or an argument has it: texts bare, everything else as written.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(raw))
}

// number is an integer that may come as text or with a fraction of zero.
func (o *object) number(key string, otherwise int) int {
	var v any
	o.take(key, &v)
	switch v := v.(type) {
	case float64:
		if v == float64(int(v)) {
			return int(v)
		}
	case string:
		var n int
		if _, err := fmt.Sscanf(v, "%d", &n); err == nil {
			return n
		}
	case nil:
		return otherwise
	}
	if o.err == nil {
		o.err = sqlerr.Invalid("Invalid value for %s in the %s: it must be a whole number.", key, o.what)
	}
	return otherwise
}

func (o *object) rest(notes *[]string) {
	for _, k := range slices.Sorted(maps.Keys(o.m)) {
		*notes = append(*notes, fmt.Sprintf("unknown key %s in the %s", k, o.what))
	}
}

// parseRequest reads the two JSON texts. Every key may be missing or null; unknown ones are noted, never refused.
func parseRequest(spec, options string) (*request, error) {
	q := &request{async: true}
	s := parseObject("job specification", spec)
	if s.err != nil {
		return nil, s.err
	}
	var stage string
	s.take("STAGE_PATH", &stage)
	q.args = s.texts("ARGS")
	var env map[string]json.RawMessage
	s.take("ENV_VARS", &env)
	q.env = make(map[string]string, len(env))
	for k, v := range env {
		if bytes.Equal(bytes.TrimSpace(v), []byte("null")) {
			continue
		}
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(scalar(v), 0) {
			return nil, sqlerr.Invalid("Invalid environment variable '%s' in the job specification.", k)
		}
		q.env[k] = scalar(v)
	}
	s.take("ENABLE_METRICS", &q.metrics)
	s.take("SPEC_OVERRIDES", &q.overrides)
	var rt json.RawMessage
	s.take("RUNTIME", &rt)
	if len(rt) > 0 {
		q.runtime = scalar(rt)
	}
	var v2 any
	s.take("ENABLE_STAGE_MOUNT_V2", &v2)
	q.repositories = s.texts("ARTIFACT_REPOSITORIES")
	o := parseObject("job options", options)
	q.integrations = o.texts("EXTERNAL_ACCESS_INTEGRATIONS")
	o.take("QUERY_WAREHOUSE", &q.warehouse)
	q.target = o.number("TARGET_INSTANCES", 1)
	q.min = o.number("MIN_INSTANCES", q.target)
	o.take("GENERATE_SUFFIX", &q.suffix)
	o.take("ASYNC", &q.async)
	o.take("COMMENT", &q.comment)
	if s.err != nil {
		return nil, s.err
	}
	if o.err != nil {
		return nil, o.err
	}
	s.rest(&q.notes)
	o.rest(&q.notes)
	if stage == "" {
		return nil, sqlerr.Invalid("Invalid job specification: STAGE_PATH is missing.")
	}
	p, err := sql.ParseStagePath(stage)
	if err != nil || p.URL != "" {
		return nil, sqlerr.Invalid("Invalid stage path '%s' in STAGE_PATH.", stage)
	}
	if p.User || p.Table != nil || len(p.Stage.Parts) == 0 {
		return nil, sqlerr.Unsupported("a job's payload in '%s': use a named stage", stage)
	}
	q.stage = p
	if len(q.args) == 0 {
		return nil, sqlerr.Invalid("Invalid job specification: ARGS is missing.")
	}
	return q, nil
}

// parsed arguments of a job

// command is what ARGS mean: with ours, words for our launcher; else the words as a command of the image.
func (s *Submission) command() (words []string, ours bool) {
	if len(s.Args) >= 3 && s.Args[0] == "bash" && s.Args[1] == stageMount+"/system/startup.sh" && !strings.EqualFold(s.Env["MLRS_USE_EMBEDDED_SCRIPTS"], "false") {
		return s.Args[2:], true
	}
	return s.Args, false
}

// function says whether the payload is a pickled function, which ties it to the Python it was pickled with.
func (s *Submission) function() bool {
	words, ours := s.command()
	if !ours && len(words) >= 3 && words[0] == "bash" {
		words = words[2:]
	}
	return len(words) >= 2 && words[1] == "--script_main_func"
}

// parallel says whether the payload runs on every instance (the client's parallel=True).
func (s *Submission) parallel() bool { return s.Env["MLRS_LAUNCH_BACKEND"] == "passthrough" }

// payload is the folder of the payload in the stage path.
func (s *Submission) payload() string {
	if d := s.Env["MLRS_PAYLOAD_DIR"]; d != "" {
		return d
	}
	return "app"
}

// stagePath is the stage path as text, "@DB.S.STAGE/dir"; more parts are joined with slashes.
func (s *Submission) stagePath(more ...string) string {
	var b strings.Builder
	b.WriteByte('@')
	for i, p := range s.Stage {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(sql.QuoteIdent(p))
	}
	for _, p := range append([]string{s.Path}, more...) {
		if p != "" {
			b.WriteByte('/')
			b.WriteString(p)
		}
	}
	return b.String()
}

// tree is the stage path as the stage room takes it.
func (s *Submission) tree() sql.StagePath {
	n := sql.Name{}
	for _, p := range s.Stage {
		n.Parts = append(n.Parts, sql.Ident{Name: p, Quoted: true})
	}
	return sql.StagePath{Stage: n, Path: s.Path}
}
