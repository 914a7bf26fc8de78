package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"firn/sqlerr"
)

var unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// decode reads a request's JSON, packed or not (Python packs every body), at most limit bytes of it. An empty body leaves v alone.
func decode(r *http.Request, limit int64, v any) error {
	buf := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 1<<20 {
			buf.Reset()
			buffers.Put(buf)
		}
	}()
	var body io.Reader = r.Body
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		z := unpackers.Get().(*gzip.Reader)
		defer unpackers.Put(z)
		if err := z.Reset(body); err != nil {
			if err == io.EOF {
				return nil
			}
			return invalid(err)
		}
		body = z
	}
	if n, err := buf.ReadFrom(io.LimitReader(body, limit+1)); err != nil {
		return invalid(err)
	} else if n > limit {
		return sqlerr.New(390142, "08001", "The request is larger than %d bytes.", limit)
	}
	if len(bytes.TrimSpace(buf.Bytes())) == 0 {
		return nil
	}
	if err := json.Unmarshal(buf.Bytes(), v); err != nil {
		return invalid(err)
	}
	return nil
}

func invalid(err error) error {
	e := sqlerr.New(390142, "08001", "Incoming request does not contain a valid payload.")
	e.Err = fmt.Errorf("wire: %w", err)
	return e
}
