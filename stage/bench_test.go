package stage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkPut compares uploads with a handler that only writes the body to disk, turn by turn, and reports the ratio of the medians.
func BenchmarkPut(b *testing.B) {
	const size = 512 << 20
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
	put := func(url string) time.Duration {
		start := time.Now()
		req, _ := http.NewRequest("PUT", url, io.NopCloser(&zeros{size}))
		req.ContentLength = size
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != 200 {
			b.Fatal(res, err)
		}
		res.Body.Close()
		return time.Since(start)
	}
	var plain, ours []time.Duration
	for b.Loop() {
		plain = append(plain, put(stub.URL))
		ours = append(ours, put(upURL(w.do("PUT file://big @st OVERWRITE=TRUE"))))
	}
	slices.Sort(plain)
	slices.Sort(ours)
	median := func(d []time.Duration) float64 { return d[len(d)/2].Seconds() }
	b.ReportMetric(median(plain)/median(ours), "ratio")
	b.ReportMetric(size/median(ours)/1e6, "MB/s")
	b.ReportMetric(size/median(plain)/1e6, "stub-MB/s")
}

// BenchmarkGet is a download, from the file to the client's socket.
func BenchmarkGet(b *testing.B) {
	const size = 512 << 20
	w := newWorld(b)
	w.do("CREATE TEMPORARY STAGE st")
	req, _ := http.NewRequest("PUT", upURL(w.do("PUT file://big @st")), io.NopCloser(&zeros{size}))
	req.ContentLength = size
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		b.Fatal(res, err)
	}
	res.Body.Close()
	url := w.do("GET @st file:///tmp").Transfer["presignedUrls"].([]string)[0]
	b.SetBytes(size)
	for b.Loop() {
		res, err := http.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != size {
			b.Fatal(n, err)
		}
		res.Body.Close()
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
