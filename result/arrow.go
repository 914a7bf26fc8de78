package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const batchRows = 64 << 10

// Field is a column's Arrow field in the wire's types (client-protocol.md §2.4). wide says of a NUMBER that its values need a
// decimal128; else they are int64 in units of 10^-scale.
func Field(c Column, wide bool) arrow.Field {
	t := c.Type
	var dt arrow.DataType
	meta := func(kv ...string) arrow.Metadata {
		m := make([]string, 0, len(kv)/2)
		v := make([]string, 0, len(kv)/2)
		for i := 0; i < len(kv); i += 2 {
			m, v = append(m, kv[i]), append(v, kv[i+1])
		}
		return arrow.NewMetadata(m, v)
	}
	var md arrow.Metadata
	scale := strconv.Itoa(t.Scale)
	epoch := arrow.Field{Name: "epoch", Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	fraction := arrow.Field{Name: "fraction", Type: arrow.PrimitiveTypes.Int32, Nullable: true}
	zone := arrow.Field{Name: "timezone", Type: arrow.PrimitiveTypes.Int32, Nullable: true}
	switch t.Kind {
	case Fixed:
		p := t.Precision
		if p == 0 {
			p = 38
		}
		dt = arrow.PrimitiveTypes.Int64
		if wide {
			dt = &arrow.Decimal128Type{Precision: 38, Scale: int32(t.Scale)}
		}
		md = meta("logicalType", "FIXED", "precision", strconv.Itoa(p), "scale", scale)
	case Real:
		dt, md = arrow.PrimitiveTypes.Float64, meta("logicalType", "REAL")
	case Boolean:
		dt, md = arrow.FixedWidthTypes.Boolean, meta("logicalType", "BOOLEAN")
	case Date:
		dt, md = arrow.FixedWidthTypes.Date32, meta("logicalType", "DATE")
	case Time:
		dt, md = arrow.PrimitiveTypes.Int64, meta("logicalType", "TIME", "scale", scale)
	case TimestampNTZ, TimestampLTZ:
		dt = arrow.PrimitiveTypes.Int64
		if t.Scale > 6 { // the pandas path of the client reads a struct only there, and an int64 only below
			dt = arrow.StructOf(epoch, fraction)
		}
		name := "TIMESTAMP_NTZ"
		if t.Kind == TimestampLTZ {
			name = "TIMESTAMP_LTZ"
		}
		md = meta("logicalType", name, "scale", scale)
	case TimestampTZ:
		if t.Scale <= 3 {
			dt, md = arrow.StructOf(epoch, zone), meta("logicalType", "TIMESTAMP_TZ", "scale", scale, "byteLength", "8")
		} else {
			dt, md = arrow.StructOf(epoch, fraction, zone), meta("logicalType", "TIMESTAMP_TZ", "scale", scale, "byteLength", "16")
		}
	case Binary:
		dt, md = arrow.BinaryTypes.Binary, meta("logicalType", "BINARY", "byteLength", strconv.Itoa(t.BinaryLength()))
	case Variant:
		dt, md = arrow.BinaryTypes.String, meta("logicalType", "VARIANT")
	case Object:
		dt, md = arrow.BinaryTypes.String, meta("logicalType", "OBJECT")
	case Array:
		dt, md = arrow.BinaryTypes.String, meta("logicalType", "ARRAY")
	case Vector:
		item := arrow.Field{Name: "element", Type: arrow.PrimitiveTypes.Float32, Metadata: meta("logicalType", "REAL")}
		if t.Elem == Fixed {
			item = arrow.Field{Name: "element", Type: arrow.PrimitiveTypes.Int32, Metadata: meta("logicalType", "FIXED", "precision", "38", "scale", "0")}
		}
		dt, md = arrow.FixedSizeListOfField(int32(t.Length), item), meta("logicalType", "VECTOR")
	default:
		n := t.TextLength()
		dt, md = arrow.BinaryTypes.String, meta("logicalType", "TEXT", "charLength", strconv.Itoa(n), "byteLength", strconv.Itoa(min(4*n, MaxText)))
	}
	return arrow.Field{Name: c.Name, Type: dt, Nullable: true, Metadata: md}
}

// ArrowSegments gives the rows as Arrow: Data's own segments, or one stream made from Rows. No rows, no segment.
func (r *Result) ArrowSegments() ([]Segment, error) {
	if r.Data != nil {
		return r.Data.Segments, nil
	}
	if len(r.Rows) == 0 || len(r.Columns) == 0 {
		return nil, nil
	}
	fields := make([]arrow.Field, len(r.Columns))
	for j, c := range r.Columns {
		wide := false
		if c.Type.Kind == Fixed {
			for _, row := range r.Rows {
				if j < len(row) && needsWide(row[j], c.Type.Scale) {
					wide = true
					break
				}
			}
		}
		fields[j] = Field(c, wide)
	}
	schema := arrow.NewSchema(fields, nil)
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(schema))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for start := 0; start < len(r.Rows); start += batchRows {
		for i, row := range r.Rows[start:min(start+batchRows, len(r.Rows))] {
			if len(row) != len(r.Columns) {
				return nil, fmt.Errorf("result: row %d has %d cells, not %d", start+i, len(row), len(r.Columns))
			}
			for j, v := range row {
				if err := appendArrow(b.Field(j), r.Columns[j].Type, v); err != nil {
					return nil, fmt.Errorf("column %s: %w", r.Columns[j].Name, err)
				}
			}
		}
		rec := b.NewRecordBatch()
		err := w.Write(rec)
		rec.Release()
		if err != nil {
			return nil, fmt.Errorf("result: arrow: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("result: arrow: %w", err)
	}
	return []Segment{{Rows: int64(len(r.Rows)), Bytes: buf.Bytes(), Length: int64(buf.Len())}}, nil
}

// needsWide says whether a NUMBER's cell needs more than 18 digits in units of 10^-scale.
func needsWide(v any, scale int) bool {
	if scale == 0 {
		if _, ok := toInt(v); ok {
			return false
		}
	}
	if v == nil {
		return false
	}
	n, err := number(v, scale)
	return err == nil && !n.IsInt64()
}

func appendArrow(b array.Builder, t Type, v any) error {
	if raw, ok := v.(json.RawMessage); v == nil || ok && raw == nil {
		b.AppendNull()
		return nil
	}
	bad := func() error { return fmt.Errorf("result: a %T is no value of %s", v, t.SQL()) }
	switch t.Kind {
	case Fixed:
		n, err := number(v, t.Scale)
		if err != nil {
			return err
		}
		switch b := b.(type) {
		case *array.Int64Builder:
			b.Append(n.Int64())
		case *array.Decimal128Builder:
			if n.CmpAbs(max38) >= 0 {
				return fmt.Errorf("result: %s has more than 38 digits", n)
			}
			b.Append(decimal128.FromBigInt(n))
		}
	case Real:
		f, ok := toFloat(v)
		if !ok {
			return bad()
		}
		b.(*array.Float64Builder).Append(f)
	case Boolean:
		x, ok := v.(bool)
		if !ok {
			return bad()
		}
		b.(*array.BooleanBuilder).Append(x)
	case Date:
		x, ok := v.(time.Time)
		if !ok {
			return bad()
		}
		b.(*array.Date32Builder).Append(arrow.Date32(days(x)))
	case Time:
		x, ok := v.(time.Duration)
		if !ok {
			return bad()
		}
		b.(*array.Int64Builder).Append(int64(x) / unit(t.Scale))
	case TimestampNTZ, TimestampLTZ, TimestampTZ:
		x, ok := v.(time.Time)
		if !ok {
			return bad()
		}
		sec, ns := x.Unix(), int64(x.Nanosecond())/unit(t.Scale)*unit(t.Scale)
		scaled := sec*(1e9/unit(t.Scale)) + ns/unit(t.Scale)
		s, ok := b.(*array.StructBuilder)
		if !ok {
			b.(*array.Int64Builder).Append(scaled)
			return nil
		}
		s.Append(true)
		switch {
		case t.Kind != TimestampTZ:
			s.FieldBuilder(0).(*array.Int64Builder).Append(sec)
			s.FieldBuilder(1).(*array.Int32Builder).Append(int32(ns))
		case s.NumField() == 2:
			s.FieldBuilder(0).(*array.Int64Builder).Append(scaled)
			s.FieldBuilder(1).(*array.Int32Builder).Append(int32(zoneMinutes(x)))
		default:
			s.FieldBuilder(0).(*array.Int64Builder).Append(sec)
			s.FieldBuilder(1).(*array.Int32Builder).Append(int32(ns))
			s.FieldBuilder(2).(*array.Int32Builder).Append(int32(zoneMinutes(x)))
		}
	case Binary:
		switch x := v.(type) {
		case []byte:
			b.(*array.BinaryBuilder).Append(x)
		case string:
			b.(*array.BinaryBuilder).AppendString(x)
		default:
			return bad()
		}
	case Vector:
		return appendVector(b.(*array.FixedSizeListBuilder), t, v)
	default:
		s := b.(*array.StringBuilder)
		switch x := v.(type) {
		case string:
			s.Append(x)
		case json.RawMessage:
			s.Append(string(x))
		case int64, int, int32, bool, float64:
			if t.Kind != Text {
				return bad()
			}
			s.Append(fmt.Sprint(x))
		default:
			return bad()
		}
	}
	return nil
}

// appendVector takes a vector's JSON text.
func appendVector(b *array.FixedSizeListBuilder, t Type, v any) error {
	var text []byte
	switch x := v.(type) {
	case string:
		text = []byte(x)
	case json.RawMessage:
		text = x
	default:
		return fmt.Errorf("result: a %T is no value of %s", v, t.SQL())
	}
	var items []float64
	if err := json.Unmarshal(text, &items); err != nil || len(items) != t.Length {
		return fmt.Errorf("result: no value of %s", t.SQL())
	}
	b.Append(true)
	for _, f := range items {
		switch e := b.ValueBuilder().(type) {
		case *array.Float32Builder:
			e.Append(float32(f))
		case *array.Int32Builder:
			e.Append(int32(f))
		}
	}
	return nil
}

// unit is 10^-scale seconds in nanoseconds.
func unit(scale int) int64 {
	u := int64(1)
	for range 9 - scale {
		u *= 10
	}
	return u
}

var max38 = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
