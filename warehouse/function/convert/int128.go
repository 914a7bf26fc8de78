// Package convert reads and writes Snowflake's texts of values and does its exact arithmetic: plain Go, without DuckDB, so
// that the binder can use it too. Errors are Snowflake's.
package convert

import (
	"math"
	"math/big"
	"math/bits"

	"firn/sqlerr"
)

// Int128 is a signed 128-bit integer as DuckDB lays a HUGEINT out: an exact number without its scale.
type Int128 struct {
	Lo uint64
	Hi int64
}

// FromInt64 widens.
func FromInt64(v int64) Int128 { return Int128{uint64(v), v >> 63} }

// Int64 is v's value where it fits.
func (v Int128) Int64() (int64, bool) {
	return int64(v.Lo), v.Hi == int64(v.Lo)>>63
}

// Neg is -v.
func (v Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, v.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(v.Hi), borrow)
	return Int128{lo, int64(hi)}
}

// IsZero says v == 0.
func (v Int128) IsZero() bool { return v.Lo == 0 && v.Hi == 0 }

// Sign is -1, 0 or 1.
func (v Int128) Sign() int {
	if v.Hi < 0 {
		return -1
	}
	if v.IsZero() {
		return 0
	}
	return 1
}

// Cmp compares.
func (v Int128) Cmp(w Int128) int {
	switch {
	case v.Hi < w.Hi || v.Hi == w.Hi && v.Lo < w.Lo:
		return -1
	case v == w:
		return 0
	}
	return 1
}

// Add is v + w, wrapping.
func (v Int128) Add(w Int128) Int128 {
	lo, carry := bits.Add64(v.Lo, w.Lo, 0)
	hi, _ := bits.Add64(uint64(v.Hi), uint64(w.Hi), carry)
	return Int128{lo, int64(hi)}
}

// abs gives the magnitude and whether v was negative.
func (v Int128) abs() (hi, lo uint64, neg bool) {
	if v.Hi < 0 {
		n := v.Neg()
		return uint64(n.Hi), n.Lo, true
	}
	return uint64(v.Hi), v.Lo, false
}

func signed(hi, lo uint64, neg bool) Int128 {
	v := Int128{lo, int64(hi)}
	if neg {
		return v.Neg()
	}
	return v
}

// Big is v as a big integer.
func (v Int128) Big() *big.Int {
	hi, lo, neg := v.abs()
	b := new(big.Int).SetUint64(hi)
	b.Lsh(b, 64).Add(b, new(big.Int).SetUint64(lo))
	if neg {
		b.Neg(b)
	}
	return b
}

var (
	mask64 = new(big.Int).SetUint64(math.MaxUint64)
	pow38  = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
)

// fromBig is false where 38 digits do not hold b.
func fromBig(b *big.Int) (Int128, bool) {
	if b.CmpAbs(pow38) >= 0 {
		return Int128{}, false
	}
	m := new(big.Int).Abs(b)
	lo := new(big.Int).And(m, mask64).Uint64()
	hi := new(big.Int).Rsh(m, 64).Uint64()
	return signed(hi, lo, b.Sign() < 0), true
}

// pow10 is 10^n for n up to 19; tens up to 38 as two words.
var pow10 [20]uint64

var tens [39][2]uint64 // hi, lo

var maxDecimal Int128 // 10^38 - 1

var _ = fillPowers()

func fillPowers() bool {
	p := big.NewInt(1)
	ten := big.NewInt(10)
	for i := range tens {
		if i < len(pow10) {
			pow10[i] = p.Uint64()
		}
		tens[i] = [2]uint64{new(big.Int).Rsh(p, 64).Uint64(), new(big.Int).And(p, mask64).Uint64()}
		if i == 38 {
			maxDecimal, _ = fromBig(new(big.Int).Sub(p, big.NewInt(1)))
		}
		p = new(big.Int).Mul(p, ten)
	}
	return true
}

// div128 divides two words by one, giving two words and a remainder.
func div128(hi, lo, d uint64) (qhi, qlo, r uint64) {
	qhi, r = hi/d, hi%d
	qlo, r = bits.Div64(r, lo, d)
	return qhi, qlo, r
}

func fits38(hi, lo uint64) bool {
	return hi < uint64(maxDecimal.Hi) || hi == uint64(maxDecimal.Hi) && lo <= maxDecimal.Lo
}

// OutOfRange is what arithmetic answers where 38 digits do not hold the result.
func OutOfRange(text string) error {
	return sqlerr.New(100039, "22003", "Numeric value '%s' is out of range", text)
}

// DivisionByZero is 100051.
func DivisionByZero() error { return sqlerr.New(100051, "22012", "Division by zero") }

// Div is a/b rounded half away from zero to the scale s; a has the scale sa, b sb.
func Div(a Int128, sa int, b Int128, sb int, s int) (Int128, error) {
	if b.IsZero() {
		return Int128{}, DivisionByZero()
	}
	e := s + sb - sa
	ah, al, an := a.abs()
	bh, bl, bn := b.abs()
	if e >= 0 && e <= 19 && ah == 0 && bh == 0 {
		h, l := bits.Mul64(al, pow10[e])
		qh, ql, r := div128(h, l, bl)
		if r >= bl-r {
			var c uint64
			ql, c = bits.Add64(ql, 1, 0)
			qh += c
		}
		if fits38(qh, ql) {
			return signed(qh, ql, an != bn), nil
		}
	}
	n, d := a.Big(), b.Big()
	n.Abs(n)
	d.Abs(d)
	if e >= 0 {
		n.Mul(n, bigPow(e))
	} else {
		d.Mul(d, bigPow(-e))
	}
	q := roundQuo(n, d)
	if an != bn {
		q.Neg(q)
	}
	v, ok := fromBig(q)
	if !ok {
		return v, OutOfRange(DecimalBig(q, s))
	}
	return v, nil
}

// roundQuo is n/d of magnitudes, half away from zero.
func roundQuo(n, d *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	if r.Lsh(r, 1).CmpAbs(d) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

func bigPow(e int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(e)), nil)
}

// Mul is a*b rounded half away from zero to the scale s.
func Mul(a Int128, sa int, b Int128, sb int, s int) (Int128, error) {
	drop := sa + sb - s
	ah, al, an := a.abs()
	bh, bl, bn := b.abs()
	if ah == 0 && bh == 0 && drop >= 0 && drop <= 19 {
		h, l := bits.Mul64(al, bl)
		if drop > 0 {
			d := pow10[drop]
			var r uint64
			h, l, r = div128(h, l, d)
			if r >= d-r {
				var c uint64
				l, c = bits.Add64(l, 1, 0)
				h += c
			}
		}
		if fits38(h, l) {
			return signed(h, l, an != bn), nil
		}
	}
	p := new(big.Int).Mul(a.Big(), b.Big())
	neg := p.Sign() < 0
	p.Abs(p)
	if drop > 0 {
		p = roundQuo(p, bigPow(drop))
	} else if drop < 0 {
		p.Mul(p, bigPow(-drop))
	}
	if neg {
		p.Neg(p)
	}
	v, ok := fromBig(p)
	if !ok {
		return v, OutOfRange(DecimalBig(p, s))
	}
	return v, nil
}

// Mod is a % b with the sign of a, at the scale s, which is the larger of the two.
func Mod(a Int128, sa int, b Int128, sb int, s int) (Int128, error) {
	if b.IsZero() {
		return Int128{}, DivisionByZero()
	}
	if sa == s && sb == s {
		x, ok1 := a.Int64()
		y, ok2 := b.Int64()
		if ok1 && ok2 && y != -1 {
			return FromInt64(x % y), nil
		}
	}
	x := new(big.Int).Mul(a.Big(), bigPow(s-sa))
	y := new(big.Int).Mul(b.Big(), bigPow(s-sb))
	v, _ := fromBig(x.Rem(x, y))
	return v, nil
}

// Rounding modes of Round.
const (
	HalfAway = iota
	Up       // towards +infinity
	Down     // towards -infinity
	Toward   // towards zero
)

// Round brings v from the scale sv to n digits after the point (n may be negative) by a mode, and gives it at the scale s.
func Round(v Int128, sv, n, s, mode int) (Int128, error) {
	if n > sv {
		n = sv
	}
	drop := sv - n
	if drop > 77 {
		drop = 77
	}
	x := v.Big()
	if drop > 0 {
		d := bigPow(drop)
		q, r := new(big.Int).QuoRem(x, d, new(big.Int))
		switch mode {
		case HalfAway:
			if r.CmpAbs(new(big.Int).Rsh(d, 1)) >= 0 && r.Sign() != 0 {
				if new(big.Int).Lsh(new(big.Int).Abs(r), 1).Cmp(d) >= 0 {
					q.Add(q, big.NewInt(int64(v.Sign())))
				}
			}
		case Up:
			if r.Sign() > 0 {
				q.Add(q, big.NewInt(1))
			}
		case Down:
			if r.Sign() < 0 {
				q.Sub(q, big.NewInt(1))
			}
		}
		x = q
	}
	if s > n {
		x.Mul(x, bigPow(s-n))
	} else if s < n {
		x.Quo(x, bigPow(n-s))
	}
	out, ok := fromBig(x)
	if !ok {
		return out, OutOfRange(DecimalBig(x, s))
	}
	return out, nil
}

// Rescale brings v to another scale, half away from zero.
func Rescale(v Int128, from, to int) (Int128, error) {
	if from == to {
		return v, nil
	}
	return Mul(v, from, FromInt64(1), 0, to)
}

// ToFloat is the nearest double.
func ToFloat(v Int128, scale int) float64 {
	if n, ok := v.Int64(); ok && n < 1<<53 && n > -1<<53 && scale <= 22 {
		return float64(n) / math.Pow10(scale)
	}
	f, _ := new(big.Rat).SetFrac(v.Big(), bigPow(scale)).Float64()
	return f
}

// FromFloat rounds half away from zero to a scale.
func FromFloat(f float64, scale int) (Int128, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Int128{}, OutOfRange(FloatText(f))
	}
	if x := f * math.Pow10(scale); math.Abs(x) < 1<<52 && scale <= 15 {
		// The product may be one step off the decimal that the double is written as: digits decide.
		if r := math.Round(x); math.Abs(math.Abs(x-math.Trunc(x))-0.5) > 1e-6 {
			return FromInt64(int64(r)), nil
		}
	}
	return Decimal(formatFloat(f), scale)
}

// DivMod10 is v/10 and the remainder's magnitude.
func (v Int128) DivMod10() (Int128, uint64) {
	hi, lo, neg := v.abs()
	qh, ql, r := div128(hi, lo, 10)
	return signed(qh, ql, neg), r
}
