package bind

import (
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
)

// path is x:a.b[0]. Constant steps become one text that our functions parse once a chunk; a computed index is a call of its own.
// A step that is a plain name is written .name, others ["…"]; an index is [n].
func (k *block) path(e *sql.Path) (value, error) {
	x, err := k.expr(e.X)
	if err != nil {
		return x, err
	}
	if x.t.Kind == 0 {
		x, _ = k.b.cast(x, tVariant, false)
	}
	if !isSemi(x.t.Kind) {
		return x, argumentTypes("GET", e.Pos, x, textValue("x"))
	}
	for _, s := range e.Steps {
		if s.Index == nil {
			x = step(x, pathName(s.Name))
			continue
		}
		if x, err = k.get(x, s.Index, e.Pos); err != nil {
			return x, err
		}
	}
	return x, nil
}

// step adds a constant step to a path, fusing it with the one before.
func step(x value, s string) value {
	out := x.with(tVariant, "")
	if inner, ok := strings.CutSuffix(x.sql, "')"); ok && x.lit == "path" {
		out.sql = inner + strings.ReplaceAll(s, "'", "''") + "')"
	} else {
		out.sql = "v_get(" + x.sql + "," + quote(s) + ")"
	}
	out.lit, out.null = "path", true
	return out
}

func pathName(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80) {
			return `["` + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), `"`, `\"`) + `"]`
		}
	}
	if name == "" {
		return `[""]`
	}
	return "." + name
}

// get is x[i] and GET(x, i).
func (k *block) get(x value, index sql.Expr, pos sql.Pos) (value, error) {
	i, err := k.expr(index)
	if err != nil {
		return i, err
	}
	return k.b.getValue(x, i, pos)
}

func (b *binder) getValue(x, i value, pos sql.Pos) (value, error) {
	switch {
	case i.form == textLit:
		return step(x, pathName(i.lit)), nil
	case i.form == numberLit && !strings.Contains(i.lit, "."):
		return step(x, "["+i.lit+"]"), nil
	case i.t.Kind == result.Text:
		v := derive(tVariant, "v_key("+x.sql+","+i.sql+")", x, i)
		v.null = true
		return v, nil
	case isNumeric(i.t.Kind):
		n, err := b.argument('i', i)
		if err != nil {
			return n, err
		}
		v := derive(tVariant, "v_at("+x.sql+","+n.sql+")", x, n)
		v.null = true
		return v, nil
	}
	return x, argumentTypes("GET", pos, x, i)
}

func (k *block) index(e *sql.Index) (value, error) {
	x, err := k.expr(e.X)
	if err != nil {
		return x, err
	}
	if x.t.Kind == result.Vector {
		return x, sqlerr.Unsupported("an element of a VECTOR")
	}
	if !isSemi(x.t.Kind) {
		return x, argumentTypes("GET", e.Pos, x)
	}
	return k.get(x, e.I, e.Pos)
}

// arrayOf is ARRAY_CONSTRUCT and [a, b]: a SQL NULL inside becomes undefined.
func (b *binder) arrayOf(args []value) (value, error) {
	parts := make([]string, len(args))
	for i := range args {
		v, err := b.cast(args[i], tVariant, false)
		if err != nil {
			return v, err
		}
		parts[i] = v.sql
	}
	if len(parts) == 0 {
		return value{sql: "v_list(NULL::BLOB[])", t: tArray}, nil
	}
	return derive(tArray, "v_list(["+strings.Join(parts, ",")+"])", args...).required(), nil
}

// objectOf is OBJECT_CONSTRUCT and {'k': v}: pairs with a NULL key or value are left out, unless keep.
func (b *binder) objectOf(args []value, keep bool) (value, error) {
	if len(args)%2 != 0 {
		return value{}, sqlerr.Compilation(1044, "42P13", "OBJECT_CONSTRUCT needs an even number of arguments, got %d", len(args))
	}
	var keys, vals []string
	for i := 0; i < len(args); i += 2 {
		key, err := b.toText(args[i])
		if err != nil {
			return key, err
		}
		v, err := b.cast(args[i+1], tVariant, false)
		if err != nil {
			return v, err
		}
		keys, vals = append(keys, key.sql), append(vals, v.sql)
	}
	fn := "v_objects"
	if keep {
		fn = "v_objects_keep"
	}
	if len(keys) == 0 {
		return value{sql: "v_objects(NULL::VARCHAR[], NULL::BLOB[])", t: tObject}, nil
	}
	return derive(tObject, fn+"(["+strings.Join(keys, ",")+"], ["+strings.Join(vals, ",")+"])", args...).required(), nil
}

// needSemi refuses arguments that are not semi-structured: GET, TYPEOF and TO_JSON take nothing else.
func needSemi(s scalar) scalar {
	emit := s.emit
	s.emit = func(b *binder, c *scalarCall) (value, error) {
		if k := c.args[0].t.Kind; !isSemi(k) && k != 0 {
			return value{}, argumentTypes(c.name, c.pos, c.args...)
		}
		return emit(b, c)
	}
	return s
}

// isType is IS_<TYPE>(variant): whether TYPEOF is one of these.
func isType(types string) scalar {
	return nullable(f("v", isBool, "(v_typeof($1) IN ("+types+"))"))
}

// as is AS_<TYPE>(variant): the value if it is of that type, else NULL.
func as(types string, t result.Type) scalar {
	return scalar{1, 3, func(b *binder, c *scalarCall) (value, error) {
		x, err := b.argument('v', c.args[0])
		if err != nil {
			return x, err
		}
		v, err := b.cast(x, t, false)
		if err != nil {
			return x, err
		}
		out := derive(t, "(CASE WHEN v_typeof("+x.sql+") IN ("+types+") THEN "+v.sql+" END)", x)
		out.null = true
		return out, nil
	}}
}

var variantFunctions = map[string]scalar{
	"PARSE_JSON": nullable(f("s", isVar, "v_parse($1)")), "TRY_PARSE_JSON": nullable(f("s", isVar, "v_tryparse($1)")),
	"TO_VARIANT": f("v", isVar, "$1"), "TO_ARRAY": {1, 1, func(b *binder, c *scalarCall) (value, error) {
		x := c.args[0]
		if x.t.Kind == result.Array {
			return x, nil
		}
		v, err := b.cast(x, tVariant, false)
		if err != nil {
			return v, err
		}
		return derive(tArray, "v_toarray("+v.sql+")", v), nil
	}},
	"TO_OBJECT":       f("o", isObject, "$1"),
	"TO_JSON":         needSemi(f("v", isText, "v_json($1)")),
	"TYPEOF":          needSemi(nullable(f("v", isText, "v_typeof($1)"))),
	"ARRAY_CONSTRUCT": {0, -1, func(b *binder, c *scalarCall) (value, error) { return b.arrayOf(c.args) }},
	"ARRAY_CONSTRUCT_COMPACT": {0, -1, func(b *binder, c *scalarCall) (value, error) {
		v, err := b.arrayOf(c.args)
		v.sql = "v_compact(" + v.sql + ")"
		return v, err
	}},
	"OBJECT_CONSTRUCT":           {0, -1, func(b *binder, c *scalarCall) (value, error) { return b.objectOf(c.args, false) }},
	"OBJECT_CONSTRUCT_KEEP_NULL": {0, -1, func(b *binder, c *scalarCall) (value, error) { return b.objectOf(c.args, true) }},
	"GET":                        needSemi(scalar{2, 2, func(b *binder, c *scalarCall) (value, error) { return b.getValue(c.args[0], c.args[1], c.pos) }}),
	"GET_PATH": needSemi(scalar{2, 2, func(b *binder, c *scalarCall) (value, error) {
		p, err := b.toText(c.args[1])
		if err != nil {
			return p, err
		}
		v := derive(tVariant, "v_getpath("+c.args[0].sql+","+p.sql+")", c.args[0], p)
		v.null = true
		return v, nil
	}}),
	"GET_IGNORE_CASE": needSemi(nullable(f("vs", isVar, "v_keyfold($1,$2)"))),
	"OBJECT_KEYS":     f("o", isArray, "v_keys($1)"),
	"OBJECT_INSERT": {3, 4, func(b *binder, c *scalarCall) (value, error) {
		o, err := b.argument('o', c.args[0])
		if err != nil {
			return o, argumentTypes(c.name, c.pos, c.args...)
		}
		key, err := b.toText(c.args[1])
		if err != nil {
			return key, err
		}
		v, err := b.cast(c.args[2], tVariant, false)
		if err != nil {
			return v, err
		}
		flag := "false"
		if len(c.args) == 4 {
			x, err := b.boolean(c.args[3])
			if err != nil {
				return x, err
			}
			flag = x.sql
		}
		return derive(tObject, "v_insert("+o.sql+","+key.sql+","+v.sql+","+flag+")", o), nil
	}},
	"OBJECT_DELETE": {2, -1, objectKeysCall("v_delete")}, "OBJECT_PICK": {2, -1, objectKeysCall("v_pick")},
	"ARRAY_SIZE":   nullable(f("v", isInt, "v_size($1)::DECIMAL(38,0)")),
	"ARRAY_APPEND": f("av", isArray, "v_append($1,$2)"), "ARRAY_PREPEND": f("av", isArray, "v_prepend($1,$2)"), "ARRAY_CAT": f("aa", isArray, "v_cat($1,$2)"),
	"ARRAY_CONTAINS": f("va", isBool, "v_contains($1,$2)"), "ARRAY_POSITION": nullable(f("va", isInt, "v_position($1,$2)::DECIMAL(38,0)")),
	"ARRAY_COMPACT": f("a", isArray, "v_compact($1)"), "ARRAY_DISTINCT": f("a", isArray, "v_distinct($1)"),
	"ARRAY_SLICE": f("aii", isArray, "v_slice($1,$2,$3)"), "ARRAY_TO_STRING": f("as", isText, "v_join($1,$2)"),
	"ARRAY_INSERT": f("aiv", isArray, "v_arrayinsert($1,$2,$3)"), "ARRAY_REMOVE": f("av", isArray, "v_remove($1,$2)"), "ARRAY_REMOVE_AT": f("ai", isArray, "v_removeat($1,$2)"),
	"ARRAY_SORT": f("abb", isArray, "v_arraysort($1,true,true)", "v_arraysort($1,$2,$2)", "v_arraysort($1,$2,$3)"), "ARRAY_REVERSE": f("a", isArray, "v_reverse($1)"),
	"ARRAY_INTERSECTION": f("aa", isArray, "v_intersection($1,$2)"), "ARRAY_EXCEPT": f("aa", isArray, "v_except($1,$2)"), "ARRAYS_OVERLAP": f("aa", isBool, "(v_size(v_intersection($1,$2)) > 0)"),
	"ARRAY_MIN": nullable(f("a", isVar, "v_min($1)")), "ARRAY_MAX": nullable(f("a", isVar, "v_max($1)")), "ARRAY_FLATTEN": f("a", isArray, "v_arrayflatten($1)"),
	"ARRAY_GENERATE_RANGE":   f("iii", isArray, "v_range($1,$2,1::BIGINT)", "v_range($1,$2,$3)"),
	"JSON_EXTRACT_PATH_TEXT": nullable(f("ss", isText, "v_text(v_getpath(v_parse($1),$2))")),
	"STRIP_NULL_VALUE":       nullable(f("v", isVar, "v_stripnull($1)")),
	"IS_ARRAY":               isType("'ARRAY'"), "IS_OBJECT": isType("'OBJECT'"), "IS_BOOLEAN": isType("'BOOLEAN'"), "IS_CHAR": isType("'VARCHAR'"), "IS_VARCHAR": isType("'VARCHAR'"),
	"IS_INTEGER": isType("'INTEGER'"), "IS_DECIMAL": isType("'INTEGER','DECIMAL'"), "IS_DOUBLE": isType("'INTEGER','DECIMAL','DOUBLE'"), "IS_REAL": isType("'INTEGER','DECIMAL','DOUBLE'"),
	"IS_BINARY": isType("'BINARY'"), "IS_DATE": isType("'DATE'"), "IS_TIME": isType("'TIME'"), "IS_TIMESTAMP_NTZ": isType("'TIMESTAMP_NTZ'"), "IS_TIMESTAMP_LTZ": isType("'TIMESTAMP_LTZ'"), "IS_TIMESTAMP_TZ": isType("'TIMESTAMP_TZ'"),
	"AS_OBJECT": as("'OBJECT'", tObject), "AS_ARRAY": as("'ARRAY'", tArray), "AS_BOOLEAN": as("'BOOLEAN'", tBool), "AS_CHAR": as("'VARCHAR'", tText), "AS_VARCHAR": as("'VARCHAR'", tText),
	"AS_INTEGER": as("'INTEGER'", tInt), "AS_DOUBLE": as("'INTEGER','DECIMAL','DOUBLE'", tFloat), "AS_REAL": as("'INTEGER','DECIMAL','DOUBLE'", tFloat),
	"AS_DECIMAL": as("'INTEGER','DECIMAL'", tInt), "AS_NUMBER": as("'INTEGER','DECIMAL'", tInt), "AS_DATE": as("'DATE'", tDate), "AS_TIME": as("'TIME'", tTime), "AS_BINARY": as("'BINARY'", tBinary),
	"AS_TIMESTAMP_NTZ": as("'TIMESTAMP_NTZ'", tNTZ), "AS_TIMESTAMP_LTZ": as("'TIMESTAMP_LTZ'", tLTZ), "AS_TIMESTAMP_TZ": as("'TIMESTAMP_TZ'", tTZ),
}

func objectKeysCall(fn string) func(b *binder, c *scalarCall) (value, error) {
	return func(b *binder, c *scalarCall) (value, error) {
		o, err := b.argument('o', c.args[0])
		if err != nil {
			return o, argumentTypes(c.name, c.pos, c.args...)
		}
		var keys []string
		for _, a := range c.args[1:] {
			if isSemi(a.t.Kind) {
				return o, sqlerr.Unsupported("%s with an array of keys", c.name)
			}
			t, err := b.toText(a)
			if err != nil {
				return t, err
			}
			keys = append(keys, t.sql)
		}
		return derive(tObject, fn+"("+o.sql+", ["+strings.Join(keys, ",")+"])", o), nil
	}
}
