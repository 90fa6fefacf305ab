package link

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/containernetworking/plugins/pkg/unpolled"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// madeGroup is the link group (`ip link show group 4410953`) of bridges that
// AddBridge has made: only those may be deleted again. The kernel has a bridge
// with that mark or none, whereas an alias would come in a message of its own.
const madeGroup = 'C'<<16 | 'N'<<8 | 'I'

// BridgeFlags are settings of a bridge. Those that are nil are left as they are,
// which is off in a new bridge, but for MulticastSnooping.
type BridgeFlags struct {
	// VLANFiltering makes ports drop frames of VLANs that they are not in.
	VLANFiltering *bool
	// STP is the spanning tree protocol, IEEE 802.1D.
	STP *bool
	// MulticastSnooping limits multicast to the ports that have joined.
	MulticastSnooping *bool
}

// Bridge returns the bridge called name.
func (n *Namespace) Bridge(name string) (*netlink.Bridge, error) {
	l, err := n.LinkByName(name)
	if err != nil {
		return nil, err
	}
	bridge, ok := l.(*netlink.Bridge)
	if !ok {
		return nil, fmt.Errorf("%q already exists but is not a bridge", name)
	}
	return bridge, nil
}

// AddBridge makes a bridge, which is down. An mtu of 0 leaves that to the
// kernel. Its hardware address is random and stays: that of a bridge which has
// got none with its creation changes with its ports. A name that is taken is
// unix.EEXIST (NLM_F_EXCL): somebody else was faster.
func (n *Namespace) AddBridge(name string, mtu int, flags BridgeFlags) (*netlink.Bridge, error) {
	req, err := n.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	if err != nil {
		return nil, err
	}
	mac, err := ChooseMAC(nil)
	if err != nil {
		return nil, err
	}
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, mac))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(madeGroup)))
	if mtu != 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(mtu))))
	}
	req.AddData(flags.linkInfo())
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return nil, fmt.Errorf("could not add %q: %w", name, flags.explain(err))
	}
	bridge, err := n.Bridge(name)
	if err != nil {
		err = errors.Join(err, n.DeleteBridge(name)) // unless others use it by now
	}
	return bridge, err
}

// SetBridgeFlags changes settings of a bridge that is there.
func (n *Namespace) SetBridgeFlags(bridge netlink.Link, flags BridgeFlags) error {
	req, err := n.request(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	if err != nil {
		return err
	}
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(bridge.Attrs().Index)
	req.AddData(msg)
	req.AddData(flags.linkInfo())
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("configure bridge %q: %w", bridge.Attrs().Name, flags.explain(err))
	}
	return nil
}

func (f BridgeFlags) linkInfo() *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	if f.VLANFiltering != nil {
		data.AddRtAttr(nl.IFLA_BR_VLAN_FILTERING, []byte{number(*f.VLANFiltering)})
	}
	if f.STP != nil {
		data.AddRtAttr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(uint32(number(*f.STP))))
	}
	if f.MulticastSnooping != nil {
		data.AddRtAttr(nl.IFLA_BR_MCAST_SNOOPING, []byte{number(*f.MulticastSnooping)})
	}
	return info
}

// ErrNoVLANFiltering says that the kernel was built without
// CONFIG_BRIDGE_VLAN_FILTERING.
var ErrNoVLANFiltering = errors.New("the kernel lacks bridge VLAN filtering")

// explain tells what is not supported.
func (f BridgeFlags) explain(err error) error {
	if f.VLANFiltering != nil && errors.Is(err, unix.EOPNOTSUPP) {
		return ErrNoVLANFiltering
	}
	return err
}

func number(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// PinMAC makes a bridge that somebody else has made keep its hardware address.
// Setting the address again is what the kernel takes for a choice; it also makes
// it forget the bridge's neighbours, and so it is done only where need be.
func (n *Namespace) PinMAC(bridge *netlink.Bridge) error {
	if bridge.Group == madeGroup || isChosen(bridge) {
		return nil
	}
	if isZero(bridge.HardwareAddr) { // it lost its last port
		mac, err := ChooseMAC(nil)
		if err != nil {
			return err
		}
		bridge.HardwareAddr = mac
	}
	if err := n.LinkSetHardwareAddr(bridge, bridge.HardwareAddr); err != nil {
		return fmt.Errorf("pin MAC address of %q: %w", bridge.Name, err)
	}
	return nil
}

// isChosen reports whether somebody has set the hardware address
// (NET_ADDR_SET), which only sysfs tells. There may be none, or that of another
// namespace.
func isChosen(bridge *netlink.Bridge) bool {
	read := func(file string) string {
		content, _ := unpolled.ReadFile("/sys/class/net/" + bridge.Name + "/" + file)
		return strings.TrimSpace(string(content))
	}
	return read("addr_assign_type") == "3" && read("ifindex") == strconv.Itoa(bridge.Index)
}

func isZero(address []byte) bool { return len(bytes.TrimLeft(address, "\x00")) == 0 }
