package sql

// class says where an unquoted word cannot be an identifier (Snowflake's page "Reserved & limited keywords").
type class uint8

const (
	reserved  class = 1 << iota // nowhere
	notExpr                     // not as a column reference
	notTable                    // not as a table's name or alias
	clause                      // begins a clause, so it is no alias without AS
	notColumn                   // not as a column's name in CREATE TABLE
	niladic                     // a function that needs no parentheses
)

// keyword gives the one stored copy of an upper-case word and its class, "" for all other words.
func keyword(w string) (string, class) {
	switch w {
	case "ALL":
		return "ALL", reserved
	case "ALTER":
		return "ALTER", reserved
	case "AND":
		return "AND", reserved
	case "ANY":
		return "ANY", reserved
	case "AS":
		return "AS", reserved
	case "BETWEEN":
		return "BETWEEN", reserved
	case "BY":
		return "BY", reserved
	case "CHECK":
		return "CHECK", reserved
	case "COLUMN":
		return "COLUMN", reserved
	case "CONNECT":
		return "CONNECT", reserved
	case "CREATE":
		return "CREATE", reserved
	case "CURRENT":
		return "CURRENT", reserved
	case "DELETE":
		return "DELETE", reserved
	case "DISTINCT":
		return "DISTINCT", reserved
	case "DROP":
		return "DROP", reserved
	case "ELSE":
		return "ELSE", reserved
	case "EXISTS":
		return "EXISTS", reserved
	case "FOLLOWING":
		return "FOLLOWING", reserved
	case "FOR":
		return "FOR", reserved
	case "FROM":
		return "FROM", reserved
	case "GRANT":
		return "GRANT", reserved
	case "GROUP":
		return "GROUP", reserved
	case "HAVING":
		return "HAVING", reserved
	case "ILIKE":
		return "ILIKE", reserved
	case "IN":
		return "IN", reserved
	case "INCREMENT":
		return "INCREMENT", reserved
	case "INSERT":
		return "INSERT", reserved
	case "INTERSECT":
		return "INTERSECT", reserved
	case "INTO":
		return "INTO", reserved
	case "IS":
		return "IS", reserved
	case "LIKE":
		return "LIKE", reserved
	case "MINUS":
		return "MINUS", reserved
	case "NOT":
		return "NOT", reserved
	case "NULL":
		return "NULL", reserved
	case "OF":
		return "OF", reserved
	case "ON":
		return "ON", reserved
	case "OR":
		return "OR", reserved
	case "ORDER":
		return "ORDER", reserved
	case "QUALIFY":
		return "QUALIFY", reserved
	case "REGEXP":
		return "REGEXP", reserved
	case "REVOKE":
		return "REVOKE", reserved
	case "RLIKE":
		return "RLIKE", reserved
	case "ROW":
		return "ROW", reserved
	case "ROWS":
		return "ROWS", reserved
	case "SAMPLE":
		return "SAMPLE", reserved
	case "SELECT":
		return "SELECT", reserved
	case "SET":
		return "SET", reserved
	case "SOME":
		return "SOME", reserved
	case "START":
		return "START", reserved
	case "TABLE":
		return "TABLE", reserved
	case "TABLESAMPLE":
		return "TABLESAMPLE", reserved
	case "THEN":
		return "THEN", reserved
	case "TO":
		return "TO", reserved
	case "TRIGGER":
		return "TRIGGER", reserved
	case "UNION":
		return "UNION", reserved
	case "UNIQUE":
		return "UNIQUE", reserved
	case "UPDATE":
		return "UPDATE", reserved
	case "VALUES":
		return "VALUES", reserved
	case "WHENEVER":
		return "WHENEVER", reserved
	case "WHERE":
		return "WHERE", reserved
	case "WINDOW":
		return "WINDOW", reserved
	case "WITH":
		return "WITH", reserved

	case "CASE":
		return "CASE", notExpr
	case "CAST":
		return "CAST", notExpr
	case "FALSE":
		return "FALSE", notExpr
	case "TRUE":
		return "TRUE", notExpr
	case "TRY_CAST":
		return "TRY_CAST", notExpr
	case "WHEN":
		return "WHEN", notExpr | clause
	case "CONSTRAINT":
		return "CONSTRAINT", notColumn
	case "CURRENT_DATE":
		return "CURRENT_DATE", notColumn | niladic
	case "CURRENT_TIME":
		return "CURRENT_TIME", notColumn | niladic
	case "CURRENT_TIMESTAMP":
		return "CURRENT_TIMESTAMP", notColumn | niladic
	case "CURRENT_USER":
		return "CURRENT_USER", notColumn | niladic
	case "LOCALTIME":
		return "LOCALTIME", notColumn | niladic
	case "LOCALTIMESTAMP":
		return "LOCALTIMESTAMP", notColumn | niladic
	case "CROSS":
		return "CROSS", notTable
	case "FULL":
		return "FULL", notTable
	case "INNER":
		return "INNER", notTable
	case "JOIN":
		return "JOIN", notTable
	case "LATERAL":
		return "LATERAL", notTable
	case "LEFT":
		return "LEFT", notTable
	case "NATURAL":
		return "NATURAL", notTable
	case "RIGHT":
		return "RIGHT", notTable
	case "USING":
		return "USING", notTable
	case "EXCEPT":
		return "EXCEPT", clause
	case "FETCH":
		return "FETCH", clause
	case "LIMIT":
		return "LIMIT", clause
	case "OFFSET":
		return "OFFSET", clause

	// Frequent words that are free as identifiers: stored once, so lower-case texts allocate nothing for them.
	case "ASC":
		return "ASC", 0
	case "BIGINT":
		return "BIGINT", 0
	case "BOOLEAN":
		return "BOOLEAN", 0
	case "CALL":
		return "CALL", 0
	case "COMMENT":
		return "COMMENT", 0
	case "COPY":
		return "COPY", 0
	case "COUNT":
		return "COUNT", 0
	case "DATABASE":
		return "DATABASE", 0
	case "DATE":
		return "DATE", 0
	case "DESC":
		return "DESC", 0
	case "DESCRIBE":
		return "DESCRIBE", 0
	case "END":
		return "END", 0
	case "EXECUTE":
		return "EXECUTE", 0
	case "FILE":
		return "FILE", 0
	case "FILE_FORMAT":
		return "FILE_FORMAT", 0
	case "FIRST":
		return "FIRST", 0
	case "FLOAT":
		return "FLOAT", 0
	case "GET":
		return "GET", 0
	case "IDENTIFIER":
		return "IDENTIFIER", 0
	case "IF":
		return "IF", 0
	case "INT":
		return "INT", 0
	case "LAST":
		return "LAST", 0
	case "MERGE":
		return "MERGE", 0
	case "NULLS":
		return "NULLS", 0
	case "NUMBER":
		return "NUMBER", 0
	case "OUTER":
		return "OUTER", 0
	case "OVER":
		return "OVER", 0
	case "PARTITION":
		return "PARTITION", 0
	case "PUT":
		return "PUT", 0
	case "REPLACE":
		return "REPLACE", 0
	case "SCHEMA":
		return "SCHEMA", 0
	case "SCOPED":
		return "SCOPED", 0
	case "SERVICE":
		return "SERVICE", 0
	case "SHOW":
		return "SHOW", 0
	case "STAGE":
		return "STAGE", 0
	case "STRING":
		return "STRING", 0
	case "SUM":
		return "SUM", 0
	case "TEMP":
		return "TEMP", 0
	case "TEMPORARY":
		return "TEMPORARY", 0
	case "TYPE":
		return "TYPE", 0
	case "USE":
		return "USE", 0
	case "VARCHAR":
		return "VARCHAR", 0
	case "VARIANT":
		return "VARIANT", 0
	case "VIEW":
		return "VIEW", 0
	}
	return "", 0
}
