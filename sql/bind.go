package sql

import "fmt"

// collect finds what Bind resolves, as pointers into the tree.
func (d *Parsed) collect() {
	Walk(d.Statement, func(n Node) bool {
		switch n := n.(type) {
		case *Text:
			if n.Param > 0 || n.Var != "" {
				d.texts = append(d.texts, n)
			}
		case *Name:
			if n.Param != nil {
				d.names = append(d.names, n)
			}
		case *StagePath:
			if n.Param != nil {
				d.paths = append(d.paths, n)
			}
		case *Ref:
			if n.Param != nil {
				d.refs = append(d.refs, n)
			}
		case *Put:
			d.locals = append(d.locals, &n.Local)
		case *Get:
			d.locals = append(d.locals, &n.Local)
		}
		return true
	})
}

func (t *Text) bound() bool { return t.Param > 0 || t.Var != "" }

// Bind resolves every IDENTIFIER(…) name, bound text and bound stage path in the tree. lookup gives the value of the n-th
// placeholder (param > 0) or of the session variable; it is asked once for each place. Bind may be called again with other values. It
// changes the tree: not for two goroutines at once. A value that is no name or no path is a *BindError.
func (d *Parsed) Bind(lookup func(param int, variable string) (value string, null bool, err error)) error {
	for _, t := range d.texts {
		v, null, err := lookup(t.Param, t.Var)
		if err != nil {
			return err
		}
		t.Value, t.Null = v, null
	}
	for _, t := range d.locals {
		if t.bound() {
			rest, ok := cutFile(t.Value)
			if !ok {
				return &BindError{What: "local path", Value: t.Value, Pos: t.Pos}
			}
			t.Value = rest
		}
	}
	return d.resolve(true)
}

// BindError is a bound value that cannot stand where it is bound, such as IDENTIFIER(NULL).
type BindError struct {
	What  string // "identifier", "stage path", "local path"
	Value string
	Pos   Pos
	Err   error
}

func (e *BindError) Error() string {
	return fmt.Sprintf("invalid %s '%s'", e.What, e.Value)
}

func (e *BindError) Unwrap() error { return e.Err }

// resolve parses the texts of names and paths; without binds only those that are literals.
func (d *Parsed) resolve(binds bool) error {
	for _, n := range d.names {
		if n.Param.bound() && !binds {
			continue
		}
		parts, err := bindName(n.Param)
		if err != nil {
			return err
		}
		n.Parts = parts
	}
	for _, r := range d.refs {
		if r.Param.bound() && !binds {
			continue
		}
		parts, err := bindName(r.Param)
		if err != nil {
			return err
		}
		r.Parts = parts
	}
	for _, s := range d.paths {
		if !s.Param.bound() || !binds {
			continue // a literal was parsed with the statement
		}
		v, err := ParseStagePath(s.Param.Value)
		if err != nil || s.Param.Null {
			return &BindError{What: "stage path", Value: s.Param.Value, Pos: s.Param.Pos, Err: err}
		}
		v.Param, v.Quoted, v.Pos = s.Param, s.Quoted, s.Pos
		*s = v
	}
	return nil
}

func bindName(t *Text) ([]Ident, error) {
	n, err := ParseName(t.Value)
	if err != nil || t.Null {
		return nil, &BindError{What: "identifier", Value: t.Value, Pos: t.Pos, Err: err}
	}
	for i := range n.Parts {
		n.Parts[i].Pos = t.Pos
	}
	return n.Parts, nil
}
