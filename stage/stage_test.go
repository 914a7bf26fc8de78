package stage

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"firn/catalog"
	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

type tree struct{}

func (tree) DatabaseID(context.Context, string) (int64, error) { return 1, nil }
func (tree) SchemaID(_ context.Context, database, schema string) (int64, error) {
	if database+"."+schema != "DB.PUBLIC" {
		return 0, sqlerr.NotExist("Schema", database+"."+schema)
	}
	return 2, nil
}
func (tree) Exists(context.Context, int64) (bool, error) { return true, nil }

// world is a server with stages on a real listener.
type world struct {
	t      testing.TB
	dir    string
	store  *store.Store
	cat    *catalog.Catalog
	stages *Stages
	web    *httptest.Server
	mu     sync.Mutex
	now    time.Time
	sc     *statement.Context
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, dir: t.TempDir(), now: time.Now()}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) open() {
	w.t.Helper()
	ctx := context.Background()
	var err error
	if w.store, err = store.Open(ctx, filepath.Join(w.dir, "meta.db")); err != nil {
		w.t.Fatal(err)
	}
	if w.cat, err = catalog.New(ctx, catalog.Config{Store: w.store, Tree: tree{}, AdminPassword: "x", Clock: w.clock}); err != nil {
		w.t.Fatal(err)
	}
	table := func(_ context.Context, _ *statement.Context, n sql.Name) (int64, error) {
		if n.Parts[len(n.Parts)-1].Name != "T" {
			return 0, sqlerr.NotExist("Table", n.Parts[len(n.Parts)-1].Name)
		}
		return 7, nil
	}
	if w.stages, err = New(ctx, Config{Dir: filepath.Join(w.dir, "stages"), Store: w.store, Catalog: w.cat, Table: table, Clock: w.clock}); err != nil {
		w.t.Fatal(err)
	}
	w.cat.SetFiles(w.stages)
	mux := http.NewServeMux()
	mux.Handle(Prefix, w.stages)
	w.web = httptest.NewServer(mux)
	w.sc = &statement.Context{Session: 1, User: "ADMIN", Role: catalog.AccountAdmin, Database: "DB", Schema: "PUBLIC", BaseURL: w.web.URL,
		Client: statement.Client{App: "PythonConnector", Version: "4.8.1"}}
}

func (w *world) close() {
	w.web.Close()
	w.stages.Close()
	w.store.Close()
}

func (w *world) restart() {
	w.close()
	w.open()
}

func (w *world) run(text string, binds ...string) (*result.Result, error) {
	w.t.Helper()
	p, err := sql.Parse(text)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	if err := p.Bind(func(n int, _ string) (string, bool, error) {
		if n < 1 || n > len(binds) {
			return "", false, fmt.Errorf("no bind %d", n)
		}
		return binds[n-1], false, nil
	}); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	if w.cat.Handles(p.Statement) {
		return w.cat.Run(context.Background(), w.sc, p, false)
	}
	if !w.stages.Handles(p.Statement) {
		w.t.Fatalf("%s: handled by nobody", text)
	}
	return w.stages.Run(context.Background(), w.sc, p, false)
}

func (w *world) do(text string, binds ...string) *result.Result {
	w.t.Helper()
	r, err := w.run(text, binds...)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return r
}

func (w *world) fails(text string, code int, words ...string) {
	w.t.Helper()
	_, err := w.run(text)
	if !sqlerr.Is(err, code) {
		w.t.Fatalf("%s: %v, want %d", text, err, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Fatalf("%s: %q does not hold %q", text, err, word)
		}
	}
}

func upURL(r *result.Result) string {
	return r.Transfer["stageInfo"].(map[string]any)["presignedUrl"].(string)
}

func (w *world) send(method, url string, body io.Reader, header ...string) (int, string, http.Header) {
	w.t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

// put uploads as connector 4.x does: the final name in a bare file://.
func (w *world) put(name, at, content string) {
	w.t.Helper()
	r := w.do("PUT 'file://"+strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), "'", `\'`)+"' ? OVERWRITE=TRUE", at)
	if code, body, _ := w.send("PUT", upURL(r), strings.NewReader(content), "Content-Encoding", ""); code != 200 {
		w.t.Fatalf("put %s: %d %s", name, code, body)
	}
}

func (w *world) list(at string) []string {
	w.t.Helper()
	var out []string
	for _, r := range w.do("LIST ?", at).Rows {
		out = append(out, r[0].(string))
	}
	return out
}

func (w *world) want(got []string, names ...string) {
	w.t.Helper()
	if !reflect.DeepEqual(got, names) && (len(got) > 0 || len(names) > 0) {
		w.t.Fatalf("got %q, want %q", got, names)
	}
}

// get downloads what GET names, by name.
func (w *world) get(at string) map[string]string {
	w.t.Helper()
	r := w.do("GET ? 'file:///tmp/out'", at)
	out := map[string]string{}
	names, urls := r.Transfer["src_locations"].([]string), r.Transfer["presignedUrls"].([]string)
	for i, n := range names {
		code, body, h := w.send("GET", urls[i], nil)
		if code != 200 || h.Get("Content-Encoding") != "" {
			w.t.Fatalf("get %s: %d %v", n, code, h)
		}
		out[n] = body
	}
	return out
}

// files are all regular files below the stages' directory.
func (w *world) files() []string {
	var out []string
	_ = filepath.WalkDir(w.stages.dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, p)
		}
		return nil
	})
	return out
}

func TestPutListGetRemove(t *testing.T) {
	w := newWorld(t)
	w.fails("PUT file://a.txt @st", 2003, "ST")
	w.do("CREATE STAGE St")
	w.want(w.list("@st"))
	w.put("a.txt", "@st/p", "hello")
	w.put("b.txt", "@st/p/", "")
	w.put("c.txt", "@db.public.st//q//r", "c")
	w.want(w.list("@st"), "st/p/a.txt", "st/p/b.txt", "st/q/r/c.txt")
	w.want(w.list("@st/p"), "st/p/a.txt", "st/p/b.txt")
	w.want(w.list("@st/p/a"), "st/p/a.txt")
	w.want(w.list("@st/nothing/x"))
	r := w.do("LIST @st/p")
	sum := md5.Sum([]byte("hello"))
	row := r.Rows[0]
	if row[1] != int64(5) || row[2] != hex.EncodeToString(sum[:]) {
		t.Fatal(row)
	}
	if m, err := time.Parse(http.TimeFormat, row[3].(string)); err != nil || time.Since(m) > time.Minute {
		t.Fatal(row[3], err)
	}
	got := w.get("@st/p")
	if !reflect.DeepEqual(got, map[string]string{"st/p/a.txt": "hello", "st/p/b.txt": ""}) {
		t.Fatal(got)
	}
	w.want(w.list("@~"))
	w.put("u.txt", "@~/mine", "u")
	w.want(w.list("@~"), "mine/u.txt")
	if got := w.get("@~/mine/u.txt"); got["~/mine/u.txt"] != "u" {
		t.Fatal(got)
	}
	w.put("t.txt", "@%t", "t")
	w.want(w.list("@%t"), "t.txt")
	w.fails("LIST @%nope", 2003)
	w.fails("LIST snow://model/m/versions/v/", 2, "snow://")

	if rows := w.do("LIST @st PATTERN = '.*[.]txt'").Rows; len(rows) != 3 {
		t.Fatal(rows)
	}
	if rows := w.do("LIST @st PATTERN = 'p/a'").Rows; len(rows) != 0 { // the whole path must match
		t.Fatal(rows)
	}
	w.fails("LIST @st PATTERN = '('", 1008)
	r = w.do("REMOVE @st/p PATTERN = '.*a.txt'")
	if !reflect.DeepEqual(r.Rows, [][]any{{"st/p/a.txt", "removed"}}) {
		t.Fatal(r.Rows)
	}
	w.do("RM @st")
	w.want(w.list("@st"))
	if rest := w.files(); len(rest) != 2 { // the user's and the table's
		t.Fatal(rest)
	}
	// A name that was a directory may be a file now, and the other way round.
	w.put("p", "@st", "file")
	w.want(w.list("@st"), "st/p")
	w.do("REMOVE @st/p")
	w.put("x", "@st/p", "file")
	w.want(w.list("@st"), "st/p/x")
	code, _, _ := w.send("PUT", upURL(w.do("PUT file://p @st")), strings.NewReader("x"))
	if code != 403 {
		t.Fatal(code)
	}
	code, _, _ = w.send("PUT", upURL(w.do("PUT file://y @st/p/x")), strings.NewReader("x"))
	if code != 403 {
		t.Fatal(code)
	}
	w.restart()
	w.want(w.list("@st"), "st/p/x")
	w.do("DROP STAGE st")
	w.stages.Close()
	if rest := w.files(); len(rest) != 2 {
		t.Fatal(rest)
	}
	w.do("CREATE STAGE st")
	w.want(w.list("@st"))
}

func TestPutReply(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	r := w.do("PUT 'file:///abs/a.txt' '@st/p'  parallel = 8 source_compression = 'AUTO_DETECT' auto_compress = False overwrite = True")
	x := r.Transfer
	if x["command"] != "UPLOAD" || x["sourceCompression"] != "auto_detect" || x["autoCompress"] != false || x["overwrite"] != true || x["parallel"] != int64(8) ||
		!reflect.DeepEqual(x["src_locations"], []string{"/abs/a.txt"}) || r.Type != result.TypePut {
		t.Fatal(x)
	}
	info := x["stageInfo"].(map[string]any)
	if info["locationType"] != "GCS" || info["location"] != "st/p/" || info["creds"] == nil || info["region"] == "" {
		t.Fatal(info)
	}
	if u := upURL(r); !strings.HasPrefix(u, w.web.URL+"/stage/up/") || !strings.Contains(u, "X-Goog-SignedHeaders=host%3Bx-goog-if-generation-match%3B") {
		t.Fatal(u)
	}
	w.fails("PUT file://a @st PARALLEL=0", 1008)
	w.fails("PUT file://a @st NONSENSE=1", 1420)
	w.fails("PUT file://a @st SOURCE_COMPRESSION=LZO", 1008)
	w.fails("PUT file://a '@st/../x'", 1008)
	w.fails("PUT file://"+strings.Repeat("a", 300)+" @st", 1008)
	w.fails("LIST '@st/./x'", 1008)
	r = w.do("GET @st/none file:///d/ parallel=4")
	if x := r.Transfer; x["command"] != "DOWNLOAD" || !reflect.DeepEqual(x["src_locations"], []string{}) || x["localLocation"] != "/d/" {
		t.Fatal(x)
	}
	w.fails("GET @nope file:///d", 2003)
	w.sc.Client = statement.Client{App: "PythonConnector", Version: "4.8.1", IsInternal: true}
	w.fails("PUT 'file:///d/*' @st parallel=4", 2) // write_pandas(bulk_upload_chunks=True)
}

// TestFinal holds the rule of which URL may be written to, for each client.
func TestFinal(t *testing.T) {
	old, new5 := statement.Client{App: "PythonConnector", Version: "4.8.1"}, statement.Client{App: "PythonConnector", Version: "5.2.0"}
	internal := func(c statement.Client) statement.Client { c.IsInternal = true; return c }
	golang, node := statement.Client{App: "Go", Version: "1.19"}, statement.Client{App: "JavaScript", Version: "2"}
	type step struct {
		text string
		key  string // "" = refused with 400
	}
	for _, c := range []struct {
		name   string
		client statement.Client
		steps  []step
	}{
		{"4.x named", old, []step{{"PUT 'file:///d/a.txt' @st/p", ""}, {"PUT 'file://a.txt.gz' @st/p", "p/a.txt.gz"}}},
		{"4.x glob", old, []step{{"PUT file:///d/*.txt @st/p", ""}, {"PUT file://a.txt.gz @st/p", "p/a.txt.gz"}, {"PUT file://b[1].txt.gz @st/p", "p/b[1].txt.gz"}}},
		{"4.x odd compressed", old, []step{{"PUT 'file:///d/a.bin' @st", ""}, {"PUT 'file://a.bin' @st", "a.bin"}}},
		{"4.x bind upload", internal(old), []step{{"PUT file://10.csv '@st/hex' source_compression=auto_detect", "hex/10.csv"}}},
		{"4.x write_pandas", internal(old), []step{{"PUT 'file:///tmp/x/file0.txt' @st parallel=4 source_compression=auto_detect", "file0.txt"}}},
		{"5.x uncompressed", new5, []step{{"PUT 'file:///d/a.txt' @st AUTO_COMPRESS=FALSE", "a.txt"}}},
		{"5.x compressed by the client", new5, []step{{"PUT 'file:///d/a.txt' @st", ""}, {"put file://a.txt.gz @st", "a.txt.gz"}}},
		{"5.x compressed before", new5, []step{{"PUT 'file:///d/a.txt.gz' @st", "a.txt.gz"}}},
		{"5.x said to be compressed", new5, []step{{"PUT 'file:///d/a.bin' @st SOURCE_COMPRESSION=GZIP", "a.bin"}}},
		{"5.x compress all", new5, []step{{"PUT 'file:///d/a.gz' @st SOURCE_COMPRESSION=NONE", ""}, {"put file://a.gz.gz @st SOURCE_COMPRESSION=NONE", ""}}},
		{"5.x glob", new5, []step{{"PUT 'file:///d/*' @st AUTO_COMPRESS=FALSE", ""}, {"put file://a.txt @st AUTO_COMPRESS=FALSE", "a.txt"}}},
		{"5.x glob, parquet kept as it is", new5, []step{{"PUT 'file:///d/*' @st", ""}, {"put file://a.parquet @st", "a.parquet"}, {"put file://b.csv.gz @st", "b.csv.gz"}}},
		{"5.x relative", new5, []step{{"put file://a.csv @st", ""}, {"put file://a.csv.gz @st", "a.csv.gz"}}},
		{"5.x stream marked internal", internal(new5), []step{{"PUT file://n.bin @st parallel=4", "n.bin"}}},
		{"Go", golang, []step{{"PUT file:///d/a.txt.gz @st", "a.txt.gz"}, {"PUT file:///d/*a.txt.gz @st", "a.txt.gz"}, {"PUT file:///d/x?b.gz @st", "b.gz"}}},
		{"Node", node, []step{{"PUT file:///d/*.txt @st", ""}, {"PUT file://a.txt.gz @st", "a.txt.gz"}}},
		{"Windows", old, []step{{`PUT 'file://C:\\dir\\a.txt' @st AUTO_COMPRESS=FALSE`, "a.txt"}, {`PUT 'file:///C:/dir/b.txt' @st AUTO_COMPRESS=FALSE`, "b.txt"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.do("CREATE STAGE st")
			w.sc.Client = c.client
			for _, s := range c.steps {
				u := upURL(w.do(s.text))
				for _, m := range []string{"HEAD", "GET"} {
					if code, _, _ := w.send(m, u, nil); code != 404 {
						t.Fatalf("%s: %s of an upload URL: %d", s.text, m, code)
					}
				}
				code, _, _ := w.send("PUT", u, strings.NewReader("x"), "x-goog-if-generation-match", "0")
				if s.key == "" {
					if code != 400 {
						t.Fatalf("%s: %d, want 400", s.text, code)
					}
					continue
				}
				if code != 200 {
					t.Fatalf("%s: %d", s.text, code)
				}
				w.want(w.list("@st/"+s.key), "st/"+s.key)
				w.do("REMOVE @st")
			}
		})
	}
}

// TestOnce: connector 5.x sends the next file of a wildcard to the URL that it got for the one before. It must be told to ask again.
func TestOnce(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	w.sc.Client = statement.Client{App: "PythonConnector", Version: "5.2.0"}
	first := w.do("PUT 'file:///d/*' @st OVERWRITE=TRUE")
	if first.Transfer["parallel"] != int64(1) {
		t.Fatal("files of a wildcard may come side by side")
	}
	u := upURL(w.do("PUT 'file://f1.gz' @st OVERWRITE=TRUE"))
	put := func(u, body string, want int) {
		t.Helper()
		if code, _, _ := w.send("PUT", u, strings.NewReader(body)); code != want {
			t.Fatalf("%s: %d, want %d", body, code, want)
		}
	}
	put(upURL(first), "one", 400)
	put(u, "one", 200)
	put(u, "two", 400)
	old := w.web.URL
	again := upURL(w.do("PUT 'file://f2.gz' @st OVERWRITE=TRUE"))
	put(again, "two", 200)
	w.restart()
	put(strings.Replace(again, old, w.web.URL, 1), "three", 400)
	if got := w.get("@st"); got["st/f1.gz"] != "one" || got["st/f2.gz"] != "two" || len(got) != 2 {
		t.Fatal(got)
	}
	// A 4.x client that lost the answer may send the same file to the same URL again.
	u = upURL(w.do("PUT 'file://f3' @st OVERWRITE=TRUE"))
	put(u, "x", 200)
	put(u, "x", 200)
}

func TestOverwrite(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	w.put("a", "@st", "one")
	put := func(over, body string, header ...string) int {
		code, _, _ := w.send("PUT", upURL(w.do("PUT file://a @st OVERWRITE="+over)), strings.NewReader(body), header...)
		return code
	}
	is := func(want string) {
		t.Helper()
		if got := w.get("@st/a")["st/a"]; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	if code := put("FALSE", "two"); code != 200 {
		t.Fatal(code)
	}
	is("one")
	if code := put("FALSE", "two", "x-goog-if-generation-match", "0"); code != 412 {
		t.Fatal(code)
	}
	is("one")
	if code := put("TRUE", "three"); code != 200 {
		t.Fatal(code)
	}
	is("three")
	// The md5 follows the content.
	sum := md5.Sum([]byte("three"))
	if r := w.do("LIST @st"); r.Rows[0][2] != hex.EncodeToString(sum[:]) {
		t.Fatal(r.Rows)
	}
}

func TestSignatures(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	w.put("a", "@st", "secret")
	down := w.do("GET @st/a file:///d").Transfer["presignedUrls"].([]string)[0]
	up := upURL(w.do("PUT file://b @st"))
	code := func(method, u string, want int) {
		t.Helper()
		if got, _, _ := w.send(method, u, nil); got != want {
			t.Fatalf("%s %s: %d, want %d", method, u, got, want)
		}
	}
	code("GET", down, 200)
	code("PUT", down, 405)
	code("DELETE", up, 405)
	flip := func(u string, at int) string {
		b := []byte(u)
		if b[at] == 'A' {
			b[at] = 'B'
		} else {
			b[at] = 'A'
		}
		return string(b)
	}
	start := len(w.web.URL + "/stage/down/")
	for _, at := range []int{start, start + 20, len(down) - 10} {
		code("GET", flip(down, at), 403)
	}
	code("GET", strings.Replace(down, "/down/", "/up/", 1), 403)
	code("GET", w.web.URL+"/stage/down/", 403)
	code("GET", w.web.URL+"/stage/../etc/passwd", 404)
	code("GET", w.web.URL+"/stage/down/..%2f..%2fetc%2fpasswd", 403)
	code("GET", w.web.URL+"/stage/x/y", 404)
	// The key survives a restart, on another port too.
	old := w.web.URL
	w.restart()
	moved := strings.Replace(down, old, w.web.URL, 1)
	code("GET", moved, 200)
	w.later(time.Hour + time.Second)
	code("GET", moved, 400) // asked for anew by clients
	code("PUT", strings.Replace(up, old, w.web.URL, 1), 400)
}

func TestDownload(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	body := strings.Repeat("0123456789", 1000)
	w.put("a.gz", "@st", body)
	u := w.do("GET @st file:///d").Transfer["presignedUrls"].([]string)[0]
	code, b, h := w.send("HEAD", u, nil)
	if code != 200 || b != "" || h.Get("Content-Length") != "10000" {
		t.Fatal(code, h)
	}
	code, b, h = w.send("GET", u, nil, "Range", "bytes=10-14")
	if code != 206 || b != "01234" || h.Get("Content-Range") != "bytes 10-14/10000" {
		t.Fatal(code, b, h)
	}
	if h.Get("Content-Encoding") != "" || h.Get("Content-Type") != "application/octet-stream" {
		t.Fatal(h)
	}
	w.do("REMOVE @st")
	if code, _, _ := w.send("GET", u, nil); code != 404 {
		t.Fatal(code)
	}
}

func TestOddNames(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	w.do(`CREATE STAGE "odd stage's"`)
	names := []string{"a b.txt", "it's.txt", `q"uote`, "100%.txt", "%2e%2e", "ünïcode.txt", "日本.csv", "a+b&c=d?.txt", "#hash", "semi;colon", `back\slash`, "...", "-rf", strings.Repeat("n", 255)}
	for _, n := range names {
		w.put(n, "@st/d ir/é", n)
	}
	got := w.get("@st/d ir/é/")
	if len(got) != len(names) {
		t.Fatal(got)
	}
	for _, n := range names {
		if got["st/d ir/é/"+n] != n {
			t.Errorf("%q: %q", n, got["st/d ir/é/"+n])
		}
		w.want(w.list("@st/d ir/é/"+n), "st/d ir/é/"+n)
	}
	w.put("x", `@"odd stage's"/p`, "x")
	w.want(w.list(`@"odd stage's"`), "odd stage's/p/x")
	for _, bad := range []string{"..", ".", "a/../../b", "../x"} {
		if _, err := w.run("LIST ?", "@st/"+bad); !sqlerr.Is(err, 1008) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := w.run(`PUT 'file://..' @st OVERWRITE=TRUE`); !sqlerr.Is(err, 1008) {
		t.Error(err)
	}
}

// TestHostile: what a job leaves in its directories is never followed, read or written through.
func TestHostile(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	w.put("a", "@st/job", "a")
	sp, err := sql.ParseStagePath("@st/job")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	dir, err := w.stages.Dir(ctx, w.sc, sp)
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")))
	must(os.Symlink(outside, filepath.Join(dir, "dirlink")))
	must(os.Symlink("a", filepath.Join(dir, "inner")))
	must(os.Symlink(".", filepath.Join(dir, "loop")))
	must(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "made by job"), []byte("job"), 0o644))
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(err)
	defer l.Close()

	w.want(w.list("@st"), "st/job/a", "st/job/made by job")
	for _, p := range []string{"link", "dirlink/secret", "inner", "loop/a", "pipe", "s"} {
		w.want(w.list("@st/job/" + p))
		if got := w.get("@st/job/" + p); len(got) != 0 {
			t.Errorf("GET %s: %v", p, got)
		}
		// A URL made before the link was put there.
		u := w.stages.url(w.web.URL, ticket{expires: w.clock().Add(time.Hour), dir: "1", path: "job/" + p})
		if code, body, _ := w.send("GET", u, nil); code != 404 {
			t.Errorf("download of %s: %d %q", p, code, body)
		}
	}
	// Uploads replace the link itself, and never go through a directory that is a link.
	w.put("link", "@st/job", "mine")
	if b, _ := os.ReadFile(filepath.Join(outside, "secret")); string(b) != "secret" {
		t.Fatalf("written through a symlink: %q", b)
	}
	if got := w.get("@st/job/link")["st/job/link"]; got != "mine" {
		t.Fatal(got)
	}
	for _, p := range []string{"dirlink", "loop"} {
		code, _, _ := w.send("PUT", upURL(w.do("PUT file://x @st/job/"+p)), strings.NewReader("x"))
		if code != 403 {
			t.Fatal(p, code)
		}
	}
	if e, _ := os.ReadDir(outside); len(e) != 1 {
		t.Fatal(e)
	}
	must(w.stages.WriteIn(ctx, dir, "inner", []byte("result"), false))
	if got := w.get("@st/job/a")["st/job/a"]; got != "a" {
		t.Fatalf("written through a symlink: %q", got)
	}
	if err := w.stages.WriteIn(ctx, dir, "dirlink/x", []byte("x"), false); err == nil {
		t.Fatal("written through a directory symlink")
	}
	w.do("CREATE STAGE st2")
	w.do("COPY FILES INTO @st2/ FROM @st/job/")
	w.want(w.list("@st2"), "st2/a", "st2/inner", "st2/link", "st2/made by job")
	w.do("REMOVE @st/job")
	if b, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(b) != "secret" {
		t.Fatal("removed through a symlink", err)
	}

	// The mount stays though its files went; it goes when it is released.
	must(os.RemoveAll(filepath.Join(dir, "dirlink")))
	for _, n := range []string{"loop", "pipe", "s"} {
		_ = os.Remove(filepath.Join(dir, n))
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatal("REMOVE took a mounted directory")
	}
	must(w.stages.Release(dir))
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("an empty directory stayed after its release")
	}
	must(w.stages.Release(dir))
	if err := w.stages.Release("/etc"); err == nil {
		t.Fatal("a directory of somebody else was released")
	}
}

// TestSwap swaps a file for a link while it is read and listed: no read may ever give what is outside.
func TestSwap(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	w.put("f", "@st/d", "inside")
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "f"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := filepath.Join(w.stages.dir, "1", "files", "d")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(d, d+".real")
			_ = os.Symlink(outside, d)
			_ = os.Remove(d)
			_ = os.Rename(d+".real", d)
		}
	}()
	root, err := w.stages.openTree("1")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	seen := 0
	for i := 0; i < 3000; i++ {
		if f, _, err := openFile(root, "d/f"); err == nil {
			b, _ := io.ReadAll(f)
			f.Close()
			if string(b) != "inside" {
				t.Fatalf("read %q", b)
			}
			seen++
		}
		all, err := list(context.Background(), root, "d/")
		if err == nil {
			for _, e := range all {
				if e.size != 6 {
					t.Fatalf("listed %v", e)
				}
			}
		}
	}
	close(stop)
	<-done
	if seen == 0 {
		t.Fatal("never read the file: the test shows nothing")
	}
}

// TestBroken: a client that goes away in the middle leaves nothing, and what was there stays.
func TestBroken(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	w.put("a", "@st", "old")
	u := upURL(w.do("PUT file://a @st OVERWRITE=TRUE"))
	for _, head := range []string{"Content-Length: 10000000\r\n\r\n" + strings.Repeat("x", 3<<20), "Content-Length: 100\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n100000\r\n" + strings.Repeat("y", 1<<20) + "\r\n5\r\nab"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.web.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: x\r\n%s", strings.TrimPrefix(u, w.web.URL), head)
		c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c) // until the handler is done
		c.Close()
		if got := w.get("@st/a")["st/a"]; got != "old" {
			t.Fatalf("%.20q", got)
		}
	}
	if f := w.files(); len(f) != 1 {
		t.Fatal("left behind:", f)
	}
	// A half file that a kill left goes at the next start.
	tmp := filepath.Join(w.stages.dir, "1", "tmp", "half")
	if err := os.WriteFile(tmp, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if _, err := os.Stat(tmp); err == nil {
		t.Fatal("a half file stayed")
	}
	w.want(w.list("@st"), "st/a")
}

func TestTemporaryStageGoes(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE TEMPORARY STAGE tmp")
	w.put("a", "@tmp", "x")
	u := upURL(w.do("PUT file://b @tmp"))
	w.cat.CloseSession(1)
	w.stages.CloseSession(1)
	if code, _, _ := w.send("PUT", u, strings.NewReader("x")); code != 404 {
		t.Fatal(code)
	}
	w.stages.Close()
	if f := w.files(); len(f) != 0 {
		t.Fatal(f)
	}
	w.do("CREATE TEMPORARY STAGE tmp")
	w.put("a", "@tmp", "x")
	w.restart()
	if f := w.files(); len(f) != 0 {
		t.Fatal(f)
	}
}

func TestUserStage(t *testing.T) {
	w := newWorld(t)
	as := func(user string) { w.sc.User = user }
	for _, u := range []string{"BOB", "odd/../name", strings.Repeat("N", 230) + "1", strings.Repeat("N", 230) + "2"} {
		as("ADMIN")
		w.do(`CREATE USER "` + u + `"`)
		as(u)
		w.want(w.list("@~"))
		w.put("f", "@~", u)
		w.want(w.list("@~"), "f")
	}
	as("ADMIN")
	w.want(w.list("@~"))
	w.do("DROP USER bob")
	w.do("CREATE USER bob")
	as("BOB")
	w.want(w.list("@~"))
	w.put("new", "@~", "x")
	w.want(w.list("@~"), "new")
}

func TestConcurrentUploads(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	u := upURL(w.do("PUT file://a @st/d OVERWRITE=TRUE"))
	keep := upURL(w.do("PUT file://b @st/d"))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			body := bytes.Repeat([]byte{byte('a' + i)}, 400_000)
			for _, u := range []string{u, keep} {
				req, _ := http.NewRequest("PUT", u, bytes.NewReader(body))
				res, err := http.DefaultClient.Do(req)
				if err != nil || res.StatusCode != 200 {
					t.Error(res, err)
					return
				}
				res.Body.Close()
			}
		}()
	}
	wg.Wait()
	for name, body := range w.get("@st/d") {
		if len(body) != 400_000 || strings.Trim(body, body[:1]) != "" {
			t.Errorf("%s is a mixture", name)
		}
	}
	if f := w.files(); len(f) != 2 {
		t.Fatal(f)
	}
}

func TestCopyFiles(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE a")
	w.do("CREATE STAGE b")
	for _, n := range []string{"x/main.py", "x/sub/m.py", "x/data.csv", "xy.txt"} {
		dir, name := filepath.Split(n)
		w.put(name, "@a/"+dir, n)
	}
	rows := func(text string) []string {
		t.Helper()
		var out []string
		for _, r := range w.do(text).Rows {
			out = append(out, fmt.Sprint(r[0]))
		}
		return out
	}
	w.want(rows("copy files into @b/job/app/ from @DB.PUBLIC.A/x/"), "job/app/data.csv", "job/app/main.py", "job/app/sub/m.py")
	w.want(w.list("@b"), "b/job/app/data.csv", "b/job/app/main.py", "b/job/app/sub/m.py")
	w.want(rows("copy files into @b/one/ from @a/x/main.py"), "one/main.py")
	w.want(rows("copy files into @b/two from @a pattern='.*[.]py'"), "two/x/main.py", "two/x/sub/m.py")
	w.want(rows("copy files into @b/three/ from @a/x/ files=('main.py', 'nope')"), "three/main.py")
	w.want(rows("copy files into @b/four/ from @a detailed_output=false"), "4")
	w.want(rows("copy files into @a from @a"))
	a, b := w.do("LIST @a/x/main.py").Rows[0], w.do("LIST @b/one/main.py").Rows[0]
	if a[1] != b[1] || a[2] != b[2] {
		t.Fatal(a, b)
	}
	w.fails("copy files into @nope from @a", 2003)
	w.fails("copy files into @b from (select '@a/x')", 2, "SELECT")
	w.sc.Database = ""
	w.fails("copy files into @b from @a", 90105)
}

func TestOpenBinds(t *testing.T) {
	w := newWorld(t)
	w.do("create or replace TEMP stage SYSTEMBIND file_format=(type=csv field_optionally_enclosed_by='\"')")
	w.sc.Client.IsInternal = true
	for _, n := range []string{"200", "100", "30"} {
		r := w.do("PUT file://"+n+".csv ? source_compression=auto_detect", "@SYSTEMBIND/0af")
		if code, _, _ := w.send("PUT", upURL(r), strings.NewReader(n)); code != 200 {
			t.Fatal(code)
		}
	}
	files, err := w.stages.OpenBinds(context.Background(), w.sc, "@SYSTEMBIND/0af")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		b, _ := io.ReadAll(f)
		f.Close()
		all = append(all, string(b))
	}
	w.want(all, "30", "100", "200")
}

func TestFilesForRooms(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE STAGE st")
	ctx := context.Background()
	path := func(s string) sql.StagePath {
		sp, err := sql.ParseStagePath(s)
		if err != nil {
			t.Fatal(err)
		}
		return sp
	}
	u, err := w.stages.Create(ctx, w.sc, path("@st/out/data_0.csv"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(u, "1,2\n")
	w.want(w.list("@st"))
	if err := os.WriteFile(u.Path(), []byte("3,4\n"), 0o600); err != nil { // as DuckDB writes
		t.Fatal(err)
	}
	if err := u.Commit(false); err != nil {
		t.Fatal(err)
	}
	u, _ = w.stages.Create(ctx, w.sc, path("@st/out/data_0.csv"))
	if err := u.Commit(false); !sqlerr.Is(err, 1757) {
		t.Fatal(err)
	}
	u, _ = w.stages.Create(ctx, w.sc, path("@st/out/gone"))
	u.Abort()
	files, err := w.stages.Files(ctx, w.sc, path("@st/out"), ".*[.]csv", nil)
	if err != nil || len(files) != 1 || files[0].Name != "st/out/data_0.csv" || files[0].Size != 4 {
		t.Fatal(files, err)
	}
	f, err := w.stages.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	f.Close()
	if string(b) != "3,4\n" {
		t.Fatalf("%q", b)
	}
	if files, _ := w.stages.Files(ctx, w.sc, path("@st/out/"), "", []string{"data_0.csv"}); len(files) != 1 {
		t.Fatal(files)
	}
	if files, _ := w.stages.Files(ctx, w.sc, path("@st/out/"), "", []string{"other"}); len(files) != 0 {
		t.Fatal(files)
	}
	if _, err := w.stages.Read(ctx, w.sc, path("@st/out/none")); !sqlerr.Is(err, 91016) {
		t.Fatal(err)
	}
	if _, err := w.stages.Dir(ctx, w.sc, path("@nope/x")); !sqlerr.Is(err, 2003) {
		t.Fatal(err)
	}
	if _, err := w.stages.Dir(ctx, w.sc, path("@st/out/data_0.csv/x")); !sqlerr.Is(err, 1008) {
		t.Fatal(err)
	}
	dir, err := w.stages.Dir(ctx, w.sc, path("@st/job"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.stages.WriteIn(ctx, dir, "mljob_result", []byte("{}"), true); err != nil {
		t.Fatal(err)
	}
	if err := w.stages.WriteIn(ctx, dir, "mljob_result", []byte("late"), true); err != nil {
		t.Fatal(err)
	}
	if got := w.get("@st/job/mljob_result")["st/job/mljob_result"]; got != "{}" {
		t.Fatal(got)
	}
	// An exact name wins over what only begins so.
	w.put("mljob_result.pkl", "@st/job", "x")
	if got := w.get("@st/job/mljob_result"); len(got) != 1 {
		t.Fatal(got)
	}
	if err := w.stages.RemoveFile(files[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.stages.Remove(ctx, w.sc, path("@st/job"), ""); err != nil {
		t.Fatal(err)
	}
	w.want(w.list("@st"))
}

// zeros is a body of n bytes that takes no memory.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := int64(len(p))
	if n > z.n {
		n = z.n
	}
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

// TestFlatMemory uploads 256 MB and looks at the heap meanwhile.
func TestFlatMemory(t *testing.T) {
	w := newWorld(t)
	w.do("CREATE TEMPORARY STAGE st")
	const size = 256 << 20
	req, _ := http.NewRequest("PUT", upURL(w.do("PUT file://big @st")), io.NopCloser(&zeros{size}))
	req.ContentLength = size
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	res.Body.Close()
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Fatalf("allocated %d MB for an upload of 256 MB", grown>>20)
	}
	if r := w.do("LIST @st"); r.Rows[0][1] != int64(size) || r.Rows[0][2] != "1f5039e50bd66b290c56684d8550c6c2" {
		t.Fatal(r.Rows)
	}
}

func TestDiskFull(t *testing.T) {
	err := failure(fmt.Errorf("write: %w", &os.PathError{Op: "write", Path: "/somewhere/secret", Err: syscall.ENOSPC}))
	if e, ok := sqlerr.As(err); !ok || e.Code != 91003 || strings.Contains(e.Message, "secret") || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	w := newWorld(t)
	if err := syscall.Mount("tmpfs", w.stages.dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("cannot mount a small disk here:", err)
	}
	defer syscall.Unmount(w.stages.dir, 0)
	w.do("CREATE STAGE st")
	w.put("a", "@st", "old")
	for name, size := range map[string]int64{"a": 8 << 20, "b": 8 << 20} {
		// With a length the client hears at once, without one when the disk is full; either way nothing is half-made.
		for _, known := range []bool{true, false} {
			body := &zeros{size}
			req, _ := http.NewRequest("PUT", upURL(w.do("PUT file://"+name+" @st OVERWRITE=TRUE")), io.NopCloser(body))
			if known {
				req.ContentLength = size
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 403 || !strings.Contains(string(b), "no space") || strings.Contains(string(b), w.dir) {
				t.Fatalf("%d %q", res.StatusCode, b)
			}
		}
	}
	if got := w.get("@st"); len(got) != 1 || got["st/a"] != "old" {
		t.Fatal(got)
	}
	if f := w.files(); len(f) != 1 {
		t.Fatal(f)
	}
	if _, err := w.run("COPY FILES INTO @st/copy/ FROM @st"); err != nil {
		t.Fatal(err)
	}
}
