package convert

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// half is a/b at a scale, half away from zero, by big numbers: the slow reference.
func half(num, den *big.Int) *big.Int {
	n, d := new(big.Int).Abs(num), new(big.Int).Abs(den)
	q := roundQuo(n, d)
	if num.Sign()*den.Sign() < 0 {
		q.Neg(q)
	}
	return q
}

func TestExactArithmetic(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) Int128 {
		v := FromInt64(rapid.Int64().Draw(t, "lo"))
		if rapid.Bool().Draw(t, "wide") {
			w, err := Mul(v, 0, FromInt64(rapid.Int64Range(-1e18, 1e18).Draw(t, "by")), 0, 0)
			if err == nil {
				return w
			}
		}
		return v
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		sa, sb, s := rapid.IntRange(0, 20).Draw(t, "sa"), rapid.IntRange(0, 20).Draw(t, "sb"), rapid.IntRange(0, 20).Draw(t, "s")
		check := func(name string, got Int128, err error, want *big.Int) {
			if w, ok := fromBig(want); !ok {
				if err == nil {
					t.Fatalf("%s: %s does not fit and is no error", name, want)
				}
			} else if err != nil || got != w {
				t.Fatalf("%s(%s/%d, %s/%d, %d) = %s, %v; want %s", name, a.Big(), sa, b.Big(), sb, s, got.Big(), err, want)
			}
		}
		p := new(big.Int).Mul(a.Big(), b.Big())
		if d := sa + sb - s; d >= 0 {
			p = half(p, bigPow(d))
		} else {
			p.Mul(p, bigPow(-d))
		}
		got, err := Mul(a, sa, b, sb, s)
		check("Mul", got, err, p)
		if b.IsZero() {
			if _, err := Div(a, sa, b, sb, s); err == nil {
				t.Fatal("division by zero is no error")
			}
			return
		}
		n, d := a.Big(), b.Big()
		if e := s + sb - sa; e >= 0 {
			n.Mul(n, bigPow(e))
		} else {
			d.Mul(d, bigPow(-e))
		}
		got, err = Div(a, sa, b, sb, s)
		check("Div", got, err, half(n, d))
	})
}

func TestDecimalText(t *testing.T) {
	for _, c := range []struct {
		in    string
		scale int
		want  string // "" an error
	}{
		{"1", 0, "1"}, {" -1.50 ", 2, "-1.50"}, {"1.5", 0, "2"}, {"-1.5", 0, "-2"}, {"1.005", 2, "1.01"}, {"1e3", 0, "1000"}, {"1.5E-1", 2, "0.15"}, {".5", 1, "0.5"}, {"5.", 1, "5.0"}, {"+7", 0, "7"},
		{"99999999999999999999999999999999999999", 0, "99999999999999999999999999999999999999"}, {"0.00000000000000000000000000000000000001", 37, "0.0000000000000000000000000000000000000"},
		{"", 0, ""}, {"x", 0, ""}, {"1x", 0, ""}, {"1 2", 0, ""}, {"1e", 0, ""}, {"--1", 0, ""}, {".", 0, ""}, {"999999999999999999999999999999999999999", 0, ""}, {"1e99", 0, ""},
	} {
		v, err := Decimal(c.in, c.scale)
		if got := DecimalText(v, c.scale); (err != nil) != (c.want == "") || err == nil && got != c.want {
			t.Errorf("Decimal(%q, %d) = %s, %v; want %q", c.in, c.scale, got, err, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	la, err := Zone("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"2024-01-02": "2024-01-02T00:00:00-08:00", "2024-01-02 03:04:05": "2024-01-02T03:04:05-08:00", "2024-07-02T03:04:05.123456": "2024-07-02T03:04:05.123456-07:00",
		"2024-01-02 03:04:05 +0100": "2024-01-02T03:04:05+01:00", "2024-01-02T03:04:05Z": "2024-01-02T03:04:05Z", "2024-01-02 03:04": "2024-01-02T03:04:00-08:00",
		"05-Mar-2016": "2016-03-05T00:00:00-08:00", "03/05/2016 10:00:00": "2016-03-05T10:00:00-08:00", "Thu, 21 Dec 2000 16:01:07 +0200": "2000-12-21T16:01:07+02:00", "1700000000": "2023-11-14T14:13:20-08:00",
	} {
		got, err := Timestamp(in, "timestamp_tz", la)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s = %s, %v; want %s", in, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, in := range []string{"", "x", "2024-02-30", "2024-13-01", "2024-01-01 25:00:00", "2024-01-01 10:00:00 +99:00", "2024-01-01x"} {
		if got, err := Timestamp(in, "timestamp_ntz", time.UTC); err == nil {
			t.Errorf("%q is %s", in, got)
		}
	}
	if d, err := DateFormat("31.12.1999", "DD.MM.YYYY"); err != nil || d != 10956 {
		t.Errorf("DateFormat: %d, %v", d, err)
	}
}

func FuzzTexts(f *testing.F) {
	for _, s := range []string{"2024-01-02 03:04:05.6 +01:00", "1e5", "-1.5", "yes", "10:11:12", "05-Mar-2016"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// Nothing panics, and what is read writes back to what reads the same.
		if v, err := Decimal(s, 5); err == nil {
			if w, err := Decimal(DecimalText(v, 5), 5); err != nil || w != v {
				t.Fatalf("%q: %s", s, DecimalText(v, 5))
			}
		}
		if d, err := Date(s); err == nil {
			text := string(AppendFormat(nil, time.Unix(int64(d)*86400, 0).UTC(), "YYYY-MM-DD"))
			if e, err := Date(text); len(text) == 10 && (err != nil || e != d) {
				t.Fatalf("%q: %s", s, text)
			}
		}
		Time(s)
		Bool(s)
		Float(s)
		Timestamp(s, "timestamp_tz", time.UTC)
		NumberFormat(FromInt64(12345), 2, s)
		TimestampFormat(s, s, "timestamp_ntz", time.UTC)
	})
}
