// Package function holds what Firn adds to DuckDB where DuckDB's meaning is not Snowflake's: scalar functions in Go over a
// chunk's own memory (names sf_… and, for the VARIANT encoding, v_…). DESIGN.md says how they are called and how a VARIANT
// is written.
package function

/*
#include <stdlib.h>
#include <stdint.h>
extern void firn_scalar(void *info, void *input, void *output);
extern void firn_free(void *p);
static void *firn_scalar_ptr(void) { return (void*)firn_scalar; }
static void *firn_free_ptr(void) { return (void*)firn_free; }
static void *firn_index(int64_t i) { int64_t *p = malloc(sizeof *p); *p = i; return p; }
*/
import "C"

import (
	"fmt"
	"unsafe"

	"firn/sqlerr"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// kind is a parameter's or result's DuckDB type.
type kind uint8

const (
	anyKind kind = iota
	boolKind
	smallKind
	bigKind
	doubleKind
	textKind
	blobKind
	dateKind
	timeKind
	stampKind
	tzKind    // STRUCT(t TIMESTAMP, o SMALLINT)
	texts     // VARCHAR[]
	blobs     // BLOB[]
	floats    // FLOAT[]
	flatKind  // LIST(STRUCT(…)) of FLATTEN
	splitKind // LIST(STRUCT(index, value)) of SPLIT_TO_TABLE
	decimal0  // DECIMAL(38,s) is decimal0 + s
)

const lastDecimal = decimal0 + 37

// spec is one registered function.
type spec struct {
	name     string
	args     []kind
	rest     kind // of further arguments, where variadic
	variadic bool
	ret      kind
	volatile bool
	nulls    bool // it sees NULLs itself; others give NULL for a NULL
	run      func(c *chunk) error
}

// logical makes the DuckDB type of a kind; the caller destroys it.
func logical(k kind) duckdb.LogicalType {
	simple := func(t duckdb.Type) duckdb.LogicalType { return duckdb.CreateLogicalType(t) }
	list := func(child duckdb.LogicalType) duckdb.LogicalType {
		l := duckdb.CreateListType(child)
		duckdb.DestroyLogicalType(&child)
		return l
	}
	structOf := func(names []string, kinds []kind) duckdb.LogicalType {
		types := make([]duckdb.LogicalType, len(kinds))
		for i, k := range kinds {
			types[i] = logical(k)
		}
		s := duckdb.CreateStructType(types, names)
		for i := range types {
			duckdb.DestroyLogicalType(&types[i])
		}
		return s
	}
	switch k {
	case boolKind:
		return simple(duckdb.TypeBoolean)
	case smallKind:
		return simple(duckdb.TypeSmallInt)
	case bigKind:
		return simple(duckdb.TypeBigInt)
	case doubleKind:
		return simple(duckdb.TypeDouble)
	case textKind:
		return simple(duckdb.TypeVarchar)
	case blobKind:
		return simple(duckdb.TypeBlob)
	case dateKind:
		return simple(duckdb.TypeDate)
	case timeKind:
		return simple(duckdb.TypeTime)
	case stampKind:
		return simple(duckdb.TypeTimestamp)
	case tzKind:
		return structOf([]string{"t", "o"}, []kind{stampKind, smallKind})
	case texts:
		return list(simple(duckdb.TypeVarchar))
	case blobs:
		return list(simple(duckdb.TypeBlob))
	case floats:
		return list(simple(duckdb.TypeFloat))
	case flatKind:
		return list(structOf(flatNames, flatKinds))
	case splitKind:
		return list(structOf([]string{"index", "value"}, []kind{decimal0, textKind}))
	}
	if k >= decimal0 {
		return duckdb.CreateDecimalType(38, uint8(k-decimal0))
	}
	return simple(duckdb.TypeAny)
}

var (
	flatNames = []string{"key", "path", "index", "value", "this"}
	flatKinds = []kind{textKind, textKind, decimal0, blobKind, blobKind}
)

// Register adds every function to the instance that conn belongs to: once an instance, before its first statement.
func Register(conn duckdb.Connection) error {
	// Functions of one name are registered as one set.
	for i := 0; i < len(specs); {
		j := i + 1
		for j < len(specs) && specs[j].name == specs[i].name {
			j++
		}
		if err := registerSet(conn, i, j); err != nil {
			return err
		}
		i = j
	}
	return nil
}

func registerSet(conn duckdb.Connection, from, to int) error {
	set := duckdb.CreateScalarFunctionSet(specs[from].name)
	defer duckdb.DestroyScalarFunctionSet(&set)
	for i := from; i < to; i++ {
		s := &specs[i]
		f := duckdb.CreateScalarFunction()
		duckdb.ScalarFunctionSetName(f, s.name)
		for _, k := range s.args {
			t := logical(k)
			duckdb.ScalarFunctionAddParameter(f, t)
			duckdb.DestroyLogicalType(&t)
		}
		if s.variadic {
			t := logical(s.rest)
			duckdb.ScalarFunctionSetVarargs(f, t)
			duckdb.DestroyLogicalType(&t)
		}
		t := logical(s.ret)
		duckdb.ScalarFunctionSetReturnType(f, t)
		duckdb.DestroyLogicalType(&t)
		if s.volatile {
			duckdb.ScalarFunctionSetVolatile(f)
		}
		// All see NULLs: rows with one are skipped here, and so without a second pass in DuckDB.
		duckdb.ScalarFunctionSetSpecialHandling(f)
		duckdb.ScalarFunctionSetExtraInfo(f, C.firn_index(C.int64_t(i)), C.firn_free_ptr())
		duckdb.ScalarFunctionSetFunction(f, C.firn_scalar_ptr())
		state := duckdb.AddScalarFunctionToSet(set, f)
		duckdb.DestroyScalarFunction(&f)
		if state == duckdb.StateError {
			return fmt.Errorf("function %s: two of one signature", s.name)
		}
	}
	if duckdb.RegisterScalarFunctionSet(conn, set) == duckdb.StateError {
		return fmt.Errorf("function %s: DuckDB refused it", specs[from].name)
	}
	return nil
}

//export firn_free
func firn_free(p unsafe.Pointer) { C.free(p) }

//export firn_scalar
func firn_scalar(infoPtr, inputPtr, outputPtr unsafe.Pointer) {
	info := duckdb.FunctionInfo{Ptr: infoPtr}
	// A panic in a callback would end the process.
	defer func() {
		if p := recover(); p != nil {
			duckdb.ScalarFunctionSetError(info, fmt.Sprintf("firn:603:XX000:SQL execution internal error: %v", p))
		}
	}()
	s := &specs[*(*int64)(duckdb.ScalarFunctionGetExtraInfo(info))]
	c := chunk{spec: s, input: duckdb.DataChunk{Ptr: inputPtr}}
	c.n = int(duckdb.DataChunkGetSize(c.input))
	c.out.open(duckdb.Vector{Ptr: outputPtr})
	c.out.kind = s.ret
	if err := c.start(); err == nil {
		err = s.run(&c)
		if err != nil {
			duckdb.ScalarFunctionSetError(info, Marker(err))
		}
	} else {
		duckdb.ScalarFunctionSetError(info, Marker(err))
	}
}

// Marker is an error as our functions raise it through DuckDB: firn:<code>:<sqlstate>:<text>.
func Marker(err error) string {
	if e, ok := sqlerr.As(err); ok {
		return fmt.Sprintf("firn:%d:%s:%s", e.Code, e.State, e.Message)
	}
	return "firn:603:XX000:" + err.Error()
}
