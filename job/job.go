// Package job owns jobs from the statement that submits one to the record of what it cost: the submission, the one state machine
// (states.go), supervision, results, logs and history. It starts nothing itself: a driver does, where a pool grants a place.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"firn/driver"
	"firn/pool"
	"firn/sql"
	"firn/statement"
	"firn/store"
)

// Store is what the room needs of the store.
type Store interface {
	InsertJob(ctx context.Context, j store.Job) (job store.Job, made bool, err error)
	ChangeJob(ctx context.Context, c store.JobChange) (ok bool, err error)
	Job(ctx context.Context, id int64) (store.Job, error)
	JobByName(ctx context.Context, database, schema, name string) (store.Job, error)
	OpenJobs(ctx context.Context) ([]store.Job, error)
	Jobs(ctx context.Context, f store.JobFilter) ([]store.Job, error)
	JobInstances(ctx context.Context, job int64) ([]store.JobInstance, error)
	InstancesOf(ctx context.Context, jobs []int64) (map[int64][]store.JobInstance, error)
}

// Pools grants places.
type Pools interface {
	Pool(name string) (store.Pool, bool)
	Check(q pool.Request) error
	Enqueue(ctx context.Context, q pool.Request) error
	Adopt(q pool.Request)
	Release(job int64)
	Pending(job int64) string
	Limit(pool string, reserve, limits pool.Resources) (pool.Resources, error)
	Credits(pool string) (family string, perHour float64)
}

// Stages knows where a stage's files are.
type Stages interface {
	// Dir is the directory on this machine of a stage path, there or not; 002003 if the stage is missing.
	Dir(ctx context.Context, sc *statement.Context, p sql.StagePath) (hostDir string, err error)
}

// Environment is a runtime made ready on this machine.
type Environment struct {
	Key      string            // names its contents
	Minor    string            // "3.11"
	Version  string            // "3.11.7"
	Python   string            // the interpreter, absolute
	Trees    []string          // host directories that must be visible at the same path
	Packages map[string]string // versions by name
	Preload  []string          // what a warm parent imports
}

// Runtimes finds and builds environments.
type Runtimes interface {
	// Resolve turns what a client asks for (SYSTEM$GET_ML_JOB_RUNTIME's second argument: "", a tag, an image, JSON) into an image's text. An
	// image's text resolves to itself.
	Resolve(request string) (image string, err error)
	// Minor is the Python of an image: "3.11".
	Minor(image string) (string, error)
	// Ensure builds the image's environment if it is not there; progress, a line each, only where something has to be done.
	Ensure(ctx context.Context, image string, progress func(string)) (Environment, error)
}

// Satisfier is a Runtimes that can say whether an environment has what a requirements file asks for. The error's text is pip's.
type Satisfier interface {
	Satisfied(ctx context.Context, env Environment, requirements string) error
}

// Tokens makes the tokens by which a job's sessions log in as its role.
type Tokens interface {
	IssueToken(ctx context.Context, user, role, job string, ttl time.Duration) (string, error)
	RevokeJob(ctx context.Context, job string) error
}

// Tree knows which schemas there are: 002003 if one is missing.
type Tree interface {
	SchemaID(ctx context.Context, database, schema string) (int64, error)
}

// Access is the one check of privileges.
type Access interface {
	Check(ctx context.Context, sc *statement.Context, needs []statement.Need) error
}

// Warehouses checks that a warehouse is there for the role.
type Warehouses interface {
	UseWarehouse(ctx context.Context, sc *statement.Context, name string) error
}

// Networks gives the "host:port" that external access integrations open; 002003 for an unknown one.
type Networks interface {
	Egress(ctx context.Context, sc *statement.Context, integrations []string) ([]string, error)
}

// Config is what a Room works with.
type Config struct {
	Store      Store
	Pools      Pools
	Driver     driver.Driver
	Stages     Stages
	Runtimes   Runtimes
	Tokens     Tokens
	Tree       Tree
	Access     Access     // nil: everything is allowed
	Warehouses Warehouses // nil: any name will do
	Networks   Networks   // nil: there are no integrations

	Dir      string // the room's own: tokens and the server's lines of logs, a folder a job
	Launcher string // folder with launcher.py and warm.py, readable by jobs
	Account  string // SNOWFLAKE_ACCOUNT inside
	APIPort  int    // where a job reaches the server on its 127.0.0.1

	HostPaths bool // the driver has no mounts: what a job's files name are the host's paths

	Clock       pool.Clock // nil: pool.Wall
	Log         *slog.Logger
	TokenTTL    time.Duration // 0: an hour; tokens are renewed when half of it is over
	Grace       time.Duration // from SIGTERM to SIGKILL; 0: 10 s
	WarmParents int           // warm interpreters kept; 0: 3, < 0: none
	LogQuota    int64         // bytes of log an instance; 0: the driver's own
}

// Room is the jobs of an account.
type Room struct {
	cfg   Config
	clock pool.Clock
	log   *slog.Logger
	ctx   context.Context // ends with Close: supervisors let go, instances go on
	close context.CancelFunc
	wg    sync.WaitGroup

	mu      sync.Mutex
	live    map[int64]*live // every job that has not ended
	prepare []*live         // submitted, not yet looked at
	workers int
	parents map[string]uint64 // warm parents by key: when last used
	uses    uint64
}

const prepareWorkers = 4

// New finds what earlier servers left running and goes on with it. It returns when every job that has not ended is under supervision again.
func New(ctx context.Context, cfg Config) (*Room, error) {
	r := &Room{cfg: cfg, clock: cfg.Clock, log: cfg.Log, live: map[int64]*live{}, parents: map[string]uint64{}}
	if r.clock == nil {
		r.clock = pool.Wall{}
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.cfg.TokenTTL <= 0 {
		r.cfg.TokenTTL = time.Hour
	}
	if r.cfg.Grace <= 0 {
		r.cfg.Grace = 10 * time.Second
	}
	if r.cfg.WarmParents == 0 {
		r.cfg.WarmParents = 3
	}
	if cfg.Dir == "" || !filepath.IsAbs(cfg.Dir) {
		return nil, fmt.Errorf("job: the folder %q must be an absolute path", cfg.Dir)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	r.ctx, r.close = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.recover(ctx); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// Close lets go of all jobs and returns when no supervisor works any more. Instances go on: the next server finds them.
func (r *Room) Close() error {
	r.close()
	r.wg.Wait()
	return nil
}

// errClosed is what a blocking statement answers when the server goes down under it.
var errClosed = errors.New("job: the server is shutting down")

// live is a job that has not ended, and who waits for it.
type live struct {
	id  int64
	sub *Submission

	running chan struct{} // closed when RUNNING is recorded
	stop    chan struct{} // closed when CANCELLING is recorded
	done    chan struct{} // closed when the final status is recorded

	steps chan struct{} // holds one while somebody makes a step of the job's life; taken before mu

	mu        sync.Mutex
	job       store.Job
	phase     phase
	instances []instance
	marks     []any       // of each step towards the start: its name and when it was over, for the log
	renew     func() bool // stops the clock of the next renewal
}

type phase int

const (
	preparing phase = iota
	queued
	running
)

// instance is one instance as it stands now.
type instance struct {
	started, ended time.Time
	code           int
	message        string
	cpu            float64
	peak           int64
}

func newLive(j store.Job, s *Submission) *live {
	return &live{id: j.ID, job: j, sub: s, running: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}), steps: make(chan struct{}, 1)}
}

// step waits for the turn to make a step of the job's life; false if ctx ended first. One may hold it long, while the store fails.
func (l *live) step(ctx context.Context) bool {
	select {
	case l.steps <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *live) stepped() { <-l.steps }

// record is the job's row as last written.
func (l *live) record() store.Job {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.job
}

// mark notes how long after its submission the job has come so far.
func (l *live) mark(r *Room, step string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks = append(l.marks, step, r.clock.Now().Sub(l.job.Created))
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (r *Room) find(id int64) *live {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}

// instanceID is an instance's name for the driver.
func instanceID(job int64, index int) string { return fmt.Sprintf("%d-%d", job, index) }

func (r *Room) dir(job int64) string { return filepath.Join(r.cfg.Dir, fmt.Sprint(job)) }
