package main

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	machine "github.com/containernetworking/plugins/integration/node"
)

// linkLocal matches what interfaces get by themselves some time after they are up.
var linkLocal = regexp.MustCompile(`fe80::|ff00::`)

// An agent that is killed changes nothing for those who run, and what has become stale
// meanwhile goes when it starts again. What others have made stays.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"-overlay", "vxlan"}} {
		s := newSite(t)
		segment := 1 + len(flags)/2
		a, b, c := s.addHost(1, 1), s.addHost(2, segment), s.addHost(3, segment)
		for _, h := range []*host{a, b, c} {
			s.join(h)
		}
		agent := a.startSettled(flags...)
		b.startSettled(flags...)
		from, to := a.addPod("from"), b.addPod("to")
		a.Exec(t, "ip", "route", "add", "10.9.0.0/24", "via", "192.0.2.1", "proto", "static")
		before := a.State(t)

		agent.Stop(syscall.SIGKILL)
		if diff := hoststate.Diff(before, a.State(t), linkLocal); diff != "" {
			t.Errorf("after the kill:\n%s", diff)
		}
		expectSource(t, "without an agent", from, to, to.ips[0], from.ips[0].String())

		s.api.remove(c.name)
		a.Exec(t, "ip", "route", "del", "10.244.2.0/24")
		a.startSettled(flags...)
		if routes := a.routes(); strings.Contains(routes, "10.244.3.0/24") || strings.Contains(routes, "fd00:10:244:3::/64") {
			t.Errorf("routes to a node that has left:\n%s", routes)
		}
		if routes := a.Exec(t, "ip", "route", "show", "10.9.0.0/24"); routes == "" {
			t.Error("somebody else's route is gone")
		}
		expectSource(t, "with an agent again", from, to, to.ips[0], from.ips[0].String())
		s.join(c)
		eventually(t, func() string { return hoststate.Diff(before, a.State(t), linkLocal, machine.Lasting()) })
	}
}

// Routes come back that somebody deletes, or that are lost with a link that goes down, and
// others' routes to the same destination are left alone, whatever their metric, until they go.
func TestRoutesComeBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b, c := s.addHost(1, 1), s.addHost(2, 1), s.addHost(3, 1)
	a.Exec(t, "ip", "route", "add", "blackhole", "10.244.3.0/24", "proto", "static")
	a.Exec(t, "ip", "route", "add", "blackhole", "fd00:10:244:3::/64", "proto", "static", "metric", "50")
	for _, h := range []*host{a, b, c} {
		s.join(h)
	}
	a.startSettled()
	if routes := a.Exec(t, "ip", "route", "show", "10.244.3.0/24"); !strings.Contains(routes, "blackhole") {
		t.Errorf("somebody else's route is %q", routes)
	}
	wanted := a.routes()
	if n := strings.Count(wanted, "\n"); n != 1 {
		t.Errorf("routes are\n%s", wanted)
	}
	a.Exec(t, "ip", "route", "del", "10.244.2.0/24")
	awaitRoutes(t, a, wanted)
	a.Exec(t, "ip", "link", "set", "eth0", "down")
	a.Exec(t, "ip", "link", "set", "eth0", "up")
	a.Exec(t, "ip", "address", "replace", "2001:db8:1::11/64", "dev", "eth0", "nodad")
	awaitRoutes(t, a, wanted)
	a.Exec(t, "ip", "route", "replace", "blackhole", "10.244.3.0/24", "proto", "static", "metric", "50")
	a.Exec(t, "ip", "route", "del", "blackhole", "10.244.3.0/24", "metric", "0")
	awaitRoutes(t, a, wanted)
	a.Exec(t, "ip", "route", "del", "10.244.3.0/24", "metric", "50")
	a.Exec(t, "ip", "-6", "route", "del", "fd00:10:244:3::/64", "metric", "50")
	eventually(t, func() string {
		if routes := a.routes(); strings.Count(routes, "\n") != 3 {
			return "routes are\n" + routes
		}
		return ""
	})
}

// Nodes on the link are reached although the overlay cannot be completed, as on a link whose MTU
// is too small for IPv6 in it.
func TestBrokenOverlay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 1)
	a.Exec(t, "ip", "link", "set", "eth0", "mtu", "1300")
	s.join(a)
	s.join(b)
	a.start("-overlay", "vxlan").Await(t, "give "+vxlanName+" the address", 1, deadline)
	awaitRoutes(t, a, "10.244.2.0/24 via 192.0.2.12 dev eth0 onlink\nfd00:10:244:2::/64 via 2001:db8:1::12 dev eth0 metric 1024 onlink pref medium")
}

// A node is reached, and no longer, when somebody makes and deletes the route to it.
func TestRouteToNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 2)
	s.join(a)
	s.join(b)
	a.startSettled()
	awaitRoutes(t, a, "")
	a.Exec(t, "ip", "route", "add", "198.51.100.0/24", "dev", "eth0")
	awaitRoutes(t, a, "10.244.2.0/24 via 198.51.100.12 dev eth0 onlink")
	a.Exec(t, "ip", "route", "del", "198.51.100.0/24", "dev", "eth0")
	awaitRoutes(t, a, "")
}

func awaitRoutes(t *testing.T, h *host, wanted string) {
	t.Helper()
	eventually(t, func() string {
		if routes := h.routes(); routes != wanted {
			return "routes are\n" + routes + "\nwant\n" + wanted
		}
		return ""
	})
}

// A node that comes back with other podCIDRs is reached by these alone, and gets a conflist
// with them.
func TestOtherPodCIDRs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 1)
	s.api.set(newNode(a.name, a.addresses(), nil))
	s.join(b)
	agent := a.start()
	agent.Await(t, "has no podCIDRs yet", 1, deadline)
	if text := a.read(confDir + "/" + conflistName); text != "" {
		t.Errorf("a conflist without podCIDRs: %s", text)
	}
	s.join(a)
	agent.Await(t, settledMessage, 1, deadline)
	first := a.read(confDir + "/" + conflistName)
	if !strings.Contains(first, `"10.244.1.0/24"`) || !strings.Contains(first, `"fd00:10:244:1::/64"`) {
		t.Errorf("the conflist is\n%s", first)
	}
	s.api.set(newNode(a.name, a.addresses(), []string{"10.244.9.0/24", "fd00:10:244:9::/64"}))
	s.api.set(newNode(b.name, b.addresses(), []string{"10.244.8.0/24"}))
	want := strings.NewReplacer("10.244.1.0", "10.244.9.0", "fd00:10:244:1::", "fd00:10:244:9::").Replace(first)
	eventually(t, func() string {
		if text := a.read(confDir + "/" + conflistName); text != want {
			return "the conflist is\n" + text
		}
		return ""
	})
	awaitRoutes(t, a, "10.244.8.0/24 via 192.0.2.12 dev eth0 onlink")
}

// API servers that do not stream lists are asked for one.
func TestOldAPIServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.api.old = true
	a, b, c := s.addHost(1, 1), s.addHost(2, 1), s.addHost(3, 1)
	s.join(a)
	s.join(b)
	agent := a.startSettled()
	awaitRoutes(t, a, "10.244.2.0/24 via 192.0.2.12 dev eth0 onlink\nfd00:10:244:2::/64 via 2001:db8:1::12 dev eth0 metric 1024 onlink pref medium")
	s.join(c)
	s.api.remove(b.name)
	awaitRoutes(t, a, "10.244.3.0/24 via 192.0.2.13 dev eth0 onlink\nfd00:10:244:3::/64 via 2001:db8:1::13 dev eth0 metric 1024 onlink pref medium")
	if t.Failed() {
		t.Log(agent.Output())
	}
}
