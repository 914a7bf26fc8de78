package box

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"firn/driver/shim"
)

const (
	dialTime   = 10 * time.Second
	maxNames   = 4096 // that a wildcard can make us remember
	maxRefused = 500  // different refused hosts named in the log
)

// egress is the way out of one instance: names that are allowed get an address of ours from DNS, and a connection to that
// address is carried to the name. Nothing else has a route.
type egress struct {
	log   *shim.Log
	svc   *service
	rules []rule
	hosts map[string]string
	open  func(ip netip.Addr, ports []int) error // makes an address answer (without a TUN); nil: all do

	mu      sync.Mutex
	next    netip.Addr
	byName  map[string]netip.Addr
	byAddr  map[netip.Addr]string
	refused map[string]bool
}

// rule is one allowed destination. A host of "*.x" means all names below x; port 0 means every port.
type rule struct {
	host string
	port int
}

func parseRules(list []string) ([]rule, error) {
	var rs []rule
	for _, s := range list {
		host, p, err := net.SplitHostPort(s)
		if err != nil {
			return nil, fmt.Errorf("egress %q: %w", s, err)
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || host == "" {
			return nil, fmt.Errorf("egress %q: not host:port", s)
		}
		rs = append(rs, rule{strings.ToLower(strings.TrimSuffix(host, ".")), int(n)})
	}
	return rs, nil
}

func (r rule) matches(name string) bool {
	if suffix, ok := strings.CutPrefix(r.host, "*"); ok && strings.HasPrefix(suffix, ".") {
		return strings.HasSuffix(name, suffix) && len(name) > len(suffix)
	}
	return r.host == name
}

// ports are the allowed ones of a name; any: all are.
func (e *egress) ports(name string) (ps []int, any bool) {
	for _, r := range e.rules {
		if r.matches(name) {
			ps, any = append(ps, r.port), any || r.port == 0
		}
	}
	return ps, any
}

func (e *egress) allowed(name string, port int) bool {
	ps, any := e.ports(name)
	for _, p := range ps {
		any = any || p == port
	}
	return any
}

// resolve gives an allowed name its address inside.
func (e *egress) resolve(name string) (netip.Addr, bool) {
	ps, _ := e.ports(name)
	if len(ps) == 0 {
		return netip.Addr{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ip, ok := e.byName[name]; ok {
		return ip, true
	}
	if len(e.byName) >= maxNames {
		return netip.Addr{}, false
	}
	ip := e.next
	if e.open != nil {
		if err := e.open(ip, ps); err != nil {
			e.log.Say("egress to %s: %v", name, err)
			return netip.Addr{}, false
		}
	}
	e.byName[name], e.byAddr[ip], e.next = ip, name, ip.Next()
	return ip, true
}

// name is what an address inside was given out for; a bare address that is allowed itself names itself.
func (e *egress) name(ip netip.Addr) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n, ok := e.byAddr[ip]; ok {
		return n
	}
	return ip.String()
}

// refuse names a host that the job may not reach in the job's log, once.
func (e *egress) refuse(what string) {
	e.mu.Lock()
	known := e.refused[what] || len(e.refused) >= maxRefused
	if !known {
		e.refused[what] = true
	}
	e.mu.Unlock()
	if !known {
		e.log.Say("egress refused: %s (no external access integration of this job allows it)", what)
	}
}

var errInward = errors.New("the name leads back into this machine")

// dial opens the connection outside. A name that the operator has not pinned may not lead to this machine itself: who
// controls a name's DNS must not reach what listens on our loopback.
func (e *egress) dial(name string, port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	if to, ok := e.hosts[name]; ok {
		return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(to, strconv.Itoa(port)))
	}
	d := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if a := ap.Addr().Unmap(); a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() {
			return errInward
		}
		return nil
	}}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(name, strconv.Itoa(port)))
}

// carry takes one connection from inside to where it wants to go, or says why not.
func (e *egress) carry(ip netip.Addr, port int) (net.Conn, bool) {
	name := e.name(ip)
	if !e.allowed(name, port) {
		e.refuse(net.JoinHostPort(name, strconv.Itoa(port)))
		return nil, false
	}
	c, err := e.dial(name, port)
	if err != nil {
		e.log.Say("egress to %s:%d: %v", name, port, err)
		return nil, false
	}
	return c, true
}
