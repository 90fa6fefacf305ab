package ip_test

import (
	"context"
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/ip"
	kernellink "github.com/containernetworking/plugins/pkg/link"
)

func config(t *testing.T, gateway string, texts ...string) ip.Config {
	t.Helper()
	var c ip.Config
	for _, text := range texts {
		c.Addrs = append(c.Addrs, netlink.Addr{IPNet: ipNet(t, text), Flags: unix.IFA_F_NODAD})
	}
	c.Routes = []netlink.Route{{Dst: ipNet(t, "0.0.0.0/0"), Gw: net.ParseIP(gateway).To4()}, {Dst: ipNet(t, "198.51.100.0/24"), Gw: net.ParseIP(gateway).To4()}}
	return c
}

// What is new comes, what is old goes, what was lost comes back, and what somebody
// else added stays.
func TestChange(t *testing.T) {
	inside(t, func() {
		l := addVeth(t, "eth0", "peer")
		n, err := kernellink.Host()
		must(t, err)
		defer n.Close()
		must(t, n.AwaitUp(context.Background(), l))
		must(t, n.AddrAdd(l, &netlink.Addr{IPNet: ipNet(t, "203.0.113.9/32")}))
		have := func() (addrs, routes []string) {
			list, err := n.AddrList(l, netlink.FAMILY_V4)
			must(t, err)
			for _, a := range list {
				addrs = append(addrs, a.IPNet.String())
			}
			main, err := n.RouteList(l, netlink.FAMILY_V4)
			must(t, err)
			for _, r := range main {
				if r.Table = 0; r.Gw != nil {
					routes = append(routes, ip.RouteText(r))
				}
			}
			return addrs, routes
		}
		one, two, same := config(t, "10.1.2.1", "10.1.2.50/24"), config(t, "10.7.7.1", "10.7.7.50/24"), config(t, "10.7.7.1", "10.7.7.50/24", "10.7.7.51/32")
		for _, step := range []struct {
			from, to      ip.Config
			addrs, routes []string
		}{
			{ip.Config{}, one, []string{"203.0.113.9/32", "10.1.2.50/24"}, []string{"default via 10.1.2.1", "198.51.100.0/24 via 10.1.2.1"}},
			{one, two, []string{"203.0.113.9/32", "10.7.7.50/24"}, []string{"default via 10.7.7.1", "198.51.100.0/24 via 10.7.7.1"}},
			{two, same, []string{"203.0.113.9/32", "10.7.7.50/24", "10.7.7.51/32"}, []string{"default via 10.7.7.1", "198.51.100.0/24 via 10.7.7.1"}},
			{same, ip.Config{}, []string{"203.0.113.9/32"}, nil},
			{same, ip.Config{}, []string{"203.0.113.9/32"}, nil},
		} {
			must(t, step.from.Change(n, l, step.to))
			if addrs, routes := have(); !cmp.Equal(addrs, step.addrs) || !cmp.Equal(routes, step.routes) {
				t.Errorf("%v, %v, want %v, %v", addrs, routes, step.addrs, step.routes)
			}
		}
		must(t, ip.Config{}.Change(n, l, one))
		must(t, n.LinkSetDown(l))
		must(t, n.LinkSetUp(l))
		must(t, one.Change(n, l, one))
		if _, routes := have(); len(routes) != 2 {
			t.Errorf("routes after the link was down: %v", routes)
		}
	})
}

// 0.0.0.0 as gateway says that there is none.
func TestRoutesWithoutGateway(t *testing.T) {
	scope := int(netlink.SCOPE_LINK)
	got := ip.Routes([]*types.Route{{Dst: *ipNet(t, "198.51.100.0/24"), GW: net.IPv4zero, Scope: &scope}}, net.IPv4(10, 1, 2, 1), nil)
	if len(got) != 1 || got[0].Gw != nil || got[0].Scope != netlink.SCOPE_LINK {
		t.Errorf("%+v", got)
	}
}

// Routes that the container has through another interface are not touched, wherever
// they lead, and those that are lost come back beside them.
func TestChangeBesideOthers(t *testing.T) {
	inside(t, func() {
		n, err := kernellink.Host()
		must(t, err)
		defer n.Close()
		everywhere := func(i string) ip.Config {
			c := config(t, "10.1."+i+".1", "10.1."+i+".50/24", "fd00:"+i+"::50/64")
			for _, destination := range []string{"::/0", "2001:db8::/32"} {
				c.Routes = append(c.Routes, netlink.Route{Dst: ipNet(t, destination), Gw: net.ParseIP("fd00:" + i + "::1")})
			}
			// The kernel has one to the subnet itself.
			c.Routes = append(c.Routes, netlink.Route{Dst: ipNet(t, "10.1."+i+".0/24")}, netlink.Route{Dst: ipNet(t, "192.0.2.1/32"), Scope: netlink.SCOPE_LINK})
			return c
		}
		one, other := addVeth(t, "eth0", "peer0"), addVeth(t, "eth1", "peer1")
		must(t, everywhere("1").Apply(n, one))
		must(t, everywhere("2").Apply(n, other))
		lacks := func(l netlink.Link, i string) string {
			err := check.Expect{Name: l.Attrs().Name, Config: everywhere(i)}.Compare(n)
			if err != nil {
				return err.Error()
			}
			return ""
		}
		if got := lacks(one, "1") + lacks(other, "2"); got != "" {
			t.Error(got)
		}
		// What the kernel asks first is the newest.
		found, err := n.RouteGet(net.ParseIP("198.51.100.9"))
		must(t, err)
		if found[0].LinkIndex != other.Attrs().Index {
			t.Errorf("packets leave by %+v", found[0])
		}
		must(t, n.LinkSetDown(one))
		must(t, n.LinkSetUp(one))
		for range 2 {
			must(t, everywhere("1").Change(n, one, everywhere("1")))
			if got := lacks(one, "1") + lacks(other, "2"); got != "" {
				t.Error(got)
			}
		}
		must(t, everywhere("1").Change(n, one, ip.Config{}))
		if got := lacks(other, "2"); got != "" {
			t.Error(got)
		}
		left, err := n.RouteList(one, netlink.FAMILY_ALL)
		must(t, err)
		for _, r := range left {
			if r.Protocol != unix.RTPROT_KERNEL {
				t.Errorf("left: %+v", r)
			}
		}
	})
}
