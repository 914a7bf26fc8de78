package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"firn/session"
	"firn/sqlerr"
	"firn/statement"
)

const maxBinds = 1 << 16 // placeholders of one statement

type queryBody struct {
	SQL        string             `json:"sqlText"`
	Async      bool               `json:"asyncExec"`
	Parameters map[string]any     `json:"parameters"`
	Internal   bool               `json:"isInternal"`
	Describe   bool               `json:"describeOnly"`
	Binds      map[string]binding `json:"bindings"`
	BindStage  string             `json:"bindStage"`
}

type binding struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"` // a text, null, or a list of them (one for each row)
}

// query is POST /queries/v1/query-request.
func (s *server) query(w http.ResponseWriter, r *http.Request) {
	n, err := s.who(r)
	if err != nil {
		s.fail(w, "", err)
		return
	}
	var b queryBody
	if err := decode(r, s.MaxBody, &b); err != nil {
		s.fail(w, newID(), err)
		return
	}
	binds, rows, err := bindings(b.Binds)
	if err != nil {
		s.fail(w, newID(), err)
		return
	}
	q, err := s.Sessions.Submit(n, session.Request{
		SQL: b.SQL, ID: requestID(r), Binds: binds, Rows: rows, BindStage: b.BindStage,
		Describe: b.Describe, Internal: b.Internal, Async: b.Async, Parameters: b.Parameters, BaseURL: baseURL(r),
	})
	if err != nil {
		s.fail(w, newID(), err)
		return
	}
	if b.Async {
		s.pending(w, q, "333334", "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.")
		return
	}
	s.await(w, r, q)
}

// newID stands for a statement that never began: errors carry an id.
func newID() string { return uuid.NewString() }

// await answers with the statement's result once it has ended, or after Hold says where to ask again.
func (s *server) await(w http.ResponseWriter, r *http.Request, q *session.Query) {
	if q.Wait(r.Context(), s.Hold) {
		s.reply(w, r, q)
		return
	}
	if r.Context().Err() != nil {
		return // nobody listens; the statement goes on
	}
	s.pending(w, q, "333333", "Query execution in progress. Result will be available later.")
}

func (s *server) pending(w http.ResponseWriter, q *session.Query, code, message string) {
	send(w, http.StatusOK, envelope{Data: map[string]any{
		"queryId": q.ID, "getResultUrl": "/queries/" + q.ID + "/result", "queryAbortsAfterSecs": 300, "progressDesc": nil,
	}, Code: &code, Message: &message, Success: true})
}

// result is GET /queries/{id}/result: the address to ask again, of a child of several statements, and of Node's second look.
func (s *server) result(w http.ResponseWriter, r *http.Request) {
	n, err := s.who(r)
	if err != nil {
		s.fail(w, "", err)
		return
	}
	id := r.PathValue("id")
	q, found := s.Sessions.Query(n, id)
	if !found {
		s.fail(w, id, sqlerr.New(709, "02000", "Statement %s not found", id))
		return
	}
	s.await(w, r, q)
}

// abort is POST /queries/v1/abort-request (by the statement's requestId) and /queries/{id}/abort-request.
func (s *server) abort(w http.ResponseWriter, r *http.Request) {
	n, err := s.who(r)
	if err != nil {
		s.fail(w, "", err)
		return
	}
	var b struct {
		RequestID string `json:"requestId"`
	}
	if err := decode(r, s.MaxBody, &b); err != nil {
		s.fail(w, "", err)
		return
	}
	id := r.PathValue("id")
	if id != "" {
		b.RequestID = ""
	}
	if !s.Sessions.Cancel(n, b.RequestID, id) {
		s.fail(w, id, sqlerr.New(605, "57014", "Identified SQL statement is not currently executing."))
		return
	}
	ok(w, nil)
}

// monitor is GET /monitoring/queries/{id}.
func (s *server) monitor(w http.ResponseWriter, r *http.Request) {
	n, err := s.who(r)
	if err != nil {
		s.fail(w, "", err)
		return
	}
	type row struct {
		ID        string  `json:"id"`
		Session   int64   `json:"sessionId"`
		Text      string  `json:"sqlText"`
		Status    string  `json:"status"`
		State     string  `json:"state"`
		Code      *string `json:"errorCode"`
		Message   *string `json:"errorMessage"`
		Start     int64   `json:"startTime"`
		End       int64   `json:"endTime"`
		Duration  int64   `json:"totalDuration"`
		Database  *string `json:"databaseName"`
		Schema    *string `json:"schemaName"`
		Warehouse *string `json:"warehouseName"`
	}
	rows := []row{}
	if q, found := s.Sessions.Query(n, r.PathValue("id")); found {
		e := row{ID: q.ID, Session: q.SessionID, Text: q.Text, Status: "RUNNING", State: "RUNNING", Start: q.Start.UnixMilli(),
			Database: orNull(q.Database), Schema: orNull(q.Schema), Warehouse: orNull(q.Warehouse)}
		select {
		case <-q.Done():
			e.Status, e.State = "SUCCESS", "SUCCEEDED"
			e.End = q.End.UnixMilli()
			e.Duration = e.End - e.Start
			if q.Err != nil {
				e.Status, e.State = "FAILED_WITH_ERROR", "FAILED"
				e.Code, e.Message = text(number(q.Err.Code)), &q.Err.Message
			}
		default:
		}
		rows = append(rows, e)
	}
	ok(w, map[string]any{"queries": rows})
}

// bindings puts a request's binds in order. rows > 0: every bind is a list of so many values.
func bindings(m map[string]binding) ([]statement.Bind, int, error) {
	if len(m) == 0 {
		return nil, 0, nil
	}
	rows, single := -1, false
	out := make([]statement.Bind, len(m))
	for k, b := range m {
		i, err := strconv.Atoi(k)
		if err != nil || i < 1 || i > maxBinds {
			return nil, 0, sqlerr.Invalid("bind '%s' is no number of a placeholder", k)
		}
		for len(out) < i {
			out = append(out, statement.Bind{Type: "ANY"})
		}
		v := statement.Bind{Type: strings.ToUpper(b.Type)}
		raw := bytes.TrimSpace(b.Value)
		if len(raw) > 0 && raw[0] == '[' {
			if v.Values, err = bindList(raw); err != nil {
				return nil, 0, err
			}
			if rows >= 0 && rows != len(v.Values) {
				return nil, 0, sqlerr.Invalid("bound lists have %d and %d values", rows, len(v.Values))
			}
			rows = len(v.Values)
		} else {
			single = true
			if v.Value, err = bindText(raw); err != nil {
				return nil, 0, err
			}
		}
		out[i-1] = v
	}
	if rows >= 0 && single {
		return nil, 0, sqlerr.Invalid("lists and single values are bound in one statement")
	}
	return out, max(rows, 0), nil
}

// bindList is a bound list. Clients send texts and nulls; other values make it slower, not wrong.
func bindList(raw json.RawMessage) ([]*string, error) {
	out := []*string{}
	if json.Unmarshal(raw, &out) == nil {
		return out, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, invalid(err)
	}
	out = make([]*string, len(list))
	for i, e := range list {
		var err error
		if out[i], err = bindText(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bindText is a bound value: clients send texts; numbers and booleans are taken as their text.
func bindText(raw json.RawMessage) (*string, error) {
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		return nil, nil
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, invalid(err)
		}
		return &s, nil
	}
	return text(string(raw)), nil
}
