package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// over is the overlay, as far as it matters for the ways through it.
type over struct {
	// link is the index of the device.
	link int
	// local is the node's address in the network below.
	local netip.Addr
	// inner are addresses of the device, one for each family.
	inner []netip.Addr
}

// plan is how the other nodes are reached.
type plan struct {
	ways  wayTable
	peers []endpoint
	// unreachable are the podCIDRs of nodes to which there is no way.
	unreachable []netip.Prefix
}

// newPlan finds the way to each podCIDR of the nodes: through the node's address where that
// is on the link, or else through the overlay, if there is one. Of nodes that have the
// same podCIDR, the first one gets it.
func newPlan(f fib, nodes []node, overlay *over) plan {
	p := plan{ways: wayTable{}}
	for _, n := range nodes {
		if len(n.addresses) == 0 {
			continue // its kubelet has not come up yet
		}
		var inner []netip.Addr
		for _, cidr := range n.podCIDRs {
			if _, taken := p.ways[cidr]; taken {
				continue
			}
			via := ofFamily(n.addresses, cidr.Addr())
			if link := f.onLink(via); link != 0 {
				p.ways[cidr] = hop{via: via, link: link}
			} else if overlay != nil && ofFamily(n.addresses, overlay.local).IsValid() {
				inner = append(inner, cidr.Addr())
				p.ways[cidr] = hop{via: cidr.Addr(), link: overlay.link, source: ofFamily(overlay.inner, cidr.Addr())}
			} else {
				p.unreachable = append(p.unreachable, cidr)
			}
		}
		if inner != nil {
			p.peers = append(p.peers, endpoint{mac: vxlanMAC(n.name), outer: ofFamily(n.addresses, overlay.local), inner: inner})
		}
	}
	return p
}

// settleRoutes makes the routes to the other nodes, and the overlay, what they are to be.
func (a *agent) settleRoutes(uplink netlink.Link, self node, others []node) error {
	overlay, device, err := a.settleOverlay(uplink, self)
	if err != nil {
		return err
	}
	f, err := readFIB(a.handle)
	if err != nil {
		return err
	}
	p := plan{}
	if a.direct {
		p = newPlan(f, others, overlay)
	}
	var overlayErr error // no reason to do without the direct routes
	if device != nil {
		overlayErr = settleVXLAN(a.handle, device, overlay.inner, p.peers)
	}
	a.links.Store(p.links(uplink))
	a.metrics.unreachable.Set(float64(len(p.unreachable)))
	a.metrics.routes.Set(float64(len(p.ways)))
	taken, err := f.settle(a.handle, p.ways)
	a.notice(p.unreachable, taken)
	return errors.Join(overlayErr, err)
}

// notice logs what is no error of the agent, unless it was so the last time.
func (a *agent) notice(unreachable, taken []netip.Prefix) {
	slices.SortFunc(taken, netip.Prefix.Compare)
	notices := fmt.Sprint(unreachable, taken)
	if notices == a.notices {
		return
	}
	a.notices = notices
	if len(unreachable) > 0 {
		slog.Warn("these podCIDRs are of nodes that are not on the link, and there is no overlay", "podCIDRs", unreachable)
	}
	if len(taken) > 0 {
		slog.Warn("somebody else has routes to these podCIDRs, which stay", "podCIDRs", taken)
	}
}

// links returns the indexes of the interfaces that lead to other nodes or elsewhere.
func (p plan) links(uplink netlink.Link) *map[int]bool {
	indexes := map[int]bool{uplink.Attrs().Index: true}
	for _, w := range p.ways {
		indexes[w.link] = true
	}
	return &indexes
}

// settleOverlay makes the overlay, or removes it if none is wanted.
func (a *agent) settleOverlay(uplink netlink.Link, self node) (*over, netlink.Link, error) {
	if !a.overlay {
		return nil, nil, removeVXLAN(a.handle)
	}
	local := self.primary()
	if !local.IsValid() {
		return nil, nil, errors.New("the Node has no InternalIP, which the overlay needs")
	}
	v := vxlan{id: a.vxlanID, port: a.vxlanPort, local: local, mac: vxlanMAC(self.name), mtu: uplink.Attrs().MTU - overhead(local)}
	device, err := v.ensure(a.handle)
	if err != nil {
		return nil, nil, err
	}
	o := &over{link: device.Attrs().Index, local: local}
	for _, cidr := range self.podCIDRs {
		o.inner = append(o.inner, cidr.Addr())
	}
	return o, device, nil
}
