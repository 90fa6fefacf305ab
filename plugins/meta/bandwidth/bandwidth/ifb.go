package bandwidth

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
)

// What the names of the devices begin with, and how long they are.
const (
	ifbKind    = "ifb"
	ifbPrefix  = "bwp"
	ifbNameLen = 15
)

// upstreamsName is that which upstream gives the device of an attachment, and the
// plugin too where it is free: it is the same for all interfaces that a container
// has in a network.
func upstreamsName(a owner.Attachment) string {
	return owner.Name(ifbNameLen, ifbPrefix, a.Network+a.ContainerID)
}

// ownName is that of no other attachment.
func ownName(a owner.Attachment) string { return a.DeviceName(ifbNameLen, ifbPrefix, 0) }

// birthMAC is the address of an attachment's device, which tells whose it is
// before it has an alias.
func birthMAC(a owner.Attachment) net.HardwareAddr {
	mac, _ := hex.DecodeString(strings.TrimPrefix(ownName(a), ifbPrefix))
	return local(mac)
}

// local makes an address one for a single station, administered locally.
func local(mac net.HardwareAddr) net.HardwareAddr {
	mac[0] = mac[0]&^1 | 2
	return mac
}

// isNewborn reports whether a link is the attachment's device that has no alias
// yet, and never will if its ADD was killed.
func isNewborn(l netlink.Link, a owner.Attachment) bool {
	return l.Type() == ifbKind && l.Attrs().Alias == "" && !isUp(l) && bytes.Equal(l.Attrs().HardwareAddr, birthMAC(a))
}

// isUpstreams reports whether a link may be a device that upstream has made, for
// whatever attachment. Those are up at once.
func isUpstreams(l netlink.Link) bool {
	name := l.Attrs().Name
	digits, ok := strings.CutPrefix(name, ifbPrefix)
	_, err := hex.DecodeString(digits)
	return ok && err == nil && len(name) == ifbNameLen && l.Type() == ifbKind && l.Attrs().Alias == "" && isUp(l)
}

func isUp(l netlink.Link) bool { return l.Attrs().Flags&net.FlagUp != 0 }

// mark is the alias of a device. Behind its owner's tag it has what DEL and GC
// need to know of the interface that the device is for: it may be all they have.
type mark struct {
	// index of the interface, which the kernel gives to no other.
	index int
	// found says that there was an ingress qdisc before, which is somebody else's.
	found bool
}

const (
	markIndex = ", for interface: "
	markFound = " with its own qdisc"
)

func (m mark) alias(a owner.Attachment) string {
	alias := a.Tag() + markIndex + strconv.Itoa(m.index)
	if m.found {
		alias += markFound
	}
	return alias
}

// markOf reads the alias of a device. Upstream's has none, and upstream makes the
// ingress qdisc by itself; but if it is down, it is what an ADD left that was
// killed before it came to the qdisc.
func markOf(device netlink.Link) mark {
	alias, found := strings.CutSuffix(device.Attrs().Alias, markFound)
	start := strings.LastIndex(alias, markIndex)
	if start < 0 {
		return mark{found: !isUp(device)}
	}
	index, _ := strconv.Atoi(alias[start+len(markIndex):])
	return mark{index, found}
}

// shapedBy returns the interface that a device of the host is for, or nil if that
// is gone or the device does not know.
func shapedBy(host *link.Namespace, device netlink.Link) (netlink.Link, error) {
	index := markOf(device).index
	if index == 0 {
		return nil, nil
	}
	l, err := host.LinkByIndex(index)
	if err != nil && !link.IsNotFound(err) {
		return nil, fmt.Errorf("look up the interface of %q: %w", device.Attrs().Name, err)
	}
	return l, nil
}

// devices returns the devices of an attachment in a namespace. One that upstream
// has made may also be that of another interface of the container: see unshared.
func devices(n *link.Namespace, a owner.Attachment) ([]netlink.Link, error) {
	var found []netlink.Link
	for _, name := range []string{upstreamsName(a), ownName(a)} {
		device, err := n.LinkByName(name)
		if link.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look %q up: %w", name, err)
		}
		if isUpstreams(device) || isNewborn(device, a) || device.Type() == ifbKind && a.Owns(device.Attrs().Alias) {
			found = append(found, device)
		}
	}
	return found, nil
}

// unshared returns the devices without those of upstream's that other interfaces
// than l use.
func unshared(n *link.Namespace, l netlink.Link, devices []netlink.Link) ([]netlink.Link, error) {
	if !slices.ContainsFunc(devices, isUpstreams) {
		return devices, nil
	}
	users, err := redirections(n)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(devices), func(device netlink.Link) bool {
		return isUpstreams(device) && slices.ContainsFunc(users[device.Attrs().Index], func(user int) bool {
			return user != l.Attrs().Index
		})
	}), nil
}

// redirections returns, by the index of a device, those of the interfaces from
// which packets are redirected to it.
func redirections(n *link.Namespace) (map[int][]int, error) {
	qdiscs, err := n.QdiscList(nil)
	if err != nil {
		return nil, fmt.Errorf("list qdiscs: %w", err)
	}
	users := make(map[int][]int)
	for _, q := range qdiscs {
		if q.Attrs().Parent != netlink.HANDLE_INGRESS { // also clsact's
			continue
		}
		l := &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: q.Attrs().LinkIndex}}
		filters, err := filtersOf(n, l, netlink.HANDLE_MIN_INGRESS)
		if link.IsNotFound(err) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, index := range targets(filters) {
			users[index] = append(users[index], l.Index)
		}
	}
	return users, nil
}
