package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// Request is one statement as a client sends it.
type Request struct {
	SQL        string
	ID         string           // requestId
	Binds      []statement.Bind // by number
	Rows       int              // > 0: every bind is a list of so many values
	BindStage  string
	Describe   bool
	Internal   bool
	Async      bool
	Parameters map[string]any // of this statement; keys that are no parameters are the client's telemetry
	BaseURL    string         // "http://host:port" by which the client reaches us
}

// Query is one statement and what became of it. The fields from End on are valid once Done is closed.
type Query struct {
	ID, Text, RequestID string
	SessionID           int64
	User, Role          string
	Database, Schema    string // at its start
	Warehouse           string
	Tag                 string
	Client              statement.Client
	Describe            bool
	Format              string // JSON or ARROW, as its session's client wants results
	Start               time.Time

	End      time.Time
	Err      *sqlerr.Error
	Final    Names       // the session's context after it
	Changed  []Parameter // parameters that the client keeps and that it set
	Children []*Query    // of a request with several statements
	Params   int         // placeholders in it

	cancel context.CancelCauseFunc
	done   chan struct{}

	mu           sync.Mutex
	result       *result.Result // nil: an error, or dropped
	memory, disk int64          // the ledger's
	download     string
}

// Names are a session's current names; "" if none.
type Names struct{ Role, Database, Schema, Warehouse string }

// Done is closed when the statement has ended.
func (q *Query) Done() <-chan struct{} { return q.done }

func (q *Query) ended() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// Wait waits at most d, and no longer than ctx, and says whether the statement has ended.
func (q *Query) Wait(ctx context.Context, d time.Duration) bool {
	if q.ended() {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-q.done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return q.ended()
}

// Result is a finished statement's result; its error is the statement's own, or that the result is no longer kept.
func (q *Query) Result() (*result.Result, error) {
	if q.Err != nil {
		return nil, q.Err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.result == nil {
		return nil, sqlerr.New(710, "02000", "The result of statement %s is no longer kept.", q.ID)
	}
	return q.result, nil
}

// Download is the secret part of the URLs of a result's chunks.
func (q *Query) Download() string { return q.download }

func (q *Query) take() *result.Result {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.result
	q.result = nil
	return r
}

// Submit begins a statement, or finds the one that the same request began. It does not wait.
func (s *Sessions) Submit(n *Session, r Request) (*Query, error) {
	return s.submit(s.ctx, n, r, false, nil)
}

// submit enters a statement and carries it out: here (inside another one, whose ctx it gets) or in a goroutine of its own. do, if
// given, stands for parsing and running the text.
func (s *Sessions) submit(base context.Context, n *Session, r Request, here bool, do func(context.Context, *run) (*result.Result, error)) (*Query, error) {
	st := n.state.Load()
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	over := statementParameters(r.Parameters)
	params := view{st.parameters, over, st.variables}
	q := &Query{ID: id.String(), Text: shorten(r.SQL), RequestID: r.ID, SessionID: n.id, User: n.user, Role: st.role, Database: st.database, Schema: st.schema, Warehouse: st.warehouse,
		Tag: params.Get("QUERY_TAG"), Client: n.client, Describe: r.Describe, Format: format(n.client.App, params), Start: s.Clock(), done: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(base)
	q.cancel = cancel

	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		cancel(nil)
		return nil, sqlerr.New(390400, "08006", "The server is shutting down.")
	}
	s.active.Add(1)
	s.mu.Unlock()
	first, fresh := s.ledger.begin(q)
	if !fresh {
		s.active.Done()
		cancel(nil)
		return first, nil
	}
	if !r.Describe {
		n.note(q.ID)
	}
	sc := &statement.Context{Session: n.id, Query: q.ID, Request: r.ID, Text: r.SQL, User: n.user, Role: st.role, Database: st.database, Schema: st.schema, Warehouse: st.warehouse,
		Region: s.Region, Account: s.Account, Version: s.Version, BaseURL: r.BaseURL, Job: n.job, Client: n.client, Binds: r.Binds, Rows: r.Rows, Params: params,
		Variables: st.variables}
	sc.Client.IsInternal = r.Internal
	sc.Client.ML, sc.Client.Python = telemetry(r.Parameters)
	run := &run{s: s, n: n, q: q, sc: sc, r: r, do: do}
	if here {
		run.begin(ctx)
	} else {
		go run.begin(ctx)
	}
	return q, nil
}

// note remembers a statement for LAST_QUERY_ID.
func (n *Session) note(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.ids) >= 2000 {
		n.ids = append(n.ids[:0], n.ids[1000:]...)
	}
	n.ids = append(n.ids, id)
}

// format is the form of a result's rows: JavaScript reads JSON only; Arrow for Go and for Python, whose libraries name themselves
// (PythonConnector, PythonSnowpark, …), unless a parameter says JSON.
func format(app string, v view) string {
	var name string
	switch {
	case strings.HasPrefix(app, "Python"):
		name = "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT"
	case app == "Go":
		name = "GO_QUERY_RESULT_FORMAT"
	default:
		return "JSON"
	}
	if strings.EqualFold(v.Get(name), "JSON") {
		return "JSON"
	}
	return "ARROW"
}

// statementParameters picks the parameters out of what a request's client adds to it.
func statementParameters(m map[string]any) map[string]string {
	var out map[string]string
	for k, v := range m {
		k = strings.ToUpper(k)
		p, ok := parameters[k]
		if !ok {
			continue
		}
		text, ok := parameterText(v)
		if !ok {
			continue
		}
		if text, err := p.check(text); err == nil {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = text
		}
	}
	return out
}

// telemetry finds the version of snowflake-ml-python and of the client's Python, which it adds to its statements' parameters.
func telemetry(m map[string]any) (ml, python string) {
	if len(m) == 0 {
		return "", ""
	}
	if src, _ := m["source"].(string); strings.EqualFold(src, "SnowML") {
		ml, _ = m["version"].(string)
	}
	python, _ = m["python_version"].(string)
	return ml, python
}

// run is one statement being carried out.
type run struct {
	s  *Sessions
	n  *Session
	q  *Query
	sc *statement.Context
	r  Request
	do func(context.Context, *run) (*result.Result, error)

	depth int // of EXECUTE IMMEDIATE
}

// begin carries the statement out and ends its Query, whatever happens.
func (u *run) begin(ctx context.Context) {
	q := u.q
	defer u.s.active.Done()
	defer q.cancel(nil)
	res, err := u.guard(ctx)
	if err == nil && res == nil {
		err = errors.New("a room gave neither a result nor an error")
	}
	if err != nil {
		q.Err = u.failure(ctx, err)
		res = nil
	}
	if res != nil && res.Transfer == nil {
		if q.memory, q.disk, err = spool(u.s.Dir, q.ID, res); err != nil {
			q.Err = u.failure(ctx, err)
			res = nil
		} else if res.Data != nil && (len(res.Data.Segments) > 1 || res.Data.Path != "") {
			q.download = secret()
		}
	} else if res != nil {
		q.memory = 1 << 10
	}
	q.result = res
	st := u.n.state.Load()
	q.Final = Names{st.role, st.database, st.schema, st.warehouse}
	q.End = u.s.Clock()
	close(q.done)
	u.s.ledger.end(q)
}

// keptText is how many bytes of a statement's text are remembered.
const keptText = 4 << 10

func shorten(text string) string {
	if len(text) <= keptText {
		return text
	}
	return strings.Clone(text[:keptText])
}

func secret() string {
	var b [18]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// guard turns a panic of a room into an error.
func (u *run) guard(ctx context.Context) (res *result.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if d := u.timeout(); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, sqlerr.New(630, "57014", "Statement reached its statement or warehouse timeout of %d second(s) and was canceled.", int64(d/time.Second)))
		defer cancel()
		res, err = u.carry(ctx)
		if err != nil && ctx.Err() != nil {
			if e, ok := sqlerr.As(context.Cause(ctx)); ok {
				err = e
			}
		}
		return res, err
	}
	return u.carry(ctx)
}

func (u *run) carry(ctx context.Context) (*result.Result, error) {
	if u.do != nil {
		return u.do(ctx, u)
	}
	return u.text(ctx)
}

func (u *run) timeout() time.Duration {
	v := u.sc.Params.Get("STATEMENT_TIMEOUT_IN_SECONDS")
	if v == parameters["STATEMENT_TIMEOUT_IN_SECONDS"].standard {
		return 0 // two days: not worth a timer
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n <= 0 || n > 604800 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// failure is an error as the client sees it: a cancelled statement's is 000604 whatever the room said.
func (u *run) failure(ctx context.Context, err error) *sqlerr.Error {
	if ctx.Err() != nil {
		if e, ok := sqlerr.As(context.Cause(ctx)); ok {
			return e
		}
		if u.s.ctx.Err() != nil {
			return sqlerr.New(390400, "08006", "The server is shutting down.")
		}
		return sqlerr.Canceled()
	}
	e, ok := sqlerr.As(err)
	if !ok {
		e = sqlerr.Internal(err)
	}
	if e.Code == 603 || e.Code == 300006 {
		u.s.Log.Error("statement failed", "query", u.q.ID, "session", u.q.SessionID, "err", fmt.Sprint(errors.Unwrap(e)))
	}
	return e
}

// text parses the request's text and carries its statement or statements out.
func (u *run) text(ctx context.Context) (*result.Result, error) {
	p, err := sql.Parse(u.r.SQL)
	var many *sql.MultipleError
	if errors.As(err, &many) {
		want := u.sc.Params.Get("MULTI_STATEMENT_COUNT")
		if want != "0" && want != strconv.Itoa(many.Count) {
			return nil, sqlerr.New(8, "0A000", "Actual statement count %d did not match the desired statement count %s.", many.Count, want)
		}
		return u.several(ctx)
	}
	if err != nil {
		return nil, parseError(err)
	}
	return u.statement(ctx, p)
}

// several carries out each statement as a query of its own; the answer names them.
func (u *run) several(ctx context.Context) (*result.Result, error) {
	if len(u.r.Binds) > 0 || u.r.BindStage != "" {
		return nil, sqlerr.Unsupported("binds in a request with several statements")
	}
	for _, text := range sql.Split(u.r.SQL) {
		q, err := u.step(ctx, text, u.r.Describe)
		if err != nil {
			return nil, err
		}
		u.q.Children = append(u.q.Children, q)
		if q.Err != nil {
			return nil, q.Err
		}
	}
	return &result.Result{Columns: []result.Column{result.TextColumn("multiple statement execution")}, Rows: [][]any{{"Multiple statements executed successfully."}}, Type: result.TypeMulti}, nil
}

// step carries a text out as a query of its own within this one, and ends with it.
func (u *run) step(ctx context.Context, text string, describe bool) (*Query, error) {
	r := u.r
	r.SQL, r.Describe, r.Async, r.Binds, r.Rows, r.BindStage = text, describe, false, nil, 0, ""
	if r.ID != "" {
		r.ID = r.ID + "/" + strconv.Itoa(len(u.q.Children))
	}
	params := make(map[string]any, len(r.Parameters))
	for k, v := range r.Parameters {
		if !strings.EqualFold(k, "MULTI_STATEMENT_COUNT") {
			params[k] = v
		}
	}
	params["MULTI_STATEMENT_COUNT"] = "1"
	r.Parameters = params
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return u.s.submit(ctx, u.n, r, true, nil)
}

// parseError is a parser's error as Snowflake's.
func parseError(err error) error {
	var syntax *sql.SyntaxError
	var depth *sql.DepthError
	switch {
	case errors.Is(err, sql.ErrEmpty):
		return sqlerr.New(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
	case errors.As(err, &syntax):
		return sqlerr.Syntax(syntax.Line, syntax.Col, syntax.Unexpected)
	case errors.As(err, &depth):
		e := sqlerr.Compilation(1003, "42000", "syntax error line %d at position %d: %s", depth.Line, depth.Col, depth.Error())
		e.Line, e.Pos = depth.Line, depth.Col
		return e
	}
	if _, ok := sqlerr.As(err); ok {
		return err
	}
	return sqlerr.Compilation(1003, "42000", "%v", err)
}

// Query finds a statement by its id; only its own user does.
func (s *Sessions) Query(n *Session, id string) (*Query, bool) {
	q := s.ledger.query(strings.ToLower(id))
	if q == nil || q.User != n.user {
		return nil, false
	}
	return q, true
}

// Download finds a finished statement by the secret of its chunks' URLs.
func (s *Sessions) Download(secret string) (*Query, bool) {
	q := s.ledger.downloaded(secret)
	return q, q != nil
}

// Cancel cancels the session's statement with that requestId or, if that is empty, the user's statement with that query id.
// It says whether there was one that ran.
func (s *Sessions) Cancel(n *Session, requestID, queryID string) bool {
	var q *Query
	if requestID != "" {
		q = s.ledger.request(n.id, requestID)
	}
	if q == nil && queryID != "" {
		q, _ = s.Query(n, queryID)
	}
	if q == nil || q.ended() {
		return false
	}
	q.cancel(sqlerr.Canceled())
	return true
}

// History calls f with the statements that are remembered, newest first, until it returns false: what QUERY_HISTORY is made from.
func (s *Sessions) History(f func(*Query) bool) { s.ledger.each(f) }
