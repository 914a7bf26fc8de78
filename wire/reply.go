package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"firn/result"
	"firn/session"
)

// largestInline is how many bytes of Arrow go into a reply; a larger first segment becomes a chunk as the others.
const largestInline = 4 << 20

// reply answers with a statement that has ended.
func (s *server) reply(w http.ResponseWriter, r *http.Request, q *session.Query) {
	res, err := q.Result()
	if err != nil {
		s.fail(w, q.ID, err)
		return
	}
	if res.Transfer != nil {
		data := maps.Clone(res.Transfer)
		data["queryId"], data["statementTypeId"] = q.ID, int(res.Type)
		data["sqlState"] = "00000"
		data["finalDatabaseName"], data["finalSchemaName"] = orNull(q.Final.Database), orNull(q.Final.Schema)
		data["finalWarehouseName"], data["finalRoleName"] = orNull(q.Final.Warehouse), orNull(q.Final.Role)
		ok(w, data)
		return
	}
	b := newBody(w, r)
	defer b.release()
	if err := s.write(b, r, q, res); err != nil {
		if b.started {
			// A part is out already: break the connection, so that nobody takes it for the whole.
			s.Log.Error("reply broken off", "query", q.ID, "err", err)
			panic(http.ErrAbortHandler)
		}
		s.fail(w, q.ID, err)
		return
	}
	b.finish()
}

func (s *server) write(b *body, r *http.Request, q *session.Query, res *result.Result) error {
	arrow := q.Format == "ARROW" && res.Type == result.TypeSelect && !q.Describe
	b.packs = !arrow
	params, err := json.Marshal(q.Changed)
	if err != nil {
		return err
	}
	if q.Changed == nil {
		params = []byte("[]")
	}
	b.str(`{"data":{"parameters":`)
	b.buf = append(b.buf, params...)
	b.str(`,"rowtype":`)
	b.buf = appendRowtype(b.buf, res.Columns)
	total := res.Count()
	if q.Describe {
		total = 0
	}
	var chunks []result.Segment
	first := 0 // number of the first chunk's segment
	switch {
	case q.Describe:
		b.str(`,"rowset":[],"queryResultFormat":"json"`)
	case arrow:
		segments, err := res.ArrowSegments()
		if err != nil {
			return err
		}
		b.str(`,"rowsetBase64":"`)
		if len(segments) > 0 && (segments[0].Length <= largestInline || q.Download() == "") {
			if err := b.base64(res.Data, segments[0]); err != nil {
				return err
			}
			first = 1
		}
		chunks = segments[min(first, len(segments)):]
		b.str(`","queryResultFormat":"arrow"`)
	default:
		b.str(`,"rowset":[`)
		if d := res.Data; d != nil && q.Download() != "" {
			if len(d.Segments) > 0 && d.Segments[0].Length <= largestInline {
				if err := d.WriteSegmentJSON(b, res.Columns, d.Segments[0]); err != nil {
					return err
				}
				first = 1
			}
			chunks = d.Segments[min(first, len(d.Segments)):]
		} else if err := res.WriteJSON(b); err != nil {
			return err
		}
		b.str(`],"queryResultFormat":"json"`)
	}
	if len(chunks) > 0 {
		base, form := baseURL(r), ""
		if !arrow {
			form = ".json"
		}
		b.str(`,"chunks":[`)
		for i, c := range chunks {
			if i > 0 {
				b.str(",")
			}
			b.str(`{"url":`)
			b.buf = result.AppendQuoted(b.buf, fmt.Sprintf("%s/results/%s/%d%s", base, q.Download(), first+i, form))
			b.str(`,"rowCount":`)
			b.buf = strconv.AppendInt(b.buf, c.Rows, 10)
			b.str(`,"uncompressedSize":`)
			b.buf = strconv.AppendInt(b.buf, c.Length, 10)
			b.str(`,"compressedSize":`)
			b.buf = strconv.AppendInt(b.buf, c.Length, 10)
			b.str(`}`)
		}
		b.str(`],"chunkHeaders":{}`)
	}
	b.str(`,"total":`)
	b.buf = strconv.AppendInt(b.buf, total, 10)
	b.str(`,"returned":`)
	b.buf = strconv.AppendInt(b.buf, total, 10)
	b.str(`,"queryId":"`)
	b.str(q.ID)
	b.str(`","sqlState":"00000","databaseProvider":null,"finalDatabaseName":`)
	b.name(q.Final.Database)
	b.str(`,"finalSchemaName":`)
	b.name(q.Final.Schema)
	b.str(`,"finalWarehouseName":`)
	b.name(q.Final.Warehouse)
	b.str(`,"finalRoleName":`)
	b.name(q.Final.Role)
	b.str(`,"numberOfBinds":`)
	b.buf = strconv.AppendInt(b.buf, int64(q.Params), 10)
	b.str(`,"arrayBindSupported":`)
	b.buf = strconv.AppendBool(b.buf, res.Type >= result.TypeDML && res.Type <= result.TypeMultiInsert)
	b.str(`,"statementTypeId":`)
	b.buf = strconv.AppendInt(b.buf, int64(res.Type), 10)
	b.str(`,"version":1,"sendResultTime":`)
	b.buf = strconv.AppendInt(b.buf, time.Now().UnixMilli(), 10)
	if st := res.Stats; st != nil {
		b.buf = fmt.Appendf(b.buf, `,"stats":{"numRowsInserted":%d,"numRowsUpdated":%d,"numRowsDeleted":%d,"numDmlDuplicates":%d}`, st.Inserted, st.Updated, st.Deleted, st.Duplicates)
	}
	if len(q.Children) > 0 {
		ids, types := make([]string, len(q.Children)), make([]string, len(q.Children))
		for i, c := range q.Children {
			ids[i], types[i] = c.ID, strconv.Itoa(int(result.TypeOther))
			if r, err := c.Result(); err == nil {
				types[i] = strconv.Itoa(int(r.Type))
			}
		}
		b.str(`,"resultIds":"` + strings.Join(ids, ",") + `","resultTypes":"` + strings.Join(types, ",") + `"`)
	}
	b.str(`},"code":null,"message":null,"success":true}`)
	return nil
}

// appendRowtype appends the columns; every key must be there (client-protocol.md §2.2).
func appendRowtype(b []byte, cols []result.Column) []byte {
	b = append(b, '[')
	for i, c := range cols {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = result.AppendQuoted(b, c.Name)
		b = append(b, `,"database":`...)
		b = result.AppendQuoted(b, c.Database)
		b = append(b, `,"schema":`...)
		b = result.AppendQuoted(b, c.Schema)
		b = append(b, `,"table":`...)
		b = result.AppendQuoted(b, c.Table)
		b = append(b, `,"nullable":`...)
		b = strconv.AppendBool(b, c.Nullable)
		b = append(b, `,"type":"`...)
		b = append(b, c.Type.Kind.String()...)
		b = append(b, '"')
		precision, scale, length, bytes := -1, -1, -1, -1
		switch t := c.Type; t.Kind {
		case result.Fixed:
			precision, scale = t.Precision, t.Scale
			if precision == 0 {
				precision = 38
			}
		case result.Text:
			length = t.TextLength()
			bytes = min(4*length, result.MaxText)
		case result.Binary:
			length = t.BinaryLength()
			bytes = length
		case result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
			precision, scale = 0, t.Scale
		}
		b = appendNumber(append(b, `,"precision":`...), precision)
		b = appendNumber(append(b, `,"scale":`...), scale)
		b = appendNumber(append(b, `,"length":`...), length)
		b = appendNumber(append(b, `,"byteLength":`...), bytes)
		b = append(b, `,"collation":null`...)
		if t := c.Type; t.Kind == result.Vector {
			b = append(b, `,"vectorDimension":`...)
			b = strconv.AppendInt(b, int64(t.Length), 10)
			item := `{"name":"","nullable":false,"type":"real","precision":null,"scale":null,"length":null,"byteLength":null}`
			if t.Elem == result.Fixed {
				item = `{"name":"","nullable":false,"type":"fixed","precision":38,"scale":0,"length":null,"byteLength":null}`
			}
			b = append(b, `,"fields":[`...)
			b = append(append(b, item...), ']')
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendNumber(b []byte, n int) []byte {
	if n < 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// chunk is GET /results/{secret}/{n}: one segment of a result as Arrow, or {n}.json as rows without outer brackets.
// The secret in the URL is the permission: clients send no Authorization here.
func (s *server) chunk(w http.ResponseWriter, r *http.Request) {
	q, found := s.Sessions.Download(r.PathValue("secret"))
	part, isJSON := strings.CutSuffix(r.PathValue("part"), ".json")
	n, err := strconv.Atoi(part)
	var res *result.Result
	if found {
		res, _ = q.Result()
	}
	if err != nil || res == nil || res.Data == nil || n < 0 || n >= len(res.Data.Segments) {
		send(w, http.StatusNotFound, envelope{Code: text("404"), Message: text("This part of a result is not kept.")})
		return
	}
	seg := res.Data.Segments[n]
	if isJSON {
		b := newBody(w, r)
		b.packs = true
		defer b.release()
		if err := res.Data.WriteSegmentJSON(b, res.Columns, seg); err != nil {
			s.Log.Error("part of a result", "query", q.ID, "err", err)
			if b.started {
				panic(http.ErrAbortHandler)
			}
			send(w, http.StatusNotFound, envelope{Code: text("404"), Message: text("This part of a result cannot be read.")})
			return
		}
		b.finish()
		return
	}
	f, err := res.Data.Open(seg)
	if err != nil {
		s.Log.Error("part of a result", "query", q.ID, "err", err)
		send(w, http.StatusNotFound, envelope{Code: text("404"), Message: text("This part of a result cannot be read.")})
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "binary/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(seg.Length, 10))
	if _, err := io.Copy(w, f); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// startAt is how many bytes a reply gathers before it goes out in pieces; smaller ones go out whole, with their length.
const startAt = 128 << 10

// body gathers a reply: small ones are sent at once, large ones stream.
type body struct {
	w       http.ResponseWriter
	r       *http.Request
	buf     []byte
	started bool
	packs   bool // gzip is worth it: rows as JSON
	z       *gzip.Writer
}

var bodies = sync.Pool{New: func() any { return &body{buf: make([]byte, 0, 8<<10)} }}

func newBody(w http.ResponseWriter, r *http.Request) *body {
	b := bodies.Get().(*body)
	*b = body{w: w, r: r, buf: b.buf[:0]}
	return b
}

func (b *body) release() {
	b.w, b.r, b.z = nil, nil, nil
	if cap(b.buf) <= 4*startAt {
		bodies.Put(b)
	}
}

func (b *body) str(s string) { b.buf = append(b.buf, s...) }

func (b *body) name(s string) {
	if s == "" {
		b.str("null")
		return
	}
	b.buf = result.AppendQuoted(b.buf, s)
}

// Write makes body an io.Writer for rows.
func (b *body) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p...)
	if len(b.buf) < startAt {
		return len(p), nil
	}
	return len(p), b.flush()
}

func (b *body) flush() error {
	if !b.started {
		b.started = true
		b.w.Header().Set("Content-Type", "application/json")
		if b.packs && far(b.r) && strings.Contains(b.r.Header.Get("Accept-Encoding"), "gzip") {
			b.w.Header().Set("Content-Encoding", "gzip")
			z, err := gzip.NewWriterLevel(b.w, gzip.BestSpeed)
			if err != nil {
				return err
			}
			b.z = z
		}
	}
	var err error
	if b.z != nil {
		_, err = b.z.Write(b.buf)
	} else {
		_, err = b.w.Write(b.buf)
	}
	b.buf = b.buf[:0]
	return err
}

func (b *body) finish() {
	if !b.started {
		b.w.Header().Set("Content-Type", "application/json")
		b.w.Header().Set("Content-Length", strconv.Itoa(len(b.buf)))
		b.w.Write(b.buf)
		return
	}
	err := b.flush()
	if b.z != nil && err == nil {
		err = b.z.Close()
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// base64 writes a segment as base64 text.
func (b *body) base64(d *result.Data, s result.Segment) error {
	if s.Bytes != nil && len(s.Bytes) < startAt {
		b.buf = base64.StdEncoding.AppendEncode(b.buf, s.Bytes)
		return nil
	}
	if d == nil {
		d = new(result.Data)
	}
	f, err := d.Open(s)
	if err != nil {
		return err
	}
	defer f.Close()
	e := base64.NewEncoder(base64.StdEncoding, b)
	if _, err := io.Copy(e, f); err != nil {
		return err
	}
	return e.Close()
}

// far says whether the client is on another machine: packing costs more than the loopback.
func far(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return true
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}
