package hostdevice

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Where sysfs has devices.
const (
	devicesRoot   = "/sys/devices"
	pciRoot       = "/sys/bus/pci/devices"
	auxiliaryRoot = "/sys/bus/auxiliary/devices"
)

// bus is a device below the network device: a PCI function or, as a sub-function
// of one has, an auxiliary device.
type bus struct {
	// path is its directory, "" for none.
	path string
	// pci is its address, if it is a PCI function.
	pci string
}

// bus returns the device that the PCI address or the runtime's id names.
func (c *Conf) bus() (bus, error) {
	id := c.Runtime.DeviceID
	switch {
	case id == "" && c.PCI == "":
		return bus{}, nil
	case id == "":
		return bus{filepath.Join(pciRoot, c.PCI), c.PCI}, nil
	case exists(filepath.Join(pciRoot, id)):
		return bus{filepath.Join(pciRoot, id), id}, nil
	case exists(filepath.Join(auxiliaryRoot, id)):
		return bus{path: filepath.Join(auxiliaryRoot, id)}, nil
	}
	return bus{}, fmt.Errorf("runtime config DeviceID %s not found or unsupported", id)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hasDPDKDriver reports whether a program in user space drives a PCI function. A
// device without a driver has no network device either, unless it is one of
// those that have none in sysfs.
func (b bus) hasDPDKDriver() (bool, error) {
	driver, err := os.Readlink(filepath.Join(b.path, "driver"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("error with host device: %w", err)
	}
	return slices.Contains([]string{"vfio-pci", "uio_pci_generic", "igb_uio"}, filepath.Base(driver)), nil
}

// netDevice returns the name of the network device of a PCI function or an
// auxiliary device. One with a virtio driver has it one level down.
func (b bus) netDevice() (string, error) {
	paths, err := filepath.Glob(filepath.Join(b.path, "virtio*", "net"))
	if err != nil {
		return "", err
	}
	for _, path := range append([]string{filepath.Join(b.path, "net")}, paths...) {
		name, err := firstPort(path)
		if name != "" || err != nil {
			return name, err
		}
	}
	if b.pci == "" {
		return "", fmt.Errorf("no net directory under auxiliary device %s", filepath.Base(b.path))
	}
	return "", fmt.Errorf("no net directory under pci device %s", b.pci)
}

// kernelPathDevice returns the name of the network device at a path of sysfs.
func kernelPathDevice(path string) (string, error) {
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
// directory of sysfs, or "" if there is none. Representors come last: they stand
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
	text, _ := os.ReadFile(filepath.Join(dir, device, name))
	return strings.TrimSpace(string(text))
}
