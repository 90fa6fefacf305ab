package disk

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// Lease is an address that is taken.
type Lease struct {
	Address netip.Addr
	// ContainerID and IfName say whose it is. Files of very old versions have no
	// interface name; of a file that cannot be read, both are empty, and so is Since.
	ContainerID, IfName string
	Since               time.Time
	// Inherited says that it is from before the machine booted.
	Inherited bool
}

// Look returns the leases of a network, sorted by address, for somebody to see. It
// changes nothing, and it has the lock for no longer than it takes to read one block, so
// that leases that are made or released meanwhile may or may not be among them: a file
// is read whole or not at all. Without a directory it returns an error that wraps
// fs.ErrNotExist.
func Look(network, dataDir string) ([]Lease, error) {
	store, err := Open(network, dataDir)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	isInherited, err := store.boundary()
	if err != nil {
		return nil, err
	}
	var all []Lease
	err = store.dir.each(func(addr netip.Addr, l *lease) {
		switch {
		case l == nil:
		case l.id == "":
			all = append(all, Lease{Address: addr})
		default:
			all = append(all, Lease{addr, l.id, l.ifname, l.since, isInherited(l.since)})
		}
	})
	slices.SortFunc(all, func(a, b Lease) int { return a.Address.Compare(b.Address) })
	return all, err
}

// boundary returns what tells leases from an earlier boot by their age. It takes the
// lock.
func (s *Store) boundary() (func(time.Time) bool, error) {
	if !isLocal(string(s.dir)) {
		return func(time.Time) bool { return false }, nil
	}
	if err := s.Lock(); err != nil {
		return nil, err
	}
	defer s.Unlock()
	x := &index{dir: s.dir}
	x.file, _ = unpolled.Open(filepath.Join(string(s.dir), indexName), unix.O_RDONLY)
	defer x.close()
	h, ok := x.readHeader()
	x.boot = cmp.Or(bootID(), h.boot)
	x.inherited = x.limit(h, ok)
	return x.isInherited, nil
}
