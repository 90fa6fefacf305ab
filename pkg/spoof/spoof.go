// Package spoof keeps containers on a bridge from speaking in the name of
// others: what comes from a port must have the container's own hardware address
// as its source, and if so wished, one of its own IP addresses.
//
// It is a table of nftables (see ruleset.go) that all ports share. A frame costs
// a few lookups in sets, however many ports there are, and an ADD or DEL a few
// elements of them.
//
// What is checked of a port's frames, with or without a VLAN tag:
//
//   - the Ethernet source;
//   - of ARP (RFC 826) also the sender's hardware address; ARP that is not about
//     IPv4 and Ethernet is dropped;
//   - of IPv6 neighbour discovery (RFC 4861) also the link-layer option of
//     neighbour and router solicitations and of advertisements of neighbours,
//     which may have no other option but a nonce, and no extension header;
//   - with addresses: the source of IPv4 and IPv6 packets, the sender of ARP, and
//     the target of an advertisement or of duplicate address detection must be one
//     of them. Beside these may be the link-local address that is derived from the
//     hardware address (RFC 4291, appendix A), and no source address where hosts
//     must do without: in ARP probes (RFC 5227), in DHCP, and in ICMPv6 for
//     duplicate address detection, router solicitation and multicast reports. All
//     that is neither IP nor ARP is dropped, further VLAN tags behind the first
//     included.
//
// What is not checked: the options of router advertisements and redirects, which
// may stand anywhere in them; with addresses, at least the sender of such a
// message is a true one. Nor are frames to the groups 01:80:c2:00:00:0x, which a
// bridge keeps to itself.
package spoof

import (
	"errors"
	"fmt"
	"net"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Port is a port of a bridge, and what may come from it.
type Port struct {
	// Name of the interface. That, and not its index, is what rules refer to: a
	// ruleset with the index of an interface that is gone cannot be saved and
	// loaded again. The name must be one that nobody takes over, as those of
	// link.AddOwnedVeth are.
	Name string
	// MAC is the container's hardware address, of 6 bytes.
	MAC net.HardwareAddr
	// Addresses are the container's. Nil means that addresses do not matter;
	// empty, that there are none yet: see Allow.
	Addresses []*net.IPNet
}

// Add restricts the port, which is best still down. What the attachment had
// before is replaced. All functions of the package work in the network namespace
// of the calling thread.
func Add(a owner.Attachment, p Port) error {
	return setUp(func(c *nft.Conn, tx *nft.Transaction) error {
		if err := takeOver(c, tx, a, p.Name); err != nil {
			return err
		}
		if err := addMissing(c, tx); err != nil {
			return err
		}
		addEntries(tx, a, 0, newEntries(p))
		return nil
	})
}

// takeOver removes what the attachment has, and what another one that was never
// deleted has under the same name.
func takeOver(c *nft.Conn, tx *nft.Transaction, a owner.Attachment, name string) error {
	if err := remove(c, tx, a.Prefix()); err != nil {
		return err
	}
	x, found, err := c.Element(table(), ports, nft.Interface(name))
	if err != nil || !found {
		return err
	}
	stranger := nft.CommentOwner(x.Comment)
	if stranger == "" || stranger == a.Prefix() {
		return nil
	}
	return remove(c, tx, stranger)
}

// Allow adds addresses to those of a port that Add has restricted to some.
func Allow(a owner.Attachment, addresses []*net.IPNet) error {
	return setUp(func(c *nft.Conn, tx *nft.Transaction) error {
		present, err := entriesOf(c, a.Prefix())
		if err != nil {
			return err
		}
		if len(present) == 0 {
			return errors.New("the port is gone from the ruleset")
		}
		addEntries(tx, a, len(present), addressEntries(present, addresses))
		return nil
	})
}

// Del removes all that the attachment has, upstream's chains as well. It is no
// error if that is nothing, or if the kernel lacks what it takes.
func Del(a owner.Attachment) error {
	c, err := connectToRemove()
	if c == nil {
		return err
	}
	defer c.Close()
	return c.Change(func(tx *nft.Transaction) error { return Removal(a)(c, tx) })
}

// Removal is what Del does, as a part of a larger transaction.
func Removal(a owner.Attachment) nft.Removal {
	return func(c *nft.Conn, tx *nft.Transaction) error {
		if err := remove(c, tx, a.Prefix()); err != nil {
			return tearDownError(err)
		}
		return tearDownError(removeUpstreams(c, tx, a))
	}
}

// GC does what Del does for all attachments of the network but the valid ones.
// Chains of upstream stay: they do not tell their network.
func GC(network string, valid []owner.Attachment) error {
	stale := owner.Stale(network, valid)
	return tearDownError(nft.WithTable(table(), func(c *nft.Conn) error {
		return c.Change(func(tx *nft.Transaction) error {
			all, err := c.Elements(table(), attachments)
			if err != nil {
				return err
			}
			for _, x := range all {
				prefix, n := nft.OwnerOf(x.Key)
				if n > 0 || !stale(prefix) {
					continue
				}
				if err := remove(c, tx, prefix); err != nil {
					return err
				}
			}
			return nil
		})
	}))
}

// connectToRemove returns nil if nftables is not supported: then there is nothing
// to remove.
func connectToRemove() (*nft.Conn, error) {
	c, err := nft.Dial()
	if err == nil {
		if _, err = c.HasTable(table()); err == nil {
			return c, nil
		}
		c.Close()
	}
	if nft.IsNotSupported(err) {
		return nil, nil
	}
	return nil, tearDownError(err)
}

func tearDownError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("failed to teardown spoof-check: %w", err)
}

func setUp(build func(*nft.Conn, *nft.Transaction) error) error {
	if err := nft.Change(build); err != nil {
		return fmt.Errorf("failed to setup spoof-check: %w", err)
	}
	return nil
}
