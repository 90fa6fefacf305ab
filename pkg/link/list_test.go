package link

import (
	"net"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

// Each list has what it is asked for and nothing else, with what callers look at.
func TestList(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge, err := n.AddBridge("br0", 0, BridgeFlags{})
	if err != nil {
		t.Fatal(err)
	}
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	for _, l := range []netlink.Link{
		&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "port", MasterIndex: bridge.Index, HardwareAddr: mac}, PeerName: "peer"},
		&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "none"}, PeerName: "nobody"},
	} {
		if err := n.LinkAdd(l); err != nil {
			t.Fatal(err)
		}
	}
	for what, test := range map[string]struct {
		list func() ([]netlink.Link, error)
		want []string
	}{
		"ports":   {func() ([]netlink.Link, error) { return n.Ports(bridge) }, []string{"port"}},
		"bridges": {func() ([]netlink.Link, error) { return n.OfKind("bridge") }, []string{"br0"}},
		"pairs":   {func() ([]netlink.Link, error) { return n.OfKind("veth") }, []string{"nobody", "none", "peer", "port"}},
		"no VRFs": {func() ([]netlink.Link, error) { return n.OfKind("vrf") }, nil},
	} {
		links, err := test.list()
		var names []string
		for _, l := range links {
			names = append(names, l.Attrs().Name)
		}
		slices.Sort(names)
		if err != nil || !slices.Equal(names, test.want) {
			t.Errorf("%s: got %v, %v, want %v", what, names, err, test.want)
		}
	}
	l, err := n.LinkByMAC(mac)
	if err != nil || l.Attrs().Name != "port" || l.Type() != "veth" || l.Attrs().MasterIndex != bridge.Index {
		t.Errorf("by MAC address: got %+v, %v", l, err)
	}
}
