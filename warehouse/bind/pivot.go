package bind

import (
	"firn/sql"
	"firn/sqlerr"
)

func (k *block) pivot(t *sql.Pivot) (string, error) { return "", sqlerr.Unsupported("PIVOT") }

func (k *block) unpivot(t *sql.Unpivot) (string, error) { return "", sqlerr.Unsupported("UNPIVOT") }
