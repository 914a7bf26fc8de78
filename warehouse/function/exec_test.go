package function_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
	"firn/warehouse/function"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// engine is an in-memory DuckDB with the functions, and a few tables as warehouse would name them.
type engine struct {
	db     duckdb.Database
	conn   duckdb.Connection
	tables map[string]*bind.Table
	funcs  map[string]statement.Function
	vars   map[string]any
	calls  int
}

func open(t testing.TB) *engine {
	t.Helper()
	e := &engine{tables: map[string]*bind.Table{}, funcs: map[string]statement.Function{}, vars: map[string]any{}}
	if duckdb.Open("", &e.db) == duckdb.StateError {
		t.Fatal("open")
	}
	if duckdb.Connect(e.db, &e.conn) == duckdb.StateError {
		t.Fatal("connect")
	}
	t.Cleanup(func() {
		duckdb.Disconnect(&e.conn)
		duckdb.Close(&e.db)
	})
	if err := function.Register(e.conn); err != nil {
		t.Fatal(err)
	}
	return e
}

// rows runs DuckDB SQL and gives every cell as text; NULL is "NULL".
func (e *engine) rows(q string) ([][]string, error) {
	var res duckdb.Result
	state := duckdb.Query(e.conn, q, &res)
	defer duckdb.DestroyResult(&res)
	if state == duckdb.StateError {
		msg := duckdb.ResultError(&res)
		if err, ok := function.Error(msg); ok {
			return nil, err
		}
		return nil, fmt.Errorf("%s\n%s", msg, q)
	}
	n := int(duckdb.ColumnCount(&res))
	if duckdb.ResultReturnType(res) != duckdb.ResultTypeQueryResult {
		return nil, nil
	}
	var out [][]string
	for {
		chunk := duckdb.FetchChunk(res)
		if chunk.Ptr == nil {
			return out, nil
		}
		size := int(duckdb.DataChunkGetSize(chunk))
		for i := range size {
			row := make([]string, n)
			for j := range n {
				v := duckdb.DataChunkGetVector(chunk, duckdb.IdxT(j))
				valid := duckdb.VectorGetValidity(v)
				if valid != nil && !duckdb.ValidityRowIsValid(valid, duckdb.IdxT(i)) {
					row[j] = "NULL"
					continue
				}
				row[j] = function.TextCell(v, i)
			}
			out = append(out, row)
		}
		duckdb.DestroyDataChunk(&chunk)
	}
}

func (e *engine) exec(t testing.TB, q string) {
	t.Helper()
	var res duckdb.Result
	state := duckdb.Query(e.conn, q, &res)
	defer duckdb.DestroyResult(&res)
	if state == duckdb.StateError {
		t.Fatal(duckdb.ResultError(&res))
	}
}

// Table and the rest are bind.Names.
func (e *engine) Table(_ context.Context, n sql.Name) (*bind.Table, error) {
	name := n.Parts[len(n.Parts)-1].Name
	if t, ok := e.tables[name]; ok {
		return t, nil
	}
	return nil, sqlerr.NotExist("Object", name)
}

func (e *engine) Function(name string) (statement.Function, bool) {
	f, ok := e.funcs[name]
	return f, ok
}

func (e *engine) Materialize(_ context.Context, r *result.Result) (*bind.Table, error) {
	t := &bind.Table{}
	var rows []string
	for _, c := range r.Columns {
		t.Columns = append(t.Columns, bind.Column{Name: c.Name, Type: c.Type, Nullable: c.Nullable})
	}
	for _, row := range r.Rows {
		var cells []string
		for i, v := range row {
			cells = append(cells, fmt.Sprintf("'%v'::%s AS %s", v, bind.PhysicalType(r.Columns[i].Type), bind.Physical(r.Columns[i].Name)))
		}
		rows = append(rows, "SELECT "+strings.Join(cells, ", "))
	}
	t.From = "(" + strings.Join(rows, " UNION ALL ") + ")"
	return t, nil
}

func (e *engine) Stage(context.Context, *sql.StageTable) (*bind.Table, error) {
	return nil, sqlerr.Unsupported("stages here")
}

func (e *engine) Variable(name string) (any, bool) { v, ok := e.vars[name]; return v, ok }

// create makes a table: columns as "A NUMBER(10,2) NOT NULL".
func (e *engine) create(t testing.TB, name string, cols ...string) *bind.Table {
	t.Helper()
	tab := &bind.Table{ID: int64(len(e.tables) + 1), Database: "DB", Schema: "PUBLIC", Name: name}
	tab.From = fmt.Sprintf(`"%d_%s"`, tab.ID, name)
	var defs []string
	for _, c := range cols {
		word, typ, _ := strings.Cut(c, " ")
		typ, notNull := strings.CutSuffix(typ, " NOT NULL")
		tn, err := sql.ParseType(typ)
		if err != nil {
			t.Fatal(err)
		}
		rt, err := bind.TypeOf(tn)
		if err != nil {
			t.Fatal(err)
		}
		tab.Columns = append(tab.Columns, bind.Column{Name: word, Type: rt, Nullable: !notNull})
		def := bind.Physical(word) + " " + bind.PhysicalType(rt)
		if notNull {
			def += " NOT NULL"
		}
		defs = append(defs, def)
	}
	e.exec(t, "CREATE TABLE "+tab.From+" ("+strings.Join(defs, ", ")+")")
	e.tables[name] = tab
	return tab
}

type params map[string]string

func (p params) Get(name string) string { return p[name] }

func context_(text string) *statement.Context {
	return &statement.Context{Text: text, User: "ADMIN", Role: "ACCOUNTADMIN", Database: "DB", Schema: "PUBLIC", Warehouse: "COMPUTE_WH",
		Region: "AWS_US_WEST_2", Account: "FIRN", Version: "9.30.1", Session: 42, Binds: []statement.Bind{{Type: "FIXED", Value: ptr("41")}, {Type: "TEXT", Value: ptr("it's")}, {Type: "REAL", Value: ptr("1.5")}, {Type: "ANY"}}, Params: params{"TIMEZONE": "America/Los_Angeles"}}
}

func parse(t testing.TB, text string) sql.Statement {
	t.Helper()
	p, err := sql.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p.Statement
}

// text is a column's value as text, by its Snowflake type.
func text(c result.Column, ref string) string {
	switch c.Type.Kind {
	case result.Real:
		return "sf_ftext(" + ref + ")"
	case result.TimestampNTZ, result.TimestampLTZ:
		return "sf_tstext(" + ref + ",'YYYY-MM-DD HH24:MI:SS.FF3')"
	case result.TimestampTZ:
		return "sf_tztext(" + ref + ",'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM')"
	case result.Variant, result.Object, result.Array:
		return "v_json(" + ref + ")"
	case result.Binary:
		return "hex(" + ref + ")"
	}
	return ref + "::VARCHAR"
}

// query binds and runs a query: its columns and rows as text. It also checks that DuckDB's types are the ones promised.
func (e *engine) query(t testing.TB, sc *statement.Context) ([]result.Column, [][]string, error) {
	t.Helper()
	p, err := sql.Parse(sc.Text)
	if err != nil {
		return nil, nil, err
	}
	q, ok := p.Statement.(*sql.Query)
	if !ok {
		t.Fatalf("%s: no query", sc.Text)
	}
	b, err := bind.Query(context.Background(), sc, e, q)
	if err != nil {
		return nil, nil, err
	}
	if os.Getenv("FIRN_SHOW_SQL") != "" {
		t.Log(b.SQL)
	}
	var cells, types, names []string
	for i, c := range b.Columns {
		ref := fmt.Sprintf("r.c%d", i)
		names = append(names, fmt.Sprintf("c%d", i))
		cells = append(cells, text(c, ref))
		types = append(types, "typeof("+ref+")")
	}
	from := " FROM (" + b.SQL + ") AS r(" + strings.Join(names, ", ") + ")"
	got, err := e.rows("SELECT " + strings.Join(cells, ", ") + from)
	if err != nil {
		return nil, nil, err
	}
	if len(got) > 0 && !b.Volatile {
		tt, err := e.rows("SELECT " + strings.Join(types, ", ") + from + " LIMIT 1")
		if err != nil {
			return nil, nil, err
		}
		for i, c := range b.Columns {
			if want := bind.PhysicalType(c.Type); tt[0][i] != want && !(c.Type.Kind == result.TimestampTZ) {
				t.Errorf("%s: column %d is %s in DuckDB, %s promised", sc.Text, i+1, tt[0][i], want)
			}
		}
	}
	for _, row := range got {
		for i, c := range b.Columns {
			if row[i] == "NULL" && !c.Nullable {
				t.Errorf("%s: column %d (%s) is NULL and said not to be", sc.Text, i+1, c.Name)
			}
		}
	}
	return b.Columns, got, nil
}

func show(cols []result.Column, rows [][]string) string {
	var heads []string
	for _, c := range cols {
		h := c.Name + " " + c.Type.SQL()
		if !c.Nullable {
			h += " NOT NULL"
		}
		heads = append(heads, h)
	}
	out := []string{strings.Join(heads, " | ")}
	for _, r := range rows {
		out = append(out, strings.Join(r, " | "))
	}
	return strings.Join(out, "\n")
}

func ptr(s string) *string { return &s }
