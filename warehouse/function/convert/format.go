package convert

import (
	"strconv"
	"strings"
	"time"
)

// Elements of format models (page "Date and time input and output formats").
var elements = []string{"YYYY", "YY", "MMMM", "MON", "MM", "MI", "DD", "DY", "HH24", "HH12", "AM", "PM", "SS", "FF0", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "FF7", "FF8", "FF9", "FF",
	"TZHTZM", "TZH:TZM", "TZH", "TZM", "TZD", "UUUU"}

var months = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

// element cuts the next element or literal character off a format.
func element(f string) (el string, lit bool, rest string) {
	if f[0] == '"' {
		if i := strings.IndexByte(f[1:], '"'); i >= 0 {
			return f[1 : i+1], true, f[i+2:]
		}
	}
	for _, e := range elements {
		if len(f) >= len(e) && strings.EqualFold(f[:len(e)], e) {
			return e, false, f[len(e):]
		}
	}
	return f[:1], true, f[1:]
}

// parseFormat reads s by a format; missing fields keep what out has.
func parseFormat(s, format string, out *stamp) bool {
	digits := func(n int) (int, bool) {
		i := 0
		v := 0
		for i < n && i < len(s) && s[i] >= '0' && s[i] <= '9' {
			v = v*10 + int(s[i]-'0')
			i++
		}
		s = s[i:]
		return v, i > 0
	}
	pm, half := false, false
	zone := func(n string) bool {
		if s == "" || s[0] != '+' && s[0] != '-' {
			if s != "" && (s[0] == 'Z' || s[0] == 'z') {
				s = s[1:]
				out.zoned = true
				return true
			}
			return false
		}
		i := 1
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == ':' && n != "TZH") {
			i++
		}
		ok := offset(s[:i], out)
		s = s[i:]
		return ok
	}
	for format != "" {
		var el string
		var lit, ok bool
		el, lit, format = element(format)
		if lit {
			if !strings.HasPrefix(s, el) {
				return false
			}
			s = s[len(el):]
			continue
		}
		switch el {
		case "YYYY", "UUUU":
			neg := el == "UUUU" && strings.HasPrefix(s, "-")
			if neg {
				s = s[1:]
			}
			out.year, ok = digits(4)
			if neg {
				out.year = -out.year
			}
		case "YY":
			// TWO_DIGIT_CENTURY_START is 1970.
			if out.year, ok = digits(2); out.year < 70 {
				out.year += 2000
			} else {
				out.year += 1900
			}
		case "MM":
			out.month, ok = digits(2)
		case "MON", "MMMM":
			for i, m := range months {
				n := m
				if el == "MON" {
					n = m[:3]
				}
				if len(s) >= len(n) && strings.EqualFold(s[:len(n)], n) {
					out.month, ok = i+1, true
					s = s[len(n):]
					break
				}
			}
		case "DD":
			out.day, ok = digits(2)
		case "DY":
			for _, d := range []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} {
				if len(s) >= 3 && strings.EqualFold(s[:3], d) {
					s, ok = s[3:], true
					break
				}
			}
		case "HH24":
			out.hour, ok = digits(2)
			out.hasTime = true
		case "HH12":
			out.hour, ok = digits(2)
			ok = ok && out.hour >= 1 && out.hour <= 12
			half, out.hasTime = true, true
		case "AM", "PM":
			if len(s) >= 2 && (strings.EqualFold(s[:2], "AM") || strings.EqualFold(s[:2], "PM")) {
				pm, ok = s[0] == 'P' || s[0] == 'p', true
				s = s[2:]
			}
		case "MI":
			out.min, ok = digits(2)
		case "SS":
			out.sec, ok = digits(2)
		case "TZHTZM", "TZH:TZM", "TZH":
			ok = zone(el)
		case "TZM":
			var m int
			m, ok = digits(2)
			if out.offset < 0 {
				m = -m
			}
			out.offset += m * 60
		case "TZD":
			return false
		default: // FF…
			n, unit := 0, 100000000
			out.nano = 0
			for s != "" && s[0] >= '0' && s[0] <= '9' && n < 9 {
				out.nano += int(s[0]-'0') * unit
				unit /= 10
				s = s[1:]
				n++
			}
			ok = n > 0 || el == "FF0"
		}
		if !ok {
			return false
		}
	}
	if half {
		out.hour %= 12
		if pm {
			out.hour += 12
		}
	}
	return s == ""
}

// AppendFormat writes t by a format model.
func AppendFormat(b []byte, t time.Time, format string) []byte {
	for format != "" {
		var el string
		var lit bool
		el, lit, format = element(format)
		if lit {
			b = append(b, el...)
			continue
		}
		switch el {
		case "YYYY", "UUUU":
			y := t.Year()
			if y < 0 {
				b = append(b, '-')
				y = -y
			}
			b = pad(b, y, 4)
		case "YY":
			b = pad(b, t.Year()%100, 2)
		case "MM":
			b = pad(b, int(t.Month()), 2)
		case "MON":
			b = append(b, t.Month().String()[:3]...)
		case "MMMM":
			b = append(b, t.Month().String()...)
		case "DD":
			b = pad(b, t.Day(), 2)
		case "DY":
			b = append(b, t.Weekday().String()[:3]...)
		case "HH24":
			b = pad(b, t.Hour(), 2)
		case "HH12":
			h := t.Hour() % 12
			if h == 0 {
				h = 12
			}
			b = pad(b, h, 2)
		case "AM", "PM":
			if t.Hour() >= 12 {
				b = append(b, "PM"...)
			} else {
				b = append(b, "AM"...)
			}
		case "MI":
			b = pad(b, t.Minute(), 2)
		case "SS":
			b = pad(b, t.Second(), 2)
		case "TZHTZM", "TZH:TZM", "TZH":
			_, o := t.Zone()
			sign := byte('+')
			if o < 0 {
				sign, o = '-', -o
			}
			b = append(b, sign)
			b = pad(b, o/3600, 2)
			if el == "TZH:TZM" {
				b = append(b, ':')
			}
			if el != "TZH" {
				b = pad(b, o/60%60, 2)
			}
		case "TZM":
			_, o := t.Zone()
			b = pad(b, max(o, -o)/60%60, 2)
		case "TZD":
			name, _ := t.Zone()
			b = append(b, name...)
		default:
			n := 9
			if len(el) == 3 {
				n = int(el[2] - '0')
			}
			var f [9]byte
			v := t.Nanosecond()
			for i := 8; i >= 0; i-- {
				f[i] = byte('0' + v%10)
				v /= 10
			}
			b = append(b, f[:n]...)
		}
	}
	return b
}

func pad(b []byte, v, n int) []byte {
	s := strconv.Itoa(v)
	for i := len(s); i < n; i++ {
		b = append(b, '0')
	}
	return append(b, s...)
}
