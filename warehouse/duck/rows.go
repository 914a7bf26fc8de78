package duck

import (
	"context"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Physical is how a vector's values lie in memory.
type Physical uint8

// The physical forms that this project uses; Other for the rest, which are refused.
const (
	Other  Physical = iota
	Bool            // uint8
	Int8            // int8
	Int16           // int16
	Int32           // int32; dates as days
	Int64           // int64; times and timestamps in µs
	Int128          // lower uint64, upper int64
	UInt8           //
	UInt16          //
	UInt32          //
	UInt64          //
	Float           // float32
	Double          // float64
	Bytes           // String: VARCHAR and BLOB
	Struct          // children
	Array           // one child of Size × rows
	List            // {offset, length uint64}, one child
)

// Type is a column's type as DuckDB has it. Scale is of decimals; ID is duckdb's number of the logical type.
type Type struct {
	Physical Physical
	ID       duckdb.Type
	Width    int // of decimals
	Scale    int
	Size     int // of arrays
	Children []Type
	Names    []string // of a struct's fields
}

var physicals = map[duckdb.Type]Physical{
	duckdb.TypeBoolean: Bool, duckdb.TypeTinyInt: Int8, duckdb.TypeSmallInt: Int16, duckdb.TypeInteger: Int32, duckdb.TypeBigInt: Int64,
	duckdb.TypeUTinyInt: UInt8, duckdb.TypeUSmallInt: UInt16, duckdb.TypeUInteger: UInt32, duckdb.TypeUBigInt: UInt64,
	duckdb.TypeHugeInt: Int128, duckdb.TypeFloat: Float, duckdb.TypeDouble: Double, duckdb.TypeDate: Int32, duckdb.TypeTime: Int64,
	duckdb.TypeTimestamp: Int64, duckdb.TypeTimestampTZ: Int64, duckdb.TypeTimestampS: Int64, duckdb.TypeTimestampMS: Int64, duckdb.TypeTimestampNS: Int64,
	duckdb.TypeVarchar: Bytes, duckdb.TypeBlob: Bytes, duckdb.TypeSQLNull: Int32,
}

func typeOf(l duckdb.LogicalType) Type {
	t := Type{ID: duckdb.GetTypeId(l)}
	switch t.ID {
	case duckdb.TypeDecimal:
		t.Width, t.Scale = int(duckdb.DecimalWidth(l)), int(duckdb.DecimalScale(l))
		t.Physical = physicals[duckdb.DecimalInternalType(l)]
	case duckdb.TypeStruct:
		t.Physical = Struct
		for i := range duckdb.StructTypeChildCount(l) {
			c := duckdb.StructTypeChildType(l, i)
			t.Children = append(t.Children, typeOf(c))
			t.Names = append(t.Names, duckdb.StructTypeChildName(l, i))
			duckdb.DestroyLogicalType(&c)
		}
	case duckdb.TypeArray:
		t.Physical, t.Size = Array, int(duckdb.ArrayTypeArraySize(l))
		c := duckdb.ArrayTypeChildType(l)
		t.Children = []Type{typeOf(c)}
		duckdb.DestroyLogicalType(&c)
	case duckdb.TypeList:
		t.Physical = List
		c := duckdb.ListTypeChildType(l)
		t.Children = []Type{typeOf(c)}
		duckdb.DestroyLogicalType(&c)
	default:
		t.Physical = physicals[t.ID]
	}
	return t
}

// Rows is a result being read.
type Rows struct {
	Names []string
	Types []Type

	ctx   context.Context
	c     *Conn
	p     duckdb.PreparedStatement
	r     duckdb.Result
	chunk duckdb.DataChunk
	cur   Chunk
}

func (r *Rows) describe() {
	n := duckdb.ColumnCount(&r.r)
	r.Names, r.Types = make([]string, n), make([]Type, n)
	for i := range n {
		r.Names[i] = duckdb.ColumnName(&r.r, i)
		l := duckdb.ColumnLogicalType(&r.r, i)
		r.Types[i] = typeOf(l)
		duckdb.DestroyLogicalType(&l)
	}
	r.cur.Columns = make([]Vector, n)
}

// Next gives the next rows, nil after the last. The chunk is valid until the next call or Close.
func (r *Rows) Next() (*Chunk, error) {
	duckdb.DestroyDataChunk(&r.chunk)
	r.c.interruptible(r.ctx, func() { r.chunk = duckdb.FetchChunk(r.r) })
	if r.chunk.Ptr == nil {
		if text := duckdb.ResultError(&r.r); text != "" {
			return nil, decode(r.ctx, duckdb.ResultErrorType(&r.r), text)
		}
		return nil, nil
	}
	r.cur.Size = int(duckdb.DataChunkGetSize(r.chunk))
	if r.cur.Size == 0 {
		return nil, nil
	}
	for i := range r.cur.Columns {
		r.cur.Columns[i].set(duckdb.DataChunkGetVector(r.chunk, duckdb.IdxT(i)), &r.Types[i])
	}
	return &r.cur, nil
}

// Close ends the result.
func (r *Rows) Close() {
	duckdb.DestroyDataChunk(&r.chunk)
	duckdb.DestroyResult(&r.r)
	duckdb.DestroyPrepare(&r.p)
}

// Chunk is up to 2,048 rows, by column.
type Chunk struct {
	Size    int
	Columns []Vector
}

// Vector is one column of a chunk, in DuckDB's own memory.
type Vector struct {
	Type     *Type
	Data     unsafe.Pointer
	Children []Vector

	mask unsafe.Pointer // of 64-bit words; nil: all valid
	v    duckdb.Vector
}

func (v *Vector) set(raw duckdb.Vector, t *Type) {
	v.v, v.Type = raw, t
	v.Data = duckdb.VectorGetData(raw)
	v.mask = duckdb.VectorGetValidity(raw)
	switch t.Physical {
	case Struct:
		if v.Children == nil {
			v.Children = make([]Vector, len(t.Children))
		}
		for i := range t.Children {
			v.Children[i].set(duckdb.StructVectorGetChild(raw, duckdb.IdxT(i)), &t.Children[i])
		}
	case Array:
		if v.Children == nil {
			v.Children = make([]Vector, 1)
		}
		v.Children[0].set(duckdb.ArrayVectorGetChild(raw), &t.Children[0])
	case List:
		if v.Children == nil {
			v.Children = make([]Vector, 1)
		}
		v.Children[0].set(duckdb.ListVectorGetChild(raw), &t.Children[0])
	}
}

// Valid says whether row i is not NULL.
func (v *Vector) Valid(i int) bool {
	if v.mask == nil {
		return true
	}
	return unsafe.Slice((*uint64)(v.mask), i/64+1)[i/64]>>(i%64)&1 == 1
}

// Mask is the validity of rows 0..n-1, one bit a row from the lowest; nil: all are valid.
func (v *Vector) Mask(n int) []uint64 {
	if v.mask == nil {
		return nil
	}
	return unsafe.Slice((*uint64)(v.mask), (n+63)/64)
}

// Values is v's memory as n values of T, which must be the type's physical form.
func Values[T any](v *Vector, n int) []T { return unsafe.Slice((*T)(v.Data), n) }

// Huge is a 128-bit integer.
type Huge struct {
	Lower uint64
	Upper int64
}

// String is a text or blob inside a vector: 12 bytes inline or a pointer.
type String struct {
	n      uint32
	inline [4]byte
	ptr    unsafe.Pointer
}

// Len is the length in bytes.
func (s *String) Len() int { return int(s.n) }

// Bytes is the content, valid as long as the chunk is.
func (s *String) Bytes() []byte {
	if s.n <= 12 {
		return unsafe.Slice(&s.inline[0], s.n)
	}
	return unsafe.Slice((*byte)(s.ptr), s.n)
}

// Name is the family of the type: BOOLEAN, INTEGER (all widths), DECIMAL, FLOAT (both widths), VARCHAR, BLOB, DATE, TIME,
// TIMESTAMP (without zone, all units), TIMESTAMPTZ, LIST (and array), STRUCT (and map); "" for others.
func (t *Type) Name() string {
	switch t.ID {
	case duckdb.TypeBoolean:
		return "BOOLEAN"
	case duckdb.TypeTinyInt, duckdb.TypeSmallInt, duckdb.TypeInteger, duckdb.TypeBigInt, duckdb.TypeHugeInt,
		duckdb.TypeUTinyInt, duckdb.TypeUSmallInt, duckdb.TypeUInteger, duckdb.TypeUBigInt:
		return "INTEGER"
	case duckdb.TypeDecimal:
		return "DECIMAL"
	case duckdb.TypeFloat, duckdb.TypeDouble:
		return "FLOAT"
	case duckdb.TypeVarchar:
		return "VARCHAR"
	case duckdb.TypeBlob:
		return "BLOB"
	case duckdb.TypeDate:
		return "DATE"
	case duckdb.TypeTime, duckdb.TypeTimeNS:
		return "TIME"
	case duckdb.TypeTimestamp, duckdb.TypeTimestampS, duckdb.TypeTimestampMS, duckdb.TypeTimestampNS:
		return "TIMESTAMP"
	case duckdb.TypeTimestampTZ:
		return "TIMESTAMPTZ"
	case duckdb.TypeList, duckdb.TypeArray:
		return "LIST"
	case duckdb.TypeStruct, duckdb.TypeMap:
		return "STRUCT"
	}
	return ""
}
