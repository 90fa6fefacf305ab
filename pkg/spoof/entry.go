package spoof

import (
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// macLen is the length of the hardware addresses of Ethernet.
const macLen = 6

// entry is one fact about a port, and the way from its owner to the elements
// that have it: the set attachments has an element for each entry.
type entry struct {
	port string
	// what is the hardware address in the first entry, with strict behind it if
	// the addresses matter, and in others an IP address.
	what string
}

// strict ends the first entry of a port whose addresses are checked.
const strict = " and addresses"

// String returns the comment of the entry in the set attachments.
func (e entry) String() string { return e.port + " " + e.what }

// parseEntry reads an element of the set attachments. If somebody else put it
// there, it may have no data.
func parseEntry(x nft.Element) entry {
	port, what, _ := strings.Cut(x.Comment, " ")
	return entry{port, what}
}

// newEntries returns the entries of a port that has none.
func newEntries(p Port) []entry {
	if p.Addresses == nil {
		return []entry{{p.Name, p.MAC.String()}}
	}
	entries := []entry{{p.Name, p.MAC.String() + strict}}
	own := &net.IPNet{IP: linkLocal(p.MAC)}
	return append(entries, addressEntries(entries, append([]*net.IPNet{own}, p.Addresses...))...)
}

// addressEntries returns entries for those of the addresses that have none. They
// belong to the port of the present ones.
func addressEntries(present []entry, addresses []*net.IPNet) []entry {
	var entries []entry
	for _, address := range addresses {
		e := entry{present[0].port, address.IP.String()}
		if !slices.Contains(present, e) && !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
	}
	return entries
}

// linkLocal returns the address that is derived from a hardware address (RFC
// 4291, appendix A).
func linkLocal(mac net.HardwareAddr) net.IP {
	ip := net.IP{0: 0xfe, 1: 0x80, 15: 0}
	copy(ip[8:], mac[:3])
	copy(ip[11:], []byte{0xff, 0xfe})
	copy(ip[13:], mac[3:])
	ip[8] ^= 2
	return ip
}

// element is an element and the set that it belongs to.
type element struct {
	set string
	key []byte
}

// elements returns what the rules look up: that the port is checked and has the
// hardware address, or that it has the IP address.
func (e entry) elements() []element {
	name := nft.Interface(e.port)
	if ip := net.ParseIP(e.what); ip != nil {
		key := nft.Concat(name, nft.Addr(ip))
		if ip.To4() != nil {
			return []element{{ipv4, key}}
		}
		return []element{{ipv6, key}, {targets, key}}
	}
	text, checksAddresses := strings.CutSuffix(e.what, strict)
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != macLen {
		return nil
	}
	elements := []element{
		{ports, name},
		{macs, nft.Concat(name, mac)},
		{options, nft.Concat(name, append([]byte{1, 1}, mac...))},
		{options, nft.Concat(name, append([]byte{2, 1}, mac...))},
	}
	if checksAddresses {
		elements = append(elements, element{addressPorts, name})
	}
	return elements
}

// elementsOf returns what the rules look up for all of the entries.
func elementsOf(entries []entry) []element {
	var all []element
	for _, e := range entries {
		all = append(all, e.elements()...)
	}
	return all
}

// entriesOf returns the entries of the attachment with the prefix.
func entriesOf(c *nft.Conn, prefix string) ([]entry, error) {
	owned, err := c.Owned(table(), attachments, prefix)
	var entries []entry
	for _, x := range owned {
		entries = append(entries, parseEntry(x))
	}
	return entries, err
}

// addEntries adds entries behind the first ones of the attachment.
func addEntries(tx *nft.Transaction, a owner.Attachment, first int, entries []entry) {
	for i, e := range entries {
		tx.AddElement(table(), attachments, nft.Element{Key: nft.OwnerKey(a.Prefix(), first+i), Comment: e.String()})
	}
	for _, x := range elementsOf(entries) {
		tx.AddElement(table(), x.set, nft.Element{Key: x.key, Comment: a.Tag()})
	}
}

// remove removes the entries of the attachment with the prefix. What has got
// another owner meanwhile stays.
func remove(c *nft.Conn, tx *nft.Transaction, prefix string) error {
	entries, err := entriesOf(c, prefix)
	if err != nil {
		return err
	}
	for n := range entries {
		tx.DeleteElement(table(), attachments, nft.OwnerKey(prefix, n))
	}
	for _, x := range elementsOf(entries) {
		found, err := isOwned(c, x, prefix)
		if err != nil {
			return err
		}
		if found {
			tx.DeleteElement(table(), x.set, x.key)
		}
	}
	return nil
}

func isOwned(c *nft.Conn, x element, prefix string) (bool, error) {
	present, found, err := c.Element(table(), x.set, x.key)
	return found && strings.HasPrefix(present.Comment, prefix), err
}
