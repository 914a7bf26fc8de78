// Package nsboot holds what must happen before the Go runtime has threads, as C constructors: the instance's pid 1 and
// the warm child's reaper (these never start Go and cost 0.1 MB each), and, for a server without root, entering the user
// namespace that it and all its shims and warm parents live in.
package nsboot

// #cgo CFLAGS: -O2 -Wall
import "C"

// Names that this package's C code and its callers agree on.
const (
	// Init is where the shim's own program lies inside a sandbox; run by this name it is pid 1 or a reaper.
	Init = "/.firn/init"
	// EnterEnv makes a program that is not root enter a user namespace before Go starts: "new", or the path of one to join
	// (if that is gone: a new one).
	EnterEnv = "FIRN_ENTER_USERNS"
)

// EndSize is the size of the message by which a reaper tells the shim how the payload ended: wait status (int32), four
// bytes unused, CPU time in microseconds and the largest resident set in KiB (int64 each), in native order.
const EndSize = 24
