package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

const (
	kindPool     = "COMPUTE POOL"
	kindPools    = "COMPUTE POOLS"
	kindFamilies = "COMPUTE POOL INSTANCE FAMILIES"
)

// Handles says whether a statement is this room's.
func (r *Room) Handles(s sql.Statement) bool {
	switch s := s.(type) {
	case *sql.Create:
		return s.Kind == kindPool
	case *sql.Alter:
		return s.Kind == kindPool
	case *sql.Drop:
		return s.Kind == kindPool
	case *sql.Describe:
		return s.Kind == kindPool
	case *sql.Show:
		return s.Kind == kindPools || s.Kind == kindFamilies
	}
	return false
}

// Run carries out a statement of this room; with describe it only says which columns the answer has.
func (r *Room) Run(ctx context.Context, sc *statement.Context, p *sql.Parsed, describe bool) (*result.Result, error) {
	switch s := p.Statement.(type) {
	case *sql.Show:
		if s.Kind == kindFamilies {
			return r.showFamilies(describe), nil
		}
		return r.show(s, describe)
	case *sql.Describe:
		return r.describe(s.Name, describe)
	}
	if describe {
		return &result.Result{Columns: []result.Column{result.TextColumn("status")}, Type: result.TypeDDL}, nil
	}
	switch s := p.Statement.(type) {
	case *sql.Create:
		return r.create(ctx, sc, s)
	case *sql.Alter:
		return r.alter(ctx, s)
	case *sql.Drop:
		return r.drop(ctx, s)
	}
	return nil, sqlerr.Internal(fmt.Errorf("pool: no handler for %T", p.Statement))
}

// Name is a pool's name as written in a statement: one part, and no quoted name that an unquoted one could not give (CREATE COMPUTE POOL).
func Name(n sql.Name) (string, error) {
	if len(n.Parts) != 1 || n.Parts[0].Name == "" {
		var parts []string
		for _, p := range n.Parts {
			parts = append(parts, p.Name)
		}
		return "", sqlerr.Invalid("Invalid compute pool name '%s': compute pools belong to the account, their names have one part.", strings.Join(parts, "."))
	}
	return n.Parts[0].Name, nil
}

func (r *Room) create(ctx context.Context, sc *statement.Context, c *sql.Create) (*result.Result, error) {
	name, err := Name(c.Name)
	if err != nil {
		return nil, err
	}
	if c.OrReplace || c.OrAlter {
		return nil, sqlerr.Unsupported("CREATE OR REPLACE COMPUTE POOL")
	}
	if c.Name.Parts[0].Quoted && !plain(name) {
		return nil, sqlerr.Invalid("Invalid compute pool name '%s': quoted names are not allowed.", name)
	}
	now := r.clock.Now()
	p := store.Pool{Name: name, AutoResume: true, AutoSuspendSecs: 3600, Owner: sc.Role, Created: now, Updated: now}
	if err := r.set(&p, c.Options, true); err != nil {
		return nil, err
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	if _, ok := r.Pool(name); ok {
		if c.IfNotExists {
			return result.Status(fmt.Sprintf("%s already exists, statement succeeded.", name)), nil
		}
		return nil, sqlerr.Exists(name)
	}
	p.ID, err = r.cfg.Store.InsertPool(ctx, p)
	if errors.Is(err, store.ErrExists) {
		return nil, sqlerr.Exists(name)
	}
	if err != nil {
		return nil, sqlerr.Internal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &state{Pool: p}
	r.pools[name] = s
	r.watchIdle(s)
	return result.Status(fmt.Sprintf("Compute Pool %s successfully created.", name)), nil
}

func plain(name string) bool {
	for i, c := range name {
		if !(c >= 'A' && c <= 'Z' || c == '_' || i > 0 && (c >= '0' && c <= '9' || c == '$')) {
			return false
		}
	}
	return name != ""
}

// set applies options; with fresh the mandatory ones must be among them.
func (r *Room) set(p *store.Pool, options []sql.Option, fresh bool) error {
	seen := map[string]bool{}
	for _, o := range options {
		seen[o.Name] = true
		var err error
		switch o.Name {
		case "MIN_NODES":
			p.MinNodes, err = integer(o, 1, 1<<20)
		case "MAX_NODES":
			p.MaxNodes, err = integer(o, 1, 1<<20)
		case "AUTO_SUSPEND_SECS":
			var n int
			n, err = integer(o, 0, 1<<31)
			p.AutoSuspendSecs = int64(n)
		case "AUTO_RESUME":
			p.AutoResume, err = boolean(o)
		case "INITIALLY_SUSPENDED":
			if !fresh {
				return sqlerr.Invalid("INITIALLY_SUSPENDED can only be given when the compute pool is created.")
			}
			p.Suspended, err = boolean(o)
		case "INSTANCE_FAMILY":
			p.Family = strings.ToUpper(word(o.Value))
			if _, ok := r.families[p.Family]; !ok {
				return sqlerr.Invalid("Invalid instance family '%s'. SHOW COMPUTE POOL INSTANCE FAMILIES lists those that there are.", p.Family)
			}
		case "COMMENT":
			if o.Value.Text == nil {
				return sqlerr.Invalid("COMMENT must be a string.")
			}
			text := o.Value.Text.Value
			p.Comment = &text
		default:
			return sqlerr.Unsupported("COMPUTE POOL option %s", o.Name)
		}
		if err != nil {
			return err
		}
	}
	if fresh {
		for _, need := range []string{"MIN_NODES", "MAX_NODES", "INSTANCE_FAMILY"} {
			if !seen[need] {
				return sqlerr.Compilation(2029, "42601", "Missing option(s): [%s]", need)
			}
		}
	}
	if p.MinNodes > p.MaxNodes {
		return sqlerr.Invalid("MIN_NODES (%d) must not be larger than MAX_NODES (%d).", p.MinNodes, p.MaxNodes)
	}
	return nil
}

func word(v sql.Value) string {
	switch {
	case v.Text != nil:
		return v.Text.Value
	case v.Name != nil && len(v.Name.Parts) == 1:
		return v.Name.Parts[0].Name
	case v.Number != "":
		return v.Number
	}
	return v.Word
}

func integer(o sql.Option, least, most int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(word(o.Value)))
	if err != nil || n < least || n > most {
		return 0, sqlerr.Invalid("Invalid value '%s' for %s: it must be a whole number of at least %d.", word(o.Value), o.Name, least)
	}
	return n, nil
}

func boolean(o sql.Option) (bool, error) {
	switch strings.ToUpper(word(o.Value)) {
	case "TRUE":
		return true, nil
	case "FALSE":
		return false, nil
	}
	return false, sqlerr.Invalid("Invalid value '%s' for %s: it must be TRUE or FALSE.", word(o.Value), o.Name)
}

// change writes a pool's new properties and then makes them visible.
func (r *Room) change(ctx context.Context, s *state, f func(*store.Pool) error) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	p := s.Pool
	r.mu.Unlock()
	if err := f(&p); err != nil {
		return err
	}
	p.Updated = r.clock.Now()
	if err := r.cfg.Store.UpdatePool(ctx, p); err != nil {
		return sqlerr.Internal(err)
	}
	r.mu.Lock()
	s.Pool = p
	r.stopIdle(s) // AUTO_SUSPEND_SECS may be another
	granted := r.dispatch()
	r.watchIdle(s)
	r.mu.Unlock()
	call(granted)
	return nil
}

func (r *Room) alter(ctx context.Context, a *sql.Alter) (*result.Result, error) {
	name, err := Name(a.Name)
	if err != nil {
		return nil, err
	}
	done := result.Status("Statement executed successfully.")
	r.mu.Lock()
	s, ok := r.pools[name]
	r.mu.Unlock()
	if !ok {
		if a.IfExists {
			return done, nil
		}
		return nil, unknown(name)
	}
	switch a.Action {
	case "SET":
		err = r.change(ctx, s, func(p *store.Pool) error {
			family := p.Family
			if err := r.set(p, a.Options, false); err != nil {
				return err
			}
			if p.Family != family && r.busy(s) {
				return sqlerr.Invalid("INSTANCE_FAMILY of compute pool %s can only be changed when nothing runs or waits in it.", name)
			}
			return nil
		})
	case "UNSET":
		err = r.change(ctx, s, func(p *store.Pool) error {
			for _, n := range a.Names {
				switch strings.ToUpper(n) {
				case "COMMENT":
					p.Comment = nil
				case "AUTO_SUSPEND_SECS":
					p.AutoSuspendSecs = 3600
				case "AUTO_RESUME":
					p.AutoResume = true
				default:
					return sqlerr.Unsupported("ALTER COMPUTE POOL UNSET %s", n)
				}
			}
			return nil
		})
	case "SUSPEND":
		err = r.change(ctx, s, func(p *store.Pool) error { p.Suspended = true; return nil })
	case "RESUME":
		err = r.change(ctx, s, func(p *store.Pool) error {
			if p.Suspended {
				p.Suspended, p.Resumed = false, r.clock.Now()
			}
			return nil
		})
	case "STOP ALL":
		if jobs, stop := r.jobs(name); len(jobs) > 0 && stop != nil {
			stop(ctx, jobs)
		}
	default:
		return nil, sqlerr.Unsupported("ALTER COMPUTE POOL %s", a.Action)
	}
	if err != nil {
		return nil, err
	}
	return done, nil
}

func (r *Room) busy(s *state) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.running > 0 || len(s.queue) > 0
}

// jobs are those that run or wait in a pool.
func (r *Room) jobs(pool string) ([]int64, func(context.Context, []int64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var js []int64
	for id, t := range r.tickets {
		if t.Pool == pool {
			js = append(js, id)
		}
	}
	slices.Sort(js)
	return js, r.stop
}

func (r *Room) drop(ctx context.Context, d *sql.Drop) (*result.Result, error) {
	name, err := Name(d.Name)
	if err != nil {
		return nil, err
	}
	if d.Undrop {
		return nil, sqlerr.Unsupported("UNDROP COMPUTE POOL")
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	s, ok := r.pools[name]
	if !ok {
		r.mu.Unlock()
		if d.IfExists {
			return result.Status("Drop statement executed successfully (" + name + " already dropped)."), nil
		}
		return nil, unknown(name)
	}
	if n := s.running + len(s.queue); n > 0 {
		r.mu.Unlock()
		return nil, sqlerr.New(393003, "55000", "Cannot drop compute pool %s: %d jobs run or wait in it. ALTER COMPUTE POOL %s STOP ALL ends them.", name, n, name)
	}
	r.stopIdle(s)
	delete(r.pools, name) // from here on nobody enters it
	r.mu.Unlock()
	if err := r.cfg.Store.DeletePool(ctx, s.ID); err != nil {
		r.mu.Lock()
		r.pools[name] = s
		r.watchIdle(s)
		r.mu.Unlock()
		return nil, sqlerr.Internal(err)
	}
	return result.Status(name + " successfully dropped."), nil
}
