package dhcp6

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
)

const stateful = "--dhcp-range=2001:db8:1::50,2001:db8:1::5f,64,2m"

func TestDnsmasq(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	dnsmasq := net.dnsmasq(t, stateful, "--dhcp-option=option6:dns-server,[2001:db8::53]", "--dhcp-option=option6:domain-search,example.test")
	client := newClient()
	lease := net.acquire(t, client)
	address := lease.Addresses[0]
	if !netip.MustParsePrefix("2001:db8:1::50/124").Contains(address.IP) || address.Valid != 120 {
		t.Errorf("lease of %v", address)
	}
	want := &Lease{DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, Search: []string{"example.test"}}
	if diff := cmp.Diff(want, &Lease{DNS: lease.DNS, Search: lease.Search}, compareAddresses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := lease.Check(); err != nil {
		t.Error(err)
	}
	for name, extend := range map[string]func(context.Context) (*Lease, error){
		"renew":  func(ctx context.Context) (*Lease, error) { return client.Renew(ctx, net.container, net.eth0, lease) },
		"rebind": func(ctx context.Context) (*Lease, error) { return client.Rebind(ctx, net.container, net.eth0, lease) },
	} {
		next, err := extend(withBudget(t))
		if err != nil {
			t.Fatal(name, err)
		}
		// What is left of a lease depends on when the server is asked.
		if diff := cmp.Diff(lease.Addresses, next.Addresses, compareAddresses, cmpopts.IgnoreFields(Address{}, "Preferred", "Valid")); diff != "" {
			t.Errorf("%s (-lent +extended):\n%s", name, diff)
		}
	}
	if err := client.Confirm(withBudget(t), net.container, net.eth0, lease); err != nil {
		t.Error("confirm:", err)
	}
	// The server writes its file after an answer, and before it reads the next
	// message.
	if leases := dnsmasq.readLeases(t); !strings.Contains(leases, address.IP.String()) || !strings.Contains(leases, client.DUID.String()) {
		t.Errorf("%v is not in the server's file:\n%s", address.IP, leases)
	}
	if err := client.Release(withBudget(t), net.container, net.eth0, lease); err != nil {
		t.Error("release:", err)
	}
	if _, err := client.Inquire(withBudget(t), net.container, net.eth0); err != nil {
		t.Error("inquire:", err)
	}
	if leases := dnsmasq.readLeases(t); strings.Contains(leases, address.IP.String()) {
		t.Errorf("%v is in the server's file after its release:\n%s", address.IP, leases)
	}
	if n := client.Ignored.Total(); n != 0 {
		t.Errorf("%d packets ignored: %v", n, client.Ignored)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	start := time.Now()
	_, err := newClient().Acquire(within(t, 2*time.Second), net.container, net.eth0)
	if !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), `no DHCPv6 server answered on "eth0": SOLICIT sent 2 times in 2`) {
		t.Error(err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("gave up after %v", took)
	}
}

// TestExpired has a lease that nobody may ask to extend any more.
func TestExpired(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	net.dnsmasq(t, stateful)
	client := newClient()
	lease := net.acquire(t, client)
	lease.Obtained = lease.Obtained.Add(-3 * time.Minute)
	if _, err := client.Rebind(withBudget(t), net.container, net.eth0, lease); !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
}

func TestStateless(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	// A container forwards packets if somebody says so, and still takes part.
	setSysctl(t, net.container, "net/ipv6/conf/eth0/forwarding", "1")
	setSysctl(t, net.container, "net/ipv6/conf/eth0/accept_ra", "0")
	setSysctl(t, net.container, "net/ipv6/conf/eth0/accept_dad", "1")
	net.dnsmasq(t, "--enable-ra", "--ra-param=srv0,60,900", "--dhcp-range=2001:db8:1::,ra-stateless,64,10m",
		"--dhcp-option=option6:dns-server,[2001:db8::53]", "--dhcp-option=option6:domain-search,example.test")
	client := newClient()
	a, err := AwaitAdvertisement(withBudget(t), net.container, net.eth0, Wanted{Address: true}, client.Ignored)
	if err != nil {
		t.Fatal(err)
	}
	from, err := linkLocal(net.server, net.srv0)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Addresses) != 1 {
		t.Fatalf("%+v", a)
	}
	address := a.Addresses[0]
	a.Addresses = nil
	want := &Advertisement{
		Router: from, Lifetime: 900, Other: true,
		DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, Search: []string{"example.test"},
	}
	if diff := cmp.Diff(want, a, compareAddresses); diff != "" {
		t.Errorf("advertisement (-want +got):\n%s", diff)
	}
	if address.Prefix.Masked() != netip.MustParsePrefix("2001:db8:1::/64") || address.Valid > 600 || address.Valid < 590 {
		t.Errorf("address %v", address)
	}
	// It works: the server is a neighbour, and answers.
	information, err := client.Inquire(withBudget(t), net.container, net.eth0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Information{want.DNS, want.Search}, information, compareAddresses); diff != "" {
		t.Errorf("information (-want +got):\n%s", diff)
	}
	if n := client.Ignored.Total(); n != 0 {
		t.Errorf("%d packets ignored: %v", n, client.Ignored)
	}
}

// TestManaged has a router that leaves addresses to DHCPv6.
func TestManaged(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	net.dnsmasq(t, "--enable-ra", stateful)
	a, err := AwaitAdvertisement(withBudget(t), net.container, net.eth0, Wanted{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Managed || len(a.Addresses) > 0 {
		t.Errorf("advertisement %+v", a)
	}
	_, err = AwaitAdvertisement(within(t, 2*time.Second), net.container, net.eth0, Wanted{Address: true}, nil)
	if !errors.Is(err, ErrNoRouter) || !strings.Contains(err.Error(), "with a prefix for addresses") {
		t.Error(err)
	}
}

func TestNoRouter(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	_, err := AwaitAdvertisement(within(t, time.Second), net.container, net.eth0, Wanted{Address: true}, nil)
	if !errors.Is(err, ErrNoRouter) || !strings.Contains(err.Error(), `no router advertisement on "eth0" in 1`) {
		t.Error(err)
	}
}

// TestNoDefaultRouter has one that is there for its prefix only.
func TestNoDefaultRouter(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	net.dnsmasq(t, "--enable-ra", "--ra-param=srv0,60,0", "--dhcp-range=2001:db8:1::,ra-only,64,10m")
	_, err := AwaitAdvertisement(within(t, 2*time.Second), net.container, net.eth0, Wanted{Address: true}, nil)
	if !errors.Is(err, ErrNoRouter) || !strings.Contains(err.Error(), "which is none") {
		t.Error(err)
	}
}

// TestAdvertisedIsApplied does with what a router advertised what plugins do with
// the result of an IPAM plugin, in ADD and in CHECK.
func TestAdvertisedIsApplied(t *testing.T) {
	t.Parallel()
	network := newNetwork(t, "2001:db8:1::1/64")
	network.dnsmasq(t, "--enable-ra", "--dhcp-range=2001:db8:1::,ra-only,64,10m")
	a, err := AwaitAdvertisement(withBudget(t), network.container, network.eth0, Wanted{Address: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	address := net.IPNet{IP: a.Addresses[0].Prefix.Addr().AsSlice(), Mask: net.CIDRMask(64, 128)}
	all := net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	result := &current.Result{
		IPs:    []*current.IPConfig{{Address: address, Gateway: a.Router.AsSlice()}},
		Routes: []*types.Route{{Dst: all, GW: a.Router.AsSlice()}},
	}
	config := iface.SetUp{}.Config(result)
	if err := config.Apply(network.container, network.eth0); err != nil {
		t.Fatal(err)
	}
	expected := check.Expect{Name: "eth0", Config: config}
	if err := expected.Compare(network.container); err != nil {
		t.Error(err)
	}
	// The kernel still keeps them.
	present, err := network.container.AddrList(network.eth0, netlink.FAMILY_V6)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range present {
		if p.IP.Equal(address.IP) && (p.Flags&unix.IFA_F_PERMANENT != 0 || p.ValidLft == 0) {
			t.Errorf("address %v is for ever", p)
		}
	}
	config.Routes = nil
	if err := config.Apply(network.server, network.srv0); err != nil {
		t.Fatal(err)
	}
	// What is there for another reason is somebody else's.
	if err := config.Apply(network.server, network.srv0); !errors.Is(err, unix.EEXIST) {
		t.Error(err)
	}
}
