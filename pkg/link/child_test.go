package link

import (
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// children are interfaces of each kind that is on another one.
func children() []netlink.Link {
	return []netlink.Link{
		&Macvlan{Macvlan: netlink.Macvlan{
			Mode: netlink.MACVLAN_MODE_SOURCE, BCQueueLen: 77, MACAddrs: []net.HardwareAddr{{2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 1}},
		}},
		&netlink.IPVlan{Mode: netlink.IPVLAN_MODE_L3, Flag: netlink.IPVLAN_FLAG_PRIVATE},
		&netlink.Vlan{
			VlanId: 100, VlanProtocol: netlink.VLAN_PROTOCOL_8021AD,
			IngressQosMap: map[uint32]uint32{3: 5}, EgressQosMap: map[uint32]uint32{6: 7, 0: 1},
		},
	}
}

// describe completes what a child is to have.
func describe(l, master netlink.Link) netlink.Link {
	a := l.Attrs()
	a.Name, a.ParentIndex, a.MTU, a.TxQLen, a.NumTxQueues = "eth0", master.Attrs().Index, 1400, -1, 2
	return l
}

// addMaster makes a link, up, and takes another link's name, too.
func addMaster(t *testing.T, n *Namespace, taken string) netlink.Link {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "master"
	pair := netlink.NewVeth(attrs)
	pair.PeerName = taken
	if err := n.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	master, err := n.LinkByName("master")
	if err != nil {
		t.Fatal(err)
	}
	return master
}

func needsChild(t *testing.T, n *Namespace, kind string) {
	t.Helper()
	if err := n.try(kind); err != nil {
		t.Skip("kernel lacks " + kind)
	}
}

// A child comes into being in the container alone, also if its name is in use on
// the host, and is what was asked for.
func TestAddChild(t *testing.T) {
	t.Parallel()
	for i, asked := range children() {
		t.Run(asked.Type(), func(t *testing.T) {
			t.Parallel()
			for _, taken := range []string{"peer", "eth0"} {
				host, container := newNamespace(t), newNamespace(t)
				needsChild(t, host, asked.Type())
				master := addMaster(t, host, taken)
				made, err := host.AddChild(container, describe(children()[i], master))
				if err != nil {
					t.Fatal(err)
				}
				type child struct {
					Kind, Name    string
					MTU, TxQueues int
					Up            bool
				}
				a := made.Attrs()
				got := child{made.Type(), a.Name, a.MTU, a.NumTxQueues, a.Flags&net.FlagUp != 0}
				if diff := cmp.Diff(child{asked.Type(), "eth0", 1400, 2, false}, got); diff != "" {
					t.Error(diff)
				}
				options, err := container.Options(made)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(Options(asked), options); diff != "" {
					t.Errorf("options (-want +got):\n%s", diff)
				}
				if below, err := container.Below(host, master, asked.Type()); err != nil || LowerOf(made) != below {
					t.Errorf("is on %+v, want %+v, %v", LowerOf(made), below, err)
				}
				expectLinks(t, host, taken, "master")
				expectLinks(t, container, "eth0")
			}
		})
	}
}

// A name that is in use in the container is an error, and so is a VLAN that has
// an interface. Nothing is touched.
func TestAddChildExists(t *testing.T) {
	t.Parallel()
	for i, asked := range children() {
		t.Run(asked.Type(), func(t *testing.T) {
			t.Parallel()
			host, container, other := newNamespace(t), newNamespace(t), newNamespace(t)
			needsChild(t, host, asked.Type())
			master := addMaster(t, host, "peer")
			add := func(container *Namespace) error {
				_, err := host.AddChild(container, describe(children()[i], master))
				return err
			}
			if err := add(container); err != nil {
				t.Fatal(err)
			}
			if err := add(container); !errors.Is(err, unix.EEXIST) {
				t.Errorf("name in use: got %v", err)
			}
			if err := add(other); (err != nil) != (asked.Type() == "vlan") || err != nil && !errors.Is(err, unix.EEXIST) {
				t.Errorf("other container: got %v", err)
			}
			expectLinks(t, host, "peer", "master")
			expectLinks(t, container, "eth0")
		})
	}
}

// A child on a child of its own kind shares the lower interface with that.
func TestBelow(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"macvlan", "ipvlan"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			host, container := newNamespace(t), newNamespace(t)
			needsChild(t, host, kind)
			newLink := func(name string, parent netlink.Link) netlink.Link {
				attrs := netlink.NewLinkAttrs()
				attrs.Name, attrs.ParentIndex = name, parent.Attrs().Index
				if kind == "ipvlan" {
					return &netlink.IPVlan{LinkAttrs: attrs}
				}
				return &Macvlan{Macvlan: netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}}
			}
			first, err := host.AddChild(container, newLink("eth0", addMaster(t, host, "peer")))
			if err != nil {
				t.Fatal(err)
			}
			second, err := container.AddChild(container, newLink("eth1", first))
			if err != nil {
				t.Fatal(err)
			}
			if below, err := container.Below(container, first, kind); err != nil || !below.Is(LowerOf(second)) {
				t.Errorf("is on %+v, want %+v, %v", LowerOf(second), below, err)
			}
			// The namespace in the middle is the first one that the other container has a number for.
			other := newNamespace(t)
			_, _, err = AddVeth(container, other, Veth{Name: "eth0"})
			if err == nil {
				_, err = other.LinkByName("eth0")
			}
			if err != nil {
				t.Fatal(err)
			}
			third, err := container.AddChild(other, newLink("eth2", first))
			if err != nil {
				t.Fatal(err)
			}
			below, err := other.Below(container, first, kind)
			if err != nil || !below.Is(LowerOf(third)) || below.Is(Lower{below.Index + 1, LowerOf(third).NetNsID}) || LowerOf(third).NetNsID == LowerOf(first).NetNsID {
				t.Errorf("is on %+v, want %+v, %v", LowerOf(third), below, err)
			}
		})
	}
}
