package warehouse

import (
	"context"

	"firn/sql"
	"firn/statement"
	"firn/warehouse/bind"
)

// Evaluate computes an expression without a table: an argument of CALL, a value of SET. The value is one of statement.Args's.
func (w *Warehouse) Evaluate(ctx context.Context, sc *statement.Context, x sql.Expr) (any, error) {
	v, _, err := bind.Constant(ctx, sc, w.names(sc), x)
	return v, err
}
