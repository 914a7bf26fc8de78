package bind

import (
	"strings"

	"firn/sql"
)

// itemTexts are the source texts of a select list, upper-cased: Snowflake names an output without alias by them. They are cut
// from the statement's own text; a view's query, whose text that is not, is written from the tree.
func (b *binder) itemTexts(s *sql.Select) []string {
	out := make([]string, len(s.Items))
	if b.views == 0 && b.sc != nil {
		if cuts, ok := cutItems(b.sc.Text, s.Pos.Off, len(s.Items)); ok {
			copy(out, cuts)
			return out
		}
	}
	for i := range s.Items {
		out[i] = "EXPR$" + itoa(i+1)
		if l, ok := s.Items[i].X.(*sql.Literal); ok {
			out[i] = strings.ToUpper(l.Text)
		}
		if c, ok := s.Items[i].X.(*sql.Call); ok {
			out[i] = callName(c) + "(…)"
		}
	}
	return out
}

// cutItems splits a SELECT list at its commas. at is the offset of SELECT.
func cutItems(text string, at, n int) ([]string, bool) {
	if at < 0 || at+6 > len(text) || !strings.EqualFold(text[at:at+6], "SELECT") {
		return nil, false
	}
	i := at + 6
	var out []string
	depth, start := 0, -1
	end := func(stop int) {
		if start >= 0 {
			out = append(out, strings.ToUpper(strings.TrimRight(text[start:stop], " \t\r\n")))
		}
		start = -1
	}
	first := true
	for i < len(text) {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '-' && strings.HasPrefix(text[i:], "--"), c == '/' && strings.HasPrefix(text[i:], "//"):
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n + 1
			} else {
				i = len(text)
			}
			continue
		case c == '/' && strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				return nil, false
			}
			i += n + 4
			continue
		}
		if depth == 0 && start < 0 && first {
			// DISTINCT, ALL and TOP n stand before the first item.
			w := word(text[i:])
			switch strings.ToUpper(w) {
			case "DISTINCT", "ALL":
				i += len(w)
				continue
			case "TOP":
				i += len(w)
				for i < len(text) && (text[i] == ' ' || text[i] >= '0' && text[i] <= '9') {
					i++
				}
				first = false
				continue
			}
		}
		if depth == 0 {
			if c == ',' {
				end(i)
				i++
				first = false
				continue
			}
			if c == ')' || c == ';' {
				end(i)
				break
			}
			if w := word(text[i:]); w != "" && (i == 0 || !wordByte(text[i-1])) {
				switch strings.ToUpper(w) {
				case "FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "ORDER", "LIMIT", "OFFSET", "FETCH", "UNION", "INTERSECT", "EXCEPT", "MINUS", "INTO":
					end(i)
					return out, len(out) == n
				}
			}
		}
		if c == ')' && depth == 0 || c == ';' && depth == 0 {
			return out, len(out) == n
		}
		if start < 0 {
			start = i
		}
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '\'':
			i++
			for i < len(text) && text[i] != '\'' {
				if text[i] == '\\' {
					i++
				}
				i++
			}
		case '"':
			n := strings.IndexByte(text[i+1:], '"')
			if n < 0 {
				return nil, false
			}
			i += n + 1
		case '$':
			if strings.HasPrefix(text[i:], "$$") {
				n := strings.Index(text[i+2:], "$$")
				if n < 0 {
					return nil, false
				}
				i += n + 3
			}
		default:
			if w := word(text[i:]); w != "" {
				i += len(w)
				continue
			}
		}
		i++
	}
	end(min(i, len(text)))
	return out, len(out) == n
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func word(s string) string {
	i := 0
	for i < len(s) && wordByte(s[i]) {
		i++
	}
	return s[:i]
}
