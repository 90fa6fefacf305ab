// Package importers holds what other projects import of this module to the
// types it had in containernetworking/plugins 1.9.1. It tests by compiling:
// each function, method, constant, variable and type is given to something of
// exactly the type that importers were compiled against.
//
// Among the importers are Multus, SR-IOV CNI, ovs-cni, whereabouts, KubeVirt,
// CRI-O, containerd, Podman, nerdctl, OVN-Kubernetes, the AWS VPC CNI, Calico,
// Antrea, Kube-OVN, Flannel and Spiderpool.
package importers

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/coreos/go-iptables/iptables"
	"github.com/networkplumbing/go-nft/nft"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"

	"github.com/containernetworking/plugins/pkg/errors"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/netlinksafe"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/containernetworking/plugins/pkg/utils"
	"github.com/containernetworking/plugins/pkg/utils/buildversion"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// pkg/ns: nearly every importer.
var (
	_ func() (ns.NetNS, error)                   = ns.GetCurrentNS
	_ func(string) (ns.NetNS, error)             = ns.GetNS
	_ func() (ns.NetNS, error)                   = ns.TempNetNS
	_ func(string) error                         = ns.IsNSorErr
	_ func(string, func(ns.NetNS) error) error   = ns.WithNetNSPath
	_ error                                      = ns.NSPathNotExistErr{}
	_ error                                      = ns.NSPathNotNSErr{}
	_ func(ns.NetNS, func(ns.NetNS) error) error = ns.NetNS.Do
	_ interface{ ns.NetNS }                      = ns.NetNS(nil)
	_ ns.NetNS                                   = fakeNS{}
	_ func(ns.NSPathNotExistErr) string          = ns.NSPathNotExistErr.Error
	_ func(ns.NSPathNotNSErr) string             = ns.NSPathNotNSErr.Error
)

const (
	_ uint32 = ns.NSFS_MAGIC
	_ uint32 = ns.PROCFS_MAGIC
)

// fakeNS implements ns.NetNS: importers have fakes, which another method would
// break.
type fakeNS struct{}

func (fakeNS) Do(func(ns.NetNS) error) error { return nil }
func (fakeNS) Set() error                    { return nil }
func (fakeNS) Path() string                  { return "" }
func (fakeNS) Fd() uintptr                   { return 0 }
func (fakeNS) Close() error                  { return nil }

// pkg/ip: SR-IOV CNI, ovs-cni, OVN-Kubernetes, AWS VPC CNI, Calico, Antrea,
// Spiderpool.
var (
	_ error                                                                             = ip.ErrLinkNotFound
	_ func(string, time.Duration) error                                                 = ip.SettleAddresses
	_ func(net.IP) net.IP                                                               = ip.NextIP
	_ func(net.IP) net.IP                                                               = ip.PrevIP
	_ func(net.IP, net.IP) int                                                          = ip.Cmp
	_ func(*net.IPNet) *net.IPNet                                                       = ip.Network
	_ func(*net.IPNet) bool                                                             = ip.IsIPNetZero
	_ func(string) *ip.IP                                                               = ip.ParseIP
	_ ip.IP                                                                             = ip.IP{IPNet: net.IPNet{}}
	_ func(*ip.IP) net.IP                                                               = (*ip.IP).ToIP
	_ func(*ip.IP) string                                                               = (*ip.IP).String
	_ func(*ip.IP) ([]byte, error)                                                      = (*ip.IP).MarshalText
	_ func(*ip.IP, []byte) error                                                        = (*ip.IP).UnmarshalText
	_ func() error                                                                      = ip.EnableIP4Forward
	_ func() error                                                                      = ip.EnableIP6Forward
	_ func([]*current.IPConfig) error                                                   = ip.EnableForward
	_ func(*net.IPNet, net.IP, netlink.Link) error                                      = ip.AddRoute
	_ func(*net.IPNet, net.IP, netlink.Link) error                                      = ip.AddHostRoute
	_ func(net.IP, netlink.Link) error                                                  = ip.AddDefaultRoute
	_ func() (string, error)                                                            = ip.RandomVethName
	_ func(string, string) error                                                        = ip.RenameLink
	_ func(string, int, string, ns.NetNS) (net.Interface, net.Interface, error)         = ip.SetupVeth
	_ func(string, string, int, string, ns.NetNS) (net.Interface, net.Interface, error) = ip.SetupVethWithName
	_ func(string) error                                                                = ip.DelLinkByName
	_ func(string) ([]*net.IPNet, error)                                                = ip.DelLinkByNameAddr
	_ func(string) (netlink.Link, int, error)                                           = ip.GetVethPeerIfindex
	_ func(string, []*current.IPConfig) error                                           = ip.ValidateExpectedInterfaceIPs
	_ func([]*types.Route) error                                                        = ip.ValidateExpectedRoute
)

//lint:ignore SA1019 importers may still use it
const _ time.Duration = ip.SETTLE_INTERVAL

// pkg/link
var (
	_ func(iface, macAddress, refID string) *link.SpoofChecker            = link.NewSpoofChecker
	_ func(string, string, string, link.NftConfigurer) *link.SpoofChecker = link.NewSpoofCheckerWithConfigurer
	_ func(*link.SpoofChecker) error                                      = (*link.SpoofChecker).Setup
	_ func(*link.SpoofChecker) error                                      = (*link.SpoofChecker).Teardown
	_ func(link.NftConfigurer, *nft.Config) (*nft.Config, error)          = link.NftConfigurer.Apply
	_ func(link.NftConfigurer, ...string) (*nft.Config, error)            = link.NftConfigurer.Read
	_ link.NftConfigurer                                                  = fakeNft{}
)

// fakeNft implements link.NftConfigurer, which another method would break.
type fakeNft struct{}

func (fakeNft) Apply(*nft.Config) (*nft.Config, error) { return nil, nil }
func (fakeNft) Read(...string) (*nft.Config, error)    { return nil, nil }

// pkg/netlinksafe
var (
	_ netlinksafe.Handle                                                                                   = netlinksafe.Handle{Handle: (*netlink.Handle)(nil)}
	_ func(...int) (netlinksafe.Handle, error)                                                             = netlinksafe.NewHandle
	_ func(netns.NsHandle, ...int) (netlinksafe.Handle, error)                                             = netlinksafe.NewHandleAt
	_ func(netlink.Link, int) ([]netlink.Addr, error)                                                      = netlinksafe.AddrList
	_ func() (map[int32][]*nl.BridgeVlanInfo, error)                                                       = netlinksafe.BridgeVlanList
	_ func(string) (netlink.Link, error)                                                                   = netlinksafe.LinkByName
	_ func() ([]netlink.Link, error)                                                                       = netlinksafe.LinkList
	_ func(netlink.Link, int) ([]netlink.Route, error)                                                     = netlinksafe.RouteList
	_ func(int, *netlink.Route, uint64) ([]netlink.Route, error)                                           = netlinksafe.RouteListFiltered
	_ func(netlink.Link) ([]netlink.Qdisc, error)                                                          = netlinksafe.QdiscList
	_ func(netlink.Link, uint32) ([]netlink.Filter, error)                                                 = netlinksafe.FilterList
	_ func(netlink.Link) (netlink.Protinfo, error)                                                         = netlinksafe.LinkGetProtinfo
	_ func(int) ([]netlink.Rule, error)                                                                    = netlinksafe.RuleList
	_ func(int, *netlink.Rule, uint64) ([]netlink.Rule, error)                                             = netlinksafe.RuleListFiltered
	_ func(netlink.ConntrackTableType, netlink.InetFamily, ...netlink.CustomConntrackFilter) (uint, error) = netlinksafe.ConntrackDeleteFilters

	_ func(netlinksafe.Handle)                                                                                                  = netlinksafe.Handle.Close
	_ func(netlinksafe.Handle, string) (netlink.Link, error)                                                                    = netlinksafe.Handle.LinkByName
	_ func(netlinksafe.Handle) ([]netlink.Link, error)                                                                          = netlinksafe.Handle.LinkList
	_ func(netlinksafe.Handle, netlink.Link, int) ([]netlink.Route, error)                                                      = netlinksafe.Handle.RouteList
	_ func(netlinksafe.Handle, int, *netlink.Route, uint64) ([]netlink.Route, error)                                            = netlinksafe.Handle.RouteListFiltered
	_ func(*netlinksafe.Handle, netlink.Link) ([]netlink.Qdisc, error)                                                          = (*netlinksafe.Handle).QdiscList
	_ func(*netlinksafe.Handle, netlink.Link, uint32) ([]netlink.Filter, error)                                                 = (*netlinksafe.Handle).FilterList
	_ func(*netlinksafe.Handle, netlink.Link) (netlink.Protinfo, error)                                                         = (*netlinksafe.Handle).LinkGetProtinfo
	_ func(*netlinksafe.Handle, int) ([]netlink.Rule, error)                                                                    = (*netlinksafe.Handle).RuleList
	_ func(*netlinksafe.Handle, int, *netlink.Rule, uint64) ([]netlink.Rule, error)                                             = (*netlinksafe.Handle).RuleListFiltered
	_ func(*netlinksafe.Handle, netlink.ConntrackTableType, netlink.InetFamily, ...netlink.CustomConntrackFilter) (uint, error) = (*netlinksafe.Handle).ConntrackDeleteFilters
)

// pkg/utils and below: nerdctl, AWS VPC CNI, Calico, ovs-cni, KubeVirt,
// OVN-Kubernetes, Kube-OVN, Spiderpool.
var (
	_ func(int, string, string) string                               = utils.MustFormatHashWithPrefix
	_ func(string, string, string) string                            = utils.MustFormatChainNameWithPrefix
	_ func(string, string) string                                    = utils.FormatChainName
	_ func(string, string) string                                    = utils.FormatComment
	_ func(*iptables.IPTables, string, string) error                 = utils.EnsureChain
	_ func(*iptables.IPTables, string, string, ...string) error      = utils.DeleteRule
	_ func(*iptables.IPTables, string, string) error                 = utils.DeleteChain
	_ func(*iptables.IPTables, string, string) error                 = utils.ClearChain
	_ func(*iptables.IPTables, string, string, bool, []string) error = utils.InsertUnique
	_ func(string, uint8) error                                      = utils.DeleteConntrackEntriesForDstIP
	_ func(uint16, uint8, netlink.InetFamily) error                  = utils.DeleteConntrackEntriesForDstPort
	_ func() bool                                                    = utils.SupportsIPTables
	_ func() bool                                                    = utils.SupportsNFTables
	_ func(string, ...string) (string, error)                        = sysctl.Sysctl
	_ *string                                                        = &buildversion.BuildVersion
	_ func(string) string                                            = buildversion.BuildString
	_ func(error, string) error                                      = errors.Annotate
	_ func(error, string, ...interface{}) error                      = errors.Annotatef
)

const (
	_ uint8 = utils.PROTOCOL_TCP
	_ int   = utils.PROTOCOL_UDP
	_ uint8 = utils.PROTOCOL_SCTP
	_ int   = utils.MaxHashLen
)

// pkg/testutils: Multus, SR-IOV CNI, ovs-cni, whereabouts, OVN-Kubernetes,
// Calico, Antrea, Flannel, Spiderpool.
var (
	_ [7]string                                                                        = testutils.AllSpecVersions
	_ func(string) bool                                                                = testutils.SpecVersionHasIPVersion
	_ func(string) bool                                                                = testutils.SpecVersionHasCHECK
	_ func(string) bool                                                                = testutils.SpecVersionHasSTATUS
	_ func(string) bool                                                                = testutils.SpecVersionHasChaining
	_ func(string) bool                                                                = testutils.SpecVersionHasMultipleIPs
	_ func(string, string, string, []byte, func() error) (types.Result, []byte, error) = testutils.CmdAdd
	_ func(*skel.CmdArgs, func() error) (types.Result, []byte, error)                  = testutils.CmdAddWithArgs
	_ func(string, string, string, func() error) error                                 = testutils.CmdCheck
	_ func(*skel.CmdArgs, func() error) error                                          = testutils.CmdCheckWithArgs
	_ func(string, string, string, func() error) error                                 = testutils.CmdDel
	_ func(*skel.CmdArgs, func() error) error                                          = testutils.CmdDelWithArgs
	_ func(func() error) error                                                         = testutils.CmdStatus
	_ func() (ns.NetNS, error)                                                         = testutils.NewNS
	_ func(ns.NetNS) error                                                             = testutils.UnmountNS
	_ func(string, string, int) error                                                  = testutils.Ping
	_ func(types.DNS) (string, error)                                                  = testutils.TmpResolvConf
	_ io.ReadCloser                                                                    = &testutils.BadReader{Error: io.EOF}
	_ func(*testutils.BadReader, []byte) (int, error)                                  = (*testutils.BadReader).Read
	_ func(*testutils.BadReader) error                                                 = (*testutils.BadReader).Close
)

// Importers tell the errors for paths apart by their types, and find them by
// value.
func TestPathErrors(t *testing.T) {
	_, err := ns.GetNS("/no/such/path")
	switch err.(type) {
	case ns.NSPathNotExistErr:
	case ns.NSPathNotNSErr:
		t.Errorf("a path that does not exist is on another filesystem: %v", err)
	default:
		t.Errorf("%T %v", err, err)
	}
}

// A link that does not exist is told by identity.
func TestLinkNotFound(t *testing.T) {
	if err := ip.DelLinkByName("nosuchlink"); err != ip.ErrLinkNotFound {
		t.Errorf("error %v", err)
	}
}
