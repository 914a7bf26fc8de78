package function

import (
	"unsafe"

	"firn/warehouse/function/convert"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// chunk is one call: up to 2,048 rows of arguments, flat, and the result's vector.
type chunk struct {
	spec  *spec
	input duckdb.DataChunk
	n     int
	out   vector
	in    [8]vector
	more  []vector // arguments beyond the array
	skip  []bool   // rows with a NULL argument; nil: none
	buf   []byte
	args  int
}

// vector is a vector's memory.
type vector struct {
	v        duckdb.Vector
	data     unsafe.Pointer
	validity unsafe.Pointer // nil: every row is valid
	kind     kind
	typ      duckdb.Type // of ANY arguments and decimals: how it is stored
	scale    int
}

func (v *vector) open(d duckdb.Vector) {
	v.v = d
	v.data = duckdb.VectorGetData(d)
	v.validity = duckdb.VectorGetValidity(d)
}

// describe reads the type of an ANY argument.
func (v *vector) describe() {
	t := duckdb.VectorGetColumnType(v.v)
	v.typ = duckdb.GetTypeId(t)
	if v.typ == duckdb.TypeDecimal {
		v.scale = int(duckdb.DecimalScale(t))
		v.typ = duckdb.DecimalInternalType(t)
	}
	duckdb.DestroyLogicalType(&t)
}

func (v *vector) valid(i int) bool {
	if v.validity == nil {
		return true
	}
	word := *(*uint64)(unsafe.Add(v.validity, i/64*8))
	return word&(1<<(i%64)) != 0
}

func (c *chunk) start() error {
	n := int(duckdb.DataChunkGetColumnCount(c.input))
	c.args = n
	if n > len(c.in) {
		c.more = make([]vector, n-len(c.in))
	}
	for i := range n {
		v := c.arg(i)
		v.open(duckdb.DataChunkGetVector(c.input, duckdb.IdxT(i)))
		if i < len(c.spec.args) {
			v.kind = c.spec.args[i]
		} else {
			v.kind = c.spec.rest
		}
		if v.kind == anyKind {
			v.describe()
		}
		if c.spec.nulls || v.validity == nil {
			continue
		}
		for r := range c.n {
			if !v.valid(r) {
				if c.skip == nil {
					c.skip = make([]bool, c.n)
				}
				if !c.skip[r] {
					c.skip[r] = true
					c.null(r)
				}
			}
		}
	}
	return nil
}

func (c *chunk) arg(i int) *vector {
	if i < len(c.in) {
		return &c.in[i]
	}
	return &c.more[i-len(c.in)]
}

// null makes a row of the result NULL.
func (c *chunk) null(i int) { c.out.setNull(i) }

func (v *vector) setNull(i int) {
	if v.validity == nil {
		duckdb.VectorEnsureValidityWritable(v.v)
		v.validity = duckdb.VectorGetValidity(v.v)
	}
	p := (*uint64)(unsafe.Add(v.validity, i/64*8))
	*p &^= 1 << (i % 64)
	if v.kind == tzKind {
		// A NULL struct's children are NULL too.
		for k := range 2 {
			child := vector{v: duckdb.StructVectorGetChild(v.v, duckdb.IdxT(k))}
			child.setNull(i)
		}
	}
}

// rows calls f for every row without a NULL argument.
func (c *chunk) rows(f func(i int) error) error {
	for i := range c.n {
		if c.skip != nil && c.skip[i] {
			continue
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

func at[T any](v *vector, i int) *T {
	var z T
	return (*T)(unsafe.Add(v.data, uintptr(i)*unsafe.Sizeof(z)))
}

func (v *vector) int64(i int) int64   { return *at[int64](v, i) }
func (v *vector) float(i int) float64 { return *at[float64](v, i) }
func (v *vector) bool(i int) bool     { return *at[bool](v, i) }
func (v *vector) date(i int) int32    { return *at[int32](v, i) }

// stringT is DuckDB's string_t: the length, then the bytes where they are 12 at most, else four of them and a pointer.
type stringT struct {
	length uint32
	prefix [4]byte
	ptr    unsafe.Pointer
}

// bytes is a text's or BLOB's own memory: valid during the call, never to be written.
func (v *vector) bytes(i int) []byte {
	s := at[stringT](v, i)
	if s.length <= 12 {
		return unsafe.Slice((*byte)(unsafe.Pointer(&s.prefix)), int(s.length))
	}
	return unsafe.Slice((*byte)(s.ptr), int(s.length))
}

// text is bytes as a string that lives during the call.
func (v *vector) text(i int) string {
	b := v.bytes(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// setBytes writes a text or a BLOB.
func (v *vector) setBytes(i int, b []byte) {
	if len(b) <= 12 {
		s := at[stringT](v, i)
		*s = stringT{length: uint32(len(b))}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&s.prefix)), 12), b)
		return
	}
	duckdb.UnsafeVectorAssignStringElementLen(v.v, duckdb.IdxT(i), b)
}

func (v *vector) setText(i int, s string) {
	v.setBytes(i, unsafe.Slice(unsafe.StringData(s), len(s)))
}

// decimal reads an exact number of any stored width, and integers.
func (v *vector) decimal(i int) convert.Int128 {
	if v.kind >= decimal0 {
		return *at[convert.Int128](v, i)
	}
	switch v.typ {
	case duckdb.TypeHugeInt:
		return *at[convert.Int128](v, i)
	case duckdb.TypeBigInt:
		return convert.FromInt64(*at[int64](v, i))
	case duckdb.TypeInteger:
		return convert.FromInt64(int64(*at[int32](v, i)))
	case duckdb.TypeSmallInt:
		return convert.FromInt64(int64(*at[int16](v, i)))
	case duckdb.TypeTinyInt:
		return convert.FromInt64(int64(*at[int8](v, i)))
	}
	return convert.Int128{}
}

func (v *vector) numeric() bool {
	switch v.typ {
	case duckdb.TypeHugeInt, duckdb.TypeBigInt, duckdb.TypeInteger, duckdb.TypeSmallInt, duckdb.TypeTinyInt:
		return true
	}
	return v.kind >= decimal0
}

// child is a struct's field.
func (v *vector) child(i int, k kind) vector {
	var c vector
	c.open(duckdb.StructVectorGetChild(v.v, duckdb.IdxT(i)))
	c.kind = k
	return c
}

type listEntry struct{ offset, length uint64 }

func (v *vector) list(i int) listEntry { return *at[listEntry](v, i) }

func (v *vector) elements(k kind) vector {
	var c vector
	c.open(duckdb.ListVectorGetChild(v.v))
	c.kind = k
	return c
}
