package result

import "time"

// Result is what one statement answers. Exactly one of Rows, Data and Transfer carries the rows.
type Result struct {
	Columns []Column

	// Rows: few rows as Go values, made by our own code (SHOW, DESCRIBE, DML counts, CALL). A cell is nil, bool, int64, float64,
	// string, []byte, time.Time (date and timestamps), time.Duration (time of day), *big.Int/string decimal text for wide
	// numbers, json.RawMessage for VARIANT.
	Rows [][]any

	// Data: the rows of a query as Arrow IPC in the wire's types, in memory or spooled to a file.
	Data *Data

	// Transfer: the reply to PUT and GET, which the client carries out itself (client-protocol.md §3.2, §3.3).
	Transfer map[string]any

	Type  StatementType
	Stats *Stats // rows changed by DML

	// Schema, Database, Warehouse, Role changes and session parameters are applied by session, not carried here.
}

// StatementType is the wire's statementTypeId; clients take DML row counts only with the right one.
type StatementType int

// The types that clients look at; Other for all that they do not.
const (
	TypeSelect      StatementType = 0x1000
	TypeDML         StatementType = 0x3000
	TypeInsert      StatementType = 0x3100
	TypeUpdate      StatementType = 0x3200
	TypeDelete      StatementType = 0x3300
	TypeMerge       StatementType = 0x3400
	TypeMultiInsert StatementType = 0x3500
	TypeCopy        StatementType = 0x3600
	TypeSCL         StatementType = 0x4000 // USE, ALTER SESSION
	TypeCall        StatementType = 0x4400
	TypeShow        StatementType = 0x4600
	TypeDescribe    StatementType = 0x4700
	TypeTCL         StatementType = 0x5000 // BEGIN, COMMIT
	TypeDDL         StatementType = 0x6000
	TypePut         StatementType = 0x7100
	TypeGet         StatementType = 0x7200
	TypeOther       StatementType = 0x8000
	TypeMulti       StatementType = 0xA000 // several statements: clients then fetch each
)

// Stats are the counts of one DML statement.
type Stats struct {
	Inserted, Updated, Deleted, Duplicates int64
}

// Count is the number of rows of the result.
func (r *Result) Count() int64 {
	if r.Data != nil {
		return r.Data.Rows
	}
	return int64(len(r.Rows))
}

// Status is the one-row answer of a DDL statement: column "status".
func Status(format string) *Result {
	return &Result{Columns: []Column{TextColumn("status")}, Rows: [][]any{{format}}, Type: TypeDDL}
}

// Scalar is a result of one cell.
func Scalar(c Column, v any) *Result {
	return &Result{Columns: []Column{c}, Rows: [][]any{{v}}, Type: TypeSelect}
}

// Data is a finished query's rows: Segments, each a whole Arrow IPC stream (schema, batches, end) in the wire's types
// (client-protocol.md §2.4) with no empty batch and no compression. An empty result has no segment. Segments live in memory
// (Bytes) or in one spool file (Path, at Offset): the first goes into the reply, the others are chunks that the client fetches.
type Data struct {
	Rows     int64
	Segments []Segment
	Path     string // spool file; "" if all segments are in memory
	Expires  time.Time
}

// Segment is one IPC stream.
type Segment struct {
	Rows   int64
	Bytes  []byte // nil: in the file
	Offset int64
	Length int64
}
