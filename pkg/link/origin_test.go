package link

import (
	"encoding/json"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newDevice makes a device with addresses and routes, connected to a peer, and
// returns what describes it.
func newDevice(t *testing.T, n *Namespace) (netlink.Link, *Origin) {
	t.Helper()
	l := addPair(t, n, "nic", net.HardwareAddr{2, 0, 0, 0, 0, 7})
	for _, err := range []error{
		n.SkipLinkLocal(l),
		n.LinkSetAlias(l, "port 1"),
		n.LinkSetUp(l),
		n.AddrAdd(l, &netlink.Addr{IPNet: network4(10, 9, 0, 1), Label: "nic:1"}),
		n.AddrAdd(l, &netlink.Addr{IPNet: network4(10, 9, 0, 2)}),
		n.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP("fd09::1"), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD}),
		n.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: network4(10, 8, 0, 0), Gw: net.IPv4(10, 9, 0, 7), MTU: 1300}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l = mustLink(t, n, "nic")
	o, err := n.Origin(l)
	if err != nil {
		t.Fatal(err)
	}
	return l, o
}

func addPair(t *testing.T, n *Namespace, name string, mac net.HardwareAddr) netlink.Link {
	t.Helper()
	pair := netlink.NewVeth(netlink.NewLinkAttrs())
	pair.Name, pair.PeerName, pair.MTU, pair.HardwareAddr = name, "peer-"+name, 1400, mac
	if err := n.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	return mustLink(t, n, name)
}

func network4(a, b, c, d byte) *net.IPNet {
	return &net.IPNet{IP: net.IPv4(a, b, c, d).To4(), Mask: net.CIDRMask(24, 32)}
}

func mustLink(t *testing.T, n *Namespace, name string) netlink.Link {
	t.Helper()
	l, err := n.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The kernel returns what has a driver of hardware, whatever kind that gives it.
func TestIsHardware(t *testing.T) {
	for kind, want := range map[string]bool{"device": true, "can": true, "ipoib": true, "dsa": true, "veth": false, "vlan": false, "vcan": false, "": false} {
		if have := (&Origin{Kind: kind}).IsHardware(); have != want {
			t.Errorf("kind %q: %v", kind, have)
		}
	}
}

// What is written down as JSON brings all back.
func TestOrigin(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	_, o := newDevice(t, host)
	if len(o.Addresses) != 3 || len(o.Routes) != 1 || o.Kind != "veth" || !o.Up || o.IsHardware() {
		t.Fatalf("origin: %+v", o)
	}
	l, err := o.Lend(host, container, "eth0")
	if err != nil {
		t.Fatal(err)
	}
	if attrs := l.Attrs(); attrs.Name != "eth0" || attrs.Alias != "nic" || attrs.Flags&net.FlagUp != 0 || attrs.Index != o.Index {
		t.Errorf("in the container: %+v", attrs)
	}
	if networks, err := container.Networks(l); len(networks) > 0 || err != nil {
		t.Errorf("addresses in the container: %v, %v", networks, err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	recorded := new(Origin)
	if err := json.Unmarshal(text, recorded); err != nil {
		t.Fatal(err)
	}
	if back, err := recorded.Return(host, container); !back || err != nil {
		t.Fatalf("return: %v, %v", back, err)
	}
	again, err := host.Origin(mustLink(t, host, "nic"))
	if err != nil {
		t.Fatal(err)
	}
	// The kernel tells when an address was made, and its state.
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Addresses" || p.Last().String() == ".Routes" }, cmp.Ignore())
	if diff := cmp.Diff(o, again, ignore); diff != "" {
		t.Errorf("the device has changed:\n%s", diff)
	}
	if len(again.Addresses) != 3 || len(again.Routes) != 1 {
		t.Errorf("%d addresses, %d routes", len(again.Addresses), len(again.Routes))
	}
	for range 2 {
		if back, err := recorded.Return(host, container); back || err != nil {
			t.Errorf("return again: %v, %v", back, err)
		}
		if back, err := recorded.Restore(host); back || err != nil {
			t.Errorf("restore again: %v, %v", back, err)
		}
	}
	if home, err := recorded.IsHome(host); !home || err != nil {
		t.Errorf("is home: %v, %v", home, err)
	}
}

// A device that came back by itself has its name in the container.
func TestRestore(t *testing.T) {
	t.Parallel()
	host := newNamespace(t)
	l, o := newDevice(t, host)
	for _, err := range []error{host.LinkSetAlias(l, "nic"), host.LinkSetDown(l), host.LinkSetName(l, "dev7"), host.LinkSetUp(l)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if home, err := o.IsHome(host); home || err != nil {
		t.Errorf("is home: %v, %v", home, err)
	}
	if back, err := o.Restore(host); !back || err != nil {
		t.Fatalf("restore: %v, %v", back, err)
	}
	if attrs := mustLink(t, host, "nic").Attrs(); attrs.Alias != "port 1" || attrs.Flags&net.FlagUp == 0 {
		t.Errorf("restored: %+v", attrs)
	}
}

// Others who have the alias by chance, or the index, are somebody else.
func TestFindOrigin(t *testing.T) {
	t.Parallel()
	mac := func(last byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, last} }
	for _, test := range []struct {
		name, alias string
		mac         net.HardwareAddr
		sameIndex   bool
		want        bool
	}{
		{"alias and index", "nic", mac(9), true, true},
		{"alias and address", "nic", mac(7), false, true},
		{"index and address", "", mac(7), true, true},
		{"alias", "nic", mac(9), false, false},
		{"index", "", mac(9), true, false},
		{"address", "", mac(7), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			l := addPair(t, n, "eth0", test.mac)
			if err := n.LinkSetAlias(l, test.alias); err != nil {
				t.Fatal(err)
			}
			o := &Origin{Name: "nic", Index: l.Attrs().Index, MAC: mac(7).String()}
			if !test.sameIndex {
				o.Index += 1000
			}
			found, err := o.find(n)
			if err != nil || (found != nil) != test.want {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

// What became of a host meanwhile is more than what was there before.
func TestReplayRefused(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	_, o := newDevice(t, host)
	if _, err := o.Lend(host, container, "eth0"); err != nil {
		t.Fatal(err)
	}
	other := addPair(t, host, "other", nil)
	for _, err := range []error{
		host.LinkSetUp(other),
		host.RouteAdd(&netlink.Route{LinkIndex: other.Attrs().Index, Dst: network4(10, 8, 0, 0)}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if back, err := o.Return(host, container); !back || err != nil {
		t.Fatalf("return: %v, %v", back, err)
	}
	routes, err := host.RouteList(other, netlink.FAMILY_V4)
	if err != nil || !slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.Dst.String() == "10.8.0.0/24" }) {
		t.Errorf("routes of the other: %v, %v", routes, err)
	}
}

// A route that no kernel has written, as of a file that somebody has cut, is an error.
func TestReplayCut(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	route := make([]byte, routeHeader+unix.SizeofRtAttr)
	for length := range route {
		if err := n.replayRoute(route[:length], 1); err == nil || err.Error() != "malformed message" {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// Records are files, which somebody may have written to.
func FuzzReplay(f *testing.F) {
	f.Add([]byte{}, []byte{unix.AF_INET, 24, 0, 0, 2, 0, 0, 0})
	f.Add(make([]byte, routeHeader), make([]byte, routeHeader+8))
	f.Fuzz(func(t *testing.T, address, route []byte) {
		n := newNamespace(t)
		_ = n.replayAddress(address, 1)
		_ = n.replayRoute(route, 1)
	})
}
