package pool

import (
	"context"
	"testing"

	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// TestTexts sends statements as users and the CLI write them through the parser.
func TestTexts(t *testing.T) {
	r := room(t, open(t), newTestClock(), machine(4, 16))
	for _, c := range []struct {
		text string
		rows int
		code int // of the error
	}{
		{"CREATE COMPUTE POOL IF NOT EXISTS x\nMIN_NODES = 1\nMAX_NODES = 2\nINSTANCE_FAMILY = CPU_X64_XS\nAUTO_RESUME = True\nINITIALLY_SUSPENDED = False\nAUTO_SUSPEND_SECS = 60 COMMENT='a b'", 1, 0},
		{"create compute pool x min_nodes=1 max_nodes=1 instance_family='CPU_X64_S'", 0, 2002},
		{"create compute pool if not exists x min_nodes=1 max_nodes=1 instance_family=cpu_x64_s", 1, 0},
		{"create compute pool y for application a min_nodes=1 max_nodes=1 instance_family=CPU_X64_S", 0, 2},
		{"SHOW COMPUTE POOLS LIKE 'X'", 1, 0},
		{"show compute pools", 2, 0},
		{"show compute pools like '%' limit 1", 1, 0},
		{"show compute pools starts with 'SYS'", 1, 0},
		{"describe compute pool IDENTIFIER('x')", 1, 0},
		{"desc compute pool nope", 0, 2003},
		{"alter compute pool x stop all", 1, 0},
		{"alter compute pool x suspend", 1, 0},
		{"alter compute pool if exists nope resume", 1, 0},
		{"alter compute pool x resume", 1, 0},
		{"alter compute pool x set max_nodes = 3 comment = 'c'", 1, 0},
		{"alter compute pool x set min_nodes = 4", 0, 1008},
		{"alter compute pool x unset comment", 1, 0},
		{"SHOW COMPUTE POOL INSTANCE FAMILIES", 29, 0},
		{"drop compute pool IDENTIFIER('x')", 1, 0},
		{"drop compute pool x", 0, 2003},
	} {
		p, err := sql.Parse(c.text)
		if err == nil {
			err = p.Bind(nil)
		}
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if !r.Handles(p.Statement) {
			t.Errorf("%s: not handled: %T %+v", c.text, p.Statement, p.Statement)
			continue
		}
		res, err := r.Run(context.Background(), &statement.Context{Role: "ACCOUNTADMIN"}, p, false)
		if c.code != 0 {
			if !sqlerr.Is(err, c.code) {
				t.Errorf("%s: %v, want %d", c.text, err, c.code)
			}
			continue
		}
		if err != nil || len(res.Rows) != c.rows {
			t.Errorf("%s: %d rows, %v", c.text, len(res.Rows), err)
			continue
		}
		for _, row := range res.Rows {
			if len(row) != len(res.Columns) {
				t.Errorf("%s: %d cells for %d columns", c.text, len(row), len(res.Columns))
			}
		}
		if described, err := r.Run(context.Background(), &statement.Context{Role: "ACCOUNTADMIN"}, p, true); err == nil && len(described.Columns) != len(res.Columns) {
			t.Errorf("%s described: %v %v", c.text, described, err)
		}
	}
}
