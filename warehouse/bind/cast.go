package bind

import (
	"strings"

	"firn/result"
	"firn/sqlerr"
)

// cast converts v to t as CAST and :: do (page "Data type conversion"); try is TRY_CAST's: NULL instead of an error.
// Everything that DuckDB would convert another way goes through our own functions (package function).
func (b *binder) cast(v value, t result.Type, try bool) (value, error) {
	if v.t.Kind == 0 {
		out := v.with(t, "NULL::"+PhysicalType(t))
		out.null = true
		return out, nil
	}
	if v.t.Kind == t.Kind {
		return b.resize(v, t), nil
	}
	fn := func(name string) value {
		if try {
			name = "sf_try" + name
		} else {
			name = "sf_" + name
		}
		out := v.with(t, name+"("+v.sql+")")
		out.null = v.null || try
		return out
	}
	zoned := func(name string) value {
		out := fn(name)
		out.sql = out.sql[:len(out.sql)-1] + "," + b.zoneText() + ")"
		return out
	}
	// reading adds the session's input format, where it has one, to a call.
	reading := func(call value, parameter string) value {
		if f := b.format(parameter, "AUTO"); !strings.EqualFold(f, "AUTO") {
			call.sql = call.sql[:len(call.sql)-1] + "," + quote(f) + ")"
		}
		return call
	}
	x := v.sql
	switch v.t.Kind {
	case result.Text:
		switch t.Kind {
		case result.Fixed:
			if v.form == textLit {
				if digits, ok := exactText(v.lit, t); ok {
					out := v.with(t, numberText(digits, t))
					return out, nil
				}
			}
			out := fn("num_" + itoa(t.Scale))
			return b.narrow(out, t, try), nil
		case result.Real:
			return fn("float"), nil
		case result.Boolean:
			return fn("bool"), nil
		case result.Date:
			return reading(fn("date"), "DATE_INPUT_FORMAT"), nil
		case result.Time:
			return b.timeScale(reading(fn("time"), "TIME_INPUT_FORMAT")), nil
		case result.TimestampNTZ:
			return b.timeScale(reading(fn("ntz"), "TIMESTAMP_INPUT_FORMAT")), nil
		case result.TimestampLTZ:
			return b.timeScale(reading(zoned("ltz"), "TIMESTAMP_INPUT_FORMAT")), nil
		case result.TimestampTZ:
			return reading(zoned("tz"), "TIMESTAMP_INPUT_FORMAT"), nil
		case result.Binary:
			if f := b.format("BINARY_INPUT_FORMAT", "HEX"); !strings.EqualFold(f, "HEX") {
				return v, sqlerr.Unsupported("a cast to BINARY with BINARY_INPUT_FORMAT = %s", f)
			}
			return fn("hexbin"), nil
		case result.Variant:
			return v.with(t, "v_of_text("+x+")"), nil
		}
	case result.Fixed:
		switch t.Kind {
		case result.Real:
			if v.form == numberLit {
				return v.with(t, "'"+v.lit+"'::DOUBLE"), nil
			}
			return v.with(t, x+"::DOUBLE"), nil
		case result.Text:
			return b.resize(v.with(text(v.t.Precision+2), x+"::VARCHAR"), t), nil
		case result.Boolean:
			return v.with(t, "("+x+" <> 0)"), nil
		case result.TimestampNTZ:
			return v.with(t, "sf_epoch("+x+")"), nil
		case result.TimestampLTZ:
			return v.with(t, "sf_epoch("+x+")"), nil
		case result.TimestampTZ:
			return b.toTZ(v, "sf_epoch("+x+")", t), nil
		case result.Variant:
			return v.with(t, "v_of_num("+x+")"), nil
		}
	case result.Real:
		switch t.Kind {
		case result.Fixed:
			return b.narrow(v.with(t, "sf_fnum_"+itoa(t.Scale)+"("+x+")"), t, try), nil
		case result.Text:
			return b.resize(v.with(tText, "sf_ftext("+x+")"), t), nil
		case result.Boolean:
			return v.with(t, "("+x+" <> 0)"), nil
		case result.Variant:
			return v.with(t, "v_of_float("+x+")"), nil
		}
	case result.Boolean:
		switch t.Kind {
		case result.Text:
			return b.resize(v.with(text(5), x+"::VARCHAR"), t), nil
		case result.Fixed:
			return v.with(t, x+"::INTEGER::"+PhysicalType(t)), nil
		case result.Variant:
			return v.with(t, "v_of_bool("+x+")"), nil
		}
	case result.Date:
		switch t.Kind {
		case result.Text:
			return b.resize(v.with(text(10), b.dateText(x)), t), nil
		case result.TimestampNTZ:
			return v.with(t, x+"::TIMESTAMP"), nil
		case result.TimestampLTZ:
			return v.with(t, b.toUTC(x+"::TIMESTAMP")), nil
		case result.TimestampTZ:
			return b.toTZ(v, b.toUTC(x+"::TIMESTAMP"), t), nil
		case result.Variant:
			return v.with(t, "v_of_date("+x+")"), nil
		}
	case result.Time:
		switch t.Kind {
		case result.Text:
			return b.resize(v.with(text(18), "sf_timetext("+x+","+quote(b.format("TIME_OUTPUT_FORMAT", "HH24:MI:SS"))+")"), t), nil
		case result.Variant:
			return v.with(t, "v_of_time("+x+")"), nil
		}
	case result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
		return b.castTimestamp(v, t)
	case result.Binary:
		switch t.Kind {
		case result.Text:
			return b.resize(v.with(tText, "hex("+x+")"), t), nil
		case result.Variant:
			return v.with(t, "v_of_bin("+x+")"), nil
		}
	case result.Variant:
		out, ok := b.fromVariant(v, t)
		if ok {
			return out, nil
		}
	case result.Array, result.Object:
		switch t.Kind {
		case result.Variant:
			return v.with(t, x), nil
		case result.Text:
			return b.resize(v.with(tText, "v_json("+x+")"), t), nil
		case result.Vector:
			if v.t.Kind == result.Array {
				return v.with(t, "v_floats("+x+")::"+PhysicalType(t)), nil
			}
		case result.Array:
			return v.with(t, "v_array("+x+")"), nil
		}
	case result.Vector:
		if t.Kind == result.Array || t.Kind == result.Variant {
			return v.with(t, "v_of_floats("+x+"::FLOAT[])"), nil
		}
	}
	return v, sqlerr.Compilation(1065, "22023", "invalid type [CAST(%s AS %s)] for parameter '%s'", typeWord(v.t), t.SQL(), castWord(t))
}

// resize converts within one kind.
func (b *binder) resize(v value, t result.Type) value {
	switch t.Kind {
	case result.Fixed:
		if v.t == t {
			return v
		}
		if v.form == numberLit && fits(v.lit, t) {
			out := v.with(t, numberText(v.lit, t))
			out.form, out.lit = numberLit, v.lit
			return out
		}
		keep := v.with(t, v.sql+"::"+PhysicalType(t))
		return keep
	case result.Text:
		if t.TextLength() >= v.t.TextLength() {
			v.t = t
			return v
		}
		if v.form == textLit && runes(v.lit) <= t.TextLength() {
			v.t = t
			return v
		}
		return v.with(t, "left("+v.sql+","+itoa(t.TextLength())+")")
	case result.Time, result.TimestampNTZ, result.TimestampLTZ, result.TimestampTZ:
		if t.Scale < min(v.t.Scale, 6) {
			v.t = t
			return b.timeScale(v)
		}
	}
	v.t = t
	return v
}

// narrow puts a DECIMAL(38,s), what our functions give, into its own precision.
func (b *binder) narrow(v value, t result.Type, try bool) value {
	if t.Precision == 38 {
		return v
	}
	if try {
		v.sql = "TRY_CAST(" + v.sql + " AS " + PhysicalType(t) + ")"
	} else {
		v.sql += "::" + PhysicalType(t)
	}
	return v
}

// timeScale cuts the digits of a time that its type's scale does not keep.
func (b *binder) timeScale(v value) value {
	if v.t.Scale >= 6 {
		return v
	}
	switch v.t.Kind {
	case result.TimestampTZ:
		return v.with(v.t, "struct_pack(t := sf_cut("+v.sql+".t,"+itoa(v.t.Scale)+"), o := "+v.sql+".o)")
	default:
		return v.with(v.t, "sf_cut("+v.sql+","+itoa(v.t.Scale)+")")
	}
}

func (b *binder) castTimestamp(v value, t result.Type) (value, error) {
	x := v.sql
	// local is the wall-clock time, utc the instant.
	local := func() string {
		switch v.t.Kind {
		case result.TimestampLTZ:
			return b.toLocal(x)
		case result.TimestampTZ:
			return "sf_wall(" + x + ")"
		}
		return x
	}
	utc := func() string {
		switch v.t.Kind {
		case result.TimestampNTZ:
			return b.toUTC(x)
		case result.TimestampTZ:
			return x + ".t"
		}
		return x
	}
	switch t.Kind {
	case result.Date:
		return v.with(t, local()+"::DATE"), nil
	case result.Time:
		return b.timeScale(v.with(t, local()+"::TIME")), nil
	case result.TimestampNTZ:
		return b.timeScale(v.with(t, local())), nil
	case result.TimestampLTZ:
		return b.timeScale(v.with(t, utc())), nil
	case result.TimestampTZ:
		return b.toTZ(v, utc(), t), nil
	case result.Text:
		return b.resize(v.with(text(35), b.timestampText(v, "")), t), nil
	case result.Variant:
		switch v.t.Kind {
		case result.TimestampLTZ:
			return v.with(t, "v_of_ltz("+x+")"), nil
		case result.TimestampTZ:
			return v.with(t, "v_of_tz("+x+")"), nil
		}
		return v.with(t, "v_of_ntz("+x+")"), nil
	}
	return v, sqlerr.Compilation(1065, "22023", "invalid type [CAST(%s AS %s)] for parameter '%s'", typeWord(v.t), t.SQL(), castWord(t))
}

// timestampText is the text of a timestamp; format "" is the session's.
func (b *binder) timestampText(v value, format string) string {
	general := b.format("TIMESTAMP_OUTPUT_FORMAT", "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM")
	switch v.t.Kind {
	case result.TimestampLTZ:
		if format == "" {
			format = b.format("TIMESTAMP_LTZ_OUTPUT_FORMAT", general)
		}
		return "sf_ltztext(" + v.sql + "," + quote(format) + "," + b.zoneText() + ")"
	case result.TimestampTZ:
		if format == "" {
			format = b.format("TIMESTAMP_TZ_OUTPUT_FORMAT", general)
		}
		return "sf_tztext(" + v.sql + "," + quote(format) + ")"
	}
	if format == "" {
		format = b.format("TIMESTAMP_NTZ_OUTPUT_FORMAT", "YYYY-MM-DD HH24:MI:SS.FF3")
	}
	return "sf_tstext(" + v.sql + "," + quote(format) + ")"
}

func (b *binder) dateText(x string) string {
	return "sf_datetext(" + x + "," + quote(b.format("DATE_OUTPUT_FORMAT", "YYYY-MM-DD")) + ")"
}

// fromVariant reads the value inside; a path before the conversion is fused with it (one call a row).
func (b *binder) fromVariant(v value, t result.Type) (value, bool) {
	args := v.sql
	if inner, ok := strings.CutPrefix(v.sql, "v_get("); ok && strings.HasSuffix(inner, ")") && v.form == notLit && v.lit == "path" {
		args = inner[:len(inner)-1]
	}
	call := func(name string, extra ...string) value {
		out := v.with(t, name+"("+args)
		for _, e := range extra {
			out.sql += "," + e
		}
		out.sql += ")"
		out.null = true // a JSON null is NULL outside
		return out
	}
	switch t.Kind {
	case result.Fixed:
		return b.narrow(call("v_num_"+itoa(t.Scale)), t, false), true
	case result.Real:
		return call("v_float"), true
	case result.Text:
		out := call("v_text")
		if t.Length > 0 {
			out.t = tText
			return b.resize(out, t), true
		}
		return out, true
	case result.Boolean:
		return call("v_bool"), true
	case result.Date:
		return call("v_date"), true
	case result.Time:
		return b.timeScale(call("v_time")), true
	case result.TimestampNTZ:
		return b.timeScale(call("v_ntz")), true
	case result.TimestampLTZ:
		return b.timeScale(call("v_ltz")), true
	case result.TimestampTZ:
		return call("v_tz"), true
	case result.Binary:
		return call("v_bin"), true
	case result.Array:
		return call("v_array"), true
	case result.Object:
		return call("v_object"), true
	case result.Vector:
		out := call("v_floats")
		out.sql += "::" + PhysicalType(t)
		return out, true
	}
	return v, false
}

func (b *binder) zoneText() string { return quote(b.zone) }

// toUTC reads a wall-clock time in the session's zone; toLocal is its inverse.
func (b *binder) toUTC(x string) string {
	if b.zone == "UTC" {
		return x
	}
	return "sf_utc(" + x + "," + b.zoneText() + ")"
}

func (b *binder) toLocal(x string) string {
	if b.zone == "UTC" {
		return x
	}
	return "sf_local(" + x + "," + b.zoneText() + ")"
}

func (b *binder) toTZ(v value, utc string, t result.Type) value {
	return b.timeScale(v.with(t, "sf_tzof("+utc+","+b.zoneText()+")"))
}

// store converts v to a column's type as INSERT does: a text that is too long is an error, not cut.
func (b *binder) store(v value, c Column) (value, error) {
	if v.t.Kind == result.Text && c.Type.Kind == result.Text && c.Type.Length > 0 {
		if v.t.TextLength() <= c.Type.Length || v.form == textLit && runes(v.lit) <= c.Type.Length {
			return v, nil
		}
		return v.with(c.Type, "sf_fit("+v.sql+","+itoa(c.Type.Length)+")"), nil
	}
	if v.t.Kind != 0 && v.t.Kind != result.Text && c.Type.Kind == result.Text {
		wide, err := b.cast(v, tText, false)
		if err != nil {
			return v, storeError(v, c)
		}
		wide.t = tText
		return b.store(wide, c)
	}
	out, err := b.cast(v, c.Type, false)
	if err != nil {
		return v, storeError(v, c)
	}
	return out, nil
}

func storeError(v value, c Column) error {
	return sqlerr.Compilation(2023, "22000", "Expression type does not match column data type, expecting %s but got %s for column %s", c.Type.SQL(), typeWord(v.t), c.Name)
}

// fits says whether a literal's digits stand in t without loss.
func fits(digits string, t result.Type) bool {
	lt, ok := literalType(digits)
	return ok && lt.Scale <= t.Scale && (lt.Precision-lt.Scale <= t.Precision-t.Scale || strings.Trim(digits, "+-0.") == "")
}

// exactText says whether a text literal is a plain number that stands in t without loss, so that no call is needed.
func exactText(s string, t result.Type) (string, bool) {
	d := strings.TrimPrefix(s, "-")
	if d == "" || d[0] == '.' || d[len(d)-1] == '.' || strings.Count(d, ".") > 1 {
		return "", false
	}
	for i := 0; i < len(d); i++ {
		if (d[i] < '0' || d[i] > '9') && d[i] != '.' {
			return "", false
		}
	}
	return s, fits(s, t)
}

func typeWord(t result.Type) string {
	if t.Kind == 0 {
		return "NULL"
	}
	return t.SQL()
}

func castWord(t result.Type) string {
	switch t.Kind {
	case result.Fixed:
		return "TO_NUMBER"
	case result.Real:
		return "TO_DOUBLE"
	case result.Text:
		return "TO_VARCHAR"
	}
	return "TO_" + strings.ToUpper(t.Kind.String())
}
