// Package batch makes a query's rows into Arrow as the clients read it: the types and metadata of Snowflake's wire, whole IPC
// streams cut into segments, in memory while they are small and in one spool file when they are not.
package batch

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"firn/result"
	"firn/sqlerr"
	"firn/warehouse/duck"
)

// Sizes of what is written, in bytes and rows. The first segment goes inline into the reply, so it is small; pandas is fast
// only with large batches.
const (
	firstSegment = 1 << 20
	segment      = 16 << 20
	batchRows    = 64 << 10
	inMemory     = 1 << 20 // more than this goes to the file
)

// JSON appends the text of an encoded VARIANT, OBJECT or ARRAY to dst.
type JSON func(dst, value []byte) ([]byte, error)

// Writer takes chunks and gives result.Data.
type Writer struct {
	columns  []result.Column
	builders []*column
	rows     int // in the builders
	total    int64

	sink     sink
	ipc      *ipc.Writer
	schema   *arrow.Schema
	start    int64 // of the open segment
	segRows  int64
	segments []result.Segment
}

// New makes a writer for columns, whose physical types are types. path is the spool file, made only if it is needed.
func New(columns []result.Column, types []duck.Type, json JSON, path string) (*Writer, error) {
	if len(columns) != len(types) {
		return nil, sqlerr.Internal(fmt.Errorf("batch: %d columns bound, %d came", len(columns), len(types)))
	}
	w := &Writer{columns: columns, sink: sink{path: path}}
	for i, c := range columns {
		b, err := newColumn(c, &types[i], json)
		if err != nil {
			return nil, sqlerr.Internal(fmt.Errorf("batch: column %s: %w", c.Name, err))
		}
		w.builders = append(w.builders, b)
	}
	return w, nil
}

// Add takes the rows of one chunk.
func (w *Writer) Add(c *duck.Chunk) error {
	step := c.Size
	if total := textBytes(c); total > segment {
		step = max(1, c.Size*segment/total/2) // huge values: never near the 2 GB of a batch
	}
	for lo := 0; lo < c.Size; lo += step {
		hi := min(lo+step, c.Size)
		size := 0
		for i, b := range w.builders {
			if err := b.append(&c.Columns[i], lo, hi); err != nil {
				return err
			}
			size += b.size()
		}
		w.rows += hi - lo
		limit := segment
		if len(w.segments) == 0 && w.segRows == 0 {
			limit = firstSegment
		}
		if w.rows >= batchRows || size >= limit {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func textBytes(c *duck.Chunk) int {
	n := 0
	for i := range c.Columns {
		if v := &c.Columns[i]; v.Type.Physical == duck.Bytes {
			values := duck.Values[duck.String](v, c.Size)
			for k := range values {
				if v.Valid(k) {
					n += values[k].Len()
				}
			}
		}
	}
	return n
}

// flush writes what the builders hold as one batch.
func (w *Writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	widened := false
	for _, b := range w.builders {
		widened = b.settle() || widened
	}
	if widened && w.ipc != nil {
		// A number that needs 128 bits: the open stream's schema no longer holds.
		if err := w.end(); err != nil {
			return err
		}
	}
	if w.ipc == nil {
		w.start, w.segRows = w.sink.n, 0
		fields := make([]arrow.Field, len(w.builders))
		for i, b := range w.builders {
			fields[i] = b.field(w.columns[i])
		}
		w.schema = arrow.NewSchema(fields, nil)
		w.ipc = ipc.NewWriter(&w.sink, ipc.WithSchema(w.schema))
	}
	arrays := make([]arrow.Array, len(w.builders))
	for i, b := range w.builders {
		data := b.data(w.rows)
		arrays[i] = array.MakeFromData(data)
		data.Release()
	}
	rec := array.NewRecordBatch(w.schema, arrays, int64(w.rows))
	err := w.ipc.Write(rec)
	rec.Release()
	for i, b := range w.builders {
		arrays[i].Release()
		b.reset()
	}
	if err != nil {
		return w.sink.wrap(err)
	}
	w.segRows += int64(w.rows)
	w.total += int64(w.rows)
	w.rows = 0
	if len(w.segments) == 0 || w.sink.n-w.start >= segment {
		return w.end()
	}
	return nil
}

// end closes the open segment.
func (w *Writer) end() error {
	if w.ipc == nil {
		return nil
	}
	err := w.ipc.Close()
	w.ipc = nil
	if err != nil {
		return w.sink.wrap(err)
	}
	w.segments = append(w.segments, result.Segment{Rows: w.segRows, Offset: w.start, Length: w.sink.n - w.start})
	w.segRows = 0
	return nil
}

// Close ends the writing.
func (w *Writer) Close() (*result.Data, error) {
	err := w.flush()
	if err == nil {
		err = w.end()
	}
	if err == nil {
		err = w.sink.close()
	}
	if err != nil {
		w.Abort()
		return nil, err
	}
	d := &result.Data{Rows: w.total, Segments: w.segments}
	if w.sink.file != nil {
		d.Path = w.sink.path
		return d, nil
	}
	for i := range d.Segments {
		s := &d.Segments[i]
		s.Bytes = w.sink.buf[s.Offset : s.Offset+s.Length : s.Offset+s.Length]
		s.Offset = 0
	}
	return d, nil
}

// Abort drops everything, the file too.
func (w *Writer) Abort() { w.sink.remove() }

func metadata(kv ...string) arrow.Metadata {
	keys, values := make([]string, 0, len(kv)/2), make([]string, 0, len(kv)/2)
	for i := 0; i < len(kv); i += 2 {
		keys, values = append(keys, kv[i]), append(values, kv[i+1])
	}
	return arrow.NewMetadata(keys, values)
}

// Field is the Arrow field of a column (client-protocol.md §2.4). narrow: a FIXED column is int64, else decimal128.
func Field(c result.Column, narrow bool) arrow.Field {
	t := c.Type
	f := arrow.Field{Name: c.Name, Nullable: true}
	itoa := strconv.Itoa
	switch t.Kind {
	case result.Fixed:
		f.Type = arrow.PrimitiveTypes.Int64
		if !narrow {
			f.Type = &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
		}
		f.Metadata = metadata("logicalType", "FIXED", "precision", itoa(t.Precision), "scale", itoa(t.Scale))
	case result.Real:
		f.Type, f.Metadata = arrow.PrimitiveTypes.Float64, metadata("logicalType", "REAL")
	case result.Text:
		n := t.TextLength()
		f.Type, f.Metadata = arrow.BinaryTypes.String, metadata("logicalType", "TEXT", "charLength", itoa(n), "byteLength", itoa(min(4*n, result.MaxText)))
	case result.Boolean:
		f.Type, f.Metadata = arrow.FixedWidthTypes.Boolean, metadata("logicalType", "BOOLEAN")
	case result.Date:
		f.Type, f.Metadata = arrow.FixedWidthTypes.Date32, metadata("logicalType", "DATE")
	case result.Time:
		f.Type, f.Metadata = arrow.PrimitiveTypes.Int64, metadata("logicalType", "TIME", "scale", itoa(t.Scale))
		if t.Scale < 5 {
			f.Type = arrow.PrimitiveTypes.Int32
		}
	case result.TimestampNTZ, result.TimestampLTZ:
		name := "TIMESTAMP_NTZ"
		if t.Kind == result.TimestampLTZ {
			name = "TIMESTAMP_LTZ"
		}
		f.Type, f.Metadata = arrow.PrimitiveTypes.Int64, metadata("logicalType", name, "scale", itoa(t.Scale))
		if t.Scale > 6 {
			f.Type = epochFraction
		}
	case result.TimestampTZ:
		size := "16"
		f.Type = epochFractionZone
		if t.Scale <= 3 {
			size, f.Type = "8", epochZone
		}
		f.Metadata = metadata("logicalType", "TIMESTAMP_TZ", "scale", itoa(t.Scale), "byteLength", size)
	case result.Binary:
		f.Type, f.Metadata = arrow.BinaryTypes.Binary, metadata("logicalType", "BINARY", "byteLength", itoa(t.BinaryLength()))
	case result.Variant:
		f.Type, f.Metadata = arrow.BinaryTypes.String, metadata("logicalType", "VARIANT")
	case result.Object:
		f.Type, f.Metadata = arrow.BinaryTypes.String, metadata("logicalType", "OBJECT")
	case result.Array:
		f.Type, f.Metadata = arrow.BinaryTypes.String, metadata("logicalType", "ARRAY")
	case result.Vector:
		elem := arrow.DataType(arrow.PrimitiveTypes.Float32)
		if t.Elem == result.Fixed {
			elem = arrow.PrimitiveTypes.Int32
		}
		f.Type = arrow.FixedSizeListOfField(int32(t.Length), arrow.Field{Name: "item", Type: elem, Nullable: true, Metadata: vectorItem(t.Elem)})
		f.Metadata = metadata("logicalType", "VECTOR")
	}
	return f
}

func vectorItem(k result.Kind) arrow.Metadata {
	if k == result.Fixed {
		return metadata("logicalType", "FIXED", "precision", "38", "scale", "0")
	}
	return metadata("logicalType", "REAL")
}

var (
	epochFraction     = arrow.StructOf(arrow.Field{Name: "epoch", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "fraction", Type: arrow.PrimitiveTypes.Int32, Nullable: true})
	epochZone         = arrow.StructOf(arrow.Field{Name: "epoch", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "timezone", Type: arrow.PrimitiveTypes.Int32, Nullable: true})
	epochFractionZone = arrow.StructOf(arrow.Field{Name: "epoch", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "fraction", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, arrow.Field{Name: "timezone", Type: arrow.PrimitiveTypes.Int32, Nullable: true})
)
