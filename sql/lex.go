package sql

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

type kind uint8

const (
	kEOF    kind = iota
	kWord        // unquoted; token.word is upper case
	kQuoted      // "…"
	kString      // '…'
	kDollar      // $$…$$
	kBinary      // x'…'
	kNumber      // 12, 1.5
	kFloat       // 1e3
	kPos         // $1
	kVar         // $name
	kOp          // token.word is the operator
	kBad         // a character that no token begins with, or an unterminated one (end at the text's end)
)

// token is one lexical unit. Its value is not decoded before somebody asks: literals may be megabytes.
type token struct {
	word      string // upper-case word or operator, "" for all other kinds
	off, end  int32
	line, col int32
	kind      kind
	class     class
}

func (t *token) pos() Pos { return Pos{Line: int(t.line), Col: int(t.col), Off: int(t.off)} }

// lexer walks the text once. Lines and columns are counted from the last known place on, never from the start.
type lexer struct {
	text string
	off  int

	at, line, col int // a place at or before off whose line and column are known
}

func newLexer(text string) lexer { return lexer{text: text, line: 1} }

// place moves the known place to off; columns count characters.
func (l *lexer) place(off int) {
	s := l.text[l.at:off]
	l.at = off
	if len(s) > 48 {
		if n := strings.Count(s, "\n"); n > 0 {
			l.line += n
			l.col = 0
			s = s[strings.LastIndexByte(s, '\n')+1:]
		}
		l.col += utf8.RuneCountInString(s)
		return
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			l.line++
			l.col = 0
		case c&0xC0 != 0x80:
			l.col++
		}
	}
}

// blanks skips white space and comments; false: a comment does not end.
func (l *lexer) blanks() bool {
	for l.off < len(l.text) {
		switch c := l.text[l.off]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.off++
		case c == '-' && strings.HasPrefix(l.text[l.off:], "--"), c == '/' && strings.HasPrefix(l.text[l.off:], "//"):
			n := strings.IndexByte(l.text[l.off:], '\n')
			if n < 0 {
				l.off = len(l.text)
				return true
			}
			l.off += n + 1
		case c == '/' && strings.HasPrefix(l.text[l.off:], "/*"):
			n := strings.Index(l.text[l.off+2:], "*/")
			if n < 0 {
				return false
			}
			l.off += n + 4
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.text[l.off:])
			if !unicode.IsSpace(r) && r != '\uFEFF' {
				return true
			}
			l.off += n
		default:
			return true
		}
	}
	return true
}

// next reads one token into t.
func (l *lexer) next(t *token) {
	ok := l.blanks()
	l.place(l.off)
	t.word, t.kind, t.class = "", kEOF, 0
	t.off, t.line, t.col = int32(l.off), int32(l.line), int32(l.col)
	switch {
	case !ok:
		t.kind = kBad
		l.off = len(l.text)
	case l.off < len(l.text):
		l.one(t)
	}
	t.end = int32(l.off)
}

func (l *lexer) scan() token {
	var t token
	l.next(&t)
	return t
}

// one reads the token that begins at l.off.
func (l *lexer) one(t *token) {
	s := l.text
	i := l.off
	c := s[i]
	var next byte
	if i+1 < len(s) {
		next = s[i+1]
	}
	switch {
	case (c == 'x' || c == 'X') && next == '\'':
		l.closed(t, kBinary, i+2, '\'')
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf:
		l.wordAt(t)
	case c == '\'':
		l.str(t)
	case c == '"':
		l.closed(t, kQuoted, i+1, '"')
	case c >= '0' && c <= '9' || c == '.' && next >= '0' && next <= '9':
		l.number(t)
	case c == '$':
		l.dollar(t)
	default:
		op := operator(s[i:])
		if op == "" {
			t.kind = kBad
			_, n := utf8.DecodeRuneInString(s[i:])
			l.off += n
			return
		}
		t.kind, t.word = kOp, op
		l.off += len(op)
	}
}

func operator(s string) string {
	var next byte
	if len(s) > 1 {
		next = s[1]
	}
	switch s[0] {
	case '(':
		return "("
	case ')':
		return ")"
	case ',':
		return ","
	case '.':
		return "."
	case ';':
		return ";"
	case '[':
		return "["
	case ']':
		return "]"
	case '{':
		return "{"
	case '}':
		return "}"
	case '+':
		return "+"
	case '*':
		return "*"
	case '/':
		return "/"
	case '%':
		return "%"
	case '?':
		return "?"
	case '@':
		return "@"
	case '~':
		return "~"
	case '-':
		if strings.HasPrefix(s, "->>") {
			return "->>"
		}
		if next == '>' {
			return "->"
		}
		return "-"
	case '=':
		if next == '>' {
			return "=>"
		}
		return "="
	case '<':
		if next == '=' {
			return "<="
		}
		if next == '>' {
			return "<>"
		}
		return "<"
	case '>':
		if next == '=' {
			return ">="
		}
		return ">"
	case '!':
		if next == '=' {
			return "!="
		}
		return "!"
	case '|':
		if next == '|' {
			return "||"
		}
	case ':':
		if next == ':' {
			return "::"
		}
		if next == '=' {
			return ":="
		}
		return ":"
	}
	return ""
}

// wordEnd gives the end of the identifier characters from i on, and whether any of them needs folding or is not ASCII.
func wordEnd(s string, i int) (end int, lower, wide bool) {
	for i < len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$':
			i++
		case c >= 'a' && c <= 'z':
			lower = true
			i++
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) {
				return i, lower, wide
			}
			wide = true
			i += n
		default:
			return i, lower, wide
		}
	}
	return i, lower, wide
}

func (l *lexer) wordAt(t *token) {
	start := l.off
	end, lower, wide := wordEnd(l.text, start)
	if r, _ := utf8.DecodeRuneInString(l.text[start:]); end == start || r >= utf8.RuneSelf && !unicode.IsLetter(r) {
		_, n := utf8.DecodeRuneInString(l.text[start:])
		t.kind = kBad
		l.off += n
		return
	}
	t.kind = kWord
	l.off = end
	raw := l.text[start:end]
	var buf [24]byte
	switch {
	case wide:
		t.word = foldWide(raw)
	case !lower:
		t.word = raw
		_, t.class = keyword(raw)
	case len(raw) <= len(buf):
		b := buf[:len(raw)]
		for i := range b {
			c := raw[i]
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			b[i] = c
		}
		if t.word, t.class = keyword(string(b)); t.word == "" {
			t.word = string(b)
		}
	default:
		t.word = strings.ToUpper(raw)
	}
}

// foldWide folds rune by rune, so that folding twice changes nothing.
func foldWide(s string) string { return strings.Map(unicode.ToUpper, s) }

// str reads '…' where \ escapes and ” is a quote.
func (l *lexer) str(t *token) {
	s := l.text
	for i := l.off + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			if i+1 < len(s) && s[i+1] == '\'' {
				i++
				continue
			}
			t.kind = kString
			l.off = i + 1
			return
		}
	}
	t.kind = kBad
	l.off = len(s)
}

// closed reads up to the closing quote; a doubled quote stands for one.
func (l *lexer) closed(t *token, k kind, i int, quote byte) {
	s := l.text
	for {
		n := strings.IndexByte(s[i:], quote)
		if n < 0 {
			t.kind = kBad
			l.off = len(s)
			return
		}
		i += n + 1
		if k == kQuoted && i < len(s) && s[i] == quote {
			i++
			continue
		}
		t.kind = k
		l.off = i
		return
	}
}

func (l *lexer) number(t *token) {
	s := l.text
	i := l.off
	digits := func() {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
	}
	t.kind = kNumber
	digits()
	if i < len(s) && s[i] == '.' {
		i++
		digits()
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && s[j] >= '0' && s[j] <= '9' {
			i = j
			digits()
			t.kind = kFloat
		}
	}
	l.off = i
}

func (l *lexer) dollar(t *token) {
	s := l.text
	i := l.off + 1
	if i >= len(s) {
		t.kind = kBad
		l.off = i
		return
	}
	c := s[i]
	switch {
	case c == '$':
		n := strings.Index(s[i+1:], "$$")
		if n < 0 {
			t.kind = kBad
			l.off = len(s)
			return
		}
		t.kind = kDollar
		l.off = i + 1 + n + 2
	case c >= '0' && c <= '9':
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		t.kind = kPos
		l.off = i
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
		l.off, _, _ = wordEnd(s, i)
		t.kind = kVar
	default:
		t.kind = kBad
		l.off = i
	}
}

// unquote gives the name in a kQuoted token's source.
func unquote(s string) string {
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '"') < 0 {
		return s
	}
	return strings.ReplaceAll(s, `""`, `"`)
}

// unescape gives the value of a kString token's source. An unknown escape drops its backslash.
func unescape(s string) string {
	s = s[1 : len(s)-1]
	i := strings.IndexByte(s, '\\')
	if q := strings.IndexByte(s, '\''); i < 0 || q >= 0 && q < i {
		i = q
	}
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for {
		b = append(b, s[:i]...)
		s = s[i:]
		if s[0] == '\'' {
			b = append(b, '\'')
			s = s[2:]
		} else {
			b, s = escape(b, s[1:])
		}
		i = 0
		for i < len(s) && s[i] != '\'' && s[i] != '\\' {
			i++
		}
		if i == len(s) {
			return string(append(b, s...))
		}
	}
}

// escape appends what the escape after a backslash means; s begins behind the backslash.
func escape(b []byte, s string) ([]byte, string) {
	c := s[0]
	switch c {
	case 'n':
		return append(b, '\n'), s[1:]
	case 't':
		return append(b, '\t'), s[1:]
	case 'r':
		return append(b, '\r'), s[1:]
	case 'b':
		return append(b, '\b'), s[1:]
	case 'f':
		return append(b, '\f'), s[1:]
	case '0', '1', '2', '3', '4', '5', '6', '7':
		if r, ok := digits(s, 3, 8); ok {
			return utf8.AppendRune(b, r), s[3:]
		}
		if c == '0' {
			return append(b, 0), s[1:]
		}
	case 'x':
		if r, ok := digits(s[1:], 2, 16); ok {
			return utf8.AppendRune(b, r), s[3:]
		}
	case 'u':
		if r, ok := digits(s[1:], 4, 16); ok {
			s = s[5:]
			if utf16.IsSurrogate(r) && strings.HasPrefix(s, `\u`) {
				if low, ok := digits(s[2:], 4, 16); ok {
					if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
						return utf8.AppendRune(b, pair), s[6:]
					}
				}
			}
			return utf8.AppendRune(b, r), s
		}
	}
	return append(b, c), s[1:]
}

func digits(s string, n int, base rune) (rune, bool) {
	if len(s) < n {
		return 0, false
	}
	var r rune
	for i := range n {
		c := rune(s[i])
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		if c >= base {
			return 0, false
		}
		r = r*base + c
	}
	return r, true
}
