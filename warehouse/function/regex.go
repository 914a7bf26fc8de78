package function

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"firn/sqlerr"
)

// patterns keeps a chunk's last compiled pattern; most are constant.
type patterns struct {
	pattern, params string
	re              *regexp.Regexp
	whole           bool
}

// get compiles a pattern by Snowflake's parameters: c, i, m, e, s (page "Regular expression functions").
func (p *patterns) get(pattern, params string) (*regexp.Regexp, error) {
	if p.re != nil && p.pattern == pattern && p.params == params {
		return p.re, nil
	}
	flags := ""
	for _, c := range params {
		switch c {
		case 'c':
			flags = strings.ReplaceAll(flags, "i", "")
		case 'i', 'm', 's':
			flags += string(c)
		case 'e':
		default:
			return nil, sqlerr.New(100034, "22023", "Invalid regular expression parameter '%c'", c)
		}
	}
	expr := pattern
	if p.whole {
		expr = `\A(?:` + pattern + `)\z`
	}
	if flags != "" {
		expr = "(?" + flags + ")" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		if strings.Contains(err.Error(), "invalid or unsupported Perl syntax") || strings.Contains(pattern, `\1`) {
			return nil, sqlerr.Unsupported("regular expression '%s' (look-around or back-reference)", pattern)
		}
		return nil, sqlerr.New(100048, "2201B", "Invalid regular expression: '%s', %v", pattern, err)
	}
	p.pattern, p.params, p.re = strings.Clone(pattern), strings.Clone(params), re
	return re, nil
}

// offset is where a search from a 1-based character position starts.
func byteOffset(s string, position int64) (int, error) {
	if position < 1 {
		return 0, sqlerr.New(100034, "22023", "Invalid position %d", position)
	}
	i := 0
	for ; position > 1 && i < len(s); position-- {
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return i, nil
}

func regexSpecs() []spec {
	return []spec{
		{name: "sf_rlike", args: []kind{textKind, textKind, textKind}, ret: boolKind, run: func(c *chunk) error {
			p := patterns{whole: true}
			return c.rows(func(i int) error {
				re, err := p.get(c.in[1].text(i), c.in[2].text(i))
				if err != nil {
					return err
				}
				*at[bool](&c.out, i) = re.Match(c.in[0].bytes(i))
				return nil
			})
		}},
		{name: "sf_regexp_count", args: []kind{textKind, textKind, bigKind, textKind}, ret: decimal0, run: func(c *chunk) error {
			var p patterns
			return c.rows(func(i int) error {
				re, err := p.get(c.in[1].text(i), c.in[3].text(i))
				if err != nil {
					return err
				}
				s := c.in[0].text(i)
				from, err := byteOffset(s, c.in[2].int64(i))
				if err != nil {
					return err
				}
				setDecimal(c, i, int64(len(re.FindAllStringIndex(s[from:], -1))))
				return nil
			})
		}},
		{name: "sf_regexp_substr", args: []kind{textKind, textKind, bigKind, bigKind, textKind, bigKind}, ret: textKind, run: func(c *chunk) error {
			var p patterns
			return c.rows(func(i int) error {
				s, m, err := find(c, &p, i, 4)
				if err != nil {
					return err
				}
				g := c.in[5].int64(i)
				if g < 0 {
					// 'e' without a group means the first.
					g = 0
					if strings.Contains(c.in[4].text(i), "e") {
						g = 1
					}
				}
				if m == nil || int(g) >= len(m)/2 || m[2*g] < 0 {
					c.null(i)
					return nil
				}
				c.out.setText(i, s[m[2*g]:m[2*g+1]])
				return nil
			})
		}},
		{name: "sf_regexp_instr", args: []kind{textKind, textKind, bigKind, bigKind, bigKind, textKind}, ret: decimal0, run: func(c *chunk) error {
			var p patterns
			return c.rows(func(i int) error {
				s, m, err := find(c, &p, i, 5)
				if err != nil {
					return err
				}
				n := int64(0)
				if m != nil {
					at := m[0]
					if c.in[4].int64(i) == 1 {
						at = m[1]
					}
					start, _ := byteOffset(s, 1)
					n = int64(utf8.RuneCountInString(c.in[0].text(i))) - int64(utf8.RuneCountInString(s[at:])) + 1 + int64(start)
				}
				setDecimal(c, i, n)
				return nil
			})
		}},
		{name: "sf_regexp_replace", args: []kind{textKind, textKind, textKind, bigKind, bigKind, textKind}, ret: textKind, run: func(c *chunk) error {
			var p patterns
			return c.rows(func(i int) error {
				re, err := p.get(c.in[1].text(i), c.in[5].text(i))
				if err != nil {
					return err
				}
				s := c.in[0].text(i)
				from, err := byteOffset(s, c.in[3].int64(i))
				if err != nil {
					return err
				}
				c.buf = append(c.buf[:0], s[:from]...)
				rest := s[from:]
				last := 0
				occurrence := c.in[4].int64(i)
				for k, m := range re.FindAllStringSubmatchIndex(rest, -1) {
					if occurrence > 0 && int64(k+1) != occurrence {
						continue
					}
					c.buf = append(c.buf, rest[last:m[0]]...)
					c.buf = appendReplacement(c.buf, c.in[2].text(i), rest, m)
					last = m[1]
				}
				c.buf = append(c.buf, rest[last:]...)
				c.out.setBytes(i, c.buf)
				return nil
			})
		}},
	}
}

// find is the wanted occurrence from the wanted position: arguments text, pattern, position, occurrence and, at params, the parameters.
func find(c *chunk, p *patterns, i, params int) (string, []int, error) {
	re, err := p.get(c.in[1].text(i), c.in[params].text(i))
	if err != nil {
		return "", nil, err
	}
	s := c.in[0].text(i)
	from, err := byteOffset(s, c.in[2].int64(i))
	if err != nil {
		return "", nil, err
	}
	s = s[from:]
	n := c.in[3].int64(i)
	if n < 1 {
		return "", nil, sqlerr.New(100034, "22023", "Invalid occurrence %d", n)
	}
	all := re.FindAllStringSubmatchIndex(s, int(min(n, 1<<30)))
	if int64(len(all)) < n {
		return s, nil, nil
	}
	return s, all[n-1], nil
}

// appendReplacement writes a replacement, \1 … \9 being groups.
func appendReplacement(b []byte, r, s string, m []int) []byte {
	for i := 0; i < len(r); i++ {
		if r[i] == '\\' && i+1 < len(r) {
			i++
			if g := int(r[i] - '0'); r[i] >= '0' && r[i] <= '9' {
				if g < len(m)/2 && m[2*g] >= 0 {
					b = append(b, s[m[2*g]:m[2*g+1]]...)
				}
				continue
			}
		}
		b = append(b, r[i])
	}
	return b
}
