package stage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkPut compares an upload with a handler that only writes the body to disk.
func BenchmarkPut(b *testing.B) {
	const size = 1 << 30
	w := newWorld(b)
	w.do("CREATE STAGE st")
	stub := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		f, err := os.Create(filepath.Join(w.dir, "stub"))
		if err != nil {
			http.Error(rw, err.Error(), 500)
			return
		}
		defer f.Close()
		if _, err := io.Copy(f, r.Body); err != nil {
			http.Error(rw, err.Error(), 500)
		}
	}))
	defer stub.Close()
	for _, c := range []struct {
		name string
		url  func() string
	}{{"stub", func() string { return stub.URL }}, {"stage", func() string { return upURL(w.do("PUT file://big @st OVERWRITE=TRUE")) }}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				req, _ := http.NewRequest("PUT", c.url(), io.NopCloser(&zeros{size}))
				req.ContentLength = size
				res, err := http.DefaultClient.Do(req)
				if err != nil || res.StatusCode != 200 {
					b.Fatal(res, err)
				}
				res.Body.Close()
			}
		})
	}
}

// BenchmarkPutSmall is a whole small upload, with its sync.
func BenchmarkPutSmall(b *testing.B) {
	w := newWorld(b)
	w.do("CREATE STAGE st")
	w.do("CREATE TEMPORARY STAGE tmp")
	for _, at := range []string{"@st", "@tmp"} {
		b.Run(at, func(b *testing.B) {
			for b.Loop() {
				w.put("a.py", at, "print()")
			}
		})
	}
}
