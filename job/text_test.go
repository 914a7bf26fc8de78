package job

import (
	"context"
	"strings"
	"testing"

	"firn/sql"
	"firn/sqlerr"
)

// TestTexts sends statements as clients and the CLI write them (client-protocol notes §5.5–§5.8) through the parser.
func TestTexts(t *testing.T) {
	b := newBench(t).start()
	full, name, id := b.submit(fileSpec, options(""))
	b.machine.runs(t, instanceID(id, 0))
	if _, err := b.call(session(), "!SPCS_WAIT_FOR", []string{"DB1", "PUBLIC", name}, "RUNNING", int64(60)); err != nil {
		t.Fatal(err)
	}
	lower := strings.ToLower(full)
	for _, c := range []struct {
		text string
		rows int
		code int // of the error
	}{
		{"DESCRIBE SERVICE IDENTIFIER('" + lower + "')", 1, 0},
		{"describe service IDENTIFIER('" + name + "')", 1, 0},
		{"DESC SERVICE db1.public.nope", 0, 2003},
		{"SHOW SERVICE INSTANCES IN SERVICE IDENTIFIER('" + full + "')", 1, 0},
		{"show service instances in service " + name, 1, 0},
		{"show service containers in service " + lower, 1, 0},
		{"SHOW ENDPOINTS IN SERVICE IDENTIFIER('" + full + "')", 0, 0},
		{"show endpoints in service " + name, 0, 0},
		{"SHOW JOB SERVICES LIKE 'MAIN_%' IN DB1.PUBLIC LIMIT 10", 1, 0},
		{"SHOW JOB SERVICES LIKE 'MAIN_%' IN DATABASE DB1", 1, 0},
		{"SHOW JOB SERVICES LIKE 'MLJOB_%'IN account", 0, 0},
		{"SHOW SERVICES", 1, 0},
		{"show services in schema db1.public", 1, 0},
		{"SHOW SERVICES IN COMPUTE POOL system_compute_pool_cpu", 1, 0},
		{"SHOW SERVICES EXCLUDE JOBS", 0, 0},
		{"EXECUTE JOB SERVICE IN COMPUTE POOL p FROM SPECIFICATION $$spec: {}$$ NAME = n ASYNC = TRUE", 0, 2},
		{"drop service if exists nope", 1, 0},
		{"DROP SERVICE IDENTIFIER('" + lower + "')", 1, 0},
		{"DROP SERVICE IDENTIFIER('" + lower + "')", 0, 2003},
	} {
		p, err := sql.Parse(c.text)
		if err == nil {
			err = p.Bind(nil)
		}
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if !b.room.Handles(p.Statement) {
			t.Errorf("%s: not handled: %T %+v", c.text, p.Statement, p.Statement)
			continue
		}
		res, err := b.room.Run(context.Background(), session(), p, false)
		if c.code != 0 {
			if !sqlerr.Is(err, c.code) {
				t.Errorf("%s: %v", c.text, err)
			}
			continue
		}
		if err != nil || len(res.Rows) != c.rows {
			t.Errorf("%s: %v %v", c.text, res, err)
			continue
		}
		described, err := b.room.Run(context.Background(), session(), p, true)
		if err != nil || len(described.Columns) != len(res.Columns) {
			t.Errorf("%s described: %v %v", c.text, described, err)
		}
	}
}
