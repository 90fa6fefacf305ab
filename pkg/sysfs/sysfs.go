// Package sysfs finds network devices by the devices that they belong to, in the
// directories where the kernel shows all of them.
package sysfs

import (
	"errors"
	"fmt"
	"github.com/containernetworking/plugins/pkg/unpolled"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Root is above all devices.
const Root = "/sys/devices"

// Where devices are by their names.
const (
	pciRoot       = "/sys/bus/pci/devices"
	auxiliaryRoot = "/sys/bus/auxiliary/devices"
)

// IsName reports whether a device can have the name, which becomes a part of paths
// and of patterns.
func IsName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, `/*?[\`)
}

// Exists reports whether there is anything at a path.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Parent is a device to which network devices belong: a PCI function or, as a
// sub-function of one is, an auxiliary device.
type Parent struct {
	// Path is its directory.
	Path string
	// PCI is its address, if it is a PCI function.
	PCI string
}

// Function returns the PCI function with an address, whether or not there is one.
func Function(address string) Parent { return Parent{filepath.Join(pciRoot, address), address} }

// Find returns the PCI function or else the auxiliary device of a name, and whether
// there is one.
func Find(name string) (Parent, bool) {
	if function := Function(name); Exists(function.Path) {
		return function, true
	}
	auxiliary := Parent{Path: filepath.Join(auxiliaryRoot, name)}
	return auxiliary, Exists(auxiliary.Path)
}

// userDrivers leave a PCI function to a program in user space.
func userDrivers() []string { return []string{"vfio-pci", "uio_pci_generic", "igb_uio"} }

// HasUserDriver reports whether a program in user space drives a PCI function. A
// device without a driver has no network device either, unless it is one of
// those that have none in sysfs.
func (p Parent) HasUserDriver() (bool, error) {
	driver, err := os.Readlink(filepath.Join(p.Path, "driver"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return slices.Contains(userDrivers(), filepath.Base(driver)), err
}

// NetDevice returns the name of the network device. One with a virtio driver is one
// level down.
func (p Parent) NetDevice() (string, error) {
	paths, err := filepath.Glob(filepath.Join(p.Path, "virtio*", "net"))
	if err != nil {
		return "", err
	}
	for _, path := range append([]string{filepath.Join(p.Path, "net")}, paths...) {
		name, err := firstPort(path)
		if name != "" || err != nil {
			return name, err
		}
	}
	if p.PCI == "" {
		return "", fmt.Errorf("no net directory under auxiliary device %s", filepath.Base(p.Path))
	}
	return "", fmt.Errorf("no net directory under pci device %s", p.PCI)
}

// NetDeviceAt returns the name of the network device of the device at a path.
func NetDeviceAt(path string) (string, error) {
	dir := filepath.Join(path, "net")
	if _, err := os.ReadDir(dir); err != nil {
		return "", fmt.Errorf("failed to read directory %s: %q", dir, err)
	}
	name, err := firstPort(dir)
	if name == "" && err == nil {
		err = fmt.Errorf("failed to find network device in path %s", path)
	}
	return name, err
}

// firstPort returns the name of the network device with the lowest port in a
// directory of them, or "" if there is none. Representors come last: they stand
// for virtual functions ("pf0vf1") in the switch behind the port ("p0").
func firstPort(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("list network devices: %w", err)
	}
	rank := func(e fs.DirEntry) int {
		port, _ := strconv.Atoi(attribute(dir, e.Name(), "dev_port"))
		if strings.Contains(attribute(dir, e.Name(), "phys_port_name"), "pf") {
			port += 1 << 16
		}
		return port
	}
	if len(entries) == 0 {
		return "", nil
	}
	// Entries are in the order of names, and so is what is equal.
	return slices.MinFunc(entries, func(a, b fs.DirEntry) int { return rank(a) - rank(b) }).Name(), nil
}

// attribute returns "" for one that the driver does not have.
func attribute(dir, device, name string) string {
	text, _ := unpolled.ReadFile(filepath.Join(dir, device, name))
	return strings.TrimSpace(string(text))
}
