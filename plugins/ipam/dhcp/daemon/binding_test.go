package daemon

import (
	"errors"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// A daemon that is out of file descriptors, as when many leases are due at once, takes no
// namespace for one that is gone: it would forget the lease.
func TestReach(t *testing.T) {
	reach := func(netns string) error {
		b := &binding{daemon: &Daemon{threads: make(threads, 1)}, record: store.Record{Netns: netns, Index: 1}}
		return b.reach(func(*reached) error { return nil })
	}
	if err := reach("/proc/self/ns/none"); !errors.Is(err, errGone) {
		t.Errorf("nothing there: %v", err)
	}
	if err := reach("/proc/self/ns/net"); !errors.Is(err, errGone) {
		t.Errorf("another namespace: %v", err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	err := reach("/proc/self/ns/net")
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) || errors.Is(err, errGone) {
		t.Errorf("without file descriptors: %v", err)
	}
}

// A daemon that dies while it withdraws a lease, as here for want of a store, has not yet
// forgotten the address that the interface still has: the next one would not take it off.
func TestWithdrawInterrupted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	netns, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer netns.Close()
	n, err := link.Open(netns.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	lo, err := n.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	v4Address, v6Address := netip.MustParsePrefix("10.1.2.3/24"), netip.MustParsePrefix("fd00::3/128")
	for _, address := range []netip.Prefix{v4Address, v6Address} {
		ipNet := ipNet(address)
		if err := n.AddrAdd(lo, &netlink.Addr{IPNet: &ipNet}); err != nil {
			t.Fatal(err)
		}
	}
	id, err := identify(n)
	if err != nil {
		t.Fatal(err)
	}
	b := &binding{daemon: &Daemon{threads: make(threads, 1)}, conf: &config.IPAM{}, record: store.Record{
		Netns: netns.Path(), Namespace: id, Index: lo.Attrs().Index,
		V4: &dhcp4.Lease{Address: v4Address}, V6: &dhcp6.Lease{Addresses: []dhcp6.Address{{IP: v6Address.Addr()}}},
	}}
	for _, l := range []lessor{v4{b}, v6{b}} {
		func() {
			defer func() { recover() }()
			t.Errorf("withdrawn: %v", l.withdraw())
		}()
	}
	left, err := n.AddrList(lo, netlink.FAMILY_ALL)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
