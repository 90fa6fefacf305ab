package hostlink

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/restored"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// group is the link group (`ip link show group 4410954`) of the host's interfaces, by which
// they are known for ours from the moment that they are there.
const group = 4410954

// errForeign says that somebody else has an interface of the name.
var errForeign = errors.New("is none that hostInterface made")

// make makes what is missing of the host's interface and of the ways to the attachment.
func (r *Reach) make(host *link.Namespace) error {
	l, err := r.find(host)
	if link.IsNotFound(err) {
		l, err = r.makeLink(host)
	}
	if err == nil {
		err = r.prepare(host, l)
	}
	if err != nil {
		return err
	}
	for _, addr := range r.Own() {
		if err := host.AddrReplace(l, &addr); err != nil {
			return fmt.Errorf("add address %v to %q: %w", addr.IPNet, r.Link, err)
		}
	}
	if err := host.LinkSetUp(l); err != nil {
		return fmt.Errorf("set %q up: %w", r.Link, err)
	}
	for _, n := range r.neighbours(l) {
		if err := host.NeighSet(&n); err != nil {
			return fmt.Errorf("make %v a neighbour of %q: %w", n.IP, r.Link, err)
		}
	}
	for _, route := range r.Routes() {
		if err := r.addRoute(host, l, route); err != nil {
			return fmt.Errorf("add route %s dev %s: %w", ip.RouteText(route), r.Link, err)
		}
	}
	return nil
}

// find returns the host's interface, which another attachment may have made.
func (r *Reach) find(host *link.Namespace) (netlink.Link, error) {
	l, err := host.LinkByName(r.Link)
	if err != nil {
		return nil, err
	}
	if l.Attrs().Group != group || l.Type() != r.Kind {
		return nil, fmt.Errorf("interface %q %w", r.Link, errForeign)
	}
	return l, nil
}

// findMaster returns what the host's interface is on, which may have been renamed.
func (r *Reach) findMaster(host *link.Namespace) (master netlink.Link, err error) {
	if r.MasterIndex != 0 {
		master, err = host.LinkByIndex(r.MasterIndex)
	} else {
		master, err = host.LinkByName(r.Master)
	}
	if err != nil {
		return nil, fmt.Errorf("failed to lookup master %q: %w", r.Master, err)
	}
	return master, nil
}

func (r *Reach) makeLink(host *link.Namespace) (netlink.Link, error) {
	master, err := r.findMaster(host)
	if err != nil {
		return nil, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.Group = r.Link, master.Attrs().Index, group
	var l netlink.Link = &netlink.IPVlan{LinkAttrs: attrs, Mode: r.Mode, Flag: netlink.IPVLAN_FLAG_BRIDGE}
	if r.Kind == macvlan {
		attrs.HardwareAddr = r.hardwareAddr(master)
		l = &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}
	}
	if err := host.LinkAdd(l); err != nil {
		return nil, fmt.Errorf("failed to create %s %q: %w", r.Kind, r.Link, err)
	}
	if l, err = host.LinkByName(r.Link); err != nil {
		return nil, fmt.Errorf("failed to lookup %q: %w", r.Link, err)
	}
	return l, nil
}

// prepare makes the settings of the interface. One that is down is of somebody who may have
// been killed before he came to them, and one that is up may have been made for IPv4 alone.
func (r *Reach) prepare(host *link.Namespace, l netlink.Link) error {
	if l.Attrs().Flags&net.FlagUp == 0 {
		if err := host.SkipLinkLocal(l); err != nil {
			return err
		}
	}
	return host.Do(r.setSysctls)
}

// setSysctls keeps the interface from answering for the master's addresses whoever does not
// come by it, and from heeding routers, whom the host knows by the master.
func (r *Reach) setSysctls() error {
	if err := r.notFiltering(sysctl.Ensure(arpFilter(r.Link), "1")); err != nil {
		return err
	}
	for _, w := range r.Ways {
		if w.To.Is6() {
			return errors.Join(ip.IgnoreAdvertisements(r.Link), ip.EnableIPv6(r.Link))
		}
	}
	return ip.Tolerate(ip.IgnoreAdvertisements(r.Link), nil)
}

func arpFilter(name string) string { return "net/ipv4/conf/" + name + "/arp_filter" }

// notFiltering tells what an error of that setting means.
func (r *Reach) notFiltering(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("make %q answer for the containers alone: %w", r.Link, err)
}

// mayFilter returns what of setSysctls would fail whatever addresses a container has, if the
// interface has the parameters of another one by then.
func (r *Reach) mayFilter(like string) error {
	if value, err := sysctl.Sysctl(arpFilter(like)); err == nil && value == "1" {
		return nil
	}
	return r.notFiltering(sysctl.Settable(arpFilter(like)))
}

// addRoute adds a route, or takes over one that leads through the same interface, as a
// container before it had. One through another interface belongs to somebody else.
func (r *Reach) addRoute(host *link.Namespace, l netlink.Link, route netlink.Route) error {
	route.LinkIndex = l.Attrs().Index
	err := host.RouteAdd(&route)
	if err == nil {
		restored.Of(r.Attachment)
	}
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	found, lookErr := host.RouteGetWithOptions(route.Dst.IP, &netlink.RouteGetOptions{FIBMatch: true})
	if lookErr != nil || len(found) == 0 || found[0].LinkIndex != route.LinkIndex {
		return errors.Join(err, lookErr)
	}
	return host.RouteReplace(&route)
}
