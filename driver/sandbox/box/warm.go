package box

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver/sandbox/plan"
	"firn/driver/shim"
)

// forkTime bounds how long a start waits for a parent that is still importing, or hangs. Past it the start is cold.
const forkTime = 20 * time.Second

// middle is the fork of a warm parent that belongs to this instance: it makes the user namespace, enters the sandbox and
// becomes the reaper of its own fork, the payload. The messages are those of python/warm.py.
type middle struct {
	conn *net.UnixConn
	pid  int
	proc process
}

// word is what comes from the middle: first PID, then Began from its child; or Error.
type word struct {
	PID   int    `json:"pid"`
	Began bool   `json:"began"`
	Error string `json:"error"`
}

func (m *middle) Close() error { return errors.Join(m.conn.Close(), m.proc.Close()) }

func (m *middle) hear() (word, error) {
	m.conn.SetReadDeadline(time.Now().Add(forkTime))
	defer m.conn.SetReadDeadline(time.Time{})
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if err != nil || n == 0 {
		return word{}, fmt.Errorf("warm parent: no answer: %w", errors.Join(err, os.ErrClosed))
	}
	var w word
	if err := json.Unmarshal(b[:n], &w); err != nil {
		return word{}, errors.New("warm parent: its child ended before the payload began")
	}
	if w.Error != "" {
		return word{}, fmt.Errorf("warm parent: %s", w.Error)
	}
	return w, nil
}

// fork has the parent listening in dir fork, and maps the user namespace that the fork has made.
func fork(dir string, idmap []byte) (*middle, error) {
	name, done, err := shim.Via(dir, plan.Socket)
	if err != nil {
		return nil, fmt.Errorf("warm parent: %w", err)
	}
	defer done()
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: name, Net: "unixpacket"})
	if err != nil {
		return nil, fmt.Errorf("warm parent: %w", err)
	}
	m := &middle{conn: c}
	w, err := m.hear()
	if err == nil && w.PID <= 0 {
		err = errors.New("warm parent: it named no process")
	}
	for _, f := range []string{"uid_map", "gid_map"} {
		if err == nil {
			err = os.WriteFile(fmt.Sprintf("/proc/%d/%s", w.PID, f), idmap, 0)
		}
	}
	if err == nil {
		m.pid = w.PID
		m.proc, err = openProcess(w.PID)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return m, nil
}

// start sends the middle into the sandbox whose init is pid and returns when the payload is about to begin.
func (m *middle) start(p *plan.Plan, pid int, data int64, null *os.File, out *pipes, filter *os.File) error {
	var fs []*os.File
	defer func() {
		for _, f := range fs {
			f.Close()
		}
	}()
	for _, n := range []string{"pid", "net", "ipc", "uts", "cgroup", "mnt"} { // the order in which it enters them
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, n))
		if err != nil {
			return err
		}
		fs = append(fs, f)
	}
	if p.Cgroup != "" {
		for _, d := range plan.Dirs(filepath.Join(p.Cgroup, p.Spec.ID)) {
			f, err := os.OpenFile(filepath.Join(d, "cgroup.procs"), os.O_WRONLY, 0) // the kernel judges who opened it
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			fs = append(fs, f)
		}
	}
	msg, err := json.Marshal(map[string]any{"env": p.Spec.Env, "args": p.Spec.Args, "cwd": p.Spec.Dir, "pids": p.Spec.PIDs, "data": data})
	if err != nil {
		return err
	}
	req, err := memfd("request", msg) // arguments may be megabytes, which no packet holds
	if err != nil {
		return err
	}
	defer req.Close()
	var fds []int
	for _, f := range fs[:6] {
		fds = append(fds, int(f.Fd()))
	}
	fds = append(fds, int(null.Fd()), int(out.outW.Fd()), int(out.errW.Fd()), int(filter.Fd()), int(req.Fd()))
	for _, f := range fs[6:] {
		fds = append(fds, int(f.Fd()))
	}
	if _, _, err := m.conn.WriteMsgUnix([]byte("{}"), unix.UnixRights(fds...), nil); err != nil {
		return fmt.Errorf("warm parent: %w", err)
	}
	w, err := m.hear()
	if err == nil && !w.Began {
		err = errors.New("warm parent: unexpected answer")
	}
	return err
}
