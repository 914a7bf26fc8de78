package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"firn/sql"
	"firn/sqlerr"
)

// bind fills in the names and texts that the statement takes from binds and session variables. Values in expressions stay
// placeholders: who carries the statement out reads them from its Context.
func (u *run) bind(p *sql.Parsed) error {
	if p.Params > len(u.sc.Binds) && !u.r.Describe {
		return notSet(len(u.sc.Binds) + 1)
	}
	err := p.Bind(func(param int, variable string) (string, bool, error) {
		if param == 0 {
			v, ok := u.sc.Variables[strings.ToUpper(variable)]
			if !ok {
				return "", false, noVariable(variable)
			}
			if raw, ok := v.(json.RawMessage); ok {
				v = string(raw)
			}
			if v == nil {
				return "", true, nil
			}
			return fmt.Sprint(v), false, nil
		}
		if param > len(u.sc.Binds) {
			return "", false, notSet(param)
		}
		b := u.sc.Binds[param-1]
		if b.Values != nil {
			if len(b.Values) != 1 {
				return "", false, sqlerr.Unsupported("a list bound to a name or an option")
			}
			b.Value = b.Values[0]
		}
		if b.Value == nil {
			return "", true, nil
		}
		return *b.Value, false, nil
	})
	var bad *sql.BindError
	if errors.As(err, &bad) {
		if bad.What == "identifier" {
			return sqlerr.InvalidIdentifier(bad.Value, bad.Pos.Line, bad.Pos.Col)
		}
		return sqlerr.Invalid("invalid %s '%s'", bad.What, bad.Value)
	}
	return err
}

func notSet(n int) error {
	return sqlerr.Compilation(2049, "42601", "Bind variable :%d not set.", n)
}
