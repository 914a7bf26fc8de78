package function

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"firn/sqlerr"
	"firn/warehouse/function/convert"
	"firn/warehouse/function/variant"

	"github.com/zeebo/xxh3"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Encode makes the BLOB of a Go value (see variant.Encode).
func Encode(v any) ([]byte, error) { return variant.Encode(v) }

// Decode gives a BLOB's Go value (see variant.Decode).
func Decode(b []byte) (any, error) { return variant.Decode(b) }

// JSON is a BLOB as results show it: indented JSON text with sorted keys.
func JSON(b []byte) []byte { return AppendJSON(nil, b) }

// AppendJSON appends JSON.
func AppendJSON(dst, b []byte) []byte {
	v, ok := variant.Of(b)
	if !ok {
		return append(dst, "null"...)
	}
	return v.AppendJSONText(dst, 0)
}

// CompactJSON is a BLOB as TO_JSON and ::VARCHAR write it.
func CompactJSON(b []byte) []byte {
	v, ok := variant.Of(b)
	if !ok {
		return []byte("null")
	}
	return v.AppendJSONText(nil, -1)
}

// semi reads a BLOB argument.
func (v *vector) semi(i int) (variant.Value, error) {
	x, ok := variant.Of(v.bytes(i))
	if !ok {
		return nil, sqlerr.New(603, "XX000", "a VARIANT of an unknown encoding")
	}
	return x, nil
}

func (c *chunk) setValue(i int, v variant.Value) {
	c.buf = append(append(c.buf[:0], variant.Version), v...)
	c.out.setBytes(i, c.buf)
}

func castError(v variant.Value, to string) error {
	return sqlerr.New(100071, "22000", "Failed to cast variant value %s to %s", v.AppendJSONText(nil, -1), to)
}

// readPath parses a path text as the binder and GET_PATH write it: a.b[0]["c d"].
func readPath(s string) ([]step, error) {
	var out []step
	bad := func() ([]step, error) {
		return nil, sqlerr.New(100050, "22023", "Invalid extraction path '%s'", s)
	}
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '.', ':':
			i++
		case '[':
			end := strings.IndexByte(s[i:], ']')
			if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\'') {
				q := s[i+1]
				var name []byte
				j := i + 2
				for j < len(s) && s[j] != q {
					if s[j] == '\\' && j+1 < len(s) {
						j++
					}
					name = append(name, s[j])
					j++
				}
				if j+1 >= len(s) || s[j+1] != ']' {
					return bad()
				}
				out = append(out, step{name: string(name)})
				i = j + 2
				continue
			}
			if end < 0 {
				return bad()
			}
			n, err := strconv.Atoi(s[i+1 : i+end])
			if err != nil {
				return bad()
			}
			out = append(out, step{index: n, at: true})
			i += end + 1
		case '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return bad()
			}
			out = append(out, step{name: s[i+1 : i+1+end]})
			i += end + 2
		default:
			j := i
			for j < len(s) && s[j] != '.' && s[j] != '[' && s[j] != ':' {
				j++
			}
			out = append(out, step{name: strings.Clone(s[i:j])})
			i = j
		}
	}
	return out, nil
}

type step struct {
	name  string
	index int
	at    bool
}

// walk follows a path; ok is false where it leads nowhere or to undefined.
func walk(v variant.Value, path []step) (variant.Value, bool) {
	for _, s := range path {
		if s.at {
			if !v.IsArray() || s.index < 0 || s.index >= v.Len() {
				return nil, false
			}
			v = v.Elem(s.index)
			continue
		}
		var ok bool
		if v, ok = v.Get(s.name); !ok {
			return nil, false
		}
	}
	return v, !v.IsUndefined()
}

// typed registers a reading of a VARIANT in two forms: of the value, and fused with a path.
func typed(name string, ret kind, f func(c *chunk, i int, v variant.Value) (ok bool, err error)) []spec {
	return []spec{
		{name: name, args: []kind{blobKind}, ret: ret, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				return c.put(i, v, f)
			})
		}},
		{name: name, args: []kind{blobKind, textKind}, ret: ret, run: func(c *chunk) error {
			var last string
			var path []step
			read := false
			return c.rows(func(i int) error {
				if s := c.in[1].text(i); !read || s != last {
					p, err := readPath(s)
					if err != nil {
						return err
					}
					path, last, read = p, strings.Clone(s), true
				}
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				v, ok := walk(v, path)
				if !ok {
					c.null(i)
					return nil
				}
				return c.put(i, v, f)
			})
		}},
	}
}

func (c *chunk) put(i int, v variant.Value, f func(c *chunk, i int, v variant.Value) (bool, error)) error {
	if v.IsUndefined() || v.IsNull() && c.out.kind != blobKind {
		c.null(i)
		return nil
	}
	ok, err := f(c, i, v)
	if err != nil {
		return err
	}
	if !ok {
		c.null(i)
	}
	return nil
}

func variantSpecs() []spec {
	var out []spec
	for s := range 38 {
		out = append(out, typed("v_num_"+strconv.Itoa(s), decimal0+kind(s), func(c *chunk, i int, v variant.Value) (bool, error) {
			d, err := number(v, s)
			*at[convert.Int128](&c.out, i) = d
			return true, err
		})...)
	}
	add := func(list []spec) { out = append(out, list...) }
	add(typed("v_get", blobKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		c.setValue(i, v)
		return true, nil
	}))
	add(typed("v_float", doubleKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		f := at[float64](&c.out, i)
		if n, scale, ok := v.Number(); ok {
			*f = convert.ToFloat(n, scale)
			return true, nil
		}
		if d, ok := v.Double(); ok {
			*f = d
			return true, nil
		}
		if b, ok := v.Bool(); ok {
			*f = 0
			if b {
				*f = 1
			}
			return true, nil
		}
		if t, ok := v.Text(); ok {
			d, err := convert.Float(string(t))
			if err != nil {
				return false, castError(v, "REAL")
			}
			*f = d
			return true, nil
		}
		return false, castError(v, "REAL")
	}))
	add(typed("v_text", textKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		if t, ok := v.Text(); ok {
			c.out.setBytes(i, t)
			return true, nil
		}
		c.out.setText(i, v.Plain())
		return true, nil
	}))
	add(typed("v_bool", boolKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		b := at[bool](&c.out, i)
		if x, ok := v.Bool(); ok {
			*b = x
			return true, nil
		}
		if n, _, ok := v.Number(); ok {
			*b = !n.IsZero()
			return true, nil
		}
		if d, ok := v.Double(); ok {
			*b = d != 0
			return true, nil
		}
		if t, ok := v.Text(); ok {
			x, err := convert.Bool(string(t))
			if err != nil {
				return false, castError(v, "BOOLEAN")
			}
			*b = x
			return true, nil
		}
		return false, castError(v, "BOOLEAN")
	}))
	add(typed("v_bin", blobKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		if v.IsNull() {
			return false, nil
		}
		if b, ok := v.Binary(); ok {
			c.out.setBytes(i, b)
			return true, nil
		}
		return false, castError(v, "BINARY")
	}))
	add(typed("v_date", dateKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		d := at[int32](&c.out, i)
		if x, ok := v.Date(); ok {
			*d = x
			return true, nil
		}
		if us, off, k := v.Timestamp(); k != "" {
			*d = int32(floor(us+int64(off)*60000000, 86400000000))
			return true, nil
		}
		if t, ok := v.Text(); ok {
			x, err := convert.Date(string(t))
			if err != nil {
				return false, castError(v, "DATE")
			}
			*d = x
			return true, nil
		}
		return false, castError(v, "DATE")
	}))
	add(typed("v_time", timeKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		d := at[int64](&c.out, i)
		if x, ok := v.Time(); ok {
			*d = x
			return true, nil
		}
		if t, ok := v.Text(); ok {
			x, err := convert.Time(string(t))
			if err != nil {
				return false, castError(v, "TIME")
			}
			*d = x
			return true, nil
		}
		return false, castError(v, "TIME")
	}))
	for _, k := range []string{"ntz", "ltz"} {
		add(typed("v_"+k, stampKind, func(c *chunk, i int, v variant.Value) (bool, error) {
			us, _, err := stamp(v, "timestamp_"+k)
			*at[int64](&c.out, i) = us
			return true, err
		}))
	}
	add(typed("v_tz", tzKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		us, off, err := stamp(v, "timestamp_tz")
		t, o := c.out.child(0, stampKind), c.out.child(1, smallKind)
		c.setTZ(&t, &o, i, us, int(off))
		return true, err
	}))
	add(typed("v_array", blobKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		if v.IsNull() {
			return false, nil
		}
		if v.IsArray() {
			c.setValue(i, v)
			return true, nil
		}
		c.setValue(i, variant.AppendArray(nil, []variant.Value{v}))
		return true, nil
	}))
	add(typed("v_object", blobKind, func(c *chunk, i int, v variant.Value) (bool, error) {
		if v.IsNull() {
			return false, nil
		}
		if !v.IsObject() {
			return false, castError(v, "OBJECT")
		}
		c.setValue(i, v)
		return true, nil
	}))
	out = append(out,
		spec{name: "v_toarray", args: []kind{blobKind}, ret: blobKind, run: unary(func(c *chunk, i int, v variant.Value) (variant.Value, bool, error) {
			if v.IsArray() {
				return v, true, nil
			}
			if v.IsNull() {
				return nil, false, nil
			}
			return variant.AppendArray(nil, []variant.Value{v}), true, nil
		})},
		spec{name: "v_typeof", args: []kind{blobKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				c.out.setText(i, v.Kind())
				return nil
			})
		}},
		spec{name: "v_json", args: []kind{blobKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				c.buf = v.AppendJSONText(c.buf[:0], -1)
				c.out.setBytes(i, c.buf)
				return nil
			})
		}},
		spec{name: "v_isnull", args: []kind{blobKind}, ret: boolKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				*at[bool](&c.out, i) = err == nil && v.IsNull()
				return err
			})
		}},
		spec{name: "v_size", args: []kind{blobKind}, ret: bigKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				if !v.IsArray() {
					c.null(i)
					return nil
				}
				*at[int64](&c.out, i) = int64(v.Len())
				return nil
			})
		}},
		spec{name: "v_sort", args: []kind{blobKind}, ret: blobKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				c.buf = v.AppendSortKey(c.buf[:0])
				c.out.setBytes(i, c.buf)
				return nil
			})
		}},
		spec{name: "v_parse", args: []kind{textKind}, ret: blobKind, run: parseJSON(false)},
		spec{name: "v_tryparse", args: []kind{textKind}, ret: blobKind, run: parseJSON(true)},
		of("v_of_text", textKind, func(b []byte, v *vector, i int) []byte { return variant.AppendText(b, v.bytes(i)) }),
		of("v_of_num", anyKind, func(b []byte, v *vector, i int) []byte { return variant.AppendNumber(b, v.decimal(i), v.scale) }),
		of("v_of_float", doubleKind, func(b []byte, v *vector, i int) []byte { return variant.AppendDouble(b, v.float(i)) }),
		of("v_of_bool", boolKind, func(b []byte, v *vector, i int) []byte { return variant.AppendBool(b, v.bool(i)) }),
		of("v_of_date", dateKind, func(b []byte, v *vector, i int) []byte { return variant.AppendDate(b, v.date(i)) }),
		of("v_of_time", timeKind, func(b []byte, v *vector, i int) []byte { return variant.AppendTime(b, v.int64(i)) }),
		of("v_of_ntz", stampKind, func(b []byte, v *vector, i int) []byte { return variant.AppendNTZ(b, v.int64(i)) }),
		of("v_of_ltz", stampKind, func(b []byte, v *vector, i int) []byte { return variant.AppendLTZ(b, v.int64(i)) }),
		of("v_of_bin", blobKind, func(b []byte, v *vector, i int) []byte { return variant.AppendBinary(b, v.bytes(i)) }),
		spec{name: "v_of_tz", args: []kind{tzKind}, ret: blobKind, run: func(c *chunk) error {
			t, o := c.in[0].child(0, stampKind), c.in[0].child(1, smallKind)
			return c.rows(func(i int) error {
				c.setValue(i, variant.AppendTZ(nil, t.int64(i), *at[int16](&o, i)))
				return nil
			})
		}},
		spec{name: "v_of_floats", args: []kind{floats}, ret: blobKind, run: func(c *chunk) error {
			e := c.in[0].elements(anyKind)
			return c.rows(func(i int) error {
				l := c.in[0].list(i)
				var vals []variant.Value
				for k := range l.length {
					vals = append(vals, variant.AppendDouble(nil, float64(*at[float32](&e, int(l.offset+k)))))
				}
				c.setValue(i, variant.AppendArray(nil, vals))
				return nil
			})
		}},
		spec{name: "v_floats", args: []kind{blobKind}, ret: floats, run: toFloats},
		spec{name: "v_list", args: []kind{blobs}, ret: blobKind, nulls: true, run: func(c *chunk) error {
			e := c.in[0].elements(blobKind)
			for i := range c.n {
				var vals []variant.Value
				if c.in[0].valid(i) {
					l := c.in[0].list(i)
					for k := range l.length {
						if j := int(l.offset + k); e.valid(j) {
							v, err := e.semi(j)
							if err != nil {
								return err
							}
							vals = append(vals, v)
						} else {
							vals = append(vals, variant.AppendUndefined(nil))
						}
					}
				}
				c.setValue(i, variant.AppendArray(nil, vals))
			}
			return nil
		}},
		spec{name: "v_objects", args: []kind{texts, blobs}, ret: blobKind, nulls: true, run: objects(false)},
		spec{name: "v_objects_keep", args: []kind{texts, blobs}, ret: blobKind, nulls: true, run: objects(true)},
		spec{name: "v_split", args: []kind{textKind, textKind}, ret: blobKind, run: splitArray(func(s, sep string) []string {
			if sep == "" {
				return []string{s}
			}
			return strings.Split(s, sep)
		})},
		spec{name: "v_strtok", args: []kind{textKind, textKind}, ret: blobKind, run: splitArray(strtok)},
		spec{name: "v_key", args: []kind{blobKind, textKind}, ret: blobKind, run: member(func(c *chunk, i int, v variant.Value) (variant.Value, bool) { return v.Get(c.in[1].text(i)) })},
		spec{name: "v_keyfold", args: []kind{blobKind, textKind}, ret: blobKind, run: member(func(c *chunk, i int, v variant.Value) (variant.Value, bool) {
			if !v.IsObject() {
				return nil, false
			}
			for k := range v.Len() {
				if strings.EqualFold(string(v.Key(k)), c.in[1].text(i)) {
					return v.Elem(k), true
				}
			}
			return nil, false
		})},
		spec{name: "v_at", args: []kind{blobKind, bigKind}, ret: blobKind, run: member(func(c *chunk, i int, v variant.Value) (variant.Value, bool) {
			n := c.in[1].int64(i)
			if !v.IsArray() || n < 0 || n >= int64(v.Len()) {
				return nil, false
			}
			return v.Elem(int(n)), true
		})},
		spec{name: "v_getpath", args: []kind{blobKind, textKind}, ret: blobKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				p, err := readPath(c.in[1].text(i))
				if err != nil {
					return err
				}
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				if v, ok := walk(v, p); ok {
					c.setValue(i, v)
				} else {
					c.null(i)
				}
				return nil
			})
		}},
		spec{name: "sf_hash", rest: blobKind, variadic: true, ret: bigKind, nulls: true, run: func(c *chunk) error {
			for i := range c.n {
				c.buf = c.buf[:0]
				for a := range c.args {
					v := c.arg(a)
					if !v.valid(i) {
						c.buf = append(c.buf, 0)
						continue
					}
					// By what values are equal by: 1 and 1.0 hash alike.
					x, err := v.semi(i)
					if err != nil {
						return err
					}
					c.buf = x.AppendSortKey(append(c.buf, 1))
				}
				*at[int64](&c.out, i) = int64(xxh3.Hash(c.buf))
			}
			return nil
		}},
		spec{name: "v_flatten", args: []kind{blobKind, textKind, boolKind, boolKind, textKind}, ret: flatKind, nulls: true, run: flatten},
	)
	return append(out, arraySpecs()...)
}

func number(v variant.Value, s int) (convert.Int128, error) {
	if n, scale, ok := v.Number(); ok {
		return convert.Rescale(n, scale, s)
	}
	if f, ok := v.Double(); ok {
		return convert.FromFloat(f, s)
	}
	if b, ok := v.Bool(); ok {
		n := int64(0)
		if b {
			n = 1
		}
		return convert.Rescale(convert.FromInt64(n), 0, s)
	}
	if t, ok := v.Text(); ok {
		d, err := convert.Decimal(string(t), s)
		if err != nil {
			return d, castError(v, "FIXED")
		}
		return d, nil
	}
	return convert.Int128{}, castError(v, "FIXED")
}

func stamp(v variant.Value, kind string) (int64, int16, error) {
	if us, off, k := v.Timestamp(); k != "" {
		if kind == "timestamp_ntz" {
			us += int64(off) * 60000000
		}
		return us, off, nil
	}
	if d, ok := v.Date(); ok {
		return int64(d) * 86400000000, 0, nil
	}
	if n, scale, ok := v.Number(); ok && scale == 0 {
		if i, ok := n.Int64(); ok {
			return convert.EpochTime(i).UnixMicro(), 0, nil
		}
	}
	if t, ok := v.Text(); ok {
		at, err := convert.Timestamp(string(t), kind, time.UTC)
		if err == nil {
			_, off := at.Zone()
			return at.UnixMicro(), int16(off / 60), nil
		}
	}
	return 0, 0, castError(v, strings.ToUpper(kind))
}

func of(name string, k kind, f func(b []byte, v *vector, i int) []byte) spec {
	return spec{name: name, args: []kind{k}, ret: blobKind, run: func(c *chunk) error {
		return c.rows(func(i int) error {
			c.buf = f(append(c.buf[:0], variant.Version), &c.in[0], i)
			c.out.setBytes(i, c.buf)
			return nil
		})
	}}
}

func parseJSON(try bool) func(c *chunk) error {
	return func(c *chunk) error {
		return c.rows(func(i int) error {
			b, ok, err := variant.ParseInto(append(c.buf[:0], variant.Version), c.in[0].bytes(i))
			if err != nil && !try {
				return err
			}
			if err != nil || !ok {
				c.null(i)
				return nil
			}
			c.buf = b
			c.out.setBytes(i, b)
			return nil
		})
	}
}

func unary(f func(c *chunk, i int, v variant.Value) (variant.Value, bool, error)) func(c *chunk) error {
	return func(c *chunk) error {
		return c.rows(func(i int) error {
			v, err := c.in[0].semi(i)
			if err != nil {
				return err
			}
			out, ok, err := f(c, i, v)
			if err != nil {
				return err
			}
			if !ok {
				c.null(i)
				return nil
			}
			c.setValue(i, out)
			return nil
		})
	}
}

func member(f func(c *chunk, i int, v variant.Value) (variant.Value, bool)) func(c *chunk) error {
	return unary(func(c *chunk, i int, v variant.Value) (variant.Value, bool, error) {
		out, ok := f(c, i, v)
		return out, ok && !out.IsUndefined(), nil
	})
}

func objects(keep bool) func(c *chunk) error {
	return func(c *chunk) error {
		keys, vals := c.in[0].elements(textKind), c.in[1].elements(blobKind)
		for i := range c.n {
			var members []variant.Member
			if c.in[0].valid(i) && c.in[1].valid(i) {
				kl, vl := c.in[0].list(i), c.in[1].list(i)
				for k := range min(kl.length, vl.length) {
					ki, vi := int(kl.offset+k), int(vl.offset+k)
					if !keys.valid(ki) {
						continue
					}
					if !vals.valid(vi) {
						if keep {
							members = append(members, variant.Member{Key: strings.Clone(keys.text(ki)), Value: variant.AppendNull(nil)})
						}
						continue
					}
					v, err := vals.semi(vi)
					if err != nil {
						return err
					}
					members = append(members, variant.Member{Key: keys.text(ki), Value: v})
				}
			}
			n := len(members)
			b := variant.AppendObject(nil, members)
			if variant.Value(b).Len() != n {
				return sqlerr.New(100103, "22000", "Duplicate field key in object")
			}
			c.setValue(i, b)
		}
		return nil
	}
}

func splitArray(split func(s, sep string) []string) func(c *chunk) error {
	return func(c *chunk) error {
		return c.rows(func(i int) error {
			var vals []variant.Value
			for _, s := range split(c.in[0].text(i), c.in[1].text(i)) {
				vals = append(vals, variant.AppendText(nil, []byte(s)))
			}
			c.setValue(i, variant.AppendArray(nil, vals))
			return nil
		})
	}
}

// grow makes room in a list's child and gives its memory anew.
func (c *chunk) grow(total int) duckdb.Vector {
	duckdb.ListVectorReserve(c.out.v, duckdb.IdxT(total))
	duckdb.ListVectorSetSize(c.out.v, duckdb.IdxT(total))
	return duckdb.ListVectorGetChild(c.out.v)
}

func toFloats(c *chunk) error {
	var all []float32
	err := c.rows(func(i int) error {
		v, err := c.in[0].semi(i)
		if err != nil {
			return err
		}
		if !v.IsArray() {
			return castError(v, "VECTOR")
		}
		e := at[listEntry](&c.out, i)
		e.offset, e.length = uint64(len(all)), uint64(v.Len())
		for k := range v.Len() {
			x := v.Elem(k)
			f, ok := x.Double()
			if !ok {
				n, scale, ok := x.Number()
				if !ok {
					return castError(v, "VECTOR")
				}
				f = convert.ToFloat(n, scale)
			}
			if math.Abs(f) > math.MaxFloat32 {
				return castError(v, "VECTOR")
			}
			all = append(all, float32(f))
		}
		return nil
	})
	if err != nil {
		return err
	}
	child := c.grow(len(all))
	if len(all) > 0 {
		copy(unsafe.Slice((*float32)(duckdb.VectorGetData(child)), len(all)), all)
	}
	return nil
}

// flatRow is one row of FLATTEN. Empty strings with their flags down are NULL.
type flatRow struct {
	key, path string
	hasKey    bool
	index     int
	value     variant.Value
	this      variant.Value
	absent    bool // OUTER's single row
}

func flatten(c *chunk) error {
	var rows []flatRow
	for i := range c.n {
		e := at[listEntry](&c.out, i)
		e.offset = uint64(len(rows))
		outer := c.in[2].valid(i) && c.in[2].bool(i)
		before := len(rows)
		if c.in[0].valid(i) {
			v, err := c.in[0].semi(i)
			if err != nil {
				return err
			}
			path, err := readPath(c.in[1].text(i))
			if err != nil {
				return err
			}
			if at, ok := walk(v, path); ok {
				rows = expand(rows, at, c.in[1].text(i), c.in[3].bool(i), c.in[4].text(i))
			}
		}
		if len(rows) == before && outer {
			rows = append(rows, flatRow{absent: true})
		}
		e.length = uint64(len(rows) - before)
	}
	s := vector{v: c.grow(len(rows))}
	s.kind = anyKind
	key, path, index, val, this := s.child(0, textKind), s.child(1, textKind), s.child(2, decimal0), s.child(3, blobKind), s.child(4, blobKind)
	for i := range rows {
		r := &rows[i]
		if r.hasKey {
			key.setText(i, r.key)
		} else {
			key.setNull(i)
		}
		if r.absent {
			path.setNull(i)
			index.setNull(i)
			val.setNull(i)
			this.setNull(i)
			continue
		}
		path.setText(i, r.path)
		if r.hasKey {
			index.setNull(i)
		} else {
			*at[convert.Int128](&index, i) = convert.FromInt64(int64(r.index))
		}
		c.buf = append(append(c.buf[:0], variant.Version), r.value...)
		val.setBytes(i, c.buf)
		c.buf = append(append(c.buf[:0], variant.Version), r.this...)
		this.setBytes(i, c.buf)
	}
	return nil
}

// expand lists a container's elements; holes are skipped and keep their index.
func expand(rows []flatRow, v variant.Value, path string, recursive bool, mode string) []flatRow {
	switch {
	case v.IsArray():
		if mode == "OBJECT" {
			return rows
		}
		for i := range v.Len() {
			e := v.Elem(i)
			if e.IsUndefined() {
				continue
			}
			p := path + "[" + strconv.Itoa(i) + "]"
			rows = append(rows, flatRow{path: p, index: i, value: e, this: v})
			if recursive {
				rows = expand(rows, e, p, true, mode)
			}
		}
	case v.IsObject():
		if mode == "ARRAY" {
			return rows
		}
		for i := range v.Len() {
			k := string(v.Key(i))
			p := path + pathKey(path, k)
			rows = append(rows, flatRow{key: k, hasKey: true, path: p, value: v.Elem(i), this: v})
			if recursive {
				rows = expand(rows, v.Elem(i), p, true, mode)
			}
		}
	}
	return rows
}

func pathKey(before, k string) string {
	plain := k != ""
	for i := 0; i < len(k); i++ {
		c := k[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9') {
			plain = false
		}
	}
	if !plain {
		return "['" + k + "']"
	}
	if before == "" {
		return k
	}
	return "." + k
}

func splitTable(split func(s, sep string) []string) func(c *chunk) error {
	return func(c *chunk) error {
		var rows []string
		var index []int
		err := c.rows(func(i int) error {
			e := at[listEntry](&c.out, i)
			parts := split(c.in[0].text(i), c.in[1].text(i))
			e.offset, e.length = uint64(len(rows)), uint64(len(parts))
			for k, p := range parts {
				rows = append(rows, strings.Clone(p))
				index = append(index, k+1)
			}
			return nil
		})
		if err != nil {
			return err
		}
		s := vector{v: c.grow(len(rows))}
		ix, val := s.child(0, decimal0), s.child(1, textKind)
		for i := range rows {
			*at[convert.Int128](&ix, i) = convert.FromInt64(int64(index[i]))
			val.setText(i, rows[i])
		}
		return nil
	}
}

// elems are an array's elements.
func elems(v variant.Value) []variant.Value {
	out := make([]variant.Value, v.Len())
	for i := range out {
		out[i] = v.Elem(i)
	}
	return out
}

// arrays registers a function of an array and further arguments.
func arrays(name string, args []kind, f func(c *chunk, i int, a []variant.Value) ([]variant.Value, error)) spec {
	return spec{name: name, args: args, ret: blobKind, run: unary(func(c *chunk, i int, v variant.Value) (variant.Value, bool, error) {
		if !v.IsArray() {
			return nil, false, nil
		}
		out, err := f(c, i, elems(v))
		return variant.AppendArray(nil, out), true, err
	})}
}

func same(a, b variant.Value) bool { return bytes.Equal(a, b) }

func arraySpecs() []spec {
	second := func(c *chunk, i int) (variant.Value, error) { return c.in[1].semi(i) }
	clip := func(n, size int64) int64 {
		if n < 0 {
			n += size
		}
		return min(max(n, 0), size)
	}
	return []spec{
		arrays("v_append", []kind{blobKind, blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			v, err := second(c, i)
			return append(a, v), err
		}),
		arrays("v_prepend", []kind{blobKind, blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			v, err := second(c, i)
			return append([]variant.Value{v}, a...), err
		}),
		arrays("v_cat", []kind{blobKind, blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			v, err := second(c, i)
			if err != nil {
				return nil, err
			}
			return append(a, elems(v)...), nil
		}),
		arrays("v_compact", []kind{blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			return slices.DeleteFunc(a, func(v variant.Value) bool { return v.IsNull() || v.IsUndefined() }), nil
		}),
		arrays("v_distinct", []kind{blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			seen := map[string]bool{}
			return slices.DeleteFunc(a, func(v variant.Value) bool {
				if seen[string(v)] {
					return true
				}
				seen[string(v)] = true
				return false
			}), nil
		}),
		arrays("v_slice", []kind{blobKind, bigKind, bigKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			n := int64(len(a))
			from, to := clip(c.in[1].int64(i), n), clip(c.in[2].int64(i), n)
			if to <= from {
				return nil, nil
			}
			return a[from:to], nil
		}),
		arrays("v_arrayinsert", []kind{blobKind, bigKind, blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			v, err := c.in[2].semi(i)
			if err != nil {
				return nil, err
			}
			n := c.in[1].int64(i)
			if n < 0 {
				n = max(n+int64(len(a)), 0)
			}
			if n > 1<<20 {
				return nil, sqlerr.New(100034, "22023", "Invalid array position %d", n)
			}
			for int64(len(a)) < n {
				a = append(a, variant.AppendUndefined(nil))
			}
			return slices.Insert(a, int(n), v), nil
		}),
		arrays("v_remove", []kind{blobKind, blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			v, err := second(c, i)
			return slices.DeleteFunc(a, func(e variant.Value) bool { return same(e, v) }), err
		}),
		arrays("v_removeat", []kind{blobKind, bigKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			n := c.in[1].int64(i)
			if n < 0 {
				n += int64(len(a))
			}
			if n >= 0 && n < int64(len(a)) {
				a = slices.Delete(a, int(n), int(n)+1)
			}
			return a, nil
		}),
		arrays("v_arraysort", []kind{blobKind, boolKind, boolKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			asc, nullsFirst := c.in[1].bool(i), c.in[2].bool(i)
			slices.SortStableFunc(a, func(x, y variant.Value) int {
				xu, yu := x.IsUndefined(), y.IsUndefined()
				if xu != yu {
					if xu == nullsFirst {
						return -1
					}
					return 1
				}
				r := bytes.Compare(x.AppendSortKey(nil), y.AppendSortKey(nil))
				if !asc {
					return -r
				}
				return r
			})
			return a, nil
		}),
		arrays("v_reverse", []kind{blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			slices.Reverse(a)
			return a, nil
		}),
		arrays("v_intersection", []kind{blobKind, blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			return multiset(c, i, a, true)
		}),
		arrays("v_except", []kind{blobKind, blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			return multiset(c, i, a, false)
		}),
		arrays("v_arrayflatten", []kind{blobKind}, func(c *chunk, i int, a []variant.Value) ([]variant.Value, error) {
			var out []variant.Value
			for _, e := range a {
				if !e.IsArray() {
					return nil, sqlerr.New(100107, "22000", "Not an array: '%s'", e.AppendJSONText(nil, -1))
				}
				out = append(out, elems(e)...)
			}
			return out, nil
		}),
		{name: "v_range", args: []kind{bigKind, bigKind, bigKind}, ret: blobKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				from, to, by := c.in[0].int64(i), c.in[1].int64(i), c.in[2].int64(i)
				if by == 0 {
					return sqlerr.New(100034, "22023", "Step of ARRAY_GENERATE_RANGE is zero")
				}
				var vals []variant.Value
				for n := from; by > 0 && n < to || by < 0 && n > to; n += by {
					if len(vals) > 1<<22 {
						return sqlerr.New(100082, "22000", "Max array size exceeded")
					}
					vals = append(vals, variant.AppendInt(nil, convert.FromInt64(n)))
				}
				c.setValue(i, variant.AppendArray(nil, vals))
				return nil
			})
		}},
		{name: "v_min", args: []kind{blobKind}, ret: blobKind, run: bestElement(-1)},
		{name: "v_max", args: []kind{blobKind}, ret: blobKind, run: bestElement(1)},
		{name: "v_contains", args: []kind{blobKind, blobKind}, ret: boolKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				a, err := c.in[1].semi(i)
				if err != nil {
					return err
				}
				*at[bool](&c.out, i) = slices.ContainsFunc(elems(a), func(e variant.Value) bool { return same(e, v) })
				return nil
			})
		}},
		{name: "v_position", args: []kind{blobKind, blobKind}, ret: bigKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				v, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				a, err := c.in[1].semi(i)
				if err != nil {
					return err
				}
				n := slices.IndexFunc(elems(a), func(e variant.Value) bool { return same(e, v) })
				if n < 0 {
					c.null(i)
					return nil
				}
				*at[int64](&c.out, i) = int64(n)
				return nil
			})
		}},
		{name: "v_join", args: []kind{blobKind, textKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				a, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				c.buf = c.buf[:0]
				for k, e := range elems(a) {
					if k > 0 {
						c.buf = append(c.buf, c.in[1].bytes(i)...)
					}
					if !e.IsUndefined() && !e.IsNull() {
						c.buf = append(c.buf, e.Plain()...)
					}
				}
				c.out.setBytes(i, c.buf)
				return nil
			})
		}},
		{name: "v_keys", args: []kind{blobKind}, ret: blobKind, run: unary(func(c *chunk, i int, v variant.Value) (variant.Value, bool, error) {
			if !v.IsObject() {
				return nil, false, nil
			}
			keys := make([]variant.Value, v.Len())
			for k := range keys {
				keys[k] = variant.AppendText(nil, v.Key(k))
			}
			return variant.AppendArray(nil, keys), true, nil
		})},
		{name: "v_stripnull", args: []kind{blobKind}, ret: blobKind, run: unary(func(c *chunk, i int, v variant.Value) (variant.Value, bool, error) {
			return v, !v.IsNull(), nil
		})},
		{name: "v_insert", args: []kind{blobKind, textKind, blobKind, boolKind}, ret: blobKind, nulls: true, run: func(c *chunk) error {
			for i := range c.n {
				if !c.in[0].valid(i) || !c.in[1].valid(i) {
					c.null(i)
					continue
				}
				o, err := c.in[0].semi(i)
				if err != nil {
					return err
				}
				key := c.in[1].text(i)
				_, has := o.Get(key)
				if has && !(c.in[3].valid(i) && c.in[3].bool(i)) {
					return sqlerr.New(100103, "22000", "Duplicate field key '%s'", key)
				}
				members := pickMembers(o, func(k string) bool { return k != key })
				if c.in[2].valid(i) {
					v, err := c.in[2].semi(i)
					if err != nil {
						return err
					}
					members = append(members, variant.Member{Key: key, Value: v})
				}
				c.setValue(i, variant.AppendObject(nil, members))
			}
			return nil
		}},
		{name: "v_delete", args: []kind{blobKind, texts}, ret: blobKind, run: pickKeys(false)},
		{name: "v_pick", args: []kind{blobKind, texts}, ret: blobKind, run: pickKeys(true)},
	}
}

func pickMembers(o variant.Value, keep func(k string) bool) []variant.Member {
	var out []variant.Member
	for i := range o.Len() {
		if k := string(o.Key(i)); keep(k) {
			out = append(out, variant.Member{Key: k, Value: o.Elem(i)})
		}
	}
	return out
}

func pickKeys(pick bool) func(c *chunk) error {
	return func(c *chunk) error {
		e := c.in[1].elements(textKind)
		return c.rows(func(i int) error {
			o, err := c.in[0].semi(i)
			if err != nil {
				return err
			}
			keys := map[string]bool{}
			l := c.in[1].list(i)
			for k := range l.length {
				if j := int(l.offset + k); e.valid(j) {
					keys[e.text(j)] = true
				}
			}
			c.setValue(i, variant.AppendObject(nil, pickMembers(o, func(k string) bool { return keys[k] == pick })))
			return nil
		})
	}
}

// multiset keeps the elements that the second array has too (each as often as both have it), or those it has not.
func multiset(c *chunk, i int, a []variant.Value, both bool) ([]variant.Value, error) {
	b, err := c.in[1].semi(i)
	if err != nil {
		return nil, err
	}
	left := map[string]int{}
	for _, e := range elems(b) {
		left[string(e)]++
	}
	return slices.DeleteFunc(a, func(e variant.Value) bool {
		has := left[string(e)] > 0
		if has {
			left[string(e)]--
		}
		return has != both
	}), nil
}

func bestElement(want int) func(c *chunk) error {
	return unary(func(c *chunk, i int, v variant.Value) (variant.Value, bool, error) {
		var best variant.Value
		var key []byte
		for _, e := range elems(v) {
			if e.IsNull() || e.IsUndefined() {
				continue
			}
			k := e.AppendSortKey(nil)
			if best == nil || bytes.Compare(k, key) == want {
				best, key = e, k
			}
		}
		return best, best != nil, nil
	})
}
