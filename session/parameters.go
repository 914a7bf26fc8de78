package session

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"firn/sqlerr"
)

// parameter is one session parameter that Snowflake documents. login: it goes to the client at login, as its JSON type.
type parameter struct {
	kind     string // BOOLEAN, NUMBER, STRING
	standard string
	login    bool
	about    string
}

// parameters are those that a session knows. Clients keep what they get at login (client-protocol.md §1.2 says why each is needed).
var parameters = map[string]parameter{
	"ABORT_DETACHED_QUERY":                          {"BOOLEAN", "false", false, "Cancels a statement when its client has gone."},
	"AUTOCOMMIT":                                    {"BOOLEAN", "true", true, "Each statement outside a transaction is a transaction of its own."},
	"BINARY_INPUT_FORMAT":                           {"STRING", "HEX", false, "How text is read as BINARY."},
	"BINARY_OUTPUT_FORMAT":                          {"STRING", "HEX", true, "How BINARY is shown."},
	"CLIENT_MEMORY_LIMIT":                           {"NUMBER", "1536", false, "MB that a client may use for results."},
	"CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX":    {"BOOLEAN", "false", false, "Drivers look only into the current database and schema for metadata."},
	"CLIENT_PREFETCH_THREADS":                       {"NUMBER", "4", true, "Threads with which a client fetches results."},
	"CLIENT_RESULT_CHUNK_SIZE":                      {"NUMBER", "160", false, "MB of one part of a result."},
	"CLIENT_RESULT_COLUMN_CASE_INSENSITIVE":         {"BOOLEAN", "false", false, "A client finds columns whatever their case."},
	"ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION":      {"BOOLEAN", "true", false, "Parquet files are written in the smallest types."},
	"JS_TREAT_INTEGER_AS_BIGINT":                    {"BOOLEAN", "false", false, "The Node driver gives integers as bigint."},
	"LOG_LEVEL":                                     {"STRING", "OFF", false, "Which messages of handlers are kept."},
	"METRIC_LEVEL":                                  {"STRING", "NONE", false, "Whether metrics of handlers are kept."},
	"NOORDER_SEQUENCE_AS_DEFAULT":                   {"BOOLEAN", "true", false, "Sequences need not grow in order."},
	"TRACE_LEVEL":                                   {"STRING", "OFF", false, "Which traces of handlers are kept."},
	"CLIENT_SESSION_KEEP_ALIVE":                     {"BOOLEAN", "false", true, "The client keeps its session alive."},
	"CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": {"NUMBER", "3600", true, "Seconds between the client's heartbeats."},
	"CLIENT_STAGE_ARRAY_BINDING_THRESHOLD":          {"NUMBER", "65280", true, "Bound values from which on a client sends them through a stage."},
	"CLIENT_TELEMETRY_ENABLED":                      {"BOOLEAN", "false", true, "The client sends telemetry."},
	"CLIENT_TIMESTAMP_TYPE_MAPPING":                 {"STRING", "TIMESTAMP_LTZ", false, "The type of timestamps that a client binds."},
	"DATE_INPUT_FORMAT":                             {"STRING", "AUTO", false, "How text is read as DATE."},
	"DATE_OUTPUT_FORMAT":                            {"STRING", "YYYY-MM-DD", true, "How DATE is shown."},
	"ERROR_ON_NONDETERMINISTIC_MERGE":               {"BOOLEAN", "true", false, "MERGE fails where several rows would change one."},
	"ERROR_ON_NONDETERMINISTIC_UPDATE":              {"BOOLEAN", "false", false, "UPDATE fails where several rows would change one."},
	"GEOGRAPHY_OUTPUT_FORMAT":                       {"STRING", "GeoJSON", true, "How GEOGRAPHY is shown."},
	"GO_QUERY_RESULT_FORMAT":                        {"STRING", "ARROW", true, "Form of results for the Go driver."},
	"JDBC_QUERY_RESULT_FORMAT":                      {"STRING", "ARROW", false, "Form of results for the JDBC driver."},
	"JSON_INDENT":                                   {"NUMBER", "2", false, "Blanks of indentation where JSON is shown."},
	"LOCK_TIMEOUT":                                  {"NUMBER", "43200", false, "Seconds that a statement waits for a lock."},
	"MULTI_STATEMENT_COUNT":                         {"NUMBER", "1", false, "Statements in one request; 0: any number."},
	"ODBC_QUERY_RESULT_FORMAT":                      {"STRING", "ARROW", false, "Form of results for the ODBC driver."},
	"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT":          {"STRING", "ARROW", true, "Form of results for the Python connector."},
	"PYTHON_SNOWPARK_ENABLE_THREAD_SAFE_SESSION":    {"BOOLEAN", "true", true, "Threads that share a Snowpark session have a cursor each; without it they take each other's results."},
	"QUERY_CONTEXT_CACHE_SIZE":                      {"NUMBER", "5", true, "Entries of the client's query context."},
	"QUERY_TAG":                                     {"STRING", "", false, "Text that marks the session's statements."},
	"QUOTED_IDENTIFIERS_IGNORE_CASE":                {"BOOLEAN", "false", false, "Quoted names are folded to upper case."},
	"ROWS_PER_RESULTSET":                            {"NUMBER", "0", false, "Most rows of a result; 0: no bound."},
	"SEARCH_PATH":                                   {"STRING", "$current, $public", false, "Schemas in which unqualified names are looked for."},
	"SERVICE_NAME":                                  {"STRING", "", true, "A service that the client sends its requests through."},
	"STATEMENT_QUEUED_TIMEOUT_IN_SECONDS":           {"NUMBER", "0", false, "Seconds that a statement may wait for a warehouse; 0: no bound."},
	"STATEMENT_TIMEOUT_IN_SECONDS":                  {"NUMBER", "172800", false, "Seconds after which a statement is cancelled; 0: 604800."},
	"STRICT_JSON_OUTPUT":                            {"BOOLEAN", "false", false, "JSON is shown as the standard has it."},
	"TIMESTAMP_DAY_IS_ALWAYS_24H":                   {"BOOLEAN", "false", false, "A day is 24 hours in arithmetic."},
	"TIMESTAMP_INPUT_FORMAT":                        {"STRING", "AUTO", false, "How text is read as a timestamp."},
	"TIMESTAMP_LTZ_OUTPUT_FORMAT":                   {"STRING", "", true, "How TIMESTAMP_LTZ is shown; empty: as TIMESTAMP_OUTPUT_FORMAT."},
	"TIMESTAMP_NTZ_OUTPUT_FORMAT":                   {"STRING", "YYYY-MM-DD HH24:MI:SS.FF3", true, "How TIMESTAMP_NTZ is shown."},
	"TIMESTAMP_OUTPUT_FORMAT":                       {"STRING", "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM", true, "How timestamps are shown."},
	"TIMESTAMP_TYPE_MAPPING":                        {"STRING", "TIMESTAMP_NTZ", false, "What the type TIMESTAMP stands for."},
	"TIMESTAMP_TZ_OUTPUT_FORMAT":                    {"STRING", "", true, "How TIMESTAMP_TZ is shown; empty: as TIMESTAMP_OUTPUT_FORMAT."},
	"TIMEZONE":                                      {"STRING", "America/Los_Angeles", true, "The session's time zone."},
	"TIME_INPUT_FORMAT":                             {"STRING", "AUTO", false, "How text is read as TIME."},
	"TIME_OUTPUT_FORMAT":                            {"STRING", "HH24:MI:SS", true, "How TIME is shown."},
	"TRANSACTION_ABORT_ON_ERROR":                    {"BOOLEAN", "false", false, "An error ends the transaction."},
	"TRANSACTION_DEFAULT_ISOLATION_LEVEL":           {"STRING", "READ COMMITTED", false, "Isolation of transactions."},
	"TWO_DIGIT_CENTURY_START":                       {"NUMBER", "1970", false, "First year that two digits stand for."},
	"UNSUPPORTED_DDL_ACTION":                        {"STRING", "ignore", false, "What an unsupported clause of DDL does."},
	"USE_CACHED_RESULT":                             {"BOOLEAN", "true", false, "A result may be used again."},
	"WEEK_OF_YEAR_POLICY":                           {"NUMBER", "0", false, "Which week is a year's first: 0 ISO, 1 the one with January 1."},
	"WEEK_START":                                    {"NUMBER", "0", false, "A week's first day: 0 legacy, 1 Monday … 7 Sunday."},
}

// fixed are parameters that change answers and that no room looks at yet: only their standard value holds, another is refused.
var fixed = map[string]bool{
	"ERROR_ON_NONDETERMINISTIC_MERGE": true, "ERROR_ON_NONDETERMINISTIC_UPDATE": true, "BINARY_OUTPUT_FORMAT": true, "JSON_INDENT": true,
	"QUOTED_IDENTIFIERS_IGNORE_CASE": true, "ROWS_PER_RESULTSET": true, "SEARCH_PATH": true, "STRICT_JSON_OUTPUT": true,
	"TIMESTAMP_DAY_IS_ALWAYS_24H": true, "TIMESTAMP_TYPE_MAPPING": true, "TWO_DIGIT_CENTURY_START": true, "UNSUPPORTED_DDL_ACTION": true,
	"WEEK_OF_YEAR_POLICY": true, "WEEK_START": true,
}

// honoured refuses a value that would be kept and then not obeyed.
func honoured(name, value string) error {
	if fixed[name] && !strings.EqualFold(value, parameters[name].standard) {
		return sqlerr.Unsupported("%s = %s", name, value)
	}
	return nil
}

var parameterNames = func() []string {
	var names []string
	for n := range parameters {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}()

// check gives a value as it is kept: booleans in lower case, numbers whole and not negative.
func (p parameter) check(v string) (string, error) {
	switch p.kind {
	case "BOOLEAN":
		switch strings.ToLower(v) {
		case "true", "1", "on", "yes":
			return "true", nil
		case "false", "0", "off", "no":
			return "false", nil
		}
		return "", sqlerr.Compilation(1008, "22023", "invalid value [%s] for a BOOLEAN parameter", v)
	case "NUMBER":
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return "", sqlerr.Compilation(1008, "22023", "invalid value [%s] for a NUMBER parameter", v)
		}
		return strconv.FormatInt(n, 10), nil
	}
	return v, nil
}

// JSON is a value in the parameter's JSON type, as clients decode it.
func (p parameter) JSON(v string) any {
	switch p.kind {
	case "BOOLEAN":
		return v == "true"
	case "NUMBER":
		return json.Number(v)
	}
	return v
}

// parameterText takes what a request's JSON gives for a parameter; objects and lists are telemetry, no parameters.
func parameterText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case json.Number:
		return v.String(), true
	case int, int64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// view are a session's parameters under those of one statement. It is a statement.Parameters.
type view struct {
	session, statement map[string]string
	variables          map[string]any
}

// Variable is a session variable's value.
func (v view) Variable(name string) (any, bool) {
	x, ok := v.variables[name]
	return x, ok
}

// Get is a parameter's value, the standard one if it was not set, "" if there is no such parameter.
func (v view) Get(name string) string {
	if s, ok := v.statement[name]; ok {
		return s
	}
	if s, ok := v.session[name]; ok {
		return s
	}
	return parameters[name].standard
}

// Parameter is a name and its value in JSON's types.
type Parameter struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// LoginParameters are those that clients keep, with the session's values.
func (s *Sessions) LoginParameters(n *Session) []Parameter {
	v := view{session: n.state.Load().parameters}
	var out []Parameter
	for _, name := range parameterNames {
		p := parameters[name]
		switch {
		case !p.login:
		case name == "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD" && s.BindFiles == nil:
			out = append(out, Parameter{name, 0}) // never
		default:
			out = append(out, Parameter{name, p.JSON(v.Get(name))})
		}
	}
	return out
}
