package variant

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firn/warehouse/function/convert"
)

// normal is a JSON value as this encoding keeps it: exact numbers by value, doubles where an exponent is written.
func normal(v any) any {
	switch v := v.(type) {
	case json.Number:
		b, err := appendNumberText(nil, string(v))
		if err != nil {
			return err
		}
		return Value(b).Any()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normal(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = normal(x)
		}
		return out
	}
	return v
}

// FuzzParse holds the parser against encoding/json: what that reads, this reads to the same value; what is written back is read
// to the same bytes; nothing panics.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"b":1,"a":[1,2.50,null,true,"x\n\u00e9\ud83d\ude00"]}`, `[]`, `{}`, `-0.10`, `1e400`, `[1,,2,]`, `{a:1}`, `"\q"`, `12345678901234567890123456789012345678`, `NaN`, ` `, `[[[[[]]]]]`, `{"a":1,"a":2}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		blob, ok, err := Parse([]byte(s))
		if err != nil || !ok {
			d := json.NewDecoder(strings.NewReader(s))
			d.UseNumber()
			var v any
			if json.Valid([]byte(s)) && d.Decode(&v) == nil && ok == (err == nil) {
				// Duplicate keys, depth and numbers beyond a double are refused here alone.
				if !strings.Contains(err.Error(), "duplicate") && !strings.Contains(err.Error(), "deep") && !strings.Contains(err.Error(), "invalid number") {
					t.Fatalf("%q: %v", s, err)
				}
			}
			return
		}
		v, _ := Of(blob)
		out := v.AppendJSONText(nil, -1)
		again, ok, err := Parse(out)
		if err != nil || !ok {
			t.Fatalf("%q writes %q, which is not read: %v", s, out, err)
		}
		if !bytes.Equal(again, blob) && !strings.Contains(string(out), "e") {
			t.Fatalf("%q: %x, read again %x", s, blob, again)
		}
		v.AppendSortKey(nil)
		v.AppendJSONText(nil, 0)
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var want any
		if !json.Valid([]byte(s)) || d.Decode(&want) != nil || !validText(s) {
			return
		}
		if got := v.Any(); !reflect.DeepEqual(got, normal(want)) && !hasNaN(got) {
			t.Fatalf("%q = %#v, want %#v", s, got, normal(want))
		}
	})
}

// validText: encoding/json replaces broken UTF-8 and lone surrogates, this keeps or writes them otherwise.
func validText(s string) bool {
	return strings.ToValidUTF8(s, "?") == s && !strings.Contains(strings.ToLower(s), `\ud`)
}

func hasNaN(v any) bool {
	f, ok := v.(float64)
	return ok && (math.IsNaN(f) || math.IsInf(f, 0))
}

func TestEqualValuesHaveEqualBytes(t *testing.T) {
	for _, same := range [][]string{{"1", "1.0", "1.000", "01"}, {`{"a":1,"b":2}`, `{ "b" : 2.0, "a":1 }`}, {"0", "-0", "0.00"}, {"-5", "-5.0"}, {"1.50", "1.5"}, {"12345678901234567890", "12345678901234567890.0"}} {
		first, _, _ := Parse([]byte(same[0]))
		for _, s := range same[1:] {
			b, _, err := Parse([]byte(s))
			if err != nil || !bytes.Equal(b, first) {
				t.Errorf("%s is %x, %s is %x (%v)", same[0], first, s, b, err)
			}
		}
	}
}

func TestOrder(t *testing.T) {
	// Smallest first; see DESIGN.md.
	order := []string{"false", "true", "-Infinity", "-1e300", "-10", "-9.5", "-0.001", "0", "0.001", "0.01", "1", "1.5", "9", "10", "99999999999999999999", "1e300", "Infinity", "NaN",
		`""`, `"10"`, `"9"`, `"Z"`, `"a"`, `"aa"`, "{}", `{"b":0}`, `{"a":0}`, `{"a":0,"c":0}`, `{"a":0,"b":0}`, `{"a":0,"b":1}`, `{"a":1,"b":0}`, "[]", "[0,5]", "[1]", "[1,2]", `["a"]`, "null"}
	for i := range order {
		for j := range order {
			a, b := key(t, order[i]), key(t, order[j])
			c := bytes.Compare(a, b)
			if (c < 0) != (i < j) || (c == 0) != (i == j) {
				t.Errorf("%s against %s: %d", order[i], order[j], c)
			}
		}
	}
	if !bytes.Equal(key(t, "1"), key(t, "1e0")) || !bytes.Equal(key(t, "191.2"), key(t, "1.912e2")) {
		t.Error("a double and its equal exact number differ")
	}
}

func key(t *testing.T, s string) []byte {
	t.Helper()
	b, ok, err := Parse([]byte(s))
	if err != nil || !ok {
		t.Fatalf("%s: %v", s, err)
	}
	v, _ := Of(b)
	return v.AppendSortKey(nil)
}

func TestNumbersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		scale := rapid.IntRange(0, 18).Draw(t, "scale")
		v := Value(AppendNumber(nil, convert.FromInt64(n), scale))
		got, s, ok := v.Number()
		back, err := convert.Rescale(got, s, scale)
		if !ok || err != nil || back != convert.FromInt64(n) {
			t.Fatalf("%d at %d: %v at %d, %v", n, scale, got, s, err)
		}
	})
}

func TestLargeContainers(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 70000} {
		var b strings.Builder
		b.WriteString("[")
		for i := range n {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString("1")
		}
		b.WriteString("]")
		blob, _, err := Parse([]byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		v, _ := Of(blob)
		if v.Len() != n || string(v.AppendJSONText(nil, -1)) != b.String() {
			t.Errorf("an array of %d elements", n)
		}
	}
}
