package wire_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"firn/result"
	"firn/session"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
	"firn/wire"
)

// clock is a clock that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// accounts knows ADMIN with the password "secret", and the token "jobtoken" of a job.
type accounts struct{}

func (accounts) Login(_ context.Context, l statement.Login) (statement.Identity, error) {
	who := statement.Identity{User: "ADMIN", DisplayName: "Admin", Role: "ACCOUNTADMIN", Database: "FIRN", Schema: "PUBLIC", Warehouse: "COMPUTE_WH"}
	switch {
	case l.Authenticator == "OAUTH" && l.Token == "jobtoken":
		who.Job = "7"
		return who, nil
	case l.Authenticator == "" && strings.EqualFold(l.User, "admin") && l.Password == "secret":
		return who, nil
	}
	return statement.Identity{}, sqlerr.New(390100, "28000", "Incorrect username or password was specified.")
}

// access refuses every DROP DATABASE.
type access struct{}

func (access) Check(_ context.Context, _ *statement.Context, needs []statement.Need) error {
	for _, n := range needs {
		if n.Privilege == "OWNERSHIP" && n.Kind == "DATABASE" {
			return sqlerr.Privilege("database", n.Name[0])
		}
	}
	return nil
}

type objects struct{}

func (objects) Exists(_ context.Context, _ *statement.Context, kind string, name []string) (bool, error) {
	switch kind + " " + strings.Join(name, ".") {
	case "DATABASE FIRN", "SCHEMA FIRN.PUBLIC", "SCHEMA FIRN.OTHER", "DATABASE DB2", "SCHEMA DB2.S", "WAREHOUSE COMPUTE_WH", "ROLE ACCOUNTADMIN", "ROLE PUBLIC":
		return true, nil
	}
	return false, nil
}

// room answers a handful of texts: only its answers are made up, everything around it is real.
type room struct {
	clock     *clock
	functions *session.Registry
	started   chan string // ids of SELECT SLOW

	mu      sync.Mutex
	inserts []insert
	files   string // directory of bound values: @SYSTEMBIND/x is x in it
	closed  []int64
}

type insert struct {
	rows  int
	binds []statement.Bind
}

// OpenBinds stands for the stage room.
func (r *room) OpenBinds(_ context.Context, _ *statement.Context, path string) ([]io.ReadCloser, error) {
	names, err := filepath.Glob(filepath.Join(r.files, filepath.Base(path), "*"))
	if err != nil || len(names) == 0 {
		return nil, sqlerr.NotExist("Stage", path)
	}
	var out []io.ReadCloser
	for _, n := range names {
		f, err := os.Open(n)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (r *room) Handles(st sql.Statement) bool {
	switch st.(type) {
	case *sql.Query, *sql.Insert, *sql.CreateTable, *sql.Drop, *sql.Put, *sql.Create:
		return true
	}
	return false
}

func (r *room) CloseSession(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, id)
}

func rows(cols []result.Column, rs ...[]any) *result.Result {
	return &result.Result{Columns: cols, Rows: rs, Type: result.TypeSelect}
}

// typed are all types of the wire, with values that are easy to get wrong.
func typed() *result.Result {
	c := func(name string, t result.Type) result.Column {
		return result.Column{Name: name, Type: t, Nullable: true}
	}
	cols := []result.Column{
		c("I", result.Type{Kind: result.Fixed, Precision: 38}),
		c("D", result.Type{Kind: result.Fixed, Precision: 12, Scale: 2}),
		c("W", result.Type{Kind: result.Fixed, Precision: 38, Scale: 4}),
		c("F", result.Type{Kind: result.Real}),
		c("T", result.Type{Kind: result.Text}),
		c("B", result.Type{Kind: result.Boolean}),
		c("DT", result.Type{Kind: result.Date}),
		c("TM", result.Type{Kind: result.Time, Scale: 9}),
		c("N9", result.Type{Kind: result.TimestampNTZ, Scale: 9}),
		c("N3", result.Type{Kind: result.TimestampNTZ, Scale: 3}),
		c("L9", result.Type{Kind: result.TimestampLTZ, Scale: 9}),
		c("Z9", result.Type{Kind: result.TimestampTZ, Scale: 9}),
		c("Z3", result.Type{Kind: result.TimestampTZ, Scale: 3}),
		c("X", result.Type{Kind: result.Binary}),
		c("V", result.Type{Kind: result.Variant}),
		c("O", result.Type{Kind: result.Object}),
		c("A", result.Type{Kind: result.Array}),
	}
	t := time.Date(2024, 2, 29, 12, 34, 56, 123456789, time.UTC)
	old := time.Date(1965, 1, 2, 3, 4, 5, 678000000, time.UTC)
	z := t.In(time.FixedZone("", 2*3600))
	oz := old.In(time.FixedZone("", -(5*3600 + 30*60)))
	nulls := make([]any, len(cols))
	return rows(cols,
		[]any{int64(1), "1.50", "12345678901234567890123456789012.3456", 1.5, "a'\"\\\n\tü€😀", true, t, 12*time.Hour + 123456789, t, t, t, z, z, []byte{0, 255, 16},
			json.RawMessage(`{"a":[1,"x"]}`), json.RawMessage(`{"k":1}`), json.RawMessage(`[1,2]`)},
		[]any{int64(-9007199254740993), "-0.05", "-0.0001", -0.1, "", false, old, time.Duration(0), old, old, old, oz, oz, []byte{},
			json.RawMessage(`"s"`), json.RawMessage(`{}`), json.RawMessage(`[]`)},
		nulls)
}

// asData turns rows into Arrow segments of at most n rows each.
func asData(r *result.Result, n int) *result.Result {
	d := &result.Data{Rows: int64(len(r.Rows))}
	for len(r.Rows) > 0 {
		part := &result.Result{Columns: r.Columns, Rows: r.Rows[:min(n, len(r.Rows))]}
		r.Rows = r.Rows[len(part.Rows):]
		s, err := part.ArrowSegments()
		if err != nil {
			panic(err)
		}
		d.Segments = append(d.Segments, s...)
	}
	return &result.Result{Columns: r.Columns, Data: d, Type: result.TypeSelect}
}

func numbers(n int) *result.Result {
	r := rows([]result.Column{result.IntColumn("N"), result.TextColumn("S")})
	for i := range n {
		r.Rows = append(r.Rows, []any{int64(i), fmt.Sprintf("row %d of the table", i)})
	}
	return r
}

func (r *room) Run(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error) {
	switch st := p.Statement.(type) {
	case *sql.Insert:
		r.mu.Lock()
		defer r.mu.Unlock()
		if describe {
			return &result.Result{Columns: []result.Column{result.IntColumn("number of rows inserted")}, Type: result.TypeInsert}, nil
		}
		r.inserts = append(r.inserts, insert{sc.Rows, sc.Binds})
		n := int64(max(1, sc.Rows))
		return &result.Result{Columns: []result.Column{result.IntColumn("number of rows inserted")}, Rows: [][]any{{n}}, Type: result.TypeInsert, Stats: &result.Stats{Inserted: n}}, nil
	case *sql.CreateTable:
		return result.Status("Table " + st.Name.Parts[0].Name + " successfully created."), nil
	case *sql.Create:
		return result.Status(st.Kind + " successfully created."), nil
	case *sql.Put:
		return nil, sqlerr.New(91003, "22000", "Failure using stage area.")
	}
	text := strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(sc.Text)), ";")
	switch {
	case text == "SELECT 1", strings.HasPrefix(text, "SET W"):
		return rows([]result.Column{{Name: "1", Type: result.Type{Kind: result.Fixed, Precision: 1}}}, []any{int64(1)}), nil
	case text == "SELECT * FROM TYPES":
		return typed(), nil
	case text == "SELECT * FROM TYPED_DATA":
		return asData(typed(), 10), nil
	case text == "SELECT * FROM EMPTY":
		return rows(typed().Columns), nil
	case text == "SELECT * FROM LARGE":
		return asData(numbers(80_000), 20_000), nil
	case text == "SELECT * FROM LARGE_ROWS":
		return numbers(50_000), nil
	case text == "SELECT SLOW":
		r.started <- sc.Query
		<-ctx.Done()
		return nil, ctx.Err()
	case text == "SELECT LONG": // longer than a request is held
		select {
		case <-time.After(300 * time.Millisecond):
			return rows([]result.Column{result.TextColumn("X")}, []any{"at last"}), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case text == "SELECT PANIC":
		panic("a bug of a room")
	case text == "SELECT INTERNAL":
		return nil, fmt.Errorf("disk on fire")
	case text == "SELECT * FROM NOWHERE":
		return nil, sqlerr.NotExist("Object", "NOWHERE")
	case text == "SELECT EXPIRE_TOKEN":
		r.clock.ahead.Add(int64(61 * time.Minute))
		return rows([]result.Column{result.TextColumn("X")}, []any{"the token is old now"}), nil
	case text == "SELECT CONTEXT":
		return rows([]result.Column{result.TextColumn("C")}, []any{strings.Join([]string{sc.Role, sc.Database, sc.Schema, sc.Warehouse, sc.Params.Get("QUERY_TAG"), sc.Params.Get("TIMEZONE"), fmt.Sprint(sc.Variables["V"]), sc.Job, sc.BaseURL}, "|")}), nil
	case text == "SELECT ?":
		v := "null"
		if sc.Binds[0].Value != nil {
			v = *sc.Binds[0].Value
		}
		return rows([]result.Column{result.TextColumn("TYPE"), result.TextColumn("VALUE")}, []any{sc.Binds[0].Type, v}), nil
	case strings.HasPrefix(text, "SELECT SYSTEM$"), strings.HasPrefix(text, "SELECT LAST_QUERY_ID"):
		return r.scalar(ctx, sc, p)
	case strings.Contains(text, "RESULT_SCAN("), strings.Contains(text, "FROM $1"):
		return r.scan(ctx, sc, p, describe)
	}
	return nil, sqlerr.Unsupported("%s", text)
}

func (r *room) scalar(ctx context.Context, sc *statement.Context, p *sql.Parsed) (*result.Result, error) {
	call := p.Statement.(*sql.Query).Body.(*sql.Select).Items[0].X.(*sql.Call)
	f, ok := r.functions.Function(call.Name.Parts[0].Name)
	if !ok {
		return nil, sqlerr.UnknownFunction(call.Name.Parts[0].Name)
	}
	var a statement.Args
	for _, x := range call.Args {
		switch x := x.(type) {
		case *sql.Literal:
			if x.Kind == sql.NumberLit {
				var n int64
				fmt.Sscan(x.Text, &n)
				a.Positional = append(a.Positional, n)
			} else {
				a.Positional = append(a.Positional, x.Text)
			}
		case *sql.Unary:
			var n int64
			fmt.Sscan(x.X.(*sql.Literal).Text, &n)
			a.Positional = append(a.Positional, -n)
		}
	}
	return f.Call(ctx, sc, a)
}

func (r *room) scan(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error) {
	var id string
	sql.Walk(p.Statement, func(n sql.Node) bool {
		if l, ok := n.(*sql.Literal); ok && l.Kind == sql.StringLit {
			id = l.Text
		}
		return true
	})
	f, _ := r.functions.Function("RESULT_SCAN")
	a := statement.Args{Positional: []any{id}}
	if describe {
		cols, err := f.Describe(ctx, sc, a)
		return &result.Result{Columns: cols, Type: result.TypeSelect}, err
	}
	of, err := f.Call(ctx, sc, a)
	if err != nil {
		return nil, err
	}
	out := *of
	out.Type = result.TypeSelect
	if out.Data != nil { // a copy: the spool file is the first result's
		seg, err := readAll(out.Data)
		if err != nil {
			return nil, err
		}
		out.Data = seg
	}
	return &out, nil
}

// server is one running server on a data directory.
type server struct {
	url      string
	room     *room
	sessions *session.Sessions
	clock    *clock
	stop     func()
}

// start runs a server on loopback; dir is kept over restarts.
func start(t testing.TB, dir string, c wire.Config) *server {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(dir, "firn.db"))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{clock: new(clock)}
	reg := new(session.Registry)
	s.room = &room{clock: s.clock, functions: reg, files: filepath.Join(dir, "binds"), started: make(chan string, 64)}
	err = reg.Add(statement.Function{Name: "SYSTEM$ECHO", Procedure: true, Columns: []result.Column{result.TextColumn("")}, Call: func(_ context.Context, _ *statement.Context, a statement.Args) (*result.Result, error) {
		return result.Scalar(result.TextColumn(""), fmt.Sprintf("%v %v %v", a.Object, a.Positional, a.Named)), nil
	}}, statement.Function{Name: "!SPCS_WAIT_FOR", Procedure: true, Columns: []result.Column{result.TextColumn("")}, Call: func(_ context.Context, _ *statement.Context, a statement.Args) (*result.Result, error) {
		return result.Scalar(result.TextColumn("SPCS_WAIT_FOR"), fmt.Sprintf("%v %v", a.Object, a.Positional)), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.sessions, err = session.New(session.Config{Store: db, Accounts: accounts{}, Access: access{}, Objects: objects{}, Rooms: []session.Room{s.room}, BindFiles: s.room, Functions: reg,
		Dir: filepath.Join(dir, "results"), Clock: s.clock.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	c.Sessions = s.sessions
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: wire.New(c)}
	go hs.Serve(ln)
	s.url = "http://" + ln.Addr().String()
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			hs.Close()
			s.sessions.Close()
			db.Close()
		})
	}
	t.Cleanup(s.stop)
	return s
}
