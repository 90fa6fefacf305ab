package ip_test

import (
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
)

func TestAddRoute(t *testing.T) {
	inside(t, func() {
		l := addVeth(t, "eth0", "peer")
		addAddr(t, l, "192.0.2.1/24")
		addAddr(t, l, "2001:db8::1/64")
		gw4, gw6 := net.ParseIP("192.0.2.254"), net.ParseIP("2001:db8::fe")

		must(t, ip.AddRoute(ipNet(t, "198.51.100.0/24"), gw4, l))
		must(t, ip.AddRoute(ipNet(t, "2001:db8:1::/64"), gw6, l))
		must(t, ip.AddRoute(ipNet(t, "203.0.113.0/24"), nil, l))
		must(t, ip.AddHostRoute(ipNet(t, "203.0.113.7/32"), nil, l))
		must(t, ip.AddDefaultRoute(gw4, l))
		must(t, ip.AddDefaultRoute(gw6, l))
		if err := ip.AddDefaultRoute(gw4, l); !errors.Is(err, unix.EEXIST) {
			t.Errorf("added twice: %v", err)
		}

		type route struct {
			Dst, Gw string
			Scope   netlink.Scope
		}
		var got []route
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			routes, err := netlink.RouteList(l, family)
			must(t, err)
			for _, r := range routes {
				if r.Protocol == unix.RTPROT_BOOT {
					got = append(got, route{r.Dst.String(), r.Gw.String(), r.Scope})
				}
			}
		}
		want := []route{
			{"0.0.0.0/0", "192.0.2.254", netlink.SCOPE_UNIVERSE},
			{"198.51.100.0/24", "192.0.2.254", netlink.SCOPE_UNIVERSE},
			{"203.0.113.0/24", "<nil>", netlink.SCOPE_UNIVERSE},
			{"203.0.113.7/32", "<nil>", netlink.SCOPE_HOST},
			{"2001:db8:1::/64", "2001:db8::fe", netlink.SCOPE_UNIVERSE},
			{"::/0", "2001:db8::fe", netlink.SCOPE_UNIVERSE},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("routes (-want +got)\n%s", diff)
		}
	})
}
