package sql

// Parsed is one statement and what it needs from binds and session variables before it has a meaning.
type Parsed struct {
	Statement Statement
	Params    int // number of ? (or highest :n)

	texts  []*Text
	names  []*Name
	paths  []*StagePath
	refs   []*Ref
	locals []*Text
}
