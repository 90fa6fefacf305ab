package link

import (
	"errors"
	"net"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestInner(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge := newBridge(t, n)
	if _, _, err := n.inner("br0.7"); !IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	if err := n.addInner(bridge, "br0.7"); err != nil {
		t.Fatal(err)
	}
	l, port, err := n.inner("br0.7")
	if err != nil || l.Attrs().Name != "br0.7" || port.Attrs().MasterIndex != bridge.Index || l.Attrs().MTU != bridge.MTU {
		t.Errorf("got %v, %v, %v", l, port, err)
	}
	if err := n.addInner(bridge, "br0.7"); !errors.Is(err, unix.EEXIST) {
		t.Errorf("the second: %v", err)
	}
	if _, _, err := n.inner("br0"); err == nil {
		t.Error("a bridge is taken for an inner pair")
	}
}

// The interface is made once for a bridge, is up and in its VLAN alone, and takes the
// place of one whose bridge is gone.
func TestEnsureInner(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge, other := newFilteringBridge(t, n, "br0"), newFilteringBridge(t, n, "other")
	prepared := 0
	expect := func(want bool) {
		t.Helper()
		l, isNew, err := n.EnsureInner(t.Context(), Inner{Bridge: bridge, VLAN: 7, Prepare: func(string) error { prepared++; return nil }})
		if err != nil || isNew != want {
			t.Fatalf("new: %v, %v", isNew, err)
		}
		l, port, err := n.inner(l.Attrs().Name)
		if err != nil || l.Attrs().Flags&port.Attrs().Flags&net.FlagUp == 0 || port.Attrs().MasterIndex != bridge.Index {
			t.Fatalf("got %v, %v, %v", l, port, err)
		}
		if vlans, err := n.VLANs(port); err != nil || !vlans.Equal(VLANs{Native: 7}) {
			t.Errorf("the port is in %v, %v", vlans, err)
		}
	}
	expect(true)
	expect(false)
	if err := n.LinkDel(bridge); err != nil {
		t.Fatal(err)
	}
	bridge = newFilteringBridge(t, n, "br0")
	expect(true)
	if prepared != 2 {
		t.Errorf("prepared %d times", prepared)
	}
	bridge, other = other, bridge
	if err := errors.Join(n.LinkSetName(other, "br1"), n.LinkSetName(bridge, "br0")); err != nil {
		t.Fatal(err)
	}
	bridge.Name = "br0"
	_, isNew, err := n.EnsureInner(t.Context(), Inner{Bridge: bridge, VLAN: 7})
	if want := `"br0.7" exists but belongs to another bridge`; isNew || err == nil || err.Error() != want {
		t.Errorf("got %v, %v", isNew, err)
	}
}

// newFilteringBridge skips the test where bridges cannot separate VLANs.
func newFilteringBridge(t *testing.T, n *Namespace, name string) *netlink.Bridge {
	t.Helper()
	on := true
	bridge, err := n.AddBridge(name, 0, BridgeFlags{VLANFiltering: &on})
	if errors.Is(err, ErrNoVLANFiltering) {
		t.Skip("kernel lacks bridge VLAN filtering")
	}
	if err != nil {
		t.Fatal(err)
	}
	return bridge
}
