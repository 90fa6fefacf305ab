package daemon

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// A daemon that ended, or failed, between the record of a lease and what that changes: the next
// confirmation, by whichever daemon, takes off what the interface has of earlier leases, and adds what
// it lacks of this one.
func TestUnfinishedChange(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	host, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	_ = host.Do(func(ns.NetNS) error { testUnfinishedChange(t); return nil })
}

func testUnfinishedChange(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n, err := link.Host()
	must(err)
	defer n.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "dhcptest0"
	must(n.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "dhcptest1"}))
	l, err := n.LinkByName("dhcptest0")
	must(err)
	at := &reached{n, l}

	d, r := stored(t, t.TempDir(), "/proc/self/ns/net")
	lease := func(address, gateway string) *dhcp4.Lease {
		lend(r, time.Now().Round(0))
		r.V4.Address, r.V4.Server, r.V4.Gateway = netip.MustParsePrefix(address), netip.MustParseAddr(gateway), netip.MustParseAddr(gateway)
		r.V4.Routes = []dhcp4.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: r.V4.Gateway}}
		return r.V4
	}
	lease6 := func(address string) *dhcp6.Lease {
		lend(r, time.Now().Round(0))
		r.V6.Addresses[0].IP = netip.MustParseAddr(address)
		return r.V6
	}
	one, two := lease("10.1.2.50/24", "10.1.2.1"), lease("10.7.7.70/24", "10.7.7.1")
	one6, two6 := lease6("2001:db8::1"), lease6("2001:db8::2")
	r.V4, r.V6 = one, one6
	b, err := d.newBinding(r)
	must(err)
	// What the interface has of one is its addresses; it is down, so that it takes no routes.
	for _, config := range []netlink.Addr{v4{b}.config(one).Addrs[0], v6{b}.config(one6).Addrs[0]} {
		must(n.AddrAdd(l, &config))
	}
	if err := (v4{b}).adopt(at, two, false); err == nil {
		t.Fatal("adopted by an interface that is down")
	}
	// So may a daemon that was killed have left it.
	must(n.AddrAdd(l, &v4{b}.config(one).Addrs[0]))
	must(b.save(func(r *store.Record) { r.V6, r.FormerV6 = two6, []*dhcp6.Lease{one6} }))
	must(n.LinkSetUp(l))

	records, problems := d.store.Load()
	if len(records) != 1 || len(problems) > 0 {
		t.Fatalf("%d records, %v", len(records), problems)
	}
	b, err = d.newBinding(records[0])
	must(err)
	must(v4{b}.adopt(at, two, false))
	must(v6{b}.adopt(at, two6))
	networks, err := n.Networks(l)
	must(err)
	has := make(map[string]bool)
	for _, network := range networks {
		has[network.String()] = true
	}
	if has["10.1.2.50/24"] || has["2001:db8::1/128"] || !has["10.7.7.70/24"] || !has["2001:db8::2/128"] {
		t.Errorf("addresses %v", networks)
	}
	routes, err := n.Routes(l, netlink.FAMILY_V4)
	must(err)
	var gateways []string
	for _, route := range routes {
		if route.Gw != nil {
			gateways = append(gateways, route.Gw.String())
		}
	}
	if len(gateways) != 1 || gateways[0] != "10.7.7.1" {
		t.Errorf("gateways %v", gateways)
	}
	if r := b.snapshot(); len(r.FormerV4) > 0 || len(r.FormerV6) > 0 || r.UnappliedV4 {
		t.Errorf("on record: %v, %v, %v", r.FormerV4, r.FormerV6, r.UnappliedV4)
	}
}
