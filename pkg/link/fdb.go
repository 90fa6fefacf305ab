package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// PortTo returns the port through which a bridge, in a VLAN if it separates them,
// reaches a hardware address: nil if it knows none, and before Linux 5.0.
func (n *Namespace) PortTo(bridge netlink.Link, mac net.HardwareAddr, vlan uint16) (netlink.Link, error) {
	req, err := n.request(unix.RTM_GETNEIGH, 0)
	if err != nil {
		return nil, err
	}
	header := &netlink.Ndmsg{Family: unix.AF_BRIDGE}
	req.AddData(header)
	req.AddData(nl.NewRtAttr(unix.NDA_LLADDR, mac))
	req.AddData(nl.NewRtAttr(unix.NDA_MASTER, nl.Uint32Attr(uint32(bridge.Attrs().Index))))
	if vlan != 0 {
		req.AddData(nl.NewRtAttr(unix.NDA_VLAN, nl.Uint16Attr(vlan)))
	}
	messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look %v up in %q: %w", mac, bridge.Attrs().Name, err)
	case len(messages) == 0 || len(messages[0]) < header.Len():
		return nil, nil
	}
	port, err := n.LinkByIndex(int(binary.NativeEndian.Uint32(messages[0][4:]))) // ndm_ifindex
	if IsNotFound(err) {
		return nil, nil
	}
	return port, err
}
