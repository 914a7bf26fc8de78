// Package statement says who runs a statement and with what: the part of a session that rooms below may know. It also
// holds the one shape by which rooms offer functions, table functions and procedures to SQL.
package statement

import (
	"context"

	"firn/result"
)

// Context is one statement's surroundings. Rooms read it; only session changes a session.
type Context struct {
	Session   int64  // the session's id
	Query     string // UUID of this statement
	Request   string // the client's requestId: the idempotency key of writes ("" for internal statements)
	Text      string // the statement's SQL as sent
	User      string
	Role      string
	Database  string // current, exact name; "" if none
	Schema    string
	Warehouse string
	Region    string
	Account   string
	Version   string // CURRENT_VERSION()

	BaseURL string // "http://host:port" by the request's Host header: absolute URLs are made with it
	Job     string // id of the job whose session this is, "" for others
	Client  Client

	Binds  []Bind // positional, 1-based index - 1
	Rows   int    // > 0: array bind, every Bind has Rows values
	Params Parameters

	Variables map[string]any // SET's variables by upper-case name, values as in Args; read only
}

// Client is what the client said of itself.
type Client struct {
	App        string // CLIENT_APP_ID: PythonConnector, Go, JavaScript
	Version    string // of the connector
	ML         string // snowflake-ml-python's version, if the statement names it ("version" of its telemetry parameters)
	Python     string // "3.11.7", if the statement names it ("python_version")
	IsInternal bool   // the request's isInternal
}

// Bind is one bound value: Type is the wire's (FIXED, REAL, TEXT, BOOLEAN, BINARY, DATE, TIME, TIMESTAMP_NTZ/LTZ/TZ, ANY);
// values are the wire's texts, nil for NULL.
type Bind struct {
	Type   string
	Value  *string
	Values []*string // array bind
}

// Parameters are the session's parameters by upper-case name, as strings ("TIMEZONE": "UTC").
type Parameters interface {
	Get(name string) string
}

// Function is something that SQL can call and another room carries out: as a scalar with constant arguments (SELECT f(…)), as a
// table (TABLE(f(…))) or as a procedure (CALL f(…)).
type Function struct {
	// Name in upper case: "SYSTEM$EXECUTE_ML_JOB", "SNOWFLAKE.SPCS.GET_JOB_HISTORY", or a method of an object: "!SPCS_WAIT_FOR".
	Name                     string
	Scalar, Table, Procedure bool
	// Columns of the answer; exactly one for a scalar.
	Columns []result.Column
	// Describe gives the columns where they depend on the arguments (RESULT_SCAN); nil: Columns.
	Describe func(ctx context.Context, sc *Context, a Args) ([]result.Column, error)
	Call     func(ctx context.Context, sc *Context, a Args) (*result.Result, error)
}

// Args are a call's arguments, evaluated. A value is nil, bool, int64, float64, string, []byte, time.Time or json.RawMessage; a NUMBER that int64 cannot hold is a string.
type Args struct {
	Object     []string // of a method: the object's name parts, folded ("DB","S","JOB")
	Positional []any
	Named      map[string]any // upper-case names
}

// String is positional argument i as text, "" if absent or NULL.
func (a Args) String(i int) string {
	if i < len(a.Positional) {
		if s, ok := a.Positional[i].(string); ok {
			return s
		}
	}
	return ""
}

// Functions finds a function by its upper-case name.
type Functions interface {
	Function(name string) (Function, bool)
}
