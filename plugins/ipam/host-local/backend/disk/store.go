// Package disk keeps host-local's reservations in a directory per network: for
// each address a file that is named after it and holds container id and
// interface name, for each range set a file last_reserved_ip.N, and the file
// lock. Format and lock are those of containernetworking/plugins 1.10.0 (and of
// all its earlier releases), so that both can work on one directory.
package disk

import (
	"cmp"
	"net"
	"os"
	"path/filepath"

	"github.com/containernetworking/plugins/pkg/unpolled"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend"
)

// defaultDataDir holds the directories of all networks.
const defaultDataDir = "/var/lib/cni/networks"

// Store is the reservations of one network. Its methods need the lock, which it
// embeds, to be held, unless they say that they take it.
type Store struct {
	*FileLock
	dir directory
}

var _ backend.Store = (*Store)(nil)

// New opens the store of a network below dataDir, by default
// /var/lib/cni/networks. It makes the directory if it is missing.
func New(network, dataDir string) (*Store, error) {
	dir := Path(network, dataDir)
	if err := unpolled.CheckPath(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return Open(network, dataDir)
}

// Open is New for a directory that exists. Without one it returns an error that
// wraps fs.ErrNotExist: nothing is reserved.
func Open(network, dataDir string) (*Store, error) {
	dir := Path(network, dataDir)
	path := filepath.Join(dir, lockName)
	if err := unpolled.CheckPath(path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	lock, err := NewFileLock(path)
	if err != nil {
		return nil, err
	}
	return &Store{FileLock: lock, dir: directory(dir)}, nil
}

// Path returns the directory of a network below dataDir, by default
// /var/lib/cni/networks.
func Path(network, dataDir string) string {
	return filepath.Join(cmp.Or(dataDir, defaultDataDir), network)
}

// Networks returns the names of the networks that have a store below dataDir, by default
// /var/lib/cni/networks: whoever uses one has made its lock. Without that directory it returns an error that wraps
// fs.ErrNotExist.
func Networks(dataDir string) ([]string, error) {
	entries, err := os.ReadDir(Path("", dataDir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if info, err := os.Lstat(filepath.Join(Path(e.Name(), dataDir), lockName)); err == nil && info.Mode().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Reserve makes a reservation unless another one has ip, and keeps ip as the
// last one that rangeID gave out.
func (s *Store) Reserve(id string, ifname string, ip net.IP, rangeID string) (bool, error) {
	tx, err := s.Begin()
	if err != nil {
		return false, err
	}
	defer tx.Close()
	if tx.taken(ip) {
		return false, tx.err
	}
	if reserved, err := tx.Reserve(id, ifname, ip, rangeID); err != nil || !reserved {
		return false, err
	}
	return true, tx.Commit()
}

// LastReservedIP returns the address that rangeID gave out last.
func (s *Store) LastReservedIP(rangeID string) (net.IP, error) {
	return s.dir.lastReserved(rangeID)
}

// GetByID returns the addresses of a container's interface, and those that the
// container has by a file without interface name.
func (s *Store) GetByID(id string, ifname string) []net.IP {
	tx, err := s.Begin()
	if err != nil {
		return nil
	}
	defer tx.Close()
	return tx.GetByID(id, ifname)
}

// FindByID reports whether a container's interface, or the container by a file
// without interface name, has an address. It takes the lock.
func (s *Store) FindByID(id string, ifname string) bool {
	if s.Lock() != nil {
		return false
	}
	defer s.Unlock()
	return len(s.GetByID(id, ifname)) > 0
}

// ReleaseByID frees the addresses of a container's interface or, if there are
// none, those that the container has by a file without interface name.
func (s *Store) ReleaseByID(id string, ifname string) error {
	tx, err := s.Begin()
	if err != nil {
		return err
	}
	defer tx.Close()
	if err := tx.ReleaseByID(id, ifname); err != nil {
		return err
	}
	return tx.Commit()
}

// FindByKey reports whether there is a lease whose file's content is match.
func (s *Store) FindByKey(match string) (bool, error) {
	tx, err := s.Begin()
	if err != nil {
		return false, err
	}
	defer tx.Close()
	return len(tx.byContent(match)) > 0, tx.err
}

// ReleaseByKey frees the addresses of the leases whose files' content is match.
// It returns whether there were any.
func (s *Store) ReleaseByKey(match string) (bool, error) {
	tx, err := s.Begin()
	if err != nil {
		return false, err
	}
	defer tx.Close()
	all := tx.byContent(match)
	tx.release(all)
	return len(all) > 0, tx.Commit()
}

// byContent returns the leases whose files' content is match.
func (t *Tx) byContent(match string) []held {
	h, ok := parseHolder([]byte(match))
	if !ok {
		return nil
	}
	own, _ := t.find(h)
	return own
}

// GetEscapedPath returns the path of the file fname below dataDir.
func GetEscapedPath(dataDir string, fname string) string {
	return filepath.Join(dataDir, fname)
}
