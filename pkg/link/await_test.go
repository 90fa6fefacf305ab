package link

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// A link is waited for until it sends, and no longer where the kernel does not say so.
func TestAwaitUp(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]netlink.LinkOperState{
		"loopback": netlink.OperUnknown, "dummy": netlink.OperUnknown, "ipvlan": netlink.OperUnknown, "veth": netlink.OperUp,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			l := upLink(t, n, kind)
			begin := time.Now()
			state, err := n.AwaitOperState(t.Context(), l)
			if err != nil || state != want {
				t.Errorf("state %v, %v", state, err)
			}
			if took := time.Since(begin); took >= upTime {
				t.Errorf("took %v", took)
			}
		})
	}
}

// upLink makes a link of a kind, and what it needs, and sets all up.
func upLink(t *testing.T, n *Namespace, kind string) netlink.Link {
	t.Helper()
	if kind == "loopback" {
		l := mustLink(t, n, "lo")
		setUp(t, n, l)
		return l
	}
	pair := addPair(t, n, "nic", nil)
	setUp(t, n, mustLink(t, n, "peer-nic"))
	setUp(t, n, pair)
	if kind == "veth" {
		return pair
	}
	if err := n.try(kind); err != nil {
		t.Skip("kernel lacks " + kind)
	}
	if err := n.AwaitUp(t.Context(), pair); err != nil {
		t.Fatal(err)
	}
	attrs := netlink.LinkAttrs{Name: "other", ParentIndex: pair.Attrs().Index}
	var l netlink.Link = &netlink.IPVlan{LinkAttrs: attrs}
	if kind == "dummy" {
		l = &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "other"}}
	}
	if err := n.LinkAdd(l); err != nil {
		t.Fatal(err)
	}
	l = mustLink(t, n, "other")
	setUp(t, n, l)
	return l
}
