package bind

import (
	"strings"

	"firn/result"
	"firn/sqlerr"
)

// known are functions of Snowflake's reference that Firn does not have yet: refused by name, not as unknown.
var known = setOf(`AI_COMPLETE ALERT_HISTORY APPROXIMATE_JACCARD_INDEX APPROXIMATE_SIMILARITY APPROX_PERCENTILE_ACCUMULATE APPROX_TOP_K
 ARRAYS_ZIP ASCII_STR BITMAP_BIT_POSITION BITMAP_BUCKET_NUMBER BITMAP_COUNT BITMAP_CONSTRUCT_AGG CHECK_JSON CHECK_XML CLASSIFY_TEXT
 COLLATE COLLATION COMPRESS CONDITIONAL_CHANGE_EVENT DATE_DIFF DECOMPRESS_BINARY DECOMPRESS_STRING DECRYPT ENCRYPT
 FILTER GET_DDL GET_PRESIGNED_URL BUILD_SCOPED_FILE_URL BUILD_STAGE_FILE_URL GET_STAGE_LOCATION HASH_AGG HLL_ACCUMULATE HLL_COMBINE HLL_ESTIMATE
 HLL_EXPORT HLL_IMPORT INTERPOLATE_BFILL INTERPOLATE_FFILL INTERPOLATE_LINEAR INVOKER_ROLE INVOKER_SHARE IS_DATABASE_ROLE_IN_SESSION IS_ROLE_IN_SESSION
 LAST_SUCCESSFUL_SCHEDULED_TIME MINHASH
 MINHASH_COMBINE NORMALIZE_STRING OBJECT_AGG_DISTINCT PARSE_IP PARSE_URL PARSE_XML REDUCE SEARCH SEARCH_IP
 TO_GEOGRAPHY TO_GEOMETRY TO_XML TRANSFORM 
 TRY_DECRYPT MD5_NUMBER MD5_NUMBER_LOWER64 MD5_NUMBER_UPPER64 SOUNDEX SOUNDEX_P123 PARSE_DOCUMENT SENTIMENT TO_DECFLOAT TO_QUERY TRY_TO_DECFLOAT TRY_TO_GEOGRAPHY TRY_TO_GEOMETRY OBJECT_CONSTRUCT_STRUCTURED BOOLNOT_AGG DAYOFWEEK_ISO ENCRYPT_RAW DECRYPT_RAW SYSTEM$STREAM_HAS_DATA TIME_SLICE_END VECTOR_L1_DISTANCE VECTOR_AVG VECTOR_SUM UNICODE_NORMALIZE VALIDATE_UTF8 XMLGET ZIPF BUCKET CURRENT_IP_ADDRESS CURRENT_ORGANIZATION_USER CURRENT_TRANSACTION LAST_TRANSACTION ALL_USER_NAMES GETVARIABLE IS_APPLICATION_ROLE_IN_SESSION IS_GRANTED_TO_INVOKER_ROLE ARRAYS_TO_OBJECT ARRAY_UNION_AGG APPROX_PERCENTILE_COMBINE TO_FILE VECTOR_COSINE_DISTANCE REGEXP_SUBSTR_ALL LAST_QUERY_ID`)

// refused says whether a function is Snowflake's and not here yet; whole families go by their prefix.
func refused(name string) bool {
	for _, p := range []string{"ST_", "H3_", "MAP_", "AI_", "DP_", "SNOWFLAKE.CORTEX."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return known[name]
}

func setOf(words string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		out[w] = true
	}
	return out
}

var (
	isText   = always(tText)
	isFloat  = always(tFloat)
	isBool   = always(tBool)
	isInt    = always(tInt)
	isInt18  = always(tInt18)
	isArray  = always(tArray)
	isObject = always(tObject)
	isVar    = always(tVariant)
	isBinary = always(tBinary)
)

// scalars is every scalar function whose arguments are expressions.
var scalars = merge(stringFunctions, numberFunctions, conditionFunctions, convertFunctions, dateFunctions, variantFunctions, hashFunctions)

func merge(tables ...map[string]scalar) map[string]scalar {
	out := make(map[string]scalar, 400)
	for _, t := range tables {
		for name, s := range t {
			out[name] = s
		}
	}
	return out
}

var stringFunctions = map[string]scalar{
	"UPPER": f("s", like(0), "upper($1)"), "LOWER": f("s", like(0), "lower($1)"),
	"INITCAP": f("ss", like(0), "sf_initcap($1,NULL)", "sf_initcap($1,$2)"),
	"LENGTH":  {1, 1, emitLength}, "LEN": {1, 1, emitLength},
	"OCTET_LENGTH": f("c", isInt18, "octet_length($1)::DECIMAL(18,0)"),
	"BIT_LENGTH":   f("c", isInt18, "(octet_length($1) * 8)::DECIMAL(18,0)"),
	"TRIM":         f("ss", like(0), "trim($1)", "trim($1, $2)"), "LTRIM": f("ss", like(0), "ltrim($1)", "ltrim($1, $2)"), "RTRIM": f("ss", like(0), "rtrim($1)", "rtrim($1, $2)"),
	"SUBSTR": {2, 3, emitSubstr}, "SUBSTRING": {2, 3, emitSubstr},
	"LEFT": f("si", like(0), "left($1, greatest($2, 0))"), "RIGHT": f("si", like(0), "right($1, greatest($2, 0))"),
	"REPLACE": f("sss", isText, "replace($1, $2, '')", "replace($1, $2, $3)"),
	"CONCAT":  {1, -1, func(b *binder, c *scalarCall) (value, error) { return b.concat(c.args) }},
	"CONCAT_WS": {2, -1, func(b *binder, c *scalarCall) (value, error) {
		args := []value{}
		for i, a := range c.args[1:] {
			if i > 0 {
				args = append(args, c.args[0])
			}
			args = append(args, a)
		}
		v, err := b.concat(args)
		v.null = v.null || c.args[0].null
		return v, err
	}},
	"REVERSE": f("s", like(0), "reverse($1)"), "REPEAT": f("si", isText, "repeat($1, greatest($2, 0))"),
	"LPAD": f("sis", isText, "sf_pad($1,$2,' ',true)", "sf_pad($1,$2,$3,true)"), "RPAD": f("sis", isText, "sf_pad($1,$2,' ',false)", "sf_pad($1,$2,$3,false)"),
	"ASCII": f("s", always(number(3, 0)), "(CASE WHEN $1 = '' THEN 0 ELSE ascii($1) END)::DECIMAL(10,0)::DECIMAL(3,0)"), "UNICODE": f("s", isInt18, "(CASE WHEN $1 = '' THEN 0 ELSE unicode($1) END)::DECIMAL(18,0)"),
	"CHR": f("i", always(text(1)), "chr($1::INTEGER)"), "CHAR": f("i", always(text(1)), "chr($1::INTEGER)"), "SPACE": f("i", isText, "repeat(' ', greatest($1, 0))"),
	"POSITION": f("ssi", isInt18, "sf_position($1,$2,1::BIGINT)::DECIMAL(18,0)", "sf_position($1,$2,$3)::DECIMAL(18,0)"), "CHARINDEX": f("ssi", isInt18, "sf_position($1,$2,1::BIGINT)::DECIMAL(18,0)", "sf_position($1,$2,$3)::DECIMAL(18,0)"),
	"STARTSWITH": f("ss", isBool, "starts_with($1, $2)"), "ENDSWITH": f("ss", isBool, "ends_with($1, $2)"), "CONTAINS": f("ss", isBool, "contains($1, $2)"),
	"SPLIT": f("ss", isArray, "v_split($1,$2)"), "SPLIT_PART": f("ssi", isText, "sf_split_part($1,$2,$3)"),
	"STRTOK":          nullable(f("ssi", isText, "sf_strtok($1,' ',1::BIGINT)", "sf_strtok($1,$2,1::BIGINT)", "sf_strtok($1,$2,$3)")),
	"STRTOK_TO_ARRAY": f("ss", isArray, "v_strtok($1,' ')", "v_strtok($1,$2)"),
	"TRANSLATE":       f("sss", isText, "translate($1, $2, $3)"),
	"INSERT":          f("siis", isText, "(left($1, greatest($2 - 1, 0)) || $4 || sf_substr($1,$2 + $3))"),
	"LIKE":            f("sss", isBool, "($1 LIKE $2)", "($1 LIKE $2 ESCAPE $3)"), "ILIKE": f("sss", isBool, "($1 ILIKE $2)", "($1 ILIKE $2 ESCAPE $3)"),
	"REGEXP_LIKE": f("sss", isBool, "sf_rlike($1,$2,'')", "sf_rlike($1,$2,$3)"), "RLIKE": f("sss", isBool, "sf_rlike($1,$2,'')", "sf_rlike($1,$2,$3)"),
	"REGEXP_REPLACE":         f("sssiis", isText, "sf_regexp_replace($1,$2,'',1::BIGINT,0::BIGINT,'c')", "sf_regexp_replace($1,$2,$3,1::BIGINT,0::BIGINT,'c')", "sf_regexp_replace($1,$2,$3,$4,0::BIGINT,'c')", "sf_regexp_replace($1,$2,$3,$4,$5,'c')", "sf_regexp_replace($1,$2,$3,$4,$5,$6)"),
	"REGEXP_SUBSTR":          nullable(f("ssiisi", isText, "sf_regexp_substr($1,$2,1::BIGINT,1::BIGINT,'c',-1::BIGINT)", "sf_regexp_substr($1,$2,$3,1::BIGINT,'c',-1::BIGINT)", "sf_regexp_substr($1,$2,$3,$4,'c',-1::BIGINT)", "sf_regexp_substr($1,$2,$3,$4,$5,-1::BIGINT)", "sf_regexp_substr($1,$2,$3,$4,$5,$6)")),
	"REGEXP_COUNT":           f("ssis", isInt18, "sf_regexp_count($1,$2,1::BIGINT,'c')::DECIMAL(18,0)", "sf_regexp_count($1,$2,$3,'c')::DECIMAL(18,0)", "sf_regexp_count($1,$2,$3,$4)::DECIMAL(18,0)"),
	"REGEXP_INSTR":           f("ssiiis", isInt18, "sf_regexp_instr($1,$2,1::BIGINT,1::BIGINT,0::BIGINT,'c')::DECIMAL(18,0)", "sf_regexp_instr($1,$2,$3,1::BIGINT,0::BIGINT,'c')::DECIMAL(18,0)", "sf_regexp_instr($1,$2,$3,$4,0::BIGINT,'c')::DECIMAL(18,0)", "sf_regexp_instr($1,$2,$3,$4,$5,'c')::DECIMAL(18,0)", "sf_regexp_instr($1,$2,$3,$4,$5,$6)::DECIMAL(18,0)"),
	"JAROWINKLER_SIMILARITY": f("ss", isInt18, "floor(jaro_winkler_similarity(lower($1), lower($2)) * 100)::DECIMAL(18,0)"),
	"RTRIMMED_LENGTH":        f("s", isInt18, "length(rtrim($1))::DECIMAL(18,0)"),
	"TRY_HEX_DECODE_BINARY":  nullable(f("s", isBinary, "sf_tryhexbin($1)")), "TRY_BASE64_DECODE_BINARY": nullable(f("s", isBinary, "TRY(from_base64($1))")),
	"EDITDISTANCE": f("ss", isInt18, "levenshtein($1, $2)::DECIMAL(18,0)"),
	"UUID_STRING":  volatile(f("", always(text(36)), "uuid()::VARCHAR")),
	"HEX_ENCODE":   f("ci", isText, "hex($1)", "(CASE WHEN $2 = 0 THEN lower(hex($1)) ELSE hex($1) END)"), "HEX_DECODE_STRING": f("s", isText, "decode(sf_hexbin($1))"), "HEX_DECODE_BINARY": f("s", isBinary, "sf_hexbin($1)"),
	"BASE64_ENCODE": f("c", isText, "to_base64($1)"), "BASE64_DECODE_STRING": f("s", isText, "decode(from_base64($1))"), "BASE64_DECODE_BINARY": f("s", isBinary, "from_base64($1)"),
	"TRY_HEX_DECODE_STRING": nullable(f("s", isText, "TRY(decode(sf_hexbin($1)))")), "TRY_BASE64_DECODE_STRING": nullable(f("s", isText, "TRY(decode(from_base64($1)))")),
	"RANDSTR": {2, 2, func(b *binder, c *scalarCall) (value, error) {
		n, err := b.argument('i', c.args[0])
		if err != nil {
			return n, err
		}
		g, err := b.argument('i', c.args[1])
		if err != nil {
			return g, err
		}
		v := derive(tText, "sf_randstr("+n.sql+","+g.sql+")", n, g)
		return v, nil
	}},
}

func emitLength(b *binder, c *scalarCall) (value, error) {
	x := c.args[0]
	if x.t.Kind == result.Binary {
		return derive(tInt18, "octet_length("+x.sql+")::DECIMAL(18,0)", x), nil
	}
	x, err := b.toText(x)
	if err != nil {
		return x, argumentTypes(c.name, c.pos, c.args...)
	}
	return derive(tInt18, "length("+x.sql+")::DECIMAL(18,0)", x), nil
}

func emitSubstr(b *binder, c *scalarCall) (value, error) {
	if c.args[0].t.Kind == result.Binary {
		return value{}, sqlerr.Unsupported("%s of BINARY", c.name)
	}
	args, err := b.convertArgs("sii", c)
	if err != nil {
		return value{}, err
	}
	if len(args) == 2 {
		return derive(args[0].t, expand("sf_substr($1,$2)", args), args...), nil
	}
	return derive(args[0].t, expand("sf_substr($1,$2,$3)", args), args...), nil
}

var hashFunctions = map[string]scalar{
	"MD5": f("c", always(text(32)), "md5($1)"), "MD5_HEX": f("c", always(text(32)), "md5($1)"), "MD5_BINARY": f("c", isBinary, "unhex(md5($1))"),
	"SHA1": f("c", always(text(40)), "sha1($1)"), "SHA1_HEX": f("c", always(text(40)), "sha1($1)"), "SHA1_BINARY": f("c", isBinary, "unhex(sha1($1))"),
	"SHA2": f("ci", always(text(128)), "sf_sha2($1,256::BIGINT)", "sf_sha2($1,$2)"), "SHA2_HEX": f("ci", always(text(128)), "sf_sha2($1,256::BIGINT)", "sf_sha2($1,$2)"),
	"SHA2_BINARY": f("ci", isBinary, "unhex(sf_sha2($1,256::BIGINT))", "unhex(sf_sha2($1,$2))"),
	"HASH": {1, -1, func(b *binder, c *scalarCall) (value, error) {
		parts := make([]string, len(c.args))
		for i := range c.args {
			v, err := b.cast(c.args[i], tVariant, false)
			if err != nil {
				return v, err
			}
			parts[i] = v.sql
		}
		return derive(number(19, 0), "sf_hash("+strings.Join(parts, ",")+")::DECIMAL(19,0)", c.args...).required(), nil
	}},
	"RANDOM": {0, 1, func(b *binder, c *scalarCall) (value, error) {
		v := value{sql: "sf_random()", t: number(19, 0), volatile: true}
		if len(c.args) == 1 {
			seed, err := b.argument('i', c.args[0])
			if err != nil {
				return seed, err
			}
			// The seed is constant; the row's number makes each row's value its own, and the same on the next run.
			v.sql = "sf_seeded(" + seed.sql + ", row_number() OVER ())"
			v.win = true
		}
		v.sql += "::DECIMAL(19,0)"
		return v, nil
	}},
	"UNIFORM": {3, 3, func(b *binder, c *scalarCall) (value, error) {
		lo, hi := c.args[0], c.args[1]
		g, err := b.argument('i', c.args[2])
		if err != nil {
			return g, err
		}
		if lo.t.Kind == result.Fixed && hi.t.Kind == result.Fixed {
			t, _ := common(lo.t, hi.t)
			t = number(min(38, max(t.Precision-t.Scale, 2)+t.Scale), t.Scale)
			lo, hi = b.resize(lo, t), b.resize(hi, t)
			return b.narrow(derive(t, "sf_uniform_"+itoa(t.Scale)+"("+lo.sql+","+hi.sql+","+g.sql+")", lo, hi, g), t, false), nil
		}
		if lo, err = b.cast(lo, tFloat, false); err != nil {
			return lo, err
		}
		if hi, err = b.cast(hi, tFloat, false); err != nil {
			return hi, err
		}
		return derive(tFloat, "sf_uniformf("+lo.sql+","+hi.sql+","+g.sql+")", lo, hi, g), nil
	}},
	"NORMAL": f("ffi", isFloat, "sf_normal($1,$2,$3)"),
}

// floatFn is a DuckDB function of one FLOAT that gives a FLOAT.
func floatFn(duck string) scalar { return f("f", isFloat, duck+"($1)") }

var numberFunctions = map[string]scalar{
	"ABS":  f("n", like(0), "abs($1)"),
	"CEIL": rounding("ceil"), "CEILING": rounding("ceil"), "FLOOR": rounding("floor"),
	"ROUND": rounding("round"), "TRUNC": rounding("trunc"), "TRUNCATE": rounding("trunc"),
	"MOD":  {2, 2, func(b *binder, c *scalarCall) (value, error) { return b.arithmetic("%", c.args[0], c.args[1], c.pos) }},
	"SQRT": f("f", isFloat, "sf_sqrt($1)"), "CBRT": floatFn("sf_cbrt"), "EXP": floatFn("exp"), "LN": f("f", isFloat, "sf_ln($1)"),
	"LOG": f("ff", isFloat, "sf_log($1,$2)"), "POWER": f("ff", isFloat, "pow($1, $2)"), "POW": f("ff", isFloat, "pow($1, $2)"),
	"SIGN":   f("n", always(number(1, 0)), "sign($1)::DECIMAL(1,0)"),
	"SQUARE": f("f", isFloat, "($1 * $1)"), "PI": f("", isFloat, "pi()"),
	"SIN": floatFn("sin"), "COS": floatFn("cos"), "TAN": floatFn("tan"), "ASIN": floatFn("asin"), "ACOS": floatFn("acos"), "ATAN": floatFn("atan"),
	"ATAN2": f("ff", isFloat, "atan2($1, $2)"), "SINH": floatFn("sinh"), "COSH": floatFn("cosh"), "TANH": floatFn("tanh"),
	"ASINH": floatFn("asinh"), "ACOSH": floatFn("acosh"), "ATANH": floatFn("atanh"), "COT": floatFn("cot"), "DEGREES": floatFn("degrees"), "RADIANS": floatFn("radians"),
	"FACTORIAL": f("i", isInt, "factorial($1::INTEGER)::DECIMAL(38,0)"),
	"DIV0":      {2, 2, func(b *binder, c *scalarCall) (value, error) { return b.div0(c, false) }},
	"DIV0NULL":  {2, 2, func(b *binder, c *scalarCall) (value, error) { return b.div0(c, true) }},
	"BITAND":    f("ii", isInt, "($1 & $2)::DECIMAL(38,0)"), "BITOR": f("ii", isInt, "($1 | $2)::DECIMAL(38,0)"), "BITXOR": f("ii", isInt, "xor($1, $2)::DECIMAL(38,0)"),
	"BITNOT": f("i", isInt, "(~ $1)::DECIMAL(38,0)"), "BITSHIFTLEFT": f("ii", isInt, "($1::HUGEINT * pow(2, $2)::HUGEINT)::DECIMAL(38,0)"), "BITSHIFTRIGHT": f("ii", isInt, "($1 >> $2::INTEGER)::DECIMAL(38,0)"),
	"HAVERSINE": f("ffff", isFloat, "(2 * 6371 * asin(sqrt(pow(sin(radians($3 - $1) / 2), 2) + cos(radians($1)) * cos(radians($3)) * pow(sin(radians($4 - $2) / 2), 2))))"),
	"GETBIT":    f("ii", isInt, "(($1 >> $2::INTEGER) & 1)::DECIMAL(38,0)"),
	"REGR_VALX": nullable(f("ff", isFloat, "(CASE WHEN $1 IS NULL THEN NULL ELSE $2 END)")), "REGR_VALY": nullable(f("ff", isFloat, "(CASE WHEN $2 IS NULL THEN NULL ELSE $1 END)")),
	"WIDTH_BUCKET":             f("fffi", isInt18, "sf_width_bucket($1,$2,$3,$4)::DECIMAL(18,0)"),
	"VECTOR_COSINE_SIMILARITY": vectorFn("array_cosine_similarity"), "VECTOR_INNER_PRODUCT": vectorFn("array_inner_product"), "VECTOR_L2_DISTANCE": vectorFn("array_distance"),
}

func vectorFn(duck string) scalar {
	return scalar{2, 2, func(b *binder, c *scalarCall) (value, error) {
		x, y := c.args[0], c.args[1]
		if x.t.Kind != result.Vector || x.t != y.t {
			return x, argumentTypes(c.name, c.pos, c.args...)
		}
		as := "::FLOAT[" + itoa(x.t.Length) + "]"
		return derive(tFloat, duck+"("+x.sql+as+", "+y.sql+as+")::DOUBLE", x, y), nil
	}}
}

func (b *binder) div0(c *scalarCall, null bool) (value, error) {
	x, y := c.args[0], c.args[1]
	xn, err := b.number(x, y)
	if err != nil {
		return x, err
	}
	yn, err := b.number(y, x)
	if err != nil {
		return y, err
	}
	q, err := b.arithmetic("/", xn, b.nullIfZero(yn), c.pos)
	if err != nil {
		return q, err
	}
	zero := "0::" + PhysicalType(q.t)
	test := yn.sql + " = 0"
	if null {
		test = "(" + yn.sql + " = 0 OR " + yn.sql + " IS NULL)"
	}
	return derive(q.t, "(CASE WHEN "+xn.sql+" IS NULL THEN NULL WHEN "+test+" THEN "+zero+" ELSE "+q.sql+" END)", xn, yn), nil
}

// rounding is CEIL, FLOOR, ROUND and TRUNC (x[, scale]). With a constant scale an exact number gets that scale and, except for
// TRUNC, one more leading digit (pages of the four).
func rounding(fn string) scalar {
	most := 2
	if fn == "round" {
		most = 3
	}
	return scalar{1, most, func(b *binder, c *scalarCall) (value, error) {
		if len(c.args) == 3 {
			if c.args[2].lit != "HALF_AWAY_FROM_ZERO" {
				return value{}, sqlerr.Unsupported("ROUND with mode %s", c.args[2].lit)
			}
		}
		if fn == "trunc" && (c.args[0].t.Kind == result.Date || isTimestamp(c.args[0].t.Kind)) {
			part := "DAY"
			if len(c.args) == 2 {
				part = c.args[1].lit
			}
			return b.dateTrunc(part, c.args[0], c.pos)
		}
		x, err := b.argument('n', c.args[0])
		if err != nil {
			return x, argumentTypes(c.name, c.pos, c.args...)
		}
		scale := numberValue("0")
		if len(c.args) > 1 {
			scale = c.args[1]
		}
		n, err := b.argument('i', scale)
		if err != nil {
			return n, err
		}
		if x.t.Kind == result.Real {
			return derive(tFloat, "sf_f"+fn+"("+x.sql+","+n.sql+")", x, n), nil
		}
		s := x.t.Scale
		if k, ok := smallInt(scale); ok {
			s = max(0, min(s, k))
		}
		lead := x.t.Precision - x.t.Scale
		if fn != "trunc" {
			lead++
		}
		t := capped(lead, s)
		if k, ok := smallInt(scale); ok && k >= x.t.Scale {
			return b.resize(x, t), nil
		}
		return b.narrow(derive(t, "sf_"+fn+"_"+itoa(s)+"("+x.sql+","+n.sql+")", x, n), t, false), nil
	}}
}

// smallInt is the value of a literal integer.
func smallInt(v value) (int, bool) {
	if v.form != numberLit || strings.Contains(v.lit, ".") || len(v.lit) > 4 {
		return 0, false
	}
	n, neg := 0, false
	for i, c := range v.lit {
		switch {
		case i == 0 && c == '-':
			neg = true
		case c < '0' || c > '9':
			return 0, false
		default:
			n = n*10 + int(c-'0')
		}
	}
	if neg {
		n = -n
	}
	return n, true
}

var conditionFunctions = map[string]scalar{
	"IFF": {3, 3, func(b *binder, c *scalarCall) (value, error) {
		cond, err := b.boolean(c.args[0])
		if err != nil {
			return cond, err
		}
		return b.choose([]value{cond}, c.args[1:])
	}},
	"COALESCE": {2, -1, func(b *binder, c *scalarCall) (value, error) { return b.coalesce(c.args) }},
	"NVL":      {2, 2, func(b *binder, c *scalarCall) (value, error) { return b.coalesce(c.args) }},
	"IFNULL":   {2, 2, func(b *binder, c *scalarCall) (value, error) { return b.coalesce(c.args) }},
	"NVL2": {3, 3, func(b *binder, c *scalarCall) (value, error) {
		x, err := b.argument('x', c.args[0])
		if err != nil {
			return x, err
		}
		return b.choose([]value{derive(tBool, "("+x.sql+" IS NOT NULL)", x).required()}, c.args[1:])
	}},
	"NULLIF": {2, 2, func(b *binder, c *scalarCall) (value, error) {
		x := c.args[0]
		eq, err := b.compare("=", x, c.args[1])
		if err != nil {
			return x, err
		}
		return b.choose([]value{eq}, []value{nullValue(), x})
	}},
	"NULLIFZERO": {1, 1, func(b *binder, c *scalarCall) (value, error) {
		x, err := b.argument('n', c.args[0])
		if err != nil {
			return x, err
		}
		return b.nullIfZero(x), nil
	}},
	"ZEROIFNULL": {1, 1, func(b *binder, c *scalarCall) (value, error) {
		x, err := b.argument('n', c.args[0])
		if err != nil {
			return x, err
		}
		return b.coalesce([]value{x, numberValue("0")})
	}},
	"DECODE": {3, -1, func(b *binder, c *scalarCall) (value, error) {
		var conds, vals []value
		i := 1
		for ; i+1 < len(c.args); i += 2 {
			l, r, err := b.unify(c.args[0], c.args[i])
			if err != nil {
				return l, err
			}
			conds = append(conds, derive(tBool, "("+key(l)+" IS NOT DISTINCT FROM "+key(r)+")", l, r).required())
			vals = append(vals, c.args[i+1])
		}
		rest := nullValue()
		if i < len(c.args) {
			rest = c.args[i]
		}
		return b.choose(conds, append(vals, rest))
	}},
	"EQUAL_NULL": {2, 2, func(b *binder, c *scalarCall) (value, error) {
		l, r, err := b.unify(c.args[0], c.args[1])
		if err != nil {
			return l, err
		}
		return derive(tBool, "("+key(l)+" IS NOT DISTINCT FROM "+key(r)+")", l, r).required(), nil
	}},
	"GREATEST": {1, -1, extremeOf("greatest", ">=", false)}, "LEAST": {1, -1, extremeOf("least", "<=", false)},
	"GREATEST_IGNORE_NULLS": {1, -1, extremeOf("greatest", ">=", true)}, "LEAST_IGNORE_NULLS": {1, -1, extremeOf("least", "<=", true)},
	"BOOLAND": f("bb", isBool, "($1 AND $2)"), "BOOLOR": f("bb", isBool, "($1 OR $2)"), "BOOLNOT": f("b", isBool, "(NOT $1)"), "BOOLXOR": f("bb", isBool, "($1 <> $2)"),
	"IS_NULL_VALUE": nullable(f("v", isBool, "v_isnull($1)")),
}

func extremeOf(fn, op string, ignore bool) func(b *binder, c *scalarCall) (value, error) {
	return func(b *binder, c *scalarCall) (value, error) {
		vals, t, err := b.commonAll(c.name, c.args)
		if err != nil {
			return value{}, err
		}
		if t.Kind == 0 {
			return nullValue(), nil
		}
		if isSemi(t.Kind) || t.Kind == result.TimestampTZ {
			return value{}, sqlerr.Unsupported("%s of %s", c.name, t.SQL())
		}
		parts := make([]string, len(vals))
		var tests []string
		for i := range vals {
			parts[i] = vals[i].sql
			if vals[i].null {
				tests = append(tests, vals[i].sql+" IS NULL")
			}
		}
		s := fn + "(" + strings.Join(parts, ", ") + ")"
		if len(tests) > 0 && !ignore {
			s = "(CASE WHEN " + strings.Join(tests, " OR ") + " THEN NULL ELSE " + s + " END)"
		}
		return derive(t, s, vals...), nil
	}
}
