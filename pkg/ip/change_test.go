package ip_test

import (
	"context"
	"net"
	"slices"
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

// change gives an interface what to has instead of from, of which the kernel may have dropped routes.
func change(t *testing.T, n *kernellink.Namespace, l netlink.Link, from, to ip.Config) {
	t.Helper()
	was, err := from.Locate(n, l, true)
	must(t, err)
	must(t, was.Change(n, l, to))
}

// flap makes the kernel drop the routes of an interface.
func flap(t *testing.T, n *kernellink.Namespace, l netlink.Link) {
	t.Helper()
	must(t, n.LinkSetDown(l))
	must(t, n.LinkSetUp(l))
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
			change(t, n, l, step.from, step.to)
			if addrs, routes := have(); !cmp.Equal(addrs, step.addrs) || !cmp.Equal(routes, step.routes) {
				t.Errorf("%v, %v, want %v, %v", addrs, routes, step.addrs, step.routes)
			}
		}
		change(t, n, l, ip.Config{}, one)
		flap(t, n, l)
		change(t, n, l, one, one)
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
		flap(t, n, one)
		for range 2 {
			change(t, n, one, everywhere("1"), everywhere("1"))
			if got := lacks(one, "1") + lacks(other, "2"); got != "" {
				t.Error(got)
			}
		}
		change(t, n, one, everywhere("1"), ip.Config{})
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

// What others have made of routes stays when nothing changes, and where something does, it changes
// where they moved it.
func TestChangeOfMoved(t *testing.T) {
	const main, moved = "default via 10.1.2.1 table 254", "default via 10.1.2.1 table 100"
	const further = "198.51.100.0/24 via 10.1.2.1 table 254"
	route := func(table, metric int) *netlink.Route {
		return &netlink.Route{Dst: ipNet(t, "0.0.0.0/0"), Gw: net.IPv4(10, 1, 2, 1).To4(), Table: table, Priority: metric}
	}
	one, other, two := config(t, "10.1.2.1", "10.1.2.50/24"), config(t, "10.1.2.2", "10.1.2.50/24"), config(t, "10.7.7.1", "10.7.7.50/24")
	for name, test := range map[string]struct {
		// del and add are what somebody else does.
		del, add *netlink.Route
		// flushed, and addressless: the interface was down, or has lost its address.
		flushed, addressless bool
		to                   ip.Config
		want                 []string
	}{
		"nothing":                  {to: one, want: []string{main, further}},
		"moved":                    {del: route(0, 0), add: route(100, 0), to: one, want: []string{moved, further}},
		"moved, perhaps flushed":   {del: route(0, 0), add: route(100, 0), flushed: true, to: one, want: []string{moved, further}},
		"with a metric":            {del: route(0, 0), add: route(0, 50), to: one, want: []string{main + " metric 50", further}},
		"removed":                  {del: route(0, 0), to: one, want: []string{further}},
		"removed, perhaps flushed": {del: route(0, 0), flushed: true, to: one, want: []string{main, further}},
		"without address":          {del: route(0, 0), addressless: true, to: one, want: []string{main, further}},
		"moved, gateway changes":   {del: route(0, 0), add: route(100, 0), to: other, want: []string{"default via 10.1.2.2 table 100", "198.51.100.0/24 via 10.1.2.2 table 254"}},
		"removed, gateway changes": {del: route(0, 0), to: other, want: []string{"198.51.100.0/24 via 10.1.2.2 table 254"}},
		"moved, address changes":   {del: route(0, 0), add: route(100, 0), to: two, want: []string{"default via 10.7.7.1 table 100", "198.51.100.0/24 via 10.7.7.1 table 254"}},
		"moved, and at an end":     {del: route(0, 0), add: route(100, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			inside(t, func() {
				l := addVeth(t, "eth0", "peer")
				n, err := kernellink.Host()
				must(t, err)
				defer n.Close()
				must(t, n.AwaitUp(context.Background(), l))
				must(t, one.Apply(n, l))
				for r, do := range map[*netlink.Route]func(*netlink.Route) error{test.del: n.RouteDel, test.add: n.RouteAdd} {
					if r != nil {
						r.LinkIndex = l.Attrs().Index
						must(t, do(r))
					}
				}
				if test.addressless {
					must(t, n.AddrDel(l, &one.Addrs[0]))
				}
				was, err := one.Locate(n, l, test.flushed)
				must(t, err)
				must(t, was.Change(n, l, test.to))
				all, err := n.Routes(l, netlink.FAMILY_V4)
				must(t, err)
				var got []string
				for _, r := range all {
					if r.Gw != nil {
						got = append(got, ip.RouteText(r))
					}
				}
				slices.Sort(got)
				slices.Sort(test.want)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A lease that is followed by another one after a while: what others made of the first one's routes
// goes for the second one's, too.
func TestChangeLater(t *testing.T) {
	inside(t, func() {
		l := addVeth(t, "eth0", "peer")
		n, err := kernellink.Host()
		must(t, err)
		defer n.Close()
		must(t, n.AwaitUp(context.Background(), l))
		one, two := config(t, "10.1.2.1", "10.1.2.50/24"), config(t, "10.7.7.1", "10.7.7.50/24")
		must(t, one.Apply(n, l))
		must(t, n.RouteDel(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: one.Routes[0].Dst, Gw: one.Routes[0].Gw}))
		was, err := one.Locate(n, l, false)
		must(t, err)
		must(t, was.Change(n, l, ip.Config{}))
		must(t, was.Change(n, l, two))
		all, err := n.RouteList(l, netlink.FAMILY_V4)
		must(t, err)
		for _, r := range all {
			if ip.IsIPNetZero(r.Dst) {
				t.Errorf("route %s came", ip.RouteText(r))
			}
		}
		if len(all) != 2 {
			t.Errorf("routes %v", all)
		}
	})
}
