package check

import (
	"net"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/testutils"
)

func newNamespace(t *testing.T) *link.Namespace {
	t.Helper()
	temp, err := testutils.NewNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		temp.Close()
		if err := testutils.UnmountNS(temp); err != nil {
			t.Error(err)
		}
	})
	n, err := link.Open(temp.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func network(t *testing.T, cidr string) *net.IPNet {
	t.Helper()
	address, subnet, err := net.ParseCIDR(cidr)
	if err != nil {
		t.Fatal(err)
	}
	return &net.IPNet{IP: address, Mask: subnet.Mask}
}

// Each change to the kernel's state must be found, and nothing else.
func TestCompare(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	_, l, err := link.AddVeth(host, container, link.Veth{Name: "eth0", HostName: "vethx"})
	if err != nil {
		t.Fatal(err)
	}
	v4 := netlink.Addr{IPNet: network(t, "192.0.2.7/32")}
	v6 := netlink.Addr{IPNet: network(t, "2001:db8::7/64"), Flags: unix.IFA_F_NODAD}
	gateway4 := netlink.Route{Dst: network(t, "192.0.2.1/32"), Scope: netlink.SCOPE_LINK}
	default4 := netlink.Route{Dst: network(t, "0.0.0.0/0"), Gw: net.ParseIP("192.0.2.1"), Flags: unix.RTNH_F_ONLINK}
	default6 := netlink.Route{Dst: network(t, "::/0"), Gw: net.ParseIP("2001:db8::1")}
	withMTU := netlink.Route{Dst: network(t, "198.51.100.0/24"), Gw: net.ParseIP("192.0.2.1"), MTU: 1300, AdvMSS: 1200, Flags: unix.RTNH_F_ONLINK}
	inTable := netlink.Route{Dst: network(t, "198.51.100.0/24"), Gw: net.ParseIP("192.0.2.1"), Table: 77, Priority: 5, Flags: unix.RTNH_F_ONLINK}
	twoHops := netlink.Route{Dst: network(t, "203.0.113.0/24"), MultiPath: []*netlink.NexthopInfo{
		{Gw: net.ParseIP("192.0.2.1"), Flags: unix.RTNH_F_ONLINK}, {Gw: net.ParseIP("192.0.2.2"), Flags: unix.RTNH_F_ONLINK},
	}}
	expect := Expect{
		Name: "eth0", Kind: "veth", MAC: strings.ToUpper(l.Attrs().HardwareAddr.String()), MTU: 1500,
		Peer: link.PeerIndex(l),
		Config: ip.Config{
			Addrs:  []netlink.Addr{v4, v6},
			Routes: []netlink.Route{gateway4, default4, default6, withMTU, inTable, twoHops},
		},
	}
	if err := expect.Config.Apply(container, l); err != nil {
		t.Fatal(err)
	}
	if err := expect.Compare(container); err != nil {
		t.Fatalf("right after Apply: %v", err)
	}

	withIndex := func(r netlink.Route) *netlink.Route { r.LinkIndex = l.Attrs().Index; return &r }
	for name, c := range map[string]struct {
		change, restore func() error
		want            string
	}{
		"address": {
			func() error { return container.AddrDel(l, &v6) },
			func() error { return container.AddrAdd(l, &v6) },
			"interface eth0 lacks address 2001:db8::7/64",
		},
		"default route": {
			func() error { return container.RouteDel(withIndex(default4)) },
			func() error { return container.RouteAdd(withIndex(default4)) },
			"interface eth0 lacks route default via 192.0.2.1",
		},
		"other gateway": {
			func() error {
				r := default4
				r.Gw = net.ParseIP("192.0.2.9")
				return container.RouteReplace(withIndex(r))
			},
			func() error { return container.RouteReplace(withIndex(default4)) },
			"interface eth0 lacks route default via 192.0.2.1",
		},
		"table": {
			func() error { return container.RouteDel(withIndex(inTable)) },
			func() error { return container.RouteAdd(withIndex(inTable)) },
			"interface eth0 lacks route 198.51.100.0/24 via 192.0.2.1 table 77 metric 5",
		},
		"MTU of a route": {
			func() error {
				r := withMTU
				r.MTU = 1400
				return container.RouteReplace(withIndex(r))
			},
			func() error { return container.RouteReplace(withIndex(withMTU)) },
			"interface eth0 lacks route 198.51.100.0/24 via 192.0.2.1",
		},
		"MTU": {
			func() error { return container.LinkSetMTU(l, 1400) },
			func() error { return container.LinkSetMTU(l, 1500) },
			"interface eth0 has MTU 1400, expected 1500",
		},
	} {
		if err := c.change(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := expect.Compare(container); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if err := c.restore(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := expect.Compare(container); err != nil {
			t.Errorf("%s, after restoring: %v", name, err)
		}
	}

	for name, c := range map[string]struct {
		change func(*Expect)
		want   string
	}{
		"kind":    {func(e *Expect) { e.Kind = "macvlan" }, "interface eth0 has kind veth, expected macvlan"},
		"MAC":     {func(e *Expect) { e.MAC = "02:00:00:00:00:01" }, "expected 02:00:00:00:00:01"},
		"peer":    {func(e *Expect) { e.Peer = 99 }, "expected 99"},
		"missing": {func(e *Expect) { e.Name = "eth1" }, "interface eth1 is missing"},
	} {
		other := expect
		c.change(&other)
		if err := other.Compare(container); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want … %s", name, err, c.want)
		}
	}
	if err := container.LinkSetDown(l); err != nil {
		t.Fatal(err)
	}
	if err := expect.Compare(container); err == nil || !strings.HasPrefix(err.Error(), "interface eth0 is down") {
		t.Errorf("down: got %v", err)
	}
}
