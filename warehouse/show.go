package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/duck"
)

// shows says which SHOW statements are answered here.
func shows(kind string) bool {
	switch kind {
	case "DATABASES", "SCHEMAS", "TABLES", "VIEWS", "COLUMNS", "SEQUENCES", "OBJECTS", "PRIMARY KEYS":
		return true
	}
	return false
}

var (
	databaseColumns = cols("created_on:t name is_default is_current origin owner comment options retention_time kind owner_role_type")
	schemaColumns   = cols("created_on:t name is_default is_current database_name owner comment options retention_time owner_role_type")
	tableColumns    = cols("created_on:t name database_name schema_name kind comment cluster_by rows:i bytes:i owner retention_time automatic_clustering change_tracking is_external enable_schema_evolution owner_role_type is_event budget is_hybrid is_iceberg is_dynamic is_immutable")
	viewColumns     = cols("created_on:t name reserved database_name schema_name owner comment text is_secure is_materialized owner_role_type change_tracking")
	columnColumns   = cols("table_name schema_name column_name data_type null? default kind expression comment database_name autoincrement schema_evolution_record")
	sequenceColumns = cols("name database_name schema_name next_value:i interval:i created_on:t owner comment owner_role_type ordered")
	objectColumns   = cols("created_on:t name database_name schema_name kind comment cluster_by rows:i bytes:i owner retention_time owner_role_type")
	keyColumns      = cols("created_on:t database_name schema_name table_name column_name key_sequence:i constraint_name rely comment")
	terseColumns    = cols("created_on:t name kind database_name schema_name")
	describeColumns = cols("name type kind null? default primary_key unique_key check expression comment policy_name privacy_domain")
)

// cols makes columns from names; :t a time, :i a number, else text. "_" within DESCRIBE's stands for a blank there.
func cols(list string) []result.Column {
	var out []result.Column
	for _, f := range strings.Fields(list) {
		name, kind, _ := strings.Cut(f, ":")
		switch kind {
		case "t":
			out = append(out, result.TimeColumn(name))
		case "i":
			out = append(out, result.IntColumn(name))
		default:
			out = append(out, result.TextColumn(name))
		}
	}
	return out
}

// scope is where SHOW looks: the whole account (nil, nil), a database, a schema or one table.
type scope struct{ db, schema, table *object }

func (w *Warehouse) scope(sc *statement.Context, st *sql.Show) (scope, error) {
	var s scope
	switch {
	case st.In == "ACCOUNT":
		return s, nil
	case st.InName == nil:
		database, schema := sc.Database, sc.Schema
		if database == "" {
			return s, nil // no current database: the account
		}
		if s.db = w.database(database); s.db == nil {
			return s, sqlerr.NotExist("Database", database)
		}
		if st.In == kindDatabase || schema == "" || st.Kind == "SCHEMAS" {
			return s, nil
		}
		s.schema = w.tree.child(s.db.ID, 0, kindSchema, schema)
		return s, nil
	}
	n := *st.InName
	switch {
	case st.In == "TABLE" || st.In == "VIEW" || st.In == "" && (st.Kind == "COLUMNS" || st.Kind == "PRIMARY KEYS"):
		o, err := w.find(sc, kindTable, n, "SHOW "+st.Kind)
		if err != nil {
			return s, err
		}
		s.table = o
		return s, nil
	case st.In == kindDatabase || st.In == "" && len(n.Parts) == 1 && (st.Kind == "SCHEMAS" || w.schemaHere(sc, n) == nil):
		if s.db = w.database(written(n)); s.db == nil {
			return s, sqlerr.NotExist("Database", written(n))
		}
		return s, nil
	case st.In == kindSchema || st.In == "":
		if len(n.Parts) > 1 && n.Parts[len(n.Parts)-1].Name == informationSchema {
			return s, sqlerr.Unsupported("SHOW … IN INFORMATION_SCHEMA")
		}
		schema, err := w.schema(sc, n, "SHOW "+st.Kind)
		if err != nil {
			return s, err
		}
		s.schema, s.db = schema, w.tree.get(schema.Parent)
		return s, nil
	}
	return s, sqlerr.Unsupported("SHOW %s IN %s", st.Kind, st.In)
}

func (w *Warehouse) schemaHere(sc *statement.Context, n sql.Name) *object {
	if db := w.database(sc.Database); db != nil {
		return w.tree.child(db.ID, 0, kindSchema, written(n))
	}
	return nil
}

// visible are the objects of a kind that SHOW lists: in scope, not another session's, with live parents, by name.
func (w *Warehouse) visible(sc *statement.Context, s scope, kinds ...string) []*object {
	list := w.tree.list(func(o *object) bool {
		return slices.Contains(kinds, o.Kind) && (o.Session == 0 || o.Session == sc.Session)
	})
	var out []*object
	for _, o := range list {
		if live, _ := w.Exists(o.ID); !live {
			continue
		}
		switch {
		case s.table != nil:
			if o.ID != s.table.ID {
				continue
			}
		case s.schema != nil:
			if o.Parent != s.schema.ID {
				continue
			}
		case s.db != nil:
			if o.Parent != s.db.ID {
				if p := w.tree.get(o.Parent); p == nil || p.Parent != s.db.ID {
					continue
				}
			}
		}
		out = append(out, o)
	}
	return out
}

func (w *Warehouse) show(ctx context.Context, sc *statement.Context, st *sql.Show) (*result.Result, error) {
	s, err := w.scope(sc, st)
	if err != nil {
		return nil, err
	}
	r := &result.Result{Type: result.TypeShow}
	name := 1 // the column that LIKE and STARTS WITH look at
	add := func(cells ...any) { r.Rows = append(r.Rows, cells) }
	days := func(o *object) string { return fmt.Sprint(int(w.retention(o).Hours() / 24)) }
	yes := func(b bool) string {
		if b {
			return "Y"
		}
		return "N"
	}
	parents := func(o *object) (string, string) {
		p := w.path(o)
		return p[0], p[1]
	}
	switch st.Kind {
	case "DATABASES":
		s = scope{}
		r.Columns = databaseColumns
		list := w.visible(sc, s, kindDatabase)
		if st.History {
			list = append(list, w.tree.dropped(func(o *object) bool { return o.Kind == kindDatabase })...)
			r.Columns = append(slices.Clone(r.Columns), result.TimeColumn("dropped_on"))
		}
		for _, o := range list {
			cells := []any{o.Created, o.Name, "N", yes(o.Name == sc.Database), "", o.Owner, o.Comment, o.Lifetime, days(o), "STANDARD", "ROLE"}
			if st.History {
				cells = append(cells, timeOrNil(o))
			}
			add(cells...)
		}
		if st.Terse {
			r.Columns = terseColumns
			for i, c := range r.Rows {
				r.Rows[i] = []any{c[0], c[1], c[9], nil, nil}
			}
		}
	case "SCHEMAS":
		r.Columns = schemaColumns
		list := w.visible(sc, s, kindSchema)
		if st.History {
			list = append(list, w.tree.dropped(func(o *object) bool { return o.Kind == kindSchema && (s.db == nil || o.Parent == s.db.ID) })...)
			r.Columns = append(slices.Clone(r.Columns), result.TimeColumn("dropped_on"))
		}
		for _, o := range list {
			db := w.path(o)[0]
			options := o.Lifetime
			if o.Managed {
				options = "MANAGED ACCESS"
			}
			cells := []any{o.Created, o.Name, "N", yes(db == sc.Database && o.Name == sc.Schema), db, o.Owner, o.Comment, options, days(o), "ROLE"}
			if st.History {
				cells = append(cells, timeOrNil(o))
			}
			add(cells...)
		}
		for _, db := range w.visible(sc, scope{}, kindDatabase) {
			if s.db == nil || s.db.ID == db.ID {
				add(db.Created, informationSchema, "N", "N", db.Name, "", "Views describing the contents of schemas in this database", "", "1", "")
			}
		}
		slices.SortStableFunc(r.Rows, func(a, b []any) int { return strings.Compare(a[1].(string), b[1].(string)) })
		if st.Terse {
			r.Columns = terseColumns
			for i, c := range r.Rows {
				r.Rows[i] = []any{c[0], c[1], nil, c[4], nil}
			}
		}
	case "TABLES", "OBJECTS":
		r.Columns = tableColumns
		kinds := []string{kindTable}
		if st.Kind == "OBJECTS" {
			r.Columns = objectColumns
			kinds = append(kinds, kindView)
		}
		list := w.visible(sc, s, kinds...)
		if st.History && st.Kind == "TABLES" {
			list = append(list, w.tree.dropped(func(o *object) bool { return o.Kind == kindTable && (s.schema == nil || o.Parent == s.schema.ID) })...)
			r.Columns = append(slices.Clone(r.Columns), result.TimeColumn("dropped_on"))
		}
		list = slices.DeleteFunc(list, func(o *object) bool { return !named(o.Name, st) })
		var sizes map[string]any
		if !st.Terse {
			if sizes, err = w.sizes(ctx, list); err != nil {
				return nil, err
			}
		}
		for _, o := range list {
			db, schema := parents(o)
			kind := "TABLE"
			switch {
			case o.Kind == kindView:
				kind = "VIEW"
			case o.temporary():
				kind = "TEMPORARY"
			case o.Lifetime == "TRANSIENT":
				kind = "TRANSIENT"
			}
			n, bytes := any(nil), any(nil)
			if o.Kind == kindTable {
				n, bytes = sizes[o.Physical], int64(0)
			}
			if st.Terse {
				add(o.Created, o.Name, kind, db, schema)
				continue
			}
			cells := []any{o.Created, o.Name, db, schema, kind, o.Comment, o.Cluster, n, bytes, o.Owner, days(o)}
			if st.Kind == "OBJECTS" {
				add(append(cells, "ROLE")...)
				continue
			}
			cells = append(cells, "OFF", "OFF", "N", "N", "ROLE", "N", nil, "N", "N", "N", "N")
			if st.History {
				cells = append(cells, timeOrNil(o))
			}
			add(cells...)
		}
		if st.Terse {
			r.Columns = terseColumns
		}
	case "VIEWS":
		r.Columns = viewColumns
		for _, o := range w.visible(sc, s, kindView) {
			db, schema := parents(o)
			if st.Terse {
				add(o.Created, o.Name, "VIEW", db, schema)
				continue
			}
			secure := "false"
			if o.Secure {
				secure = "true"
			}
			add(o.Created, o.Name, "", db, schema, o.Owner, o.Comment, o.Statement, secure, "false", "ROLE", "OFF")
		}
		if st.Terse {
			r.Columns = terseColumns
		}
	case "COLUMNS":
		r.Columns, name = columnColumns, 2
		for _, o := range w.visible(sc, s, kindTable, kindView) {
			db, schema := parents(o)
			for i := range o.Columns {
				c := &o.Columns[i]
				auto := ""
				if c.Identity != nil {
					auto = fmt.Sprintf("IDENTITY START %d INCREMENT %d NOORDER", c.Identity.Start, c.Identity.Step)
				}
				null := "true"
				if c.NotNull {
					null = "NOT_NULL"
				}
				add(o.Name, schema, c.Name, typeJSON(c), null, c.Default, "COLUMN", "", c.Comment, db, auto, nil)
			}
		}
	case "SEQUENCES":
		r.Columns, name = sequenceColumns, 0
		for _, o := range w.visible(sc, s, kindSequence) {
			db, schema := parents(o)
			add(o.Name, db, schema, w.counters.peek(o.ID), o.Step, o.Created, o.Owner, o.Comment, "ROLE", "N")
		}
	case "PRIMARY KEYS":
		r.Columns, name = keyColumns, 3
		for _, o := range w.visible(sc, s, kindTable) {
			db, schema := parents(o)
			for _, k := range o.Constraints {
				if k.Kind != "PRIMARY KEY" {
					continue
				}
				id := k.Name
				if id == "" {
					id = fmt.Sprintf("SYS_CONSTRAINT_%d", o.ID)
				}
				for i, c := range k.Columns {
					add(o.Created, db, schema, o.Name, c, int64(i+1), id, "false", nil)
				}
			}
		}
	default:
		return nil, sqlerr.Unsupported("SHOW %s", st.Kind)
	}
	r.Rows = filterShow(r.Rows, name, st)
	return r, nil
}

func timeOrNil(o *object) any {
	if o.Dropped.IsZero() {
		return nil
	}
	return o.Dropped
}

// named says whether a name passes LIKE (blind to case), STARTS WITH (not) and FROM.
func named(s string, st *sql.Show) bool {
	return (st.Like == nil || like(strings.ToUpper(s), strings.ToUpper(st.Like.Value))) &&
		(st.StartsWith == nil || strings.HasPrefix(s, st.StartsWith.Value)) &&
		(st.From == nil || s > st.From.Value || strings.HasPrefix(s, st.From.Value))
}

// filterShow applies what SHOW's clauses say of the names, and LIMIT.
func filterShow(rows [][]any, name int, st *sql.Show) [][]any {
	out := rows[:0]
	for _, r := range rows {
		if s, _ := r[name].(string); named(s, st) {
			out = append(out, r)
		}
	}
	if st.Limit >= 0 && len(out) > st.Limit {
		out = out[:st.Limit]
	}
	return out
}

// like is SQL's LIKE with % and _ and the backslash as escape.
func like(s, pattern string) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(t) {
		switch {
		case j < len(p) && p[j] == '\\' && j+1 < len(p) && p[j+1] == t[i]:
			i, j = i+1, j+2
		case j < len(p) && p[j] == '%':
			star, mark = j, i
			j++
		case j < len(p) && p[j] != '\\' && (p[j] == '_' || p[j] == t[i]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j] == '%' {
		j++
	}
	return j == len(p)
}

// counted is how many tables have their rows counted by SHOW; of longer lists DuckDB's estimates are shown.
const counted = 200

// sizes gives the number of rows of the listed tables by their physical names.
func (w *Warehouse) sizes(ctx context.Context, list []*object) (map[string]any, error) {
	out := map[string]any{}
	c, err := w.duck.Acquire()
	if err != nil {
		return nil, err
	}
	defer c.Release()
	if len(list) > counted {
		err = scan(ctx, c, "SELECT table_name, estimated_size::BIGINT FROM duckdb_tables() WHERE database_name = 'm' AND schema_name = 't'", func(r row) error {
			out[r.text(0)] = r.int(1)
			return nil
		})
		return out, duck.Wrap(err, "show tables")
	}
	for _, o := range list {
		if o.Kind != kindTable {
			continue
		}
		err := scan(ctx, c, "SELECT count(*) FROM "+o.from(), func(r row) error {
			out[o.Physical] = r.int(0)
			return nil
		})
		if err != nil && !duck.Gone(err) { // dropped meanwhile
			return nil, duck.Wrap(err, "show tables")
		}
	}
	return out, nil
}

// typeJSON is the data_type of SHOW COLUMNS.
func typeJSON(c *column) string {
	null := "true"
	if c.NotNull {
		null = "false"
	}
	switch t := c.typ; t.Kind {
	case result.Fixed:
		return fmt.Sprintf(`{"type":"FIXED","precision":%d,"scale":%d,"nullable":%s}`, t.Precision, t.Scale, null)
	case result.Text:
		return fmt.Sprintf(`{"type":"TEXT","length":%d,"byteLength":%d,"nullable":%s,"fixed":false}`, t.TextLength(), min(4*t.TextLength(), result.MaxText), null)
	case result.Binary:
		return fmt.Sprintf(`{"type":"BINARY","length":%d,"byteLength":%d,"nullable":%s,"fixed":true}`, t.BinaryLength(), t.BinaryLength(), null)
	case result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
		return fmt.Sprintf(`{"type":"%s","precision":0,"scale":%d,"nullable":%s}`, strings.ToUpper(t.Kind.String()), t.Scale, null)
	default:
		return fmt.Sprintf(`{"type":"%s","nullable":%s}`, strings.ToUpper(t.Kind.String()), null)
	}
}

func (w *Warehouse) describe(sc *statement.Context, st *sql.Describe) (*result.Result, error) {
	r := &result.Result{Type: result.TypeDescribe}
	switch st.Kind {
	case kindDatabase, kindSchema:
		o, err := w.find(sc, st.Kind, st.Name, "DESCRIBE")
		if err != nil {
			return nil, err
		}
		r.Columns = cols("created_on:t name kind")
		child := map[string]string{kindDatabase: kindSchema, kindSchema: kindTable}[st.Kind]
		for _, c := range w.live(o.ID) {
			if class(c.Kind) == child && (c.Session == 0 || c.Session == sc.Session) {
				r.Rows = append(r.Rows, []any{c.Created, c.Name, c.Kind})
			}
		}
		return r, nil
	case kindSequence:
		o, err := w.find(sc, kindSequence, st.Name, "DESCRIBE")
		if err != nil {
			return nil, err
		}
		p := w.path(o)
		r.Columns = sequenceColumns
		r.Rows = [][]any{{o.Name, p[0], p[1], w.counters.peek(o.ID), o.Step, o.Created, o.Owner, o.Comment, "ROLE", "N"}}
		return r, nil
	}
	o, err := w.find(sc, kindTable, st.Name, "DESCRIBE")
	if err != nil {
		return nil, err
	}
	for _, c := range describeColumns {
		c.Name = strings.ReplaceAll(c.Name, "_", " ")
		r.Columns = append(r.Columns, c)
	}
	in := func(kind, name string) string {
		for _, k := range o.Constraints {
			if k.Kind == kind && slices.Contains(k.Columns, name) {
				return "Y"
			}
		}
		return "N"
	}
	for i := range o.Columns {
		c := &o.Columns[i]
		null := "Y"
		if c.NotNull {
			null = "N"
		}
		var dflt, comment any
		if c.Default != "" {
			dflt = c.Default
		}
		if c.Identity != nil {
			dflt = fmt.Sprintf("IDENTITY START %d INCREMENT %d NOORDER", c.Identity.Start, c.Identity.Step)
		}
		if c.Comment != "" {
			comment = c.Comment
		}
		r.Rows = append(r.Rows, []any{c.Name, c.typ.SQL(), "COLUMN", null, dflt, in("PRIMARY KEY", c.Name), in("UNIQUE", c.Name), nil, nil, comment, nil, nil})
	}
	return r, nil
}
