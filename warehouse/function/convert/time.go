package convert

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"firn/sqlerr"
)

// zones keeps loaded time zones: reading one from disk costs a thousand times its use.
var zones sync.Map

// Zone finds a time zone by its IANA name.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, sqlerr.New(100106, "22007", "Unknown timezone: '%s'", name)
	}
	zones.Store(name, z)
	return z, nil
}

// EpochTime reads a count since 1970 by its size: seconds below 31536000000, then milli-, micro- and nanoseconds
// (page "TO_TIMESTAMP").
func EpochTime(n int64) time.Time {
	a := n
	if a < 0 {
		a = -a
	}
	switch {
	case a < 31536000000:
		return time.Unix(n, 0).UTC()
	case a < 31536000000000:
		return time.UnixMilli(n).UTC()
	case a < 31536000000000000:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// stamp is a parsed date and time; zoned says that the text named an offset.
type stamp struct {
	year, month, day     int
	hour, min, sec, nano int
	offset               int // seconds
	zoned                bool
	hasTime              bool
}

func (s *stamp) valid() bool {
	if s.month < 1 || s.month > 12 || s.day < 1 || s.day > daysIn(s.year, s.month) || s.hour > 23 || s.min > 59 || s.sec > 59 {
		return false
	}
	return s.hour >= 0 && s.min >= 0 && s.sec >= 0
}

func daysIn(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func (s *stamp) time(loc *time.Location) time.Time {
	if s.zoned {
		loc = time.FixedZone("", s.offset)
	}
	return time.Date(s.year, time.Month(s.month), s.day, s.hour, s.min, s.sec, s.nano, loc)
}

// iso reads YYYY-MM-DD[(T| )HH:MI[:SS[.F]]][ ][Z|±HH[[:]MM]] without allocating.
func iso(s string, out *stamp) bool {
	num := func(n int) (int, bool) {
		if len(s) < n {
			return 0, false
		}
		v := 0
		for i := range n {
			c := s[i]
			if c < '0' || c > '9' {
				return 0, false
			}
			v = v*10 + int(c-'0')
		}
		s = s[n:]
		return v, true
	}
	// one or two digits
	short := func() (int, bool) {
		if len(s) >= 2 && s[1] >= '0' && s[1] <= '9' {
			return num(2)
		}
		return num(1)
	}
	sep := func(c byte) bool {
		if s != "" && s[0] == c {
			s = s[1:]
			return true
		}
		return false
	}
	var ok bool
	if out.year, ok = num(4); !ok || !sep('-') {
		return false
	}
	if out.month, ok = short(); !ok || !sep('-') {
		return false
	}
	if out.day, ok = short(); !ok {
		return false
	}
	if s == "" {
		return out.valid()
	}
	if !sep('T') && !sep(' ') {
		return false
	}
	if !clock(&s, out) {
		return false
	}
	return offset(s, out) && out.valid()
}

// clock reads HH:MI[:SS[.F]] from the front of s; also HH alone.
func clock(p *string, out *stamp) bool {
	s := *p
	two := func() (int, bool) {
		if s == "" || s[0] < '0' || s[0] > '9' {
			return 0, false
		}
		v := int(s[0] - '0')
		s = s[1:]
		if s != "" && s[0] >= '0' && s[0] <= '9' {
			v = v*10 + int(s[0]-'0')
			s = s[1:]
		}
		return v, true
	}
	var ok bool
	if out.hour, ok = two(); !ok {
		return false
	}
	out.hasTime = true
	if s != "" && s[0] == ':' {
		s = s[1:]
		if out.min, ok = two(); !ok {
			return false
		}
		if s != "" && s[0] == ':' {
			s = s[1:]
			if out.sec, ok = two(); !ok {
				return false
			}
			if s != "" && s[0] == '.' {
				s = s[1:]
				unit := 100000000
				n := 0
				for s != "" && s[0] >= '0' && s[0] <= '9' {
					out.nano += int(s[0]-'0') * unit
					unit /= 10
					s = s[1:]
					n++
				}
				if n > 9 {
					return false
				}
			}
		}
	}
	*p = s
	return true
}

// offset reads what may follow the time: nothing, Z, or ±HH[[:]MM].
func offset(s string, out *stamp) bool {
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return true
	}
	if s == "Z" || s == "z" || s == "UTC" || s == "GMT" {
		out.zoned = true
		return true
	}
	sign := 1
	switch s[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return false
	}
	s = strings.Replace(s[1:], ":", "", 1)
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return false
	}
	switch len(s) {
	case 1, 2:
		n *= 100
	case 3, 4:
	default:
		return false
	}
	if n/100 > 14 || n%100 > 59 {
		return false
	}
	out.zoned, out.offset = true, sign*(n/100*3600+n%100*60)
	return true
}

// autoFormats are the other formats that AUTO tries (page "Date and time input and output formats").
var autoFormats = []string{"DD-MON-YYYY", "MM/DD/YYYY", "DY, DD MON YYYY", "DY MON DD YYYY"}

func auto(s string, out *stamp) bool {
	if iso(s, out) {
		return true
	}
	for _, f := range autoFormats {
		for _, t := range []string{"", " HH24:MI:SS.FF", " HH24:MI:SS", " HH24:MI", " HH12:MI:SS AM"} {
			for _, z := range []string{"", " TZHTZM", " TZH:TZM"} {
				*out = stamp{year: 1970, month: 1, day: 1}
				if parseFormat(s, f+t+z, out) && out.valid() {
					return true
				}
			}
		}
	}
	// Unix's date: DY MON DD HH24:MI:SS TZHTZM YYYY.
	for _, f := range []string{"DY MON DD HH24:MI:SS TZHTZM YYYY", "DY MON DD HH24:MI:SS YYYY"} {
		*out = stamp{year: 1970, month: 1, day: 1}
		if parseFormat(s, f, out) && out.valid() {
			return true
		}
	}
	return false
}

func epochText(s string) (time.Time, bool) {
	if s == "" || len(s) > 19 {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return EpochTime(n), err == nil
}

// Date reads a text as DATE: days since 1970.
func Date(s string) (int32, error) {
	t := strings.TrimSpace(s)
	var st stamp
	if auto(t, &st) {
		return days(&st), nil
	}
	if at, ok := epochText(t); ok {
		return int32(floorDiv(at.Unix(), 86400)), nil
	}
	return 0, notRecognized(100040, "22007", "Date", s)
}

func days(st *stamp) int32 {
	return int32(floorDiv(time.Date(st.year, time.Month(st.month), st.day, 0, 0, 0, 0, time.UTC).Unix(), 86400))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Time reads a text as TIME: microseconds since midnight.
func Time(s string) (int64, error) {
	t := strings.TrimSpace(s)
	st := stamp{year: 1970, month: 1, day: 1}
	rest := t
	if clock(&rest, &st) && rest == "" && strings.Contains(t, ":") && st.valid() {
		return timeOf(&st), nil
	}
	st = stamp{year: 1970, month: 1, day: 1}
	for _, f := range []string{"HH12:MI:SS AM", "HH12:MI AM"} {
		st = stamp{year: 1970, month: 1, day: 1}
		if parseFormat(t, f, &st) && st.valid() {
			return timeOf(&st), nil
		}
	}
	if st = (stamp{}); auto(t, &st) && st.hasTime {
		return timeOf(&st), nil
	}
	if at, ok := epochText(t); ok {
		return at.UnixMicro() - floorDiv(at.Unix(), 86400)*86400000000, nil
	}
	return 0, notRecognized(100108, "22007", "Time", s)
}

func timeOf(st *stamp) int64 {
	return int64(st.hour)*3600000000 + int64(st.min)*60000000 + int64(st.sec)*1000000 + int64(st.nano/1000)
}

// Timestamp reads a text as a timestamp of a kind (timestamp_ntz, timestamp_ltz, timestamp_tz). loc is the zone of a text
// without an offset; of NTZ an offset in the text is dropped.
func Timestamp(s, kind string, loc *time.Location) (time.Time, error) {
	t := strings.TrimSpace(s)
	var st stamp
	if auto(t, &st) {
		if kind == "timestamp_ntz" {
			st.zoned = false
			loc = time.UTC
		}
		return st.time(loc), nil
	}
	if at, ok := epochText(t); ok {
		if kind == "timestamp_ntz" {
			return at, nil
		}
		return at.In(loc), nil
	}
	return time.Time{}, notRecognized(100035, "22007", "Timestamp", s)
}

// cantParse is the answer to a text that a given format does not read.
func cantParse(s, what, format string) error {
	return sqlerr.New(100096, "22007", "Can't parse '%s' as %s with format '%s'", s, what, format)
}

// DateFormat, TimeFormat and TimestampFormat read by a format model.
func DateFormat(s, format string) (int32, error) {
	st := stamp{year: 1970, month: 1, day: 1}
	if !parseFormat(s, format, &st) || !st.valid() {
		return 0, cantParse(s, "date", format)
	}
	return days(&st), nil
}

// TimeFormat reads a TIME by a format model.
func TimeFormat(s, format string) (int64, error) {
	st := stamp{year: 1970, month: 1, day: 1}
	if !parseFormat(s, format, &st) || !st.valid() {
		return 0, cantParse(s, "time", format)
	}
	return timeOf(&st), nil
}

// TimestampFormat reads a timestamp by a format model.
func TimestampFormat(s, format, kind string, loc *time.Location) (time.Time, error) {
	st := stamp{year: 1970, month: 1, day: 1}
	if !parseFormat(s, format, &st) || !st.valid() {
		return time.Time{}, cantParse(s, "timestamp", format)
	}
	if kind == "timestamp_ntz" {
		st.zoned = false
		loc = time.UTC
	}
	return st.time(loc), nil
}
