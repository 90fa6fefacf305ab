package dhcpnet

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

// Daemon starts the daemon of this module's dhcp and waits until it listens.
func Daemon(t testing.TB, n *node.Node, flags ...string) *node.Process {
	t.Helper()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	p := n.Start(t, filepath.Join(bin, "dhcp"), append([]string{"daemon"}, flags...)...)
	status := node.Call{Plugin: "dhcp", Config: `{"cniVersion": "1.1.0", "name": "net", "type": "any", "ipam": {"type": "dhcp"}}`}
	for end := time.Now().Add(startTime); n.Run(t, "STATUS", status).Err() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the daemon does not listen:\n%s", p.Output())
		}
	}
	return p
}

// Lease is one of `dhcp leases --json`.
type Lease struct {
	ContainerID, IfName, State, Address, Server string
	Renew, Expiry                               time.Time
	Ignored                                     uint64
}

// Leases returns what the daemon says that it has.
func Leases(t testing.TB, n *node.Node) []Lease {
	t.Helper()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	var leases []Lease
	if err := json.Unmarshal([]byte(n.Exec(t, filepath.Join(bin, "dhcp"), "leases", "--json")), &leases); err != nil {
		t.Fatal(err)
	}
	return leases
}
