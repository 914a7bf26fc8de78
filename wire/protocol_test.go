package wire_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firn/wire"
)

// client speaks the protocol by hand.
type client struct {
	t             testing.TB
	url           string
	token, master string
	packed        bool // gzip bodies, as Python sends them
	n             int
}

type reply struct {
	Data    map[string]any
	Code    *string
	Message *string
	Success bool
	raw     []byte
}

func (c *client) post(path, token string, body any) reply {
	c.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	if body == nil {
		b = nil
	}
	req, err := http.NewRequestWithContext(c.t.Context(), "POST", c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.packed && len(b) > 0 {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		b = z.Bytes()
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	req.Header.Set("Authorization", `Snowflake Token="`+token+`"`)
	return c.do(req)
}

func (c *client) get(path string) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), "GET", c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", `Snowflake Token="`+c.token+`"`)
	return c.do(req)
}

func (c *client) do(req *http.Request) reply {
	c.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if res.StatusCode != 200 {
		c.t.Fatalf("%s: HTTP %d: %s", req.URL.Path, res.StatusCode, raw)
	}
	r := reply{raw: raw}
	if err := json.Unmarshal(raw, &r); err != nil {
		c.t.Fatalf("%s: %v: %s", req.URL.Path, err, raw)
	}
	return r
}

func (c *client) login(app string, parameters map[string]any, query string) reply {
	c.t.Helper()
	r := c.post("/session/v1/login-request?request_id=x"+query, "None", map[string]any{"data": map[string]any{
		"CLIENT_APP_ID": app, "CLIENT_APP_VERSION": "4.8.1", "ACCOUNT_NAME": "firn", "LOGIN_NAME": "admin", "PASSWORD": "secret", "SESSION_PARAMETERS": parameters}})
	if r.Success {
		c.token, c.master = r.Data["token"].(string), r.Data["masterToken"].(string)
	}
	return r
}

func (c *client) query(sql string, more ...map[string]any) reply {
	c.t.Helper()
	c.n++
	return c.request(fmt.Sprintf("req-%d", c.n), sql, more...)
}

func (c *client) request(id, sql string, more ...map[string]any) reply {
	c.t.Helper()
	body := map[string]any{"sqlText": sql, "asyncExec": false, "sequenceId": c.n}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return c.post("/queries/v1/query-request?requestId="+id+"&request_guid=g&clientStartTime=1&retryCount=1", c.token, body)
}

func connect(t testing.TB, s *server, app string) *client {
	t.Helper()
	c := &client{t: t, url: s.url}
	if r := c.login(app, nil, ""); !r.Success {
		t.Fatalf("login: %s", r.raw)
	}
	return c
}

func code(r reply) string {
	if r.Code == nil {
		return ""
	}
	return *r.Code
}

func cells(t testing.TB, r reply) string {
	t.Helper()
	if !r.Success {
		t.Fatalf("%s", r.raw)
	}
	b, err := json.Marshal(r.Data["rowset"])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLogin(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := &client{t: t, url: s.url, packed: true}
	r := c.login("PythonConnector", map[string]any{"CLIENT_SESSION_KEEP_ALIVE": "True", "QUERY_TAG": "mine", "TIMEZONE": "Europe/Zurich", "WHATEVER": map[string]any{"a": 1}}, "&databaseName=firn&schemaName=other&warehouse=compute_wh")
	if !r.Success || r.Code != nil {
		t.Fatalf("%s", r.raw)
	}
	params := map[string]any{}
	for _, p := range r.Data["parameters"].([]any) {
		m := p.(map[string]any)
		params[m["name"].(string)] = m["value"]
	}
	for name, want := range map[string]any{"TIMEZONE": "Europe/Zurich", "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 65280.0, "AUTOCOMMIT": true, "CLIENT_TELEMETRY_ENABLED": false, "CLIENT_SESSION_KEEP_ALIVE": true, "SERVICE_NAME": ""} {
		if params[name] != want {
			t.Errorf("parameter %s is %v, not %v", name, params[name], want)
		}
	}
	info := r.Data["sessionInfo"].(map[string]any)
	if info["databaseName"] != "FIRN" || info["schemaName"] != "OTHER" || info["warehouseName"] != "COMPUTE_WH" || info["roleName"] != "ACCOUNTADMIN" {
		t.Errorf("session info %v", info)
	}
	if _, ok := r.Data["sessionId"].(float64); !ok {
		t.Errorf("sessionId is %T", r.Data["sessionId"])
	}
	if got := cells(t, c.query("select context", map[string]any{"parameters": map[string]any{"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "JSON", "func_params": map[string]any{"a": []int{1}}}})); got != `[["ACCOUNTADMIN|FIRN|OTHER|COMPUTE_WH|mine|Europe/Zurich|\u003cnil\u003e||`+s.url+`"]]` {
		t.Errorf("context %s", got)
	}

	bad := c.post("/session/v1/login-request", "None", map[string]any{"data": map[string]any{"LOGIN_NAME": "admin", "PASSWORD": "wrong"}})
	if bad.Success || code(bad) != "390100" {
		t.Errorf("wrong password: %s", bad.raw)
	}
	job := c.post("/session/v1/login-request", "None", map[string]any{"data": map[string]any{"LOGIN_NAME": "", "AUTHENTICATOR": "OAUTH", "TOKEN": "jobtoken\n"}})
	if !job.Success {
		t.Errorf("job's token: %s", job.raw)
	}
	absent := c.login("PythonConnector", nil, "&databaseName=absent")
	if !absent.Success || absent.Data["sessionInfo"].(map[string]any)["databaseName"] != nil {
		t.Errorf("a database that does not exist: %s", absent.raw)
	}
	refused := c.login("PythonConnector", map[string]any{"CLIENT_VALIDATE_DEFAULT_PARAMETERS": true}, "&databaseName=absent")
	if refused.Success || code(refused) != "390201" {
		t.Errorf("a database that must exist: %s", refused.raw)
	}
}

// Every type as JSON, from Go values and from Arrow: the texts of client-protocol.md §2.3.
func TestJSONTypes(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := connect(t, s, "JavaScript")
	want := `[["1","1.50","12345678901234567890123456789012.3456","1.5","a'\"\\\n\tü€😀","1","19782","43200.123456789","1709210096.123456789","1709210096.123","1709210096.123456789","1709210096.123456789 1560","1709210096.123 1560","00FF10","{\"a\":[1,\"x\"]}","{\"k\":1}","[1,2]"],` +
		`["-9007199254740993","-0.05","-0.0001","-0.1","","0","-1825","0.000000000","-157668954.322000000","-157668954.322","-157668954.322000000","-157668954.322000000 1110","-157668954.322 1110","","\"s\"","{}","[]"],` +
		`[null` + strings.Repeat(",null", 16) + `]]`
	for _, sql := range []string{"select * from types", "select * from typed_data"} {
		r := c.query(sql)
		if got := cells(t, r); got != want {
			t.Errorf("%s:\n got %s\nwant %s", sql, got, want)
		}
		if r.Data["queryResultFormat"] != "json" || r.Data["total"] != 3.0 || r.Data["statementTypeId"] != 4096.0 {
			t.Errorf("%s: %s", sql, r.raw)
		}
		if first := fmt.Sprint(r.Data["rowtype"].([]any)[1]); first != "map[byteLength:<nil> collation:<nil> database: length:<nil> name:D nullable:true precision:12 scale:2 schema: table: type:fixed]" {
			t.Errorf("rowtype %s", first)
		}
	}
}

func TestErrors(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := connect(t, s, "PythonConnector")
	for _, e := range []struct {
		sql, code, state, text string
		line                   float64
	}{
		{"select * from nowhere", "002003", "42S02", "Object 'NOWHERE' does not exist or not authorized.", -1},
		{"", "000900", "42601", "Empty SQL statement", -1},
		{"select\n  from where", "001003", "42000", "syntax error line 2", 2},
		{"select 1; select 1", "000008", "0A000", "Actual statement count 2 did not match the desired statement count 1.", -1},
		{"select panic", "000603", "XX000", "the server's log has the reason", -1},
		{"select internal", "000603", "XX000", "the server's log has the reason", -1},
		{"use database nowhere", "002043", "02000", "Object does not exist, or operation cannot be performed.", -1},
		{"drop database db2", "003001", "42501", "Insufficient privileges to operate on database 'DB2'", -1},
		{"call system$nothing(1)", "002140", "42601", "Unknown function SYSTEM$NOTHING", -1},
		{"alter session set nonsense = 1", "001006", "22023", "invalid parameter 'NONSENSE'", -1},
		{"alter session set timezone = 'Mars/Olympus'", "001008", "22023", "Mars/Olympus", -1},
		{"select * from identifier(?)", "002049", "42601", "Bind variable :1 not set", -1},
		{"select * from table(result_scan('00000000-0000-0000-0000-000000000000'))", "000709", "02000", "not found", -1},
		{"delete from t", "000002", "0A000", "Unsupported feature", -1},
	} {
		r := c.query(e.sql)
		if r.Success || code(r) != e.code || r.Data["sqlState"] != e.state || !strings.Contains(*r.Message, e.text) || r.Data["line"] != e.line {
			t.Errorf("%q: %s", e.sql, r.raw)
		}
		if len(fmt.Sprint(r.Data["queryId"])) != 36 {
			t.Errorf("%q: query id %v", e.sql, r.Data["queryId"])
		}
		if strings.Contains(string(r.raw), "disk on fire") || strings.Contains(string(r.raw), "a bug of a room") {
			t.Errorf("%q: the cause is shown: %s", e.sql, r.raw)
		}
	}
	for _, body := range []string{"{", "[]", `{"sqlText":1}`, `{"sqlText":"select ?","bindings":{"x":{"type":"TEXT","value":"1"}}}`} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/queries/v1/query-request?requestId=bad"+body[:1], strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", `Snowflake Token="`+c.token+`"`)
		if r := c.do(req); r.Success {
			t.Errorf("%s: %s", body, r.raw)
		}
	}
	if r := (&client{t: t, url: s.url, token: "nonsense"}).query("select 1"); code(r) != "390111" {
		t.Errorf("unknown token: %s", r.raw)
	}
	if r := (&client{t: t, url: s.url}).query("select 1"); code(r) != "390101" {
		t.Errorf("no token: %s", r.raw)
	}
	res, err := http.Get(s.url + "/no/such/thing")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != 404 || !json.Valid(b) {
		t.Errorf("unknown path: %d %s", res.StatusCode, b)
	}
}

// The same requestId is the same statement, whether it runs or has ended.
func TestRetry(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{Hold: 50 * time.Millisecond})
	c := connect(t, s, "JavaScript")
	one := c.request("r1", "insert into t values (1)")
	two := c.request("r1", "insert into t values (1)")
	if one.Data["queryId"] != two.Data["queryId"] || !two.Success || len(s.room.inserts) != 1 {
		t.Errorf("a retry ran again: %v %v, %d inserts", one.Data["queryId"], two.Data["queryId"], len(s.room.inserts))
	}
	slow := c.request("r2", "select slow")
	if code(slow) != "333333" || slow.Data["getResultUrl"] != "/queries/"+slow.Data["queryId"].(string)+"/result" {
		t.Fatalf("%s", slow.raw)
	}
	again := c.request("r2", "select slow")
	if code(again) != "333333" || again.Data["queryId"] != slow.Data["queryId"] {
		t.Errorf("%s", again.raw)
	}
	url := slow.Data["getResultUrl"].(string)
	if r := c.get(url); code(r) != "333333" {
		t.Errorf("%s", r.raw)
	}
	if m := c.get("/monitoring/queries/" + slow.Data["queryId"].(string)); m.Data["queries"].([]any)[0].(map[string]any)["status"] != "RUNNING" {
		t.Errorf("%s", m.raw)
	}
	if r := c.post("/queries/v1/abort-request?requestId=a", c.token, map[string]any{"sqlText": "select slow", "requestId": "r2"}); !r.Success {
		t.Errorf("abort: %s", r.raw)
	}
	var r reply
	for r = c.get(url); code(r) == "333333"; r = c.get(url) {
	}
	if code(r) != "000604" || r.Data["sqlState"] != "57014" {
		t.Errorf("%s", r.raw)
	}
	if m := c.get("/monitoring/queries/" + slow.Data["queryId"].(string)); m.Data["queries"].([]any)[0].(map[string]any)["errorCode"] != "000604" {
		t.Errorf("%s", m.raw)
	}
	if r := c.post("/queries/"+slow.Data["queryId"].(string)+"/abort-request", c.token, map[string]any{}); code(r) != "000605" {
		t.Errorf("abort of what has ended: %s", r.raw)
	}
	if len(s.room.started) != 1 {
		t.Errorf("%d runs of one request", len(s.room.started))
	}
}

func TestSessionStatements(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := connect(t, s, "JavaScript")
	step := func(sql, want string) reply {
		t.Helper()
		r := c.query(sql)
		if got := cells(t, r); got != want {
			t.Errorf("%s: %s, not %s", sql, got, want)
		}
		return r
	}
	fine := `[["Statement executed successfully."]]`
	r := step("use schema other", fine)
	if r.Data["finalSchemaName"] != "OTHER" {
		t.Errorf("%s", r.raw)
	}
	step("use database DB2", fine)
	if r := c.query("select context"); !strings.Contains(cells(t, r), "ACCOUNTADMIN|DB2||COMPUTE_WH") {
		t.Errorf("%s", r.raw)
	}
	step("use schema db2.s", fine)
	step("use role public", fine)
	step("use secondary roles all", fine)
	step("use warehouse compute_wh", fine)
	r = step("alter session set query_tag = 'x y', timezone = 'UTC'", fine)
	if !strings.Contains(string(r.raw), `{"name":"TIMEZONE","value":"UTC"}`) {
		t.Errorf("%s", r.raw)
	}
	step("set v = 'hello'", fine)
	step("select context", `[["PUBLIC|DB2|S|COMPUTE_WH|x y|UTC|hello||`+s.url+`"]]`)
	step("show variables like 'v'", cells(t, c.query("show variables")))
	step("show parameters like 'QUERY_T%' in session", `[["QUERY_TAG","x y","","SESSION","Text that marks the session's statements.","STRING"]]`)
	step("alter session unset query_tag", fine)
	step("show parameters like '%CLIENT_SESSION_KEEP_ALIVE%' in session", `[["CLIENT_SESSION_KEEP_ALIVE","false","false","","The client keeps its session alive.","BOOLEAN"],["CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY","3600","3600","","Seconds between the client's heartbeats.","NUMBER"]]`)
	step("show regions", `[["AWS_US_WEST_2","aws","us-west-2","AWS us-west-2"]]`)
	step("unset v", fine)
	r = step("call system$echo('a\\'b', -3, true, null, 1.5e1)", `[["[] [a'b -3 true \u003cnil\u003e 15] map[]"]]`)
	if r.Data["rowtype"].([]any)[0].(map[string]any)["name"] != "SYSTEM$ECHO" {
		t.Errorf("%s", r.raw)
	}
	step("call db1.public.job_x!spcs_wait_for('DONE', 10)", `[["[DB1 PUBLIC JOB_X] [DONE 10]"]]`)
	step("call job_x!spcs_wait_for('DONE', 10)", `[["[DB2 S JOB_X] [DONE 10]"]]`)
	if got := cells(t, c.query("call system$echo(?, ?)", map[string]any{"bindings": map[string]any{"1": map[string]any{"type": "TEXT", "value": "it"}, "2": map[string]any{"type": "FIXED", "value": "12"}}})); got != `[["[] [it 12] map[]"]]` {
		t.Errorf("bound arguments: %s", got)
	}
	step("execute immediate 'select 1'", `[["1"]]`)
	step("set w = (select 1)", fine)
	step("show variables like 'w'", cells(t, c.query("show variables")))
	one := c.query("select 1")
	step("select last_query_id()", `[["`+one.Data["queryId"].(string)+`"]]`)
	step("select last_query_id(-2)", `[["`+one.Data["queryId"].(string)+`"]]`)
	c.query("select * from table(result_scan('" + one.Data["queryId"].(string) + "'))")
	step("describe result last_query_id()", `[["1","NUMBER(1,0)","COLUMN","N",null,"N","N",null,null,null,null]]`)
	step("describe result '"+one.Data["queryId"].(string)+"'", `[["1","NUMBER(1,0)","COLUMN","N",null,"N","N",null,null,null,null]]`)
	step("select * from table(result_scan('"+one.Data["queryId"].(string)+"'))", `[["1"]]`)
	step(`show parameters like 'QUERY_TAG' ->> select "key" from $1`, `[["QUERY_TAG","","","","Text that marks the session's statements.","STRING"]]`)

	many := c.query("select 1; insert into t values (2); select 1", map[string]any{"parameters": map[string]any{"MULTI_STATEMENT_COUNT": 0}})
	if cells(t, many) != `[["Multiple statements executed successfully."]]` || many.Data["resultTypes"] != "4096,12544,4096" {
		t.Errorf("%s", many.raw)
	}
	ids := strings.Split(many.Data["resultIds"].(string), ",")
	if got := cells(t, c.get("/queries/"+ids[1]+"/result")); got != `[["1"]]` {
		t.Errorf("child: %s", got)
	}
	d := c.query("select * from types", map[string]any{"describeOnly": true})
	if cells(t, d) != `[]` || len(d.Data["rowtype"].([]any)) != 17 {
		t.Errorf("%s", d.raw)
	}
}

// A session lives through a restart of the server: context, parameters, variables, tokens; closed ones do not.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, wire.Config{})
	c, other := connect(t, s, "JavaScript"), connect(t, s, "JavaScript")
	for _, sql := range []string{"use schema other", "alter session set query_tag = 'kept'", "set v = 12"} {
		cells(t, c.query(sql))
	}
	if r := other.post("/session?delete=true", other.token, map[string]any{}); !r.Success {
		t.Errorf("%s", r.raw)
	}
	if len(s.room.closed) != 1 {
		t.Errorf("rooms heard of %d closed sessions", len(s.room.closed))
	}
	s.stop()
	s = start(t, dir, wire.Config{})
	c.url, other.url = s.url, s.url
	if got := cells(t, c.query("select context")); got != `[["ACCOUNTADMIN|FIRN|OTHER|COMPUTE_WH|kept|America/Los_Angeles|12||`+s.url+`"]]` {
		t.Errorf("%s", got)
	}
	if r := c.post("/session/heartbeat", c.token, nil); !r.Success {
		t.Errorf("%s", r.raw)
	}
	if r := c.post("/session/token-request", c.master, map[string]any{"requestType": "RENEW", "oldSessionToken": c.token}); !r.Success {
		t.Errorf("%s", r.raw)
	}
	if r := other.query("select 1"); code(r) != "390111" {
		t.Errorf("%s", r.raw)
	}
}

func TestExpiry(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := connect(t, s, "JavaScript")
	s.clock.ahead.Add(int64(61 * time.Minute))
	if r := c.query("select 1"); code(r) != "390112" {
		t.Fatalf("%s", r.raw)
	}
	renewed := c.post("/session/token-request", c.master, map[string]any{"requestType": "RENEW", "oldSessionToken": c.token})
	old := c.token
	c.token = renewed.Data["sessionToken"].(string)
	if renewed.Data["masterToken"] == nil || renewed.Data["sessionId"] == nil {
		t.Errorf("%s", renewed.raw)
	}
	cells(t, c.query("select 1"))
	if r := c.post("/session/token-request", old, map[string]any{"requestType": "RENEW"}); code(r) != "390111" {
		t.Errorf("a session token renewed: %s", r.raw)
	}
	// Heartbeats keep the session beyond the master token's first end.
	for range 10 {
		s.clock.ahead.Add(int64(time.Hour))
		if r := c.post("/session/heartbeat", c.master, nil); !r.Success {
			t.Fatalf("%s", r.raw)
		}
	}
	s.clock.ahead.Add(int64(5 * time.Hour))
	if r := c.query("select 1"); code(r) != "390114" {
		t.Errorf("%s", r.raw)
	}
	if err := s.sessions.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := c.query("select 1"); code(r) != "390111" || len(s.room.closed) != 1 {
		t.Errorf("%s", r.raw)
	}
}

// Chunks are fetched without a token; nobody else's result is.
func TestChunks(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := connect(t, s, "JavaScript")
	for _, sql := range []string{"select * from large", "select * from large_rows"} {
		r := c.query(sql)
		n := len(r.Data["rowset"].([]any))
		chunks, _ := r.Data["chunks"].([]any)
		for _, k := range chunks {
			res, err := http.Get(k.(map[string]any)["url"].(string))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			var rows [][]string
			if err := json.Unmarshal([]byte("["+string(b)+"]"), &rows); err != nil {
				t.Fatalf("%v: %.100s", err, b)
			}
			if rows[0][0] != fmt.Sprint(n) {
				t.Errorf("%s: a chunk begins with %v after %d rows", sql, rows[0], n)
			}
			n += len(rows)
		}
		if float64(n) != r.Data["total"] {
			t.Errorf("%s: %d rows of %v", sql, n, r.Data["total"])
		}
	}
	res, err := http.Get(s.url + "/results/AAAA/0")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("a guessed chunk: %d", res.StatusCode)
	}
}

// Many bound values come through a stage, packed without saying so.
func TestStagedBinds(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, wire.Config{})
	c := connect(t, s, "PythonConnector")
	if err := os.MkdirAll(filepath.Join(dir, "binds", "ab12"), 0o700); err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	fmt.Fprint(w, "1,\"a,b\"\n2,\n")
	w.Close()
	if err := os.WriteFile(filepath.Join(dir, "binds", "ab12", "2.csv"), z.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cells(t, c.query("insert into t values (?, ?)", map[string]any{"bindStage": "@SYSTEMBIND/ab12"}))
	in := s.room.inserts[0]
	if in.rows != 2 || len(in.binds) != 2 || *in.binds[1].Values[0] != "a,b" || in.binds[1].Values[1] != nil {
		t.Errorf("%+v", in)
	}
	if r := c.query("insert into t values (?, ?)", map[string]any{"bindStage": "@SYSTEMBIND/none"}); code(r) != "002003" {
		t.Errorf("%s", r.raw)
	}
}

// A result can be asked for again by its id, by its own user.
func TestResultAgain(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := connect(t, s, "JavaScript")
	r := c.query("show parameters")
	id := r.Data["queryId"].(string)
	if got := c.get("/queries/" + id + "/result"); cells(t, got) != cells(t, r) {
		t.Errorf("a result read again differs")
	}
}

// One session used by many at once, as a client's threads do: statements, changes of context, renewals, heartbeats, cancels.
func TestConcurrentUse(t *testing.T) {
	s := start(t, t.TempDir(), wire.Config{})
	c := connect(t, s, "JavaScript")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			me := *c
			for k := range 12 {
				id := fmt.Sprintf("c-%d-%d", i, k)
				switch k % 4 {
				case 0:
					if r := me.request(id, "select 1"); !r.Success {
						t.Errorf("%s", r.raw)
					}
				case 1:
					if r := me.request(id, fmt.Sprintf("set v%d = %d", i, k)); !r.Success {
						t.Errorf("%s", r.raw)
					}
				case 2:
					r := me.post("/session/token-request", me.master, map[string]any{"requestType": "RENEW"})
					if !r.Success {
						t.Errorf("%s", r.raw)
						return
					}
					me.token = r.Data["sessionToken"].(string)
				case 3:
					slow := me.request(id, "select slow", map[string]any{"asyncExec": true})
					if r := me.post("/queries/"+slow.Data["queryId"].(string)+"/abort-request", me.token, map[string]any{}); !r.Success {
						t.Errorf("%s", r.raw)
					}
					if r := me.get("/queries/" + slow.Data["queryId"].(string) + "/result"); code(r) != "000604" {
						t.Errorf("%s", r.raw)
					}
				}
			}
		})
	}
	wg.Wait()
	if r := c.query("show variables"); len(r.Data["rowset"].([]any)) != 8 {
		t.Errorf("%s", r.raw)
	}
}

// BenchmarkSelect1 is the server's part of SELECT 1: from a packed request to the reply's last byte, without the network.
func BenchmarkSelect1(b *testing.B) {
	s := start(b, b.TempDir(), wire.Config{})
	c := connect(b, s, "PythonConnector")
	h := wire.New(wire.Config{Sessions: s.sessions})
	body := packed(b, `{"sqlText":"select 1","asyncExec":false,"sequenceId":1,"querySubmissionTime":1700000000000}`)
	n := 0
	for b.Loop() {
		n++
		r := httptest.NewRequestWithContext(b.Context(), "POST", fmt.Sprintf("/queries/v1/query-request?requestId=b%d", n), bytes.NewReader(body))
		r.Header.Set("Authorization", `Snowflake Token="`+c.token+`"`)
		r.Header.Set("Content-Encoding", "gzip")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !bytes.Contains(w.Body.Bytes(), []byte(`"success":true`)) {
			b.Fatalf("%s", w.Body)
		}
	}
}

// BenchmarkRoundTrip is the same over loopback; BenchmarkEcho is its floor: as many bytes both ways, and nothing done.
func BenchmarkRoundTrip(b *testing.B) {
	s := start(b, b.TempDir(), wire.Config{})
	c := connect(b, s, "PythonConnector")
	trip(b, s.url, c.token)
}

func BenchmarkEcho(b *testing.B) {
	answer := bytes.Repeat([]byte("x"), 1700)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write(answer)
	}))
	defer s.Close()
	trip(b, s.URL, "token")
}

func trip(b *testing.B, url, token string) {
	body := packed(b, `{"sqlText":"select 1","asyncExec":false,"sequenceId":1,"querySubmissionTime":1700000000000}`)
	n := 0
	for b.Loop() {
		n++
		r, err := http.NewRequestWithContext(b.Context(), "POST", fmt.Sprintf("%s/queries/v1/query-request?requestId=b%d", url, n), bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", `Snowflake Token="`+token+`"`)
		r.Header.Set("Content-Encoding", "gzip")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

func packed(t testing.TB, s string) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return z.Bytes()
}
