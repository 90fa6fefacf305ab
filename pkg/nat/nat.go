// Package nat hides containers behind the addresses of their node: packets that
// leave the subnet of a container get the address of the interface they leave
// by. iptables and nftables do so alike, and what one of them made for an
// attachment is found and removed without its addresses.
package nat

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Options change how addresses are translated.
type Options struct {
	// RandomFully lets the kernel choose source ports at random, which avoids
	// collisions of connections that begin at the same time.
	RandomFully bool
	// Exclude are networks that are reached without translation.
	Exclude []*net.IPNet
}

// Masquerade is one way to do it. All of its methods work in the network
// namespace of the calling thread.
type Masquerade interface {
	// Add masquerades what the addresses send beyond their network and is not
	// multicast. What the attachment had before is replaced.
	Add(a owner.Attachment, addresses []*net.IPNet, o Options) error
	// Del removes all that the attachment has. It is no error if that is
	// nothing, or if the tools or the kernel's part for it are missing. The
	// addresses that Add got, if they are known, tell what is whose where
	// interfaces of the container share something and comments are gone.
	Del(a owner.Attachment, addresses ...*net.IPNet) error
	// Check returns one error for all that Add made and that is not there.
	Check(a owner.Attachment, addresses []*net.IPNet, o Options) error
	// GC does what Del does for all attachments of the network but the valid ones.
	// recorded are those of them of which a record is known.
	GC(network string, valid []owner.Attachment, recorded ...Masqueraded) error
	// Repair makes what Add made for all of them and somebody took away. What is
	// there stays as it is.
	Repair(all []Masqueraded) error
	// Downgrade gives what Add made for all of them the form of upstream's Add, so that
	// upstream's DEL finds it. Nothing stops being masqueraded meanwhile.
	Downgrade(all []Masqueraded) error
	// Available returns what Add would miss on this node.
	Available() error
}

// Masqueraded is an attachment with what Add got for it.
type Masqueraded struct {
	owner.Attachment
	Addresses []*net.IPNet
	Options
}

// Open returns the backend called "iptables" or "nftables". Nil stands for the
// default: iptables where it works, as other programs on the node will
// then use it too, else nftables.
func Open(backend *string) (Masquerade, error) {
	name := defaultBackend(backend)
	switch name {
	case backendNFTables:
		return viaNFTables{}, nil
	case backendIPTables:
		return viaIPTables{}, nil
	}
	return nil, fmt.Errorf("unknown ipmasq backend %q", name)
}

// The names of the backends.
const (
	backendIPTables = "iptables"
	backendNFTables = "nftables"
)

// defaultBackend returns the name of the configured backend, or of the default.
func defaultBackend(configured *string) string {
	switch {
	case configured != nil:
		return *configured
	case iptables.Usable():
		return backendIPTables
	}
	return backendNFTables
}

// Del removes what the attachment has in any backend. The default may have
// changed since.
func Del(a owner.Attachment, addresses ...*net.IPNet) error {
	byIPTables := removalOf(a, addresses)
	release, err := viaNFTables{}.begin(a, []nft.Removal{byIPTables.NFT})
	release()
	return errors.Join(err, byIPTables.Legacy(), byIPTables.settle())
}

// DelBeside does what Del does while deleteLink deletes the attachment's link.
// Each of them waits for an RCU grace period, and they may wait for the same
// one: the transaction, of both backends, comes before the deletion and what it used is
// released after it, since the release keeps others from deleting links (Linux
// 6.18: both take the commit mutex of nftables); iptables' legacy variant runs beside
// it. Other things that the attachment has in nftables go in the same transaction.
// inside runs a function in the namespace that the rules are in.
func DelBeside(m Masqueraded, inside func(func() error) error, deleteLink func() error, others ...nft.Removal) error {
	release := func() {}
	byIPTables := removalOf(m.Attachment, m.Addresses)
	begun := inside(func() (err error) {
		release, err = viaNFTables{}.begin(m.Attachment, append(others, byIPTables.NFT))
		return err
	})
	var (
		running sync.WaitGroup
		legacy  error
	)
	running.Go(func() {
		legacy = plugin.Guard(func() error { return inside(byIPTables.Legacy) })
	})
	deleted := deleteLink()
	running.Wait()
	release()
	return errors.Join(deleted, begun, legacy, inside(byIPTables.settle))
}

// GC removes, from all backends, what attachments of the network have that are
// not among the valid ones. recorded are those of them of which a record is known.
func GC(network string, valid []owner.Attachment, recorded ...Masqueraded) error {
	return errors.Join(viaNFTables{}.GC(network, valid), viaIPTables{}.GC(network, valid, recorded...))
}

// notMasqueraded is the error about addresses that Check misses, nil for none.
func notMasqueraded(addresses []*net.IPNet) error {
	if len(addresses) == 0 {
		return nil
	}
	return fmt.Errorf("not masqueraded: %s", strings.Join(textsOf(addresses), ", "))
}

// multicast returns the addresses that are never masqueraded, of ip's family.
func multicast(ip net.IP) *net.IPNet {
	if ip.To4() != nil {
		return &net.IPNet{IP: net.IPv4(224, 0, 0, 0).To4(), Mask: net.CIDRMask(4, 32)}
	}
	return &net.IPNet{IP: net.IP{0: 0xff, 15: 0}, Mask: net.CIDRMask(8, 128)}
}

// subnet returns the network that an address with its prefix length is in.
func subnet(address *net.IPNet) *net.IPNet {
	return &net.IPNet{IP: address.IP.Mask(address.Mask), Mask: address.Mask}
}
