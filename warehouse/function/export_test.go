package function

import duckdb "github.com/duckdb/duckdb-go-bindings"

// TextCell is row i of a VARCHAR or BLOB vector as a Go string of its own.
func TextCell(v duckdb.Vector, i int) string {
	var x vector
	x.open(v)
	return string(x.bytes(i))
}
