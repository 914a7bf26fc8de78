package warehouse

import (
	"context"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
)

// mergeColumns are those of a MERGE's answer: one for each kind of action that it has.
func mergeColumns(st *sql.Merge) []string {
	var inserts, updates, deletes bool
	for _, w := range st.Whens {
		switch {
		case !w.Matched:
			inserts = true
		case w.Delete:
			deletes = true
		default:
			updates = true
		}
	}
	var out []string
	if inserts {
		out = append(out, "number of rows inserted")
	}
	if updates {
		out = append(out, "number of rows updated")
	}
	if deletes {
		out = append(out, "number of rows deleted")
	}
	return out
}

func (w *Warehouse) merge(ctx context.Context, sc *statement.Context, st *sql.Merge) (*result.Result, error) {
	p := dmlPlan{table: st.Table, operation: "MERGE", exclusive: true}
	p.run = func(k *work, n *names, target *object) (*result.Result, error) {
		b, err := bind.Merge(ctx, sc, n, st)
		if err != nil {
			return nil, err
		}
		if err := k.enter(ctx, w, sc, st, b.Tables); err != nil {
			return nil, err
		}
		if b.Check != "" {
			twice := false
			if err := scan(ctx, k.conn, b.Check, func(row) error { twice = true; return nil }); err != nil {
				return nil, err
			}
			if twice {
				return nil, sqlerr.New(100090, "42P18", "Duplicate row detected during DML action")
			}
		}
		rows, err := k.conn.QueryAll(ctx, b.SQL+" RETURNING merge_action")
		if err != nil {
			return nil, err
		}
		var s result.Stats
		err = drain(rows, func(r row) error {
			switch r.text(0) {
			case "INSERT":
				s.Inserted++
			case "UPDATE":
				s.Updated++
			case "DELETE":
				s.Deleted++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		names := mergeColumns(st)
		values := make([]int64, len(names))
		for i, name := range names {
			values[i] = map[string]int64{"number of rows inserted": s.Inserted, "number of rows updated": s.Updated, "number of rows deleted": s.Deleted}[name]
		}
		return count(result.TypeMerge, s, names, values...), nil
	}
	return w.dml(ctx, sc, p)
}
