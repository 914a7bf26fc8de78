// Package bind gives a parsed statement its meaning: it resolves names, computes every expression's Snowflake type and emits
// DuckDB SQL in which every literal, branch and operand is cast to the type that was computed. It runs nothing.
package bind

import (
	"context"

	"firn/result"
	"firn/sql"
	"firn/statement"
)

// Table is a table or view as the binder needs it.
type Table struct {
	ID                       int64
	Database, Schema, Name   string // exact names
	From                     string // what stands in DuckDB's FROM: the quoted physical name, or a relation in parentheses
	Columns                  []Column
	View                     *sql.Query // a view's query; From is then ""
	ViewDatabase, ViewSchema string     // where the view's unqualified names resolve
}

// Column is a table's column. Its physical name is Physical(Name); its physical type PhysicalType(Type).
type Column struct {
	Name     string
	Type     result.Type
	Nullable bool
	Default  sql.Expr // nil: none
	Sequence string   // AUTOINCREMENT: DuckDB expression of the next value; "" if none
}

// Names is what the binder asks of the rest: warehouse satisfies it per statement.
type Names interface {
	// Table finds a table or view by a name as written. Errors are Snowflake's (002003, 090105, 090106).
	Table(ctx context.Context, name sql.Name) (*Table, error)
	// Function finds a scalar or table function of another room (SYSTEM$…, CURRENT_REGION is the binder's own, SNOWFLAKE.SPCS.GET_JOB_HISTORY, method "!SPCS_GET_LOGS", RESULT_SCAN).
	Function(name string) (statement.Function, bool)
	// Materialize makes a result of such a table function readable: the Table's From is a DuckDB relation with the physical columns.
	Materialize(ctx context.Context, r *result.Result) (*Table, error)
	// Stage makes SELECT … FROM @stage readable: From is a DuckDB relation over the files ($1… for CSV, one VARIANT $1 for JSON and Parquet), with METADATA$FILENAME and METADATA$FILE_ROW_NUMBER.
	Stage(ctx context.Context, t *sql.StageTable) (*Table, error)
	// Variable is a session variable's value ($name).
	Variable(name string) (any, bool)
}

// Bound is a statement ready for DuckDB.
type Bound struct {
	SQL      string
	Columns  []result.Column // of the result, in order; physical types by PhysicalType
	Tables   []int64         // tables read (for locks and access checks, each once)
	Volatile bool            // holds RANDOM, UUID_STRING, CURRENT_TIMESTAMP …
}
