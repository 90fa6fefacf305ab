package loopback

import (
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// name is the interface's, whatever CNI_IFNAME says: every network namespace is
// born with it.
const name = "lo"

// device is the loopback interface of a network namespace. Its flags are read
// and set as netdevice(7) describes: for one bit rtnetlink would make the
// binary a tenth larger.
type device struct {
	space ns.NetNS
	// socket stays in the namespace, whatever thread uses it.
	socket int
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
		d.socket, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		space.Close()
		return nil, fmt.Errorf("make a socket in netns %q: %w", path, err)
	}
	return d, nil
}

func (d *device) close() {
	unix.Close(d.socket)
	d.space.Close()
}

func (d *device) isUp() (bool, error) {
	request, err := d.flags()
	if err != nil {
		return false, err
	}
	return request.Uint16()&unix.IFF_UP != 0, nil
}

// setUp sets the device up. The kernel then gives it 127.0.0.1/8 and, if IPv6 is
// enabled, ::1/128.
func (d *device) setUp() error {
	request, err := d.flags()
	if err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(d.socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("set %q up: %w", name, err)
	}
	return nil
}

// setDown sets the device down. The kernel then takes ::1/128 away.
func (d *device) setDown() error {
	request, err := d.flags()
	if err != nil {
		return err
	}
	request.SetUint16(request.Uint16() &^ unix.IFF_UP)
	if err := unix.IoctlIfreq(d.socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("set %q down: %w", name, err)
	}
	return nil
}

// flags returns a request with the device's flags in it.
func (d *device) flags() (*unix.Ifreq, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlIfreq(d.socket, unix.SIOCGIFFLAGS, request); err != nil {
		return nil, fmt.Errorf("look %q up: %w", name, err)
	}
	return request, nil
}

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
