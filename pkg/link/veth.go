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
	// Up sets the host's end up as soon as it has its owner's tag (AddOwnedVeth): it
	// has no carrier, and nothing gets in, before the container's end is up as well.
	Up bool
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
	near, far := end{mtu: v.MTU, group: v.Group}, end{name: v.Name, mtu: v.MTU, at: container}
	if near.mac, err = ChooseMAC(nil); err == nil {
		far.mac, err = ChooseMAC(v.MAC)
	}
	if err != nil {
		return nil, nil, err
	}
	var made netlink.Link
	for range tries {
		if v.HostName == "" {
			if name, err = RandomName("veth"); err != nil {
				return nil, nil, err
			}
		}
		near.name = name
		made, err = host.addPair(near, far)
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
	return made, otherEnd(made, v.Name, far.mac), nil
}

// otherEnd is the container's end of a new pair, of which nothing has to be asked.
func otherEnd(made netlink.Link, name string, mac net.HardwareAddr) netlink.Link {
	near, attrs := made.Attrs(), netlink.NewLinkAttrs()
	attrs.Index, attrs.ParentIndex, attrs.Name, attrs.HardwareAddr = PeerIndex(made), near.Index, name, mac
	attrs.MTU, attrs.TxQLen, attrs.EncapType = near.MTU, near.TxQLen, near.EncapType
	return netlink.NewVeth(attrs)
}

// VethExistsError says that one of a pair's names is taken.
type VethExistsError struct{ Name, HostName string }

func (e *VethExistsError) Error() string {
	return fmt.Sprintf("container veth name (%q) peer provided (%q) already exists", e.Name, e.HostName)
}
