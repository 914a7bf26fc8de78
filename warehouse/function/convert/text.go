package convert

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"firn/sqlerr"
)

func notRecognized(code int, state, what, s string) error {
	return sqlerr.New(code, state, "%s '%s' is not recognized", what, s)
}

// Decimal reads a text as an exact number of a scale, half away from zero: signs, a point, an exponent, blanks around.
func Decimal(s string, scale int) (Int128, error) {
	if n := len(s); scale == 0 && n > 0 && n <= 18 {
		// Most are a few digits.
		i, acc := 0, int64(0)
		if s[0] == '-' {
			i = 1
		}
		for ; i < n && s[i] >= '0' && s[i] <= '9'; i++ {
			acc = acc*10 + int64(s[i]-'0')
		}
		if i == n && s != "-" {
			if s[0] == '-' {
				acc = -acc
			}
			return FromInt64(acc), nil
		}
	}
	t := strings.TrimSpace(s)
	neg := false
	if t != "" && (t[0] == '-' || t[0] == '+') {
		neg = t[0] == '-'
		t = t[1:]
	}
	exp := 0
	if i := strings.IndexAny(t, "eE"); i >= 0 {
		e, err := strconv.Atoi(t[i+1:])
		if err != nil || e > 1000 || e < -1000 {
			return Int128{}, notRecognized(100038, "22018", "Numeric value", s)
		}
		exp, t = e, t[:i]
	}
	// Digits gather in one word while they fit; most numbers do.
	var acc uint64
	digits, frac, point := 0, 0, false
	small := true
	for i := 0; i < len(t); i++ {
		c := t[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			return Int128{}, notRecognized(100038, "22018", "Numeric value", s)
		}
		digits++
		if point {
			frac++
		}
		if acc > (math.MaxUint64-9)/10 {
			small = false
			continue
		}
		acc = acc*10 + uint64(c-'0')
	}
	if digits == 0 {
		return Int128{}, notRecognized(100038, "22018", "Numeric value", s)
	}
	from := frac - exp
	if small {
		v := signed(0, acc, neg)
		if from == scale {
			return v, nil
		}
		if d := scale - from; d > -60 && d < 60 || acc == 0 {
			if acc == 0 {
				return Int128{}, nil
			}
			return checked(Mul(v, from, FromInt64(1), 0, scale))(s)
		}
		if from > scale {
			return Int128{}, nil
		}
		return Int128{}, OutOfRange(s)
	}
	b, _ := new(big.Int).SetString(strings.Replace(t, ".", "", 1), 10)
	if d := from - scale; d > 0 {
		if d > len(t)+1 {
			return Int128{}, nil
		}
		b = roundQuo(b, bigPow(d))
	} else if d < 0 {
		if d < -80 {
			return Int128{}, OutOfRange(s)
		}
		b.Mul(b, bigPow(-d))
	}
	if neg {
		b.Neg(b)
	}
	v, ok := fromBig(b)
	if !ok {
		return v, OutOfRange(s)
	}
	return v, nil
}

func checked(v Int128, err error) func(s string) (Int128, error) {
	return func(s string) (Int128, error) {
		if err != nil {
			return v, OutOfRange(s)
		}
		return v, nil
	}
}

// DecimalText writes an exact number with exactly its scale's digits.
func DecimalText(v Int128, scale int) string {
	if n, ok := v.Int64(); ok {
		return point(strconv.FormatInt(n, 10), scale)
	}
	return DecimalBig(v.Big(), scale)
}

// DecimalBig is DecimalText of any size.
func DecimalBig(v *big.Int, scale int) string { return point(v.String(), scale) }

func point(s string, scale int) string {
	if scale == 0 {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if len(s) <= scale {
		s = strings.Repeat("0", scale-len(s)+1) + s
	}
	return sign + s[:len(s)-scale] + "." + s[len(s)-scale:]
}

// Float reads a text as FLOAT.
func Float(s string) (float64, error) {
	t := strings.TrimSpace(s)
	if f, err := strconv.ParseFloat(t, 64); err == nil && !strings.ContainsAny(t, "xX_pP") {
		return f, nil
	} else if err != nil && strings.HasSuffix(err.Error(), strconv.ErrRange.Error()) {
		return f, nil
	}
	return 0, notRecognized(100038, "22018", "Numeric value", s)
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'e', -1, 64) }

// FloatText is a FLOAT as text: the shortest digits that read back, an exponent from 1e15 on and below 1e-4.
func FloatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == 0:
		if math.Signbit(f) {
			return "-0"
		}
		return "0"
	}
	if a := math.Abs(f); a >= 1e-4 && a < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}

// Bool reads the texts of the page "TO_BOOLEAN".
func Bool(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "t", "yes", "y", "on", "1":
		return true, nil
	case "false", "f", "no", "n", "off", "0":
		return false, nil
	}
	return false, notRecognized(100037, "22018", "Boolean value", s)
}
