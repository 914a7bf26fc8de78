// Package runtime is the software that jobs run in: which Pythons this machine has, the locked set of packages that a
// runtime release stands for, and environments built of both once and shared by all jobs, read-only.
package runtime

import (
	"log/slog"
	"path/filepath"
	"sync"
)

// Config says where things are. Only Dir is needed.
type Config struct {
	Dir          string   // the cache: environments, tools and, if the user's own is on another disk, downloads; may be shared by servers
	UVPath       string   // uv's program; empty: it is looked for, then installed
	Interpreters []string // Pythons to prefer: programs, absolute
	DefaultMinor string   // "3.11": the Python of a request that names none; empty: 3.11 if it is here, else the nearest
	Log          *slog.Logger
}

// Manager finds, builds and keeps environments. Its methods may be called concurrently, and several processes may share its folder.
type Manager struct {
	cfg  Config
	log  *slog.Logger
	lock func(minor string) (string, bool) // the lock file of a Python; tests put smaller ones here

	mu        sync.Mutex
	found     []Interpreter // nil: not looked yet
	uv        string
	compiled  map[string]bool // folders of Compile by environment
	described map[Interpreter]Environment
	satisfied map[string]error // answers of Satisfied by environment and text
}

// New makes a manager; nothing is looked for or written yet.
func New(cfg Config) *Manager {
	if dir, err := filepath.Abs(cfg.Dir); err == nil {
		cfg.Dir = dir
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Manager{cfg: cfg, log: log, lock: baseLock, compiled: map[string]bool{}, described: map[Interpreter]Environment{}, satisfied: map[string]error{}}
}
