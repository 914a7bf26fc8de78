package bind

import (
	"firn/result"
	"firn/sqlerr"
)

// to is TO_<TYPE>(x[, format]) and TRY_TO_<TYPE>: a cast, or a reading by the format.
func to(t result.Type, try bool, fn string) scalar {
	return scalar{1, 2, func(b *binder, c *scalarCall) (value, error) {
		x := c.args[0]
		if try && x.t.Kind != result.Text && x.t.Kind != 0 {
			return x, sqlerr.Compilation(1044, "22023", "Function TRY_CAST cannot be used with arguments of types %s and %s", typeWord(x.t), t.SQL())
		}
		if t.Kind == result.Date && isNumeric(x.t.Kind) && c.name != "DATE" {
			return x, sqlerr.Compilation(1065, "22023", "invalid type [TO_DATE(%s)] for parameter 'TO_DATE'", typeWord(x.t))
		}
		if len(c.args) == 1 || x.t.Kind == 0 {
			return b.cast(x, t, try)
		}
		if isNumeric(x.t.Kind) {
			scale, ok := smallInt(c.args[1])
			if !ok || scale < 0 || scale > 9 {
				return x, sqlerr.Compilation(1015, "22023", "argument 2 to function %s needs to be an integer from 0 to 9", c.name)
			}
			n, err := b.cast(x, tInt, false)
			if err != nil {
				return x, err
			}
			v := derive(t, "sf_epochscale("+n.sql+","+itoa(scale)+")", x)
			if t.Kind == result.TimestampTZ {
				v = b.toTZ(v, v.sql, t)
			}
			return v, nil
		}
		if x.t.Kind != result.Text {
			return b.cast(x, t, try)
		}
		if c.args[1].t.Kind != result.Text {
			return x, sqlerr.Compilation(1015, "22023", "Format argument for function '%s' needs to be a string", c.name)
		}
		if c.args[1].form == textLit && (c.args[1].lit == "AUTO" || c.args[1].lit == "auto") {
			return b.cast(x, t, try)
		}
		name := "sf_" + fn
		if try {
			name = "sf_try" + fn
		}
		s := name + "(" + x.sql + ","
		if t.Kind == result.TimestampLTZ || t.Kind == result.TimestampTZ {
			s += b.zoneText() + ","
		}
		v := derive(t, s+c.args[1].sql+")", x, c.args[1])
		v.null = v.null || try
		return v, nil
	}}
}

// toNumber is TO_NUMBER(x [, format] [, precision [, scale]]): NUMBER(38,0) unless told.
func toNumber(try bool) scalar {
	return scalar{1, 4, func(b *binder, c *scalarCall) (value, error) {
		x := c.args[0]
		if try && x.t.Kind != result.Text && x.t.Kind != 0 {
			return x, sqlerr.Compilation(1044, "22023", "Function TRY_CAST cannot be used with arguments of types %s and NUMBER(38,0)", typeWord(x.t))
		}
		rest := c.args[1:]
		format := ""
		if len(rest) > 0 && rest[0].t.Kind == result.Text {
			format, rest = rest[0].sql, rest[1:]
		}
		t := tInt
		for i, a := range rest {
			n, ok := smallInt(a)
			if !ok || i > 1 || i == 0 && (n < 1 || n > 38) || i == 1 && (n < 0 || n > 37) {
				return x, sqlerr.Compilation(1015, "22023", "invalid precision or scale of %s", c.name)
			}
			if i == 0 {
				t.Precision = n
			} else {
				t.Scale = n
			}
		}
		if t.Scale > t.Precision {
			return x, sqlerr.Compilation(1015, "22023", "invalid precision or scale of %s", c.name)
		}
		if format == "" || x.t.Kind != result.Text {
			return b.cast(x, t, try)
		}
		name := "sf_numfmt_"
		if try {
			name = "sf_trynumfmt_"
		}
		v := derive(t, name+itoa(t.Scale)+"("+x.sql+","+format+")", x)
		v.null = v.null || try
		return b.narrow(v, t, try), nil
	}}
}

var emitToChar = scalar{1, 2, func(b *binder, c *scalarCall) (value, error) {
	x := c.args[0]
	if len(c.args) == 1 || x.t.Kind == 0 {
		v, err := b.cast(x, tText, false)
		v.t = tText
		return v, err
	}
	fm, err := b.toText(c.args[1])
	if err != nil {
		return fm, err
	}
	s := ""
	switch x.t.Kind {
	case result.Fixed, result.Real:
		s = "sf_numtext(" + x.sql + "," + fm.sql + ")"
		if x.t.Kind == result.Real {
			s = "sf_fnumtext(" + x.sql + "," + fm.sql + ")"
		}
	case result.Date:
		s = "sf_datetext(" + x.sql + "," + fm.sql + ")"
	case result.Time:
		s = "sf_timetext(" + x.sql + "," + fm.sql + ")"
	case result.TimestampNTZ:
		s = "sf_tstext(" + x.sql + "," + fm.sql + ")"
	case result.TimestampLTZ:
		s = "sf_ltztext(" + x.sql + "," + fm.sql + "," + b.zoneText() + ")"
	case result.TimestampTZ:
		s = "sf_tztext(" + x.sql + "," + fm.sql + ")"
	case result.Binary:
		switch fm.lit {
		case "HEX", "hex":
			s = "hex(" + x.sql + ")"
		case "UTF-8", "UTF8", "utf-8", "utf8":
			s = "decode(" + x.sql + ")"
		case "BASE64", "base64":
			s = "to_base64(" + x.sql + ")"
		default:
			return x, sqlerr.Invalid("invalid binary format '%s'", fm.lit)
		}
	case result.Variant:
		d, err := b.cast(x, tNTZ, false)
		if err != nil {
			return x, err
		}
		s = "sf_tstext(" + d.sql + "," + fm.sql + ")"
	default:
		return x, argumentTypes(c.name, c.pos, c.args...)
	}
	return derive(tText, s, x, fm), nil
}}

func toBinary(try bool) scalar {
	return scalar{1, 2, func(b *binder, c *scalarCall) (value, error) {
		x := c.args[0]
		format := b.format("BINARY_INPUT_FORMAT", "HEX")
		if len(c.args) == 2 {
			format = c.args[1].lit
		}
		if x.t.Kind != result.Text {
			return b.cast(x, tBinary, try)
		}
		s := ""
		switch format {
		case "HEX", "hex":
			return b.cast(x, tBinary, try)
		case "UTF-8", "UTF8", "utf-8", "utf8":
			s = "encode(" + x.sql + ")"
		case "BASE64", "base64":
			s = "from_base64(" + x.sql + ")"
		default:
			return x, sqlerr.Invalid("invalid binary format '%s'", format)
		}
		if try {
			s = "TRY(" + s + ")"
		}
		v := derive(tBinary, s, x)
		v.null = v.null || try
		return v, nil
	}}
}

var convertFunctions = map[string]scalar{
	"TO_CHAR": emitToChar, "TO_VARCHAR": emitToChar,
	"TO_NUMBER": toNumber(false), "TO_DECIMAL": toNumber(false), "TO_NUMERIC": toNumber(false),
	"TRY_TO_NUMBER": toNumber(true), "TRY_TO_DECIMAL": toNumber(true), "TRY_TO_NUMERIC": toNumber(true),
	"TO_DOUBLE": to(tFloat, false, "float"), "TRY_TO_DOUBLE": to(tFloat, true, "float"),
	"TO_BOOLEAN": to(tBool, false, "bool"), "TRY_TO_BOOLEAN": to(tBool, true, "bool"),
	"TO_DATE": to(tDate, false, "date"), "DATE": to(tDate, false, "date"), "TRY_TO_DATE": to(tDate, true, "date"),
	"TO_TIME": to(tTime, false, "time"), "TIME": to(tTime, false, "time"), "TRY_TO_TIME": to(tTime, true, "time"),
	"TO_TIMESTAMP": to(tNTZ, false, "ntz"), "TO_TIMESTAMP_NTZ": to(tNTZ, false, "ntz"), "TRY_TO_TIMESTAMP": to(tNTZ, true, "ntz"), "TRY_TO_TIMESTAMP_NTZ": to(tNTZ, true, "ntz"),
	"TO_TIMESTAMP_LTZ": to(tLTZ, false, "ltz"), "TRY_TO_TIMESTAMP_LTZ": to(tLTZ, true, "ltz"),
	"TO_TIMESTAMP_TZ": to(tTZ, false, "tz"), "TRY_TO_TIMESTAMP_TZ": to(tTZ, true, "tz"),
	"TO_BINARY": toBinary(false), "TRY_TO_BINARY": toBinary(true),
}
