package link

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newBridge returns a bridge that AddBridge has made and that is up.
func newBridge(t *testing.T, n *Namespace) *netlink.Bridge {
	t.Helper()
	bridge, err := n.AddBridge("br0", 0, BridgeFlags{})
	if err != nil {
		t.Fatal(err)
	}
	setUp(t, n, bridge)
	return bridge
}

func setUp(t *testing.T, n *Namespace, l netlink.Link) {
	t.Helper()
	if err := n.LinkSetUp(l); err != nil {
		t.Fatal(err)
	}
}

// newPort connects a new pair, the other end of which is in a container, to the
// bridge.
func newPort(t *testing.T, n *Namespace, bridge netlink.Link, name string, mtu int) netlink.Link {
	t.Helper()
	port, _, err := AddVeth(n, newNamespace(t), Veth{Name: "eth0", HostName: name, MTU: mtu})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.LinkSetMaster(port, bridge); err != nil {
		t.Fatal(err)
	}
	return port
}

func mac(t *testing.T, n *Namespace, name string) string {
	t.Helper()
	l, err := n.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().HardwareAddr.String()
}

func TestAddBridge(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	on, off := true, false
	bridge, err := n.AddBridge("br0", 1400, BridgeFlags{STP: &on, MulticastSnooping: &off})
	if err != nil {
		t.Fatal(err)
	}
	if bridge.MTU != 1400 || *bridge.MulticastSnooping || bridge.Flags&net.FlagUp != 0 {
		t.Errorf("got %+v", bridge)
	}
	if got := bridgeFlag(t, n, bridge, 5); got != 1 { // IFLA_BR_STP_STATE
		t.Errorf("STP is %d", got)
	}
	if _, err := n.AddBridge("br0", 0, BridgeFlags{}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("the second: %v", err)
	}
	if err := n.SetBridgeFlags(bridge, BridgeFlags{STP: &off, MulticastSnooping: &on}); err != nil {
		t.Fatal(err)
	}
	if bridge, err = n.Bridge("br0"); err != nil || !*bridge.MulticastSnooping {
		t.Errorf("got %+v, %v", bridge, err)
	}
	if got := bridgeFlag(t, n, bridge, 5); got != 0 {
		t.Errorf("STP is %d", got)
	}
}

// bridgeFlag reads the first byte of a setting that the netlink package does not
// show.
func bridgeFlag(t *testing.T, n *Namespace, bridge netlink.Link, attribute uint16) byte {
	t.Helper()
	settings, err := n.settings(bridge, unix.IFLA_LINKINFO, 2) // IFLA_INFO_DATA
	if err != nil {
		t.Fatal(err)
	}
	for _, attr := range settings {
		if attr.Attr.Type == attribute {
			return attr.Value[0]
		}
	}
	t.Fatalf("setting %d is missing", attribute)
	return 0
}

func TestBridgeIsOfAnotherKind(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	if _, err := n.Bridge("br0"); !IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	if _, _, err := AddVeth(n, newNamespace(t), Veth{Name: "eth0", HostName: "br0"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Bridge("br0"); err == nil || err.Error() != `"br0" already exists but is not a bridge` {
		t.Errorf("got %v", err)
	}
}

// The hardware address of a bridge is the same with ports and without, whoever
// made it, once it is pinned.
func TestBridgeKeepsItsMAC(t *testing.T) {
	t.Parallel()
	for name, add := range map[string]func(*testing.T, *Namespace) *netlink.Bridge{
		"ours": newBridge,
		"foreign": func(t *testing.T, n *Namespace) *netlink.Bridge {
			if err := n.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}); err != nil {
				t.Fatal(err)
			}
			bridge, err := n.Bridge("br0")
			if err != nil {
				t.Fatal(err)
			}
			return bridge
		},
		"foreign without ports": func(t *testing.T, n *Namespace) *netlink.Bridge {
			if err := n.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}); err != nil {
				t.Fatal(err)
			}
			bridge, err := n.Bridge("br0")
			if err != nil {
				t.Fatal(err)
			}
			port := newPort(t, n, bridge, "veth0", 0)
			if err := n.LinkDel(port); err != nil {
				t.Fatal(err)
			}
			if bridge, err = n.Bridge("br0"); err != nil {
				t.Fatal(err)
			}
			return bridge
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			bridge := add(t, n)
			if err := n.PinMAC(bridge); err != nil {
				t.Fatal(err)
			}
			want := mac(t, n, "br0")
			if want != bridge.HardwareAddr.String() || want == "00:00:00:00:00:00" {
				t.Errorf("address %s, reported %s", want, bridge.HardwareAddr)
			}
			for i := range 8 {
				port := newPort(t, n, bridge, fmt.Sprint("veth", i), 0)
				if got := mac(t, n, "br0"); got != want {
					t.Fatalf("address %s with a port, before %s", got, want)
				}
				if i%2 == 0 {
					if err := n.LinkDel(port); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := mac(t, n, "br0"); got != want {
				t.Errorf("address %s at the end, before %s", got, want)
			}
		})
	}
}

func TestDeleteBridge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*testing.T, *Namespace)
		want    []string
	}{
		"missing": {func(*testing.T, *Namespace) {}, nil},
		"empty":   {func(t *testing.T, n *Namespace) { newBridge(t, n) }, nil},
		"in use": {func(t *testing.T, n *Namespace) {
			newPort(t, n, newBridge(t, n), "veth0", 0)
		}, []string{"br0", "veth0"}},
		"foreign": {func(t *testing.T, n *Namespace) {
			if err := n.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}); err != nil {
				t.Fatal(err)
			}
		}, []string{"br0"}},
		"of another kind": {func(t *testing.T, n *Namespace) {
			if _, _, err := AddVeth(n, newNamespace(t), Veth{Name: "eth0", HostName: "br0"}); err != nil {
				t.Fatal(err)
			}
		}, []string{"br0"}},
		"with inner pairs": {func(t *testing.T, n *Namespace) {
			bridge := newBridge(t, n)
			for _, name := range []string{"br0.7", "br0.8"} {
				if err := n.addInner(bridge, name); err != nil {
					t.Fatal(err)
				}
			}
		}, nil},
		"gone before its inner pair": {func(t *testing.T, n *Namespace) {
			bridge := newBridge(t, n)
			if err := errors.Join(n.addInner(bridge, "br0.7"), n.LinkDel(bridge)); err != nil {
				t.Fatal(err)
			}
		}, nil},
		"gone, and a pair of another": {func(t *testing.T, n *Namespace) {
			bridge := newBridge(t, n)
			if err := errors.Join(n.addInner(bridge, "br1.7"), n.LinkDel(bridge)); err != nil {
				t.Fatal(err)
			}
			renamePeer(t, n, "br1.7", "veth0")
		}, []string{"br1.7", "veth0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			test.prepare(t, n)
			if err := n.DeleteBridge("br0"); err != nil {
				t.Error(err)
			}
			expectLinks(t, n, test.want...)
		})
	}
}

// renamePeer gives the port of an inner pair a name that is known.
func renamePeer(t *testing.T, n *Namespace, inner, name string) {
	t.Helper()
	_, port, err := n.inner(inner)
	if err == nil {
		err = n.LinkSetName(port, name)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A bridge that somebody sets up after it was found empty stays.
func TestDeleteBridgeIsTooLate(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge := newBridge(t, n)
	if deleted, err := n.deleteDownBridge("br0"); deleted || err != nil {
		t.Errorf("got %v, %v", deleted, err)
	}
	if err := n.LinkSetDown(bridge); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if deleted, err := n.deleteDownBridge("br0"); !deleted || err != nil {
			t.Errorf("got %v, %v", deleted, err)
		}
	}
}

// Some connect ports as DeleteBridge asks them to, others delete the bridge:
// each port has a bridge at the end.
func TestDeleteBridgeAgainstNewPorts(t *testing.T) {
	t.Parallel()
	host := newNamespace(t)
	const count, rounds = 4, 15
	errs := make(chan error, 2*count)
	var running sync.WaitGroup
	for i := range count {
		running.Go(func() { errs <- connectAndLeave(host, fmt.Sprint("veth", i), rounds) })
		running.Go(func() {
			n, err := reopen(host)
			if err != nil {
				errs <- err
				return
			}
			defer n.Close()
			for range 4 * rounds {
				if err := n.DeleteBridge("br0"); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		})
	}
	running.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// reopen returns another connection to the namespace.
func reopen(n *Namespace) (*Namespace, error) {
	return Open(fmt.Sprintf("/proc/self/fd/%d", n.NetNS.Fd()))
}

func connectAndLeave(host *Namespace, name string, rounds int) error {
	n, err := reopen(host)
	if err != nil {
		return err
	}
	defer n.Close()
	for range rounds {
		if err := n.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "p"}); err != nil {
			return err
		}
		port, err := n.LinkByName(name)
		if err != nil {
			return err
		}
		for connected := false; !connected; {
			bridge, err := n.Bridge("br0")
			if IsNotFound(err) {
				bridge, err = n.AddBridge("br0", 0, BridgeFlags{})
			}
			if err == nil {
				err = n.LinkSetMaster(port, bridge)
			}
			if err == nil {
				err = n.LinkSetUp(bridge)
			}
			connected = err == nil
		}
		if port, err = n.LinkByName(name); err != nil {
			return err
		}
		if _, err := n.LinkByIndex(port.Attrs().MasterIndex); err != nil || port.Attrs().MasterIndex == 0 {
			return fmt.Errorf("port has no bridge: %v", err)
		}
		if err := n.LinkDel(port); err != nil {
			return err
		}
	}
	return nil
}

func TestPorts(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge := newBridge(t, n)
	newPort(t, n, bridge, "veth0", 0)
	if err := n.addInner(bridge, InnerName("br0", 7)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := AddVeth(n, newNamespace(t), Veth{Name: "eth0", HostName: "other"}); err != nil {
		t.Fatal(err)
	}
	port, err := n.LinkByName("veth0")
	if err != nil {
		t.Fatal(err)
	}
	if ports, err := n.Ports(bridge); err != nil || len(ports) != 2 {
		t.Errorf("got %v, %v", ports, err)
	}
	if shared, err := n.IsShared(bridge, port); shared || err != nil {
		t.Errorf("shared %v, %v, with an inner pair only", shared, err)
	}
	newPort(t, n, bridge, "veth1", 0)
	if shared, err := n.IsShared(bridge, port); !shared || err != nil {
		t.Errorf("shared %v, %v", shared, err)
	}
}

func TestPortFlags(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	port := newPort(t, n, newBridge(t, n), "veth0", 0)
	expect := func(want PortFlags) {
		t.Helper()
		if got, err := n.PortFlags(port); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	expect(PortFlags{})
	if err := n.LinkSetHairpin(port, true); err != nil {
		t.Fatal(err)
	}
	expect(PortFlags{Hairpin: true})
	if err := n.LinkSetIsolated(port, true); err != nil {
		t.Fatal(err)
	}
	expect(PortFlags{Hairpin: true, Isolated: true})
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge := newBridge(t, n)
	other := newPort(t, n, bridge, "veth0", 0)
	want := []string{"10.1.2.1/24", "10.1.3.1/32", "fd00::1/64"}
	for _, text := range append(want, "10.9.9.9/24") {
		addr, err := netlink.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		addr.Flags = unix.IFA_F_NODAD
		l := netlink.Link(bridge)
		if text == "10.9.9.9/24" {
			l = other
		}
		if err := n.AddrAdd(l, addr); err != nil {
			t.Fatal(err)
		}
	}
	networks, err := n.Networks(bridge)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, network := range networks {
		if !network.IP.IsLinkLocalUnicast() {
			got = append(got, network.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
