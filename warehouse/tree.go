package warehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"firn/result"
	"firn/warehouse/duck"
)

// Kinds of objects in the name tree, as the rows have them.
const (
	kindDatabase = "DATABASE"
	kindSchema   = "SCHEMA"
	kindTable    = "TABLE"
	kindView     = "VIEW"
	kindSequence = "SEQUENCE"
)

// object is one node of the name tree. It is never changed once it is in the tree: a change is a new object of the same id.
type object struct {
	ID      int64
	Kind    string
	Parent  int64
	Name    string
	Owner   string
	Created time.Time
	Altered time.Time
	Dropped time.Time // zero: alive
	Session int64     // of temporary objects: the session they belong to
	body
}

// body is what only some kinds have, kept as JSON in the row: names of fields are part of the file's format.
type body struct {
	Comment     string       `json:"comment,omitempty"`
	Retention   *int         `json:"retention,omitempty"` // days; nil: the parent's
	Lifetime    string       `json:"lifetime,omitempty"`  // TRANSIENT, TEMPORARY, SCOPED TEMPORARY
	Physical    string       `json:"physical,omitempty"`  // table's name in schema t of the file
	Columns     []column     `json:"columns,omitempty"`
	Constraints []constraint `json:"constraints,omitempty"`
	Cluster     string       `json:"cluster,omitempty"`
	Text        string       `json:"text,omitempty"` // a view's query
	Statement   string       `json:"statement,omitempty"`
	Secure      bool         `json:"secure,omitempty"`
	Start       int64        `json:"start,omitempty"` // of sequences
	Step        int64        `json:"step,omitempty"`
	Managed     bool         `json:"managed,omitempty"` // schema WITH MANAGED ACCESS
}

// column of a table or view.
type column struct {
	Name     string      `json:"name"`
	Kind     string      `json:"kind"` // the wire's word
	Prec     int         `json:"precision,omitempty"`
	Scale    int         `json:"scale,omitempty"`
	Length   int         `json:"length,omitempty"`
	Elem     string      `json:"elem,omitempty"`
	NotNull  bool        `json:"notNull,omitempty"`
	Default  string      `json:"default,omitempty"` // SQL text
	Identity *identity   `json:"identity,omitempty"`
	Comment  string      `json:"comment,omitempty"`
	Collate  string      `json:"collate,omitempty"`
	typ      result.Type // of Kind … Elem
}

type identity struct {
	Sequence int64 `json:"sequence"` // id of its counter
	Start    int64 `json:"start"`
	Step     int64 `json:"step"`
}

type constraint struct {
	Name    string   `json:"name,omitempty"`
	Kind    string   `json:"kind"`
	Columns []string `json:"columns"`
}

func newColumn(name string, t result.Type) column {
	c := column{Name: name, Kind: t.Kind.String(), Prec: t.Precision, Scale: t.Scale, Length: t.Length, typ: t}
	if t.Kind == result.Vector {
		c.Elem = t.Elem.String()
	}
	return c
}

// kindOf is the kind of a wire's word.
func kindOf(word string) result.Kind {
	for k := result.Fixed; k <= result.Vector; k++ {
		if k.String() == word {
			return k
		}
	}
	return 0
}

func (o *object) temporary() bool { return o.Session != 0 }

// from is the table in DuckDB's words: the one place that knows where a table lives.
func (o *object) from() string { return physicalName(o.Physical) }

func physicalName(physical string) string { return "m.t." + duck.Ident(physical) }

// class is the name space within the parent: tables and views share one.
func class(kind string) string {
	if kind == kindView {
		return kindTable
	}
	return kind
}

type childKey struct {
	parent  int64
	session int64 // 0: for everybody
	class   string
	name    string
}

func (o *object) key() childKey { return childKey{o.Parent, o.Session, class(o.Kind), o.Name} }

// tree is the name tree in memory: what is committed, and the only thing that name resolution reads.
type tree struct {
	mu       sync.RWMutex
	byID     map[int64]*object
	children map[childKey]*object
	version  int64 // of the whole; grows with each change
}

func (t *tree) init() {
	t.byID = map[int64]*object{}
	t.children = map[childKey]*object{}
}

// child finds a live object; a session's temporary ones hide the others.
func (t *tree) child(parent, session int64, kind, name string) *object {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if session != 0 {
		if o := t.children[childKey{parent, session, class(kind), name}]; o != nil {
			return o
		}
	}
	return t.children[childKey{parent, 0, class(kind), name}]
}

func (t *tree) get(id int64) *object {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

// list gives the live objects for which keep says yes, by name.
func (t *tree) list(keep func(*object) bool) []*object {
	t.mu.RLock()
	var out []*object
	for _, o := range t.children {
		if keep(o) {
			out = append(out, o)
		}
	}
	t.mu.RUnlock()
	slices.SortFunc(out, func(a, b *object) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.ID - b.ID)
	})
	return out
}

// dropped gives the dropped objects, the last dropped first.
func (t *tree) dropped(keep func(*object) bool) []*object {
	t.mu.RLock()
	var out []*object
	for _, o := range t.byID {
		if !o.Dropped.IsZero() && keep(o) {
			out = append(out, o)
		}
	}
	t.mu.RUnlock()
	slices.SortFunc(out, func(a, b *object) int {
		if c := b.Dropped.Compare(a.Dropped); c != 0 {
			return c
		}
		return int(b.ID - a.ID)
	})
	return out
}

// apply makes committed changes visible, all at once. A nil object removes the id.
func (t *tree) apply(changes []change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range changes { // first all old names: a swap exchanges two
		if old := t.byID[c.id]; old != nil && t.children[old.key()] == old {
			delete(t.children, old.key())
		}
	}
	for _, c := range changes {
		if c.object == nil {
			delete(t.byID, c.id)
			continue
		}
		t.byID[c.id] = c.object
		if c.object.Dropped.IsZero() {
			t.children[c.object.key()] = c.object
		}
	}
	t.version++
}

// change is one row of the tree to be written.
type change struct {
	id     int64
	object *object
}

// format is the version of the file's rows. A newer one is refused at the start.
const format = 1

// tables of ours in the file, schema firn. No key is declared: the server is the only writer, and DuckDB's indexes refuse a
// delete and an insert of one key in one transaction.
const rowTables = `
CREATE SCHEMA IF NOT EXISTS m.firn;
CREATE SCHEMA IF NOT EXISTS m.t;
CREATE TABLE IF NOT EXISTS m.firn.meta(name VARCHAR NOT NULL, value BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS m.firn.objects(id BIGINT NOT NULL, kind VARCHAR NOT NULL, parent BIGINT NOT NULL, name VARCHAR NOT NULL,
	owner VARCHAR NOT NULL, created TIMESTAMP NOT NULL, altered TIMESTAMP NOT NULL, dropped TIMESTAMP, session BIGINT NOT NULL, body VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS m.firn.requests(id VARCHAR NOT NULL, done TIMESTAMP NOT NULL, session BIGINT NOT NULL, answer VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS m.firn.counters(id BIGINT NOT NULL, next BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS m.firn.loads(tab BIGINT NOT NULL, file VARCHAR NOT NULL, size BIGINT NOT NULL, stamp VARCHAR NOT NULL, done TIMESTAMP NOT NULL);
`

// write puts changes into the file, inside the open transaction of c.
func writeChanges(ctx context.Context, c *duck.Conn, changes []change) error {
	for _, ch := range changes {
		if _, err := c.Exec(ctx, "DELETE FROM m.firn.objects WHERE id = ?", ch.id); err != nil {
			return err
		}
		o := ch.object
		if o == nil {
			continue
		}
		b, err := json.Marshal(o.body)
		if err != nil {
			return fmt.Errorf("warehouse: %w", err)
		}
		var dropped any
		if !o.Dropped.IsZero() {
			dropped = o.Dropped
		}
		if _, err := c.Exec(ctx, "INSERT INTO m.firn.objects VALUES (?,?,?,?,?,?,?,?,?,?)", o.ID, o.Kind, o.Parent, o.Name, o.Owner, o.Created, o.Altered, dropped, o.Session, string(b)); err != nil {
			return err
		}
	}
	return nil
}

// load reads the whole tree.
func (t *tree) load(ctx context.Context, c *duck.Conn) error {
	var changes []change
	err := scan(ctx, c, "SELECT id, parent, session, epoch_us(created), epoch_us(altered), epoch_us(dropped), kind, name, owner, body FROM m.firn.objects", func(r row) error {
		o := &object{ID: r.int(0), Parent: r.int(1), Session: r.int(2), Created: micros(r.int(3)), Altered: micros(r.int(4)), Kind: r.text(6), Name: r.text(7), Owner: r.text(8)}
		if r.valid(5) {
			o.Dropped = micros(r.int(5))
		}
		if err := json.Unmarshal([]byte(r.text(9)), &o.body); err != nil {
			return fmt.Errorf("object %d: %w", o.ID, err)
		}
		for i := range o.Columns {
			c := &o.Columns[i]
			c.typ = result.Type{Kind: kindOf(c.Kind), Precision: c.Prec, Scale: c.Scale, Length: c.Length, Elem: kindOf(c.Elem)}
		}
		changes = append(changes, change{o.ID, o})
		return nil
	})
	if err != nil {
		return fmt.Errorf("warehouse: load the name tree: %w", err)
	}
	t.apply(changes)
	return nil
}

func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// row is one row of our own small queries: BIGINTs and VARCHARs.
type row struct {
	c *duck.Chunk
	i int
}

func (r row) valid(col int) bool { return r.c.Columns[col].Valid(r.i) }
func (r row) int(col int) int64 {
	return *(*int64)(unsafe.Add(r.c.Columns[col].Data, 8*r.i))
}
func (r row) text(col int) string {
	return string((*duck.String)(unsafe.Add(r.c.Columns[col].Data, 16*r.i)).Bytes())
}

func scan(ctx context.Context, c *duck.Conn, text string, f func(row) error, args ...any) error {
	rows, err := c.QueryAll(ctx, text, args...)
	if err != nil {
		return err
	}
	return drain(rows, f)
}

// drain reads rows to their end and closes them.
func drain(rows *duck.Rows, f func(row) error) error {
	defer rows.Close()
	for {
		ch, err := rows.Next()
		if ch == nil || err != nil {
			return err
		}
		for i := range ch.Size {
			if err := f(row{ch, i}); err != nil {
				return err
			}
		}
	}
}
