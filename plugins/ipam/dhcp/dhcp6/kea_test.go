package dhcp6

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const subnet = "2001:db8:1::/64"

// compareAddresses makes cmp compare addresses by value.
var compareAddresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestKea(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	kea := net.kea(t, keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/128", valid: 300, renew: 50, rebind: 100})
	client := Client{Identity: Identify(attachment), Ignored: new(Ignored)}

	lease, err := client.Acquire(withBudget(t), net.container, net.eth0)
	if err != nil {
		t.Fatal(err)
	}
	want := &Lease{
		Identity:  client.Identity,
		Server:    DUID{0, 2, 0, 0, 0, 1, 1},
		T1:        50,
		T2:        100,
		Addresses: []Address{{netip.MustParseAddr("2001:db8:1::50"), 300, 300}},
		DNS:       []netip.Addr{netip.MustParseAddr("2001:db8::53"), netip.MustParseAddr("2001:db8::54")},
		Search:    []string{"example.test", "sub.example.test"},
	}
	if diff := cmp.Diff(want, lease, compareAddresses, cmpopts.IgnoreFields(Lease{}, "Obtained")); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
	if err := lease.Check(); err != nil {
		t.Error(err)
	}

	renewed, err := client.Renew(withBudget(t), net.container, net.eth0, lease)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lease, renewed, compareAddresses, cmpopts.IgnoreFields(Lease{}, "Obtained")); diff != "" {
		t.Errorf("renewed lease (-want +got):\n%s", diff)
	}
	if !renewed.Obtained.After(lease.Obtained) {
		t.Error("the renewed lease is not newer")
	}
	if err := client.Confirm(withBudget(t), net.container, net.eth0, lease); err != nil {
		t.Error("confirm:", err)
	}
	elsewhere := *lease
	elsewhere.Addresses = []Address{{netip.MustParseAddr("2001:db8:2::50"), 300, 300}}
	if err := client.Confirm(withBudget(t), net.container, net.eth0, &elsewhere); !errors.Is(err, ErrWithdrawn) {
		t.Error("confirm an address of another link:", err)
	}

	if err := client.Release(withBudget(t), net.container, net.eth0, lease); err != nil {
		t.Error("release:", err)
	}
	if last := kea.lastLease(t); last.address != "2001:db8:1::50" || last.valid != "0" {
		t.Errorf("the server's last record is not that of a released lease: %+v", last)
	}
	if n := client.Ignored.Total(); n != 0 {
		t.Errorf("%d packets ignored: %v", n, client.Ignored)
	}
}

// A record is a line of Kea's lease file.
type record struct{ address, duid, valid, state string }

// lastLease returns the line that Kea wrote last.
func (s *server) lastLease(t *testing.T) record {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.readLeases(t)), "\n")
	column := make(map[string]string)
	values := strings.Split(lines[len(lines)-1], ",")
	for i, name := range strings.Split(lines[0], ",") {
		column[name] = values[i]
	}
	return record{column["address"], column["duid"], column["valid_lifetime"], column["state"]}
}

// acquire gets a lease of a server that is alive.
func (n *network) acquire(t *testing.T, client Client) *Lease {
	t.Helper()
	lease, err := client.Acquire(withBudget(t), n.container, n.eth0)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func newClient() Client { return Client{Identity: Identify(attachment), Ignored: new(Ignored)} }

func TestRapidCommit(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	kea := net.kea(t, keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/128", rapid: true, valid: 300, renew: 50, rebind: 100})
	net.acquire(t, newClient())
	log := kea.stop()
	if strings.Contains(log, "ADVERTISE") || !strings.Contains(log, "REPLY") {
		t.Errorf("the server did not commit rapidly:\n%s", log)
	}
}

func TestPreference(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	net.kea(t, keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/128", preference: 3, valid: 300, renew: 50, rebind: 100})
	other := net.another(t, "2001:db8:1::2/64")
	other.kea(t, keaServer{id: "02", subnet: subnet, pool: "2001:db8:1::60/128", preference: 7, valid: 300, renew: 50, rebind: 100})
	lease := net.acquire(t, newClient())
	if lease.Addresses[0].IP != netip.MustParseAddr("2001:db8:1::60") {
		t.Errorf("lease of %v, not of the server with the higher preference", lease.Addresses)
	}
}

func TestRenewOfDeadServer(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	kea := net.kea(t, keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/128", valid: 300, renew: 1, rebind: 2})
	client := newClient()
	lease := net.acquire(t, client)
	kea.stop()
	_, err := client.Renew(withBudget(t), net.container, net.eth0, lease)
	if !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
	if over := time.Since(lease.RebindAt()); over < 0 || over > 2*time.Second {
		t.Errorf("gave up %v after T2", over)
	}
	// Confirmation of nobody is none, and no reason to give the address up.
	err = client.Confirm(within(t, time.Second), net.container, net.eth0, lease)
	if !errors.Is(err, ErrNoServer) || errors.Is(err, ErrWithdrawn) {
		t.Error(err)
	}
}

func TestRebindToAnotherServer(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	first := net.kea(t, keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/124", valid: 300, renew: 50, rebind: 100})
	client := newClient()
	lease := net.acquire(t, client)
	first.stop()
	second := net.kea(t, keaServer{id: "02", subnet: subnet, pool: "2001:db8:1::50/124", valid: 300, renew: 50, rebind: 100})

	// The server that lent the address is gone, and no other answers for it.
	if _, err := client.Renew(within(t, time.Second), net.container, net.eth0, lease); !errors.Is(err, ErrNoServer) {
		t.Error("renew:", err)
	}
	rebound, err := client.Rebind(withBudget(t), net.container, net.eth0, lease)
	if err != nil {
		t.Fatal(err)
	}
	if want := (DUID{0, 2, 0, 0, 0, 1, 2}); rebound.Server.String() != want.String() {
		t.Errorf("rebound to %v, not to %v", rebound.Server, want)
	}
	if diff := cmp.Diff(lease.Addresses, rebound.Addresses, compareAddresses); diff != "" {
		t.Errorf("addresses (-lent +rebound):\n%s", diff)
	}
	if last := second.lastLease(t); last.address != lease.Addresses[0].IP.String() || last.duid != client.DUID.String() {
		t.Errorf("the second server lent %+v", last)
	}
}

func TestRenumbering(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	first := net.kea(t, keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/128", valid: 300, renew: 50, rebind: 100})
	client := newClient()
	lease := net.acquire(t, client)
	first.stop()
	net.kea(t, keaServer{id: "01", subnet: "2001:db8:2::/64", pool: "2001:db8:2::70/128", valid: 300, renew: 50, rebind: 100})

	renewed, err := client.Renew(withBudget(t), net.container, net.eth0, lease)
	if err != nil {
		t.Fatal(err)
	}
	want := []Address{{netip.MustParseAddr("2001:db8:2::70"), 300, 300}}
	if diff := cmp.Diff(want, renewed.Addresses, compareAddresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestServerThatForgot(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	k := keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/128", valid: 300, renew: 50, rebind: 100}
	first := net.kea(t, k)
	client := newClient()
	lease := net.acquire(t, client)
	first.stop()
	net.kea(t, k) // with a lease file of its own
	renewed, err := client.Renew(withBudget(t), net.container, net.eth0, lease)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lease.Addresses, renewed.Addresses, compareAddresses); diff != "" {
		t.Errorf("addresses (-lent +renewed):\n%s", diff)
	}
}

// TestEmptyPool has two clients and one address.
func TestEmptyPool(t *testing.T) {
	t.Parallel()
	net := newNetwork(t, "2001:db8:1::1/64")
	net.kea(t, keaServer{id: "01", subnet: subnet, pool: "2001:db8:1::50/128", valid: 300, renew: 50, rebind: 100})
	net.acquire(t, newClient())
	other := attachment
	other.IfName = "eth1"
	_, err := Client{Identity: Identify(other)}.Acquire(within(t, 2*time.Second), net.container, net.eth0)
	var status *StatusError
	if !errors.As(err, &status) || !strings.Contains(err.Error(), `no address from DHCPv6 on "eth0": server says NoAddrsAvail`) {
		t.Error(err)
	}
}
