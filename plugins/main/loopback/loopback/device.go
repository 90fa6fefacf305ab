package loopback

import (
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// name is the interface's, whatever CNI_IFNAME says: every network namespace is
// born with it.
const name = "lo"

// device is the loopback interface of a network namespace.
type device struct {
	*netdev.Device
	space ns.NetNS
}

// open opens the device of the namespace at path. If there is none at the path,
// the error wraps ns.NSPathNotExistErr or ns.NSPathNotNSErr.
func open(path string) (*device, error) {
	space, err := ns.GetNS(path)
	if err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetNS, "%w", err)
	}
	d := &device{space: space}
	err = space.Do(func(ns.NetNS) (err error) {
		d.Device, err = netdev.Open(name)
		return err
	})
	if err != nil {
		space.Close()
		return nil, err
	}
	return d, nil
}

func (d *device) close() {
	d.Close()
	d.space.Close()
}

func (d *device) isUp() (bool, error) {
	flags, err := d.Flags()
	return flags&unix.IFF_UP != 0, err
}

// setUp sets the device up. The kernel then gives it 127.0.0.1/8 and, if IPv6 is
// enabled, ::1/128.
func (d *device) setUp() error { return d.SetFlag(unix.IFF_UP, true) }

// setDown sets the device down. The kernel then takes ::1/128 away.
func (d *device) setDown() error { return d.SetFlag(unix.IFF_UP, false) }

// addresses returns the addresses of the device in the kernel's order, each
// with its prefix length.
func (d *device) addresses() ([]*net.IPNet, error) {
	var addrs []net.Addr
	err := d.space.Do(func(ns.NetNS) error {
		lo, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		addrs, err = lo.Addrs()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses of %q: %w", name, err)
	}
	var networks []*net.IPNet
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok {
			networks = append(networks, network)
		}
	}
	return networks, nil
}
