// Package testing has a Store for tests.
package testing

import (
	"net"
	"os"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend"
)

// FakeStore is a Store in memory. It knows containers, but no interfaces.
type FakeStore struct {
	ipMap  map[string]string
	lastIP map[string]net.IP
}

var _ backend.Store = (*FakeStore)(nil)

// NewFakeStore returns a Store in which ipmap has the container id for each
// address, and lastIPs the last reserved address for each range set.
func NewFakeStore(ipmap map[string]string, lastIPs map[string]net.IP) *FakeStore {
	return &FakeStore{ipmap, lastIPs}
}

// SetIPMap replaces all reservations.
func (s *FakeStore) SetIPMap(m map[string]string) { s.ipMap = m }

// Lock does nothing.
func (s *FakeStore) Lock() error { return nil }

// Unlock does nothing.
func (s *FakeStore) Unlock() error { return nil }

// Close does nothing.
func (s *FakeStore) Close() error { return nil }

// Reserve makes a reservation unless there is one for ip.
func (s *FakeStore) Reserve(id string, _ string, ip net.IP, rangeID string) (bool, error) {
	if _, taken := s.ipMap[ip.String()]; taken {
		return false, nil
	}
	s.ipMap[ip.String()] = id
	s.lastIP[rangeID] = ip
	return true, nil
}

// LastReservedIP returns the address that the range set gave out last.
func (s *FakeStore) LastReservedIP(rangeID string) (net.IP, error) {
	ip, ok := s.lastIP[rangeID]
	if !ok {
		return nil, os.ErrNotExist
	}
	return ip, nil
}

// ReleaseByID frees all addresses of a container.
func (s *FakeStore) ReleaseByID(id string, _ string) error {
	for ip, holder := range s.ipMap {
		if holder == id {
			delete(s.ipMap, ip)
		}
	}
	return nil
}

// GetByID returns all addresses of a container.
func (s *FakeStore) GetByID(id string, _ string) []net.IP {
	var ips []net.IP
	for ip, holder := range s.ipMap {
		if holder == id {
			ips = append(ips, net.ParseIP(ip))
		}
	}
	return ips
}
