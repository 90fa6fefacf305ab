package main

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// A node whose addresses no interface has but the loopback, as where a cloud translates them,
// is at the interface of its default route, of either family, be it by several ways.
func TestUplink(t *testing.T) {
	t.Parallel()
	a := newSite(t).addHost(1, 1)
	expect := func(own string, found bool) {
		t.Helper()
		err := a.Do(func() error {
			h, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer h.Close()
			link, err := uplink(h, []netip.Addr{netip.MustParseAddr(own)})
			if found != (err == nil && link.Attrs().Name == "eth0") {
				t.Errorf("of %s: %v, error %v", own, link, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(a.addresses()[0], true)
	expect("203.0.113.1", true)
	a.Exec(t, "ip", "address", "add", "203.0.113.2/32", "dev", "lo")
	expect("203.0.113.2", true)
	a.Exec(t, "ip", "route", "del", "default")
	expect("203.0.113.1", true)
	a.Exec(t, "ip", "-6", "route", "del", "default")
	expect("203.0.113.1", false)
	a.Exec(t, "ip", "route", "add", "default", "nexthop", "via", "192.0.2.1", "nexthop", "via", "192.0.2.2")
	expect("203.0.113.1", true)
}
