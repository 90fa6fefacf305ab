package hoststate

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// dump is one consistent reading of a namespace's links, with the names of
// their indexes.
type dump struct {
	netlinksafe.Handle
	links []netlink.Link
	names map[int]string
}

// links adds all that rtnetlink shows: links, addresses, routes, rules, fixed
// neighbours, qdiscs and filters; and the features of links.
func (s *State) links(netns string) error {
	handle, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("connect to rtnetlink: %w", err)
	}
	defer handle.Close()
	d := dump{handle, nil, map[int]string{0: "-"}}
	if d.links, err = handle.LinkList(); err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	for _, l := range d.links {
		d.names[l.Attrs().Index] = l.Attrs().Name
	}
	s.add(netns+" links", d.linkLines())
	for _, list := range []struct {
		name string
		read func() ([]string, error)
	}{
		{"addresses", d.addresses},
		{"routes", d.routes},
		{"rules", d.rules},
		{"features", d.features},
		{"neighbours", d.neighbours},
		{"qdiscs", d.qdiscs},
	} {
		lines, err := list.read()
		if err != nil {
			return fmt.Errorf("list %s: %w", list.name, err)
		}
		s.add(netns+" "+list.name, lines)
	}
	return nil
}

func (d dump) linkLines() []string {
	var lines []string
	for _, l := range d.links {
		a := l.Attrs()
		state := "down"
		if a.Flags&net.FlagUp != 0 {
			state = "up"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s master %s mtu %d txqueuelen %d mac %s promisc %d allmulti %t alias %q%s",
			a.Name, l.Type(), state, d.names[a.MasterIndex], a.MTU, a.TxQLen, a.HardwareAddr, a.Promisc, a.RawFlags&unix.IFF_ALLMULTI != 0, a.Alias, rarities(a)))
	}
	return lines
}

// rarities tells what few links have.
func rarities(a *netlink.LinkAttrs) string {
	text := ""
	if a.RawFlags&unix.IFF_NOARP != 0 {
		text += " noarp"
	}
	if a.RawFlags&unix.IFF_MULTICAST == 0 {
		text += " nomulticast"
	}
	if a.Group != 0 {
		text += fmt.Sprintf(" group %d", a.Group)
	}
	if len(a.AltNames) > 0 {
		text += fmt.Sprintf(" altnames %q", a.AltNames)
	}
	return text
}

// features lists what each link could do and somebody has turned off.
func (d dump) features() ([]string, error) {
	var lines []string
	for _, l := range d.links {
		device, err := netdev.Open(l.Attrs().Name)
		if errors.Is(err, unix.ENODEV) {
			continue // gone in the meantime
		}
		if err != nil {
			return nil, err
		}
		features, err := device.Features()
		device.Close()
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, err
		}
		line := l.Attrs().Name + " off:"
		for _, f := range features {
			if f.Changeable && !f.Requested {
				line += " " + f.Name
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func (d dump) addresses() ([]string, error) {
	addrs, err := d.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, a := range addrs {
		lines = append(lines, fmt.Sprintf("%s %s peer %v scope %d broadcast %v label %q",
			d.names[a.LinkIndex], a.IPNet, a.Peer, a.Scope, a.Broadcast, a.Label))
	}
	return lines, nil
}

// routes lists the routes of all tables, but not the anycast routes, which the
// kernel makes on every interface when IPv6 forwarding is turned on.
func (d dump) routes() ([]string, error) {
	all := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	routes, err := d.RouteListFiltered(netlink.FAMILY_ALL, all, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, r := range routes {
		if r.Type == unix.RTN_ANYCAST {
			continue
		}
		hops := []string{fmt.Sprintf("via %v dev %s", r.Gw, d.names[r.LinkIndex])}
		for _, h := range r.MultiPath {
			hops = append(hops, fmt.Sprintf("via %v dev %s weight %d", h.Gw, d.names[h.LinkIndex], h.Hops))
		}
		lines = append(lines, fmt.Sprintf("table %d %v %s src %v type %d scope %d proto %d metric %d mtu %d advmss %d flags %#x",
			r.Table, r.Dst, strings.Join(hops, " "), r.Src, r.Type, r.Scope, r.Protocol, r.Priority, r.MTU, r.AdvMSS,
			r.Flags&^unix.RTNH_F_LINKDOWN))
	}
	return lines, nil
}

func (d dump) rules() ([]string, error) {
	var lines []string
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := d.RuleList(family)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			lines = append(lines, fmt.Sprintf("family %d %v suppress %d fwmark %d", family, r, r.SuppressPrefixlen, r.Mark))
		}
	}
	return lines, nil
}

// neighbours lists what somebody has entered, not what the kernel has learned.
func (d dump) neighbours() ([]string, error) {
	neighbours, err := d.NeighList(0, 0)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, n := range neighbours {
		if n.State&netlink.NUD_PERMANENT != 0 {
			lines = append(lines, fmt.Sprintf("%s %s %s", d.names[n.LinkIndex], n.IP, n.HardwareAddr))
		}
	}
	return lines, nil
}

// qdiscs lists the queueing disciplines, and the filters of links that have
// others than those which the kernel attaches by itself.
func (d dump) qdiscs() ([]string, error) {
	qdiscs, err := d.QdiscList(nil)
	if err != nil {
		return nil, err
	}
	var lines []string
	shaped := make(map[string]bool)
	for _, q := range qdiscs {
		a := q.Attrs()
		dev := d.names[a.LinkIndex]
		lines = append(lines, fmt.Sprintf("%s %s handle %x parent %x", dev, q.Type(), a.Handle, a.Parent))
		switch q.Type() {
		case "noqueue", "pfifo_fast", "mq", "fq_codel":
		default:
			shaped[dev] = true
		}
	}
	for dev := range shaped {
		for _, args := range [][]string{{"qdisc", "show", "dev", dev}, {"filter", "show", "dev", dev}, {"filter", "show", "dev", dev, "ingress"}} {
			listed, err := command("tc", args...)
			if err != nil && !d.has(dev) {
				break // gone in the meantime
			}
			if err != nil {
				return nil, err
			}
			for _, l := range listed {
				lines = append(lines, dev+" "+strings.Join(args, " ")+": "+l)
			}
		}
	}
	return lines, nil
}

// has reports whether there is a link of a name by now.
func (d dump) has(name string) bool {
	_, err := d.LinkByName(name)
	return err == nil
}
