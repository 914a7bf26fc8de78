package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	maxPeers = 1<<16 - 3 // as driver/sandbox/box has it
	hubAsk   = 2 * time.Second
)

// hubs are the networks of jobs with several instances: a namespace with nothing but a bridge each, kept by descriptors
// alone, the server's and those of the job's shims.
type hubs struct {
	d    *Driver
	mu   sync.Mutex
	list map[string]*hub
	old  map[string][]string // job → instances that an earlier server started
}

type hub struct {
	mu   sync.Mutex
	ns   *os.File
	uses int // starts under way and instances that have not ended
}

// found remembers an instance of an earlier server; its shim has the job's network.
func (x *hubs) found(job, id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.old == nil {
		x.old = map[string][]string{}
	}
	x.old[job] = append(x.old[job], id)
}

// get gives the job's namespace: the one we have, the one that a shim of an earlier server's holds, or a new one. It stays
// open until done is called and every instance that joined has ended.
func (x *hubs) get(ctx context.Context, job string) (_ *os.File, done func(), err error) {
	x.mu.Lock()
	if x.list == nil {
		x.list = map[string]*hub{}
	}
	h := x.list[job]
	if h == nil {
		h = &hub{}
		x.list[job] = h
	}
	h.uses++
	old := slices.Clone(x.old[job])
	x.mu.Unlock()
	done = func() { x.leave(job, h) }

	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range old {
		if h.ns != nil {
			break
		}
		h.ns, _ = x.fetch(ctx, id) // it may have ended meanwhile
	}
	if h.ns == nil {
		h.ns, err = newHub()
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return h.ns, done, nil
}

// joined keeps the network until the instance has ended.
func (x *hubs) joined(job, id string) {
	x.mu.Lock()
	h := x.list[job]
	if h == nil { // closed meanwhile
		x.mu.Unlock()
		return
	}
	h.uses++
	x.mu.Unlock()
	go func() {
		x.d.jobs.Wait(x.d.life, id)
		x.leave(job, h)
	}()
}

func (x *hubs) leave(job string, h *hub) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if h.uses--; h.uses > 0 || x.list[job] != h {
		return
	}
	delete(x.list, job)
	if h.ns != nil {
		h.ns.Close()
	}
}

func (x *hubs) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for job, h := range x.list {
		h.mu.Lock()
		if h.ns != nil {
			h.ns.Close()
		}
		h.mu.Unlock()
		delete(x.list, job)
	}
}

// fetch has a shim send its descriptor of the job's namespace.
func (x *hubs) fetch(ctx context.Context, id string) (*os.File, error) {
	c, err := x.d.jobs.Ask(ctx, id, "hub")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(hubAsk))
	return receive(c)
}

func receive(c *net.UnixConn) (*os.File, error) {
	b, oob := make([]byte, 8), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, err
	}
	ms, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(ms) != 1 {
		return nil, errors.Join(errors.New("no descriptor came"), err)
	}
	fds, err := unix.ParseUnixRights(&ms[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("no descriptor came"), err)
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "hub"), nil
}

// newHub makes the namespace. The thread that made it dies; only descriptors keep it.
func newHub() (*os.File, error) {
	type made struct {
		f   *os.File
		err error
	}
	ch := make(chan made)
	go func() {
		runtime.LockOSThread() // never unlocked
		f, err := bridgeHere()
		ch <- made{f, err}
	}()
	m := <-ch
	return m.f, m.err
}

func bridgeHere() (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"default", "all"} { // a kernel without IPv6 has no such file
		os.WriteFile("/proc/sys/net/ipv6/conf/"+d+"/disable_ipv6", []byte("1"), 0)
	}
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	err = netlink.LinkAdd(br)
	if err == nil {
		err = netlink.LinkSetUp(br)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("bridge: %w", err)
	}
	return f, nil
}
