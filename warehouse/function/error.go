package function

import (
	"strconv"
	"strings"

	"firn/sqlerr"
)

// Error is DuckDB's error text as Snowflake's error: our functions' marker anywhere in it (a stream may put it behind other
// words), else the few texts of DuckDB's own that have a counterpart. ok is false for anything else: an internal error.
func Error(text string) (err *sqlerr.Error, ok bool) {
	if i := strings.Index(text, "firn:"); i >= 0 {
		rest := text[i+len("firn:"):]
		code, rest, ok1 := strings.Cut(rest, ":")
		state, message, ok2 := strings.Cut(rest, ":")
		n, err := strconv.Atoi(code)
		if ok1 && ok2 && err == nil && len(state) == 5 {
			// DuckDB adds hints after a blank line.
			if j := strings.Index(message, "\n\nLINE "); j >= 0 {
				message = message[:j]
			}
			return sqlerr.New(n, state, "%s", message), true
		}
	}
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("NOT NULL constraint failed"):
		col := text[strings.LastIndex(text, ".")+1:]
		col, _, _ = strings.Cut(col, "\n")
		return sqlerr.New(100072, "22000", "NULL result in a non-nullable column: %s", strings.TrimSpace(col)), true
	case has("More than one row returned by a subquery"):
		return sqlerr.New(90150, "22000", "Single-row subquery returns more than one row."), true
	case has("Casting value \"") && has("DECIMAL"), has("Could not cast value") && has("DECIMAL"), has("Overflow in "), has("out of range"), has("Out of Range Error"):
		value := ""
		if i := strings.Index(text, "value \""); i >= 0 {
			value, _, _ = strings.Cut(text[i+7:], "\"")
		} else if i := strings.Index(text, "value "); i >= 0 {
			value, _, _ = strings.Cut(text[i+6:], " ")
		}
		return sqlerr.New(100039, "22003", "Numeric value '%s' is out of range", value), true
	}
	return nil, false
}
