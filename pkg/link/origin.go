package link

import (
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
)

// Origin is a device of the host as it was before a container got it. It can be
// written down as JSON and put the device back later, wherever that is by then.
//
// While the device is away its alias is its name on the host, as in upstream, by
// which either finds it.
type Origin struct {
	// Name on the host.
	Name string `json:"name"`
	// AltNames are alternative names, which the kernel moves along with it.
	AltNames []string `json:"altNames,omitempty"`
	// HostIndex is its index on the host, and Index that where it is: after Lend,
	// in the container.
	HostIndex int `json:"hostIndex"`
	Index     int `json:"index"`
	// Namespace is the cookie of the container's, in which Index is enough to find the device:
	// alias and address are the container's to change. PermanentMAC, which hardware has, is
	// not. Earlier releases noted neither.
	Namespace    uint64 `json:"namespace,omitempty"`
	PermanentMAC string `json:"permanentMAC,omitempty"`
	// Kind, "veth", or "device" for what no rtnetlink message made; "" if upstream has
	// moved it.
	Kind string `json:"kind"`
	// MAC, MTU, Alias, Up and Master are what Restore brings back.
	MAC    string `json:"mac,omitempty"`
	MTU    int    `json:"mtu,omitempty"`
	Alias  string `json:"alias,omitempty"`
	Up     bool   `json:"up,omitempty"`
	Master string `json:"master,omitempty"`
	// Settings are nil in what earlier releases have written down.
	Settings *DeviceSettings `json:"settings,omitempty"`
	// Addresses and Routes are messages of rtnetlink.
	Addresses [][]byte `json:"addresses,omitempty"`
	Routes    [][]byte `json:"routes,omitempty"`
	// RDMA names the RDMA devices that go with it.
	RDMA []string `json:"rdma,omitempty"`
}

// IsHardware reports whether the kernel returns the device to its first network
// namespace when the one that it is in ends. It deletes others.
func (o *Origin) IsHardware() bool { return isHardware(o.Kind) }

// isHardware knows the kinds that drivers of hardware have (netns_refund in struct
// rtnl_link_ops): CAN, IP over InfiniBand, and the ports of switches (DSA).
func isHardware(kind string) bool {
	return slices.Contains([]string{"device", "can", "ipoib", "dsa"}, kind)
}

// Same reports whether both are the same device, at different times.
func (o *Origin) Same(other *Origin) bool {
	if o.MAC == "" {
		return other.MAC == "" && o.Name == other.Name && o.HostIndex == other.HostIndex
	}
	return o.Name == other.Name && o.MAC == other.MAC
}

// permanent returns the address that hardware was made with, which VLANs and the like have
// of the device below them, too; "" for them, and where the kernel does not tell (before
// Linux 5.6).
func permanent(l netlink.Link) string {
	if l.Type() != "device" {
		return ""
	}
	return l.Attrs().PermHWAddr.String()
}

// Origin describes a device of n.
func (n *Namespace) Origin(l netlink.Link) (*Origin, error) {
	attrs := l.Attrs()
	o := &Origin{
		Name: attrs.Name, AltNames: attrs.AltNames, HostIndex: attrs.Index, Index: attrs.Index, Kind: l.Type(),
		MAC: attrs.HardwareAddr.String(), PermanentMAC: permanent(l), MTU: attrs.MTU,
		Alias: attrs.Alias, Up: attrs.Flags&net.FlagUp != 0,
	}
	if attrs.MasterIndex != 0 {
		master, err := n.LinkByIndex(attrs.MasterIndex)
		if err != nil {
			return nil, fmt.Errorf("look the master of %q up: %w", o.Name, err)
		}
		o.Master = master.Attrs().Name
	}
	var err error
	if o.Settings, err = n.deviceSettings(l); err != nil {
		return nil, err
	}
	if o.Addresses, err = n.rawAddresses(l); err != nil {
		return nil, err
	}
	if o.Routes, err = n.rawRoutes(l, byHand); err != nil {
		return nil, err
	}
	o.RDMA, err = n.rdmaOf(o.Name)
	return o, err
}

// KeepRoutes notes down the routes that daemons have made, too.
func (o *Origin) KeepRoutes(n *Namespace, l netlink.Link) (err error) {
	o.Routes, err = n.rawRoutes(l, byOthers)
	return err
}

// Lend moves the device from the host into the container under the given name,
// and its RDMA devices with it. It is down there. After an error it may be here
// or there, and Return finds it.
func (o *Origin) Lend(host, container *Namespace, name string) (netlink.Link, error) {
	same, err := host.Is(container)
	switch {
	case err != nil:
		return nil, err
	case same:
		return nil, fmt.Errorf("%q is in the container's namespace already: it is the host's", o.Name)
	}
	if err := container.isFree(name); err != nil {
		return nil, fmt.Errorf("failed to move %q (host: %q) to container NS: %w", name, o.Name, err)
	}
	l, err := host.LinkByIndex(o.Index)
	if err != nil {
		return nil, fmt.Errorf("look %q up: %w", o.Name, err)
	}
	// Before all else, so that it can be found if the move fails half-way.
	if err := host.LinkSetAlias(l, o.Name); err != nil {
		return nil, fmt.Errorf("set alias of %q: %w", o.Name, err)
	}
	if err := host.move(l, container, name, o.Name); err != nil {
		return nil, fmt.Errorf("failed to move %q (host: %q) to container NS: %w", name, o.Name, err)
	}
	if l, err = container.LinkByName(name); err != nil {
		return nil, fmt.Errorf("look %q up: %w", name, err)
	}
	o.Index = l.Attrs().Index // another one if the container has that already
	return l, host.moveRDMA(o.RDMA, container)
}

// Return brings the device back from the container and restores it. It reports
// whether the device was there.
func (o *Origin) Return(host, container *Namespace) (bool, error) {
	if same, err := host.Is(container); same || err != nil {
		return false, err // the path of a dead namespace may be that of any other
	}
	l, err := o.find(container)
	if l == nil || err != nil {
		return false, err
	}
	err = host.isFree(o.Name)
	if err == nil {
		err = container.moveRDMA(o.RDMA, host)
	}
	if err == nil {
		err = o.dropAltNames(container, l, host)
	}
	// Unless its name is taken there, the device has it before it comes, so that
	// udev knows it.
	if err == nil && container.isFree(o.Name) == nil {
		err = o.rename(container, l)
	}
	if err == nil {
		err = container.move(l, host, o.Name, o.Name)
	}
	if err != nil {
		return true, fmt.Errorf("failed to move %q to hostNS: %w", o.Name, err)
	}
	if l, err = host.LinkByName(o.Name); err != nil {
		return true, fmt.Errorf("look %q up: %w", o.Name, err)
	}
	return true, o.restore(host, l)
}

// IsHome reports whether the device is on the host under its own name, as if
// nothing had been.
func (o *Origin) IsHome(host *Namespace) (bool, error) {
	l, err := host.LinkByName(o.Name)
	if IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look %q up: %w", o.Name, err)
	}
	return l.Attrs().Name == o.Name && l.Attrs().HardwareAddr.String() == o.MAC, nil
}

// Restore gives a device that is on the host, under whatever name, all back that
// it had there. It reports whether there was one that needs it.
func (o *Origin) Restore(host *Namespace) (bool, error) {
	l, err := o.find(host)
	if l == nil || err != nil {
		return false, err
	}
	if l.Attrs().Alias != o.Name {
		return false, nil // it is somebody else, or back as if nothing had been
	}
	return true, o.restore(host, l)
}

func (o *Origin) restore(host *Namespace, l netlink.Link) error {
	if err := o.dropAltNames(host, l, host); err != nil {
		return err
	}
	if err := o.rename(host, l); err != nil {
		return err
	}
	if err := o.restoreAltNames(host, l); err != nil {
		return err
	}
	if err := o.restoreLink(host, l); err != nil {
		return err
	}
	if o.Settings != nil {
		if err := o.Settings.restore(host, l); err != nil {
			return err
		}
	}
	if err := o.restoreAddresses(host, l); err != nil {
		return err
	}
	// Last, as it says that something is left to do.
	if err := host.LinkSetAlias(l, o.Alias); err != nil {
		return fmt.Errorf("set alias of %q: %w", o.Name, err)
	}
	return nil
}

// restoreAddresses restores addresses, the admin state and, as those need an
// interface that is up, routes.
func (o *Origin) restoreAddresses(host *Namespace, l netlink.Link) error {
	index := l.Attrs().Index
	var early, late [][]byte
	for _, message := range o.Addresses {
		if o.Up && isFleeting(message) {
			late = append(late, message)
		} else {
			early = append(early, message)
		}
	}
	if err := o.replayAddresses(host, early, index); err != nil || !o.Up {
		return err
	}
	if err := host.LinkSetUp(l); err != nil {
		return fmt.Errorf("set %q up: %w", o.Name, err)
	}
	if err := o.replayAddresses(host, late, index); err != nil {
		return err
	}
	for _, message := range o.Routes {
		if err := host.replayRoute(message, index); err != nil {
			return fmt.Errorf("add route dev %q: %w", o.Name, err)
		}
	}
	return nil
}

func (o *Origin) replayAddresses(host *Namespace, messages [][]byte, index int) error {
	for _, message := range messages {
		if err := host.replayAddress(message, index); err != nil {
			return fmt.Errorf("add address to %q: %w", o.Name, err)
		}
	}
	return nil
}

// rename gives the device its name back. Kernels before 6.2 rename only what is
// down.
func (o *Origin) rename(n *Namespace, l netlink.Link) error {
	if l.Attrs().Name == o.Name {
		return nil
	}
	if err := n.LinkSetDown(l); err != nil {
		return fmt.Errorf("set %q down: %w", l.Attrs().Name, err)
	}
	if err := n.LinkSetName(l, o.Name); err != nil {
		return fmt.Errorf("rename %q to %q: %w", l.Attrs().Name, o.Name, err)
	}
	return nil
}

// restoreLink undoes what the container may have changed, and puts the device
// back under its master, as far as the host still allows that.
func (o *Origin) restoreLink(host *Namespace, l netlink.Link) error {
	attrs := l.Attrs()
	if mac, err := net.ParseMAC(o.MAC); err == nil && attrs.HardwareAddr.String() != o.MAC {
		if err := host.LinkSetHardwareAddr(l, mac); err != nil && !isRefusal(err) {
			return fmt.Errorf("set hardware address of %q: %w", o.Name, err)
		}
	}
	if o.MTU != 0 && attrs.MTU != o.MTU {
		if err := host.LinkSetMTU(l, o.MTU); err != nil && !isRefusal(err) {
			return fmt.Errorf("set MTU of %q: %w", o.Name, err)
		}
	}
	if o.Master == "" || attrs.MasterIndex != 0 {
		return nil
	}
	master, err := host.LinkByName(o.Master)
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", o.Master, err)
	}
	if err := host.LinkSetMaster(l, master); err != nil && !isRefusal(err) {
		return fmt.Errorf("set master of %q: %w", o.Name, err)
	}
	return nil
}

// find looks for the device in n, where it may have any name. The alias says
// which it is, confirmed by the index or the hardware address: one of them may
// have changed, as may the alias. find returns nil if the device is not there.
func (o *Origin) find(n *Namespace) (netlink.Link, error) {
	links, err := n.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	isThere := false
	if o.Namespace != 0 {
		cookie, err := n.Cookie()
		if err != nil {
			return nil, err
		}
		isThere = cookie == o.Namespace
	}
	var found netlink.Link
	for _, l := range links {
		if o.Kind != "" && l.Type() != o.Kind {
			continue // the container's own, which may have any index and address
		}
		attrs := l.Attrs()
		sameIndex, sameMAC := attrs.Index == o.Index, attrs.HardwareAddr.String() == o.MAC
		switch {
		case sameIndex && (isThere || attrs.Alias == o.Name),
			o.PermanentMAC != "" && permanent(l) == o.PermanentMAC:
			return l, nil
		case attrs.Alias == o.Name && sameMAC,
			sameIndex && sameMAC && o.MAC != "":
			found = l
		}
	}
	return found, nil
}
