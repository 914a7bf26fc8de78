// Package stage keeps the files of stages: one directory of plain files per stage, so that a job's mount is a bind mount and a
// person can look inside. It answers PUT, GET, LIST, REMOVE and COPY FILES, serves the signed URLs by which clients move files, and
// gives jobs and tables the same files. What a job leaves in its directories is hostile: everything under a stage is opened
// through os.Root, symlinks are not followed and nothing but regular files is read.
//
// On disk: DIR/<stage>/files is the tree, DIR/<stage>/tmp holds what is being written, so that a half file is never in the tree.
package stage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"firn/catalog"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
)

// Catalog knows the named stages.
type Catalog interface {
	// Stage finds a stage by its name as written; errors are 002003, 090105, 090106. op is the statement's name for these.
	Stage(ctx context.Context, sc *statement.Context, name sql.Name, op string) (catalog.Stage, error)
	// StageDirs are the directories of the stages that are there.
	StageDirs() map[string]bool
}

// Store keeps the key that signs URLs and the list of directories to remove.
type Store interface {
	MetaOnce(ctx context.Context, name string, make func() ([]byte, error)) ([]byte, error)
	StageTrash(ctx context.Context) ([]string, error)
	ForgetStageTrash(ctx context.Context, dir string) error
}

// Config is what a Stages is made of.
type Config struct {
	Dir     string // made if it is not there
	Store   Store
	Catalog Catalog
	// Table finds a table's id, for its stage @%t; nil: table stages are refused. The error is Snowflake's.
	Table func(ctx context.Context, sc *statement.Context, name sql.Name) (id int64, err error)
	Clock func() time.Time // nil = time.Now
	Log   *slog.Logger     // nil = slog.Default
}

// Stages is all stages' files. Its methods may be called from any goroutine. It is also the HTTP handler of /stage/.
type Stages struct {
	dir     string
	store   Store
	catalog Catalog
	table   func(ctx context.Context, sc *statement.Context, name sql.Name) (int64, error)
	now     func() time.Time
	log     *slog.Logger
	key     []byte
	start   string // of this process: tickets that may be used once are void after a restart

	mu     sync.Mutex
	gone   map[string]bool    // directories that are being removed or were
	asked  map[int64][]asking // PUTs per session that wait to be sent again for each file
	sweeps sync.WaitGroup

	tickets uint64
	used    map[uint64]time.Time // tickets that were used, until they expire
	tidyAt  int
}

// New opens the stages' directory, removes what a crash left behind (half files, temporary stages, stages that are dropped) and
// gets the signing key. It becomes the catalog's Files by the caller's SetFiles.
func New(ctx context.Context, c Config) (*Stages, error) {
	if c.Store == nil || c.Catalog == nil || c.Dir == "" {
		return nil, errors.New("stage: no store, catalog or directory")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	s := &Stages{dir: dir, store: c.Store, catalog: c.Catalog, table: c.Table, now: c.Clock, log: c.Log, gone: map[string]bool{}, asked: map[int64][]asking{}, used: map[uint64]time.Time{}}
	var start [9]byte
	if _, err := rand.Read(start[:]); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	s.start = b64.EncodeToString(start[:]) + "."
	s.key, err = c.Store.MetaOnce(ctx, "stage url key", func() ([]byte, error) {
		k := make([]byte, 32)
		_, err := rand.Read(k)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	if err := s.tidy(ctx); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return s, nil
}

// tidy runs before anything else does. Directories of stages are named by numbers (x… for temporary ones).
func (s *Stages) tidy(ctx context.Context) error {
	trash, err := s.store.StageTrash(ctx)
	if err != nil {
		return err
	}
	for _, d := range trash {
		if err := os.RemoveAll(filepath.Join(s.dir, d)); err != nil {
			s.log.Warn("stage: cannot remove a dropped stage's files", "dir", d, "err", err)
			continue
		}
		if err := s.store.ForgetStageTrash(ctx, d); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	live := s.catalog.StageDirs()
	for _, e := range entries {
		name := e.Name()
		if named(name) && !live[name] || strings.HasPrefix(name, "x") {
			if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
				s.log.Warn("stage: cannot remove left files", "dir", name, "err", err)
			}
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, name, tmpDir)); err != nil {
			s.log.Warn("stage: cannot remove half files", "dir", name, "err", err)
		}
	}
	return nil
}

// named says whether a directory is a named stage's.
func named(dir string) bool {
	_, err := strconv.ParseInt(dir, 10, 64)
	return err == nil
}

// Close waits for directories that are being removed.
func (s *Stages) Close() error {
	s.sweeps.Wait()
	return nil
}

// Discard removes the files of a stage that is no more. It returns at once.
func (s *Stages) Discard(dir string) {
	s.mu.Lock()
	s.gone[dir] = true
	s.mu.Unlock()
	s.sweeps.Add(1)
	go func() {
		defer s.sweeps.Done()
		if err := os.RemoveAll(filepath.Join(s.dir, dir)); err != nil {
			s.log.Warn("stage: cannot remove a dropped stage's files", "dir", dir, "err", err)
			return
		}
		if named(dir) {
			if err := s.store.ForgetStageTrash(context.Background(), dir); err != nil {
				s.log.Warn("stage: trash", "dir", dir, "err", err)
			}
		}
	}()
}

func (s *Stages) isGone(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone[dir]
}

// DiscardTable removes a table's stage, when the table is gone for good.
func (s *Stages) DiscardTable(id int64) { s.Discard("t" + strconv.FormatInt(id, 10)) }

// spot is where a stage path points: a stage's directory and a path in it.
type spot struct {
	dir    string
	prefix string // of names in LIST: "st/"; "" for user and table stages
	head   string // first component of GET's names
	path   string // clean: no empty, "." or ".." parts; a trailing "/" is kept
}

// where resolves a stage path. op is the statement's name for messages.
func (s *Stages) where(ctx context.Context, sc *statement.Context, sp sql.StagePath, op string) (spot, error) {
	path, err := clean(sp.Path)
	if err != nil {
		return spot{}, err
	}
	switch {
	case sp.URL != "":
		scheme, _, _ := strings.Cut(sp.URL, "://")
		return spot{}, sqlerr.Unsupported("%s:// paths", scheme)
	case sp.User:
		if sc.User == "" {
			return spot{}, sqlerr.NotExist("Stage", "~")
		}
		return spot{dir: userDir(sc.User), head: "~", path: path}, nil
	case sp.Table != nil:
		if s.table == nil {
			return spot{}, sqlerr.Unsupported("table stages")
		}
		id, err := s.table(ctx, sc, *sp.Table)
		if err != nil {
			return spot{}, err
		}
		last := sp.Table.Parts[len(sp.Table.Parts)-1].Name
		return spot{dir: "t" + strconv.FormatInt(id, 10), head: strings.ToLower(last), path: path}, nil
	case len(sp.Stage.Parts) == 0:
		return spot{}, sqlerr.Invalid("'%s' is no stage path", sp.Path)
	}
	st, err := s.catalog.Stage(ctx, sc, sp.Stage, op)
	if err != nil {
		return spot{}, err
	}
	head := strings.ToLower(st.Name)
	return spot{dir: st.Dir, prefix: head + "/", head: head, path: path}, nil
}

// userDir is the directory of @~. User names may hold anything, file names may not: a hash where the name is not plain.
func userDir(user string) string {
	plain := len(user) <= 200
	for _, r := range user {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' {
			plain = false
		}
	}
	if plain {
		return "u-" + user
	}
	sum := sha256.Sum256([]byte(user))
	return "uh-" + hex.EncodeToString(sum[:])
}

// DiscardUser removes the files of a user who is no more. Another user of that name finds none of them.
func (s *Stages) DiscardUser(user string) {
	gone := "x" + b64.EncodeToString(binary.BigEndian.AppendUint64(nil, s.ticketNumber())) + s.start // cleared at the next start at the latest
	if err := os.Rename(filepath.Join(s.dir, userDir(user)), filepath.Join(s.dir, gone)); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("stage: cannot remove a dropped user's files", "err", err)
		}
		return
	}
	s.Discard(gone)
}

// Longest file name and path: the file system's and Linux's.
const (
	maxPart = 255
	maxPath = 3000
)

// clean checks a path in a stage and drops doubled slashes.
func clean(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if len(path) > maxPath {
		return "", sqlerr.Invalid("the stage path is longer than %d bytes", maxPath)
	}
	parts := strings.Split(path, "/")
	keep := parts[:0]
	for _, p := range parts {
		switch {
		case p == "":
			continue
		case p == "." || p == "..", strings.ContainsRune(p, 0):
			return "", sqlerr.Invalid("invalid stage path '%s': it holds the part '%s'", path, p)
		case len(p) > maxPart:
			return "", sqlerr.Invalid("invalid stage path: a part is longer than %d bytes", maxPart)
		}
		keep = append(keep, p)
	}
	out := strings.Join(keep, "/")
	if out != "" && strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out, nil
}

// join puts a clean path and a name together.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return strings.TrimSuffix(path, "/") + "/" + name
}

// failure turns an error of the file system into one for users; Snowflake's errors stay.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case full(err):
		return &sqlerr.Error{Code: 91003, State: "22000", Message: "Failure using stage area. Cause: [no space left on the server's disk]", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &sqlerr.Error{Code: 91003, State: "22000", Message: "Failure using stage area. Cause: [the server may not read or write a file there]", Err: err}
	}
	if e, ok := sqlerr.As(err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &sqlerr.Error{Code: 91003, State: "22000", Message: "Failure using stage area. Cause: [" + plain(err) + "]", Err: err}
}

// plain is an error's text without paths of this machine.
func plain(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err.Error()
	}
	return "internal"
}
