package importers

import (
	"net"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
	fakestore "github.com/containernetworking/plugins/plugins/ipam/host-local/backend/testing"
)

// store is backend.Store as importers know it. Both are given to each other:
// a method more or less does not compile.
type store interface {
	Lock() error
	Unlock() error
	Close() error
	Reserve(id string, ifname string, ip net.IP, rangeID string) (bool, error)
	LastReservedIP(rangeID string) (net.IP, error)
	ReleaseByID(id string, ifname string) error
	GetByID(id string, ifname string) []net.IP
}

var (
	_ backend.Store = store(nil)
	_ store         = backend.Store(nil)
	_ backend.Store = (*disk.Store)(nil)
	_ backend.Store = (*fakestore.FakeStore)(nil)
)

// backend/disk: Calico and Antrea.
var (
	_ func(string, string) (*disk.Store, error)                       = disk.New
	_ func(string) (*disk.FileLock, error)                            = disk.NewFileLock
	_ func(string, string) string                                     = disk.GetEscapedPath
	_ disk.Store                                                      = disk.Store{FileLock: (*disk.FileLock)(nil)}
	_ func(*disk.FileLock) error                                      = (*disk.FileLock).Lock
	_ func(*disk.FileLock) error                                      = (*disk.FileLock).Unlock
	_ func(*disk.FileLock) error                                      = (*disk.FileLock).Close
	_ func(*disk.Store, string, string, net.IP, string) (bool, error) = (*disk.Store).Reserve
	_ func(*disk.Store, string) (net.IP, error)                       = (*disk.Store).LastReservedIP
	_ func(*disk.Store, string, string) bool                          = (*disk.Store).FindByID
	_ func(*disk.Store, string) (bool, error)                         = (*disk.Store).FindByKey
	_ func(*disk.Store, string) (bool, error)                         = (*disk.Store).ReleaseByKey
	_ func(*disk.Store, string, string) error                         = (*disk.Store).ReleaseByID
	_ func(*disk.Store, string, string) []net.IP                      = (*disk.Store).GetByID
)

const _ string = disk.LineBreak

// backend/allocator: Antrea.
var (
	_ func([]byte, string) (*allocator.IPAMConfig, string, error)                     = allocator.LoadIPAMConfig
	_ func(*allocator.RangeSet, backend.Store, int) *allocator.IPAllocator            = allocator.NewIPAllocator
	_ func(*allocator.IPAllocator, string, string, net.IP) (*current.IPConfig, error) = (*allocator.IPAllocator).Get
	_ func(*allocator.IPAllocator, string, string) error                              = (*allocator.IPAllocator).Release
	_ func(*allocator.IPAllocator) (*allocator.RangeIter, error)                      = (*allocator.IPAllocator).GetIter
	_ func(*allocator.RangeIter) (*net.IPNet, net.IP)                                 = (*allocator.RangeIter).Next
	_ func(*allocator.Range) error                                                    = (*allocator.Range).Canonicalize
	_ func(*allocator.Range, net.IP) bool                                             = (*allocator.Range).Contains
	_ func(*allocator.Range, *allocator.Range) bool                                   = (*allocator.Range).Overlaps
	_ func(*allocator.Range) string                                                   = (*allocator.Range).String
	_ func(*allocator.RangeSet) error                                                 = (*allocator.RangeSet).Canonicalize
	_ func(*allocator.RangeSet, net.IP) bool                                          = (*allocator.RangeSet).Contains
	_ func(*allocator.RangeSet, *allocator.RangeSet) bool                             = (*allocator.RangeSet).Overlaps
	_ func(*allocator.RangeSet, net.IP) (*allocator.Range, error)                     = (*allocator.RangeSet).RangeFor
	_ func(*allocator.RangeSet) string                                                = (*allocator.RangeSet).String
)

// The configuration's types, by their fields.
var (
	_ = allocator.Net{
		Name:       "",
		CNIVersion: "",
		IPAM:       (*allocator.IPAMConfig)(nil),
	}
	_ = allocator.IPAMConfig{
		Range:      (*allocator.Range)(nil),
		Name:       "",
		Type:       "",
		Routes:     []*types.Route(nil),
		DataDir:    "",
		ResolvConf: "",
		Ranges:     []allocator.RangeSet(nil),
		IPArgs:     []net.IP(nil),
	}
	_ = allocator.IPAMEnvArgs{CommonArgs: types.CommonArgs{}, IP: ip.IP{}}
	_ = allocator.IPAMArgs{IPs: []*ip.IP(nil)}
	_ = allocator.RangeSet([]allocator.Range(nil))
	_ = allocator.Range{
		RangeStart: net.IP(nil),
		RangeEnd:   net.IP(nil),
		Subnet:     types.IPNet{},
		Gateway:    net.IP(nil),
	}
)

// Fields that are structures without a name.
func fields(n *allocator.Net) ([]allocator.RangeSet, []*ip.IP, *allocator.IPAMArgs) {
	return n.RuntimeConfig.IPRanges, n.RuntimeConfig.IPs, n.Args.A
}

var _ = fields

// backend/testing
var (
	_ func(map[string]string, map[string]net.IP) *fakestore.FakeStore = fakestore.NewFakeStore
	_ func(*fakestore.FakeStore, map[string]string)                   = (*fakestore.FakeStore).SetIPMap
)
