package variant

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"firn/warehouse/function/convert"
)

// AppendSortKey appends bytes that compare as Snowflake orders VARIANTs (DESIGN.md).
func (v Value) AppendSortKey(b []byte) []byte {
	if n, scale, ok := v.Number(); ok {
		return appendNumberKey(b, convert.DecimalText(n, scale))
	}
	switch v[0] {
	case tagFalse:
		return append(b, 1, 0)
	case tagTrue:
		return append(b, 1, 1)
	case tagDouble:
		f, _ := v.Double()
		switch {
		case math.IsNaN(f):
			return append(b, 2, 5)
		case math.IsInf(f, 1):
			return append(b, 2, 4)
		case math.IsInf(f, -1):
			return append(b, 2, 0)
		}
		return appendNumberKey(b, strconv.FormatFloat(f, 'f', -1, 64))
	case tagText:
		s, _ := v.Text()
		return appendTextKey(append(b, 3), s, 0)
	case tagDate:
		d, _ := v.Date()
		return appendTimeKey(append(b, 4), int64(d)*86400000000)
	case tagTime:
		us, _ := v.Time()
		return appendTimeKey(append(b, 5), us)
	case tagNTZ, tagLTZ, tagTZ:
		us, _, _ := v.Timestamp()
		return appendTimeKey(append(b, 4), us)
	case tagBinary:
		s, _ := v.Binary()
		return appendTextKey(append(b, 6), s, 0)
	case tagObject:
		b = append(b, 7)
		for i := range v.Len() {
			// At each place the larger key comes first.
			b = appendTextKey(append(b, 1), v.Key(i), 0xff)
			b = v.Elem(i).AppendSortKey(b)
		}
		return append(b, 0)
	case tagArray:
		b = append(b, 8)
		for i := range v.Len() {
			b = v.Elem(i).AppendSortKey(b)
		}
		return append(b, 0)
	case tagNull:
		return append(b, 9)
	}
	return append(b, 10)
}

func appendTimeKey(b []byte, us int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(us)^1<<63)
}

func appendTextKey(b, s []byte, invert byte) []byte {
	for _, c := range s {
		if c == 0 {
			b = append(b, 0^invert, 0xff^invert)
			continue
		}
		b = append(b, c^invert)
	}
	return append(b, 0^invert, 0^invert)
}

// appendNumberKey writes sign, exponent and digits; a negative number's are inverted.
func appendNumberKey(b []byte, s string) []byte {
	invert := byte(0)
	sign := byte(3)
	if s[0] == '-' {
		invert, sign, s = 0xff, 1, s[1:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	digits := strings.TrimLeft(whole, "0")
	exp := len(digits)
	if exp == 0 {
		t := strings.TrimLeft(frac, "0")
		exp = len(t) - len(frac)
		digits = t
	} else {
		digits += frac
	}
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return append(b, 2, 2)
	}
	b = append(b, 2, sign)
	e := uint16(exp + 0x8000)
	b = append(b, byte(e>>8)^invert, byte(e)^invert)
	for i := 0; i < len(digits); i++ {
		b = append(b, digits[i]^invert)
	}
	return append(b, 0^invert)
}
