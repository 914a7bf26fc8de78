package result

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// First is the first cell of the first row as a Go value as in Rows; ok is false if there is none.
func (r *Result) First() (v any, ok bool, err error) {
	if r.Data == nil {
		if len(r.Rows) == 0 || len(r.Rows[0]) == 0 {
			return nil, false, nil
		}
		return r.Rows[0][0], true, nil
	}
	for rec, err := range r.Data.Records() {
		if err != nil {
			return nil, false, err
		}
		if rec.NumRows() == 0 || rec.NumCols() == 0 || len(r.Columns) == 0 {
			continue
		}
		v, err := Value(r.Columns[0].Type, rec.Column(0), 0)
		return v, err == nil, err
	}
	return nil, false, nil
}

// Value is cell i of a column in the wire's Arrow types as a Go value as in Rows: NUMBERs are int64 where they are whole and fit,
// else decimal texts.
func Value(t Type, a arrow.Array, i int) (any, error) {
	if a.IsNull(i) {
		return nil, nil
	}
	bad := fmt.Errorf("result: Arrow type %s for %s", a.DataType(), t.SQL())
	switch t.Kind {
	case Fixed:
		if n, ok := integers(a); ok {
			if t.Scale == 0 {
				return n(i), nil
			}
			return string(appendScaled(nil, n(i), t.Scale)), nil
		}
		if a, ok := a.(*array.Decimal128); ok {
			n := a.Value(i).BigInt()
			if t.Scale == 0 && n.IsInt64() {
				return n.Int64(), nil
			}
			return string(appendBig(nil, n, t.Scale)), nil
		}
	case Real:
		if a, ok := a.(*array.Float64); ok {
			return a.Value(i), nil
		}
	case Text, Variant, Object, Array:
		if a, ok := a.(*array.String); ok {
			if t.Kind == Text {
				return string([]byte(a.Value(i))), nil // not the batch's memory
			}
			return json.RawMessage(a.Value(i)), nil
		}
	case Boolean:
		if a, ok := a.(*array.Boolean); ok {
			return a.Value(i), nil
		}
	case Date:
		if a, ok := a.(*array.Date32); ok {
			return time.Unix(int64(a.Value(i))*86400, 0).UTC(), nil
		}
	case Time:
		if n, ok := integers(a); ok {
			return time.Duration(n(i) * unit(t.Scale)), nil
		}
	case TimestampNTZ, TimestampLTZ, TimestampTZ:
		var sec, ns, zone int64
		s, isStruct := a.(*array.Struct)
		if !isStruct {
			n, ok := integers(a)
			if !ok {
				return nil, bad
			}
			per := 1e9 / unit(t.Scale)
			sec = floorDiv(n(i), per)
			ns = (n(i) - sec*per) * unit(t.Scale)
			return time.Unix(sec, ns).UTC(), nil
		}
		f := make([]int64, s.NumField())
		for k := range f {
			n, ok := integers(s.Field(k))
			if !ok {
				return nil, bad
			}
			f[k] = n(i)
		}
		switch {
		case t.Kind != TimestampTZ && len(f) == 2:
			return time.Unix(f[0], f[1]).UTC(), nil
		case t.Kind == TimestampTZ && len(f) == 2:
			per := 1e9 / unit(t.Scale)
			sec = floorDiv(f[0], per)
			ns, zone = (f[0]-sec*per)*unit(t.Scale), f[1]
		case len(f) == 3:
			sec, ns, zone = f[0], f[1], f[2]
		default:
			return nil, bad
		}
		return time.Unix(sec, ns).In(time.FixedZone("", int(zone-1440)*60)), nil
	case Binary:
		if a, ok := a.(*array.Binary); ok {
			return append([]byte{}, a.Value(i)...), nil
		}
	}
	return nil, bad
}
