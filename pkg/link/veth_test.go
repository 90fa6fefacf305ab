package link

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
)

// newNamespace returns a namespace that lives as long as the test.
func newNamespace(t *testing.T) *Namespace {
	t.Helper()
	temp, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	n, err := At(temp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// names lists the links of n apart from lo.
func names(t *testing.T, n *Namespace) []string {
	t.Helper()
	links, err := n.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		if l.Attrs().Name != "lo" {
			names = append(names, l.Attrs().Name)
		}
	}
	return names
}

func expectLinks(t *testing.T, n *Namespace, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, names(t, n)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

var attachment = owner.Attachment{Network: "net1", ContainerID: "c1", IfName: "eth0"}

func TestAddVeth(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 7}
	hostEnd, containerEnd, err := AddVeth(host, container, Veth{Name: "eth0", HostName: "vethx", MTU: 1400, MAC: mac})
	if err != nil {
		t.Fatal(err)
	}
	type end struct {
		Name         string
		MTU, TxQLen  int
		Up, GivenMAC bool
	}
	describe := func(l netlink.Link) end {
		a := l.Attrs()
		return end{a.Name, a.MTU, a.TxQLen, a.Flags&net.FlagUp != 0, a.HardwareAddr.String() == mac.String()}
	}
	if diff := cmp.Diff(end{"vethx", 1400, 1000, false, false}, describe(hostEnd)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(end{"eth0", 1400, 1000, false, true}, describe(containerEnd)); diff != "" {
		t.Error(diff)
	}
	if PeerIndex(hostEnd) != containerEnd.Attrs().Index || PeerIndex(containerEnd) != hostEnd.Attrs().Index {
		t.Error("the ends are not each other's peers")
	}
}

func TestAddVethRefusesTakenNames(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	if _, _, err := AddVeth(host, container, Veth{Name: "eth0", HostName: "vethx"}); err != nil {
		t.Fatal(err)
	}
	for _, v := range []Veth{{Name: "eth%d"}, {Name: "eth1", HostName: "veth%d"}} {
		if _, _, err := AddVeth(host, container, v); err == nil || !strings.Contains(err.Error(), "has a %") {
			t.Errorf("%+v: error %v", v, err)
		}
	}
	for _, v := range []Veth{{Name: "eth0"}, {Name: "eth1", HostName: "vethx"}, {Name: "eth0", HostName: "vethy"}} {
		_, _, err := AddVeth(host, container, v)
		var exists *VethExistsError
		if !errors.As(err, &exists) {
			t.Errorf("%+v: error %v", v, err)
		}
	}
	expectLinks(t, host, "vethx")
	expectLinks(t, container, "eth0")
}

func TestOwnedVethIsFoundWithoutItsNamespace(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	hostEnd, _, err := AddOwnedVeth(host, container, Veth{Name: "eth0"}, attachment)
	if err != nil {
		t.Fatal(err)
	}
	if got := hostEnd.Attrs().Name; got != hostName(attachment, 0) {
		t.Errorf("name %s, want %s", got, hostName(attachment, 0))
	}
	for range 2 {
		if err := DeleteOwnedVeth(host, nil, attachment); err != nil {
			t.Fatal(err)
		}
		expectLinks(t, host)
		expectLinks(t, container)
	}
}

// What an interrupted ADD left in a namespace of the past must neither stop the
// next ADD nor survive the DEL.
func TestOwnedVethBesideALeftover(t *testing.T) {
	t.Parallel()
	host, old, container := newNamespace(t), newNamespace(t), newNamespace(t)
	if _, _, err := AddOwnedVeth(host, old, Veth{Name: "eth0"}, attachment); err != nil {
		t.Fatal(err)
	}
	if _, _, err := AddOwnedVeth(host, container, Veth{Name: "eth0"}, attachment); err != nil {
		t.Fatal(err)
	}
	if err := DeleteOwnedVeth(host, container, attachment); err != nil {
		t.Fatal(err)
	}
	expectLinks(t, host)
	expectLinks(t, container)
}

// A pair of another attachment, or a link that is no veth, is not ours to
// delete even if it bears the name in the namespace that the runtime passes.
func TestDeleteOwnedVethLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	other := attachment
	other.ContainerID = "c2"
	if _, _, err := AddOwnedVeth(host, container, Veth{Name: "eth0"}, other); err != nil {
		t.Fatal(err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "net1"}}
	if err := container.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"eth0", "net1"} {
		mine := attachment
		mine.IfName = name
		if err := DeleteOwnedVeth(host, container, mine); err != nil {
			t.Error(err)
		}
	}
	expectLinks(t, container, "eth0", "net1")
}

// Upstream's pairs bear no tag: the name in the container's namespace decides.
func TestDeleteOwnedVethOfUpstream(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	if _, _, err := AddVeth(host, container, Veth{Name: "eth0"}); err != nil {
		t.Fatal(err)
	}
	if err := DeleteOwnedVeth(host, container, attachment); err != nil {
		t.Error(err)
	}
	expectLinks(t, host)
}

func TestCollectOwned(t *testing.T) {
	t.Parallel()
	host, container := newNamespace(t), newNamespace(t)
	keep := attachment
	stale := owner.Attachment{Network: "net1", ContainerID: "c2", IfName: "eth1"}
	foreign := owner.Attachment{Network: "net2", ContainerID: "c2", IfName: "eth2"}
	for _, a := range []owner.Attachment{keep, stale, foreign} {
		if _, _, err := AddOwnedVeth(host, container, Veth{Name: a.IfName}, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := host.CollectOwned("net1", []owner.Attachment{keep}); err != nil {
		t.Fatal(err)
	}
	expectLinks(t, container, "eth0", "eth2")
}

func TestDeleteByKind(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	if err := n.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind string
		want []string
	}{{"macvlan", []string{"br0"}}, {"bridge", nil}, {"bridge", nil}} {
		if err := n.Delete("br0", c.kind); err != nil {
			t.Fatal(err)
		}
		expectLinks(t, n, c.want...)
	}
}
