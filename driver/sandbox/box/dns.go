package box

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"firn/driver"
)

// service answers names of the job's own instances.
type service struct {
	hub  *hub
	own  string // host name of this instance
	ip   netip.Addr
	name []string // of the job: its id, and its host names without the index
}

func newService(s *driver.Spec, h *hub) *service {
	v := &service{hub: h, own: strings.ToLower(s.Host), name: []string{strings.ToLower(s.Job)}, ip: address(s.Index)}
	if base, ok := strings.CutSuffix(v.own, fmt.Sprintf("-%d", s.Index)); ok && base != v.name[0] {
		v.name = append(v.name, base)
	}
	return v
}

// lookup: NAME and instances.NAME are all live instances, NAME-N is one, the own host name this one. ours: the name is
// one of the job's, whether or not anybody is there.
func (v *service) lookup(name string) (ips []netip.Addr, ours bool) {
	if v == nil {
		return nil, false
	}
	if name == v.own {
		return []netip.Addr{v.ip}, true
	}
	for _, svc := range v.name {
		if svc == "" {
			continue
		}
		if name == svc || name == "instances."+svc {
			for _, i := range v.hub.live() {
				ips = append(ips, address(i))
			}
			return ips, true
		}
		if rest, ok := strings.CutPrefix(name, svc+"-"); ok {
			want, err := strconv.Atoi(rest)
			if err != nil {
				continue
			}
			for _, i := range v.hub.live() {
				if i == want {
					ips = append(ips, address(i))
				}
			}
			return ips, true
		}
	}
	return nil, false
}

// answer makes the reply to one DNS question; nil: none. Other names than the job's and the allowed ones do not exist.
func (e *egress) answer(b []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(b) != nil || len(m.Questions) != 1 || m.Response {
		return nil
	}
	q := m.Questions[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	m.Response, m.RecursionAvailable, m.Additionals, m.Answers = true, true, nil, nil
	ips, ok := e.svc.lookup(name)
	ttl := uint32(1)
	if ok {
		if len(ips) == 0 {
			m.RCode = dnsmessage.RCodeNameError
		}
	} else if ip, ok := e.resolve(name); ok {
		ips, ttl = []netip.Addr{ip}, 5
	} else {
		m.RCode = dnsmessage.RCodeNameError
		if q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA {
			e.refuse(name)
		}
	}
	if q.Type == dnsmessage.TypeA {
		for _, ip := range ips {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: ttl},
				Body:   &dnsmessage.AResource{A: ip.As4()},
			})
		}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}
