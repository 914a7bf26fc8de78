package shim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func openLog(t testing.TB, quota int64) (*Log, string) {
	p := filepath.Join(t.TempDir(), "log")
	l, err := OpenLog(p, quota)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, p
}

// TestFlush: a line is on disk soon after it came, also when others follow at once.
func TestFlush(t *testing.T) {
	l, p := openLog(t, 1<<20)
	var seen int64
	for i := range 50 {
		began := time.Now()
		l.line(Stdout, fmt.Appendf(nil, "line %d", i))
		n := l.wait(seen)
		if took := time.Since(began); took > 10*flushEvery {
			t.Errorf("line %d was there after %v", i, took)
		}
		seen = n.Len
	}
	b, err := os.ReadFile(p)
	if err != nil || bytes.Count(b, []byte("\n")) != 50 || int64(len(b)) != seen {
		t.Errorf("%d lines, %d bytes of %d, %v", bytes.Count(b, []byte("\n")), len(b), seen, err)
	}
}

func TestQuota(t *testing.T) {
	l, p := openLog(t, 10_000)
	for i := range 10_000 {
		l.line(Stdout, fmt.Appendf(nil, "line %d", i))
	}
	l.Close()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	s := string(b)
	if len(b) > 10_000+2*tailSize+tailSize*3 || !strings.Contains(s, "quota of 10000 bytes") || !strings.HasSuffix(s, "line 9999\n") {
		t.Errorf("%d bytes, ends %q", len(b), s[len(s)-40:])
	}
}

// TestQuotaUnused: a log that fits is whole and has no remark.
func TestQuotaUnused(t *testing.T) {
	l, p := openLog(t, 1000)
	l.line(Stderr, []byte("one"))
	l.Close()
	if b, err := os.ReadFile(p); err != nil || !strings.HasSuffix(string(b), " e one\n") || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("%q %v", b, err)
	}
}

func TestPump(t *testing.T) {
	l, p := openLog(t, 1<<20)
	long := strings.Repeat("x", 200_000)
	l.Pump(Stdout, strings.NewReader("a\n\nb\r\n"+long+"\nlast"))
	l.Close()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for line := range strings.Lines(string(b)) {
		text = append(text, strings.TrimSuffix(strings.SplitN(line, " ", 3)[2], "\n"))
	}
	if text[0] != "a" || text[1] != "" || text[2] != "b\r" || text[len(text)-1] != "last" || strings.Join(text[3:len(text)-1], "") != long {
		t.Errorf("%d lines: %.60q …", len(text), text)
	}
}

// TestPumpTogether: what was written at once stands together, however much comes on the other stream.
func TestPumpTogether(t *testing.T) {
	l, p := openLog(t, 1<<30)
	var pumps, writers sync.WaitGroup
	for _, s := range []Stream{Stdout, Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		pumps.Go(func() {
			defer r.Close()
			l.Pump(s, r)
		})
		writers.Go(func() {
			defer w.Close()
			for i := range 5000 {
				fmt.Fprintf(w, "%c%d first %0100d\n%c%d second\n%c%d third\n", s, i, 0, s, i, s, i)
			}
		})
	}
	writers.Wait()
	pumps.Wait()
	l.Close()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	lines, torn := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), 0
	if len(lines) != 2*3*5000 {
		t.Fatalf("%d lines", len(lines))
	}
	who := func(i int) string { return strings.Fields(lines[i])[2] }
	for i := 0; i+2 < len(lines); i += 3 {
		if who(i) != who(i+1) || who(i) != who(i+2) {
			torn++
		}
	}
	if torn > 0 {
		t.Errorf("%d of %d writes are torn", torn, len(lines)/3)
	}
}

// TestPumpOneRead: the other stream gets no turn between the lines of one read, though it tries all the time.
func TestPumpOneRead(t *testing.T) {
	l, p := openLog(t, 1<<30)
	ctx, stop := context.WithCancel(context.Background())
	var other sync.WaitGroup
	began := make(chan struct{})
	other.Go(func() {
		l.line(Stderr, []byte("other"))
		close(began)
		for ctx.Err() == nil {
			l.line(Stderr, []byte("other"))
		}
	})
	<-began
	chunk := strings.Repeat("x\n", 20_000)
	for range 10 {
		l.Pump(Stdout, strings.NewReader(chunk))
	}
	stop()
	other.Wait()
	l.Close()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	run := 0
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, " o ") {
			run++
		} else if run%20_000 != 0 {
			t.Fatalf("the other stream came after %d of 20000 lines", run%20_000)
		}
	}
	if run != 200_000 {
		t.Errorf("%d lines", run)
	}
}

// TestPumpPartial: a line's beginning waits for its end, though the other stream goes on.
func TestPumpPartial(t *testing.T) {
	l, p := openLog(t, 1<<20)
	r, w := io.Pipe() // a write returns when it was read
	done := make(chan struct{})
	go func() { l.Pump(Stdout, r); close(done) }()
	io.WriteString(w, "one\ntw")
	l.Pump(Stderr, strings.NewReader("other\n"))
	io.WriteString(w, "o\nthree")
	w.Close()
	<-done
	l.Close()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(b)) {
		got = append(got, strings.TrimSpace(strings.SplitN(line, " ", 2)[1]))
	}
	// "one" was read before "other" was written, but which of the two came to the lock first is the scheduler's.
	slices.Sort(got)
	if want := []string{"e other", "o one", "o three", "o two"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCheckID(t *testing.T) {
	for id, ok := range map[string]bool{"01b2-x_y.0": true, "": false, ".": false, "..": false, ".a": false, "a/b": false, "a b": false, "ä": false, strings.Repeat("a", 201): false} {
		if (CheckID(id) == nil) != ok {
			t.Errorf("%q: %v", id, CheckID(id))
		}
	}
}

func BenchmarkLog(b *testing.B) {
	l, _ := openLog(b, 1<<40)
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() { l.Pump(Stdout, r); close(done) }()
	chunk := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 640))
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		w.Write(chunk)
	}
	w.Close()
	<-done
}
