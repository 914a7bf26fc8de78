package function_test

import "testing"

// BenchmarkFunctions times our functions over a million rows beside DuckDB's own of the same work; compare within one run.
func BenchmarkFunctions(b *testing.B) {
	e := open(b)
	e.exec(b, `CREATE TABLE n AS SELECT (i * 37 % 100000)::DECIMAL(12,2) a, (i % 997 + 1)::DECIMAL(12,2) b, (i % 100000)::VARCHAR s, i::DOUBLE f FROM range(1000000) t(i)`)
	e.exec(b, `CREATE TABLE v AS SELECT v_parse('{"a":{"b":"x","c":[' || i || ',2]},"k":"some text of a row"}') v FROM range(1000000) t(i)`)
	for _, c := range []struct{ name, sql string }{
		{"scan", "SELECT sum(a) FROM n"},
		{"div_S", "SELECT sum(sf_div_8(a, b)) FROM n"},
		{"div_double", "SELECT sum(a / b) FROM n"},
		{"mul_S", "SELECT sum(sf_mul_4(a, b)) FROM n"},
		{"text_to_number", "SELECT sum(sf_num_0(s)) FROM n"},
		{"text_to_bigint", "SELECT sum(s::BIGINT) FROM n"},
		{"path_int", "SELECT sum(v_num_0(v, '.a.c[0]')) FROM v"},
		{"path_text", "SELECT max(v_text(v, '.a.b')) FROM v"},
		{"float_text", "SELECT max(sf_ftext(f)) FROM n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				e.exec(b, c.sql)
			}
		})
	}
}
