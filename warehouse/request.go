package warehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"firn/result"
	"firn/statement"
	"firn/warehouse/duck"
)

// keepRequests is how long a request id is remembered: clients give up their retries long before.
const keepRequests = time.Hour

// requests remembers the writes that were carried out by the client's request id, so that a retry after a lost reply gets the
// first answer. Each is a row written in the transaction of the write itself; in memory is what the rows say.
type requests struct {
	mu     sync.Mutex
	known  map[string]*answer
	pruned time.Time
}

// answer is a write's answer as it is stored.
type answer struct {
	Type    result.StatementType `json:"type"`
	Columns []string             `json:"columns"`
	Ints    []bool               `json:"ints"`
	Rows    [][]any              `json:"rows"`
	Stats   *result.Stats        `json:"stats,omitempty"`

	at      time.Time
	session int64
}

func (r *requests) init() { r.known = map[string]*answer{} }

func (r *requests) load(ctx context.Context, c *duck.Conn, now time.Time) error {
	r.pruned = now
	err := scan(ctx, c, "SELECT epoch_us(done), session, id, answer FROM m.firn.requests WHERE done > ?", func(x row) error {
		a := &answer{at: micros(x.int(0)), session: x.int(1)}
		if err := json.Unmarshal([]byte(x.text(3)), a); err != nil {
			return err
		}
		r.known[x.text(2)] = a
		return nil
	}, now.Add(-keepRequests).UTC())
	if err != nil {
		return fmt.Errorf("warehouse: load request ids: %w", err)
	}
	return nil
}

// replay gives the answer of a request that was carried out before.
func (r *requests) replay(sc *statement.Context) *result.Result {
	if sc.Request == "" {
		return nil
	}
	r.mu.Lock()
	a := r.known[sc.Request]
	r.mu.Unlock()
	if a == nil || a.session != sc.Session {
		return nil
	}
	out := &result.Result{Type: a.Type, Stats: a.Stats}
	for i, name := range a.Columns {
		c := result.TextColumn(name)
		if a.Ints[i] {
			c = result.IntColumn(name)
		}
		out.Columns = append(out.Columns, c)
	}
	for _, row := range a.Rows {
		cells := make([]any, len(row))
		for i, v := range row {
			if f, ok := v.(float64); ok { // from the file
				v = int64(f)
			}
			cells[i] = v
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// record writes the answer of sc's request in c's open transaction. Call known after the commit (or, in an explicit transaction,
// at once, with forget at its rollback).
func (r *requests) record(ctx context.Context, c *duck.Conn, sc *statement.Context, res *result.Result, now time.Time) (*answer, error) {
	if sc.Request == "" || res == nil {
		return nil, nil
	}
	a := &answer{Type: res.Type, Rows: res.Rows, Stats: res.Stats, at: now, session: sc.Session}
	for _, col := range res.Columns {
		a.Columns = append(a.Columns, col.Name)
		a.Ints = append(a.Ints, col.Type.Kind == result.Fixed)
	}
	text, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("warehouse: %w", err)
	}
	if _, err := c.Exec(ctx, "INSERT INTO m.firn.requests VALUES (?, ?, ?, ?)", sc.Request, now.UTC(), sc.Session, string(text)); err != nil {
		return nil, err
	}
	return a, nil
}

func (r *requests) remember(id string, a *answer) {
	if a == nil {
		return
	}
	r.mu.Lock()
	r.known[id] = a
	r.mu.Unlock()
}

// forget drops the requests of a transaction that was rolled back.
func (r *requests) forget(ids []string) {
	r.mu.Lock()
	for _, id := range ids {
		delete(r.known, id)
	}
	r.mu.Unlock()
}

// prune removes old ids, at most every few minutes.
func (r *requests) prune(ctx context.Context, in *duck.Instance, now time.Time) error {
	r.mu.Lock()
	due := now.Sub(r.pruned) > keepRequests/10
	if due {
		r.pruned = now
		for id, a := range r.known {
			if now.Sub(a.at) > keepRequests {
				delete(r.known, id)
			}
		}
	}
	r.mu.Unlock()
	if !due {
		return nil
	}
	c, err := in.Acquire()
	if err != nil {
		return err
	}
	defer c.Release()
	_, err = c.Exec(ctx, "DELETE FROM m.firn.requests WHERE done < ?", now.Add(-keepRequests).UTC())
	return err
}
