package shim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver"
)

// Descriptors that a server hands to a shim at its start. What a kind of instance needs besides comes after them.
const (
	fdSocket = 3 // bound and listening already: the server can connect at once
	fdSpec   = 4 // spec.json, locked
	FirstFD  = 5
)

// Instance is one instance as its own shim sees it.
type Instance struct {
	Log *Log

	mu      sync.Mutex
	state   string
	err     error
	term    func()
	kill    func()
	asked   bool          // Stop was asked for
	grace   time.Duration // of the stop that was asked for first
	killed  bool          // the grace was over
	exit    driver.Exit
	started time.Time
	running chan struct{} // closed when the payload has begun, or never will
	end     chan struct{} // closed when the end is on disk
	ops     map[string]func(*net.UnixConn)
}

// Spec reads the shim's spec (JSON) from the descriptor that the server gave it.
func Spec() ([]byte, error) {
	// Never wrapped in an os.File: the descriptor is the lock, and must stay open to the process's end.
	unix.CloseOnExec(fdSpec)
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", fdSpec))
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	return b, nil
}

// Handle adds an operation of a kind's own to the socket. Call it before Main's run returns or blocks.
func (in *Instance) Handle(op string, f func(*net.UnixConn)) {
	in.mu.Lock()
	in.ops[op] = f
	in.mu.Unlock()
}

// Running says that the payload has begun. term asks it to end, kill ends all of it; both must be safe at any time.
func (in *Instance) Running(term, kill func()) {
	in.mu.Lock()
	in.state, in.term, in.kill, in.started = "running", term, kill, time.Now()
	asked, grace := in.asked, in.grace
	close(in.running)
	in.mu.Unlock()
	if asked {
		go in.stop(grace)
	}
}

// Main is a shim's life: it runs the instance, records its end in dir, answers on the socket meanwhile and afterwards
// until everybody has the answer. run returns an error only where the payload never began. release frees what the
// instance held, after the record is written.
func Main(dir string, quota int64, run func(*Instance) (driver.Exit, error), release func()) error {
	unix.CloseOnExec(fdSocket)
	if err := os.Chdir(dir); err != nil {
		return err
	}
	sock := os.NewFile(fdSocket, socketName)
	l, err := net.FileListener(sock)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	sock.Close()
	log, err := OpenLog(logName, quota)
	if err != nil {
		return err
	}
	in := &Instance{Log: log, state: "starting", started: time.Now(), running: make(chan struct{}), end: make(chan struct{}), ops: map[string]func(*net.UnixConn){}}
	var conns sync.WaitGroup
	go in.accept(l, &conns)

	e, err := run(in)
	if err != nil {
		e = driver.Exit{Code: 1, Reason: err.Error()}
		log.Say("%v", err)
	}
	log.Close()
	in.mu.Lock()
	e.Started, e.Ended, e.Stopped = in.started, time.Now(), in.asked
	if in.killed && e.Reason == "" {
		e.Reason = fmt.Sprintf("stopped: it did not end within %v and was killed", in.grace)
	}
	in.mu.Unlock()
	r := record{e, err != nil}
	for err := writeExit(".", r); err != nil; err = writeExit(".", r) { // a full disk: the state is still served meanwhile
		fmt.Fprintln(os.Stderr, err)
		time.Sleep(time.Second)
	}
	in.mu.Lock()
	in.exit, in.err = e, err
	if in.state == "starting" {
		close(in.running)
	}
	in.state = "ended"
	in.mu.Unlock()
	close(in.end)
	release()
	os.Remove(socketName) // who comes from now on reads the files
	l.Close()
	drained := make(chan struct{})
	go func() { conns.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(2 * time.Second): // a follower that does not read
	}
	return nil
}

func (in *Instance) accept(l net.Listener, conns *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		conns.Go(func() {
			defer c.Close()
			in.answer(c.(*net.UnixConn))
		})
	}
}

func (in *Instance) answer(c *net.UnixConn) {
	var q request
	if json.NewDecoder(bufio.NewReader(c)).Decode(&q) != nil {
		return
	}
	enc := json.NewEncoder(c)
	switch q.Op {
	case "state":
		in.mu.Lock()
		r := report{State: in.state, PID: os.Getpid()}
		in.mu.Unlock()
		enc.Encode(r)
	case "start": // answers when the payload has begun
		<-in.running
		in.mu.Lock()
		r := report{State: in.state, PID: os.Getpid()}
		if in.err != nil {
			r.Error = in.err.Error()
		}
		in.mu.Unlock()
		enc.Encode(r)
	case "wait":
		<-in.end
		enc.Encode(in.exit)
	case "stop":
		in.stop(time.Duration(q.GraceMS) * time.Millisecond)
		<-in.end
		enc.Encode(in.exit)
	case "length":
		enc.Encode(in.Log.wait(-1))
	case "follow":
		for n := (length{}); !n.Done; {
			n = in.Log.wait(n.Len)
			c.SetWriteDeadline(time.Now().Add(time.Minute))
			if enc.Encode(n) != nil {
				return
			}
		}
	default:
		in.mu.Lock()
		f := in.ops[q.Op]
		in.mu.Unlock()
		if f != nil {
			f(c)
		}
	}
}

// stop asks the payload to end and kills it when the grace is over. A later call may shorten the grace.
func (in *Instance) stop(grace time.Duration) {
	in.mu.Lock()
	if !in.asked {
		in.asked, in.grace = true, grace
	}
	term, kill := in.term, in.kill
	in.mu.Unlock()
	if term == nil {
		return // Running will come back to it
	}
	term()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-in.end:
	case <-t.C:
		in.mu.Lock()
		if in.state == "running" {
			in.killed, in.grace = true, grace
		}
		in.mu.Unlock()
		kill()
	}
}
