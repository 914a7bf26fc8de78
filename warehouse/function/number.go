package function

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"firn/sqlerr"
	"firn/warehouse/function/convert"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// specs is every function, sorted by name so that one name's signatures stand together.
var specs = gather()

func gather() []spec {
	var out []spec
	for _, t := range [][]spec{numberSpecs(), textSpecs(), timeSpecs(), variantSpecs()} {
		out = append(out, t...)
	}
	slices.SortStableFunc(out, func(a, b spec) int {
		switch {
		case a.name < b.name:
			return -1
		case a.name > b.name:
			return 1
		}
		return 0
	})
	return out
}

func numberSpecs() []spec {
	var out []spec
	for s := range 38 {
		k := decimal0 + kind(s)
		name := func(n string) string { return "sf_" + n + "_" + strconv.Itoa(s) }
		out = append(out,
			spec{name: name("div"), args: []kind{anyKind, anyKind}, ret: k, run: exact(convert.Div, s)},
			spec{name: name("mul"), args: []kind{anyKind, anyKind}, ret: k, run: exact(convert.Mul, s)},
			spec{name: name("mod"), args: []kind{anyKind, anyKind}, ret: k, run: exact(convert.Mod, s)},
			spec{name: name("round"), args: []kind{anyKind, bigKind}, ret: k, run: round(convert.HalfAway, s)},
			spec{name: name("trunc"), args: []kind{anyKind, bigKind}, ret: k, run: round(convert.Toward, s)},
			spec{name: name("ceil"), args: []kind{anyKind, bigKind}, ret: k, run: round(convert.Up, s)},
			spec{name: name("floor"), args: []kind{anyKind, bigKind}, ret: k, run: round(convert.Down, s)},
			spec{name: name("num"), args: []kind{textKind}, ret: k, run: toDecimal(s, false)},
			spec{name: name("trynum"), args: []kind{textKind}, ret: k, run: toDecimal(s, true)},
			spec{name: name("numfmt"), args: []kind{textKind, textKind}, ret: k, run: toDecimalFormat(s, false)},
			spec{name: name("trynumfmt"), args: []kind{textKind, textKind}, ret: k, run: toDecimalFormat(s, true)},
			spec{name: name("fnum"), args: []kind{doubleKind}, ret: k, run: func(c *chunk) error {
				return c.rows(func(i int) error {
					v, err := convert.FromFloat(c.in[0].float(i), s)
					*at[convert.Int128](&c.out, i) = v
					return err
				})
			}},
			spec{name: name("uniform"), args: []kind{anyKind, anyKind, bigKind}, ret: k, run: uniform},
		)
	}
	floats2 := func(name string, f func(a, b float64) (float64, error)) spec {
		return spec{name: name, args: []kind{doubleKind, doubleKind}, ret: doubleKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := f(c.in[0].float(i), c.in[1].float(i))
				*at[float64](&c.out, i) = v
				return err
			})
		}}
	}
	floats1 := func(name string, f func(a float64) (float64, error)) spec {
		return spec{name: name, args: []kind{doubleKind}, ret: doubleKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := f(c.in[0].float(i))
				*at[float64](&c.out, i) = v
				return err
			})
		}}
	}
	roundFloat := func(name string, f func(float64) float64) spec {
		return spec{name: name, args: []kind{doubleKind, bigKind}, ret: doubleKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				*at[float64](&c.out, i) = scaled(c.in[0].float(i), c.in[1].int64(i), f)
				return nil
			})
		}}
	}
	return append(out,
		floats2("sf_fdiv", func(a, b float64) (float64, error) {
			if b == 0 {
				return 0, convert.DivisionByZero()
			}
			return a / b, nil
		}),
		floats2("sf_fmod", func(a, b float64) (float64, error) {
			if b == 0 {
				return 0, convert.DivisionByZero()
			}
			return math.Mod(a, b), nil
		}),
		floats2("sf_log", func(b, x float64) (float64, error) {
			if x <= 0 || b <= 0 || b == 1 {
				return 0, sqlerr.New(100034, "22023", "Invalid floating point operation: log(%s,%s)", convert.FloatText(b), convert.FloatText(x))
			}
			return math.Log(x) / math.Log(b), nil
		}),
		floats1("sf_ln", func(x float64) (float64, error) {
			if x <= 0 {
				return 0, sqlerr.New(100034, "22023", "Invalid floating point operation: ln(%s)", convert.FloatText(x))
			}
			return math.Log(x), nil
		}),
		floats1("sf_sqrt", func(x float64) (float64, error) {
			if x < 0 {
				return 0, sqlerr.New(100034, "22023", "Invalid floating point operation: sqrt(%s)", convert.FloatText(x))
			}
			return math.Sqrt(x), nil
		}),
		floats1("sf_cbrt", func(x float64) (float64, error) { return math.Cbrt(x), nil }),
		roundFloat("sf_fround", math.Round), roundFloat("sf_ftrunc", math.Trunc), roundFloat("sf_fceil", math.Ceil), roundFloat("sf_ffloor", math.Floor),
		spec{name: "sf_float", args: []kind{textKind}, ret: doubleKind, run: parse(func(v *vector, i int, s string) error {
			f, err := convert.Float(s)
			*at[float64](v, i) = f
			return err
		}, false)},
		spec{name: "sf_tryfloat", args: []kind{textKind}, ret: doubleKind, run: parse(func(v *vector, i int, s string) error {
			f, err := convert.Float(s)
			*at[float64](v, i) = f
			return err
		}, true)},
		spec{name: "sf_bool", args: []kind{textKind}, ret: boolKind, run: parse(setBool, false)},
		spec{name: "sf_trybool", args: []kind{textKind}, ret: boolKind, run: parse(setBool, true)},
		spec{name: "sf_ftext", args: []kind{doubleKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				c.out.setText(i, convert.FloatText(c.in[0].float(i)))
				return nil
			})
		}},
		spec{name: "sf_numtext", args: []kind{anyKind, textKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				s, err := convert.NumberFormat(c.in[0].decimal(i), c.in[0].scale, c.in[1].text(i))
				c.out.setText(i, s)
				return err
			})
		}},
		spec{name: "sf_fnumtext", args: []kind{doubleKind, textKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				const digits = 12
				v, err := convert.FromFloat(c.in[0].float(i), digits)
				if err != nil {
					return err
				}
				s, err := convert.NumberFormat(v, digits, c.in[1].text(i))
				c.out.setText(i, s)
				return err
			})
		}},
		spec{name: "sf_floordiv", args: []kind{bigKind, bigKind}, ret: bigKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				a, b := c.in[0].int64(i), c.in[1].int64(i)
				q := a / b
				if a%b < 0 {
					q--
				}
				*at[int64](&c.out, i) = q
				return nil
			})
		}},
		spec{name: "sf_width_bucket", args: []kind{doubleKind, doubleKind, doubleKind, bigKind}, ret: decimal0, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				x, lo, hi, n := c.in[0].float(i), c.in[1].float(i), c.in[2].float(i), c.in[3].int64(i)
				if n < 1 || hi <= lo {
					return sqlerr.New(100034, "22023", "Invalid arguments of WIDTH_BUCKET")
				}
				b := int64(0)
				switch {
				case x >= hi:
					b = n + 1
				case x >= lo:
					b = int64((x-lo)/(hi-lo)*float64(n)) + 1
				}
				*at[convert.Int128](&c.out, i) = convert.FromInt64(b)
				return nil
			})
		}},
		spec{name: "sf_random", ret: bigKind, volatile: true, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				*at[int64](&c.out, i) = int64(rand.Uint64())
				return nil
			})
		}},
		spec{name: "sf_seeded", args: []kind{bigKind, bigKind}, ret: bigKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				*at[int64](&c.out, i) = int64(mix(mix(uint64(c.in[0].int64(i))) + uint64(c.in[1].int64(i))))
				return nil
			})
		}},
		spec{name: "sf_uniformf", args: []kind{doubleKind, doubleKind, bigKind}, ret: doubleKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				lo, hi := c.in[0].float(i), c.in[1].float(i)
				*at[float64](&c.out, i) = lo + unit(c.in[2].int64(i))*(hi-lo)
				return nil
			})
		}},
		spec{name: "sf_normal", args: []kind{doubleKind, doubleKind, bigKind}, ret: doubleKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				g := c.in[2].int64(i)
				// Box and Muller: 1-u is never zero.
				r := math.Sqrt(-2 * math.Log(1-unit(g)))
				*at[float64](&c.out, i) = c.in[0].float(i) + c.in[1].float(i)*r*math.Cos(2*math.Pi*unit(int64(mix(uint64(g)))))
				return nil
			})
		}},
	)
}

// mix spreads the bits of a 64-bit number (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit maps a generator's value into [0, 1).
func unit(g int64) float64 { return float64(mix(uint64(g))>>11) / (1 << 53) }

// uniform draws an exact number between two of one scale, both included.
func uniform(c *chunk) error {
	return c.rows(func(i int) error {
		lo, lok := c.in[0].decimal(i).Int64()
		hi, hok := c.in[1].decimal(i).Int64()
		if !lok || !hok || hi < lo {
			return sqlerr.New(100034, "22023", "Invalid bounds of UNIFORM")
		}
		span := uint64(hi-lo) + 1
		r := mix(uint64(c.in[2].int64(i)))
		if span != 0 {
			r %= span
		}
		*at[convert.Int128](&c.out, i) = convert.FromInt64(lo + int64(r))
		return nil
	})
}

// exact is a function of two exact numbers of any scale.
func exact(f func(a convert.Int128, sa int, b convert.Int128, sb int, s int) (convert.Int128, error), s int) func(c *chunk) error {
	return func(c *chunk) error {
		a, b := &c.in[0], &c.in[1]
		if !a.numeric() || !b.numeric() {
			return notExact(a, b)
		}
		out := &c.out
		return c.rows(func(i int) error {
			v, err := f(a.decimal(i), a.scale, b.decimal(i), b.scale, s)
			*at[convert.Int128](out, i) = v
			return err
		})
	}
}

func notExact(vs ...*vector) error {
	for _, v := range vs {
		if v.typ == duckdb.TypeSQLNull {
			continue
		}
		if !v.numeric() {
			return sqlerr.New(603, "XX000", "exact arithmetic on DuckDB type %d", v.typ)
		}
	}
	return nil
}

func round(mode, s int) func(c *chunk) error {
	return func(c *chunk) error {
		a := &c.in[0]
		if !a.numeric() {
			return notExact(a)
		}
		return c.rows(func(i int) error {
			n := c.in[1].int64(i)
			n = min(max(n, -40), 40)
			v, err := convert.Round(a.decimal(i), a.scale, int(n), s, mode)
			*at[convert.Int128](&c.out, i) = v
			return err
		})
	}
}

// scaled applies a rounding at n digits after the point.
func scaled(f float64, n int64, round func(float64) float64) float64 {
	n = min(max(n, -300), 300)
	if n == 0 {
		return round(f)
	}
	p := math.Pow10(int(n))
	r := round(f*p) / p
	if math.IsInf(r, 0) || math.IsNaN(r) {
		return f
	}
	return r
}

func setBool(v *vector, i int, s string) error {
	b, err := convert.Bool(s)
	*at[bool](v, i) = b
	return err
}

// parse reads a text; try gives NULL instead of an error.
func parse(f func(v *vector, i int, s string) error, try bool) func(c *chunk) error {
	return func(c *chunk) error {
		return c.rows(func(i int) error {
			err := f(&c.out, i, c.in[0].text(i))
			if err != nil && try {
				c.null(i)
				return nil
			}
			return err
		})
	}
}

func toDecimal(s int, try bool) func(c *chunk) error {
	return parse(func(v *vector, i int, t string) error {
		d, err := convert.Decimal(t, s)
		*at[convert.Int128](v, i) = d
		return err
	}, try)
}

func toDecimalFormat(s int, try bool) func(c *chunk) error {
	return func(c *chunk) error {
		return c.rows(func(i int) error {
			d, err := convert.ParseNumberFormat(c.in[0].text(i), c.in[1].text(i), s)
			*at[convert.Int128](&c.out, i) = d
			if err != nil && try {
				c.null(i)
				return nil
			}
			return err
		})
	}
}
