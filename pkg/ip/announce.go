//go:build linux

package ip

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// EnableAnnouncements makes the kernel tell the neighbours of an interface of
// the current namespace whose its addresses are, whenever the interface comes up
// or its hardware address changes: by gratuitous ARP (RFC 5227, section 3) and
// unsolicited neighbour advertisements (RFC 4861, section 7.2.6). Kernels
// without a family have no such switch.
func EnableAnnouncements(name string) {
	sysctl.Prefer("net/ipv4/conf/"+name+"/arp_notify", "1")
	sysctl.Prefer(conf6(name, "ndisc_notify"), "1")
}

// Announce makes the kernel do so now: what it told when the interface came up,
// a bridge did not forward if its port was not up by then. It takes the setting
// of a hardware address for a change even if it is the same.
func Announce(n *link.Namespace, l netlink.Link) error {
	if err := n.LinkSetHardwareAddr(l, l.Attrs().HardwareAddr); err != nil {
		return fmt.Errorf("announce addresses of %q: %w", l.Attrs().Name, err)
	}
	return nil
}
