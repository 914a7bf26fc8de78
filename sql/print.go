package sql

import (
	"strconv"
	"strings"
)

// Print writes a node of the tree as canonical SQL: upper-case keywords, single blanks, parentheses only where they are needed.
// Parsing the text gives the same tree, positions aside. Binds are written with their numbers (:1), unquoted identifiers bare. A statement
// without a tree (*Other) is written as its Word.
func Print(n Node) string {
	var w printer
	switch n := n.(type) {
	case nil:
	case Expr:
		w.expr(n, powLambda)
	case TableExpr:
		w.table(n, false)
	case *Name:
		w.name(n)
	case *Text:
		w.text(n)
	case *StagePath:
		w.stage(n)
	case *TypeName:
		w.typ(n)
	case *Query, *Select, *SetOp, *Values:
		w.queryNode(n)
	default:
		w.statement(n)
	}
	return string(w.b)
}

type printer struct{ b []byte }

func (w *printer) s(s string) { w.b = append(w.b, s...) }

func (w *printer) num(n int64) { w.b = strconv.AppendInt(w.b, n, 10) }

// flag writes " word" if on.
func (w *printer) flag(on bool, word string) {
	if on {
		w.b = append(append(w.b, ' '), word...)
	}
}

// str writes a string literal; both the quote and the backslash are escaped, all else stands as it is.
func (w *printer) str(s string) {
	w.b = append(w.b, '\'')
	for {
		n := strings.IndexAny(s, `'\`)
		if n < 0 {
			break
		}
		w.b = append(w.b, s[:n]...)
		w.b = append(w.b, s[n], s[n])
		s = s[n+1:]
	}
	w.b = append(append(w.b, s...), '\'')
}

func appendIdent(b []byte, i Ident) []byte {
	if !i.Quoted && bare(i.Name) {
		return append(b, i.Name...)
	}
	return appendQuoted(b, i.Name)
}

func (w *printer) ident(i Ident) { w.b = appendIdent(w.b, i) }

func (w *printer) parts(list []Ident) {
	for i, part := range list {
		if i > 0 {
			w.b = append(w.b, '.')
		}
		if part.Name != "" || part.Quoted {
			w.ident(part)
		}
	}
}

func appendName(b []byte, n *Name) []byte {
	w := printer{b: b}
	w.name(n)
	return w.b
}

func (w *printer) name(n *Name) {
	if n.Param != nil {
		w.s("IDENTIFIER(")
		w.text(n.Param)
		w.s(")")
		return
	}
	w.parts(n.Parts)
}

func (w *printer) text(t *Text) {
	switch {
	case t.Param > 0:
		w.b = append(w.b, ':')
		w.num(int64(t.Param))
	case t.Var != "":
		w.b = append(w.b, '$')
		w.s(t.Var)
	default:
		w.str(t.Value)
	}
}

func (w *printer) idents(list []Ident) {
	w.s("(")
	for i, id := range list {
		w.comma(i)
		w.ident(id)
	}
	w.s(")")
}

func (w *printer) comma(i int) {
	if i > 0 {
		w.s(", ")
	}
}

func (w *printer) stage(s *StagePath) {
	switch {
	case s.Param != nil:
		w.text(s.Param)
		return
	case s.Quoted:
		w.str(s.String())
		return
	}
	text := s.String()
	if rawEnd(text, 0) == len(text) {
		w.s(text)
		return
	}
	w.str(text)
}

// String is the path as a text: @DB.S.ST/p, @~/p, @%T/p, snow://….
func (s *StagePath) String() string {
	if s.URL != "" {
		return s.URL
	}
	w := printer{b: []byte{'@'}}
	switch {
	case s.User:
		w.s("~")
	case s.Table != nil:
		n := len(s.Table.Parts)
		for _, part := range s.Table.Parts[:max(n-1, 0)] {
			if part.Name != "" {
				w.ident(part)
			}
			w.s(".")
		}
		w.s("%")
		if n > 0 {
			w.ident(s.Table.Parts[n-1])
		}
	default:
		w.parts(s.Stage.Parts)
	}
	if s.Path != "" {
		w.s("/")
		w.s(s.Path)
	}
	return string(w.b)
}

func (w *printer) typ(t *TypeName) {
	w.s(t.Name)
	switch {
	case t.Elem != nil:
		w.s("(")
		w.elem(t.Elem)
		for _, n := range t.Args {
			w.s(", ")
			w.num(int64(n))
		}
		w.s(")")
	case t.Fields != nil:
		w.s("(")
		for i := range t.Fields {
			f := &t.Fields[i]
			w.comma(i)
			if f.Name.Name != "" {
				w.ident(f.Name)
				w.s(" ")
			}
			w.elem(&f.Type)
			w.flag(f.NotNull, "NOT NULL")
		}
		w.s(")")
	case t.Args != nil:
		w.s("(")
		for i, n := range t.Args {
			w.comma(i)
			w.num(int64(n))
		}
		w.s(")")
	}
}

func (w *printer) elem(t *TypeName) {
	w.typ(t)
	w.flag(t.NotNull, "NOT NULL")
}
