package warehouse

import (
	"context"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/warehouse/bind"
)

// Handles says whether Run carries a statement out.
func (w *Warehouse) Handles(st sql.Statement) bool {
	switch st := st.(type) {
	case *sql.Query, *sql.Insert, *sql.Update, *sql.Delete, *sql.Merge, *sql.Truncate, *sql.CopyTable, *sql.CopyStage,
		*sql.CreateTable, *sql.CreateView, *sql.AlterTable, *sql.Transaction, *sql.Explain:
		return true
	case *sql.Create:
		return ours(st.Kind)
	case *sql.Drop:
		return ours(st.Kind)
	case *sql.Alter:
		return ours(st.Kind)
	case *sql.Comment:
		return ours(st.Kind) || st.Kind == "COLUMN"
	case *sql.Show:
		return shows(st.Kind)
	case *sql.Describe:
		return ours(st.Kind)
	}
	return false
}

func ours(kind string) bool {
	switch kind {
	case kindDatabase, kindSchema, kindTable, kindView, kindSequence:
		return true
	}
	return false
}

// Run carries a statement out. p's binds have been resolved (Parsed.Bind). describe: only the columns are wanted, nothing is
// run. Errors are *sqlerr.Error, or others that are internal.
func (w *Warehouse) Run(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error) {
	if describe {
		return w.columns(ctx, sc, p.Statement)
	}
	switch st := p.Statement.(type) {
	case *sql.Query:
		return w.query(ctx, sc, st)
	case *sql.Insert:
		return w.insert(ctx, sc, st)
	case *sql.Update:
		return w.update(ctx, sc, st)
	case *sql.Delete:
		return w.delete(ctx, sc, st)
	case *sql.Merge:
		return w.merge(ctx, sc, st)
	case *sql.CopyTable:
		return w.copyTable(ctx, sc, st)
	case *sql.CopyStage:
		return w.copyStage(ctx, sc, st)
	case *sql.CreateTable:
		return w.createTable(ctx, sc, st)
	case *sql.CreateView:
		return w.createView(ctx, sc, st)
	case *sql.AlterTable:
		return w.alterTable(ctx, sc, st)
	case *sql.Create:
		return w.create(ctx, sc, st)
	case *sql.Alter:
		return w.alter(ctx, sc, st)
	case *sql.Drop:
		return w.drop(ctx, sc, st)
	case *sql.Truncate:
		return w.truncate(ctx, sc, st)
	case *sql.Comment:
		return w.comment(ctx, sc, st)
	case *sql.Transaction:
		return w.transaction(ctx, sc, st)
	case *sql.Show:
		return w.show(ctx, sc, st)
	case *sql.Describe:
		return w.describe(sc, st)
	case *sql.Explain:
		return w.explain(ctx, sc, st)
	}
	return nil, sqlerr.Unsupported("this statement")
}

// columns answers describeOnly.
func (w *Warehouse) columns(ctx context.Context, sc *statement.Context, st sql.Statement) (*result.Result, error) {
	ints := func(typ result.StatementType, names ...string) (*result.Result, error) {
		r := &result.Result{Type: typ}
		for _, n := range names {
			r.Columns = append(r.Columns, result.IntColumn(n))
		}
		return r, nil
	}
	switch st := st.(type) {
	case *sql.Query:
		c, err := bind.Describe(ctx, sc, w.names(sc), st)
		if err != nil {
			return nil, err
		}
		return &result.Result{Columns: c, Type: result.TypeSelect}, nil
	case *sql.Insert:
		return ints(result.TypeInsert, "number of rows inserted")
	case *sql.Update:
		return ints(result.TypeUpdate, "number of rows updated", "number of multi-joined rows updated")
	case *sql.Delete:
		return ints(result.TypeDelete, "number of rows deleted")
	case *sql.Merge:
		return ints(result.TypeMerge, mergeColumns(st)...)
	case *sql.CopyTable:
		return &result.Result{Columns: copyColumns, Type: result.TypeCopy}, nil
	case *sql.CopyStage:
		return &result.Result{Columns: unloadColumns, Type: result.TypeCopy}, nil
	case *sql.Show:
		r, err := w.show(ctx, sc, st)
		if err == nil {
			r.Rows = nil
		}
		return r, err
	case *sql.Describe:
		r, err := w.describe(sc, st)
		if err == nil {
			r.Rows = nil
		}
		return r, err
	}
	return &result.Result{Columns: []result.Column{result.TextColumn("status")}, Type: result.TypeDDL}, nil
}

// explain shows DuckDB's plan, one line a row.
func (w *Warehouse) explain(ctx context.Context, sc *statement.Context, st *sql.Explain) (*result.Result, error) {
	q, ok := st.Statement.(*sql.Query)
	if !ok {
		return nil, sqlerr.Unsupported("EXPLAIN of this statement")
	}
	k, err := w.work(ctx, sc, false)
	if err != nil {
		return nil, err
	}
	defer func() { k.end(err) }()
	n := w.names(sc)
	n.use(k)
	b, err := bind.Query(ctx, sc, n, q)
	if err != nil {
		return nil, err
	}
	r := &result.Result{Columns: cols("step:i operation"), Type: result.TypeSelect}
	err = scan(ctx, k.conn, "EXPLAIN "+b.SQL, func(x row) error {
		r.Rows = append(r.Rows, []any{int64(len(r.Rows)), x.text(1)})
		return nil
	})
	return r, err
}
