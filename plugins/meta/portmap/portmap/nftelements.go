package portmap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// entry is an element that a mapping has in a map or set.
type entry struct {
	target
	set   string
	key   []byte
	value []byte
	// mapping, of one port, that the element is for; nil for what masquerades.
	mapping *mapping
}

// family returns the digit that names of maps and sets end with.
func (t target) family() string {
	if t.isIPv6() {
		return "6"
	}
	return "4"
}

// portsMap returns the name of the map of ports of all addresses, and hostIPMap that
// of ports of one address.
func (t target) portsMap() string  { return "ports" + t.family() }
func (t target) hostIPMap() string { return "hostip" + t.family() }

// masqueradeSet returns the name of the set of sources with a length of prefix.
func (t target) masqueradeSet(length int) string {
	return fmt.Sprintf("masquerade%s_%d", t.family(), length)
}

// entries returns all elements that the attachment is to have, but for mappings
// with conditions. Of several mappings of a port, the first one counts, as with rules.
func (f *forward) entries() []entry {
	var all []entry
	for _, t := range f.targets() {
		if len(t.conditions()) == 0 {
			for _, m := range t.mappings() {
				all = append(all, t.entriesOf(m)...)
			}
		}
		if len(t.mappings()) > 0 {
			all = append(all, t.masqueraded()...)
		}
	}
	seen := make(map[string]bool, len(all))
	return slices.DeleteFunc(all, func(e entry) bool {
		key := pendingKey(e.set, e.key)
		again := seen[key]
		seen[key] = true
		return again
	})
}

func (t target) entriesOf(m mapping) []entry {
	var all []entry
	for i := range m.count() {
		one := m.at(i)
		e := entry{
			target:  t,
			set:     t.portsMap(),
			key:     nft.Concat(protocol(m.Protocol), service(one.HostPort)),
			value:   nft.Concat(nft.Addr(t.ip), service(one.ContainerPort)),
			mapping: &one,
		}
		if host := m.address(); host != nil {
			e.set = t.hostIPMap()
			e.key = nft.Concat(protocol(m.Protocol), nft.Addr(host), service(one.HostPort))
		}
		all = append(all, e)
	}
	return all
}

func protocol(name string) []byte {
	switch name {
	case "udp":
		return []byte{unix.IPPROTO_UDP}
	case "sctp":
		return []byte{unix.IPPROTO_SCTP}
	}
	return []byte{unix.IPPROTO_TCP}
}

func service(port int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(port)) }

// sources returns the networks whose connections to the container are
// masqueraded.
func (t target) sources() []*net.IPNet {
	bits := 8 * len(nft.Addr(t.ip))
	switch {
	case !t.SNAT:
		return nil
	case t.MasqAll:
		return []*net.IPNet{{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)}}
	case t.isIPv6():
		return []*net.IPNet{t.subnet}
	}
	return []*net.IPNet{t.subnet, {IP: net.IPv4(127, 0, 0, 1).To4(), Mask: net.CIDRMask(32, 32)}}
}

func (t target) masqueraded() []entry {
	var all []entry
	for _, source := range t.sources() {
		ones, _ := source.Mask.Size()
		all = append(all, entry{target: t, set: t.masqueradeSet(ones), key: nft.Concat(nft.Addr(source.IP), nft.Addr(t.ip))})
	}
	return all
}

// installAll adds what is not there of some elements of the attachments, which come in
// the order of their age. All who may have a right to one of these must be among them.
func (x *changes) installAll(all []*forward, some func(entry) bool) error {
	older := map[int][]*forward{} // by the places of their ports
	for _, f := range all {
		if f.Backend == backendNFTables {
			if err := x.installOne(f, older, some); err != nil {
				return err
			}
		}
		for _, place := range f.places() {
			older[place] = append(older[place], f)
		}
	}
	return nil
}

func (x *changes) installOne(f *forward, older map[int][]*forward, some func(entry) bool) error {
	if err := x.addMasquerades(f); err != nil {
		return err
	}
	for _, e := range f.entries() {
		if !some(e) || e.mapping != nil && e.mapping.isHiddenBy(older[e.mapping.place(e.mapping.HostPort)], e.family()) {
			continue
		}
		if err := x.install(f, e); err != nil {
			return err
		}
	}
	return nil
}

// install adds one element. Whose it is else has no right to it: a younger
// attachment, or one that was never deleted.
func (x *changes) install(f *forward, e entry) error {
	found, exists, err := x.element(e.set, e.key)
	switch {
	case err != nil:
		return err
	case exists && f.Owns(found.Comment) && bytes.Equal(found.Value, e.value):
		return nil
	case exists:
		x.delete(e.set, e.key)
	}
	x.add(e.set, nft.Element{Key: e.key, Value: e.value, Comment: f.Tag()})
	if n := len(x.installed); n == 0 || x.installed[n-1] != f {
		x.installed = append(x.installed, f)
	}
	return nil
}

// uninstall removes what the attachment has, but for what it is to keep.
func (x *changes) uninstall(f, keep *forward) error {
	stays := map[string]bool{}
	if keep != nil {
		for _, e := range keep.entries() {
			stays[pendingKey(e.set, e.key)] = true
		}
	}
	for _, e := range f.entries() {
		if stays[pendingKey(e.set, e.key)] {
			continue
		}
		found, exists, err := x.element(e.set, e.key)
		if err != nil {
			return err
		}
		if exists && f.Owns(found.Comment) {
			x.delete(e.set, e.key)
		}
	}
	return x.removeConditional(f)
}

// removeOwned removes the elements and rules of owners.
func (x *changes) removeOwned(owned func(tag string) bool) error {
	sets, err := x.c.Sets(table())
	if err != nil {
		return err
	}
	for _, set := range sets {
		elements, err := x.c.Elements(table(), set)
		if err != nil {
			return err
		}
		for _, e := range elements {
			if owned(e.Comment) {
				x.delete(set, e.Key)
			}
		}
	}
	return x.removeConditionalOf(owned)
}
