//go:build linux

package ip

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/netlinksafe"
	"github.com/containernetworking/plugins/pkg/ns"
)

// RandomVethName returns "veth" and eight random hexadecimal digits.
func RandomVethName() (string, error) {
	return link.RandomName("veth")
}

// SetupVeth is [SetupVethWithName] with a random name for the host's end.
func SetupVeth(contVethName string, mtu int, contVethMac string, hostNS ns.NetNS) (net.Interface, net.Interface, error) {
	return SetupVethWithName(contVethName, "", mtu, contVethMac, hostNS)
}

// SetupVethWithName makes a pair of veth devices, one end in the namespace of
// the calling thread, which stays down, the other in hostNS, which is set up
// and ignores router advertisements. It returns the host's end and the
// container's. The MTU is that of both, 0 for the kernel's default; the MAC
// that of the container's end, empty for a random one. A pair that cannot be
// completed is deleted again.
func SetupVethWithName(contVethName, hostVethName string, mtu int, contVethMac string, hostNS ns.NetNS) (net.Interface, net.Interface, error) {
	fail := func(err error) (net.Interface, net.Interface, error) {
		return net.Interface{}, net.Interface{}, err
	}
	mac, err := parseMAC(contVethMac)
	if err != nil {
		return fail(fmt.Errorf("failed to make veth pair: %w", err))
	}
	container, err := link.Host()
	if err != nil {
		return fail(err)
	}
	defer container.Close()
	host, err := link.Borrow(hostNS)
	if err != nil {
		return fail(err)
	}
	defer host.Disconnect()

	hostEnd, containerEnd, err := link.AddVeth(host, container, link.Veth{
		Name: contVethName, HostName: hostVethName, MTU: mtu, MAC: mac,
	})
	if err != nil {
		return fail(err)
	}
	if err := connectHostEnd(host, hostEnd); err != nil {
		return fail(errors.Join(err, container.Delete(contVethName, "veth")))
	}
	return netInterface(hostEnd), netInterface(containerEnd), nil
}

// connectHostEnd sets the link up. That it cannot be made to ignore router
// advertisements, as with a read-only /proc/sys, is no reason to fail.
func connectHostEnd(host *link.Namespace, l netlink.Link) error {
	name := l.Attrs().Name
	_ = host.Do(func() error { return Tolerate(IgnoreAdvertisements(name), nil) })
	if err := host.LinkSetUp(l); err != nil {
		return fmt.Errorf("failed to set %q up: %w", name, err)
	}
	l.Attrs().Flags |= net.FlagUp
	return nil
}

func parseMAC(mac string) (net.HardwareAddr, error) {
	if mac == "" {
		return nil, nil
	}
	return net.ParseMAC(mac)
}

func netInterface(l netlink.Link) net.Interface {
	a := l.Attrs()
	return net.Interface{
		Index:        a.Index,
		MTU:          a.MTU,
		Name:         a.Name,
		HardwareAddr: a.HardwareAddr,
		Flags:        a.Flags,
	}
}

// GetVethPeerIfindex returns the veth device called ifName and the index of its
// peer, which is valid in the peer's namespace only: the attribute NetNsID of
// the link tells which that is, -1 for the same one. On error the index is -1.
func GetVethPeerIfindex(ifName string) (netlink.Link, int, error) {
	l, err := netlinksafe.LinkByName(ifName)
	if err != nil {
		return nil, -1, fmt.Errorf("could not look up %q: %w", ifName, err)
	}
	veth, ok := l.(*netlink.Veth)
	if !ok {
		return nil, -1, fmt.Errorf("interface %q was not a veth interface", ifName)
	}
	peer := veth.ParentIndex
	if peer <= 0 {
		// IFLA_LINK is there since Linux 4.1, but left out by some later kernels
		// where peers in two namespaces have one index. Ethtool knows it always.
		if peer, err = netlink.VethPeerIndex(veth); err != nil {
			return nil, -1, fmt.Errorf("get peer index of %q: %w", ifName, err)
		}
	}
	return veth, peer, nil
}
