// Package pool owns the compute pools: what a node of each family has, which job may start when, and what a pool's owner is shown.
// On one machine nodes are a way of counting: placement looks at what jobs reserve, within the pool's nodes and within the machine's share.
package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"firn/sqlerr"
	"firn/store"
)

// Resources are cpu in thousandths, memory in bytes, whole GPUs.
type Resources struct {
	MilliCPU int64
	Memory   int64
	GPUs     int
}

func (r Resources) fits(in Resources) bool {
	return r.MilliCPU <= in.MilliCPU && r.Memory <= in.Memory && r.GPUs <= in.GPUs
}

func (r Resources) plus(o Resources, n int) Resources {
	return Resources{r.MilliCPU + int64(n)*o.MilliCPU, r.Memory + int64(n)*o.Memory, r.GPUs + n*o.GPUs}
}

func (r Resources) least(o Resources) Resources {
	return Resources{min(r.MilliCPU, o.MilliCPU), min(r.Memory, o.Memory), min(r.GPUs, o.GPUs)}
}

// String is "1.5 CPU and 2 GiB".
func (r Resources) String() string {
	s := number(float64(r.MilliCPU)/1000) + " CPU and " + number(float64(r.Memory)/(1<<30)) + " GiB"
	if r.GPUs > 0 {
		s += fmt.Sprintf(" and %d GPU", r.GPUs)
	}
	return s
}

func number(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
}

// Store is what the room needs of the store.
type Store interface {
	Pools(ctx context.Context) ([]store.Pool, error)
	InsertPool(ctx context.Context, p store.Pool) (int64, error)
	UpdatePool(ctx context.Context, p store.Pool) error
	DeletePool(ctx context.Context, id int64) error
}

// Clock tells the time and calls back.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f on its own goroutine after d unless stop is called first.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Wall is the machine's clock.
type Wall struct{}

// Now is time.Now.
func (Wall) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (Wall) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Config is what a Room works with.
type Config struct {
	Store Store
	Clock Clock // nil: Wall
	Log   *slog.Logger

	Machine Resources // the machine's share for jobs
	Reserve Resources // what an instance reserves that asks for nothing; zero: 1 CPU, 2 GiB
	// PoolReserve are other reservations by pool.
	PoolReserve map[string]Resources
	Strict      bool     // the reservation is the limit
	Unenforced  []string // what the driver cannot enforce here, in words
	Families    []Family // added to Snowflake's
	Cloud       string   // "AWS", "AZURE" or "GCP": the families that SHOW lists; "": AWS
}

// Request asks for places for a job's instances.
type Request struct {
	Job       int64
	Pool      string
	Instances int // wanted
	Min       int // at least; 0: all
	Reserve   Resources
	// Granted is called once, on a goroutine of its own.
	Granted func(Grant)
}

// Grant says how many instances may start now. All of them hold their places until Release.
type Grant struct {
	Instances int
}

// Room is the pools of an account.
type Room struct {
	cfg      Config
	clock    Clock
	families map[string]Family
	order    []string // family names as shown

	writing sync.Mutex // held around a write to the store; taken before mu

	mu      sync.Mutex
	pools   map[string]*state
	tickets map[int64]*ticket
	seq     uint64
	used    Resources // of the machine
	stop    func(ctx context.Context, jobs []int64)
	closed  bool
}

type state struct {
	store.Pool
	nodes   []node
	queue   []*ticket   // oldest first
	running int         // tickets that hold places
	idle    func() bool // stops the clock of AUTO_SUSPEND_SECS; nil: it does not run
	idles   uint64      // counts these clocks: one that was stopped too late is known by its number
}

// node is one node of a pool that has something on it.
type node struct {
	used Resources
	jobs map[int64]bool
}

type ticket struct {
	Request
	seq     uint64
	granted int // instances; 0: queued
}

// New reads the pools and makes the system's at the first start.
func New(ctx context.Context, cfg Config) (*Room, error) {
	r := &Room{cfg: cfg, clock: cfg.Clock, families: map[string]Family{}, pools: map[string]*state{}, tickets: map[int64]*ticket{}}
	if r.clock == nil {
		r.clock = Wall{}
	}
	if r.cfg.Log == nil {
		r.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if r.cfg.Reserve.MilliCPU == 0 {
		r.cfg.Reserve.MilliCPU = 1000
	}
	if r.cfg.Reserve.Memory == 0 {
		r.cfg.Reserve.Memory = 2 << 30
	}
	if cfg.Machine.MilliCPU <= 0 || cfg.Machine.Memory <= 0 {
		return nil, errors.New("pool: the machine's share for jobs is not set")
	}
	for _, f := range slices.Concat(families, cfg.Families) {
		if _, ok := r.families[f.Name]; !ok {
			r.order = append(r.order, f.Name)
		}
		r.families[f.Name] = f
	}
	ps, err := cfg.Store.Pools(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range ps {
		if _, ok := r.families[p.Family]; !ok {
			return nil, fmt.Errorf("pool: %s has the instance family %s, which is not configured", p.Name, p.Family)
		}
		r.pools[p.Name] = &state{Pool: p}
	}
	if _, ok := r.pools[SystemPool]; !ok && len(ps) == 0 {
		now := r.clock.Now()
		p := store.Pool{Name: SystemPool, Family: systemFamily, MinNodes: 1, MaxNodes: systemMaxNodes, AutoResume: true, AutoSuspendSecs: systemAutoSuspend,
			Suspended: true, Owner: systemOwner, Created: now, Updated: now}
		if p.ID, err = cfg.Store.InsertPool(ctx, p); err != nil {
			return nil, err
		}
		r.pools[SystemPool] = &state{Pool: p}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.pools {
		r.watchIdle(s)
	}
	return r, nil
}

// OnStop sets what ALTER COMPUTE POOL … STOP ALL calls to end jobs.
func (r *Room) OnStop(f func(ctx context.Context, jobs []int64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = f
}

// Close stops the timers. Nothing is granted afterwards.
func (r *Room) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, s := range r.pools {
		r.stopIdle(s)
	}
}

func unknown(name string) error { return sqlerr.NotExist("Compute pool", name) }

// Pool gives a pool as its owner made it.
func (r *Room) Pool(name string) (store.Pool, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pools[name]
	if !ok {
		return store.Pool{}, false
	}
	return s.Pool, true
}

// Node is what a node of the pool has by its family's name.
func (r *Room) Node(pool string) (Resources, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pools[pool]
	if !ok {
		return Resources{}, unknown(pool)
	}
	return r.families[s.Family].Capacity(), nil
}

// Limit is what an instance in the pool may use: the family's node, never more than the machine's share, nor more than the spec's own limits
// (zero: none); with Strict what it reserves.
func (r *Room) Limit(pool string, reserve, limits Resources) (Resources, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pools[pool]
	if !ok {
		return Resources{}, unknown(pool)
	}
	l := r.families[s.Family].Capacity().least(Resources{r.cfg.Machine.MilliCPU, r.cfg.Machine.Memory, r.cfg.Machine.GPUs})
	if limits.MilliCPU > 0 {
		l.MilliCPU = min(l.MilliCPU, limits.MilliCPU)
	}
	if limits.Memory > 0 {
		l.Memory = min(l.Memory, limits.Memory)
	}
	if r.cfg.Strict {
		l = l.least(r.reservation(s, reserve))
	}
	return l, nil
}

// reservation is what placement counts for an instance that asks for want.
func (r *Room) reservation(s *state, want Resources) Resources {
	d := r.cfg.Reserve
	if p, ok := r.cfg.PoolReserve[s.Name]; ok {
		d = p
	}
	room := r.families[s.Family].Capacity().least(r.cfg.Machine)
	if want.MilliCPU == 0 {
		want.MilliCPU = min(d.MilliCPU, room.MilliCPU)
	}
	if want.Memory == 0 {
		want.Memory = min(d.Memory, room.Memory)
	}
	return want
}

// Check says why such a request can never be granted, as an SQL error; nil if one day it can.
func (r *Room) Check(q Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pools[q.Pool]
	if !ok {
		return unknown(q.Pool)
	}
	return r.check(s, &q)
}

// errNeverFits has a number of our own, among those of container services: Snowflake's documents give none.
func errNeverFits(format string, args ...any) error {
	return sqlerr.New(395018, "22023", format, args...)
}

func (r *Room) check(s *state, q *Request) error {
	least := q.Min
	if least <= 0 {
		least = q.Instances
	}
	switch {
	case q.Instances < 1:
		return sqlerr.Invalid("The number of instances must be at least 1, not %d.", q.Instances)
	case least > q.Instances:
		return sqlerr.Invalid("MIN_INSTANCES (%d) must not be larger than TARGET_INSTANCES (%d).", least, q.Instances)
	case least > s.MaxNodes:
		return errNeverFits("The job needs %d nodes but compute pool %s has at most %d (MAX_NODES).", least, s.Name, s.MaxNodes)
	}
	f := r.families[s.Family]
	need := r.reservation(s, q.Reserve)
	if node := f.Capacity(); !need.fits(node) {
		return errNeverFits("An instance asks for %s but a node of compute pool %s (%s) has %s.", need, s.Name, s.Family, node)
	}
	m := r.cfg.Machine
	if f.GPUs > 0 && m.GPUs == 0 { // the one thing that waits although it cannot fit today
		need.GPUs = 0
	}
	if !need.fits(m) {
		return errNeverFits("An instance asks for %s but this machine's share for jobs is %s.", need, m)
	}
	if sum := (Resources{}).plus(need, least); !sum.fits(m) {
		return errNeverFits("The job's %d instances reserve %s together but this machine's share for jobs is %s.", least, sum, m)
	}
	return nil
}

// Enqueue puts a request last in its pool's queue and grants what can be granted. A suspended pool with AUTO_RESUME resumes.
func (r *Room) Enqueue(ctx context.Context, q Request) error {
	r.mu.Lock()
	s, ok := r.pools[q.Pool]
	if !ok {
		r.mu.Unlock()
		return unknown(q.Pool)
	}
	if err := r.check(s, &q); err != nil {
		r.mu.Unlock()
		return err
	}
	if _, ok := r.tickets[q.Job]; ok {
		r.mu.Unlock()
		return fmt.Errorf("pool: job %d is in the queue already", q.Job)
	}
	if q.Min <= 0 {
		q.Min = q.Instances
	}
	q.Reserve = r.reservation(s, q.Reserve)
	resumed := s.Suspended && s.AutoResume
	if resumed {
		r.resume(s)
	}
	r.seq++
	t := &ticket{Request: q, seq: r.seq}
	r.tickets[q.Job] = t
	s.queue = append(s.queue, t)
	r.stopIdle(s)
	granted := r.dispatch()
	r.mu.Unlock()
	call(granted)
	if resumed {
		r.save(ctx, s, "a resume")
	}
	return nil
}

// Adopt counts a job whose instances run already: after a restart, before anything else is granted, whatever the pool's numbers say now.
func (r *Room) Adopt(q Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.tickets[q.Job]; ok || q.Instances < 1 {
		return
	}
	s, ok := r.pools[q.Pool]
	if !ok { // its pool is gone; the machine is still used
		s = &state{Pool: store.Pool{Name: q.Pool, MaxNodes: q.Instances}}
	} else {
		q.Reserve = r.reservation(s, q.Reserve)
		if s.Suspended {
			r.resume(s)
		}
		r.stopIdle(s)
	}
	t := &ticket{Request: q}
	r.tickets[q.Job] = t
	r.place(s, t, q.Instances)
}

// Release gives back a job's places, or takes it out of the queue. It may be called at any time, any number of times.
func (r *Room) Release(job int64) {
	r.mu.Lock()
	t, ok := r.tickets[job]
	if !ok {
		r.mu.Unlock()
		return
	}
	delete(r.tickets, job)
	s, ok := r.pools[t.Pool]
	switch {
	case t.granted == 0:
		if i := s.find(t); i >= 0 {
			s.queue = slices.Delete(s.queue, i, i+1)
		}
	default:
		r.used = r.used.plus(t.Reserve, -t.granted)
		if ok {
			s.running--
			left := s.nodes[:0]
			for _, n := range s.nodes {
				if n.jobs[job] {
					delete(n.jobs, job)
					n.used = n.used.plus(t.Reserve, -1)
				}
				if len(n.jobs) > 0 {
					left = append(left, n)
				}
			}
			clear(s.nodes[len(left):])
			s.nodes = left
		}
	}
	granted := r.dispatch()
	if ok {
		r.watchIdle(s)
	}
	r.mu.Unlock()
	call(granted)
}

// find is the place of a queued ticket, by its number: queues are in that order.
func (s *state) find(t *ticket) int {
	i, ok := slices.BinarySearchFunc(s.queue, t.seq, func(x *ticket, seq uint64) int {
		switch {
		case x.seq < seq:
			return -1
		case x.seq > seq:
			return 1
		}
		return 0
	})
	if !ok {
		return -1
	}
	return i
}

func call(ts []*ticket) {
	for _, t := range ts {
		if t.Granted != nil {
			go t.Granted(Grant{Instances: t.granted})
		}
	}
}

// dispatch grants from the heads of the queues, oldest first over all pools. A head that its pool has no node for blocks its pool; one that
// the machine has no room for blocks everyone behind it, so that the large are not starved by the small. Callers hold mu.
func (r *Room) dispatch() (granted []*ticket) {
	if r.closed {
		return nil
	}
	var blocked map[*state]bool
	for {
		var s *state
		for _, p := range r.pools {
			if len(p.queue) > 0 && !blocked[p] && (s == nil || p.queue[0].seq < s.queue[0].seq) {
				s = p
			}
		}
		if s == nil {
			return granted
		}
		t := s.queue[0]
		n, machine := r.room(s, t)
		if n < t.Min {
			if machine {
				return granted
			}
			if blocked == nil {
				blocked = map[*state]bool{}
			}
			blocked[s] = true
			continue
		}
		s.queue[0] = nil
		s.queue = s.queue[1:]
		r.place(s, t, n)
		granted = append(granted, t)
	}
}

// room is how many instances of t could start now, up to what it wants; machine says that the machine, not the pool, sets that number.
func (r *Room) room(s *state, t *ticket) (n int, machine bool) {
	if s.Suspended || r.lacksGPU(s) {
		return 0, false
	}
	n = s.free(t, r.families[s.Family].Capacity())
	free := r.cfg.Machine.plus(r.used, -1)
	for n > 0 && !(Resources{}).plus(t.Reserve, n).fits(free) {
		n, machine = n-1, true
	}
	return n, machine
}

// free is how many nodes of the pool could take one instance of t each, up to what it wants: an instance never spans nodes, and each of one
// job's instances has a node of its own, as its target_instances promise.
func (s *state) free(t *ticket, capacity Resources) int {
	n := min(s.MaxNodes-len(s.nodes), t.Instances)
	n = max(n, 0)
	for _, x := range s.nodes {
		if n >= t.Instances {
			break
		}
		if x.used.plus(t.Reserve, 1).fits(capacity) {
			n++
		}
	}
	return n
}

func (r *Room) place(s *state, t *ticket, n int) {
	t.granted = n
	r.used = r.used.plus(t.Reserve, n)
	s.running++
	capacity := r.families[s.Family].Capacity()
	for i := range s.nodes {
		if n == 0 {
			break
		}
		x := &s.nodes[i]
		if u := x.used.plus(t.Reserve, 1); u.fits(capacity) {
			x.used = u
			x.jobs[t.Job] = true
			n--
		}
	}
	for ; n > 0; n-- {
		s.nodes = append(s.nodes, node{used: t.Reserve, jobs: map[int64]bool{t.Job: true}})
	}
}

func (r *Room) lacksGPU(s *state) bool {
	return r.families[s.Family].GPUs > 0 && r.cfg.Machine.GPUs == 0
}

// Pending says in words why a job waits; "" if it does not.
func (r *Room) Pending(job int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.tickets[job]
	if !ok || t.granted > 0 {
		return ""
	}
	s, ok := r.pools[t.Pool]
	if !ok {
		return ""
	}
	switch {
	case r.lacksGPU(s):
		return fmt.Sprintf("Compute pool %s is of instance family %s, and this machine has no GPU.", s.Name, s.Family)
	case s.Suspended:
		return fmt.Sprintf("Compute pool %s is suspended and does not resume by itself: ALTER COMPUTE POOL %s RESUME.", s.Name, s.Name)
	}
	place := s.find(t) + 1
	text := fmt.Sprintf("Unschedulable due to insufficient resources: compute pool %s, %d of %d nodes busy, %s in queue.", s.Name, len(s.nodes), s.MaxNodes, ordinal(place))
	if n, machine := r.room(s, t); machine && n < t.Min {
		text += fmt.Sprintf(" It reserves %s; the machine has %s free of %s.", (Resources{}).plus(t.Reserve, t.Min), r.cfg.Machine.plus(r.used, -1), r.cfg.Machine)
	}
	return text
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// counts are the pool's nodes as SHOW gives them: busy, idle, aimed at.
func (s *state) counts(r *Room) (active, idle, target int) {
	active = len(s.nodes)
	if !s.Suspended && !r.lacksGPU(s) {
		idle = max(s.MinNodes-active, 0)
	}
	target = active + idle
	if r.lacksGPU(s) && !s.Suspended {
		target = s.MinNodes
	}
	return active, idle, target
}

func (r *Room) resume(s *state) {
	s.Suspended = false
	s.Resumed = r.clock.Now()
	r.watchIdle(s)
}

// watchIdle starts the clock of AUTO_SUSPEND_SECS if the pool has nothing to do. Callers hold mu.
func (r *Room) watchIdle(s *state) {
	if r.closed || s.idle != nil || s.Suspended || s.AutoSuspendSecs == 0 || s.running > 0 || len(s.queue) > 0 {
		return
	}
	s.idles++
	n := s.idles
	s.idle = r.clock.AfterFunc(time.Duration(s.AutoSuspendSecs)*time.Second, func() { r.suspendIdle(s, n) })
}

func (r *Room) stopIdle(s *state) {
	if s.idle != nil {
		s.idle()
		s.idle = nil
	}
}

func (r *Room) suspendIdle(s *state, n uint64) {
	r.mu.Lock()
	if r.closed || s.idle == nil || s.idles != n {
		r.mu.Unlock()
		return
	}
	s.idle = nil
	s.Suspended = true
	r.mu.Unlock()
	r.save(context.Background(), s, "an idle suspend")
}

// save records what the room itself changed: suspends and resumes. Losing one loses no more than the time it happened, so it is not waited
// for to be believed.
func (r *Room) save(ctx context.Context, s *state, what string) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	p, here := s.Pool, r.pools[s.Name] == s
	r.mu.Unlock()
	if !here {
		return
	}
	if err := r.cfg.Store.UpdatePool(context.WithoutCancel(ctx), p); err != nil {
		r.cfg.Log.Error("pool: record of "+what, "pool", p.Name, "error", err)
	}
}

// Owner is the role that owns a pool, for the check of privileges: kind COMPUTE POOL, name of one part.
func (r *Room) Owner(_ context.Context, kind string, name []string) (role string, ok bool, err error) {
	if kind != "COMPUTE POOL" || len(name) != 1 {
		return "", false, nil
	}
	p, ok := r.Pool(name[0])
	return p.Owner, ok, nil
}

// Credits is a pool's family and what one of its nodes costs an hour by Snowflake's rates; "" and 0 if the pool is gone.
func (r *Room) Credits(pool string) (family string, perHour float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.pools[pool]
	if !ok {
		return "", 0
	}
	return s.Family, r.families[s.Family].Credits
}
