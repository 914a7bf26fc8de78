package function_test

import (
	"strings"
	"testing"
)

func TestSmoke(t *testing.T) {
	e := open(t)
	for q := range strings.SplitSeq(smoke, "\n") {
		if strings.TrimSpace(q) == "" {
			continue
		}
		cols, rows, err := e.query(t, context_(q))
		if err != nil {
			t.Logf("ERR %s\n   %v", q, err)
			continue
		}
		t.Logf("%s\n%s", q, show(cols, rows))
	}
}

const smoke = `
SELECT 1
SELECT 1+1, 2/7, 10.1/2.1, 10.01*1.1, 5 % 3, -2.5
SELECT $1 AS "A", $2 AS "B" FROM  VALUES (0 :: BIGINT, 'a' :: STRING)
`
