package variant

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"firn/sqlerr"
	"firn/warehouse/function/convert"
)

// Parse makes a blob of JSON text as PARSE_JSON reads it: lenient where Snowflake is (words in any case, unquoted keys,
// holes in arrays, a trailing comma in objects, NaN and Infinity). ok is false for a blank text or undefined: SQL NULL.
func Parse(text []byte) (blob []byte, ok bool, err error) {
	return ParseInto([]byte{Version}, text)
}

// ParseInto appends to dst, which holds the version byte.
func ParseInto(dst, text []byte) (blob []byte, ok bool, err error) {
	p := parser{s: text}
	p.blank()
	if p.i == len(p.s) {
		return nil, false, nil
	}
	start := len(dst)
	dst, err = p.value(dst, 0)
	if err == nil {
		p.blank()
		if p.i < len(p.s) {
			err = p.fail("unexpected character")
		}
	}
	if err != nil {
		return nil, false, err
	}
	return dst, dst[start] != tagUndefined, nil
}

// AppendJSON appends the value of a JSON text.
func AppendJSON(b, text []byte) ([]byte, error) {
	out, ok, err := ParseInto(b, text)
	if err != nil {
		return nil, err
	}
	if !ok {
		return AppendNull(b), nil
	}
	return out, nil
}

type parser struct {
	s []byte
	i int
}

// maxDepth bounds nesting: Snowflake's own limit is of this size.
const maxDepth = 1000

func (p *parser) fail(format string, args ...any) error {
	e := sqlerr.New(100069, "22P02", format, args...)
	e.Message = "Error parsing JSON: " + e.Message + ", pos " + strconv.Itoa(p.i+1)
	return e
}

func (p *parser) blank() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) value(b []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, p.fail("document is too deep")
	}
	p.blank()
	if p.i == len(p.s) {
		return nil, p.fail("incomplete document")
	}
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(b, depth)
	case c == '[':
		return p.array(b, depth)
	case c == '"' || c == '\'':
		s, err := p.text()
		if err != nil {
			return nil, err
		}
		return AppendText(b, s), nil
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9':
		return p.number(b)
	}
	w := p.word()
	switch strings.ToLower(w) {
	case "null":
		return AppendNull(b), nil
	case "true":
		return AppendBool(b, true), nil
	case "false":
		return AppendBool(b, false), nil
	case "undefined":
		return AppendUndefined(b), nil
	case "nan":
		return AppendDouble(b, math.NaN()), nil
	case "inf", "infinity":
		return AppendDouble(b, math.Inf(1)), nil
	case "":
		return nil, p.fail("unexpected character '%c'", p.s[p.i])
	}
	return nil, p.fail("unknown keyword \"%s\"", w)
}

func (p *parser) word() string {
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || p.i > start && c >= '0' && c <= '9') {
			break
		}
		p.i++
	}
	return string(p.s[start:p.i])
}

func (p *parser) number(b []byte) ([]byte, error) {
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E' {
			p.i++
			continue
		}
		break
	}
	t := string(p.s[start:p.i])
	if t == "-" || t == "+" {
		switch strings.ToLower(p.word()) {
		case "inf", "infinity":
			if t == "-" {
				return AppendDouble(b, math.Inf(-1)), nil
			}
			return AppendDouble(b, math.Inf(1)), nil
		}
	}
	out, err := appendNumberText(b, t)
	if err != nil {
		return nil, p.fail("invalid number \"%s\"", t)
	}
	return out, nil
}

// appendNumberText appends a written number: exact where 38 digits hold it and it has no exponent, else a double.
func appendNumberText(b []byte, t string) ([]byte, error) {
	if t == "." {
		return AppendInt(b, convert.Int128{}), nil
	}
	if !strings.ContainsAny(t, "eE") {
		frac := 0
		if i := strings.IndexByte(t, '.'); i >= 0 {
			frac = len(t) - i - 1
		}
		if frac <= 37 {
			if v, err := convert.Decimal(t, frac); err == nil {
				return AppendNumber(b, v, frac), nil
			}
		}
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, err
	}
	return AppendDouble(b, f), nil
}

func (p *parser) array(b []byte, depth int) ([]byte, error) {
	p.i++
	var elems []Value
	data := make([]byte, 0, 64)
	var ends []int
	wantValue := false
	for {
		p.blank()
		if p.i == len(p.s) {
			return nil, p.fail("missing ]")
		}
		switch p.s[p.i] {
		case ']':
			p.i++
			if wantValue {
				data = AppendUndefined(data)
				ends = append(ends, len(data))
			}
			from := 0
			elems = make([]Value, len(ends))
			for i, e := range ends {
				elems[i] = data[from:e]
				from = e
			}
			if len(ends) == 2 && len(data) == 2 && data[0] == tagUndefined && data[1] == tagUndefined && p.onlyCommas() {
				elems = elems[:1]
			}
			return AppendArray(b, elems), nil
		case ',':
			data = AppendUndefined(data)
			ends = append(ends, len(data))
			p.i++
			wantValue = true
			continue
		}
		var err error
		if data, err = p.value(data, depth+1); err != nil {
			return nil, err
		}
		ends = append(ends, len(data))
		p.blank()
		wantValue = false
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			wantValue = true
			continue
		}
		if p.i < len(p.s) && p.s[p.i] == ']' {
			continue
		}
		return nil, p.fail("missing comma or ]")
	}
}

// onlyCommas: an array written of commas only holds one hole for each comma.
func (p *parser) onlyCommas() bool {
	i := p.i - 2
	for i >= 0 && (p.s[i] == ',' || p.s[i] == ' ') {
		i--
	}
	return i >= 0 && p.s[i] == '['
}

func (p *parser) object(b []byte, depth int) ([]byte, error) {
	p.i++
	var members []Member
	for {
		p.blank()
		if p.i == len(p.s) {
			return nil, p.fail("missing }")
		}
		if p.s[p.i] == '}' {
			p.i++
			n := len(members)
			out := AppendObject(b, members)
			if Value(out[len(b):]).Len() != n {
				return nil, p.fail("duplicate object attribute")
			}
			return out, nil
		}
		var key []byte
		var err error
		if c := p.s[p.i]; c == '"' || c == '\'' {
			if key, err = p.text(); err != nil {
				return nil, err
			}
		} else if w := p.word(); w != "" {
			key = []byte(w)
		} else {
			return nil, p.fail("misplaced '%c'", c)
		}
		p.blank()
		if p.i == len(p.s) || p.s[p.i] != ':' {
			return nil, p.fail("missing colon")
		}
		p.i++
		p.blank()
		if p.i < len(p.s) && (p.s[p.i] == ',' || p.s[p.i] == '}') {
			return nil, p.fail("misplaced '%c'", p.s[p.i])
		}
		v, err := p.value(nil, depth+1)
		if err != nil {
			return nil, err
		}
		if v[0] == tagUndefined {
			v[0] = tagNull
		}
		members = append(members, Member{string(key), v})
		p.blank()
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			continue
		}
		if p.i < len(p.s) && p.s[p.i] == '}' {
			continue
		}
		return nil, p.fail("missing comma or }")
	}
}

// text reads a quoted text; the answer may be the input's own memory.
func (p *parser) text() ([]byte, error) {
	q := p.s[p.i]
	p.i++
	start := p.i
	for p.i < len(p.s) && p.s[p.i] != q && p.s[p.i] != '\\' {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == q {
		s := p.s[start:p.i]
		p.i++
		return s, nil
	}
	out := append([]byte(nil), p.s[start:p.i]...)
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		if c == q {
			return out, nil
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if p.i == len(p.s) {
			break
		}
		e := p.s[p.i]
		p.i++
		switch e {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, ok := p.hex4()
			if !ok {
				return nil, p.fail("invalid \\u escape")
			}
			if utf16.IsSurrogate(r) && p.i+1 < len(p.s) && p.s[p.i] == '\\' && p.s[p.i+1] == 'u' {
				p.i += 2
				low, ok := p.hex4()
				if !ok {
					return nil, p.fail("invalid \\u escape")
				}
				r = utf16.DecodeRune(r, low)
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, e)
		}
	}
	return nil, p.fail("unfinished string")
}

func (p *parser) hex4() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.s[p.i:p.i+4]), 16, 16)
	p.i += 4
	return rune(n), err == nil
}
