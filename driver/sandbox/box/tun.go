package box

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// 198.18.0.0/15 is set aside for measurements (RFC 2544): no real host is there.
const (
	tunName    = "tun0"
	tunAddress = "198.18.0.2/15"
	dnsPort    = 53
	dnsIdle    = 10 * time.Second
	maxOpening = 1024
)

var tunFrom = netip.MustParseAddr("198.18.0.10")

// openTun makes the TUN in the calling thread's network namespace and points the default route at it.
func openTun(device string) (int, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", device, err)
	}
	if err := setTun(fd); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("tun: %w", err)
	}
	return fd, nil
}

func setTun(fd int) error {
	q, err := unix.NewIfreq(tunName)
	if err != nil {
		return err
	}
	q.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, q); err != nil {
		return err
	}
	t, err := netlink.LinkByName(tunName)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(tunAddress)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(t, a); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(t); err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: t.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}})
}

// serveTun speaks TCP and DNS to the instance through the TUN: every address answers, and what is not allowed is reset
// and named in the log.
func (e *egress) serveTun(fd int) error {
	st := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	link, err := fdbased.New(&fdbased.Options{FDs: []int{fd}, MTU: mtu})
	if err != nil {
		return fmt.Errorf("tun: %w", err)
	}
	for _, err := range []tcpip.Error{st.CreateNIC(1, link), st.SetPromiscuousMode(1, true), st.SetSpoofing(1, true)} {
		if err != nil {
			return fmt.Errorf("tun: %s", err)
		}
	}
	st.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}})
	st.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(st, 0, maxOpening, e.acceptTCP).HandlePacket)
	st.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(st, e.acceptUDP).HandlePacket)
	return nil
}

func (e *egress) acceptTCP(r *tcp.ForwarderRequest) {
	id := r.ID()
	up, ok := e.carry(netip.AddrFrom4(id.LocalAddress.As4()), int(id.LocalPort))
	if !ok {
		r.Complete(true) // a reset
		return
	}
	var wq waiter.Queue
	ep, err := r.CreateEndpoint(&wq)
	if err != nil {
		up.Close()
		r.Complete(true)
		return
	}
	r.Complete(false)
	go relay(gonet.NewTCPConn(&wq, ep), up)
}

func (e *egress) acceptUDP(r *udp.ForwarderRequest) {
	id := r.ID()
	if id.LocalPort != dnsPort {
		e.refuse(fmt.Sprintf("%s:%d/udp", e.name(netip.AddrFrom4(id.LocalAddress.As4())), id.LocalPort))
		return
	}
	var wq waiter.Queue
	ep, err := r.CreateEndpoint(&wq)
	if err != nil {
		return
	}
	c := gonet.NewUDPConn(&wq, ep)
	go func() {
		defer c.Close()
		b := make([]byte, 1500)
		for { // the C library asks for A and AAAA from one socket
			c.SetReadDeadline(time.Now().Add(dnsIdle))
			n, err := c.Read(b)
			if err != nil {
				return
			}
			if out := e.answer(b[:n]); out != nil {
				c.Write(out)
			}
		}
	}()
}
