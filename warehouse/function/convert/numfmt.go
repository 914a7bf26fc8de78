package convert

import (
	"strings"

	"firn/sqlerr"
)

// NumberFormat writes an exact number by a fixed-position model (page "SQL format models"): digits 0 and 9, point . or D, group
// , or G, $, sign S or MI, FM, B. Exponents, hexadecimal and TM are refused by name.
func NumberFormat(v Int128, scale int, format string) (string, error) {
	m, err := parseModel(format)
	if err != nil {
		return "", err
	}
	d, err := Rescale(v, scale, min(37, m.frac))
	if err != nil {
		return "", err
	}
	neg := d.Sign() < 0
	if neg {
		d = d.Neg()
	}
	text := DecimalText(d, min(37, m.frac))
	whole, frac, _ := strings.Cut(text, ".")
	if whole == "0" && m.whole > 0 {
		whole = ""
	}
	if len(whole) > m.whole {
		n := m.whole + m.frac + 2
		return strings.Repeat("#", n), nil
	}
	whole = strings.Repeat(" ", m.whole-len(whole)) + whole
	var out []byte
	started := false
	wi, fi := 0, 0
	signAt := -1
	zero := false
	for _, e := range m.elements {
		switch e {
		case '0', '9':
			if !zero && wi < m.whole {
				c := whole[wi]
				wi++
				last := wi == m.whole
				if c == ' ' && (e == '0' || started || last && !m.blank) {
					c = '0'
				}
				if c != ' ' && !started {
					started = true
					signAt = len(out)
				}
				if c == ' ' && m.fill {
					continue
				}
				out = append(out, c)
				continue
			}
			if fi < len(frac) {
				c := frac[fi]
				fi++
				if e == '9' && m.fill && strings.Trim(frac[fi-1:], "0") == "" {
					continue
				}
				out = append(out, c)
			}
		case '.':
			if !started {
				started = true
				signAt = len(out)
			}
			zero = true
			out = append(out, '.')
		case ',':
			if started {
				out = append(out, ',')
			} else if !m.fill {
				out = append(out, ' ')
			}
		case '$':
			// printed before the first digit
		case 'S', 'M':
		default:
			out = append(out, e)
		}
	}
	if signAt < 0 {
		signAt = len(out)
	}
	prefix := ""
	if m.dollar {
		prefix = "$"
	}
	switch {
	case m.sign == 'S' && !m.signEnd:
		if neg {
			prefix = "-" + prefix
		} else {
			prefix = "+" + prefix
		}
	case m.sign == 0:
		if neg {
			prefix = "-" + prefix
		} else if !m.fill {
			prefix = " " + prefix
		}
	}
	s := string(out[:signAt]) + prefix + string(out[signAt:])
	switch {
	case m.sign == 'M':
		c := " "
		if neg {
			c = "-"
		} else if m.fill {
			c = ""
		}
		if m.signEnd {
			s += c
		} else {
			s = c + s
		}
	case m.sign == 'S' && m.signEnd:
		if neg {
			s += "-"
		} else {
			s += "+"
		}
	}
	if m.fill {
		s = strings.TrimLeft(s, " ")
	}
	return s, nil
}

type model struct {
	elements     []byte
	whole, frac  int
	sign         byte // S, M or 0
	signEnd      bool
	dollar, fill bool
	blank        bool
}

func parseModel(format string) (model, error) {
	var m model
	f := strings.ToUpper(format)
	point := false
	bad := func() (model, error) {
		return m, sqlerr.New(100140, "22007", "Bad output format model '%s' for FIXED", format)
	}
	for i := 0; i < len(f); i++ {
		switch c := f[i]; c {
		case '0', '9':
			m.elements = append(m.elements, c)
			if point {
				m.frac++
			} else {
				m.whole++
			}
		case '.', 'D':
			if point {
				return bad()
			}
			point = true
			m.elements = append(m.elements, '.')
		case ',', 'G':
			m.elements = append(m.elements, ',')
		case '$':
			m.dollar = true
		case 'B':
			m.blank = true
		case 'S':
			m.sign = 'S'
			m.signEnd = m.whole+m.frac > 0
		case 'M':
			if i+1 >= len(f) || f[i+1] != 'I' {
				return bad()
			}
			i++
			m.sign = 'M'
			m.signEnd = m.whole+m.frac > 0
		case 'F':
			if i+1 < len(f) && f[i+1] == 'M' {
				m.fill = true
				i++
				continue
			}
			return bad()
		case 'E', 'X', 'T':
			return m, sqlerr.Unsupported("number format model '%s'", format)
		case ' ', '-', '/', '(', ')', ':', ';':
			m.elements = append(m.elements, c)
		case '"':
			j := strings.IndexByte(format[i+1:], '"')
			if j < 0 {
				return bad()
			}
			m.elements = append(m.elements, format[i+1:i+1+j]...)
			i += j + 1
		default:
			return bad()
		}
	}
	return m, nil
}

// ParseNumberFormat reads a text by a fixed-position model.
func ParseNumberFormat(s, format string, scale int) (Int128, error) {
	m, err := parseModel(format)
	if err != nil {
		return Int128{}, err
	}
	bad := func() (Int128, error) {
		return Int128{}, sqlerr.New(100140, "22007", "Can't parse '%s' as number with format '%s'", s, format)
	}
	t := strings.TrimSpace(s)
	neg := false
	switch {
	case strings.HasPrefix(t, "-"):
		neg, t = true, t[1:]
	case strings.HasPrefix(t, "+"):
		t = t[1:]
	case strings.HasSuffix(t, "-") && m.signEnd:
		neg, t = true, t[:len(t)-1]
	}
	if m.dollar {
		t = strings.TrimPrefix(t, "$")
	}
	if strings.HasPrefix(t, "-") {
		neg, t = true, t[1:]
	}
	grouped := strings.IndexByte(string(m.elements), ',') >= 0
	if !grouped && strings.Contains(t, ",") {
		return bad()
	}
	t = strings.ReplaceAll(t, ",", "")
	whole, frac, _ := strings.Cut(t, ".")
	if len(whole) > m.whole || len(frac) > m.frac {
		return bad()
	}
	for _, c := range whole + frac {
		if c < '0' || c > '9' {
			return bad()
		}
	}
	if neg {
		t = "-" + t
	}
	return Decimal(t, scale)
}
