package main

import (
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Two nodes on one segment: containers reach each other with their own addresses, and what
// is outside with that of their node.
func TestOneSegment(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 1)
	for _, h := range []*host{a, b} {
		s.join(h)
		h.startSettled()
	}
	testTraffic(t, s, a, b)
}

// testTraffic tries all ways between two nodes, and from them to the outside.
func testTraffic(t *testing.T, s *site, a, b *host) {
	t.Helper()
	from, to := a.addPod("from"), b.addPod("to")
	for i := range from.ips {
		expectSource(t, "pod to pod", from, to, to.ips[i], from.ips[i].String())
		expectSource(t, "pod to pod, back", to, from, from.ips[i], to.ips[i].String())
		outside := net.ParseIP(s.routers(1)[i])
		expectSource(t, "pod to the outside", from, s, outside, a.addresses()[i])
		if _, err := sourceOf(a, to, to.ips[i]); err != nil {
			t.Errorf("node to pod: %v", err)
		}
	}
}

// Two nodes on segments that only route between the nodes' own addresses: containers reach
// each other through the overlay.
func TestOverlay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 2)
	for _, h := range []*host{a, b} {
		s.join(h)
		h.startSettled("-overlay", "vxlan")
	}
	testTraffic(t, s, a, b)
}

// Where somebody else makes the routes, the agent makes none, and removes those that one
// before has made.
func TestNoRoutes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 2)
	s.join(a)
	s.join(b)
	a.startSettled("-overlay", "vxlan").Stop(syscall.SIGKILL)
	if a.routes() == "" {
		t.Error("no routes")
	}
	a.startSettled("-routes", "none", "-masquerade=false")
	left := a.routes() + a.Exec(t, "ip", "-o", "link", "show", "type", "vxlan") + a.Exec(t, "nft", "list", "tables")
	if left != "" {
		t.Errorf("there is\n%s", left)
	}
}

// The overlay over IPv6, with containers of both families.
func TestOverlayOverIPv6(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 2)
	for _, h := range []*host{a, b} {
		addresses := h.addresses()
		s.api.set(newNode(h.name, []string{addresses[1], addresses[0]}, h.podCIDRs()))
		h.startSettled("-overlay", "vxlan")
	}
	testTraffic(t, s, a, b)
	if link := a.Exec(t, "ip", "-d", "link", "show", vxlanName); !strings.Contains(link, "mtu 1430") || !strings.Contains(link, "local "+a.addresses()[1]) {
		t.Errorf("the device is\n%s", link)
	}
	if text := a.read(confDir + "/" + conflistName); !strings.Contains(text, `"mtu": 1430`) {
		t.Errorf("the conflist is\n%s", text)
	}
}

// Packets as large as the containers' MTU pass the overlay.
func TestOverlayMTU(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 2)
	for _, h := range []*host{a, b} {
		s.join(h)
		h.startSettled("-overlay", "vxlan", "-network", "bridge")
	}
	from, to := a.addPod("from"), b.addPod("to")
	for i, headers := range []int{20 + 8, 40 + 8} {
		from.Exec(t, "ping", "-c1", "-W3", "-Mdo", "-s", strconv.Itoa(1450-headers), to.ips[i].String())
	}
}
