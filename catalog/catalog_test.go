package catalog

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// tree is a name tree with ids.
type tree map[string]int64

func (t tree) DatabaseID(_ context.Context, database string) (int64, error) {
	if id, ok := t[database]; ok {
		return id, nil
	}
	return 0, sqlerr.NotExist("Database", database)
}

func (t tree) SchemaID(ctx context.Context, database, schema string) (int64, error) {
	if id, ok := t[database+"."+schema]; ok {
		return id, nil
	}
	return 0, sqlerr.NotExist("Schema", database+"."+schema)
}

func (t tree) Exists(_ context.Context, id int64) (bool, error) {
	for _, have := range t {
		if have == id {
			return true, nil
		}
	}
	return false, nil
}

type world struct {
	t     *testing.T
	path  string
	store *store.Store
	cat   *Catalog
	tree  tree
	now   time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "meta.db"), tree: tree{"DB": 1, "DB.PUBLIC": 2, "DB.S": 3, "DB2": 4, "DB2.PUBLIC": 5}, now: time.Unix(1800000000, 0)}
	w.open()
	t.Cleanup(func() { w.store.Close() })
	return w
}

// open opens the account, as after a restart.
func (w *world) open() {
	w.t.Helper()
	ctx := context.Background()
	if w.store != nil {
		w.store.Close()
	}
	var err error
	if w.store, err = store.Open(ctx, w.path); err != nil {
		w.t.Fatal(err)
	}
	w.cat, err = New(ctx, Config{Store: w.store, Tree: w.tree, AdminPassword: "s3cret", Clock: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) as(role string) *statement.Context {
	return &statement.Context{Session: 1, User: "ADMIN", Role: role, Database: "DB", Schema: "PUBLIC", Account: "FIRN"}
}

func (w *world) run(sc *statement.Context, text string) (*result.Result, error) {
	w.t.Helper()
	p, err := sql.Parse(text)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	if err := p.Bind(func(int, string) (string, bool, error) { return "", false, errors.New("no binds") }); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	if !w.cat.Handles(p.Statement) {
		w.t.Fatalf("%s: not handled", text)
	}
	d, err := w.cat.Run(context.Background(), sc, p, true)
	if err != nil || len(d.Columns) == 0 || len(d.Rows) != 0 {
		w.t.Fatalf("%s: describe: %v %v", text, d, err)
	}
	return w.cat.Run(context.Background(), sc, p, false)
}

// do runs a statement that must succeed and gives its rows.
func (w *world) do(sc *statement.Context, text string) [][]any {
	w.t.Helper()
	r, err := w.run(sc, text)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	for _, row := range r.Rows {
		if len(row) != len(r.Columns) {
			w.t.Fatalf("%s: %d cells for %d columns", text, len(row), len(r.Columns))
		}
	}
	return r.Rows
}

func (w *world) fails(sc *statement.Context, text string, code int, words ...string) {
	w.t.Helper()
	_, err := w.run(sc, text)
	if !sqlerr.Is(err, code) {
		w.t.Fatalf("%s: error %v, want %d", text, err, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Fatalf("%s: %q does not hold %q", text, err, word)
		}
	}
}

func column(rows [][]any, i int) []string {
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprint(r[i]))
	}
	return out
}

func (w *world) want(got [][]any, i int, names ...string) {
	w.t.Helper()
	if c := column(got, i); !reflect.DeepEqual(c, names) && (len(c) > 0 || len(names) > 0) {
		w.t.Fatalf("got %q, want %q", c, names)
	}
}

func TestStages(t *testing.T) {
	w := newWorld(t)
	sc := w.as(AccountAdmin)
	w.fails(sc, "describe stage pay", 2003, "DB.PUBLIC.PAY")
	if got := w.do(sc, "create stage if not exists pay encryption = ( type = 'SNOWFLAKE_SSE' ) comment = 'Created by a client'")[0][0]; got != "Stage area PAY successfully created." {
		t.Fatal(got)
	}
	if got := w.do(sc, "create stage if not exists pay")[0][0]; got != "PAY already exists, statement succeeded." {
		t.Fatal(got)
	}
	w.fails(sc, "create stage pay", 2002)
	w.do(sc, `create stage db.s."Mixed Case" file_format = (type = csv field_delimiter = ';' null_if = ('a', 'b')) directory = (enable = true)`)
	w.fails(sc, "create stage x url = 's3://b/p'", 2, "external stage")
	w.fails(sc, "create stage x file_format = (type = csv nonsense = 1)", 1420, "NONSENSE")
	w.fails(sc, "create stage nodb.s.x", 2003, "NODB")
	w.fails(&statement.Context{Role: AccountAdmin}, "create stage x", 90105, "CREATE STAGE")
	w.fails(&statement.Context{Role: AccountAdmin, Database: "DB"}, "create stage x", 90106)

	rows := w.do(sc, "show stages")
	w.want(rows, 1, "PAY", "Mixed Case")
	if rows[0][10] != "INTERNAL NO CSE" || rows[1][16] != "Y" || rows[0][8] != "Created by a client" {
		t.Fatal(rows)
	}
	w.want(w.do(sc, "show stages like 'p%' in account"), 1, "PAY")
	w.want(w.do(sc, "show stages in schema db.s"), 1, "Mixed Case")
	w.want(w.do(sc, "show stages in database db2"), 1)
	w.fails(sc, "show stages in schema db.nowhere", 2003)

	d := w.do(sc, `desc stage db.s."Mixed Case"`)
	for _, r := range d {
		switch r[1] {
		case "FIELD_DELIMITER":
			if r[3] != ";" || r[4] != "," {
				t.Fatal(r)
			}
		case "NULL_IF":
			if r[3] != "[a, b]" {
				t.Fatal(r)
			}
		}
	}
	st, err := w.cat.Stage(context.Background(), sc, sql.Name{Parts: []sql.Ident{{Name: "PAY"}}}, "PUT")
	if err != nil || st.Dir == "" || st.Encryption != "SNOWFLAKE_SSE" {
		t.Fatal(st, err)
	}
	w.open()
	again, err := w.cat.Stage(context.Background(), sc, sql.Name{Parts: []sql.Ident{{Name: "PAY"}}}, "PUT")
	if err != nil || !reflect.DeepEqual(st, again) {
		t.Fatal(again, err)
	}
	w.do(sc, "create or replace stage pay")
	again, _ = w.cat.Stage(context.Background(), sc, sql.Name{Parts: []sql.Ident{{Name: "PAY"}}}, "PUT")
	if again.Dir == st.Dir {
		t.Fatal("a replaced stage has the old one's files")
	}
	trash, err := w.store.StageTrash(context.Background())
	if err != nil || len(trash) != 1 || trash[0] != st.Dir {
		t.Fatal(trash, err)
	}
	w.do(sc, "alter stage pay set comment = 'new'")
	w.do(sc, "alter stage pay rename to pay2")
	w.want(w.do(sc, "show stages like 'PAY%'"), 8, "new")
	w.open()
	w.want(w.do(sc, "show stages like 'PAY%'"), 1, "PAY2")
	w.do(sc, "drop stage pay2")
	w.do(sc, "drop stage if exists pay2")
	w.do(sc, "drop stage if exists nodb.s.x")
	w.fails(sc, "drop stage pay2", 2003)

	// A schema that goes takes its stages along.
	delete(w.tree, "DB.S")
	w.want(w.do(sc, "show stages in account"), 1)
	if err := w.cat.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.cat.StageDirs()); n != 0 {
		t.Fatalf("%d stages after the sweep", n)
	}
}

func TestTemporaryStage(t *testing.T) {
	w := newWorld(t)
	sc, other := w.as(AccountAdmin), w.as(AccountAdmin)
	other.Session = 2
	w.do(sc, "create stage st comment='lasting'")
	w.do(sc, "create SCOPED TEMPORARY                     stage if not exists \"DB\".\"PUBLIC\".ST")
	w.do(sc, "create or replace TEMP stage SYSTEMBIND file_format=(type=csv field_optionally_enclosed_by='\"')")
	w.want(w.do(sc, "show stages like 'st'"), 10, "INTERNAL TEMPORARY")
	w.want(w.do(other, "show stages like 'st'"), 10, "INTERNAL")
	w.fails(other, "describe stage systembind", 2003)
	w.cat.CloseSession(1)
	w.want(w.do(sc, "show stages like 'st'"), 8, "lasting")
	w.fails(sc, "describe stage systembind", 2003)
	// Whoever may use the schema may have a temporary stage in it.
	w.do(sc, "create role r")
	r := w.as("R")
	w.fails(r, "create temp stage t", 2003, "Schema")
	w.do(sc, "grant usage on schema db.public to role r")
	w.do(r, "create temp stage t")
	w.fails(r, "create stage t2", 3001, "schema")
}

func TestFileFormats(t *testing.T) {
	w := newWorld(t)
	sc := w.as(AccountAdmin)
	w.do(sc, `CREATE SCOPED TEMPORARY FILE  FORMAT  If  NOT  EXISTS "DB"."PUBLIC".FF1 TYPE  = CSV`)
	w.do(sc, `CREATE FILE FORMAT ff2 TYPE=PARQUET COMPRESSION=auto USE_LOGICAL_TYPE = TRUE`)
	w.want(w.do(sc, "show file formats"), 1, "FF1", "FF2")
	f, err := w.cat.FileFormat(context.Background(), sc, sql.Name{Parts: []sql.Ident{{Name: "FF2"}}})
	if v, _ := f.Options.Get("USE_LOGICAL_TYPE"); err != nil || f.Type != "PARQUET" || v != "TRUE" {
		t.Fatal(f, err)
	}
	for _, r := range w.do(sc, "describe file format ff2") {
		if r[0] == "USE_LOGICAL_TYPE" && r[2] != "true" {
			t.Fatal(r)
		}
	}
	w.fails(sc, "create file format f type = nothing", 1008)
	w.fails(sc, "create file format f type = json field_delimiter = ','", 1420)
	w.do(sc, `DROP  FILE  FORMAT  If  EXISTS "DB"."PUBLIC".FF1`)
	w.do(sc, `DROP  FILE  FORMAT  If  EXISTS "DB"."PUBLIC".FF1`)
	w.fails(sc, `DROP FILE FORMAT FF1`, 2003, "File format")
}

func TestWarehouses(t *testing.T) {
	w := newWorld(t)
	sc := w.as(AccountAdmin)
	sc.Warehouse = "COMPUTE_WH"
	w.do(sc, "create warehouse if not exists wh2 warehouse_size = 'XSMALL' auto_suspend = 60 comment = 'c'")
	rows := w.do(sc, "show warehouses")
	w.want(rows, 0, "COMPUTE_WH", "WH2")
	if rows[0][1] != "STARTED" || rows[0][10] != "Y" || rows[1][3] != "X-Small" || rows[1][12] != "60" {
		t.Fatal(rows)
	}
	w.do(sc, "alter warehouse wh2 set warehouse_size = large")
	w.do(sc, "alter warehouse wh2 suspend")
	w.do(sc, "alter warehouse wh2 rename to wh3")
	w.open()
	rows = w.do(sc, "show warehouses like 'wh%'")
	w.want(rows, 3, "Large")
	w.fails(sc, "create warehouse wh3", 2002)
	w.fails(sc, "create warehouse wh4 warehouse_size = 'huge'", 1008)
	w.do(sc, "drop warehouse wh3")
	w.fails(sc, "desc warehouse wh3", 2003)
	if err := w.cat.UseWarehouse(context.Background(), sc, "WH3"); !sqlerr.Is(err, 2043) {
		t.Fatal(err)
	}
	if err := w.cat.UseWarehouse(context.Background(), sc, "COMPUTE_WH"); err != nil {
		t.Fatal(err)
	}
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	sc := w.as(AccountAdmin)
	for _, s := range []string{"create role analyst", "create role boss", "create user ann password = 'pw' default_role = boss", "grant role analyst to role boss", "grant role boss to user ann",
		"create stage st", "grant usage on warehouse compute_wh to role analyst"} {
		w.do(sc, s)
	}
	need := func(privilege, kind string, name ...string) []statement.Need {
		return []statement.Need{{Privilege: privilege, Kind: kind, Name: name}}
	}
	check := func(role string, code int, n []statement.Need) {
		t.Helper()
		err := w.cat.Check(ctx, w.as(role), n)
		if code == 0 && err != nil || code != 0 && !sqlerr.Is(err, code) {
			t.Fatalf("%s %v: %v, want %d", role, n, err, code)
		}
	}
	check(AccountAdmin, 0, need("CREATE TABLE", "SCHEMA", "DB", "PUBLIC"))
	check(Public, 0, need("USAGE", "COMPUTE POOL", "SYSTEM_COMPUTE_POOL_CPU"))
	check(Public, 3001, need("MODIFY", "COMPUTE POOL", "SYSTEM_COMPUTE_POOL_CPU"))
	check(Public, 2003, need("USAGE", "COMPUTE POOL", "OTHER"))
	check("BOSS", 0, need("USAGE", "WAREHOUSE", "COMPUTE_WH")) // through ANALYST
	check("BOSS", 2003, need("READ", "STAGE", "DB", "PUBLIC", "ST"))
	check("BOSS", 2003, need("CREATE STAGE", "SCHEMA", "DB", "PUBLIC"))
	w.do(sc, "grant usage on schema db.public to role analyst")
	check("BOSS", 3001, need("CREATE STAGE", "SCHEMA", "DB", "PUBLIC"))
	if err := w.cat.Check(ctx, w.as("BOSS"), need("CREATE STAGE", "SCHEMA", "DB", "PUBLIC")); !strings.Contains(err.Error(), "schema") {
		t.Fatal(err)
	}
	check("BOSS", 3001, need("CREATE STAGE", "SCHEMA")) // the current one
	check("BOSS", 3001, need("CREATE STAGE", "SCHEMA", "PUBLIC"))
	check("BOSS", 2003, need("CREATE SCHEMA", "DATABASE"))
	if err := w.cat.Check(ctx, &statement.Context{Role: "BOSS", Database: "DB"}, need("CREATE STAGE", "SCHEMA")); !sqlerr.Is(err, 90106) {
		t.Fatal(err)
	}
	w.do(sc, "grant read on stage st to role analyst")
	check("BOSS", 0, need("READ", "STAGE", "ST"))
	check("BOSS", 3001, need("WRITE", "STAGE", "ST"))
	w.do(sc, "grant all privileges on stage st to role analyst")
	check("BOSS", 0, need("WRITE", "STAGE", "ST"))
	w.do(sc, "revoke write on stage st from role analyst")
	check("BOSS", 3001, need("WRITE", "STAGE", "ST"))

	// A role owns what it created; others see nothing of it.
	w.do(sc, "grant create stage on schema db.public to role analyst")
	w.do(w.as("ANALYST"), "create stage mine")
	check("BOSS", 0, need("WRITE", "STAGE", "MINE"))
	check(Public, 2003, need("READ", "STAGE", "MINE"))
	w.want(w.do(w.as(Public), "show stages"), 1)
	w.want(w.do(w.as("BOSS"), "show stages"), 1, "MINE", "ST")
	w.fails(w.as("BOSS"), "drop stage st", 3001)
	w.fails(w.as(Public), "drop stage mine", 2003)

	// Grants end with their object, also where its name comes back, and live through a restart otherwise.
	w.open()
	check("BOSS", 0, need("READ", "STAGE", "ST"))
	w.do(sc, "create or replace stage st")
	check("BOSS", 2003, need("READ", "STAGE", "ST"))
	w.open()
	check("BOSS", 2003, need("READ", "STAGE", "ST"))

	// What a role may not do.
	w.fails(w.as("BOSS"), "create user x", 3001)
	w.fails(w.as("BOSS"), "create role x", 3001)
	w.fails(w.as("BOSS"), "grant role accountadmin to role boss", 3001)
	w.fails(w.as("BOSS"), "drop role analyst", 3001)
	ann := w.as("BOSS")
	ann.User = "ANN"
	w.fails(ann, "alter user admin set password = 'x'", 3001)
	w.fails(sc, "grant role boss to role analyst", 3013)
	w.fails(sc, "drop role accountadmin", 3001)
	w.fails(sc, "grant select on all tables in schema db.public to role boss", 2)
	w.fails(sc, "grant usage on warehouse nope to role boss", 2003)
	w.fails(sc, "grant usage on warehouse compute_wh to role nope", 2003)

	// What is not there is not refused for want of a privilege.
	check(Public, 0, need("OWNERSHIP", "STAGE", "DB", "PUBLIC", "NOTHING"))
	check(Public, 0, need("OWNERSHIP", "STAGE", "NODB", "PUBLIC", "NOTHING"))
	w.do(w.as(Public), "drop stage if exists nothing")
	w.fails(w.as(Public), "drop stage nothing", 2003)

	w.want(w.do(sc, "show grants to user ann"), 1, "BOSS")
	w.want(w.do(sc, "show grants of role analyst"), 3, "BOSS")
	w.want(w.do(sc, "show grants to role analyst"), 1, "CREATE STAGE", "USAGE", "OWNERSHIP", "USAGE")
	w.want(w.do(sc, "show grants on warehouse compute_wh"), 1, "OWNERSHIP", "USAGE")
	w.want(w.do(sc, "show roles like 'a%'"), 1, "ACCOUNTADMIN", "ANALYST")
	w.want(w.do(sc, "show roles starts with 'S' limit 1 from 'SEC'"), 1, "SECURITYADMIN")
	w.want(w.do(w.as(Public), "show users"), 0, "ADMIN", "ANN")

	user := func(user, role string) *statement.Context {
		s := w.as(role)
		s.User = user
		return s
	}
	if err := w.cat.UseRole(ctx, user("ANN", "BOSS"), "ANALYST"); err != nil {
		t.Fatal(err)
	}
	if err := w.cat.UseRole(ctx, user("ANN", "BOSS"), AccountAdmin); !sqlerr.Is(err, 2043) {
		t.Fatal(err)
	}
	job := user("ADMIN", "ANALYST")
	job.Job = "j"
	if err := w.cat.UseRole(ctx, job, AccountAdmin); err == nil {
		t.Fatal("a job's session took its user's role")
	}
	// Dropping a role gives what it owned to who dropped it, and takes its grants.
	w.do(sc, "drop role analyst")
	check("BOSS", 2003, need("USAGE", "WAREHOUSE", "COMPUTE_WH"))
	w.open()
	w.want(w.do(sc, "show stages like 'mine'"), 7, AccountAdmin)
}

func TestPasswordLogin(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	sc := w.as(AccountAdmin)
	login := func(l statement.Login, code int) statement.Identity {
		t.Helper()
		id, err := w.cat.Login(ctx, l)
		if code == 0 && err != nil || code != 0 && !sqlerr.Is(err, code) {
			t.Fatalf("%+v: %v, want %d", l, err, code)
		}
		return id
	}
	id := login(statement.Login{Account: "firn", User: "admin", Password: "s3cret"}, 0)
	if id.User != "ADMIN" || id.Role != AccountAdmin || id.Warehouse != "COMPUTE_WH" {
		t.Fatal(id)
	}
	login(statement.Login{User: "admin", Password: "wrong"}, 390100)
	login(statement.Login{User: "nobody", Password: "s3cret"}, 390100)
	login(statement.Login{User: "admin"}, 390100)
	login(statement.Login{Account: "other", User: "admin", Password: "s3cret"}, 390201)
	login(statement.Login{User: "admin", Password: "s3cret", Role: "nope"}, 390189)
	if id := login(statement.Login{User: "admin", Password: "s3cret", Role: "public"}, 0); id.Role != Public {
		t.Fatal(id)
	}
	login(statement.Login{User: "admin", Authenticator: "EXTERNALBROWSER"}, 2)
	w.do(sc, `create user bob password='p1' login_name = 'bob@x.org' default_namespace = db.s`)
	id = login(statement.Login{User: "BOB@x.org", Password: "p1"}, 0)
	if id.User != "BOB" || id.Role != Public || id.Database != "DB" || id.Schema != "S" {
		t.Fatal(id)
	}
	bob := w.as(Public)
	bob.User = "BOB"
	w.do(bob, "alter user bob set password = 'p2'")
	w.fails(bob, "alter user bob set disabled = false", 3001)
	login(statement.Login{User: "bob@x.org", Password: "p1"}, 390100)
	w.open()
	login(statement.Login{User: "bob@x.org", Password: "p2"}, 0)
	w.do(sc, "alter user bob set disabled = true")
	login(statement.Login{User: "bob@x.org", Password: "p2"}, 390101)
	w.do(sc, "drop user bob")
	login(statement.Login{User: "bob@x.org", Password: "p2"}, 390100)
	w.fails(sc, "create user u nonsense = 1", 1420)
	for _, r := range w.do(sc, "desc user admin") {
		if r[0] == "PASSWORD" && r[1] != "********" {
			t.Fatal(r)
		}
	}
	if users, _ := w.store.Users(ctx); strings.Contains(fmt.Sprint(users), "s3cret") {
		t.Fatal("a password is stored as it is")
	}
}

func TestJobToken(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	sc := w.as(AccountAdmin)
	w.do(sc, "create role worker")
	w.do(sc, "grant role worker to user admin")
	token, err := w.cat.IssueToken(ctx, "ADMIN", "WORKER", "DB.PUBLIC.J1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l := statement.Login{Authenticator: "OAUTH", Token: token + "\n"}
	id, err := w.cat.Login(ctx, l)
	if err != nil || id.User != "ADMIN" || id.Role != "WORKER" || id.Job != "DB.PUBLIC.J1" || !id.Expires.Equal(w.now.Add(time.Hour)) {
		t.Fatal(id, err)
	}
	code := func(l statement.Login, want int) {
		t.Helper()
		if _, err := w.cat.Login(ctx, l); !sqlerr.Is(err, want) {
			t.Fatalf("%v, want %d", err, want)
		}
	}
	code(statement.Login{Authenticator: "OAUTH", Token: token, Role: "ACCOUNTADMIN"}, 390189)
	code(statement.Login{Authenticator: "PROGRAMMATIC_ACCESS_TOKEN", Token: token}, 394400)
	code(statement.Login{Authenticator: "OAUTH", Token: "guess"}, 390303)
	code(statement.Login{Authenticator: "OAUTH"}, 390303)
	w.open()
	if _, err := w.cat.Login(ctx, l); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	code(l, 390318)
	w.now = w.now.Add(-time.Minute)
	if err := w.cat.RevokeJob(ctx, "DB.PUBLIC.J1"); err != nil {
		t.Fatal(err)
	}
	code(l, 390303)
	token, _ = w.cat.IssueToken(ctx, "ADMIN", "WORKER", "J2", time.Hour)
	w.do(sc, "drop role worker")
	code(statement.Login{Authenticator: "OAUTH", Token: token}, 390303)
}

// TestOwners: what other rooms keep belongs to the role that they name.
func TestOwners(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	sc := w.as(AccountAdmin)
	w.do(sc, "create role r")
	owned := map[string]string{"TABLE DB.PUBLIC.T": "R", "COMPUTE POOL P": "R", "DATABASE DB2": "R"}
	w.cat.owner = func(_ context.Context, kind string, name []string) (string, bool, error) {
		role, ok := owned[kind+" "+strings.Join(name, ".")]
		return role, ok, nil
	}
	for _, c := range []struct {
		role string
		need statement.Need
		code int
	}{
		{"R", statement.Need{Privilege: "SELECT", Kind: "TABLE", Name: []string{"T"}}, 0},
		{"R", statement.Need{Privilege: "OPERATE", Kind: "COMPUTE POOL", Name: []string{"P"}}, 0},
		{"R", statement.Need{Privilege: "CREATE SCHEMA", Kind: "DATABASE", Name: []string{"DB2"}}, 0},
		{"R", statement.Need{Privilege: "CREATE SCHEMA", Kind: "DATABASE", Name: []string{"DB"}}, 2003},
		{Public, statement.Need{Privilege: "SELECT", Kind: "TABLE", Name: []string{"DB", "PUBLIC", "T"}}, 2003},
		{Public, statement.Need{Privilege: "OPERATE", Kind: "COMPUTE POOL", Name: []string{"P"}}, 2003},
		{Public, statement.Need{Privilege: "OWNERSHIP", Kind: "TABLE", Name: []string{"NONE"}}, 0},
	} {
		err := w.cat.Check(ctx, w.as(c.role), []statement.Need{c.need})
		if c.code == 0 && err != nil || c.code != 0 && !sqlerr.Is(err, c.code) {
			t.Errorf("%s %v: %v, want %d", c.role, c.need, err, c.code)
		}
	}
	w.do(sc, "grant select on table t to role public")
	if err := w.cat.Check(ctx, w.as(Public), []statement.Need{{Privilege: "SELECT", Kind: "TABLE", Name: []string{"T"}}}); err != nil {
		t.Fatal(err)
	}
	w.fails(sc, "grant select on table none to role public", 2003)
	w.do(sc, "grant usage on compute pool system_compute_pool_cpu to role r")
	if err := w.cat.Dropped(ctx, "TABLE", 2, "T"); err != nil {
		t.Fatal(err)
	}
	if err := w.cat.Check(ctx, w.as(Public), []statement.Need{{Privilege: "SELECT", Kind: "TABLE", Name: []string{"T"}}}); !sqlerr.Is(err, 2003) {
		t.Fatal(err)
	}
	w.do(sc, "create stage st")
	w.do(sc, "grant read on stage st to role public")
	w.do(sc, "grant ownership on stage st to role r revoke current grants")
	w.want(w.do(sc, "show grants on stage st"), 5, "R")
	w.do(w.as("R"), "drop stage st")
}

func TestAccessToken(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	token, err := w.cat.IssueAccessToken(ctx, "ADMIN", "", "ci", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l := statement.Login{Authenticator: "PROGRAMMATIC_ACCESS_TOKEN", Token: token}
	if id, err := w.cat.Login(ctx, l); err != nil || id.User != "ADMIN" || id.Role != AccountAdmin || id.Job != "" {
		t.Fatal(id, err)
	}
	l.User, l.Role = "admin", "sysadmin"
	if id, err := w.cat.Login(ctx, l); err != nil || id.Role != SysAdmin {
		t.Fatal(id, err)
	}
	l.User = "other"
	if _, err := w.cat.Login(ctx, l); !sqlerr.Is(err, 394400) {
		t.Fatal(err)
	}
	l.User = ""
	if err := w.cat.RevokeAccessToken(ctx, "ADMIN", "ci"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.cat.Login(ctx, l); !sqlerr.Is(err, 394400) {
		t.Fatal(err)
	}
	if _, err := w.cat.IssueAccessToken(ctx, "NOBODY", "", "ci", time.Hour); !sqlerr.Is(err, 2003) {
		t.Fatal(err)
	}
}

func TestKeyPair(t *testing.T) {
	w := newWorld(t)
	sc := w.as(AccountAdmin)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
	w.do(sc, "alter user admin set rsa_public_key = '"+base64.StdEncoding.EncodeToString(der)+"'")
	w.fails(sc, "alter user admin set rsa_public_key = 'nonsense'", 390410)
	sum := sha256.Sum256(der)
	make := func(iss, sub string, exp time.Time, key *rsa.PrivateKey) string {
		enc := func(v any) string { b, _ := json.Marshal(v); return base64.RawURLEncoding.EncodeToString(b) }
		text := enc(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + enc(map[string]any{"iss": iss, "sub": sub, "iat": w.now.Unix(), "exp": exp.Unix()})
		h := sha256.Sum256([]byte(text))
		sig, _ := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, h[:])
		return text + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	fp := "SHA256:" + base64.StdEncoding.EncodeToString(sum[:])
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, c := range []struct {
		name, token string
		ok          bool
	}{
		{"right", make("FIRN.ADMIN."+fp, "FIRN.ADMIN", w.now.Add(time.Minute), key), true},
		{"expired", make("FIRN.ADMIN."+fp, "FIRN.ADMIN", w.now.Add(-2*time.Minute), key), false},
		{"other key", make("FIRN.ADMIN."+fp, "FIRN.ADMIN", w.now.Add(time.Minute), other), false},
		{"other account", make("X.ADMIN."+fp, "X.ADMIN", w.now.Add(time.Minute), key), false},
		{"other subject", make("FIRN.ADMIN."+fp, "FIRN.BOB", w.now.Add(time.Minute), key), false},
		{"nonsense", "a.b.c", false},
		{"empty", "", false},
	} {
		id, err := w.cat.Login(context.Background(), statement.Login{User: "admin", Authenticator: "SNOWFLAKE_JWT", Token: c.token})
		if c.ok && (err != nil || id.User != "ADMIN") || !c.ok && !sqlerr.Is(err, 390144) {
			t.Errorf("%s: %v %v", c.name, id, err)
		}
	}
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		p, s string
		want bool
	}{{"a%", "ABC", true}, {"%b%", "ABC", true}, {"a_c", "ABC", true}, {"a_", "ABC", false}, {`a\_c`, "ABC", false}, {`a\_c`, "A_C", true}, {"", "", true}, {"%", "", true}, {"abc", "ABCD", false}, {"%%d", "ABCD", true}} {
		if got := like(c.p, c.s); got != c.want {
			t.Errorf("%q like %q: %v", c.s, c.p, got)
		}
	}
}
