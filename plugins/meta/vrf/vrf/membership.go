package vrf

import (
	"context"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/routing"
)

// mark is the alias of a VRF that the plugin made. One of somebody else stays when
// it is empty.
const mark = "made by the CNI plugin vrf"

// firstTable is where the search for a free table begins.
const firstTable = 1

// membership is the record of an interface in a VRF, written before the interface
// is moved: the kernel sets it down and up again then, which costs it all routes
// that somebody added and, depending on keep_addr_on_down, its IPv6 addresses.
type membership struct {
	routing.Record
	VRF   string `json:"vrf"`
	Table uint32 `json:"table"`
	// New says that the VRF was missing.
	New bool `json:"new,omitempty"`
	// Addrs are the IPv6 addresses.
	Addrs []netlink.Addr `json:"addrs,omitempty"`
	// Kept are routes in tables of others, which stay there.
	Kept []routing.Route `json:"kept,omitempty"`
}

// isOf reports whether the membership is what a configuration asks for. vrf is what
// has the name, or nil.
func (m *membership) isOf(c *Conf, vrf *netlink.Vrf) bool {
	return m.VRF == c.VRFName && (c.Table == 0 || c.Table == m.Table) && (vrf == nil || vrf.Table == m.Table)
}

// join plans the membership of an interface that has no master in a VRF, which is
// nil if it is missing.
func (c *Conf) join(n *link.Namespace, l netlink.Link, vrf *netlink.Vrf, a owner.Attachment) (*membership, error) {
	addrs, err := settled(n, l)
	if err != nil {
		return nil, err
	}
	view, err := routing.Look(n)
	if err != nil {
		return nil, err
	}
	m := &membership{VRF: c.VRFName, Table: c.Table, New: vrf == nil, Addrs: addrs}
	if m.Record, err = routing.NewRecord(n, l, a); err != nil {
		return nil, err
	}
	if vrf != nil {
		m.Table = vrf.Table
	} else if m.Table == 0 {
		table, err := view.FreeTable(firstTable)
		if err != nil {
			return nil, err
		}
		m.Table = uint32(table)
	}
	m.Change = move(view, l.Attrs().Index, unix.RT_TABLE_MAIN, int(m.Table))
	m.Kept = others(view, l.Attrs().Index, int(m.Table))
	return m, nil
}

// existing returns the membership of an interface that has no record.
func existing(n *link.Namespace, l netlink.Link, vrf *netlink.Vrf) (*membership, error) {
	addrs, err := settled(n, l)
	if err != nil {
		return nil, err
	}
	view, err := routing.Look(n)
	if err != nil {
		return nil, err
	}
	back := move(view, l.Attrs().Index, int(vrf.Table), unix.RT_TABLE_MAIN)
	return &membership{
		Record: routing.Record{Link: l.Attrs().Index, Change: routing.Change{Routes: back.Gone, Gone: back.Routes}},
		VRF:    vrf.Name, Table: vrf.Table, New: true, Addrs: addrs,
		Kept: others(view, l.Attrs().Index, int(vrf.Table)),
	}, nil
}

// move is the change that moves the interface's routes between tables, but for
// those of its addresses, which the kernel moves.
func move(view routing.View, index, from, to int) routing.Change {
	own, change := view.Share(index, from)
	change.Gone = slices.DeleteFunc(change.Gone, func(r routing.Route) bool { return isKernels(netlink.Route(r)) })
	for _, r := range own {
		if !isKernels(r) {
			r.Table = to
			change.Routes = append(change.Routes, routing.Route(r))
		}
	}
	return change
}

// isKernels reports whether the kernel makes a route by itself.
func isKernels(r netlink.Route) bool {
	return r.Protocol == unix.RTPROT_KERNEL || r.Protocol == unix.RTPROT_RA
}

// others returns the interface's routes in tables that have nothing to do with the
// VRF.
func others(view routing.View, index, table int) []routing.Route {
	var kept []routing.Route
	for _, other := range view.Tables() {
		if other == table || other == unix.RT_TABLE_MAIN || other == unix.RT_TABLE_LOCAL {
			continue
		}
		own, _ := view.Share(index, other)
		for _, r := range own {
			kept = append(kept, routing.Route(r))
		}
	}
	return kept
}

// enter makes what is missing of the membership.
func (m *membership) enter(ctx context.Context, n *link.Namespace, name string) error {
	vrf, err := m.vrf(n)
	if err != nil {
		return err
	}
	if vrf == nil {
		if vrf, err = m.makeVRF(n); err != nil {
			return err
		}
	}
	if err := n.LinkSetUp(vrf); err != nil {
		return fmt.Errorf("could not set link up for VRF %s: %w", m.VRF, err)
	}
	l, err := find(n, name)
	if err != nil {
		return err
	}
	if l.Attrs().MasterIndex != vrf.Index {
		if err := m.hold(n, l); err != nil {
			return err
		}
		if err := n.LinkSetMaster(l, vrf); err != nil {
			return fmt.Errorf("could not set vrf %s as master of %s: %w", m.VRF, name, err)
		}
	}
	if err := m.readdress(ctx, n, l); err != nil {
		return err
	}
	return routing.Change{Routes: slices.Concat(m.Change.Routes, m.Kept), Gone: m.Change.Gone}.Apply(n)
}

// vrf returns the VRF, or nil if there is none of that name and table.
func (m *membership) vrf(n *link.Namespace) (*netlink.Vrf, error) {
	l, err := n.LinkByName(m.VRF)
	if link.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look %q up: %w", m.VRF, err)
	}
	if vrf, ok := l.(*netlink.Vrf); ok && vrf.Table == m.Table {
		return vrf, nil
	}
	return nil, nil
}

func (m *membership) makeVRF(n *link.Namespace) (*netlink.Vrf, error) {
	mac, err := link.ChooseMAC(nil)
	if err != nil {
		return nil, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = m.VRF, mac
	vrf := &netlink.Vrf{LinkAttrs: attrs, Table: m.Table}
	if err := n.Make(vrf); err != nil {
		return nil, fmt.Errorf("could not add VRF %s: %w", m.VRF, err)
	}
	if err := n.LinkSetAlias(vrf, mark); err != nil {
		return nil, fmt.Errorf("set alias of %q: %w", m.VRF, err)
	}
	return vrf, nil
}

// leaveRecorded ends the membership that the record says, and removes the record.
func leaveRecorded(n *link.Namespace, a owner.Attachment) (found bool, err error) {
	var m membership
	if found, err = records.Read(n, a, &m); err != nil {
		return false, err
	}
	if found {
		if err := m.leave(n, a.IfName); err != nil {
			return true, err
		}
	}
	return found, records.Remove(a)
}

// leave takes the interface out of the VRF, with its addresses and routes, and
// removes the VRF if that was the last one.
func (m *membership) leave(n *link.Namespace, name string) error {
	vrf, err := m.vrf(n)
	if err != nil {
		return err
	}
	l, err := n.LinkByName(name)
	if err != nil && !link.IsNotFound(err) {
		return fmt.Errorf("look %q up: %w", name, err)
	}
	if err == nil && m.IsAbout(l) {
		if err := m.release(n, l, vrf); err != nil && !n.IsGone(l) {
			return err
		}
	}
	if vrf == nil {
		return nil
	}
	return removeEmpty(n, vrf, m.New)
}

// release makes the interface what it was before the membership. One that somebody
// has given another master is left to that.
func (m *membership) release(n *link.Namespace, l netlink.Link, vrf *netlink.Vrf) error {
	switch master := l.Attrs().MasterIndex; {
	case master == 0:
	case vrf != nil && vrf.Index == master:
		if err := m.hold(n, l); err != nil {
			return err
		}
		if err := n.LinkSetNoMaster(l); err != nil {
			return fmt.Errorf("take %q out of VRF %s: %w", l.Attrs().Name, m.VRF, err)
		}
	default:
		return nil
	}
	if err := m.readdress(context.Background(), n, l); err != nil {
		return err
	}
	return plugin.Join(routing.Change{Gone: m.Kept}.Revert(n), m.Change.Revert(n))
}

// removeEmpty removes a VRF without ports that the plugin made, as its alias or the
// record tells.
func removeEmpty(n *link.Namespace, vrf *netlink.Vrf, isOurs bool) error {
	if !isOurs && vrf.Alias != mark {
		return nil
	}
	ports, err := n.Ports(vrf)
	if err != nil || len(ports) > 0 {
		return err
	}
	return n.Delete(vrf.Name, vrf.Type())
}
