package ip_test

import (
	"net"
	"os"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ns"
)

// newNS makes a namespace that ends with the test.
func newNS(t *testing.T) ns.NetNS {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	n, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// inside runs test in a new namespace.
func inside(t *testing.T, test func()) {
	t.Helper()
	in(t, newNS(t), test)
}

// in runs test in a namespace.
func in(t *testing.T, n ns.NetNS, test func()) {
	t.Helper()
	if err := n.Do(func(ns.NetNS) error { test(); return nil }); err != nil {
		t.Fatal(err)
	}
}

// must stops the test if err is an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantText compares an error's text.
func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// addVeth makes a pair in the current namespace, both ends up, and returns the
// first.
func addVeth(t *testing.T, name, peer string) netlink.Link {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	pair := netlink.NewVeth(attrs)
	pair.PeerName = peer
	must(t, netlink.LinkAdd(pair))
	for _, name := range []string{peer, name} {
		must(t, netlink.LinkSetUp(link(t, name)))
	}
	return link(t, name)
}

func link(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

// addAddr gives the link an address that is usable at once.
func addAddr(t *testing.T, l netlink.Link, addr string) {
	t.Helper()
	must(t, netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(t, addr), Flags: nodad}))
}

// nodad is IFA_F_NODAD (linux/if_addr.h).
const nodad = 0x02

// ipNet parses an address with its prefix length and keeps its host part.
func ipNet(t *testing.T, s string) *net.IPNet {
	t.Helper()
	addr, network, err := net.ParseCIDR(s)
	must(t, err)
	network.IP = addr
	return network
}

func ipConfig(t *testing.T, addr, gateway string) *current.IPConfig {
	t.Helper()
	return &current.IPConfig{Address: *ipNet(t, addr), Gateway: net.ParseIP(gateway)}
}
