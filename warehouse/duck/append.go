package duck

import (
	"context"
	"fmt"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// ChunkRows is the number of rows of one chunk.
const ChunkRows = 2048

// Appender writes rows into a table, chunk by chunk: fill row Row of every column, call Next, at the end Close.
type Appender struct {
	Row     int // of the current chunk
	Columns []Vector

	c     *Conn
	ctx   context.Context
	a     duckdb.Appender
	types []Type
	chunk duckdb.DataChunk
}

// Append starts appending to a table. catalog and schema may be "temp" and "main" for a temporary table.
func (c *Conn) Append(ctx context.Context, catalog, schema, table string) (*Appender, error) {
	a := &Appender{c: c, ctx: ctx}
	if duckdb.AppenderCreateExt(c.c, catalog, schema, table, &a.a) == duckdb.StateError {
		err := a.err()
		duckdb.AppenderDestroy(&a.a)
		return nil, err
	}
	n := int(duckdb.AppenderColumnCount(a.a))
	logical := make([]duckdb.LogicalType, n)
	a.types, a.Columns = make([]Type, n), make([]Vector, n)
	for i := range n {
		logical[i] = duckdb.AppenderColumnType(a.a, duckdb.IdxT(i))
		a.types[i] = typeOf(logical[i])
	}
	a.chunk = duckdb.CreateDataChunk(logical)
	for i := range logical {
		duckdb.DestroyLogicalType(&logical[i])
	}
	a.reset()
	return a, nil
}

func (a *Appender) err() error {
	return decode(a.ctx, duckdb.ErrorTypeInvalid, duckdb.AppenderError(a.a))
}

func (a *Appender) reset() {
	duckdb.DataChunkReset(a.chunk)
	for i := range a.Columns {
		a.Columns[i].set(duckdb.DataChunkGetVector(a.chunk, duckdb.IdxT(i)), &a.types[i])
		a.Columns[i].writable()
	}
	a.Row = 0
}

func (v *Vector) writable() {
	duckdb.VectorEnsureValidityWritable(v.v)
	v.mask = duckdb.VectorGetValidity(v.v)
	for i := range v.Children {
		v.Children[i].writable()
	}
}

// Next ends the current row.
func (a *Appender) Next() error {
	a.Row++
	if a.Row < ChunkRows {
		return nil
	}
	return a.flush()
}

func (a *Appender) flush() error {
	if a.Row == 0 {
		return nil
	}
	duckdb.DataChunkSetSize(a.chunk, duckdb.IdxT(a.Row))
	if duckdb.AppendDataChunk(a.a, a.chunk) == duckdb.StateError {
		return a.err()
	}
	a.reset()
	if a.ctx.Err() != nil {
		return Ended(a.ctx)
	}
	return nil
}

// Close writes what is left and ends the appender. Free it after an error with Abort.
func (a *Appender) Close() error {
	err := a.flush()
	if err == nil && duckdb.AppenderClose(a.a) == duckdb.StateError {
		err = a.err()
	}
	a.Abort()
	return err
}

// Abort frees the appender; rows not yet written are lost.
func (a *Appender) Abort() {
	duckdb.DestroyDataChunk(&a.chunk)
	duckdb.AppenderDestroy(&a.a)
}

// SetNull makes row i NULL, its children with it.
func (v *Vector) SetNull(i int) {
	unsafe.Slice((*uint64)(v.mask), i/64+1)[i/64] &^= 1 << (i % 64)
	if v.Type.Physical == Struct {
		for c := range v.Children {
			v.Children[c].SetNull(i)
		}
	}
}

// SetInt sets row i of any integer vector.
func (v *Vector) SetInt(i int, x int64) {
	switch v.Type.Physical {
	case Bool, Int8, UInt8:
		at[int8](v, i, int8(x))
	case Int16, UInt16:
		at(v, i, int16(x))
	case Int32, UInt32:
		at(v, i, int32(x))
	case Int64, UInt64:
		at(v, i, x)
	case Int128:
		at(v, i, Huge{Lower: uint64(x), Upper: x >> 63})
	default:
		panic(fmt.Sprintf("duck: an integer into a vector of form %d", v.Type.Physical))
	}
}

// SetHuge sets row i of an Int128 vector.
func (v *Vector) SetHuge(i int, x Huge) { at(v, i, x) }

// SetDouble sets row i of a Double vector, SetFloat of a Float one.
func (v *Vector) SetDouble(i int, x float64) { at(v, i, x) }

// SetFloat sets row i of a Float vector.
func (v *Vector) SetFloat(i int, x float32) { at(v, i, x) }

// SetBytes sets row i of a VARCHAR or BLOB vector; a VARCHAR's must be UTF-8.
func (v *Vector) SetBytes(i int, b []byte) {
	if len(b) <= 12 { // inline: no call into C
		var s String
		s.n = uint32(len(b))
		copy(unsafe.Slice(&s.inline[0], 12), b)
		at(v, i, s)
		return
	}
	duckdb.UnsafeVectorAssignStringElementLen(v.v, duckdb.IdxT(i), b)
}

// SetString is SetBytes of a text.
func (v *Vector) SetString(i int, s string) {
	v.SetBytes(i, unsafe.Slice(unsafe.StringData(s), len(s)))
}

func at[T any](v *Vector, i int, x T) {
	*(*T)(unsafe.Add(v.Data, uintptr(i)*unsafe.Sizeof(x))) = x
}
