package dhcp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// defaultLeaseTime counts where a server gives none, which RFC 2131 demands.
const defaultLeaseTime = time.Hour

// Lease is what a server granted.
type Lease struct {
	// Address with the length of its subnet's prefix.
	Address netip.Prefix `json:"address"`
	// Gateway is the first router (option 3), if there is one.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// Routes are those of option 121 or, without it, of option 33 and the one
	// through Gateway.
	Routes []Route `json:"routes,omitempty"`
	// MTU in bytes (option 26); 0 if the server says nothing.
	MTU int `json:"mtu,omitempty"`
	// DNS (option 6), Domain (15) and Search (119) are for the resolver.
	DNS    []netip.Addr `json:"dns,omitempty"`
	Domain string       `json:"domain,omitempty"`
	Search []string     `json:"search,omitempty"`

	// Server identifies the server (option 54), and Via is the hardware address
	// from which its answer came: it, or the relay before it.
	Server netip.Addr `json:"server"`
	Via    string     `json:"via,omitempty"`

	// Obtained is when the request was sent that the server granted. From then
	// on count the times to renew (T1), to rebind (T2) and to stop.
	Obtained time.Time `json:"obtained"`
	Renew    time.Time `json:"renew"`
	Rebind   time.Time `json:"rebind"`
	Expiry   time.Time `json:"expiry"`
}

// Route is a route through the interface. A Gateway of 0.0.0.0 means that the
// destination is on the link (RFC 3442).
type Route struct {
	Dst     netip.Prefix `json:"dst"`
	Gateway netip.Addr   `json:"gateway"`
}

// SameSettings reports whether an interface with one lease needs no change for
// the other: they differ in times and server only.
func (l *Lease) SameSettings(other *Lease) bool {
	return l.Address == other.Address && l.Gateway == other.Gateway && l.MTU == other.MTU && slices.Equal(l.Routes, other.Routes)
}

// Moved returns the lease by a clock that has been set.
func (l *Lease) Moved(by time.Duration) *Lease {
	moved := *l
	for _, t := range []*time.Time{&moved.Obtained, &moved.Renew, &moved.Rebind, &moved.Expiry} {
		*t = t.Add(by)
	}
	return &moved
}

// newLease reads a DHCPACK. Its errors say why it cannot be used.
func newLease(ack *dhcpv4.DHCPv4, sent time.Time) (*Lease, error) {
	mask := ack.SubnetMask()
	if mask == nil {
		return nil, errors.New("DHCP option Subnet Mask not found in DHCPACK")
	}
	address, ok := addrFrom(ack.YourIPAddr)
	bits, size := mask.Size()
	switch {
	case !ok || address.IsUnspecified() || address.IsMulticast() || address.IsLoopback() || address == broadcastAddr:
		return nil, fmt.Errorf("DHCPACK grants %v, which is no address of a host", ack.YourIPAddr)
	case size != 32:
		return nil, fmt.Errorf("DHCPACK has subnet mask %v", mask)
	}
	server, ok := addrFrom(ack.ServerIdentifier())
	if !ok {
		return nil, errors.New("DHCPACK does not name its server")
	}
	l := &Lease{
		Address: netip.PrefixFrom(address, bits),
		Server:  server,
		MTU:     mtu(ack.Options[dhcpv4.OptionInterfaceMTU.Code()]),
		DNS:     addrs(ack.DNS()),
		Domain:  text(ack.DomainName()),
	}
	if labels := ack.DomainSearch(); labels != nil {
		for _, name := range labels.Labels {
			if name = text(name); name != "" {
				l.Search = append(l.Search, name)
			}
		}
	}
	if routers := addrs(ack.Router()); len(routers) > 0 {
		l.Gateway = routers[0]
	}
	l.Routes = routes(ack, l.Gateway)
	return l, l.schedule(ack, sent)
}

// schedule sets the times. T1 and T2 that make no sense are replaced by the
// default ones (RFC 2131, section 4.4.5; T2 as earlier plugins have it).
func (l *Lease) schedule(ack *dhcpv4.DHCPv4, sent time.Time) error {
	total := ack.IPAddressLeaseTime(defaultLeaseTime)
	if total <= 0 {
		return errors.New("DHCPACK grants the address for no time")
	}
	t1, t2 := ack.IPAddressRenewalTime(0), ack.IPAddressRebindingTime(0)
	if t2 <= 0 || t2 >= total {
		t2 = total / 100 * 85
	}
	if t1 <= 0 || t1 >= t2 {
		t1 = min(total/2, t2)
	}
	// A wall clock reading, as it has to mean the same after a restart.
	sent = sent.Round(0)
	l.Obtained, l.Renew, l.Rebind, l.Expiry = sent, sent.Add(t1), sent.Add(t2), sent.Add(total)
	return nil
}

// routes returns what the server says of routes (RFC 3442: option 121 excludes
// the others).
func routes(ack *dhcpv4.DHCPv4, gateway netip.Addr) []Route {
	if classless := ack.ClasslessStaticRoute(); len(classless) > 0 {
		var out []Route
		for _, r := range classless {
			dst, okDst := addrFrom(r.Dest.IP)
			via, okVia := addrFrom(r.Router)
			if ones, _ := r.Dest.Mask.Size(); okDst && okVia {
				out = append(out, Route{netip.PrefixFrom(dst, ones).Masked(), via})
			}
		}
		return out
	}
	out := classfulRoutes(ack.Options[dhcpv4.OptionStaticRoutingTable.Code()])
	if gateway.IsValid() {
		out = append(out, Route{netip.PrefixFrom(netip.IPv4Unspecified(), 0), gateway})
	}
	return out
}

// classfulRoutes reads option 33: pairs of a destination, whose class gives the
// length of its prefix, and a router (RFC 2132, section 5.8).
func classfulRoutes(option []byte) []Route {
	var out []Route
	for ; len(option) >= 8; option = option[8:] {
		dst, via := netip.AddrFrom4([4]byte(option)), netip.AddrFrom4([4]byte(option[4:]))
		ones, _ := net.IP(option[:4]).DefaultMask().Size()
		if ones > 0 && !dst.IsUnspecified() {
			out = append(out, Route{netip.PrefixFrom(dst, ones).Masked(), via})
		}
	}
	return out
}

// mtu reads option 26. Less than 68 is none (RFC 2132, section 5.1).
func mtu(option []byte) int {
	if len(option) != 2 {
		return 0
	}
	if mtu := int(binary.BigEndian.Uint16(option)); mtu >= 68 {
		return mtu
	}
	return 0
}

// text returns a name from the network if it consists of what a name may have:
// it ends up in files such as resolv.conf. Some servers end it with a NUL (RFC 2132, section 2).
func text(name string) string {
	name = strings.TrimRight(name, "\x00")
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return name
}

func addrs(ips []net.IP) []netip.Addr {
	var out []netip.Addr
	for _, ip := range ips {
		if addr, ok := addrFrom(ip); ok && !addr.IsUnspecified() {
			out = append(out, addr)
		}
	}
	return out
}

func addrFrom(ip net.IP) (netip.Addr, bool) {
	v4 := ip.To4()
	if v4 == nil {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(v4)), true
}

// seconds is the time since start for the field "secs".
func seconds(start time.Time) uint16 {
	return uint16(min(time.Since(start)/time.Second, math.MaxUint16))
}
