package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver"
)

// Home is the server's side: a directory of instances, one shim each. It keeps nothing of them in memory, so a server that
// was killed and one that never was know the same.
type Home struct {
	Dir  string // absolute
	Shim string // the shim's program
	// Clean ends what a killed shim may have left running and frees what it held. It is called at most once an instance.
	Clean func(id, dir string)
}

func (h *Home) path(id string) string { return filepath.Join(h.Dir, id) }

// CheckID says whether an instance's id can be a file's name.
func CheckID(id string) error {
	if id == "" || len(id) > 200 || id[0] == '.' || strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}) {
		return fmt.Errorf("driver: bad instance id %q", id)
	}
	return nil
}

// Via names a file in a directory in a way that fits a socket's address (107 bytes) however long the directory's path is.
// Call done when the name is no longer needed.
func Via(dir, name string) (path string, done func(), err error) {
	f, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), name), func() { f.Close() }, nil
}

// Start makes the instance's directory, starts its shim and returns when the payload has begun. On an error nothing of it
// runs or remains. extra are handed to the shim from FirstFD on; the caller keeps its own copies.
func (h *Home) Start(ctx context.Context, id string, spec any, extra ...*os.File) (err error) {
	if err := CheckID(id); err != nil {
		return err
	}
	b, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	dir := h.path(id)
	if err := os.Mkdir(dir, 0o711); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("driver: instance %s was started already", id)
		}
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	os.Chmod(dir, 0o711) // whatever the umask says
	sf, err := os.OpenFile(filepath.Join(dir, specName), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer sf.Close()
	if err := unix.Flock(int(sf.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if _, err := sf.Write(b); err != nil {
		return err
	}
	lf, err := listen(dir)
	if err != nil {
		return err
	}
	defer lf.Close()
	ef, err := os.OpenFile(filepath.Join(dir, errName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer ef.Close()

	cmd := exec.Command(h.Shim, "run", dir)
	cmd.Stderr, cmd.ExtraFiles = ef, append([]*os.File{lf, sf}, extra...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "GOMAXPROCS=2"} // nothing of the server's environment: it may hold secrets
	cmd.SysProcAttr = sessionAttr()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	go cmd.Wait() // reaps it; how it ended is in the files
	sf.Close()    // from here on the lock is the shim's alone
	lf.Close()    // and the socket: if it dies, nobody must wait for an answer

	var r report
	err = h.ask(ctx, dir, request{Op: "start"}, &r)
	switch {
	case err == nil && r.Error == "":
		return nil
	case err == nil:
		err = errors.New(r.Error)
	case ctx.Err() != nil:
		err = ctx.Err()
		cmd.Process.Kill()
	default:
		cmd.Process.Kill()
		err = fmt.Errorf("shim: %w%s", err, complaint(dir))
	}
	if e, ok, _ := readRecord(dir); ok && ctx.Err() == nil && r.Error == "" { // it had ended before it was asked
		if !e.Refused {
			return nil
		}
		err = errors.New(e.Reason)
	}
	if g, lerr := h.gone(context.WithoutCancel(ctx), dir); lerr == nil {
		if h.Clean != nil {
			h.Clean(id, dir)
		}
		g.Close()
	}
	return err
}

// complaint is what the shim said before it died, for an error's text.
func complaint(dir string) string {
	b, _ := os.ReadFile(filepath.Join(dir, errName))
	if len(b) > 1000 {
		b = b[len(b)-1000:]
	}
	if s := strings.TrimSpace(string(b)); s != "" {
		return ": " + s
	}
	return ""
}

func listen(dir string) (*os.File, error) {
	p, done, err := Via(dir, socketName)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: p, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(filepath.Join(dir, socketName), 0o600); err != nil {
		return nil, err
	}
	return l.File()
}

// dial opens a connection and writes the request.
func dial(ctx context.Context, dir string, q request) (*net.UnixConn, error) {
	p, done, err := Via(dir, socketName)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", p)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(q)
	if err == nil {
		_, err = c.Write(append(b, '\n'))
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

func (h *Home) ask(ctx context.Context, dir string, q request, answer any) error {
	c, err := dial(ctx, dir, q)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := json.NewDecoder(c).Decode(answer); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	return nil
}

// Ask sends an operation of a kind's own and leaves the connection to the caller.
func (h *Home) Ask(ctx context.Context, id, op string) (*net.UnixConn, error) {
	return dial(ctx, h.path(id), request{Op: op})
}

// PID is the process id of a running instance's shim.
func (h *Home) PID(ctx context.Context, id string) (int, error) {
	var r report
	err := h.ask(ctx, h.path(id), request{Op: "state"}, &r)
	return r.PID, err
}

// gone waits until the instance's shim is gone and keeps others from cleaning up after it until the file is closed.
func (h *Home) gone(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, specName), os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return f, nil
	}
	done := make(chan error, 1)
	go func() {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		for errors.Is(err, unix.EINTR) {
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock: %w", err)
		}
		return f, nil
	case <-ctx.Done():
		go func() { <-done; f.Close() }()
		return nil, ctx.Err()
	}
}

// running says whether an instance's shim lives.
func running(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, specName), os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// end asks the shim by q (wait or stop) and, where there is none to answer, settles what became of the instance.
func (h *Home) end(ctx context.Context, id string, q request) (driver.Exit, error) {
	dir := h.path(id)
	if CheckID(id) != nil {
		return driver.Exit{}, driver.ErrUnknown
	}
	if _, err := os.Stat(filepath.Join(dir, specName)); err != nil {
		return driver.Exit{}, driver.ErrUnknown
	}
	if e, ok, err := readExit(dir); ok || err != nil {
		return e, err
	}
	var e driver.Exit
	if err := h.ask(ctx, dir, q, &e); err == nil {
		return e, nil
	}
	if err := ctx.Err(); err != nil {
		return e, err
	}
	return h.settle(ctx, id)
}

// settle reads the record of an instance whose shim does not answer, or makes one: then it is lost.
func (h *Home) settle(ctx context.Context, id string) (driver.Exit, error) {
	dir := h.path(id)
	f, err := h.gone(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return driver.Exit{}, driver.ErrUnknown
	}
	if err != nil {
		return driver.Exit{}, err
	}
	defer f.Close()
	if e, ok, err := readExit(dir); ok || err != nil {
		return e, err
	}
	if h.Clean != nil {
		h.Clean(id, dir)
	}
	os.Remove(filepath.Join(dir, socketName))
	e := driver.Exit{Code: 137, Signal: "SIGKILL", Reason: "lost: the process that kept the instance was killed", Ended: time.Now()}
	if st, err := f.Stat(); err == nil {
		e.Started = st.ModTime()
	}
	return e, writeExit(dir, record{Exit: e})
}

// Wait returns when the instance has ended.
func (h *Home) Wait(ctx context.Context, id string) (driver.Exit, error) {
	return h.end(ctx, id, request{Op: "wait"})
}

// Stop asks the payload to end, kills it after grace and returns when it has ended.
func (h *Home) Stop(ctx context.Context, id string, grace time.Duration) error {
	_, err := h.end(ctx, id, request{Op: "stop", GraceMS: grace.Milliseconds()})
	return err
}

// Recover finds every instance that has not been removed, and settles what is lost.
func (h *Home) Recover(ctx context.Context) (map[string]driver.State, error) {
	ids, err := h.IDs()
	if err != nil {
		return nil, err
	}
	out := make(map[string]driver.State, len(ids))
	for _, id := range ids {
		dir := h.path(id)
		if _, ok, _ := readExit(dir); !ok && running(dir) {
			out[id] = driver.Running
			continue
		}
		_, err := h.settle(ctx, id)
		if errors.Is(err, driver.ErrUnknown) { // the server was killed before the spec was there
			os.RemoveAll(dir)
			continue
		}
		if err != nil {
			return out, fmt.Errorf("instance %s: %w", id, err)
		}
		out[id] = driver.Ended
	}
	return out, nil
}

// IDs lists the instances that are on disk.
func (h *Home) IDs() ([]string, error) {
	es, err := os.ReadDir(h.Dir)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(es))
	for _, e := range es {
		if e.IsDir() && CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Spec reads an instance's spec.
func (h *Home) Spec(id string, v any) error {
	b, err := os.ReadFile(filepath.Join(h.path(id), specName))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// Live says whether the instance's shim is there.
func (h *Home) Live(id string) bool { return running(h.path(id)) }

// AnyLive says whether any instance's shim is there.
func (h *Home) AnyLive() (bool, error) {
	ids, err := h.IDs()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(ids, h.Live), nil
}

// Remove deletes everything on disk of an ended instance.
func (h *Home) Remove(ctx context.Context, id string) error {
	dir := h.path(id)
	if err := CheckID(id); err != nil {
		return err
	}
	_, ended, err := readExit(dir)
	if err != nil {
		return err
	}
	if !ended && running(dir) {
		return fmt.Errorf("driver: instance %s still runs", id)
	}
	f, err := h.gone(ctx, dir) // its shim may still be letting go
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f != nil {
		defer f.Close()
		if !ended && h.Clean != nil {
			h.Clean(id, dir)
		}
	}
	return os.RemoveAll(dir)
}
