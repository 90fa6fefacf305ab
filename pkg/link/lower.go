package link

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Lower says which interface another one is on.
type Lower struct {
	// Index of the lower interface in its own namespace.
	Index int
	// NetNsID is the number that the namespace of the upper interface has for
	// that one, -1 if it is the same, and untold for one that Below cannot know.
	NetNsID int
}

// untold is a number that no namespace has.
const untold = -2

// Is reports whether l, which Below told, is what LowerOf told.
func (l Lower) Is(have Lower) bool {
	return l.Index == have.Index && (l.NetNsID == have.NetNsID || l.NetNsID == untold && have.NetNsID >= 0)
}

// LowerOf returns what l is on. The kernel tells it as it tells a veth device's
// peer.
func LowerOf(l netlink.Link) Lower { return Lower{PeerIndex(l), l.Attrs().NetNsID} }

// Below returns what LowerOf has to return for an interface of n that was made
// on master, an interface of the namespace at. A macvlan or ipvlan that is made
// on another one shares the lower interface of that, for whose namespace n and at
// may have different numbers.
func (n *Namespace) Below(at *Namespace, master netlink.Link, kind string) (Lower, error) {
	lower := Lower{master.Attrs().Index, -1}
	if kind != "vlan" && master.Type() == kind {
		lower = LowerOf(master)
	}
	if n == at {
		return lower, nil
	}
	if lower.NetNsID >= 0 {
		return Lower{lower.Index, untold}, nil
	}
	id, err := n.GetNetNsIdByFd(int(at.NetNS.Fd()))
	if err != nil {
		return lower, fmt.Errorf("look for netns %q in %q: %w", at.NetNS.Path(), n.NetNS.Path(), err)
	}
	lower.NetNsID = id
	return lower, nil
}
