package warehouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

type params map[string]string

func (p params) Get(name string) string { return p[name] }

// manual is a clock that tests move.
type manual struct {
	mu sync.Mutex
	t  time.Time
}

func (m *manual) Now() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.t }
func (m *manual) add(d time.Duration) {
	m.mu.Lock()
	m.t = m.t.Add(d)
	m.mu.Unlock()
}

// folder is a stage directory: @ST/path is dir/path.
type folder struct {
	dir     string
	formats map[string]string
	removed []string
}

func (f *folder) Files(_ context.Context, _ *statement.Context, p sql.StagePath, pattern string, files []string) ([]StageFile, error) {
	var out []StageFile
	err := filepath.Walk(f.dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(f.dir, path)
		if !strings.HasPrefix(rel, p.Path) {
			return nil
		}
		if pattern != "" && !regexp.MustCompile("^(?:"+pattern+")$").MatchString(rel) {
			return nil
		}
		if files != nil && !slices.Contains(files, strings.TrimPrefix(strings.TrimPrefix(rel, p.Path), "/")) {
			return nil
		}
		out = append(out, StageFile{Name: "st/" + rel, Path: path, Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	return out, err
}

func (f *folder) FileFormat(_ context.Context, _ *statement.Context, n sql.Name) ([]sql.Option, error) {
	text, ok := f.formats[written(n)]
	if !ok {
		return nil, sqlerr.NotExist("File format", written(n))
	}
	p, err := sql.Parse("CREATE FILE FORMAT x " + text)
	if err != nil {
		return nil, err
	}
	return p.Statement.(*sql.Create).Options, nil
}

func (f *folder) StageFormat(context.Context, *statement.Context, sql.StagePath) ([]sql.Option, error) {
	return nil, nil
}

func (f *folder) Remove(_ context.Context, _ *statement.Context, files []StageFile) error {
	for _, x := range files {
		f.removed = append(f.removed, x.Name)
		if err := os.Remove(x.Path); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) Create(_ context.Context, _ *statement.Context, p sql.StagePath, name string) (string, func() error, error) {
	path := filepath.Join(f.dir, p.Path, name)
	return path, func() error { return nil }, os.MkdirAll(filepath.Dir(path), 0o700)
}

type fixture struct {
	t      testing.TB
	w      *Warehouse
	dir    string
	clock  *manual
	stage  *folder
	binds  []statement.Bind
	rows   int
	params params
}

var queries atomic.Int64

func setup(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), clock: &manual{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, stage: &folder{dir: t.TempDir(), formats: map[string]string{}}, params: params{}}
	f.open()
	t.Cleanup(func() {
		if f.w != nil {
			f.w.Close()
		}
	})
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	w, err := Open(context.Background(), Config{Dir: f.dir, Clock: f.clock, Stages: f.stage})
	if err != nil {
		f.t.Fatal(err)
	}
	f.w = w
}

func (f *fixture) context(session int64) *statement.Context {
	return &statement.Context{Session: session, Query: fmt.Sprintf("q%d", queries.Add(1)), Role: "ACCOUNTADMIN", Database: "FIRN", Schema: "PUBLIC", Params: f.params, Binds: f.binds, Rows: f.rows}
}

func (f *fixture) run(sc *statement.Context, text string) (*result.Result, error) {
	p, err := sql.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	err = p.Bind(func(n int, _ string) (string, bool, error) {
		if n < 1 || n > len(sc.Binds) {
			return "", false, errors.New("no such bind")
		}
		if v := sc.Binds[n-1].Value; v != nil {
			return *v, false, nil
		}
		return "", true, nil
	})
	if err != nil {
		return nil, err
	}
	if !f.w.Handles(p.Statement) {
		return nil, fmt.Errorf("not handled: %s", text)
	}
	sc.Text = text
	return f.w.Run(context.Background(), sc, p, false)
}

// do runs statements of session 1, each of which must succeed, and gives the last result.
func (f *fixture) do(texts ...string) *result.Result {
	f.t.Helper()
	return f.as(1, texts...)
}

func (f *fixture) as(session int64, texts ...string) *result.Result {
	f.t.Helper()
	var r *result.Result
	for _, text := range texts {
		var err error
		if r, err = f.run(f.context(session), text); err != nil {
			f.t.Fatalf("%s\n%v (%+v)", text, err, errors.Unwrap(err))
		}
	}
	return r
}

// fails runs a statement that must end with an error of this number.
func (f *fixture) fails(code int, text string) {
	f.t.Helper()
	f.failsAs(1, code, text)
}

func (f *fixture) failsAs(session int64, code int, text string) {
	f.t.Helper()
	_, err := f.run(f.context(session), text)
	if !sqlerr.Is(err, code) {
		f.t.Fatalf("%s\ngot %v, want %d", text, err, code)
	}
}

// rowsOf gives a result's cells as text, columns by '|', rows by newline.
func rowsOf(t testing.TB, r *result.Result) string {
	t.Helper()
	var lines []string
	if r.Data == nil {
		for _, row := range r.Rows {
			var cells []string
			for _, c := range row {
				if c == nil {
					cells = append(cells, "NULL")
				} else {
					cells = append(cells, fmt.Sprint(c))
				}
			}
			lines = append(lines, strings.Join(cells, "|"))
		}
		return strings.Join(lines, "\n")
	}
	for _, rec := range batches(t, r.Data) {
		for i := range int(rec.NumRows()) {
			var cells []string
			for c := range int(rec.NumCols()) {
				a := rec.Column(c)
				if a.IsNull(i) {
					cells = append(cells, "NULL")
				} else {
					cells = append(cells, a.ValueStr(i))
				}
			}
			lines = append(lines, strings.Join(cells, "|"))
		}
	}
	return strings.Join(lines, "\n")
}

func batches(t testing.TB, d *result.Data) []arrow.RecordBatch {
	t.Helper()
	var out []arrow.RecordBatch
	for _, s := range d.Segments {
		b := s.Bytes
		if b == nil {
			file, err := os.Open(d.Path)
			if err != nil {
				t.Fatal(err)
			}
			b = make([]byte, s.Length)
			if _, err := file.ReadAt(b, s.Offset); err != nil {
				t.Fatal(err)
			}
			file.Close()
		}
		r, err := ipc.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for r.Next() {
			rec := r.RecordBatch()
			rec.Retain()
			out = append(out, rec)
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return out
}

// is runs a query and compares its rows.
func (f *fixture) is(text, want string) {
	f.t.Helper()
	f.isAs(1, text, want)
}

func (f *fixture) isAs(session int64, text, want string) {
	f.t.Helper()
	if got := rowsOf(f.t, f.as(session, text)); got != want {
		f.t.Errorf("%s\ngot:\n%s\nwant:\n%s", text, got, want)
	}
}

func nameOf(s string) sql.Name { return sql.Name{Parts: []sql.Ident{{Name: s}}} }
