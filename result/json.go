package result

import (
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

const flushAt = 64 << 10 // bytes of JSON gathered before a Write

// WriteJSON writes the rows in the wire's JSON, without the outer brackets: ["1","a"],["2",null]. Every cell is a string or
// null (client-protocol.md §2.3). It holds one buffer of some 64 KiB, however many rows there are.
func (r *Result) WriteJSON(w io.Writer) error {
	if r.Data == nil {
		return writeRows(w, r.Columns, r.Rows)
	}
	first := true
	for _, s := range r.Data.Segments {
		if s.Rows == 0 {
			continue
		}
		if !first {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
		first = false
		if err := r.Data.WriteSegmentJSON(w, r.Columns, s); err != nil {
			return err
		}
	}
	return nil
}

func writeRows(w io.Writer, cols []Column, rows [][]any) error {
	b := make([]byte, 0, 4<<10)
	var err error
	for i, row := range rows {
		if len(row) != len(cols) {
			return fmt.Errorf("result: row %d has %d cells, not %d", i, len(row), len(cols))
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for j, v := range row {
			if j > 0 {
				b = append(b, ',')
			}
			if b, err = appendCell(b, cols[j].Type, v); err != nil {
				return fmt.Errorf("column %s: %w", cols[j].Name, err)
			}
		}
		b = append(b, ']')
		if len(b) >= flushAt {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err = w.Write(b)
	return err
}

// WriteSegmentJSON writes one segment's rows as WriteJSON does.
func (d *Data) WriteSegmentJSON(w io.Writer, cols []Column, s Segment) error {
	b := make([]byte, 0, flushAt+flushAt/4)
	n := 0
	for rec, err := range d.segment(s) {
		if err != nil {
			return err
		}
		cells := make([]cell, len(cols))
		for j, c := range cols {
			if j >= int(rec.NumCols()) {
				return fmt.Errorf("result: %d columns of Arrow for %d of the result", rec.NumCols(), len(cols))
			}
			if cells[j], err = cellOf(c.Type, rec.Column(j)); err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
		for i := range int(rec.NumRows()) {
			if n > 0 {
				b = append(b, ',')
			}
			n++
			b = append(b, '[')
			for j, f := range cells {
				if j > 0 {
					b = append(b, ',')
				}
				b = f(b, i)
			}
			b = append(b, ']')
			if len(b) >= flushAt {
				if _, err := w.Write(b); err != nil {
					return err
				}
				b = b[:0]
			}
		}
	}
	_, err := w.Write(b)
	return err
}

// cell appends row i of one column as JSON.
type cell func(b []byte, i int) []byte

func cellOf(t Type, a arrow.Array) (cell, error) {
	f, err := valueOf(t, a)
	if err != nil {
		return nil, err
	}
	if a.NullN() == 0 {
		return f, nil
	}
	return func(b []byte, i int) []byte {
		if a.IsNull(i) {
			return append(b, "null"...)
		}
		return f(b, i)
	}, nil
}

// integers reads any signed integer array.
func integers(a arrow.Array) (func(i int) int64, bool) {
	switch a := a.(type) {
	case *array.Int64:
		v := a.Int64Values()
		return func(i int) int64 { return v[i] }, true
	case *array.Int32:
		v := a.Int32Values()
		return func(i int) int64 { return int64(v[i]) }, true
	case *array.Int16:
		v := a.Int16Values()
		return func(i int) int64 { return int64(v[i]) }, true
	case *array.Int8:
		v := a.Int8Values()
		return func(i int) int64 { return int64(v[i]) }, true
	}
	return nil, false
}

func quoted(f cell) cell {
	return func(b []byte, i int) []byte { return append(f(append(b, '"'), i), '"') }
}

// valueOf turns the wire's Arrow types (client-protocol.md §2.4) into the wire's JSON texts.
func valueOf(t Type, a arrow.Array) (cell, error) {
	bad := fmt.Errorf("result: Arrow type %s for %s", a.DataType(), t.SQL())
	switch t.Kind {
	case Fixed:
		if a, ok := a.(*array.Decimal128); ok {
			scale := t.Scale
			return quoted(func(b []byte, i int) []byte { return appendBig(b, a.Value(i).BigInt(), scale) }), nil
		}
		n, ok := integers(a)
		if !ok {
			return nil, bad
		}
		return quoted(func(b []byte, i int) []byte { return appendScaled(b, n(i), t.Scale) }), nil
	case Real:
		a, ok := a.(*array.Float64)
		if !ok {
			return nil, bad
		}
		return quoted(func(b []byte, i int) []byte { return appendReal(b, a.Value(i)) }), nil
	case Text, Variant, Object, Array:
		switch a := a.(type) {
		case *array.String:
			return func(b []byte, i int) []byte { return AppendQuoted(b, a.Value(i)) }, nil
		case *array.LargeString:
			return func(b []byte, i int) []byte { return AppendQuoted(b, a.Value(i)) }, nil
		}
	case Boolean:
		if a, ok := a.(*array.Boolean); ok {
			return func(b []byte, i int) []byte {
				if a.Value(i) {
					return append(b, `"1"`...)
				}
				return append(b, `"0"`...)
			}, nil
		}
	case Date:
		if a, ok := a.(*array.Date32); ok {
			return quoted(func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(a.Value(i)), 10) }), nil
		}
	case Time:
		if n, ok := integers(a); ok {
			return quoted(func(b []byte, i int) []byte { return appendScaled(b, n(i), t.Scale) }), nil
		}
	case TimestampNTZ, TimestampLTZ:
		if n, ok := integers(a); ok {
			return quoted(func(b []byte, i int) []byte { return appendScaled(b, n(i), t.Scale) }), nil
		}
		if s, ok := a.(*array.Struct); ok && s.NumField() == 2 {
			sec, ok1 := integers(s.Field(0))
			ns, ok2 := integers(s.Field(1))
			if ok1 && ok2 {
				return quoted(func(b []byte, i int) []byte { return appendSeconds(b, sec(i), ns(i), t.Scale) }), nil
			}
		}
	case TimestampTZ:
		s, ok := a.(*array.Struct)
		if !ok {
			return nil, bad
		}
		if s.NumField() == 2 {
			n, ok1 := integers(s.Field(0))
			z, ok2 := integers(s.Field(1))
			if ok1 && ok2 {
				return quoted(func(b []byte, i int) []byte {
					b = append(appendScaled(b, n(i), t.Scale), ' ')
					return strconv.AppendInt(b, z(i), 10)
				}), nil
			}
		}
		if s.NumField() == 3 {
			sec, ok1 := integers(s.Field(0))
			ns, ok2 := integers(s.Field(1))
			z, ok3 := integers(s.Field(2))
			if ok1 && ok2 && ok3 {
				return quoted(func(b []byte, i int) []byte {
					b = append(appendSeconds(b, sec(i), ns(i), t.Scale), ' ')
					return strconv.AppendInt(b, z(i), 10)
				}), nil
			}
		}
	case Binary:
		if a, ok := a.(*array.Binary); ok {
			return quoted(func(b []byte, i int) []byte { return appendHex(b, a.Value(i)) }), nil
		}
	case Vector:
		l, ok := a.(*array.FixedSizeList)
		if !ok {
			return nil, bad
		}
		n := int(l.DataType().(*arrow.FixedSizeListType).Len())
		var item cell
		switch v := l.ListValues().(type) {
		case *array.Float32:
			item = func(b []byte, i int) []byte { return strconv.AppendFloat(b, float64(v.Value(i)), 'g', -1, 32) }
		case *array.Int32:
			item = func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(v.Value(i)), 10) }
		default:
			return nil, bad
		}
		return quoted(func(b []byte, i int) []byte {
			b = append(b, '[')
			for k := range n {
				if k > 0 {
					b = append(b, ',')
				}
				b = item(b, (l.Offset()+i)*n+k)
			}
			return append(b, ']')
		}), nil
	}
	return nil, bad
}
