package box

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"firn/driver/shim"
)

const (
	bridge    = "br0"
	uplink    = "eth0"
	prefixLen = 16
	mtu       = 1500
	// MaxPeers is how many instances one job can have: the addresses of 10.244.0.0/16 less three.
	MaxPeers = 1<<16 - 3
)

// hub is the network of one job, seen from one of its instances: a namespace with nothing but a bridge, kept by
// descriptors alone. Its ports that are up are the list of the live instances.
type hub struct {
	ns *os.File
	h  *netlink.Handle
}

// takeHub takes the descriptor that came with the plan and gives it to a restarted server that asks.
func takeHub(in *shim.Instance) *hub {
	unix.CloseOnExec(shim.FirstFD)
	b := &hub{ns: os.NewFile(shim.FirstFD, "hub")}
	in.Handle("hub", func(c *net.UnixConn) {
		c.WriteMsgUnix([]byte("h"), unix.UnixRights(int(b.ns.Fd())), nil)
	})
	return b
}

// address of the instance with this index. Every job has the same ones: they never meet.
func address(index int) netip.Addr {
	n := 2 + index
	return netip.AddrFrom4([4]byte{10, 244, byte(n >> 8), byte(n)})
}

func port(index int) string { return "i" + strconv.Itoa(index) }

// join plugs the network namespace of pid into the bridge.
func (b *hub) join(pid, index int) error {
	inst, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer inst.Close()
	if b.h, err = netlink.NewHandleAt(netns.NsHandle(b.ns.Fd()), unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	br, err := b.h.LinkByName(bridge)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	if old, err := b.h.LinkByName(port(index)); err == nil { // of a predecessor whose namespace is still on its way out
		if err := b.h.LinkDel(old); err != nil {
			var gone netlink.LinkNotFoundError
			if !errors.As(err, &gone) {
				return fmt.Errorf("hub: %w", err)
			}
		}
	}
	ip := address(index).As4()
	v := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: port(index), MTU: mtu, MasterIndex: br.Attrs().Index},
		PeerName:  uplink, PeerMTU: mtu, PeerNamespace: netlink.NsFd(int(inst)),
		PeerHardwareAddr: net.HardwareAddr{2, 0, ip[0], ip[1], ip[2], ip[3]}, // follows the address: whoever takes it over needs no new ARP
	}
	if err := b.h.LinkAdd(v); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	p, err := b.h.LinkByName(port(index))
	if err != nil {
		return err
	}
	if err := b.h.LinkSetUp(p); err != nil {
		return err
	}
	ih, err := netlink.NewHandleAt(inst, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer ih.Close()
	e, err := ih.LinkByName(uplink)
	if err != nil {
		return err
	}
	a := &netlink.Addr{IPNet: &net.IPNet{IP: address(index).AsSlice(), Mask: net.CIDRMask(prefixLen, 32)}}
	if err := ih.AddrAdd(e, a); err != nil {
		return err
	}
	return ih.LinkSetUp(e)
}

// live lists the indexes of the instances that are plugged in now.
func (b *hub) live() []int {
	ls, err := b.h.LinkList()
	if err != nil {
		return nil
	}
	var is []int
	for _, l := range ls {
		n, err := strconv.Atoi(strings.TrimPrefix(l.Attrs().Name, "i"))
		// The carrier, not the operational state: that follows only when the kernel's link watcher comes round to it.
		if err == nil && l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 {
			is = append(is, n)
		}
	}
	return is
}
