package duck

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"firn/sqlerr"
)

// Error is an error that DuckDB itself found and that has no word of Snowflake's: for the log, and for the callers that can
// do better than report it.
type Error struct {
	Text string
	// Unstarted: found while the statement was prepared, so the transaction lives on.
	Unstarted bool
	// Interrupted: DuckDB answered only that it was interrupted though nobody asked; run the statement again for its error.
	Interrupted bool
}

func (e *Error) Error() string { return "duckdb: " + e.Text }

// Unstarted says whether err left its transaction alive: nothing was run.
func Unstarted(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Unstarted
}

// Interrupted says that err hides another error.
func Interrupted(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Interrupted
}

// Gone says that err names a table or column that no longer is what the statement was made for.
func Gone(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Unstarted && (strings.Contains(e.Text, "does not exist") || strings.Contains(e.Text, "not found in FROM") || strings.Contains(e.Text, "does not have a column"))
}

// Conflict says that two transactions wrote the same rows.
func Conflict(err error) bool {
	return sqlerr.Is(err, codeConflict)
}

const codeConflict = 625

func decodeUnstarted(text string) error {
	if err := marked(text); err != nil {
		return &unstarted{err}
	}
	return &Error{Text: text, Unstarted: true}
}

// unstarted is a Snowflake error raised while DuckDB folded constants: the transaction lives.
type unstarted struct{ err *sqlerr.Error }

func (u *unstarted) Error() string { return u.err.Error() }
func (u *unstarted) Unwrap() []error {
	return []error{u.err, &Error{Text: u.err.Message, Unstarted: true}}
}

// marked finds an error of our functions, "firn:<code>:<sqlstate>:<text>", anywhere in DuckDB's text: a stream wraps it in
// words of its own and changes its type.
func marked(text string) *sqlerr.Error {
	for {
		i := strings.Index(text, "firn:")
		if i < 0 {
			return nil
		}
		text = text[i+len("firn:"):]
		code, rest, ok := strings.Cut(text, ":")
		if !ok {
			return nil
		}
		n, err := strconv.Atoi(code)
		state, message, ok := strings.Cut(rest, ":")
		if err != nil || !ok || len(state) != 5 {
			continue
		}
		if j := strings.Index(message, "\n\nLINE "); j >= 0 {
			message = message[:j]
		}
		return &sqlerr.Error{Code: n, State: state, Message: message}
	}
}

// decode turns an error of a running statement into Snowflake's.
func decode(ctx context.Context, kind duckdb.ErrorType, text string) error {
	if e := marked(text); e != nil {
		return e
	}
	if ctx.Err() != nil {
		return Ended(ctx)
	}
	has := func(s string) bool { return strings.Contains(text, s) }
	cause := &Error{Text: text}
	wrap := func(code int, state, format string, args ...any) error {
		e := sqlerr.New(code, state, format, args...)
		e.Err = cause
		return e
	}
	switch {
	case has("NOT NULL constraint failed"):
		return wrap(100072, "22000", "NULL result in a non-nullable column")
	case has("More than one row returned by a subquery"):
		return wrap(90150, "22000", "Single-row subquery returns more than one row.")
	case has("Conflict on ") || has("Catalog write-write conflict") || has("TransactionContext Error: Conflict") || has("write-write conflict"):
		return wrap(codeConflict, "57014", "The statement conflicts with another transaction that changed the same object. Roll back and try again.")
	case kind == duckdb.ErrorTypeInterrupt || has("INTERRUPT Error"):
		cause.Interrupted = true
		return cause
	case kind == duckdb.ErrorTypeOutOfMemory || has("Out of Memory Error"):
		return wrap(300005, "53200", "The statement needs more memory than the server may use.")
	case has("No space left on device") || has("Could not write"):
		return wrap(300006, "53100", "The server's disk is full: nothing was written.")
	case kind == duckdb.ErrorTypeOutOfRange || strings.HasPrefix(text, "Out of Range Error"):
		return wrap(100039, "22003", "Numeric value is out of range: %s", first(text))
	case kind == duckdb.ErrorTypeConversion || strings.HasPrefix(text, "Conversion Error"):
		return wrap(100038, "22018", "%s", first(text))
	case kind == duckdb.ErrorTypeCatalog || kind == duckdb.ErrorTypeBinder || kind == duckdb.ErrorTypeParser:
		cause.Unstarted = true
		return cause
	}
	return cause
}

// Ended is the error of a statement whose context has ended: the cause, where that is Snowflake's (a time limit), else 000604.
func Ended(ctx context.Context) error {
	if e, ok := sqlerr.As(context.Cause(ctx)); ok {
		return e
	}
	return sqlerr.Canceled()
}

// first is the first line of DuckDB's text without its kind.
func first(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if _, rest, ok := strings.Cut(text, "Error: "); ok {
		return rest
	}
	return text
}

// Wrap names where an error of DuckDB arose, leaving Snowflake's alone.
func Wrap(err error, where string) error {
	if _, ok := sqlerr.As(err); ok || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", where, err)
}
