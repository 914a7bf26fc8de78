package warehouse

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

func TestTransactions(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (a INT NOT NULL)", "BEGIN", "INSERT INTO t VALUES (1)")
	f.is("SELECT count(*) FROM t", "1")
	f.isAs(2, "SELECT count(*) FROM t", "0")
	f.do("ROLLBACK")
	f.is("SELECT count(*) FROM t", "0")
	f.do("BEGIN TRANSACTION", "INSERT INTO t VALUES (1)", "COMMIT")
	f.isAs(2, "SELECT count(*) FROM t", "1")

	// An error of the binder leaves the transaction alive.
	f.do("BEGIN", "INSERT INTO t VALUES (2)")
	f.fails(904, "SELECT nix FROM t")
	f.do("COMMIT")
	f.is("SELECT count(*) FROM t", "2")

	// One that DuckDB finds ends it: every statement says so until ROLLBACK.
	f.do("BEGIN", "INSERT INTO t VALUES (3)")
	f.fails(100072, "INSERT INTO t VALUES (NULL)")
	f.fails(90231, "SELECT 1")
	f.fails(90231, "COMMIT")
	f.do("ROLLBACK")
	f.is("SELECT count(*) FROM t", "2")

	// DDL commits.
	f.do("BEGIN", "INSERT INTO t VALUES (3)", "CREATE TABLE u (a INT)", "ROLLBACK")
	f.is("SELECT count(*) FROM t", "3")

	// Unless Snowpark says not to: then a temporary table lives and dies with the transaction.
	f.do("BEGIN", "INSERT INTO t VALUES (4)")
	f.params["SNOWPARK_SKIP_TXN_COMMIT_IN_DDL"] = "true"
	f.do("CREATE SCOPED TEMPORARY TABLE tmp (a INT)", "INSERT INTO tmp VALUES (1)")
	f.is("SELECT count(*) FROM tmp", "1")
	f.params["SNOWPARK_SKIP_TXN_COMMIT_IN_DDL"] = ""
	f.do("ROLLBACK")
	f.is("SELECT count(*) FROM t", "3")
	f.fails(2003, "SELECT * FROM tmp")

	// AUTOCOMMIT = FALSE opens one by itself.
	f.params["AUTOCOMMIT"] = "false"
	f.do("INSERT INTO t VALUES (4)")
	f.params["AUTOCOMMIT"] = ""
	f.isAs(2, "SELECT count(*) FROM t", "3")
	f.do("ROLLBACK")
	f.is("SELECT count(*) FROM t", "3")

	// One that nobody goes on with is rolled back, and the session learns it once.
	f.do("BEGIN", "DELETE FROM t")
	f.clock.add(5 * time.Hour)
	if err := f.w.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.fails(90232, "SELECT count(*) FROM t")
	f.is("SELECT count(*) FROM t", "3")
}

func TestLocks(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (a INT)", "CREATE TABLE u (a INT)", "INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1)")
	// Two inserters at once.
	f.as(1, "BEGIN", "INSERT INTO t VALUES (2)")
	f.as(2, "BEGIN", "INSERT INTO t VALUES (3)")
	f.params["LOCK_TIMEOUT"] = "1"
	f.failsAs(3, 625, "UPDATE t SET a = 9")
	f.params["LOCK_TIMEOUT"] = ""
	f.as(1, "COMMIT")
	f.as(2, "COMMIT")
	f.is("SELECT count(*) FROM t", "3")

	// A deadlock is refused, not waited for.
	f.as(1, "BEGIN", "UPDATE t SET a = 5")
	f.as(2, "BEGIN", "UPDATE u SET a = 5")
	done := make(chan error, 1)
	go func() {
		_, err := f.run(&statement.Context{Session: 1, Role: "R", Database: "FIRN", Schema: "PUBLIC", Params: params{}}, "UPDATE u SET a = 6")
		done <- err
	}()
	for { // until session 1 waits
		f.w.locks.mu.Lock()
		waiting := f.w.session(1).tx.holder.waiting != nil
		f.w.locks.mu.Unlock()
		if waiting {
			break
		}
		runtime.Gosched()
	}
	f.failsAs(2, 626, "UPDATE t SET a = 7")
	f.as(2, "ROLLBACK")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	f.as(1, "COMMIT")
	f.is("SELECT max(a) FROM u", "6")
}

// 16 sessions write one table at once: no error, nothing lost.
func TestWriters(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (k INT, n INT)", "INSERT INTO t SELECT 1, 0")
	const sessions, rounds = 16, 12
	var wg sync.WaitGroup
	errs := make(chan error, sessions)
	for s := range sessions {
		wg.Go(func() {
			for i := range rounds {
				text := "UPDATE t SET n = n + 1 WHERE k = 1"
				switch i % 4 {
				case 1:
					text = fmt.Sprintf("INSERT INTO t VALUES (%d, 0)", 100+s)
				case 2:
					text = "MERGE INTO t USING (SELECT 1 AS k) x ON t.k = x.k WHEN MATCHED THEN UPDATE SET n = t.n + 1"
				case 3:
					text = "SELECT count(*) FROM t"
				}
				sc := &statement.Context{Session: int64(s + 10), Role: "R", Database: "FIRN", Schema: "PUBLIC", Params: params{}}
				if _, err := f.run(sc, text); err != nil {
					errs <- fmt.Errorf("%s: %w", text, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	f.is("SELECT n FROM t WHERE k = 1", strconv.Itoa(sessions*rounds/2))
	f.is("SELECT count(*) FROM t WHERE k >= 100", strconv.Itoa(sessions*rounds/4))
}

// Readers go on while tables are replaced under them.
func TestReplaceWhileReading(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t AS SELECT 1 AS a")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for s := range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sc := &statement.Context{Session: int64(s + 50), Role: "R", Database: "FIRN", Schema: "PUBLIC", Params: params{}}
				if r, err := f.run(sc, "SELECT count(*) FROM t"); err != nil {
					t.Errorf("%v", err)
					return
				} else if r.Data.Rows != 1 {
					t.Errorf("%d rows", r.Data.Rows)
				}
			}
		})
	}
	for range 30 {
		f.do("CREATE OR REPLACE TABLE t AS SELECT 1 AS a")
	}
	close(stop)
	wg.Wait()
}

func TestRequests(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t (a INT)")
	send := func(request, text string) *result.Result {
		t.Helper()
		sc := f.context(1)
		sc.Request = request
		r, err := f.run(sc, text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for range 2 {
		r := send("r1", "INSERT INTO t VALUES (1), (2)")
		if rowsOf(t, r) != "2" || r.Stats.Inserted != 2 || r.Type != result.TypeInsert {
			t.Errorf("%+v", r)
		}
	}
	f.is("SELECT count(*) FROM t", "2")
	send("r2", "CREATE TABLE u (a INT)")
	send("r2", "CREATE TABLE u (a INT)")
	f.w.Close()
	f.open()
	send("r1", "INSERT INTO t VALUES (1), (2)")
	f.is("SELECT count(*) FROM t", "2")

	// A rolled back one was not done.
	send("", "BEGIN")
	send("r3", "INSERT INTO t VALUES (3)")
	send("r3", "INSERT INTO t VALUES (3)")
	f.is("SELECT count(*) FROM t", "3")
	send("", "ROLLBACK")
	send("r3", "INSERT INTO t VALUES (3)")
	f.is("SELECT count(*) FROM t", "3")
	f.clock.add(2 * time.Hour)
	if err := f.w.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	send("r1", "INSERT INTO t VALUES (1), (2)")
	f.is("SELECT count(*) FROM t", "5")
}

func TestCancel(t *testing.T) {
	f := setup(t)
	p, err := sql.Parse("SELECT count(*) FROM TABLE(GENERATOR(ROWCOUNT => 100000)) a, TABLE(GENERATOR(ROWCOUNT => 1000000)) b")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = f.w.Run(ctx, f.context(1), p, false)
	if !sqlerr.Is(err, 604) || time.Since(start) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	f.is("SELECT 1", "1")
}

// TestKill kills a child process that inserts: every row whose insert was answered is there.
func TestKill(t *testing.T) {
	if dir := os.Getenv("WAREHOUSE_KILL_DIR"); dir != "" {
		killChild(dir)
		return
	}
	dir := t.TempDir()
	for round := range 2 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "WAREHOUSE_KILL_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		in := bufio.NewScanner(out)
		for in.Scan() {
			line, ok := strings.CutPrefix(in.Text(), "done ")
			if !ok {
				t.Log(in.Text())
				continue
			}
			if last, err = strconv.Atoi(line); err != nil {
				t.Fatal(err)
			}
			if last == 60 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait() // killed
		if last < 60 {
			t.Fatalf("the child ended at %d", last)
		}
		w, err := Open(context.Background(), Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{t: t, w: w, params: params{}}
		if got, _ := strconv.Atoi(rowsOf(t, f.do(fmt.Sprintf("SELECT count(*) FROM t WHERE a = %d", round)))); got < last+1 {
			t.Errorf("%d rows, %d were acknowledged", got, last+1)
		}
		f.do("CREATE TABLE IF NOT EXISTS after_kill (a INT)")
		w.Close()
	}
}

func killChild(dir string) {
	w, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	run := func(text string) *result.Result {
		p, err := sql.Parse(text)
		if err != nil {
			panic(err)
		}
		r, err := w.Run(context.Background(), &statement.Context{Session: 1, Role: "R", Database: "FIRN", Schema: "PUBLIC", Params: params{}}, p, false)
		if err != nil {
			panic(err)
		}
		return r
	}
	round := 0
	if w.database("FIRN") != nil && len(w.visible(&statement.Context{}, scope{}, kindTable)) > 0 {
		round = 1
	}
	run("CREATE TABLE IF NOT EXISTS t (a INT)")
	for i := 0; ; i++ {
		run(fmt.Sprintf("INSERT INTO t VALUES (%d)", round))
		fmt.Println("done", i)
	}
}

// A large result is spooled, and memory stays flat.
func TestSpool(t *testing.T) {
	f := setup(t)
	f.do("CREATE TABLE t AS SELECT SEQ4() AS a, SEQ4() % 1000 AS b, 'text ' || (SEQ4() % 100) AS c FROM TABLE(GENERATOR(ROWCOUNT => 5000000))")
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := f.do("SELECT * FROM t")
	runtime.GC()
	runtime.ReadMemStats(&after)
	if r.Data.Path == "" || r.Data.Rows != 5000000 || len(r.Data.Segments) < 3 {
		t.Fatalf("%d rows in %d segments, %q", r.Data.Rows, len(r.Data.Segments), r.Data.Path)
	}
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 256<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	var sum, rows int64
	for _, rec := range batches(t, r.Data) {
		rows += rec.NumRows()
		rec.Release()
	}
	for i, s := range r.Data.Segments {
		sum += s.Rows
		if limit := int64(24 << 20); s.Length > limit || i == 0 && s.Length > 3<<20 {
			t.Errorf("segment %d has %d bytes", i, s.Length)
		}
	}
	if sum != 5000000 || rows != sum {
		t.Errorf("%d rows said, %d read", sum, rows)
	}
	if err := os.Chtimes(r.Data.Path, time.Time{}, f.clock.Now().Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := f.w.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Data.Path); !os.IsNotExist(err) {
		t.Errorf("the old result is still there: %v", err)
	}
}
