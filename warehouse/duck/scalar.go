package duck

/*
#include <stdlib.h>

void firnDuckScalar(void *info, void *chunk, void *out);
void firnDuckFree(void *handle);
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Scalar registers a volatile function of one BIGINT that gives a BIGINT: f fills out for n equal or unequal arguments. It may
// be called from several threads at once.
func (c *Conn) Scalar(name string, f func(args []int64, out []int64) error) error {
	fn := duckdb.CreateScalarFunction()
	defer duckdb.DestroyScalarFunction(&fn)
	duckdb.ScalarFunctionSetName(fn, name)
	t := duckdb.CreateLogicalType(duckdb.TypeBigInt)
	defer duckdb.DestroyLogicalType(&t)
	duckdb.ScalarFunctionAddParameter(fn, t)
	duckdb.ScalarFunctionSetReturnType(fn, t)
	duckdb.ScalarFunctionSetVolatile(fn)
	// The handle lies in C's memory: as a pointer itself it would be none that Go's stacks may hold.
	h := C.malloc(C.size_t(unsafe.Sizeof(cgo.Handle(0))))
	*(*cgo.Handle)(h) = cgo.NewHandle(f)
	duckdb.ScalarFunctionSetExtraInfo(fn, h, unsafe.Pointer(C.firnDuckFree))
	duckdb.ScalarFunctionSetFunction(fn, unsafe.Pointer(C.firnDuckScalar))
	if duckdb.RegisterScalarFunction(c.c, fn) == duckdb.StateError {
		return fmt.Errorf("duck: cannot register function %s", name)
	}
	return nil
}

//export firnDuckScalar
func firnDuckScalar(info, chunk, out unsafe.Pointer) {
	i := duckdb.FunctionInfo{Ptr: info}
	defer func() {
		if r := recover(); r != nil { // a panic in a callback would end the process
			duckdb.ScalarFunctionSetError(i, fmt.Sprint("panic: ", r))
		}
	}()
	f := (*(*cgo.Handle)(duckdb.ScalarFunctionGetExtraInfo(i))).Value().(func([]int64, []int64) error)
	c := duckdb.DataChunk{Ptr: chunk}
	n := int(duckdb.DataChunkGetSize(c))
	args := unsafe.Slice((*int64)(duckdb.VectorGetData(duckdb.DataChunkGetVector(c, 0))), n)
	if err := f(args, unsafe.Slice((*int64)(duckdb.VectorGetData(duckdb.Vector{Ptr: out})), n)); err != nil {
		duckdb.ScalarFunctionSetError(i, err.Error())
	}
}

//export firnDuckFree
func firnDuckFree(h unsafe.Pointer) {
	(*(*cgo.Handle)(h)).Delete()
	C.free(h)
}
