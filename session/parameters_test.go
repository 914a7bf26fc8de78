package session

import "testing"

// A parameter that no room looks at takes only the value that it has anyway.
func TestHonoured(t *testing.T) {
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"WEEK_START", "0", true}, {"WEEK_START", "1", false}, {"ROWS_PER_RESULTSET", "10", false}, {"TIMESTAMP_TYPE_MAPPING", "timestamp_ntz", true},
		{"TIMESTAMP_TYPE_MAPPING", "TIMESTAMP_LTZ", false}, {"QUERY_TAG", "x", true}, {"TIMEZONE", "UTC", true}, {"JSON_INDENT", "0", false},
	} {
		if err := honoured(c.name, c.value); (err == nil) != c.ok {
			t.Errorf("%s = %s: %v", c.name, c.value, err)
		}
	}
	for name := range fixed {
		if _, ok := parameters[name]; !ok {
			t.Errorf("%s is no parameter", name)
		}
	}
}
