// Package backend is where host-local keeps its reservations.
package backend

import (
	"net"
	"net/netip"
)

// Store keeps which container holds which address. Between Lock and Unlock no
// other process changes it.
type Store interface {
	Lock() error
	Unlock() error
	Close() error
	// Reserve gives ip to the interface ifname of container id, and keeps it as
	// the last reserved address of the range set rangeID. It returns false if
	// another one holds ip.
	Reserve(id string, ifname string, ip net.IP, rangeID string) (bool, error)
	// LastReservedIP returns the address that the range set gave out last, an
	// error that wraps fs.ErrNotExist if it gave out none, and nil if the record
	// is no address.
	LastReservedIP(rangeID string) (net.IP, error)
	// ReleaseByID takes back what id and ifname hold.
	ReleaseByID(id string, ifname string) error
	// GetByID returns what id and ifname hold.
	GetByID(id string, ifname string) []net.IP
}

// Pool is a Store that sees all its reservations at once, and when they were
// made. Without it an allocator tries one address after the other and knows no
// reservation from an earlier boot.
type Pool interface {
	Store
	// FirstFree returns the lowest address from lo to hi that nobody holds.
	FirstFree(lo, hi netip.Addr) (netip.Addr, bool)
	// Inherited returns those addresses of GetByID that were reserved before
	// the machine booted. No container holds them any more: Reserve gives them
	// to anybody.
	Inherited(id string, ifname string) []net.IP
	// OldestInherited returns the address that was inherited longest ago, of
	// those that match, whoever held it.
	OldestInherited(match func(netip.Addr) bool) (netip.Addr, bool)
}
