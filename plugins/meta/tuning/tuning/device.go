package tuning

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/ns"
)

// device is the container's interface, for whoever is inside its namespace.
type device struct {
	*netdev.Device // nil if there is none
	id             identity
	name           string
}

// identity tells an interface from all others that had its name, or have its
// container's path.
type identity struct {
	// Netns is the namespace's cookie: see ns.Cookie.
	Netns uint64 `json:"netns"`
	// Index of the interface in it, 0 if there is none.
	Index int `json:"index"`
}

// onDevice runs f inside the namespace at path. There need not be an interface of
// the name.
func onDevice(path, ifName string, f func(*device) error) error {
	space, err := ns.GetNS(path)
	if err != nil {
		return fmt.Errorf("failed to open netns %q: %w", path, err)
	}
	defer space.Close()
	return space.Do(func(ns.NetNS) error {
		d := &device{name: ifName}
		if d.id.Netns, err = ns.Cookie(space); err != nil {
			return err
		}
		if err := d.open(); err != nil {
			return err
		}
		if d.Device != nil {
			defer d.Close()
		}
		return f(d)
	})
}

func (d *device) open() error {
	found, err := netdev.Open(d.name)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	index, err := found.Index()
	if err != nil {
		found.Close()
		if errors.Is(err, unix.ENODEV) {
			return nil // gone meanwhile
		}
		return err
	}
	d.Device, d.id.Index = found, index
	return nil
}

// exists returns an error if there is no interface.
func (d *device) exists() error {
	if d.Device == nil {
		return fmt.Errorf("failed to get %q: %w", d.name, unix.ENODEV)
	}
	return nil
}
