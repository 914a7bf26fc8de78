// Package sql is Snowflake's SQL as text and as a typed tree: lexer, parser, printer. It imports nothing of ours and knows
// no catalog: names are as written (folded), types are as named.
package sql

// Pos is a place in the statement's text. Line counts from 1, Col from 0 as Snowflake's messages do, Off in bytes.
type Pos struct{ Line, Col, Off int }

// Span is a piece of the statement's text, in bytes.
type Span struct{ Off, End int }

// Ident is one name part. Name is folded to upper case unless Quoted.
type Ident struct {
	Name   string
	Quoted bool
	Pos    Pos
}

// Name is an object's name, 1..3 parts (a..b has an empty middle part: the schema PUBLIC). IDENTIFIER(?) and IDENTIFIER('x') are
// Names whose Parts are filled by Parsed.Bind.
type Name struct {
	Parts []Ident
	Param *Text // IDENTIFIER(…): the text to be parsed as a name
	Pos   Pos
}

// Text is a string literal or, where Param > 0 (or Var is set), a bind that Parsed.Bind resolves into Value.
type Text struct {
	Value string
	Param int    // 1-based number of the placeholder
	Var   string // $name
	Null  bool   // bound to NULL
	Pos   Pos
}

// TypeName is a type as written: Name upper case ("NUMBER", "VARCHAR", "TIMESTAMP_NTZ", "DOUBLE PRECISION"), Args its numbers.
type TypeName struct {
	Name    string
	Args    []int
	Elem    *TypeName   // ARRAY(t), VECTOR(t, n)
	Fields  []ColumnDef // OBJECT(…)
	NotNull bool
	Pos     Pos
}

// Node is anything with a place.
type Node interface{ Position() Pos }

// ---- expressions

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// LiteralKind tells literals apart.
type LiteralKind uint8

// The kinds of literals. Numbers keep their text.
const (
	NullLit LiteralKind = iota
	BoolLit
	NumberLit // 12, 1.50
	FloatLit  // 1e3
	StringLit
	BinaryLit // X'…', Text holds the hex digits
)

// Interval units stay in the text: INTERVAL '1 day, 2 hours'.
type (
	// Literal is a constant. String literals are unescaped.
	Literal struct {
		Kind LiteralKind
		Text string
		Bool bool
		Pos  Pos
	}
	// TypedLiteral is DATE '…', TIMESTAMP '…', TIME '…'.
	TypedLiteral struct {
		Type TypeName
		Text string
		Pos  Pos
	}
	// IntervalExpr is INTERVAL '…'.
	IntervalExpr struct {
		Text string
		Unit string // INTERVAL '3' DAY
		Pos  Pos
	}
	// Param is ? or :1 (Index 1-based).
	Param struct {
		Index int
		Pos   Pos
	}
	// Variable is $name, a session variable, or :name in Scripting.
	Variable struct {
		Name string
		Pos  Pos
	}
	// Ref is a column, maybe qualified: c, t.c, s.t.c, db.s.t.c.
	Ref struct {
		Parts []Ident
		Param *Text // IDENTIFIER(…) as a column: Parsed.Bind fills Parts
		Pos   Pos
	}
	// Positional is $1 or t.$1.
	Positional struct {
		Qualifier []Ident
		N         int
		Pos       Pos
	}
	// Star is * or t.*, with what follows it; also count(*)'s argument.
	Star struct {
		Qualifier []Ident
		Ilike     string
		Exclude   []Ident
		Replace   []SelectItem
		Rename    []RenameItem
		Pos       Pos
	}
	// Unary is -x, +x, NOT x.
	Unary struct {
		Op  string
		X   Expr
		Pos Pos
	}
	// Binary has Op in upper case: OR AND = <> < <= > >= + - * / % || (!= is <>).
	Binary struct {
		Op   string
		L, R Expr
		Pos  Pos
	}
	// Cast is CAST(x AS t), x::t, TRY_CAST.
	Cast struct {
		X    Expr
		Type TypeName
		Try  bool
		Pos  Pos
	}
	// Case is CASE [x] WHEN … END.
	Case struct {
		X     Expr
		Whens []When
		Else  Expr
		Pos   Pos
	}
	// Call is a function call: Name parts as written (folded), e.g. SYSTEM$TYPEOF, SNOWFLAKE.CORTEX.X; Method for obj!method(…).
	Call struct {
		Name         Name
		Object       *Call  // MODEL(m, v)!F(…): the object is a call itself, Name is empty
		Method       string // upper case, "" if none
		Args         []Expr
		Named        []NamedArg
		Distinct     bool
		Within       []OrderItem // WITHIN GROUP (ORDER BY …)
		Over         *Window
		IgnoreNulls  bool
		RespectNulls bool
		FromLast     bool // NTH_VALUE … FROM LAST
		Pos          Pos
	}
	// In is x [NOT] IN (…) with List or Query.
	In struct {
		X     Expr
		Not   bool
		List  []Expr
		Query *Query
		Pos   Pos
	}
	// Between is x [NOT] BETWEEN a AND b.
	Between struct {
		X, Low, High Expr
		Not          bool
		Pos          Pos
	}
	// Like has Op LIKE, ILIKE, RLIKE, REGEXP (with Any/All: several Patterns).
	Like struct {
		Op       string
		X        Expr
		Not      bool
		Any, All bool
		Patterns []Expr
		Escape   Expr
		Pos      Pos
	}
	// Is is x IS [NOT] NULL | TRUE | FALSE, or IS [NOT] DISTINCT FROM y (What "DISTINCT").
	Is struct {
		X    Expr
		Not  bool
		What string
		Y    Expr
		Pos  Pos
	}
	// Exists is [NOT is a Unary around it] EXISTS (query).
	Exists struct {
		Query *Query
		Pos   Pos
	}
	// Subquery is a scalar subquery, or with Quant (ANY, ALL) the right side of a comparison.
	Subquery struct {
		Query *Query
		Quant string
		Pos   Pos
	}
	// Path is x:a.b[0]: each step a Field (Name) or an Index.
	Path struct {
		X     Expr
		Steps []PathStep
		Pos   Pos
	}
	// Index is x[i] or x['k'].
	Index struct {
		X, I Expr
		Pos  Pos
	}
	// ArrayLit is [a, b]; ObjectLit is {'k': v}.
	ArrayLit struct {
		Items []Expr
		Pos   Pos
	}
	// ObjectLit is {'k': v, …}.
	ObjectLit struct {
		Keys   []Expr
		Values []Expr
		Pos    Pos
	}
	// Tuple is (a, b), of IN and comparisons.
	Tuple struct {
		Items []Expr
		Pos   Pos
	}
	// Lambda is x -> e, (x, y) -> e.
	Lambda struct {
		Params []Ident
		Body   Expr
		Pos    Pos
	}
)

// When is one branch of CASE.
type When struct{ Cond, Then Expr }

// NamedArg is name => value.
type NamedArg struct {
	Name  string // upper case
	Value Expr
}

// RenameItem is of SELECT * RENAME (a AS b).
type RenameItem struct{ From, To Ident }

// PathStep is one step of a Path: .Name (case-sensitive as written), [Index] or ['name'].
type PathStep struct {
	Name  string
	Index Expr // nil for a name
}

// Window is OVER (…).
type Window struct {
	Partition []Expr
	Order     []OrderItem
	Frame     *Frame
}

// Frame is ROWS|RANGE BETWEEN … AND …. A bound's Kind: "UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING".
type Frame struct {
	Unit       string // ROWS, RANGE
	Start, End Bound
}

// Bound is one end of a frame.
type Bound struct {
	Kind string
	N    Expr
}

// OrderItem is of ORDER BY. Nulls: "", "FIRST", "LAST".
type OrderItem struct {
	X     Expr
	Desc  bool
	Nulls string
}

// ---- queries

// Query is a whole query expression; as a statement too. Its Body is *Select, *SetOp, *Values or a nested *Query.
type Query struct {
	With      []CTE
	Recursive bool
	Body      Node
	Order     []OrderItem
	OrderAll  bool // ORDER BY ALL
	Limit     Expr
	Offset    Expr
	Pos       Pos
}

// CTE is of WITH.
type CTE struct {
	Name    Ident
	Columns []Ident
	Query   *Query
}

// Select is one SELECT block.
type Select struct {
	Distinct bool
	Top      Expr
	Items    []SelectItem
	From     TableExpr // nil: no FROM; comma joins are CROSS Joins
	Where    Expr
	Group    *GroupBy
	Having   Expr
	Qualify  Expr
	Pos      Pos
}

// SelectItem is one output: an expression with an alias, or a Star.
type SelectItem struct {
	X     Expr
	Alias Ident // empty Name: none
	Span  Span  // X's source: an output without alias is named after it
}

// GroupBy is GROUP BY ALL, a list, or grouping sets. Kind: "", "ALL", "CUBE", "ROLLUP", "SETS".
type GroupBy struct {
	Kind  string
	Items []Expr
	Sets  [][]Expr
}

// SetOp is UNION [ALL] [BY NAME], INTERSECT, EXCEPT (MINUS). L and R are *Select, *SetOp, *Values or *Query.
type SetOp struct {
	Op     string
	All    bool
	ByName bool
	L, R   Node
	Pos    Pos
}

// Values is VALUES (…), (…).
type Values struct {
	Rows [][]Expr
	Pos  Pos
}

// TableExpr is something in FROM.
type TableExpr interface {
	Node
	tableExpr()
}

type (
	// Table is a table or view by name.
	Table struct {
		Name    Name
		Alias   Alias
		Sample  *Sample
		At      *Travel
		Changes bool
		Pos     Pos
	}
	// Derived is (query) [AS] a(c, …); Lateral with the word LATERAL.
	Derived struct {
		Query   *Query
		Lateral bool
		Alias   Alias
		Sample  *Sample
		Pos     Pos
	}
	// TableFunc is TABLE(f(…)), LATERAL f(…), or f(…) as a table; obj!m(…) inside TABLE.
	TableFunc struct {
		Call    *Call
		Lateral bool
		Alias   Alias
		Sample  *Sample
		Pos     Pos
	}
	// StageTable is @stage/path (FILE_FORMAT => …, PATTERN => …).
	StageTable struct {
		Stage   StagePath
		Options []Option
		Alias   Alias
		Pos     Pos
	}
	// ValuesTable is VALUES … as a table.
	ValuesTable struct {
		Values *Values
		Alias  Alias
		Pos    Pos
	}
	// Join has Kind INNER, LEFT, RIGHT, FULL, CROSS, ASOF.
	Join struct {
		Kind    string
		Natural bool
		L, R    TableExpr
		On      Expr
		Using   []Ident
		Match   Expr // ASOF's MATCH_CONDITION
		Pos     Pos
	}
	// Pivot is t PIVOT (agg(x) FOR c IN (…)) [a].
	Pivot struct {
		From    TableExpr
		Agg     *Call
		For     Ident
		In      []SelectItem
		Any     bool
		Order   []OrderItem // ANY ORDER BY …
		Query   *Query
		Default Expr
		Alias   Alias
		Pos     Pos
	}
	// Unpivot is t UNPIVOT (v FOR n IN (…)) [a].
	Unpivot struct {
		From         TableExpr
		Value, Name  Ident
		In           []SelectItem
		IncludeNulls bool
		Alias        Alias
		Pos          Pos
	}
)

// Alias names a table and maybe its columns.
type Alias struct {
	Name    Ident
	Columns []Ident
}

// Sample is SAMPLE|TABLESAMPLE [BERNOULLI|SYSTEM] (n [ROWS]) [SEED (s)].
type Sample struct {
	Method string
	N      Expr
	Rows   bool
	Seed   Expr
}

// Travel is AT|BEFORE (TIMESTAMP|OFFSET|STATEMENT|STREAM => e).
type Travel struct {
	Before bool
	Kind   string
	X      Expr
}

// ---- stages, options

// StagePath is @db.schema.stage/path, @~/path (User), @%table/path (Table), or snow://kind/name/… (URL). Path has no leading slash.
type StagePath struct {
	Stage  Name
	User   bool
	Table  *Name
	URL    string
	Path   string
	Param  *Text // whole path bound: '@…' quoted or ?; Parsed.Bind fills the rest
	Quoted bool
	Pos    Pos
}

// Option is NAME = value of a DDL, COPY or PUT statement; Name in upper case (words joined by one blank). WITH is dropped.
type Option struct {
	Name  string
	Value Value
	Pos   Pos
}

// Value is an option's value: exactly one form is set.
type Value struct {
	Word    string // TRUE, CSV, a bare identifier in upper case (Raw keeps its spelling)
	Raw     string
	Text    *Text  // 'string' or ?
	Number  string // 12, -1
	Name    *Name  // a qualified or quoted name
	Stage   *StagePath
	List    []Value  // (a, b)
	Options []Option // (TYPE = CSV …)
	Pos     Pos
}

// ---- statements

// Statement is one SQL statement: *Query or one of the types below.
type Statement interface{ Node }

// CreateMode is how CREATE treats an existing object.
type CreateMode struct {
	OrReplace, IfNotExists, OrAlter bool
}

// Lifetime of tables, stages, file formats: "", TEMPORARY, SCOPED TEMPORARY, TRANSIENT, VOLATILE (= TEMPORARY). LOCAL and GLOBAL are dropped.
type Lifetime string

type (
	// CreateTable is CREATE TABLE with columns, AS, LIKE or CLONE, or USING TEMPLATE.
	CreateTable struct {
		CreateMode
		Lifetime    Lifetime
		Name        Name
		Columns     []ColumnDef
		Constraints []Constraint
		As          *Query
		Like, Clone *Name
		Template    *Query
		Options     []Option
		CopyGrants  bool
		Pos         Pos
	}
	// CreateView keeps the query's text: views are stored as text.
	CreateView struct {
		CreateMode
		Lifetime                        Lifetime
		Secure, Recursive, Materialized bool
		Name                            Name
		Columns                         []ColumnDef // names and comments only
		Query                           *Query
		Text                            string // the query's source text
		Options                         []Option
		Pos                             Pos
	}
	// Create is every other CREATE: Kind in Snowflake's words ("DATABASE", "SCHEMA", "STAGE", "FILE FORMAT", "SEQUENCE", "WAREHOUSE", "COMPUTE POOL", "ROLE", "USER", "NETWORK RULE", …).
	Create struct {
		CreateMode
		Kind     string
		Lifetime Lifetime
		Name     Name
		Clone    *Name
		Options  []Option
		Pos      Pos
	}
	// Drop is DROP kind [IF EXISTS] name; Undrop likewise.
	Drop struct {
		Kind                     string
		IfExists                 bool
		Name                     Name
		Cascade, Restrict, Force bool
		Undrop                   bool
		Pos                      Pos
	}
	// AlterTable is ALTER TABLE (or VIEW's RENAME) with one or several actions.
	AlterTable struct {
		IfExists bool
		Kind     string // TABLE, VIEW
		Name     Name
		Actions  []TableAction
		Pos      Pos
	}
	// Alter is ALTER kind name SET|UNSET|RENAME TO|SUSPEND|RESUME|… of every other object. Action in upper case ("SET", "UNSET", "RENAME", "SUSPEND", "RESUME", "STOP ALL", "ABORT", "REFRESH", …).
	Alter struct {
		Kind     string
		IfExists bool
		Name     Name
		Action   string
		Options  []Option
		Names    []string // UNSET's
		To       Name     // RENAME TO, SWAP WITH
		Pos      Pos
	}
	// AlterSession is ALTER SESSION SET|UNSET.
	AlterSession struct {
		Set   []Option
		Unset []string
		Pos   Pos
	}
	// Insert is INSERT [OVERWRITE] INTO t (cols) VALUES …|query. Multi-table inserts set Multi.
	Insert struct {
		Overwrite bool
		Table     Name
		Columns   []Ident
		Query     *Query // VALUES come as a Query too; DEFAULT in VALUES is a Ref named DEFAULT
		Multi     []MultiInsert
		First     bool // INSERT FIRST
		Pos       Pos
	}
	// Update is UPDATE t SET … FROM … WHERE ….
	Update struct {
		Table Name
		Alias Alias
		Set   []Assign
		From  TableExpr
		Where Expr
		Pos   Pos
	}
	// Delete is DELETE FROM t USING … WHERE ….
	Delete struct {
		Table Name
		Alias Alias
		Using TableExpr
		Where Expr
		Pos   Pos
	}
	// Merge is MERGE INTO t USING s ON … WHEN ….
	Merge struct {
		Table Name
		Alias Alias
		Using TableExpr
		On    Expr
		Whens []MergeWhen
		Pos   Pos
	}
	// Truncate is TRUNCATE [TABLE] [IF EXISTS] t.
	Truncate struct {
		IfExists bool
		Table    Name
		Pos      Pos
	}
	// CopyTable is COPY INTO table FROM @stage | (SELECT … FROM @stage …).
	CopyTable struct {
		Table   Name
		Columns []Ident
		From    *StagePath
		Query   *Query // transformation: its From is a *StageTable
		Options []Option
		Pos     Pos
	}
	// CopyStage is COPY INTO @stage FROM table | (query).
	CopyStage struct {
		To        StagePath
		Table     *Name
		Query     *Query
		Partition Expr
		Options   []Option
		Pos       Pos
	}
	// CopyFiles is COPY FILES INTO @a FROM @b [FILES = (…)] [PATTERN = …], or FROM (SELECT …).
	CopyFiles struct {
		To, From StagePath
		Query    *Query
		Options  []Option
		Pos      Pos
	}
	// Put is PUT file://… @stage …. Local is the text after file://, unescaped; a Text, as it may be bound.
	Put struct {
		Local   Text
		Stage   StagePath
		Options []Option
		Pos     Pos
	}
	// Get is GET @stage file://….
	Get struct {
		Stage   StagePath
		Local   Text
		Options []Option
		Pos     Pos
	}
	// List is LIST|LS @stage [PATTERN = …]; Remove is REMOVE|RM.
	List struct {
		Stage   StagePath
		Pattern *Text
		Remove  bool
		Pos     Pos
	}
	// Show is SHOW [TERSE] kind [HISTORY] [LIKE …] [IN …] [STARTS WITH …] [LIMIT n [FROM …]]. Kind in Snowflake's words, plural ("TABLES", "COMPUTE POOLS", "SERVICE INSTANCES", "PARAMETERS", "GRANTS", "ENDPOINTS", …).
	Show struct {
		Terse, History bool
		Kind           string
		Like           *Text
		In             string // ACCOUNT, DATABASE, SCHEMA, TABLE, SERVICE, SESSION, COMPUTE POOL, …; "" if absent or only a name follows (then InName is set)
		InName         *Name
		On             *Name // GRANTS ON kind name
		To, Of         *Name // GRANTS TO ROLE|USER n, OF ROLE n
		GranteeKind    string
		StartsWith     *Text
		Limit          int // -1: none
		From           *Text
		Rest           []Option
		Pos            Pos
	}
	// Describe is DESC[RIBE] kind name; Kind "TABLE", "STAGE", "SERVICE", "RESULT", …; Text for RESULT '<id>'.
	Describe struct {
		Kind string
		Name Name
		Text *Text
		Pos  Pos
	}
	// Use is USE [DATABASE|SCHEMA|ROLE|WAREHOUSE|SECONDARY ROLES] name. Kind "" for a bare name.
	Use struct {
		Kind string
		Name Name
		Pos  Pos
	}
	// CallProcedure is CALL name(…) or CALL obj!method(…).
	CallProcedure struct {
		Call *Call
		Into string
		Pos  Pos
	}
	// Transaction is BEGIN, COMMIT or ROLLBACK (Kind).
	Transaction struct {
		Kind string
		Name Ident
		Pos  Pos
	}
	// SetVariable is SET (a, b) = (x, y); Unset with no values.
	SetVariable struct {
		Names  []Ident
		Values []Expr
		Unset  bool
		Pos    Pos
	}
	// Explain is EXPLAIN [USING …] statement.
	Explain struct {
		Format    string
		Statement Statement
		Pos       Pos
	}
	// Comment is COMMENT [IF EXISTS] ON kind name IS '…' (COLUMN too).
	Comment struct {
		IfExists bool
		Kind     string
		Name     Name
		Text     Text
		Pos      Pos
	}
	// Grant is GRANT|REVOKE privileges ON kind name TO|FROM ROLE r, or GRANT ROLE r TO ROLE|USER x.
	Grant struct {
		Revoke      bool
		Privileges  []string // "USAGE", "ALL", "CREATE TABLE" …
		Kind        string   // "" for the account or a role grant
		Name        Name
		All, Future bool // ON ALL|FUTURE kind IN …
		InKind      string
		InName      Name
		Role        Name   // GRANT ROLE Role
		ToKind      string // ROLE, USER, DATABASE ROLE
		To          Name
		GrantOption bool
		Current     string // OWNERSHIP … COPY|REVOKE CURRENT GRANTS: "COPY", "REVOKE"
		Pos         Pos
	}
	// ExecuteImmediate is EXECUTE IMMEDIATE 'text' | $var | FROM @stage/f.
	ExecuteImmediate struct {
		X     Expr
		Stage *StagePath
		Using []Expr
		Pos   Pos
	}
	// ExecuteJob is EXECUTE JOB SERVICE …; CreateService shares its parts. Spec holds FROM SPECIFICATION $$…$$, or Stage and SpecFile.
	ExecuteJob struct {
		Create bool // CREATE SERVICE
		CreateMode
		Pool     Name
		Name     Name
		Spec     *Text
		Template bool // SPECIFICATION_TEMPLATE
		Stage    *StagePath
		SpecFile *Text
		Options  []Option
		Pos      Pos
	}
	// Flow is a ->> pipe: each later statement reads earlier results as $1, $2.
	Flow struct {
		Steps []Statement
		Pos   Pos
	}
	// Other is a statement that is recognised but not parsed further: Word names it ("CREATE TASK", "EXECUTE TASK"). Session refuses it by that name.
	Other struct {
		Word string
		Pos  Pos
	}
)

// ColumnDef is one column of CREATE TABLE or ADD COLUMN.
type ColumnDef struct {
	Name            Ident
	Type            TypeName // Name "" in CTAS with names only
	NotNull         bool
	Default         Expr
	Identity        *Identity
	Collate         string
	Comment         string
	Unique, Primary bool
	References      *Constraint
	As              Expr // virtual column
}

// Identity is AUTOINCREMENT|IDENTITY (start, step) [ORDER|NOORDER].
type Identity struct {
	Start, Step int64
	NoOrder     bool
}

// Constraint is a table constraint: Kind PRIMARY KEY, UNIQUE, FOREIGN KEY (not enforced, as in Snowflake).
type Constraint struct {
	Name       Ident
	Kind       string
	Columns    []Ident
	Ref        *Name
	RefColumns []Ident
}

// TableAction is one action of ALTER TABLE. Kind: "ADD COLUMN", "DROP COLUMN", "RENAME COLUMN", "ALTER COLUMN", "RENAME", "SWAP", "SET", "UNSET", "ADD CONSTRAINT", "DROP CONSTRAINT".
type TableAction struct {
	Kind                  string
	Column                ColumnDef // ADD COLUMN
	IfExists, IfNotExists bool
	Columns               []Ident // DROP COLUMN; RENAME COLUMN: from, to
	To                    Name    // RENAME, SWAP
	Change                string  // ALTER COLUMN: "TYPE", "SET NOT NULL", "DROP NOT NULL", "SET DEFAULT", "DROP DEFAULT", "COMMENT"
	Options               []Option
	Names                 []string
	Constraint            *Constraint
}

// Assign is col = e; Default for SET c = DEFAULT.
type Assign struct {
	Column  Ref
	X       Expr
	Default bool
}

// MultiInsert is one target of INSERT ALL|FIRST.
type MultiInsert struct {
	When    Expr
	Else    bool
	Table   Name
	Columns []Ident
	Values  []Expr
}

// MergeWhen is WHEN [NOT] MATCHED [AND …] THEN UPDATE SET … | DELETE | INSERT (…) VALUES (…).
type MergeWhen struct {
	Matched   bool
	And       Expr
	Delete    bool
	Set       []Assign
	Columns   []Ident
	Values    []Expr
	AllByName bool
}
