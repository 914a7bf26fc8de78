package box

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"firn/driver/shim"
)

// serverWait is how long a request of the job's waits for a server that is just restarting.
const serverWait = 30 * time.Second

// loopFrom is the first address given out where there is no TUN: loopback, but not one that anybody uses.
var loopFrom = netip.MustParseAddr("127.64.0.1")

// inNetns runs f on a thread that is in pid's network namespace and dies with f.
func inNetns(pid int, f func() error) error {
	ch := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			if err = unix.Setns(fd, unix.CLONE_NEWNET); err == nil {
				err = f()
			}
			unix.Close(fd)
		}
		ch <- err
	}()
	return <-ch
}

// network gives the instance whose init is pid its way to the other instances, to the server, to a DNS, and out.
func (b *Box) network(pid int) error {
	s := &b.plan.Spec
	rules, err := parseRules(s.Egress)
	if err != nil {
		return err
	}
	e := &egress{log: b.in.Log, rules: rules, hosts: b.plan.Hosts, next: loopFrom,
		byName: map[string]netip.Addr{}, byAddr: map[netip.Addr]string{}, refused: map[string]bool{}}
	if b.hub != nil {
		if err := b.hub.join(pid, s.Index); err != nil {
			return err
		}
		e.svc = newService(s, b.hub)
	}
	useTun := b.plan.Tun != "" && len(rules) > 0
	var api net.Listener
	var dns net.PacketConn
	tun := -1
	err = inNetns(pid, func() (err error) {
		if s.APIPort > 0 {
			if api, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", s.APIPort)); err != nil {
				return err
			}
		}
		if useTun {
			tun, err = openTun(b.plan.Tun)
		} else {
			dns, err = net.ListenPacket("udp4", "127.0.0.1:53")
		}
		return err
	})
	if err != nil {
		return err
	}
	if api != nil {
		go b.relayAPI(api)
	}
	if useTun {
		e.next = tunFrom
		return e.serveTun(tun)
	}
	e.open = func(ip netip.Addr, ports []int) error { return e.listen(pid, ip, ports) }
	go e.serveDNS(dns)
	return nil
}

// relayAPI carries connections to 127.0.0.1:APIPort inside to the server's unix socket.
func (b *Box) relayAPI(l net.Listener) {
	dir, name := filepath.Split(b.plan.API)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			up, err := dialServer(dir, name)
			if err != nil {
				b.in.Log.Say("the server cannot be reached: %v", err)
				c.Close()
				return
			}
			relay(c, up)
		}()
	}
}

// dialServer waits for a server that is restarting: the job sees a slow answer, not a refused one.
func dialServer(dir, name string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), serverWait)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		c, err := dialIn(ctx, dir, name)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

func dialIn(ctx context.Context, dir, name string) (net.Conn, error) {
	p, done, err := shim.Via(dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	return new(net.Dialer).DialContext(ctx, "unix", p)
}

// relay copies both ways until both sides have ended; the end of one direction is passed on as such.
func relay(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		pass(a, b)
		close(done)
	}()
	pass(b, a)
	<-done
	a.Close()
	b.Close()
}

func pass(dst, src net.Conn) {
	_, err := io.Copy(dst, src)
	if h, ok := dst.(interface{ CloseWrite() error }); ok && err == nil {
		h.CloseWrite()
	} else {
		dst.Close()
	}
}

func (e *egress) serveDNS(c net.PacketConn) {
	b := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if out := e.answer(b[:n]); out != nil {
			c.WriteTo(out, from)
		}
	}
}

// listen makes an address of the instance's loopback answer on these ports and carries what connects.
func (e *egress) listen(pid int, ip netip.Addr, ports []int) error {
	return inNetns(pid, func() error {
		for _, p := range ports {
			if p == 0 {
				e.log.Say("egress: every port of a host needs a TUN device, which this machine does not give us")
				continue
			}
			l, err := net.Listen("tcp4", netip.AddrPortFrom(ip, uint16(p)).String())
			if err != nil {
				return err
			}
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						if up, ok := e.carry(ip, p); ok {
							relay(c, up)
						} else {
							reset(c)
						}
					}()
				}
			}()
		}
		return nil
	})
}

// reset ends a connection so that the other side gets an error, not an empty answer.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
