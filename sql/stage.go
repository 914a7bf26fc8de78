package sql

import (
	"strings"
	"unicode/utf8"
)

// rawEnd gives the end of an unquoted stage path or URL that begins at off: blanks, ';', ',' and parentheses end it, outside
// double quotes. Nothing in it is a comment.
func rawEnd(text string, off int) int {
	quoted := false
	for i := off; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c <= ' ', c == ';', c == ',', c == '(', c == ')', c == '\'':
			return i
		}
	}
	return len(text)
}

// fileEnd gives the end of an unquoted file:// path: only blanks and ';' end it.
func fileEnd(text string, off int) int {
	if n := strings.IndexAny(text[off:], " \t\r\n\f\v;"); n >= 0 {
		return off + n
	}
	return len(text)
}

func isURL(s string) bool {
	n := strings.Index(s, "://")
	if n <= 0 {
		return false
	}
	for i := range n {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// atStage says whether a stage path may begin here.
func (p *parser) atStage() bool {
	return p.is("@") || p.is("?") || p.is(":") || p.tok.kind == kString || p.tok.kind == kVar || p.tok.kind == kWord && strings.HasPrefix(p.text[p.tok.end:], "://")
}

// stagePath is @…, '@…', snow://…, 'snow://…', ? or $v.
func (p *parser) stagePath() StagePath {
	s := StagePath{Pos: p.pos()}
	switch {
	case p.is("@") || p.tok.kind == kWord && strings.HasPrefix(p.text[p.tok.end:], "://"):
		start := int(p.tok.off)
		end := rawEnd(p.text, start)
		if err := s.parse(p.text[start:end]); err != nil {
			p.stop(shift(err, s.Pos))
			return s
		}
		p.seek(end)
	case p.tok.kind == kString || p.tok.kind == kDollar:
		s.Quoted = true
		tok := p.tok
		s.Param = p.textRef()
		if err := s.parse(s.Param.Value); err != nil {
			p.failAt(&tok)
		}
	case p.atText():
		p.bindable = true
		s.Param = p.textRef()
	default:
		p.fail()
	}
	return s
}

// shift moves an error of a text inside the statement to where that text stands.
func shift(err error, pos Pos) error {
	if e, ok := err.(*SyntaxError); ok {
		if e.Line == 1 {
			e.Col += pos.Col
		}
		e.Line += pos.Line - 1
	}
	return err
}

// ParseStagePath parses a stage path as the value of a bind holds it: @db.s.st/a b, @~/p, @%t/p, snow://…, s3://…, maybe in
// single quotes. Blanks belong to the path.
func ParseStagePath(text string) (StagePath, error) {
	text = strings.TrimSpace(text)
	if len(text) > 1 && text[0] == '\'' {
		l := newLexer(text)
		if t := l.scan(); t.kind == kString && int(t.end) == len(text) {
			text = unescape(text)
		}
	}
	s := StagePath{Pos: Pos{Line: 1}}
	if err := s.parse(text); err != nil {
		return StagePath{}, err
	}
	return s, nil
}

// parse fills Stage, User, Table, URL and Path.
func (s *StagePath) parse(text string) error {
	s.Stage, s.User, s.Table, s.URL, s.Path = Name{Pos: s.Pos}, false, nil, "", ""
	if isURL(text) {
		s.URL = text
		return nil
	}
	bad := func(at int) error {
		e := &SyntaxError{Line: 1, Col: utf8.RuneCountInString(text[:at]), Unexpected: "<EOF>"}
		if rest := text[at:]; rest != "" {
			_, n := utf8.DecodeRuneInString(rest)
			e.Unexpected = rest[:n]
		}
		return e
	}
	if text == "" || text[0] != '@' {
		return bad(0)
	}
	i := 1
	if i < len(text) && text[i] == '~' {
		s.User = true
		i++
	}
	table := false
	var parts []Ident
	for !s.User {
		if i < len(text) && text[i] == '%' && !table {
			table = true
			i++
		}
		id := Ident{Pos: Pos{Line: s.Pos.Line, Col: s.Pos.Col + i, Off: s.Pos.Off + i}}
		if i < len(text) && text[i] == '"' {
			n := i + 1
			for n < len(text) && (text[n] != '"' || n+1 < len(text) && text[n+1] == '"') {
				if text[n] == '"' {
					n++
				}
				n++
			}
			if n >= len(text) || n == i+1 {
				return bad(i)
			}
			id.Name, id.Quoted = unquote(text[i:n+1]), true
			i = n + 1
		} else {
			n, _, _ := wordEnd(text, i)
			if n == i || text[i] == '$' || text[i] >= '0' && text[i] <= '9' {
				return bad(i)
			}
			id.Name = fold(text[i:n])
			i = n
		}
		parts = append(parts, id)
		if i == len(text) || text[i] != '.' {
			break
		}
		i++
		if i < len(text) && text[i] == '.' && len(parts) == 1 {
			parts = append(parts, Ident{Pos: s.Pos})
			i++
		}
		if len(parts) == 3 || table {
			return bad(i - 1)
		}
	}
	if table {
		s.Table = &Name{Parts: parts, Pos: s.Pos}
	} else {
		s.Stage.Parts = parts
	}
	if i < len(text) {
		if text[i] != '/' {
			return bad(i)
		}
		s.Path = text[i+1:]
	}
	return nil
}

// putEnd stretches a bare file:// path of PUT over blanks, up to the blanks before the stage: clients name the files that a
// wildcard found in the same bare form, whatever blanks are in their names. Without a stage behind it the path ends at end.
func putEnd(text string, start, end int) int {
	for at := end; at < len(text) && text[at] != ';'; at = fileEnd(text, at) {
		next := at
		for next < len(text) && strings.IndexByte(" \t\r\n\f\v", text[next]) >= 0 {
			next++
		}
		if next == len(text) {
			break
		}
		rest := text[next:]
		if rest[0] == '@' || rest[0] == '?' || strings.HasPrefix(rest, "'@") || strings.HasPrefix(rest, "'snow://") || strings.HasPrefix(rest, "snow://") {
			return at
		}
		at = next
	}
	return end
}

// local is the client's side of PUT (put) and GET: file://… bare or quoted, or a bind.
func (p *parser) local(put bool) Text {
	if p.is("FILE") && strings.HasPrefix(p.text[p.tok.end:], "://") {
		t := Text{Pos: p.pos()}
		start := int(p.tok.end) + len("://")
		end := fileEnd(p.text, start)
		if put {
			end = putEnd(p.text, start, end)
		}
		t.Value = p.text[start:end]
		p.seek(end)
		return t
	}
	if !p.atText() {
		p.fail()
		return Text{}
	}
	tok := p.tok
	t := p.textValue()
	if t.Param == 0 && t.Var == "" {
		rest, ok := cutFile(t.Value)
		if !ok {
			p.failAt(&tok)
		}
		t.Value = rest
	}
	return t
}

func cutFile(s string) (string, bool) {
	const scheme = "file://"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return s, false
	}
	return s[len(scheme):], true
}

func (p *parser) put() Statement {
	s := &Put{Pos: p.pos()}
	p.advance()
	s.Local = p.local(true)
	s.Stage = p.stagePath()
	s.Options = p.options()
	return s
}

func (p *parser) get() Statement {
	s := &Get{Pos: p.pos()}
	p.advance()
	s.Stage = p.stagePath()
	s.Local = p.local(false)
	s.Options = p.options()
	return s
}

func (p *parser) list(remove bool) Statement {
	s := &List{Remove: remove, Pos: p.pos()}
	p.advance()
	s.Stage = p.stagePath()
	if p.accept("PATTERN") {
		p.expect("=")
		s.Pattern = p.textRef()
	}
	return s
}

func (p *parser) copyInto() Statement {
	pos := p.pos()
	p.advance()
	if p.accept("FILES") {
		s := &CopyFiles{Pos: pos}
		p.expect("INTO")
		s.To = p.stagePath()
		p.expect("FROM")
		if p.is("(") {
			s.Query = p.parenQuery()
		} else {
			s.From = p.stagePath()
		}
		s.Options = p.options()
		return s
	}
	p.expect("INTO")
	if p.atStage() {
		return p.unload(pos)
	}
	s := &CopyTable{Pos: pos}
	s.Table = p.name()
	if p.is("(") {
		s.Columns = p.identList()
	}
	if p.accept("FROM") {
		if p.is("(") {
			s.Query = p.parenQuery()
		} else {
			from := p.stagePath()
			s.From = &from
		}
	} else if p.err == nil && !p.is("FILE_FORMAT") && !p.is("FILES") && !p.is("PATTERN") && !p.end() {
		p.fail()
	}
	s.Options = p.options()
	return s
}

func (p *parser) unload(pos Pos) Statement {
	s := &CopyStage{Pos: pos}
	s.To = p.stagePath()
	p.expect("FROM")
	if p.is("(") {
		s.Query = p.parenQuery()
	} else {
		n := p.name()
		s.Table = &n
	}
	if p.accept2("PARTITION", "BY") {
		s.Partition = p.expr()
	}
	s.Options = p.options()
	return s
}
