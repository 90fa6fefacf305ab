package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Veth describes a pair of virtual Ethernet devices: one end in the container,
// its peer on the host.
type Veth struct {
	// Name of the container's end.
	Name string
	// HostName of the peer. Default: a random one.
	HostName string
	// MTU of both ends in bytes. Default: the kernel's, 1500.
	MTU int
	// MAC of the container's end. Default: a random one, as the host's end has.
	MAC net.HardwareAddr
	// Group is the link group of the host's end.
	Group uint32
}

// maxNameTries bounds the search for a free random name, of which there are 2³².
const maxNameTries = 10

// RandomName returns prefix with eight random hexadecimal digits behind it.
func RandomName(prefix string) (string, error) {
	var digits [4]byte
	if _, err := io.ReadFull(rand.Reader, digits[:]); err != nil {
		return "", fmt.Errorf("failed to generate random veth name: %w", err)
	}
	return fmt.Sprintf("%s%08x", prefix, digits), nil
}

// AddVeth makes the pair, both ends down, and returns the host's end and the
// container's. A name that is taken is an error: a device that somebody else
// made is never touched (NLM_F_EXCL). Only the default HostName tries others.
func AddVeth(host, container *Namespace, v Veth) (hostEnd, containerEnd netlink.Link, err error) {
	if err := errors.Join(CheckName(v.Name), CheckName(v.HostName)); err != nil {
		return nil, nil, err
	}
	name, tries := v.HostName, 1
	if name == "" {
		tries = maxNameTries
	}
	var pair *netlink.Veth
	for range tries {
		if v.HostName == "" {
			if name, err = RandomName("veth"); err != nil {
				return nil, nil, err
			}
		}
		if pair, err = v.pair(name, container); err != nil {
			return nil, nil, err
		}
		err = host.Make(pair)
		if !errors.Is(err, unix.EEXIST) {
			break
		}
		if _, found := container.LinkByName(v.Name); found == nil || v.HostName != "" {
			return nil, nil, &VethExistsError{v.Name, name}
		}
	}
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil, nil, errors.New("failed to find a unique veth name")
	case err != nil:
		return nil, nil, fmt.Errorf("failed to make veth pair: %w", err)
	}
	defer func() {
		if err != nil {
			container.Delete(v.Name, "veth")
		}
	}()
	if containerEnd, err = container.LinkByName(v.Name); err != nil {
		return nil, nil, fmt.Errorf("failed to lookup %q: %w", v.Name, err)
	}
	if pair.Index == 0 { // LinkAdd looks for it
		return nil, nil, fmt.Errorf("failed to lookup %q in %q", name, host.NetNS.Path())
	}
	other := containerEnd.Attrs() // what is the same at both ends
	pair.MTU, pair.TxQLen, pair.ParentIndex = other.MTU, other.TxQLen, other.Index
	return pair, containerEnd, nil
}

// pair is the request for the kernel, whose peer is the container's end: a peer has
// no group in the netlink package. The transmit queue lengths are left to the
// kernel: 1000 on both ends, where a length of 0 would make qdiscs drop bursts.
func (v Veth) pair(hostName string, container *Namespace) (*netlink.Veth, error) {
	hostMAC, err1 := ChooseMAC(nil)
	mac, err2 := ChooseMAC(v.MAC)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr, attrs.Group = hostName, v.MTU, hostMAC, v.Group
	pair := netlink.NewVeth(attrs)
	pair.PeerName, pair.PeerHardwareAddr, pair.PeerNamespace = v.Name, mac, netlink.NsFd(container.NetNS.Fd())
	return pair, nil
}

// VethExistsError says that one of a pair's names is taken.
type VethExistsError struct{ Name, HostName string }

func (e *VethExistsError) Error() string {
	return fmt.Sprintf("container veth name (%q) peer provided (%q) already exists", e.Name, e.HostName)
}
