package link

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// rdmaOf returns the names of the RDMA devices of the function that a device
// belongs to, if they need to go where it goes: in the mode "shared", which is
// the kernel's default, all namespaces have them.
func (n *Namespace) rdmaOf(device string) ([]string, error) {
	entries, err := os.ReadDir("/sys/class/net/" + device + "/device/infiniband")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // without asking, which would load modules
	}
	if err != nil {
		return nil, fmt.Errorf("list RDMA devices of %q: %w", device, err)
	}
	var mode string
	err = n.inside(func() (err error) {
		mode, err = netlink.RdmaSystemGetNetnsMode()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the mode of RDMA in namespaces: %w", err)
	}
	if mode != "exclusive" {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// moveRDMA moves those of the RDMA devices that are here. They keep their names,
// which are the kernel's for all namespaces. Those whose driver cannot be moved
// stay; software on top of a device, like rxe, ends when that moves.
func (n *Namespace) moveRDMA(names []string, to *Namespace) error {
	if len(names) == 0 {
		return nil
	}
	return n.inside(func() error {
		devices, err := netlink.RdmaLinkList()
		if err != nil {
			return fmt.Errorf("list RDMA devices: %w", err)
		}
		for _, device := range devices {
			if !slices.Contains(names, device.Attrs.Name) {
				continue
			}
			err := netlink.RdmaLinkSetNsFd(device, uint32(to.NetNS.Fd()))
			if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
				return fmt.Errorf("move RDMA device %q: %w", device.Attrs.Name, err)
			}
		}
		return nil
	})
}
