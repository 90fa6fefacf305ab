package dhcp_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// Three DELs at once, and one afterwards, all succeed.
func TestParallelDel(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "192.168.1")
	s.Dnsmasq(t, s.Range(5, 5))
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			if err := n.Run(t, "DEL", call).Err(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	n.Must(t, "DEL", call)
	if count := daemon.Count("releasing lease"); count != 1 {
		t.Errorf("released %d times", count)
	}
}

// Of a pool with one address, the second interface gets none, in time.
func TestSmallPool(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "192.168.1")
	s.Dnsmasq(t, s.Range(5, 5))
	daemon := dhcpnet.Daemon(t, n, "-timeout", "2s", "-resendmax", "8s", "--resendtimeout", "10s")
	c := plugged(t, n, s, "c")
	s.Plug(t, c, "eth1")
	first := call(c, "")
	second := first
	second.IfName = "eth1"
	n.Must(t, "ADD", first)
	start := time.Now()
	err := fails(t, n, "ADD", second)
	took := time.Since(start)
	if e := err.(*types.Error); e.Msg != "error calling DHCP.Allocate: no more tries" || e.Code != types.ErrTryAgainLater ||
		!strings.Contains(e.Details, "no DHCP server answered on eth1 within ") {
		t.Errorf("%+v", e)
	}
	if took < 9900*time.Millisecond || took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	n.Must(t, "DEL", first)
	n.Must(t, "DEL", second)
	if t.Failed() {
		t.Log(daemon.Output())
	}
}

// Two interfaces of a container have two addresses.
func TestTwoInterfaces(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "192.168.1")
	s.Dnsmasq(t, s.Range(5, 6))
	dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	s.Plug(t, c, "eth1")
	first := call(c, "")
	second := first
	second.IfName = "eth1"
	got := map[string]bool{}
	for _, call := range []node.Call{first, second} {
		result, _ := allocate(t, n, call)
		got[result.IPs[0].Address.String()] = true
	}
	if !got["192.168.1.5/24"] || !got["192.168.1.6/24"] {
		t.Errorf("addresses %v", got)
	}
	n.Must(t, "DEL", first)
	n.Must(t, "DEL", second)
	eventually(t, limit, func() string { return s.LeaseFile(t) })
}

// ADDs and DELs of one interface at once happen one after the other: whoever is
// last, server and daemon agree.
func TestSerialised(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 90))
	dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	call := call(c, "")
	var running sync.WaitGroup
	for i := range 30 {
		running.Go(func() {
			command := "ADD"
			if i%3 == 2 {
				command = "DEL"
			}
			if err := n.Run(t, command, call).Err(); err != nil {
				t.Errorf("%s: %v", command, err)
			}
		})
	}
	running.Wait()
	n.Must(t, "ADD", call)
	leases := dhcpnet.Leases(t, n)
	if len(leases) != 1 || strings.Count(s.LeaseFile(t), "\n") != 1 {
		t.Errorf("the daemon has %v, the server\n%s", leases, s.LeaseFile(t))
	}
	n.Must(t, "DEL", call)
	eventually(t, limit, func() string { return s.LeaseFile(t) })
}

// A container that comes again under its name, in another namespace, gets another
// lease, and the old one is not kept.
func TestNameTakenAgain(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	dhcpnet.Daemon(t, n)
	old := plugged(t, n, s, "old")
	add(t, n, old, call(old, ""))
	again := plugged(t, n, s, "again")
	result, call := add(t, n, again, call(again, ""))
	n.Must(t, "CHECK", call)
	leases := dhcpnet.Leases(t, n)
	if len(leases) != 1 || leases[0].Address != result.IPs[0].Address.String() {
		t.Errorf("leases %v, want one of %v", leases, result.IPs[0].Address)
	}
}
