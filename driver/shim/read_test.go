package shim

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// ended is a home with one ended instance and this log; "" is none.
func ended(t testing.TB, log string) *Home {
	t.Helper()
	h := &Home{Dir: t.TempDir()}
	if err := os.Mkdir(h.path("a"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{specName: "{}", exitName: "{}", logName: log} {
		if name == logName && log == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(h.path("a"), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func openEnded(t testing.TB, h *Home) io.ReadSeekCloser {
	t.Helper()
	r, err := h.Log(context.Background(), "a", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s, ok := r.(io.ReadSeekCloser)
	if !ok {
		t.Fatal("the reader cannot be sought")
	}
	return s
}

func TestSeek(t *testing.T) {
	text := strings.Repeat("1700000000000000000 o some text\n", 1000)
	if err := iotest.TestReader(openEnded(t, ended(t, text)), []byte(text)); err != nil {
		t.Error(err)
	}
	none := openEnded(t, ended(t, ""))
	if end, err := none.Seek(0, io.SeekEnd); end != 0 || err != nil {
		t.Errorf("the end of no log: %d, %v", end, err)
	}
	r := openEnded(t, ended(t, text))
	r.Close()
	if _, err := r.Seek(0, io.SeekEnd); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// BenchmarkTail: the last lines of a log of 256 MiB cost what they are, not what is before them.
func BenchmarkTail(b *testing.B) {
	h := ended(b, "x")
	f, err := os.OpenFile(filepath.Join(h.path("a"), logName), os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	end := strings.Repeat("1700000000000000000 o some text\n", 1000)
	if _, err := f.WriteAt([]byte(end), 256<<20); err != nil { // what is before is a hole
		b.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	for b.Loop() {
		r, err := h.Log(context.Background(), "a", false)
		if err != nil {
			b.Fatal(err)
		}
		s := r.(io.ReadSeeker)
		if _, err := s.Seek(-int64(len(end)), io.SeekEnd); err != nil {
			b.Fatal(err)
		}
		if n, err := io.ReadFull(s, buf[:len(end)]); err != nil || string(buf[:n]) != end {
			b.Fatal(n, err)
		}
		r.Close()
	}
}
