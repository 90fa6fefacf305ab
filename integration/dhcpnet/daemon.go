package dhcpnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
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
	path := "/run/cni/dhcp.sock"
	if i := slices.Index(flags, "-socketpath"); i >= 0 {
		path = flags[i+1]
	}
	status := node.Call{Plugin: "dhcp", Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": "any",
		"ipam": {"type": "dhcp", "daemonSocketPath": %q}}`, path)}
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
	IPv6                                        []string
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

// Activated starts the daemon with a listening socket, as a service manager does.
func Activated(t testing.TB, n *node.Node, program, path string) *node.Process {
	t.Helper()
	var file *os.File
	err := n.Do(func() error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		file, err = l.File()
		return errors.Join(err, l.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return n.StartWith(t, []*os.File{file}, "sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" daemon`, program)
}
