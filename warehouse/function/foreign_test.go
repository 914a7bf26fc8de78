package function_test

import (
	"context"
	"testing"

	"firn/sql"
	"firn/warehouse/bind"
)

// TestDescribe: describeOnly gives the same columns and calls nothing.
func TestDescribe(t *testing.T) {
	e := open(t)
	fill(t, e)
	for _, text := range []string{
		"select * from table(snowflake.spcs.get_job_history(created_time_start => TO_TIMESTAMP_LTZ('2024-01-01 00:00:00')))",
		"SELECT SYSTEM$ECHO('a') AS e, 1 AS one",
		"SELECT LOG FROM table(mydb.s.job!spcs_get_logs())",
	} {
		sc := context_(text)
		q := parse(t, text).(*sql.Query)
		e.calls = 0
		cols, err := bind.Describe(context.Background(), sc, e, q)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if e.calls != 0 {
			t.Errorf("%s: described with %d calls", text, e.calls)
		}
		ran, _, err := e.query(t, sc)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if e.calls == 0 {
			t.Errorf("%s: ran without a call", text)
		}
		if show(cols, nil) != show(ran, nil) {
			t.Errorf("%s: described %s, ran %s", text, show(cols, nil), show(ran, nil))
		}
	}
}
