// Package variant is the encoding of VARIANT, OBJECT and ARRAY (warehouse/function/DESIGN.md): plain Go, without DuckDB.
package variant

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"firn/warehouse/function/convert"
)

// Version is a blob's first byte.
const Version = 1

// Tags of values; integers are tagInt + (bytes - 1).
const (
	tagNull = iota
	tagUndefined
	tagFalse
	tagTrue
	tagDecimal
	tagDouble
	tagText
	tagBinary
	tagDate
	tagTime
	tagNTZ
	tagLTZ
	tagTZ
	tagArray
	tagObject
	tagInt = 16
)

// Value is one encoded value, from its tag on; it may have bytes of others behind it.
type Value []byte

// Of is the value in a blob. An unknown version gives false.
func Of(blob []byte) (Value, bool) {
	if len(blob) < 2 || blob[0] != Version {
		return nil, false
	}
	return Value(blob[1:]), true
}

// Kind is a value's kind as TYPEOF names it.
func (v Value) Kind() string {
	switch v[0] {
	case tagNull:
		return "NULL_VALUE"
	case tagUndefined:
		return "UNDEFINED"
	case tagFalse, tagTrue:
		return "BOOLEAN"
	case tagDecimal:
		return "DECIMAL"
	case tagDouble:
		return "DOUBLE"
	case tagText:
		return "VARCHAR"
	case tagBinary:
		return "BINARY"
	case tagDate:
		return "DATE"
	case tagTime:
		return "TIME"
	case tagNTZ:
		return "TIMESTAMP_NTZ"
	case tagLTZ:
		return "TIMESTAMP_LTZ"
	case tagTZ:
		return "TIMESTAMP_TZ"
	case tagArray:
		return "ARRAY"
	case tagObject:
		return "OBJECT"
	}
	return "INTEGER"
}

// IsNull says JSON null; IsUndefined undefined.
func (v Value) IsNull() bool { return v[0] == tagNull }

// IsUndefined says whether v is a hole.
func (v Value) IsUndefined() bool { return v[0] == tagUndefined }

// IsArray and IsObject tell containers.
func (v Value) IsArray() bool { return v[0] == tagArray }

// IsObject says whether v is an object.
func (v Value) IsObject() bool { return v[0] == tagObject }

// Number is an exact number and its scale.
func (v Value) Number() (convert.Int128, int, bool) {
	switch {
	case v[0] >= tagInt && v[0] < tagInt+16:
		return readInt(v[1 : 2+v[0]-tagInt]), 0, true
	case v[0] == tagDecimal:
		n, _, _ := Value(v[2:]).Number()
		return n, int(v[1]), true
	}
	return convert.Int128{}, 0, false
}

func readInt(b []byte) convert.Int128 {
	var raw [16]byte
	fill := byte(0)
	if b[len(b)-1] >= 0x80 {
		fill = 0xff
	}
	for i := len(b); i < 16; i++ {
		raw[i] = fill
	}
	copy(raw[:], b)
	return convert.Int128{Lo: binary.LittleEndian.Uint64(raw[:]), Hi: int64(binary.LittleEndian.Uint64(raw[8:]))}
}

// Double is a double.
func (v Value) Double() (float64, bool) {
	if v[0] != tagDouble {
		return 0, false
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v[1:])), true
}

// Bool is a boolean.
func (v Value) Bool() (value, ok bool) {
	return v[0] == tagTrue, v[0] == tagTrue || v[0] == tagFalse
}

// Text is a text's bytes.
func (v Value) Text() ([]byte, bool) {
	if v[0] != tagText {
		return nil, false
	}
	n, k := binary.Uvarint(v[1:])
	return v[1+k : 1+k+int(n)], true
}

// Binary is a BINARY's bytes.
func (v Value) Binary() ([]byte, bool) {
	if v[0] != tagBinary {
		return nil, false
	}
	n, k := binary.Uvarint(v[1:])
	return v[1+k : 1+k+int(n)], true
}

// Date is days since 1970.
func (v Value) Date() (int32, bool) {
	if v[0] != tagDate {
		return 0, false
	}
	return int32(binary.LittleEndian.Uint32(v[1:])), true
}

// Time is microseconds since midnight.
func (v Value) Time() (int64, bool) {
	if v[0] != tagTime {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(v[1:])), true
}

// Timestamp is a timestamp's microseconds, its offset in minutes and its kind, "" for other values.
func (v Value) Timestamp() (us int64, offset int16, kind string) {
	switch v[0] {
	case tagNTZ, tagLTZ:
		return int64(binary.LittleEndian.Uint64(v[1:])), 0, v.Kind()
	case tagTZ:
		return int64(binary.LittleEndian.Uint64(v[1:])), int16(binary.LittleEndian.Uint16(v[9:])), v.Kind()
	}
	return 0, 0, ""
}

func word(b []byte, w int) int {
	switch w {
	case 1:
		return int(b[0])
	case 2:
		return int(binary.LittleEndian.Uint16(b))
	}
	return int(binary.LittleEndian.Uint32(b))
}

// Len is the number of elements of an array or members of an object.
func (v Value) Len() int {
	if v[0] != tagArray && v[0] != tagObject {
		return 0
	}
	return word(v[2:], int(v[1]))
}

// Elem is element i of an array, or member i's value.
func (v Value) Elem(i int) Value {
	w := int(v[1])
	n := word(v[2:], w)
	if v[0] == tagArray {
		at := 2 + w
		data := at + (n+1)*w
		from, to := word(v[at+i*w:], w), word(v[at+(i+1)*w:], w)
		return v[data+from : data+to]
	}
	keys := 2 + w
	vals := keys + (n+1)*w
	data := vals + (n+1)*w
	kl := word(v[keys+n*w:], w)
	from, to := word(v[vals+i*w:], w), word(v[vals+(i+1)*w:], w)
	return v[data+kl+from : data+kl+to]
}

// Key is member i's key.
func (v Value) Key(i int) []byte {
	w := int(v[1])
	n := word(v[2:], w)
	keys := 2 + w
	data := keys + 2*(n+1)*w
	from, to := word(v[keys+i*w:], w), word(v[keys+(i+1)*w:], w)
	return v[data+from : data+to]
}

// Get is the member of a key.
func (v Value) Get(key string) (Value, bool) {
	if v[0] != tagObject {
		return nil, false
	}
	lo, hi := 0, v.Len()
	for lo < hi {
		mid := (lo + hi) / 2
		k := v.Key(mid)
		switch at := unsafe.String(unsafe.SliceData(k), len(k)); {
		case at == key:
			return v.Elem(mid), true
		case at < key:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return nil, false
}

// ---- writing

// AppendInt appends an integer.
func AppendInt(b []byte, v convert.Int128) []byte {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:], v.Lo)
	binary.LittleEndian.PutUint64(raw[8:], uint64(v.Hi))
	n := 16
	for n > 1 {
		top, next := raw[n-1], raw[n-2]
		if top == 0 && next < 0x80 || top == 0xff && next >= 0x80 {
			n--
			continue
		}
		break
	}
	b = append(b, byte(tagInt+n-1))
	return append(b, raw[:n]...)
}

// AppendNumber appends an exact number, without trailing zeros.
func AppendNumber(b []byte, v convert.Int128, scale int) []byte {
	for scale > 0 {
		if n, ok := v.Int64(); ok {
			if n%10 != 0 {
				break
			}
			v = convert.FromInt64(n / 10)
			scale--
			continue
		}
		q, r := v.DivMod10()
		if r != 0 {
			break
		}
		v = q
		scale--
	}
	if scale == 0 {
		return AppendInt(b, v)
	}
	b = append(b, tagDecimal, byte(scale))
	return AppendInt(b, v)
}

// AppendDouble appends a double.
func AppendDouble(b []byte, f float64) []byte {
	if f == 0 {
		f = 0 // no -0
	}
	if math.IsNaN(f) {
		f = math.NaN()
	}
	b = append(b, tagDouble)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
}

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, tagTrue)
	}
	return append(b, tagFalse)
}

// AppendText appends a text.
func AppendText(b []byte, s []byte) []byte {
	b = append(b, tagText)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// AppendBinary appends a BINARY.
func AppendBinary(b []byte, s []byte) []byte {
	b = append(b, tagBinary)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// AppendDate appends days since 1970.
func AppendDate(b []byte, days int32) []byte {
	return binary.LittleEndian.AppendUint32(append(b, tagDate), uint32(days))
}

// AppendTime appends microseconds since midnight.
func AppendTime(b []byte, us int64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, tagTime), uint64(us))
}

// AppendNTZ and its kin append timestamps in microseconds.
func AppendNTZ(b []byte, us int64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, tagNTZ), uint64(us))
}

// AppendLTZ appends a TIMESTAMP_LTZ.
func AppendLTZ(b []byte, us int64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, tagLTZ), uint64(us))
}

// AppendTZ appends a TIMESTAMP_TZ, its offset in minutes.
func AppendTZ(b []byte, us int64, offset int16) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, tagTZ), uint64(us))
	return binary.LittleEndian.AppendUint16(b, uint16(offset))
}

// AppendNull appends JSON null, AppendUndefined a hole.
func AppendNull(b []byte) []byte { return append(b, tagNull) }

// AppendUndefined appends undefined.
func AppendUndefined(b []byte) []byte { return append(b, tagUndefined) }

func width(n int) int {
	switch {
	case n <= 0xff:
		return 1
	case n <= 0xffff:
		return 2
	}
	return 4
}

func appendWord(b []byte, v, w int) []byte {
	switch w {
	case 1:
		return append(b, byte(v))
	case 2:
		return binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return binary.LittleEndian.AppendUint32(b, uint32(v))
}

// AppendArray appends an array of encoded values.
func AppendArray(b []byte, elems []Value) []byte {
	size := 0
	for _, e := range elems {
		size += len(e)
	}
	w := width(max(size, len(elems)))
	b = append(b, tagArray, byte(w))
	b = appendWord(b, len(elems), w)
	off := 0
	b = appendWord(b, 0, w)
	for _, e := range elems {
		off += len(e)
		b = appendWord(b, off, w)
	}
	for _, e := range elems {
		b = append(b, e...)
	}
	return b
}

// Member is a key and its value.
type Member struct {
	Key   string
	Value Value
}

// AppendObject appends an object. Members are sorted in place; of one key twice the last counts.
func AppendObject(b []byte, members []Member) []byte {
	if !slices.IsSortedFunc(members, func(x, y Member) int { return strings.Compare(x.Key, y.Key) }) {
		slices.SortStableFunc(members, func(x, y Member) int { return strings.Compare(x.Key, y.Key) })
	}
	out := members[:0]
	for i := range members {
		if n := len(out); n > 0 && out[n-1].Key == members[i].Key {
			out[n-1] = members[i]
			continue
		}
		out = append(out, members[i])
	}
	keys, size := 0, 0
	for i := range out {
		keys += len(out[i].Key)
		size += len(out[i].Value)
	}
	w := width(max(size, keys, len(out)))
	b = append(b, tagObject, byte(w))
	b = appendWord(b, len(out), w)
	off := 0
	b = appendWord(b, 0, w)
	for i := range out {
		off += len(out[i].Key)
		b = appendWord(b, off, w)
	}
	off = 0
	b = appendWord(b, 0, w)
	for i := range out {
		off += len(out[i].Value)
		b = appendWord(b, off, w)
	}
	for i := range out {
		b = append(b, out[i].Key...)
	}
	for i := range out {
		b = append(b, out[i].Value...)
	}
	return b
}

// Encode makes a blob of a Go value: nil (JSON null), bool, int, int64, float64, string, []byte, time.Time (TIMESTAMP_TZ),
// json.Number, json.RawMessage (parsed), []any, map[string]any.
func Encode(v any) ([]byte, error) { return AppendAny([]byte{Version}, v) }

// AppendAny appends a Go value.
func AppendAny(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return AppendNull(b), nil
	case bool:
		return AppendBool(b, v), nil
	case int:
		return AppendInt(b, convert.FromInt64(int64(v))), nil
	case int64:
		return AppendInt(b, convert.FromInt64(v)), nil
	case float64:
		return AppendDouble(b, v), nil
	case string:
		return AppendText(b, []byte(v)), nil
	case []byte:
		return AppendBinary(b, v), nil
	case time.Time:
		_, off := v.Zone()
		return AppendTZ(b, v.UnixMicro(), int16(off/60)), nil
	case json.Number:
		return appendNumberText(b, string(v))
	case json.RawMessage:
		return AppendJSON(b, v)
	case []any:
		elems := make([]Value, len(v))
		for i := range v {
			e, err := AppendAny(nil, v[i])
			if err != nil {
				return nil, err
			}
			elems[i] = e
		}
		return AppendArray(b, elems), nil
	case map[string]any:
		members := make([]Member, 0, len(v))
		for k, x := range v {
			e, err := AppendAny(nil, x)
			if err != nil {
				return nil, err
			}
			members = append(members, Member{k, e})
		}
		return AppendObject(b, members), nil
	}
	return nil, fmt.Errorf("variant: Go type %T", v)
}

// Decode gives a blob's value: nil, bool, int64, json.Number (larger and exact numbers), float64, string, []byte, time.Time,
// []any, map[string]any. undefined is nil.
func Decode(blob []byte) (any, error) {
	v, ok := Of(blob)
	if !ok {
		return nil, fmt.Errorf("variant: unknown encoding")
	}
	return v.Any(), nil
}

// Any is Decode of a value.
func (v Value) Any() any {
	if n, scale, ok := v.Number(); ok {
		if i, ok := n.Int64(); ok && scale == 0 {
			return i
		}
		return json.Number(convert.DecimalText(n, scale))
	}
	switch v[0] {
	case tagTrue:
		return true
	case tagFalse:
		return false
	case tagDouble:
		f, _ := v.Double()
		return f
	case tagText:
		b, _ := v.Text()
		return string(b)
	case tagBinary:
		b, _ := v.Binary()
		return append([]byte{}, b...)
	case tagDate:
		d, _ := v.Date()
		return time.Unix(int64(d)*86400, 0).UTC()
	case tagTime:
		us, _ := v.Time()
		return time.UnixMicro(us).UTC()
	case tagNTZ, tagLTZ, tagTZ:
		us, off, _ := v.Timestamp()
		return time.UnixMicro(us).In(time.FixedZone("", int(off)*60))
	case tagArray:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = v.Elem(i).Any()
		}
		return out
	case tagObject:
		out := make(map[string]any, v.Len())
		for i := range v.Len() {
			out[string(v.Key(i))] = v.Elem(i).Any()
		}
		return out
	}
	return nil
}

// ---- JSON text

const hexDigits = "0123456789abcdef"

func appendQuoted(b []byte, s []byte) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// AppendJSONText appends a value's JSON; indent < 0 is compact (TO_JSON, ::VARCHAR), else as results show it, two blanks a level.
func (v Value) AppendJSONText(b []byte, indent int) []byte {
	switch v[0] {
	case tagNull:
		return append(b, "null"...)
	case tagUndefined:
		return append(b, "undefined"...)
	case tagArray, tagObject:
		open, end := byte('['), byte(']')
		if v[0] == tagObject {
			open, end = '{', '}'
		}
		b = append(b, open)
		n := v.Len()
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			if indent >= 0 {
				b = newline(b, indent+1)
			}
			if v[0] == tagObject {
				b = appendQuoted(b, v.Key(i))
				b = append(b, ':')
				if indent >= 0 {
					b = append(b, ' ')
				}
			}
			next := indent
			if indent >= 0 {
				next++
			}
			b = v.Elem(i).AppendJSONText(b, next)
		}
		if indent >= 0 && n > 0 {
			b = newline(b, indent)
		}
		return append(b, end)
	case tagTrue:
		return append(b, "true"...)
	case tagFalse:
		return append(b, "false"...)
	case tagDouble:
		f, _ := v.Double()
		switch {
		case math.IsNaN(f):
			return append(b, "NaN"...)
		case math.IsInf(f, 1):
			return append(b, "Infinity"...)
		case math.IsInf(f, -1):
			return append(b, "-Infinity"...)
		}
		return strconv.AppendFloat(b, f, 'e', 15, 64)
	case tagText:
		s, _ := v.Text()
		return appendQuoted(b, s)
	}
	if n, scale, ok := v.Number(); ok {
		return append(b, convert.DecimalText(n, scale)...)
	}
	return append(append(append(b, '"'), v.Plain()...), '"')
}

func newline(b []byte, n int) []byte {
	b = append(b, '\n')
	for range n {
		b = append(b, ' ', ' ')
	}
	return b
}

// Plain is a scalar's text as ::VARCHAR gives it; of containers their compact JSON.
func (v Value) Plain() string {
	if n, scale, ok := v.Number(); ok {
		return convert.DecimalText(n, scale)
	}
	switch v[0] {
	case tagText:
		b, _ := v.Text()
		return string(b)
	case tagDouble:
		f, _ := v.Double()
		return convert.FloatText(f)
	case tagBinary:
		b, _ := v.Binary()
		return strings.ToUpper(fmt.Sprintf("%x", b))
	case tagDate:
		d, _ := v.Date()
		return string(convert.AppendFormat(nil, time.Unix(int64(d)*86400, 0).UTC(), "YYYY-MM-DD"))
	case tagTime:
		us, _ := v.Time()
		return string(convert.AppendFormat(nil, time.UnixMicro(us).UTC(), "HH24:MI:SS"))
	case tagNTZ:
		us, _, _ := v.Timestamp()
		return string(convert.AppendFormat(nil, time.UnixMicro(us).UTC(), "YYYY-MM-DD HH24:MI:SS.FF3"))
	case tagLTZ, tagTZ:
		us, off, _ := v.Timestamp()
		return string(convert.AppendFormat(nil, time.UnixMicro(us).In(time.FixedZone("", int(off)*60)), "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"))
	}
	return string(v.AppendJSONText(nil, -1))
}
