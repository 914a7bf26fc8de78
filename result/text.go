package result

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const hexLower = "0123456789abcdef"

// AppendQuoted appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD: a reply is always valid JSON.
func AppendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\ufffd"...)
				i++
				start = i
				continue
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexLower[c>>4], hexLower[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendReal is a FLOAT's text: the shortest that reads back the same.
func appendReal(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

// appendScaled writes an integer of 10^-scale units as a decimal with exactly scale digits.
func appendScaled(b []byte, n int64, scale int) []byte {
	if scale <= 0 {
		return strconv.AppendInt(b, n, 10)
	}
	u := uint64(n)
	if n < 0 {
		b = append(b, '-')
		u = -u
	}
	var d [40]byte
	s := strconv.AppendUint(d[:0], u, 10)
	return appendPointed(b, s, scale)
}

// appendPointed writes the digits with a point before the last scale of them.
func appendPointed(b, digits []byte, scale int) []byte {
	if scale <= 0 {
		return append(b, digits...)
	}
	if k := len(digits) - scale; k > 0 {
		b = append(b, digits[:k]...)
		b = append(b, '.')
		return append(b, digits[k:]...)
	}
	b = append(b, '0', '.')
	for i := len(digits); i < scale; i++ {
		b = append(b, '0')
	}
	return append(b, digits...)
}

// appendBig is appendScaled for numbers of any width.
func appendBig(b []byte, n *big.Int, scale int) []byte {
	s := n.String()
	if s[0] == '-' {
		b = append(b, '-')
		s = s[1:]
	}
	return appendPointed(b, []byte(s), scale)
}

// appendSeconds writes sec and nanoseconds of it (0..999999999, always forward) as a signed decimal of scale digits.
func appendSeconds(b []byte, sec int64, ns int64, scale int) []byte {
	ns = ns / unit(scale) * unit(scale) // cut, towards the past
	if sec < 0 && ns > 0 {              // -0.25 s is sec -1, ns 750000000
		sec++
		ns -= 1e9
	}
	if sec < 0 || ns < 0 {
		b = append(b, '-')
		sec, ns = -sec, -ns
	}
	b = strconv.AppendInt(b, sec, 10)
	if scale <= 0 {
		return b
	}
	var d [9]byte
	for i := 8; i >= 0; i-- {
		d[i] = byte('0' + ns%10)
		ns /= 10
	}
	b = append(b, '.')
	return append(b, d[:min(scale, 9)]...)
}

// days is the number of days from 1970-01-01 to t's calendar day in its own zone.
func days(t time.Time) int64 {
	y, m, d := t.Date()
	s := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()
	return floorDiv(s, 86400)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// zoneMinutes is a TIMESTAMP_TZ's offset as the wire has it: minutes east of UTC, plus 1440.
func zoneMinutes(t time.Time) int64 {
	_, off := t.Zone()
	return int64(off/60) + 1440
}

// appendCell appends one cell of Result.Rows as the wire's JSON: a string, or null (client-protocol.md §2.3).
func appendCell(b []byte, t Type, v any) ([]byte, error) {
	if v == nil {
		return append(b, "null"...), nil
	}
	if raw, ok := v.(json.RawMessage); ok && raw == nil {
		return append(b, "null"...), nil
	}
	switch t.Kind {
	case Text:
		switch v := v.(type) {
		case string:
			return AppendQuoted(b, v), nil
		case json.RawMessage:
			return AppendQuoted(b, string(v)), nil
		case int64, int, int32, bool, float64:
			return AppendQuoted(b, fmt.Sprint(v)), nil
		}
	case Variant, Object, Array, Vector:
		switch v := v.(type) {
		case string:
			return AppendQuoted(b, v), nil
		case json.RawMessage:
			return AppendQuoted(b, string(v)), nil
		}
	case Fixed:
		b = append(b, '"')
		b, err := appendFixed(b, t.Scale, v)
		return append(b, '"'), err
	case Real:
		f, ok := toFloat(v)
		if ok {
			b = append(b, '"')
			b = appendReal(b, f)
			return append(b, '"'), nil
		}
	case Boolean:
		if v, ok := v.(bool); ok {
			if v {
				return append(b, `"1"`...), nil
			}
			return append(b, `"0"`...), nil
		}
	case Date:
		if v, ok := v.(time.Time); ok {
			b = append(b, '"')
			b = strconv.AppendInt(b, days(v), 10)
			return append(b, '"'), nil
		}
	case Time:
		if v, ok := v.(time.Duration); ok {
			b = append(b, '"')
			b = appendSeconds(b, int64(v/time.Second), int64(v%time.Second), t.Scale)
			return append(b, '"'), nil
		}
	case TimestampNTZ, TimestampLTZ, TimestampTZ:
		if v, ok := v.(time.Time); ok {
			b = append(b, '"')
			b = appendSeconds(b, v.Unix(), int64(v.Nanosecond()), t.Scale)
			if t.Kind == TimestampTZ {
				b = append(b, ' ')
				b = strconv.AppendInt(b, zoneMinutes(v), 10)
			}
			return append(b, '"'), nil
		}
	case Binary:
		switch v := v.(type) {
		case []byte:
			b = append(b, '"')
			b = appendHex(b, v)
			return append(b, '"'), nil
		case string:
			b = append(b, '"')
			b = appendHex(b, []byte(v))
			return append(b, '"'), nil
		}
	}
	return b, fmt.Errorf("result: a %T is no value of %s", v, t.SQL())
}

func appendHex(b, v []byte) []byte {
	n := len(b)
	b = hex.AppendEncode(b, v)
	for i := n; i < len(b); i++ {
		if b[i] >= 'a' {
			b[i] -= 'a' - 'A'
		}
	}
	return b
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

// toInt gives a whole number as int64, if it is one and fits.
func toInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case *big.Int:
		if v.IsInt64() {
			return v.Int64(), true
		}
	}
	return 0, false
}

// appendFixed writes a NUMBER's cell: whole numbers as they are, decimal texts padded or cut to scale digits.
func appendFixed(b []byte, scale int, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		n, err := unscaled(v, scale)
		if err != nil {
			return b, err
		}
		return appendBig(b, n, scale), nil
	case float64:
		return strconv.AppendFloat(b, v, 'f', scale, 64), nil
	case *big.Int:
		b = append(b, v.String()...)
	default:
		n, ok := toInt(v)
		if !ok {
			return b, fmt.Errorf("result: a %T is no value of NUMBER", v)
		}
		b = strconv.AppendInt(b, n, 10)
	}
	if scale > 0 {
		b = append(b, '.')
		for range scale {
			b = append(b, '0')
		}
	}
	return b, nil
}

// unscaled reads a decimal text as an integer of 10^-scale units.
func unscaled(s string, scale int) (*big.Int, error) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) > scale {
		frac = frac[:scale]
	}
	n, ok := new(big.Int).SetString(whole+frac+strings.Repeat("0", scale-len(frac)), 10)
	if !ok {
		return nil, fmt.Errorf("result: %q is no decimal number", s)
	}
	return n, nil
}

// number is a NUMBER's cell as an integer of 10^-scale units.
func number(v any, scale int) (*big.Int, error) {
	if f, ok := v.(float64); ok {
		v = strconv.FormatFloat(f, 'f', scale, 64)
	}
	if s, ok := v.(string); ok {
		return unscaled(s, scale)
	}
	n, ok := v.(*big.Int)
	if !ok {
		i, ok := toInt(v)
		if !ok {
			return nil, fmt.Errorf("result: a %T is no value of NUMBER", v)
		}
		n = big.NewInt(i)
	}
	if scale == 0 {
		return n, nil
	}
	return new(big.Int).Mul(n, pow10(scale)), nil
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
