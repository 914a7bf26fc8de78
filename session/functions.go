package session

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// functions are those that only session can carry out.
func (s *Sessions) functions() []statement.Function {
	text := []result.Column{result.TextColumn("")}
	return []statement.Function{
		{Name: "RESULT_SCAN", Table: true, Describe: s.describeScan, Call: s.resultScan},
		{Name: "LAST_QUERY_ID", Scalar: true, Columns: text, Call: s.lastQueryID},
		{Name: "SYSTEM$CANCEL_QUERY", Scalar: true, Procedure: true, Columns: text, Call: s.cancelQuery},
		{Name: "SYSTEM$CANCEL_ALL_QUERIES", Scalar: true, Procedure: true, Columns: text, Call: s.cancelAll},
		{Name: "SYSTEM$CLIENT_VERSION_INFO", Scalar: true, Procedure: true, Columns: text, Call: versionInfo},
	}
}

func answer(name, v string) *result.Result {
	return result.Scalar(result.TextColumn(name), v)
}

// scanned is the result that RESULT_SCAN(id) reads: of any of the user's sessions. It waits for a statement that still runs.
func (s *Sessions) scanned(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	var id string
	switch v := first(a).(type) {
	case string:
		id = strings.ToLower(strings.TrimSpace(v))
	case int64:
		id = s.nth(sc, v)
	}
	q := s.ledger.query(id)
	if q == nil || q.User != sc.User || q.ID == sc.Query {
		return nil, sqlerr.New(709, "02000", "Statement %s not found", id)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return nil, sqlerr.Canceled()
	}
	r, err := q.Result()
	if err != nil {
		return nil, err
	}
	if r.Transfer != nil {
		return nil, sqlerr.Unsupported("RESULT_SCAN of a PUT or GET")
	}
	return r, nil
}

func first(a statement.Args) any {
	if len(a.Positional) == 0 {
		return nil
	}
	return a.Positional[0]
}

func (s *Sessions) describeScan(ctx context.Context, sc *statement.Context, a statement.Args) ([]result.Column, error) {
	r, err := s.scanned(ctx, sc, a)
	if err != nil {
		return nil, err
	}
	return r.Columns, nil
}

func (s *Sessions) resultScan(ctx context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	return s.scanned(ctx, sc, a)
}

// nth is LAST_QUERY_ID(n): -1 the last statement, -2 the one before it, 1 the session's first; "" if there is none.
func (s *Sessions) nth(sc *statement.Context, n int64) string {
	s.mu.Lock()
	session := s.byID[sc.Session]
	s.mu.Unlock()
	if session == nil {
		return ""
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	ids := session.ids
	if len(ids) > 0 && ids[len(ids)-1] == sc.Query {
		ids = ids[:len(ids)-1]
	}
	i := int(n) - 1
	if n < 0 {
		i = len(ids) + int(n)
	}
	if n == 0 || i < 0 || i >= len(ids) {
		return ""
	}
	return ids[i]
}

func (s *Sessions) lastQueryID(_ context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	n := int64(-1)
	switch v := first(a).(type) {
	case nil:
	case int64:
		n = v
	case string:
		i, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, sqlerr.Invalid("invalid argument [%s] for LAST_QUERY_ID", v)
		}
		n = i
	}
	id := s.nth(sc, n)
	if id == "" {
		return &result.Result{Columns: []result.Column{result.TextColumn("LAST_QUERY_ID()")}, Rows: [][]any{{nil}}, Type: result.TypeSelect}, nil
	}
	return answer("LAST_QUERY_ID()", id), nil
}

func (s *Sessions) cancelQuery(_ context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	id := strings.ToLower(a.String(0))
	q := s.ledger.query(id)
	if q == nil || q.User != sc.User && sc.Role != "ACCOUNTADMIN" {
		return nil, sqlerr.New(709, "02000", "Statement %s not found", id)
	}
	if q.ended() {
		return answer("SYSTEM$CANCEL_QUERY", "Identified SQL statement is not currently executing."), nil
	}
	q.cancel(sqlerr.Canceled())
	return answer("SYSTEM$CANCEL_QUERY", "query ["+id+"] terminated."), nil
}

func (s *Sessions) cancelAll(_ context.Context, sc *statement.Context, a statement.Args) (*result.Result, error) {
	var id int64
	switch v := first(a).(type) {
	case int64:
		id = v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, sqlerr.Invalid("invalid session id [%s]", v)
		}
		id = n
	default:
		return nil, sqlerr.Invalid("SYSTEM$CANCEL_ALL_QUERIES wants a session id")
	}
	n := s.ledger.cancel(func(q *Query) bool {
		return q.SessionID == id && q.ID != sc.Query && (q.User == sc.User || sc.Role == "ACCOUNTADMIN")
	})
	return answer("SYSTEM$CANCEL_ALL_QUERIES", fmt.Sprintf("%d cancelled.", n)), nil
}

// versionInfo says which clients work: those that the tests run. The names are the documented ones.
func versionInfo(context.Context, *statement.Context, statement.Args) (*result.Result, error) {
	return answer("SYSTEM$CLIENT_VERSION_INFO", `[{"clientId":"PythonConnector","clientAppId":"PythonConnector","minimumSupportedVersion":"3.0.0","minimumNearingEndOfSupportVersion":"3.0.0","recommendedVersion":"4.8.1","deprecatedVersions":[],"_customSupportedVersions_":[]},`+
		`{"clientId":"GO","clientAppId":"Go","minimumSupportedVersion":"1.10.0","minimumNearingEndOfSupportVersion":"1.10.0","recommendedVersion":"1.19.1","deprecatedVersions":[],"_customSupportedVersions_":[]},`+
		`{"clientId":"JSDriver","clientAppId":"JavaScript","minimumSupportedVersion":"2.0.0","minimumNearingEndOfSupportVersion":"2.0.0","recommendedVersion":"3.3.0","deprecatedVersions":[],"_customSupportedVersions_":[]}]`), nil
}

// describeResult is DESCRIBE RESULT 'id' or LAST_QUERY_ID().
func (u *run) describeResult(ctx context.Context, st *sql.Describe) (*result.Result, error) {
	r := &result.Result{Type: result.TypeDescribe}
	for _, c := range []string{"name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment", "policy name"} {
		r.Columns = append(r.Columns, result.TextColumn(c))
	}
	if u.r.Describe {
		return r, nil
	}
	var a statement.Args
	switch {
	case st.Text != nil:
		a.Positional = []any{st.Text.Value}
	default: // LAST_QUERY_ID()
		a.Positional = []any{int64(-1)}
	}
	of, err := u.s.scanned(ctx, u.sc, a)
	if err != nil {
		return nil, err
	}
	for _, c := range of.Columns {
		null := "N"
		if c.Nullable {
			null = "Y"
		}
		r.Rows = append(r.Rows, []any{c.Name, c.Type.SQL(), "COLUMN", null, nil, "N", "N", nil, nil, nil, nil})
	}
	return r, nil
}
