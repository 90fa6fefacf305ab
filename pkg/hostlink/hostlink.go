package hostlink

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// Reach is how the host reaches one attachment, and the record of it.
type Reach struct {
	owner.Attachment
	// Link is the name of the host's interface, Kind the driver's, Mode that of ipvlan, and
	// Master the name that what it is on had at ADD. MasterIndex is the index of that, 0 in
	// records of earlier releases.
	Link        string             `json:"link"`
	Kind        string             `json:"kind"`
	Mode        netlink.IPVlanMode `json:"mode"`
	Master      string             `json:"master"`
	MasterIndex int                `json:"masterIndex,omitempty"`
	// Addresses are the host's on its interface.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	// Ways lead to the attachment.
	Ways []Way `json:"ways"`
	// MAC is the attachment's hardware address.
	MAC     string          `json:"mac"`
	Sandbox sandbox.Sandbox `json:"sandbox"`
}

// Way is a route to an address of the container, by which packets have an address of the
// host that the container can answer.
type Way struct {
	To   netip.Addr `json:"to"`
	From netip.Addr `json:"from"`
	// Bits is the length of the prefix that the container's address has, 0 in records of
	// earlier releases.
	Bits int `json:"bits,omitempty"`
}

// macvlan is the kind whose interfaces have hardware addresses of their own.
const macvlan = "macvlan"

// New returns how the host is to reach an attachment with the addresses by an interface of
// the kind on master. Where the configuration has no address of a family for the host's
// interface, packets to a macvlan have, of IPv4, an address of the master, in the
// container's subnet if there is one, and of IPv6 the link-local one of the host's
// interface. An ipvlan takes what comes for its addresses away from the master, so that it
// needs some of its own.
func (c *Conf) New(host *link.Namespace, a owner.Attachment, kind string, master netlink.Link, addresses []*net.IPNet) (*Reach, error) {
	if len(addresses) == 0 {
		return nil, errors.New("hostInterface: the container has no addresses to reach it by")
	}
	attrs := master.Attrs()
	r := &Reach{Attachment: a, Link: c.name(kind, attrs.Name), Kind: kind, Master: attrs.Name, MasterIndex: attrs.Index, Addresses: c.Addresses}
	for _, address := range addresses {
		from, err := c.from(host, r, master, address)
		if err != nil {
			return nil, err
		}
		to, _ := netip.AddrFromSlice(address.IP)
		bits, _ := address.Mask.Size()
		r.Ways = append(r.Ways, Way{to.Unmap(), from, bits})
	}
	return r, nil
}

// from returns the address of the host that packets to a container's address have.
func (c *Conf) from(host *link.Namespace, r *Reach, master netlink.Link, address *net.IPNet) (netip.Addr, error) {
	isIPv4 := address.IP.To4() != nil
	if i := slices.IndexFunc(c.Addresses, func(own netip.Addr) bool { return own.Is4() == isIPv4 }); i >= 0 {
		return c.Addresses[i], nil
	}
	if r.Kind == macvlan && !isIPv4 {
		return linkLocal(r.hardwareAddr(master)), nil
	}
	if r.Kind == macvlan {
		if from, err := ofMaster(host, master, address); err != nil || from.IsValid() {
			return from, err
		}
	}
	return netip.Addr{}, fmt.Errorf("hostInterface: the host has no address on %q that %v could answer: give it one in \"addresses\"", r.Link, address.IP)
}

// ofMaster returns an IPv4 address of the master, the zero value if it has none.
func ofMaster(host *link.Namespace, master netlink.Link, address *net.IPNet) (netip.Addr, error) {
	addrs, err := host.Addrs(master)
	addrs = slices.DeleteFunc(addrs, func(a netlink.Addr) bool { return a.IP.To4() == nil || a.Scope != unix.RT_SCOPE_UNIVERSE })
	if err != nil || len(addrs) == 0 {
		return netip.Addr{}, err
	}
	best := max(0, slices.IndexFunc(addrs, func(a netlink.Addr) bool { return address.Contains(a.IP) }))
	from, _ := netip.AddrFromSlice(addrs[best].IP.To4())
	return from, nil
}

// refresh chooses another of the master's addresses, and writes that down, for each way whose
// packets have one that the master has lost, as by DHCP. The kernel took the route along.
func (r *Reach) refresh(host *link.Namespace) error {
	if r.Kind != macvlan {
		return nil
	}
	master, err := r.findMaster(host)
	if err != nil {
		return err
	}
	have, err := host.Addrs(master)
	if err != nil {
		return err
	}
	changed := false
	for i, w := range r.Ways {
		isFrom := func(a netlink.Addr) bool { return a.IP.Equal(w.From.AsSlice()) }
		if w.To.Is6() || slices.Contains(r.Addresses, w.From) || slices.ContainsFunc(have, isFrom) {
			continue
		}
		address := &net.IPNet{IP: w.To.AsSlice(), Mask: net.CIDRMask(w.Bits, 32)}
		if r.Ways[i].From, err = new(Conf).from(host, r, master, address); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return record.Save(r.path(), r)
}

// hardwareAddr returns the address of the host's interface on a macvlan's master: the same
// whenever it is made, and another one for each name, and on each host. The kernel lets only one
// interface on a master have it.
func (r *Reach) hardwareAddr(master netlink.Link) net.HardwareAddr {
	sum := sha256.Sum256(fmt.Appendf(nil, "hostInterface %s %v", r.Link, master.Attrs().HardwareAddr))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2
	return mac
}

// linkLocal returns the address that the kernel would make of a hardware address (RFC 4291,
// appendix A).
func linkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}

// Routes are those to the attachment.
func (r *Reach) Routes() []netlink.Route {
	var routes []netlink.Route
	for _, w := range r.Ways {
		routes = append(routes, netlink.Route{Dst: ip.HostNet(w.To.AsSlice()), Src: w.From.AsSlice(), Scope: netlink.SCOPE_LINK})
	}
	return routes
}

// Own are the addresses of the host's interface.
func (r *Reach) Own() []netlink.Addr {
	var addrs []netlink.Addr
	for _, a := range r.Addresses {
		addrs = append(addrs, netlink.Addr{IPNet: ip.HostNet(a.AsSlice()), Flags: ip.NoDetection(a.AsSlice())})
	}
	for _, w := range r.Ways {
		if w.From.IsLinkLocalUnicast() && w.From.Is6() {
			return append(addrs, netlink.Addr{IPNet: ip.HostNet(w.From.AsSlice()), Flags: unix.IFA_F_NODAD, Scope: unix.RT_SCOPE_LINK})
		}
	}
	return addrs
}

// neighbours are those of the host's interface: it asks nobody, as whoever hears the question
// on the master's network would take the interface for the owner of the master's address.
func (r *Reach) neighbours(l netlink.Link) []netlink.Neigh {
	mac, _ := net.ParseMAC(r.MAC)
	var all []netlink.Neigh
	for _, w := range r.Ways {
		family := unix.AF_INET
		if w.To.Is6() {
			family = unix.AF_INET6
		}
		all = append(all, netlink.Neigh{LinkIndex: l.Attrs().Index, Family: family, IP: w.To.AsSlice(), HardwareAddr: mac, State: netlink.NUD_PERMANENT})
	}
	return all
}

// Differences returns an error for each neighbour that the host does not have.
func (r *Reach) Differences(host *link.Namespace) error {
	l, err := host.LinkByName(r.Link)
	if err != nil {
		return nil // which is told of the interface
	}
	have, err := host.NeighList(l.Attrs().Index, netlink.FAMILY_ALL)
	errs := []error{err}
	for _, want := range r.neighbours(l) {
		if !slices.ContainsFunc(have, func(n netlink.Neigh) bool {
			return n.IP.Equal(want.IP) && n.HardwareAddr.String() == want.HardwareAddr.String()
		}) {
			errs = append(errs, fmt.Errorf("interface %s lacks neighbour %v with MAC address %v", r.Link, want.IP, want.HardwareAddr))
		}
	}
	return errors.Join(errs...)
}
