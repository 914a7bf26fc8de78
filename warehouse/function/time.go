package function

import (
	"strings"
	"time"

	"firn/sqlerr"
	"firn/warehouse/function/convert"
)

// zoneArg looks a zone up once for a run of rows that name the same.
type zoneArg struct {
	name string
	loc  *time.Location
}

func (z *zoneArg) get(name string) (*time.Location, error) {
	if z.loc != nil && z.name == name {
		return z.loc, nil
	}
	loc, err := convert.Zone(name)
	if err != nil {
		return nil, err
	}
	z.name, z.loc = strings.Clone(name), loc
	return loc, nil
}

// wall is the wall clock of an instant in a zone, as microseconds of a TIMESTAMP_NTZ.
func wall(us int64, loc *time.Location) int64 {
	_, off := time.UnixMicro(us).In(loc).Zone()
	return us + int64(off)*1000000
}

// instant is the inverse: a wall clock that a zone skips or has twice is read as time.Date does.
func instant(us int64, loc *time.Location) int64 {
	if loc == time.UTC {
		return us
	}
	t := time.UnixMicro(us).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc).UnixMicro()
}

func (c *chunk) setTZ(t, o *vector, i int, us int64, offset int) {
	*at[int64](t, i) = us
	*at[int16](o, i) = int16(offset)
}

func timeSpecs() []spec {
	var out []spec
	pair := func(name string, args []kind, ret kind, f func(c *chunk, i int) error) {
		for _, try := range []bool{false, true} {
			n := "sf_" + name
			if try {
				n = "sf_try" + name
			}
			out = append(out, spec{name: n, args: args, ret: ret, run: func(c *chunk) error {
				return c.rows(func(i int) error {
					err := f(c, i)
					if err != nil && try {
						c.null(i)
						return nil
					}
					return err
				})
			}})
		}
	}
	pair("date", []kind{textKind}, dateKind, func(c *chunk, i int) error {
		d, err := convert.Date(c.in[0].text(i))
		*at[int32](&c.out, i) = d
		return err
	})
	pair("date", []kind{textKind, textKind}, dateKind, func(c *chunk, i int) error {
		d, err := convert.DateFormat(c.in[0].text(i), c.in[1].text(i))
		*at[int32](&c.out, i) = d
		return err
	})
	pair("time", []kind{textKind}, timeKind, func(c *chunk, i int) error {
		d, err := convert.Time(c.in[0].text(i))
		*at[int64](&c.out, i) = d
		return err
	})
	pair("time", []kind{textKind, textKind}, timeKind, func(c *chunk, i int) error {
		d, err := convert.TimeFormat(c.in[0].text(i), c.in[1].text(i))
		*at[int64](&c.out, i) = d
		return err
	})
	pair("ntz", []kind{textKind}, stampKind, func(c *chunk, i int) error {
		t, err := convert.Timestamp(c.in[0].text(i), "timestamp_ntz", time.UTC)
		*at[int64](&c.out, i) = t.UnixMicro()
		return err
	})
	pair("ntz", []kind{textKind, textKind}, stampKind, func(c *chunk, i int) error {
		t, err := convert.TimestampFormat(c.in[0].text(i), c.in[1].text(i), "timestamp_ntz", time.UTC)
		*at[int64](&c.out, i) = t.UnixMicro()
		return err
	})
	zoned := func(f func(c *chunk, i int, loc *time.Location) (time.Time, error), zone int) func(c *chunk, i int) error {
		return func(c *chunk, i int) error {
			loc, err := convert.Zone(c.in[zone].text(i))
			if err != nil {
				return err
			}
			t, err := f(c, i, loc)
			*at[int64](&c.out, i) = t.UnixMicro()
			return err
		}
	}
	plain := func(kind string) func(c *chunk, i int, loc *time.Location) (time.Time, error) {
		return func(c *chunk, i int, loc *time.Location) (time.Time, error) {
			return convert.Timestamp(c.in[0].text(i), kind, loc)
		}
	}
	formatted := func(kind string) func(c *chunk, i int, loc *time.Location) (time.Time, error) {
		return func(c *chunk, i int, loc *time.Location) (time.Time, error) {
			return convert.TimestampFormat(c.in[0].text(i), c.in[2].text(i), kind, loc)
		}
	}
	pair("ltz", []kind{textKind, textKind}, stampKind, zoned(plain("timestamp_ltz"), 1))
	pair("ltz", []kind{textKind, textKind, textKind}, stampKind, zoned(formatted("timestamp_ltz"), 1))
	tz := func(f func(c *chunk, i int, loc *time.Location) (time.Time, error)) func(try bool) func(c *chunk) error {
		return func(try bool) func(c *chunk) error {
			return func(c *chunk) error {
				t, o := c.out.child(0, stampKind), c.out.child(1, smallKind)
				return c.rows(func(i int) error {
					loc, err := convert.Zone(c.in[1].text(i))
					if err != nil {
						return err
					}
					at, err := f(c, i, loc)
					if err != nil {
						if try {
							c.null(i)
							return nil
						}
						return err
					}
					_, off := at.Zone()
					c.setTZ(&t, &o, i, at.UnixMicro(), off/60)
					return nil
				})
			}
		}
	}
	out = append(out,
		spec{name: "sf_tz", args: []kind{textKind, textKind}, ret: tzKind, run: tz(plain("timestamp_tz"))(false)},
		spec{name: "sf_trytz", args: []kind{textKind, textKind}, ret: tzKind, run: tz(plain("timestamp_tz"))(true)},
		spec{name: "sf_tz", args: []kind{textKind, textKind, textKind}, ret: tzKind, run: tz(formatted("timestamp_tz"))(false)},
		spec{name: "sf_trytz", args: []kind{textKind, textKind, textKind}, ret: tzKind, run: tz(formatted("timestamp_tz"))(true)},
		spec{name: "sf_local", args: []kind{stampKind, textKind}, ret: stampKind, run: shift(wall)},
		spec{name: "sf_utc", args: []kind{stampKind, textKind}, ret: stampKind, run: shift(instant)},
		spec{name: "sf_tzof", args: []kind{stampKind, textKind}, ret: tzKind, run: func(c *chunk) error {
			t, o := c.out.child(0, stampKind), c.out.child(1, smallKind)
			var z zoneArg
			return c.rows(func(i int) error {
				loc, err := z.get(c.in[1].text(i))
				if err != nil {
					return err
				}
				us := c.in[0].int64(i)
				c.setTZ(&t, &o, i, us, int(wall(us, loc)-us)/60000000)
				return nil
			})
		}},
		spec{name: "sf_wall", args: []kind{tzKind}, ret: stampKind, run: func(c *chunk) error {
			t, o := c.in[0].child(0, stampKind), c.in[0].child(1, smallKind)
			return c.rows(func(i int) error {
				*at[int64](&c.out, i) = t.int64(i) + int64(*at[int16](&o, i))*60000000
				return nil
			})
		}},
		spec{name: "sf_unwall", args: []kind{stampKind, smallKind}, ret: tzKind, run: func(c *chunk) error {
			t, o := c.out.child(0, stampKind), c.out.child(1, smallKind)
			return c.rows(func(i int) error {
				off := int64(*at[int16](&c.in[1], i))
				c.setTZ(&t, &o, i, c.in[0].int64(i)-off*60000000, int(off))
				return nil
			})
		}},
		spec{name: "sf_cut", args: []kind{stampKind, anyKind}, ret: stampKind, run: cutDigits},
		spec{name: "sf_cut", args: []kind{timeKind, anyKind}, ret: timeKind, run: cutDigits},
		spec{name: "sf_epoch", args: []kind{anyKind}, ret: stampKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := convert.Rescale(c.in[0].decimal(i), c.in[0].scale, 6)
				if err != nil {
					return err
				}
				// Of a whole number its size tells the unit.
				if c.in[0].scale == 0 {
					n, ok := c.in[0].decimal(i).Int64()
					if !ok {
						return convert.OutOfRange(convert.DecimalText(c.in[0].decimal(i), 0))
					}
					*at[int64](&c.out, i) = convert.EpochTime(n).UnixMicro()
					return nil
				}
				n, ok := v.Int64()
				if !ok {
					return convert.OutOfRange(convert.DecimalText(v, 6))
				}
				*at[int64](&c.out, i) = n
				return nil
			})
		}},
		spec{name: "sf_epochscale", args: []kind{anyKind, anyKind}, ret: stampKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				scale, _ := c.in[1].decimal(i).Int64()
				v, err := convert.Rescale(c.in[0].decimal(i), int(scale), 6)
				if err != nil {
					return err
				}
				n, ok := v.Int64()
				if !ok {
					return convert.OutOfRange(convert.DecimalText(v, 6))
				}
				*at[int64](&c.out, i) = n
				return nil
			})
		}},
		spec{name: "sf_tstext", args: []kind{stampKind, textKind}, ret: textKind, run: format(func(c *chunk, i int) (time.Time, error) { return time.UnixMicro(c.in[0].int64(i)).UTC(), nil }, 1)},
		spec{name: "sf_datetext", args: []kind{dateKind, textKind}, ret: textKind, run: format(func(c *chunk, i int) (time.Time, error) {
			return time.Unix(int64(c.in[0].date(i))*86400, 0).UTC(), nil
		}, 1)},
		spec{name: "sf_timetext", args: []kind{timeKind, textKind}, ret: textKind, run: format(func(c *chunk, i int) (time.Time, error) { return time.UnixMicro(c.in[0].int64(i)).UTC(), nil }, 1)},
		spec{name: "sf_ltztext", args: []kind{stampKind, textKind, textKind}, ret: textKind, run: format(func(c *chunk, i int) (time.Time, error) {
			loc, err := convert.Zone(c.in[2].text(i))
			if err != nil {
				return time.Time{}, err
			}
			return time.UnixMicro(c.in[0].int64(i)).In(loc), nil
		}, 1)},
		spec{name: "sf_tztext", args: []kind{tzKind, textKind}, ret: textKind, run: func(c *chunk) error {
			t, o := c.in[0].child(0, stampKind), c.in[0].child(1, smallKind)
			return format(func(c *chunk, i int) (time.Time, error) {
				return time.UnixMicro(t.int64(i)).In(time.FixedZone("", int(*at[int16](&o, i))*60)), nil
			}, 1)(c)
		}},
		spec{name: "sf_date_parts", args: []kind{bigKind, bigKind, bigKind}, ret: dateKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				t := time.Date(int(c.in[0].int64(i)), time.Month(c.in[1].int64(i)), int(c.in[2].int64(i)), 0, 0, 0, 0, time.UTC)
				*at[int32](&c.out, i) = int32(floor(t.Unix(), 86400))
				return nil
			})
		}},
		spec{name: "sf_time_parts", args: []kind{bigKind, bigKind, bigKind, bigKind}, ret: timeKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				us := c.in[0].int64(i)*3600000000 + c.in[1].int64(i)*60000000 + c.in[2].int64(i)*1000000 + c.in[3].int64(i)/1000
				us %= 86400000000
				if us < 0 {
					us += 86400000000
				}
				*at[int64](&c.out, i) = us
				return nil
			})
		}},
		spec{name: "sf_ts_parts", args: []kind{bigKind, bigKind, bigKind, bigKind, bigKind, bigKind, bigKind}, ret: stampKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				a := func(k int) int { return int(c.in[k].int64(i)) }
				*at[int64](&c.out, i) = time.Date(a(0), time.Month(a(1)), a(2), a(3), a(4), a(5), a(6), time.UTC).UnixMicro()
				return nil
			})
		}},
		spec{name: "sf_months_between", args: []kind{stampKind, stampKind}, ret: doubleKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				*at[float64](&c.out, i) = monthsBetween(time.UnixMicro(c.in[0].int64(i)).UTC(), time.UnixMicro(c.in[1].int64(i)).UTC())
				return nil
			})
		}},
		spec{name: "sf_next_day", args: []kind{dateKind, textKind, anyKind}, ret: dateKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				d := int64(c.in[0].date(i))
				name := strings.ToLower(strings.TrimSpace(c.in[1].text(i)))
				want := int64(-1)
				if len(name) >= 2 {
					for k, w := range []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
						if strings.HasPrefix(w, name) {
							want = int64(k)
						}
					}
				}
				if want < 0 {
					return sqlerr.New(100034, "22023", "Invalid day of week '%s'", name)
				}
				step, _ := c.in[2].decimal(i).Int64()
				for {
					d += step
					if (d%7+11)%7 == want { // 1970-01-01 was a Thursday
						break
					}
				}
				*at[int32](&c.out, i) = int32(d)
				return nil
			})
		}},
	)
	return out
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func shift(f func(us int64, loc *time.Location) int64) func(c *chunk) error {
	return func(c *chunk) error {
		var z zoneArg
		return c.rows(func(i int) error {
			loc, err := z.get(c.in[1].text(i))
			if err != nil {
				return err
			}
			*at[int64](&c.out, i) = f(c.in[0].int64(i), loc)
			return nil
		})
	}
}

func cutDigits(c *chunk) error {
	return c.rows(func(i int) error {
		n, _ := c.in[1].decimal(i).Int64()
		us := c.in[0].int64(i)
		unit := int64(1)
		for range 6 - min(max(n, 0), 6) {
			unit *= 10
		}
		*at[int64](&c.out, i) = floor(us, unit) * unit
		return nil
	})
}

func format(f func(c *chunk, i int) (time.Time, error), arg int) func(c *chunk) error {
	return func(c *chunk) error {
		return c.rows(func(i int) error {
			t, err := f(c, i)
			if err != nil {
				return err
			}
			c.buf = convert.AppendFormat(c.buf[:0], t, c.in[arg].text(i))
			c.out.setBytes(i, c.buf)
			return nil
		})
	}
}

// monthsBetween is MONTHS_BETWEEN: whole where the days are the same or both the last of their month, else a month has 31 days.
func monthsBetween(a, b time.Time) float64 {
	months := float64((a.Year()-b.Year())*12 + int(a.Month()) - int(b.Month()))
	last := func(t time.Time) bool { return t.AddDate(0, 0, 1).Day() == 1 }
	if a.Day() == b.Day() || last(a) && last(b) {
		return months
	}
	sec := func(t time.Time) float64 { return float64(t.Hour()*3600 + t.Minute()*60 + t.Second()) }
	return months + (float64(a.Day()-b.Day())+(sec(a)-sec(b))/86400)/31
}
