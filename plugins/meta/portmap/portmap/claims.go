package portmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// claimsName is the file, in the directory of records, with a number for each
// protocol and port: how many attachments want it. So a look tells whether there
// can be a conflict, and only then all records are read. After a crash a number
// may be too large, never too small, and reading the records corrects it.
const claimsName = "claims"

// claims is the content of the file. It is changed under the lock.
type claims []byte

const (
	portCount   = maxPort + 1
	claimLength = 2
	claimsSize  = 3 * portCount * claimLength
)

func claimsPath() string { return filepath.Join(directory, claimsName) }

func openClaims() (claims, error) {
	file, err := unpolled.Open(claimsPath(), unix.O_CREAT|unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(claimsSize); err != nil {
		return nil, err
	}
	memory, err := unix.Mmap(int(file.Fd()), 0, claimsSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", file.Name(), err)
	}
	return memory, nil
}

func (c claims) close() error { return unix.Munmap(c) }

// count changes by delta how many want the ports, and reports whether anybody
// wanted any of them before.
func (c claims) count(f *forward, delta int) (wanted bool) {
	if f == nil {
		return false
	}
	for _, place := range f.places() {
		n := int(binary.NativeEndian.Uint16(c[place:]))
		wanted = wanted || n > 0
		binary.NativeEndian.PutUint16(c[place:], uint16(min(max(n+delta, 0), maxPort)))
	}
	return wanted
}

// places returns where the numbers of the attachment's ports are, each once.
func (f *forward) places() []int {
	var places []int
	for _, m := range f.Mappings {
		for i := range m.count() {
			if place := m.place(m.HostPort + i); place >= 0 {
				places = append(places, place)
			}
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// place returns where the number of a port is, or -1 for one that there is not.
func (m mapping) place(port int) int {
	of := slices.Index(protocols(), m.Protocol)
	if of < 0 || port <= 0 || port > maxPort {
		return -1
	}
	return (of*portCount + port) * claimLength
}

// recount makes the numbers those of the records.
func (c claims) recount(all []*forward) {
	clear(c)
	for _, f := range all {
		c.count(f, 1)
	}
}

// contenders returns those others that want any of the attachment's ports, the
// oldest first. old is what it has been counted as, or nil.
func (f *forward) contenders(old *forward) (others []*forward, err error) {
	c, err := openClaims()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	c.count(old, -1)
	contended := c.count(f, 0)
	c.count(old, 1)
	if !contended {
		return nil, nil
	}
	all, err := records()
	if err != nil {
		return nil, err
	}
	c.recount(all)
	return slices.DeleteFunc(all, func(other *forward) bool {
		return other.Attachment == f.Attachment || f.meets(other) == nil
	}), nil
}

// claim counts f, which is nil for nothing, in the place of old.
func claim(f, old *forward) error {
	c, err := openClaims()
	if err != nil {
		return err
	}
	c.count(old, -1)
	c.count(f, 1)
	return c.close()
}

// meets returns a mapping of f for a port of a host's address that other has,
// too, or nil.
func (f *forward) meets(other *forward) *mapping {
	for _, t := range f.targets() {
		for _, u := range other.targets() {
			if t.isIPv6() != u.isIPv6() {
				continue
			}
			for _, m := range t.mappings() {
				if slices.ContainsFunc(u.mappings(), m.overlaps) {
					return &m
				}
			}
		}
	}
	return nil
}

// overlaps reports whether both mappings are for a port of an address.
func (m mapping) overlaps(other mapping) bool {
	a, b := m.address(), other.address()
	return m.Protocol == other.Protocol &&
		m.HostPort < other.HostPort+other.count() && other.HostPort < m.HostPort+m.count() &&
		(a == nil || b == nil || a.Equal(b))
}

// isHiddenBy reports whether one of the attachments has all that the mapping, of
// one port, is for.
func (m mapping) isHiddenBy(older []*forward, family string) bool {
	for _, f := range older {
		if !slices.ContainsFunc(f.Mappings, m.overlaps) {
			continue // nearly always, and cheap to see
		}
		for _, t := range f.targets() {
			if t.family() == family && slices.ContainsFunc(t.mappings(), m.isWithin) {
				return true
			}
		}
	}
	return false
}

func (m mapping) isWithin(other mapping) bool {
	return m.overlaps(other) && (other.address() == nil || m.address() != nil)
}

// conflict is the error about a port that an older attachment has.
func (f *forward) conflict(older *forward) error {
	return fmt.Errorf("host port %v is already mapped by %v", f.meets(older), older.Attachment)
}
