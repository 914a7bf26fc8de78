package batch

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"firn/result"
	"firn/warehouse/duck"
)

// column gathers one column's values in Arrow's layout.
type column struct {
	kind result.Kind
	typ  result.Type
	duck *duck.Type
	json JSON

	rows  int
	valid []byte // bitmap; nil while no row is NULL
	nulls int

	values  []byte  // fixed width, or the bytes of texts
	offsets []int32 // of texts
	second  []byte  // fraction or timezone of timestamps
	third   []byte  // timezone

	wide    bool // FIXED: written as decimal128 from now on
	rising  bool // FIXED: this batch's values are 16 bytes each
	scratch []byte
}

func newColumn(c result.Column, t *duck.Type, json JSON) (*column, error) {
	b := &column{kind: c.Type.Kind, typ: c.Type, duck: t, json: json}
	p := t.Physical
	ok := false
	switch b.kind {
	case result.Fixed:
		ok = p == duck.Int8 || p == duck.Int16 || p == duck.Int32 || p == duck.Int64 || p == duck.Int128 || p == duck.UInt8 || p == duck.UInt16 || p == duck.UInt32 || p == duck.UInt64
		ok = ok && t.Scale == c.Type.Scale
	case result.Real:
		ok = p == duck.Double || p == duck.Float
	case result.Text, result.Binary, result.Variant, result.Object, result.Array:
		ok = p == duck.Bytes
		b.offsets = append(b.offsets, 0)
	case result.Boolean:
		ok = p == duck.Bool
	case result.Date:
		ok = p == duck.Int32
	case result.Time, result.TimestampNTZ, result.TimestampLTZ:
		ok = p == duck.Int64
	case result.TimestampTZ:
		ok = p == duck.Struct && len(t.Children) == 2
	case result.Vector:
		ok = p == duck.Array && t.Size == c.Type.Length
	}
	if !ok {
		return nil, fmt.Errorf("%s came as DuckDB's type %d (decimal %d,%d)", c.Type.SQL(), t.ID, t.Width, t.Scale)
	}
	return b, nil
}

func (b *column) size() int { return len(b.values) + 4*len(b.offsets) + len(b.second) + len(b.third) }

func (b *column) reset() {
	b.rows, b.nulls = 0, 0
	b.valid = nil
	b.values, b.second, b.third = b.values[:0], b.second[:0], b.third[:0]
	if b.offsets != nil {
		b.offsets = b.offsets[:1]
	}
	b.rising = false
}

// validity takes over the NULLs of rows lo..hi.
func (b *column) validity(v *duck.Vector, lo, hi int) {
	mask := v.Mask(hi)
	if mask == nil && b.valid == nil {
		return
	}
	if b.valid == nil {
		b.valid = make([]byte, 0, batchRows/8)
		for range b.rows / 8 {
			b.valid = append(b.valid, 0xff)
		}
		if r := b.rows % 8; r > 0 {
			b.valid = append(b.valid, 1<<r-1)
		}
	}
	for i := lo; i < hi; i++ {
		at := b.rows + i - lo
		if at/8 == len(b.valid) {
			b.valid = append(b.valid, 0)
		}
		if mask == nil || mask[i/64]>>(i%64)&1 == 1 {
			b.valid[at/8] |= 1 << (at % 8)
		} else {
			b.nulls++
		}
	}
}

// grow makes room for n more bytes of s and gives the new part.
func grow(s *[]byte, n int) []byte {
	old := len(*s)
	if cap(*s)-old < n {
		bigger := make([]byte, old, max(2*cap(*s), old+n, 8*duck.ChunkRows))
		copy(bigger, *s)
		*s = bigger
	}
	*s = (*s)[:old+n]
	return (*s)[old:]
}

func ints(b []byte) []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}
func shorts(b []byte) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func (b *column) append(v *duck.Vector, lo, hi int) error {
	b.validity(v, lo, hi)
	n := hi - lo
	switch b.kind {
	case result.Fixed:
		b.fixed(v, lo, hi)
	case result.Real:
		out := grow(&b.values, 8*n)
		if v.Type.Physical == duck.Float {
			for i, x := range duck.Values[float32](v, hi)[lo:] {
				binary.LittleEndian.PutUint64(out[8*i:], math.Float64bits(float64(x)))
			}
		} else {
			copyRaw(out, v, 8, lo)
		}
	case result.Boolean:
		b.bools(v, lo, hi)
	case result.Date:
		copyRaw(grow(&b.values, 4*n), v, 4, lo)
	case result.Time:
		micros := duck.Values[int64](v, hi)[lo:]
		if b.typ.Scale < 5 {
			out, div := shorts(grow(&b.values, 4*n)), pow10(6-b.typ.Scale)
			for i, x := range micros {
				out[i] = int32(x / div)
			}
		} else {
			scaled(ints(grow(&b.values, 8*n)), micros, b.typ.Scale)
		}
	case result.TimestampNTZ, result.TimestampLTZ:
		micros := duck.Values[int64](v, hi)[lo:]
		if b.typ.Scale > 6 {
			seconds(ints(grow(&b.values, 8*n)), shorts(grow(&b.second, 4*n)), micros)
		} else {
			scaled(ints(grow(&b.values, 8*n)), micros, b.typ.Scale)
		}
	case result.TimestampTZ:
		micros := duck.Values[int64](&v.Children[0], hi)[lo:]
		zones := duck.Values[int16](&v.Children[1], hi)[lo:]
		zone := &b.third
		if b.typ.Scale <= 3 {
			scaled(ints(grow(&b.values, 8*n)), micros, b.typ.Scale)
			zone = &b.second
		} else {
			seconds(ints(grow(&b.values, 8*n)), shorts(grow(&b.second, 4*n)), micros)
		}
		out := shorts(grow(zone, 4*n))
		for i, z := range zones {
			out[i] = int32(z) + 1440
		}
	case result.Text, result.Binary:
		values := duck.Values[duck.String](v, hi)
		for i := lo; i < hi; i++ {
			if v.Valid(i) {
				b.values = append(b.values, values[i].Bytes()...)
			}
			b.offsets = append(b.offsets, int32(len(b.values)))
		}
	case result.Variant, result.Object, result.Array:
		values := duck.Values[duck.String](v, hi)
		for i := lo; i < hi; i++ {
			if v.Valid(i) {
				var err error
				if b.values, err = b.json(b.values, values[i].Bytes()); err != nil {
					return err
				}
			}
			b.offsets = append(b.offsets, int32(len(b.values)))
		}
	case result.Vector:
		width := 4 * b.typ.Length
		copyRaw(grow(&b.values, width*n), &v.Children[0], width, lo)
	}
	b.rows += n
	return nil
}

func copyRaw(out []byte, v *duck.Vector, width, lo int) {
	copy(out, unsafe.Slice((*byte)(unsafe.Add(v.Data, lo*width)), len(out)))
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// scaled turns µs into units of 10^-scale s, rounding down.
func scaled(out, micros []int64, scale int) {
	switch {
	case scale == 6:
		copy(out, micros)
	case scale > 6:
		mul := pow10(scale - 6)
		for i, x := range micros {
			out[i] = x * mul
		}
	default:
		div := pow10(6 - scale)
		for i, x := range micros {
			q := x / div
			if x%div < 0 {
				q--
			}
			out[i] = q
		}
	}
}

// seconds splits µs into whole seconds and ns.
func seconds(epoch []int64, fraction []int32, micros []int64) {
	for i, x := range micros {
		s, f := x/1e6, x%1e6
		if f < 0 {
			s, f = s-1, f+1e6
		}
		epoch[i], fraction[i] = s, int32(f*1000)
	}
}

func (b *column) bools(v *duck.Vector, lo, hi int) {
	values := duck.Values[uint8](v, hi)
	need := (b.rows + hi - lo + 7) / 8
	for len(b.values) < need {
		b.values = append(b.values, 0)
	}
	for i := lo; i < hi; i++ {
		if values[i] != 0 {
			at := b.rows + i - lo
			b.values[at/8] |= 1 << (at % 8)
		}
	}
}

func spread[T int8 | int16 | int32 | uint8 | uint16 | uint32](out []int64, v *duck.Vector, lo, hi int) {
	for i, x := range duck.Values[T](v, hi)[lo:] {
		out[i] = int64(x)
	}
}

// fixed gathers 8 bytes a value while all values of the batch fit, 16 from the first that does not.
func (b *column) fixed(v *duck.Vector, lo, hi int) {
	n := hi - lo
	var huge func(i int) duck.Huge
	switch v.Type.Physical {
	case duck.Int128:
		values := duck.Values[duck.Huge](v, hi)
		huge = func(i int) duck.Huge { return values[i] }
		if !b.rising {
			start := len(b.values)
			out := ints(grow(&b.values, 8*n))
			fit := true
			for i, x := range values[lo:hi] {
				out[i] = int64(x.Lower)
				fit = fit && (x.Upper == int64(x.Lower)>>63 || !v.Valid(lo+i))
			}
			if fit {
				return
			}
			b.values = b.values[:start]
			b.rise()
		}
	case duck.UInt64:
		values := duck.Values[uint64](v, hi)
		huge = func(i int) duck.Huge { return duck.Huge{Lower: values[i]} }
		if !b.rising {
			b.rise()
		}
	default:
		start := len(b.values)
		out := ints(grow(&b.values, 8*n))
		switch v.Type.Physical {
		case duck.Int8:
			spread[int8](out, v, lo, hi)
		case duck.Int16:
			spread[int16](out, v, lo, hi)
		case duck.Int32:
			spread[int32](out, v, lo, hi)
		case duck.UInt8:
			spread[uint8](out, v, lo, hi)
		case duck.UInt16:
			spread[uint16](out, v, lo, hi)
		case duck.UInt32:
			spread[uint32](out, v, lo, hi)
		default:
			copyRaw(b.values[start:], v, 8, lo)
		}
		return
	}
	out := grow(&b.values, 16*n)
	for i := range n {
		var x duck.Huge
		if v.Valid(lo + i) {
			x = huge(lo + i)
		}
		binary.LittleEndian.PutUint64(out[16*i:], x.Lower)
		binary.LittleEndian.PutUint64(out[16*i+8:], uint64(x.Upper))
	}
}

// rise turns the batch's 8-byte values into 16-byte ones.
func (b *column) rise() {
	narrow := b.values
	b.values = b.scratch[:0]
	b.scratch = nil
	out := grow(&b.values, 2*len(narrow))
	for i, x := range ints(narrow) {
		binary.LittleEndian.PutUint64(out[16*i:], uint64(x))
		binary.LittleEndian.PutUint64(out[16*i+8:], uint64(x>>63))
	}
	b.scratch = narrow
	b.rising = true
}

// settle brings the batch into the form that the column is written in and says whether that form has just changed. Once wide,
// a column stays wide.
func (b *column) settle() bool {
	if b.kind != result.Fixed {
		return false
	}
	if b.wide && !b.rising {
		b.rise()
	}
	changed := b.rising && !b.wide
	b.wide = b.rising
	return changed
}

func (b *column) field(c result.Column) arrow.Field { return Field(c, !b.wide) }

// data is the batch's rows as Arrow, over the column's own memory: it must be written before reset.
func (b *column) data(rows int) arrow.ArrayData {
	valid := (*memory.Buffer)(nil)
	if b.nulls > 0 {
		valid = memory.NewBufferBytes(b.valid)
	}
	buf := memory.NewBufferBytes
	flat := func(t arrow.DataType, values []byte) arrow.ArrayData {
		return array.NewData(t, rows, []*memory.Buffer{valid, buf(values)}, nil, b.nulls, 0)
	}
	f := b.field(result.Column{Type: b.typ})
	switch t := f.Type.(type) {
	case *arrow.StructType:
		parts := [][]byte{b.values, b.second, b.third}
		children := make([]arrow.ArrayData, t.NumFields())
		for i := range children {
			children[i] = flat(t.Field(i).Type, parts[i])
		}
		d := array.NewData(t, rows, []*memory.Buffer{valid}, children, b.nulls, 0)
		for _, c := range children {
			c.Release()
		}
		return d
	case *arrow.StringType, *arrow.BinaryType:
		offsets := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(b.offsets))), 4*len(b.offsets))
		return array.NewData(t, rows, []*memory.Buffer{valid, buf(offsets), buf(b.values)}, nil, b.nulls, 0)
	case *arrow.FixedSizeListType:
		child := array.NewData(t.Elem(), rows*b.typ.Length, []*memory.Buffer{nil, buf(b.values)}, nil, 0, 0)
		d := array.NewData(t, rows, []*memory.Buffer{valid}, []arrow.ArrayData{child}, b.nulls, 0)
		child.Release()
		return d
	default:
		return flat(t, b.values)
	}
}
