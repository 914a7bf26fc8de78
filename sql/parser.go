package sql

import (
	"errors"
	"fmt"
	"strings"
)

// SyntaxError is the first place where the text is no SQL. Line counts from 1, Col (characters) from 0; Unexpected is the
// source of what stands there, "<EOF>" at the end and for a literal or comment that does not end.
type SyntaxError struct {
	Line, Col  int
	Unexpected string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("syntax error line %d at position %d unexpected '%s'.", e.Line, e.Col, e.Unexpected)
}

// DepthError is a text nested deeper than the parser follows.
type DepthError struct{ Line, Col int }

func (e *DepthError) Error() string {
	return fmt.Sprintf("statement is nested too deeply at line %d, position %d (limit: %d levels, or %d operators in a row)", e.Line, e.Col, maxDepth, maxLinks)
}

// MultipleError is several statements where one is wanted; errors.Is(err, ErrMultiple).
type MultipleError struct{ Count int }

func (e *MultipleError) Error() string {
	return fmt.Sprintf("%d statements where one is wanted", e.Count)
}

// Is makes a MultipleError an ErrMultiple.
func (e *MultipleError) Is(target error) bool { return target == ErrMultiple }

// What Parse says of a text that is not one statement.
var (
	ErrEmpty    = errors.New("empty statement")
	ErrMultiple = errors.New("several statements")
)

const (
	maxDepth = 500   // nested parentheses, queries, CASEs …
	maxLinks = 50000 // operators beyond the first hundred of a chain (a OR b OR …), all chains of a statement together
	maxChain = 100
	maxText  = 1 << 30 // bytes
	maxToken = 200     // characters of an unexpected token in an error
)

// parser is recursive descent over one token and, at times, the next. An error is kept and turns the rest of the text into its
// end, so no rule needs to look at it.
type parser struct {
	lexer
	tok    token
	ahead  token
	peeked bool
	last   int // end of the token before tok

	depth, links int
	params       int  // ? seen
	highest      int  // highest :n
	bindable     bool // something for Bind
	err          error

	// Select items before their number is known; inner SELECTs use what is behind base.
	scratch []SelectItem
	first   [4]SelectItem

	refs []column1 // memory for the next columns, made for several at once
}

func newParser(text string) *parser {
	p := &parser{lexer: newLexer(text)}
	p.scratch = p.first[:0]
	if len(text) > maxText {
		p.stop(&DepthError{Line: 1})
		return p
	}
	p.next(&p.tok)
	return p
}

func (p *parser) advance() {
	p.last = int(p.tok.end)
	if p.peeked {
		p.tok, p.peeked = p.ahead, false
		return
	}
	p.next(&p.tok)
}

func (p *parser) peek() *token {
	if !p.peeked {
		p.next(&p.ahead)
		p.peeked = true
	}
	return &p.ahead
}

// seek goes on at off, which is inside or behind the current token.
func (p *parser) seek(off int) {
	p.lexer.at, p.lexer.line, p.lexer.col = int(p.tok.off), int(p.tok.line), int(p.tok.col)
	p.lexer.off = off
	p.peeked = false
	p.next(&p.tok)
	p.last = off
}

type mark struct {
	lexer  lexer
	tok    token
	ahead  token
	peeked bool
	last   int
	params int
}

func (p *parser) mark() mark { return mark{p.lexer, p.tok, p.ahead, p.peeked, p.last, p.params} }

func (p *parser) reset(m mark) {
	p.lexer, p.tok, p.ahead, p.peeked, p.last, p.params = m.lexer, m.tok, m.ahead, m.peeked, m.last, m.params
}

func (p *parser) fail() { p.failAt(&p.tok) }

func (p *parser) failAt(t *token) {
	if p.err != nil {
		return
	}
	e := &SyntaxError{Line: int(t.line), Col: int(t.col), Unexpected: "<EOF>"}
	if t.kind != kEOF && !p.open(t) {
		s := p.source(t)
		n := 0
		for i := range s {
			if n++; n > maxToken {
				s = s[:i]
				break
			}
		}
		e.Unexpected = s
	}
	p.stop(e)
}

// open says whether t is a literal, quoted name or comment without its end.
func (p *parser) open(t *token) bool {
	return t.kind == kBad && strings.IndexByte(`'"$/xX`, p.text[t.off]) >= 0 && int(t.end) == len(p.text)
}

// stop keeps err and ends the text here.
func (p *parser) stop(err error) {
	if p.err == nil {
		p.err = err
	}
	p.lexer.off = len(p.text)
	p.lexer.at = len(p.text)
	p.peeked = false
	p.tok = token{kind: kEOF, off: int32(len(p.text)), end: int32(len(p.text)), line: p.tok.line, col: p.tok.col}
}

func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.tooDeep()
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// link counts the n-th operator of a chain, which makes the tree deeper though not the parser's stack.
func (p *parser) link(n int) {
	if n > maxChain {
		if p.links++; p.links > maxLinks {
			p.tooDeep()
		}
	}
}

func (p *parser) tooDeep() { p.stop(&DepthError{Line: int(p.tok.line), Col: int(p.tok.col)}) }

func (p *parser) is(word string) bool { return p.tok.word == word }

// peekIs looks at the next token.
func (p *parser) peekIs(word string) bool { return p.peek().word == word }

func (p *parser) accept(word string) bool {
	if p.tok.word != word {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(word string) {
	if p.tok.word != word {
		p.fail()
		return
	}
	p.advance()
}

// accept2 takes two words or none.
func (p *parser) accept2(a, b string) bool {
	if p.tok.word != a || !p.peekIs(b) {
		return false
	}
	p.advance()
	p.advance()
	return true
}

// acceptWords takes all of the blank-separated words or none.
func (p *parser) acceptWords(words string) bool {
	first, rest, more := strings.Cut(words, " ")
	if !p.is(first) {
		return false
	}
	m := p.mark()
	for {
		p.advance()
		if !more {
			return true
		}
		first, rest, more = strings.Cut(rest, " ")
		if !p.is(first) {
			p.reset(m)
			return false
		}
	}
}

// end says whether the statement ends here.
func (p *parser) end() bool {
	return p.tok.kind == kEOF || p.tok.word == ";" || p.tok.word == "->>"
}

func (p *parser) source(t *token) string { return p.text[t.off:t.end] }

func (p *parser) pos() Pos { return p.tok.pos() }

// Parse parses one statement; one or more ';' may follow it. Errors: ErrEmpty, *MultipleError, *SyntaxError, *DepthError.
func Parse(text string) (*Parsed, error) {
	p := newParser(text)
	for p.accept(";") {
	}
	if p.tok.kind == kEOF {
		return nil, ErrEmpty
	}
	s := p.flow()
	if p.err == nil && !p.end() {
		p.fail()
	}
	if p.err != nil {
		return nil, p.err
	}
	for p.accept(";") {
	}
	if p.tok.kind != kEOF {
		return nil, &MultipleError{Count: len(Split(text))}
	}
	d := &Parsed{Statement: s, Params: max(p.params, p.highest)}
	if p.bindable {
		d.collect()
		if err := d.resolve(false); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// ParseExpr parses one expression.
func ParseExpr(text string) (Expr, error) {
	p := newParser(text)
	x := p.expr()
	if p.err == nil && p.tok.kind != kEOF {
		p.fail()
	}
	if p.err != nil {
		return nil, p.err
	}
	return x, nil
}

// ParseType parses a type such as NUMBER(38, 0).
func ParseType(text string) (TypeName, error) {
	p := newParser(text)
	t := p.typeName()
	if p.err == nil && p.tok.kind != kEOF {
		p.fail()
	}
	if p.err != nil {
		return TypeName{}, p.err
	}
	return t, nil
}

// Split cuts a text into its statements, without their ';'. Empty ones are left out. It never fails: what is no SQL stays in
// its piece, for Parse to say so. A Scripting block (BEGIN … END, also behind CREATE … AS) is one statement.
func Split(text string) []string {
	var out []string
	l := newLexer(text)
	var first, before string
	var any, block, opened bool // opened: the block's BEGIN was seen
	start, depth := 0, 0        // depth counts open BEGIN and CASE
	cut := func(end int) {
		if any {
			out = append(out, strings.TrimSpace(text[start:end]))
		}
		any, block, opened, depth, first, before = false, false, false, 0, "", ""
	}
	for t := l.scan(); t.kind != kEOF; {
		if t.word == "@" || t.kind == kWord && strings.HasPrefix(text[t.end:], "://") {
			// An unquoted path may hold what begins a comment elsewhere.
			l.off = rawEnd(text, int(t.off))
		}
		next := l.scan()
		if t.word == ";" && (!block || opened && depth == 0) {
			cut(int(t.off))
			start, t = int(t.end), next
			continue
		}
		switch {
		case !any:
			any, first = true, t.word
			block = first == "DECLARE" || first == "BEGIN" && !transactionWord(&next)
			if block && first == "BEGIN" {
				opened, depth = true, 1
			}
		case block || before == "AS" && (first == "CREATE" || first == "ALTER" || first == "WITH"):
			switch t.word {
			case "BEGIN":
				block, opened = true, true
				depth++
			case "DECLARE":
				block = true
			case "CASE":
				if block && before != "END" {
					depth++
				}
			case "END":
				switch next.word {
				case "IF", "FOR", "WHILE", "LOOP", "REPEAT":
				default:
					depth = max(depth-1, 0)
				}
			}
		}
		before, t = t.word, next
	}
	cut(len(text))
	return out
}

func transactionWord(t *token) bool {
	switch t.word {
	case "TRANSACTION", "WORK", "NAME", ";", "->>":
		return true
	}
	return t.kind == kEOF
}
