package sql

func (*Literal) expr()      {}
func (*TypedLiteral) expr() {}
func (*IntervalExpr) expr() {}
func (*Param) expr()        {}
func (*Variable) expr()     {}
func (*Ref) expr()          {}
func (*Positional) expr()   {}
func (*Star) expr()         {}
func (*Unary) expr()        {}
func (*Binary) expr()       {}
func (*Cast) expr()         {}
func (*Case) expr()         {}
func (*Call) expr()         {}
func (*In) expr()           {}
func (*Between) expr()      {}
func (*Like) expr()         {}
func (*Is) expr()           {}
func (*Exists) expr()       {}
func (*Subquery) expr()     {}
func (*Path) expr()         {}
func (*Index) expr()        {}
func (*ArrayLit) expr()     {}
func (*ObjectLit) expr()    {}
func (*Tuple) expr()        {}
func (*Lambda) expr()       {}

func (*Table) tableExpr()       {}
func (*Derived) tableExpr()     {}
func (*TableFunc) tableExpr()   {}
func (*StageTable) tableExpr()  {}
func (*ValuesTable) tableExpr() {}
func (*Join) tableExpr()        {}
func (*Pivot) tableExpr()       {}
func (*Unpivot) tableExpr()     {}

func (n *Literal) Position() Pos { return n.Pos }

func (n *TypedLiteral) Position() Pos { return n.Pos }

func (n *IntervalExpr) Position() Pos { return n.Pos }

func (n *Param) Position() Pos { return n.Pos }

func (n *Variable) Position() Pos { return n.Pos }

func (n *Ref) Position() Pos { return n.Pos }

func (n *Positional) Position() Pos { return n.Pos }

func (n *Star) Position() Pos { return n.Pos }

func (n *Unary) Position() Pos { return n.Pos }

func (n *Binary) Position() Pos { return n.Pos }

func (n *Cast) Position() Pos { return n.Pos }

func (n *Case) Position() Pos { return n.Pos }

func (n *Call) Position() Pos { return n.Pos }

func (n *In) Position() Pos { return n.Pos }

func (n *Between) Position() Pos { return n.Pos }

func (n *Like) Position() Pos { return n.Pos }

func (n *Is) Position() Pos { return n.Pos }

func (n *Exists) Position() Pos { return n.Pos }

func (n *Subquery) Position() Pos { return n.Pos }

func (n *Path) Position() Pos { return n.Pos }

func (n *Index) Position() Pos { return n.Pos }

func (n *ArrayLit) Position() Pos { return n.Pos }

func (n *ObjectLit) Position() Pos { return n.Pos }

func (n *Tuple) Position() Pos { return n.Pos }

func (n *Lambda) Position() Pos { return n.Pos }

func (n *Query) Position() Pos { return n.Pos }

func (n *Select) Position() Pos { return n.Pos }

func (n *SetOp) Position() Pos { return n.Pos }

func (n *Values) Position() Pos { return n.Pos }

func (n *Table) Position() Pos { return n.Pos }

func (n *Derived) Position() Pos { return n.Pos }

func (n *TableFunc) Position() Pos { return n.Pos }

func (n *StageTable) Position() Pos { return n.Pos }

func (n *ValuesTable) Position() Pos { return n.Pos }

func (n *Join) Position() Pos { return n.Pos }

func (n *Pivot) Position() Pos { return n.Pos }

func (n *Unpivot) Position() Pos { return n.Pos }

func (n *CreateTable) Position() Pos { return n.Pos }

func (n *CreateView) Position() Pos { return n.Pos }

func (n *Create) Position() Pos { return n.Pos }

func (n *Drop) Position() Pos { return n.Pos }

func (n *AlterTable) Position() Pos { return n.Pos }

func (n *Alter) Position() Pos { return n.Pos }

func (n *AlterSession) Position() Pos { return n.Pos }

func (n *Insert) Position() Pos { return n.Pos }

func (n *Update) Position() Pos { return n.Pos }

func (n *Delete) Position() Pos { return n.Pos }

func (n *Merge) Position() Pos { return n.Pos }

func (n *Truncate) Position() Pos { return n.Pos }

func (n *CopyTable) Position() Pos { return n.Pos }

func (n *CopyStage) Position() Pos { return n.Pos }

func (n *CopyFiles) Position() Pos { return n.Pos }

func (n *Put) Position() Pos { return n.Pos }

func (n *Get) Position() Pos { return n.Pos }

func (n *List) Position() Pos { return n.Pos }

func (n *Show) Position() Pos { return n.Pos }

func (n *Describe) Position() Pos { return n.Pos }

func (n *Use) Position() Pos { return n.Pos }

func (n *CallProcedure) Position() Pos { return n.Pos }

func (n *Transaction) Position() Pos { return n.Pos }

func (n *SetVariable) Position() Pos { return n.Pos }

func (n *Explain) Position() Pos { return n.Pos }

func (n *Comment) Position() Pos { return n.Pos }

func (n *Grant) Position() Pos { return n.Pos }

func (n *ExecuteImmediate) Position() Pos { return n.Pos }

func (n *ExecuteJob) Position() Pos { return n.Pos }

func (n *Flow) Position() Pos { return n.Pos }

func (n *Other) Position() Pos { return n.Pos }
