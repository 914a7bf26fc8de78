// Package driver says what it means to run one instance of a job, whatever runs it: a sandbox on this machine, a plain
// process, or a pod. A driver knows nothing of SQL, stages or accounts; it is given a Spec and answers with an Exit.
package driver

import (
	"context"
	"errors"
	"io"
	"time"
)

// Spec is all that a driver needs to start one instance. It is written to disk by the driver and must survive a restart
// of the server, so it holds no handles.
type Spec struct {
	ID    string // unique among all instances ever started here, a valid file name: "<job id>-<index>"
	Job   string // the job's id: instances of one job share a network
	Host  string // host name inside
	Index int    // 0..Count-1
	Count int

	Args []string          // the program and its arguments; for Warm: the launcher's arguments (argv[1:] of python/launcher)
	Env  map[string]string // the whole environment of the payload
	Dir  string            // working directory inside

	// Warm, if set, allows a start from a warm parent of that key (see Parent). Args is then what follows the launcher's
	// script name; a driver that cannot or may not serve it warm runs Cold instead.
	Warm string
	Cold []string // the whole command line of the same payload as a fresh process

	Trees  []string // read-only host directories, seen at the same path inside: interpreter, environment, layers, launcher
	Mounts []Mount  // stage and result directories
	Files  string   // host directory with the token file and connections.toml, read-only at /run/firn inside; rewritten in place when a token is renewed

	MilliCPU int64 // limit; 1000 = one CPU
	Memory   int64 // limit, bytes
	Shm      int64 // size of /dev/shm, bytes
	PIDs     int64
	LogQuota int64 // bytes of log kept; past it lines are counted and the last 32 KiB kept

	APIPort int      // 127.0.0.1:APIPort inside reaches the server's API (relay to Config.APISocket)
	Egress  []string // allowed "host:port"; empty: no way out but the API
}

// Mount is one read-write or read-only directory of the host seen at Target inside.
type Mount struct {
	Source, Target string
	ReadOnly       bool
	// Root is the trusted directory that Source lies in (or is), where what is below Root may be written by jobs that run:
	// no symlink below it is followed. Empty: all of Source is trusted. Additive; older specs have none.
	Root string `json:",omitempty"`
}

// Parent describes a warm interpreter: started once, it imports Preload and then forks single-use children.
type Parent struct {
	Key     string // runtime and permission; never shared across permissions
	Python  string // the environment's interpreter, absolute
	Script  string // warm parent's program (python/warm.py on disk), absolute
	Trees   []string
	Preload []string
	Env     map[string]string
}

// Exit is how an instance ended. It is recorded on disk before Wait returns and before the instance's resources are freed.
type Exit struct {
	Code    int       `json:"code"`              // exit status, or 128+signal
	Signal  string    `json:"signal,omitempty"`  // "SIGKILL" … if it was ended by a signal
	OOM     bool      `json:"oom,omitempty"`     // a process of the instance was killed for memory
	Stopped bool      `json:"stopped,omitempty"` // Stop was asked for
	Reason  string    `json:"reason,omitempty"`  // in words, if the driver knows more: "out of memory: the limit of 2 GiB", "lost: …"
	MemPeak int64     `json:"mem_peak,omitempty"`
	CPU     float64   `json:"cpu_seconds,omitempty"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
}

// State of an instance as the driver knows it.
type State string

const (
	Running State = "running"
	Ended   State = "ended"
	Unknown State = "unknown" // never started here, or removed
)

// ErrUnknown is returned for an instance that was never started here or has been removed.
var ErrUnknown = errors.New("driver: unknown instance")

// Driver runs instances. All methods may be called concurrently. A cancelled context ends the call, never the instance.
type Driver interface {
	// Start returns when the instance's payload has been started (or an error: then nothing of it runs or remains).
	// Starting an ID that already runs or has ended is an error.
	Start(ctx context.Context, s Spec) error
	// Wait returns when the instance has ended; at once if it already had. ErrUnknown if it is not known.
	Wait(ctx context.Context, id string) (Exit, error)
	// Stop asks with SIGTERM and, after grace, kills. It returns when the instance has ended.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Recover finds what was started by an earlier server: every instance not yet Removed, with its state. Call once at start.
	Recover(ctx context.Context) (map[string]State, error)
	// Log opens the instance's log from its beginning. Follow: reading blocks at the end until more comes or the instance ends.
	// Each line is "<unix nanoseconds> <o|e> <text>\n" (o stdout, e stderr). Without follow the reader may be an io.Seeker.
	Log(ctx context.Context, id string, follow bool) (io.ReadCloser, error)
	// Remove deletes everything on disk of an ended instance. Idempotent.
	Remove(ctx context.Context, id string) error
	// Warm makes sure that a warm parent with this key is up (or coming up) and keeps it until Cool; replaces a dead one. It does not wait for imports.
	Warm(ctx context.Context, p Parent) error
	Cool(ctx context.Context, key string) error
	// Limits names what cannot be enforced here, in words for people; empty if all is enforced.
	Limits() []string
	// Close lets go of everything (warm parents end); running instances go on.
	Close() error
}
