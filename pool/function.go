package pool

import (
	"context"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// Functions are what SQL can call of this room.
func (r *Room) Functions() []statement.Function {
	const name = "SYSTEM$GET_COMPUTE_POOL_STATUS"
	columns := []result.Column{result.TextColumn(name)}
	return []statement.Function{{Name: name, Scalar: true, Procedure: true, Columns: columns, Call: func(_ context.Context, _ *statement.Context, a statement.Args) (*result.Result, error) {
		n, err := sql.ParseName(a.String(0))
		if err != nil {
			return nil, sqlerr.Invalid("Invalid compute pool name '%s'.", a.String(0))
		}
		pool, err := Name(n)
		if err != nil {
			return nil, err
		}
		text, err := r.Status(pool)
		if err != nil {
			return nil, err
		}
		return &result.Result{Columns: columns, Rows: [][]any{{text}}, Type: result.TypeCall}, nil
	}}}
}
