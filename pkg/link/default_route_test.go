package link

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestDefaultRouteLink(t *testing.T) {
	t.Parallel()
	route := func(l netlink.Link, metric int) *netlink.Route {
		return &netlink.Route{LinkIndex: l.Attrs().Index, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, Priority: metric, Scope: netlink.SCOPE_LINK}
	}
	route6 := func(l netlink.Link, metric int) *netlink.Route {
		return &netlink.Route{LinkIndex: l.Attrs().Index, Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}, Priority: metric}
	}
	for _, test := range []struct {
		name   string
		routes func(a, b netlink.Link) []*netlink.Route
		want   string
	}{
		{"none", func(a, b netlink.Link) []*netlink.Route { return nil }, ""},
		{"one", func(a, b netlink.Link) []*netlink.Route { return []*netlink.Route{route(b, 0)} }, "b"},
		{"metrics", func(a, b netlink.Link) []*netlink.Route { return []*netlink.Route{route(a, 200), route(b, 100)} }, "b"},
		{"first metric", func(a, b netlink.Link) []*netlink.Route { return []*netlink.Route{route(a, 100), route(b, 200)} }, "a"},
		{"IPv6", func(a, b netlink.Link) []*netlink.Route { return []*netlink.Route{route6(a, 200), route6(b, 100)} }, "b"},
		{"IPv4 before IPv6", func(a, b netlink.Link) []*netlink.Route { return []*netlink.Route{route6(a, 1), route(b, 100)} }, "b"},
		{"multipath", func(a, b netlink.Link) []*netlink.Route {
			r := route(a, 0)
			r.LinkIndex, r.MultiPath = 0, []*netlink.NexthopInfo{{LinkIndex: a.Attrs().Index, Hops: 1}, {LinkIndex: b.Attrs().Index, Hops: 3}}
			return []*netlink.Route{r}
		}, "b"},
		{"blackhole", func(a, b netlink.Link) []*netlink.Route {
			r := route(a, 0)
			r.LinkIndex, r.Type = 0, unix.RTN_BLACKHOLE
			return []*netlink.Route{r, route(b, 300)}
		}, "b"},
		{"other table", func(a, b netlink.Link) []*netlink.Route {
			r := route(a, 0)
			r.Table = 100
			return []*netlink.Route{r, route(b, 300)}
		}, "b"},
		{"beside others", func(a, b netlink.Link) []*netlink.Route {
			var routes []*netlink.Route
			for _, first := range []byte{0, 1, 128} {
				r := route(a, 0)
				r.Dst = &net.IPNet{IP: net.IPv4(first, 0, 0, 0), Mask: net.CIDRMask(8, 32)}
				routes = append(routes, r)
			}
			for i := range 1000 { // more than one answer of the kernel holds
				r := route(a, 0)
				r.Dst = &net.IPNet{IP: net.IPv4(10, 0, byte(i>>8), byte(i)), Mask: net.CIDRMask(32, 32)}
				r6 := route6(a, 1)
				r6.Dst = &net.IPNet{IP: net.ParseIP(fmt.Sprintf("fd00::%x", i)), Mask: net.CIDRMask(128, 128)}
				routes = append(routes, r, r6)
			}
			return append(routes, route(b, 0))
		}, "b"},
		{"IPv6 beside others", func(a, b netlink.Link) []*netlink.Route {
			var routes []*netlink.Route
			for i := range 1000 {
				r6 := route6(a, 1)
				r6.Dst = &net.IPNet{IP: net.ParseIP(fmt.Sprintf("fd00::%x", i)), Mask: net.CIDRMask(128, 128)}
				routes = append(routes, r6)
			}
			return append(routes, route6(b, 0))
		}, "b"},
		{"no default", func(a, b netlink.Link) []*netlink.Route {
			r := route(a, 0)
			r.Dst = &net.IPNet{IP: net.IPv4(192, 0, 2, 0), Mask: net.CIDRMask(24, 32)}
			return []*netlink.Route{r}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			attrs := netlink.NewLinkAttrs()
			attrs.Name = "a"
			pair := netlink.NewVeth(attrs)
			pair.PeerName = "b"
			if err := n.LinkAdd(pair); err != nil {
				t.Fatal(err)
			}
			var ends []netlink.Link
			for _, name := range []string{"a", "b"} {
				l, err := n.LinkByName(name)
				if err == nil {
					err = n.LinkSetUp(l)
				}
				if err != nil {
					t.Fatal(err)
				}
				ends = append(ends, l)
			}
			for _, r := range test.routes(ends[0], ends[1]) {
				if err := n.RouteAdd(r); err != nil {
					t.Fatalf("add %v: %v", r, err)
				}
			}
			l, err := n.DefaultRouteLink()
			if test.want == "" {
				if !errors.Is(err, ErrNoDefaultRoute) {
					t.Errorf("got %v, %v", l, err)
				}
				return
			}
			if err != nil || l.Attrs().Name != test.want {
				t.Errorf("got %v, %v, want %s", l, err, test.want)
			}
		})
	}
}
