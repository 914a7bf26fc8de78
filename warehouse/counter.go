package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"firn/warehouse/duck"
)

// counters hand out the numbers of sequences and AUTOINCREMENT columns. They are rows of ours, not DuckDB's sequences, so
// that tables can live elsewhere one day. Numbers are reserved in blocks, durably, before the first of them is used: a crash or
// a rollback leaves gaps, as Snowflake allows.
type counters struct {
	w    *Warehouse
	mu   sync.Mutex
	conn *duck.Conn
	by   map[int64]*counter
}

// counter counts uses from 0; the value of use n is start + n × step.
type counter struct{ next, limit, start, step int64 }

// nextValue is the name of the DuckDB function.
const nextValue = "firn_next"

// nextExpr is the DuckDB expression of a counter's next value.
func nextExpr(id int64) string { return nextValue + "(" + strconv.FormatInt(id, 10) + ")" }

func (c *counters) init(w *Warehouse) { c.w, c.by = w, map[int64]*counter{} }

func (c *counters) register(conn *duck.Conn) error {
	return conn.Scalar(nextValue, func(args, out []int64) error {
		for i := 0; i < len(args); {
			n := 1
			for i+n < len(args) && args[i+n] == args[i] {
				n++
			}
			if err := c.take(args[i], out[i:i+n]); err != nil {
				return err
			}
			i += n
		}
		return nil
	})
}

func (c *counters) load(ctx context.Context, conn *duck.Conn) error {
	var err error
	if c.conn, err = c.w.duck.Connect(); err != nil {
		return err
	}
	at := map[int64]int64{}
	if err := scan(ctx, conn, "SELECT id, next FROM m.firn.counters", func(r row) error {
		at[r.int(0)] = max(at[r.int(0)], r.int(1))
		return nil
	}); err != nil {
		return fmt.Errorf("warehouse: load counters: %w", err)
	}
	for _, o := range c.w.tree.byID {
		c.add(o, at)
	}
	return nil
}

// add makes the counters of an object known. at: where they stand, for those that have counted.
func (c *counters) add(o *object, at map[int64]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := func(id, start, step int64) {
		if c.by[id] == nil {
			c.by[id] = &counter{next: at[id], limit: at[id], start: start, step: step}
		}
	}
	if o.Kind == kindSequence {
		one(o.ID, o.Start, o.Step)
	}
	for i := range o.Columns {
		if d := o.Columns[i].Identity; d != nil {
			one(d.Sequence, d.Start, d.Step)
		}
	}
}

// take fills out with the next values.
func (c *counters) take(id int64, out []int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.by[id]
	if k == nil {
		return errors.New("firn:2003:02000:The sequence no longer exists")
	}
	if n := int64(len(out)); k.next+n > k.limit {
		limit := k.next + n + max(1024, min(k.next, 1<<20))
		ctx := context.Background()
		if _, err := c.conn.Exec(ctx, fmt.Sprintf("BEGIN; DELETE FROM m.firn.counters WHERE id = %d; INSERT INTO m.firn.counters VALUES (%d, %d); COMMIT", id, id, limit)); err != nil {
			c.conn.Exec(ctx, "ROLLBACK") // the error below says what was wrong
			return err
		}
		k.limit = limit
	}
	for i := range out {
		out[i] = k.start + k.next*k.step
		k.next++
	}
	return nil
}

func (c *counters) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}

// peek is the next value of a counter, without taking it.
func (c *counters) peek(id int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.by[id]; k != nil {
		return k.start + k.next*k.step
	}
	return 0
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
