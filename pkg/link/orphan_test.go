package link

import (
	"context"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
)

// Only a pair whose other end's namespace has ended is deleted: not one that lives there
// or here, and nothing else.
func TestDeleteOrphan(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	temp, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	doomed, err := At(temp)
	if err != nil {
		t.Fatal(err)
	}
	add := func(at *Namespace, inside, name string) netlink.Link {
		t.Helper()
		l, _, err := AddVeth(host, at, Veth{Name: inside, HostName: name})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	lives, here, dead := add(container, "eth0", "lives"), add(host, "there", "here"), add(doomed, "eth0", "dead")
	bridge := newBridge(t, host)
	doomed.Close()
	for _, test := range []struct {
		link netlink.Link
		gone bool
	}{{lives, false}, {here, false}, {bridge, false}, {dead, true}, {dead, true}} {
		if gone, err := host.DeleteOrphan(context.Background(), test.link); err != nil || gone != test.gone {
			t.Errorf("%s: %v, %v", test.link.Attrs().Name, gone, err)
		}
		if _, err := host.LinkByName(test.link.Attrs().Name); IsNotFound(err) != test.gone {
			t.Errorf("%s, looked up: %v", test.link.Attrs().Name, err)
		}
	}
}

// A bridge tells the port behind which a hardware address is.
func TestPortTo(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge := newBridge(t, n)
	port := newPort(t, n, bridge, "port", 1500)
	learned := &netlink.Neigh{LinkIndex: port.Attrs().Index, Family: unix.AF_BRIDGE, Flags: netlink.NTF_MASTER, State: netlink.NUD_NOARP, HardwareAddr: []byte{2, 0, 0, 0, 0, 7}}
	if err := n.NeighAdd(learned); err != nil {
		t.Fatal(err)
	}
	found, err := n.PortTo(bridge, learned.HardwareAddr, 0)
	if err != nil || found == nil || found.Attrs().Name != "port" {
		t.Errorf("%v, %v", found, err)
	}
	for _, l := range []netlink.Link{bridge, port} { // which is no bridge
		if found, err := n.PortTo(l, []byte{2, 0, 0, 0, 0, 8}, 0); found != nil || err != nil {
			t.Errorf("in %s: %v, %v", l.Attrs().Name, found, err)
		}
	}
}
