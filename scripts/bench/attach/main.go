// Attach has the kernel do what it must for a container of a bridge at least: a veth between the
// two, an address and a default route. Nothing is looked at, taken back or said, and no address
// is reserved.
//
//	attach PATH PORT BRIDGE ADDRESS GATEWAY
//
// PATH is that of the container's network namespace, PORT the name of the veth's end on the host.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: attach PATH PORT BRIDGE ADDRESS GATEWAY")
		os.Exit(2)
	}
	if err := attach(os.Args[1], os.Args[2], os.Args[3], os.Args[4], net.ParseIP(os.Args[5])); err != nil {
		fmt.Fprintln(os.Stderr, "attach:", err)
		os.Exit(1)
	}
}

func attach(path, port, bridge, address string, gateway net.IP) error {
	container, err := netns.GetFromPath(path)
	if err != nil {
		return err
	}
	inside, err := netlink.NewHandleAt(container)
	if err != nil {
		return err
	}
	own, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	ports, err := net.InterfaceByName(bridge)
	if err != nil {
		return err
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.MasterIndex, attributes.Flags = port, ports.Index, net.FlagUp
	veth := &netlink.Veth{LinkAttrs: attributes, PeerName: "eth0", PeerNamespace: netlink.NsFd(container)}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("add a veth: %w", err)
	}
	eth0, err := inside.LinkByName("eth0")
	if err != nil {
		return err
	}
	return errors.Join(inside.LinkSetUp(eth0), inside.AddrAdd(eth0, own), inside.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: gateway}))
}
