// Package sqlerr is Snowflake's error shape: a number, an SQLSTATE and a text. Every error that a user may see is one of
// these; anything else that reaches the wire is reported as an internal error (000603).
package sqlerr

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Error is one SQL error as the clients show it: "002003 (02000): SQL compilation error: …".
type Error struct {
	Code    int    // errno; the wire writes it with six digits
	State   string // SQLSTATE, five characters
	Message string
	Line    int // 1-based, 0 = unknown
	Pos     int // 0-based column, as Snowflake counts
	Err     error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause, for logs; it is never shown to a client.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error with a formatted text.
func New(code int, state, format string, args ...any) *Error {
	return &Error{Code: code, State: state, Message: fmt.Sprintf(format, args...)}
}

// As finds the Error in err's chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Is says whether err is a Snowflake error with this number.
func Is(err error, code int) bool {
	e, ok := As(err)
	return ok && e.Code == code
}

// Syntax is 001003: the text that Snowpark and the CLI look for.
func Syntax(line, pos int, unexpected string) *Error {
	e := New(1003, "42000", "SQL compilation error:\nsyntax error line %d at position %d unexpected '%s'.", line, pos, unexpected)
	e.Line, e.Pos = line, pos
	return e
}

// Compilation is a compile-time error with Snowflake's usual first line.
func Compilation(code int, state, format string, args ...any) *Error {
	return New(code, state, "SQL compilation error:\n"+format, args...)
}

// NotExist is 002003. kind is Snowflake's word: "Object", "Table", "Stage", "Schema", "Database", "Compute pool", …; clients test the number and the text.
func NotExist(kind, name string) *Error {
	state := "02000"
	if kind == "Object" || kind == "Table" || kind == "View" {
		state = "42S02"
	}
	return Compilation(2003, state, "%s '%s' does not exist or not authorized.", kind, strings.ToUpper(name))
}

// NotExistOrOperation is 002043, of USE and DROP and the like.
func NotExistOrOperation(kind, name string) *Error {
	return Compilation(2043, "02000", "Object does not exist, or operation cannot be performed.\n%s '%s'", kind, name)
}

// Exists is 002002.
func Exists(name string) *Error {
	return Compilation(2002, "42710", "Object '%s' already exists.", name)
}

// InvalidIdentifier is 000904; Snowpark looks for the text.
func InvalidIdentifier(name string, line, pos int) *Error {
	e := Compilation(904, "42000", "error line %d at position %d\ninvalid identifier '%s'", line, pos, name)
	e.Line, e.Pos = line, pos
	return e
}

// UnknownFunction is 002140; UnknownTableFunction 002143.
func UnknownFunction(name string) *Error {
	return Compilation(2140, "42601", "Unknown function %s", name)
}

// UnknownTableFunction is 002143: clients fall back to another way when they see it.
func UnknownTableFunction(name string) *Error {
	return Compilation(2143, "42601", "Unknown table function %s", name)
}

// Privilege is 003001. kind and name as in "schema 'PUBLIC'".
func Privilege(kind, name string) *Error {
	return New(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on %s '%s'", kind, name)
}

// Unsupported is 000002: a thing that Snowflake has and Firn does not, named.
func Unsupported(format string, args ...any) *Error {
	return New(2, "0A000", "Unsupported feature '%s'.", fmt.Sprintf(format, args...))
}

// Invalid is 001008: a bad value of an option or argument, named.
func Invalid(format string, args ...any) *Error {
	return Compilation(1008, "22023", format, args...)
}

// NoDatabase is 090105, NoSchema 090106: Snowpark and ML jobs test both.
func NoDatabase(operation string) *Error {
	return New(90105, "22000", "Cannot perform %s. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.", operation)
}

// NoSchema is 090106.
func NoSchema(operation string) *Error {
	return New(90106, "22000", "Cannot perform %s. This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name.", operation)
}

// Canceled is 000604.
func Canceled() *Error { return New(604, "57014", "SQL execution canceled") }

// DiskFull is 300006: the server's disk has no room. The cause is for the log.
func DiskFull(err error) *Error {
	return &Error{Code: 300006, State: "53100", Message: "The server's disk is full: nothing was written.", Err: err}
}

// Internal wraps an unexpected failure: the text is for people, the cause for the log. One that came of a full disk is DiskFull.
func Internal(err error) *Error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return DiskFull(err)
	}
	return &Error{Code: 603, State: "XX000", Message: "SQL execution internal error:\nProcessing aborted; the server's log has the reason.", Err: err}
}
