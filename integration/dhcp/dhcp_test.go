// Package dhcp_test tests the plugin dhcp and its daemon with real servers.
package dhcp_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m)) }

// limit is how long a test waits for what takes milliseconds.
const limit = 20 * time.Second

// call is a call of dhcp for interface eth0 of a container, with further keys of
// its configuration, which begin with a comma.
func call(c *node.Container, ipam string) node.Call {
	return node.Call{
		Plugin:      "dhcp",
		Config:      `{"cniVersion": "1.1.0", "name": "net", "type": "any", "ipam": {"type": "dhcp"` + ipam + `}}`,
		ContainerID: "container",
		Netns:       c.Path,
		IfName:      "eth0",
	}
}

// plugged makes a container with an interface eth0 in the segment.
func plugged(t testing.TB, n *node.Node, s *dhcpnet.Segment, name string) *node.Container {
	t.Helper()
	c := n.Container(t, name)
	s.Plug(t, c, "eth0")
	return c
}

// allocate gets a lease. It returns the call with the result of ADD as well.
func allocate(t testing.TB, n *node.Node, call node.Call) (*current.Result, node.Call) {
	t.Helper()
	out := n.Must(t, "ADD", call)
	parsed, err := version.NewResult("1.1.0", out)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.(*current.Result), call.With("prevResult", out)
}

// add gets a lease and gives its address and routes to the interface, as a plugin
// for the interface does.
func add(t testing.TB, n *node.Node, c *node.Container, call node.Call) (*current.Result, node.Call) {
	t.Helper()
	result, call := allocate(t, n, call)
	for _, ip := range result.IPs {
		c.Exec(t, "ip", "addr", "add", ip.Address.String(), "dev", call.IfName)
	}
	for _, route := range result.Routes {
		args := []string{"route", "add", route.Dst.String(), "dev", call.IfName}
		if !route.GW.IsUnspecified() {
			args = append(args, "via", route.GW.String())
		}
		if route.MTU > 0 {
			args = append(args, "mtu", fmt.Sprint(route.MTU))
		}
		c.Exec(t, "ip", args...)
	}
	return result, call
}

// fails calls a verb that must fail, and returns its error.
func fails(t testing.TB, n *node.Node, command string, call node.Call) error {
	t.Helper()
	err := n.Run(t, command, call).Err()
	if !node.IsError(err) {
		t.Fatalf("%s: %v", command, err)
	}
	return err
}

// wantIn fails the test unless an error's text has all parts.
func wantIn(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

// eventually waits until ok returns nothing, and fails the test with what it
// returned last if that takes too long.
func eventually(t testing.TB, limit time.Duration, ok func() string) {
	t.Helper()
	wrong := ok()
	for end := time.Now().Add(limit); wrong != "" && time.Now().Before(end); wrong = ok() {
		time.Sleep(20 * time.Millisecond)
	}
	if wrong != "" {
		t.Fatalf("after %v: %s", limit, wrong)
	}
}

// addresses returns the IPv4 addresses of a container's eth0, as `ip` prints
// them.
func addresses(t testing.TB, c *node.Container) string {
	t.Helper()
	var out []string
	for _, line := range strings.Split(c.Exec(t, "ip", "-4", "-o", "addr"), "\n") {
		if fields := strings.Fields(line); len(fields) > 3 && fields[1] != "lo" {
			out = append(out, fields[3])
		}
	}
	return strings.Join(out, " ")
}

// diffNetwork compares all but files.
func diffNetwork(before, after hoststate.State) string {
	return hoststate.Diff(before, after, regexp.MustCompile(`^files: `), linkLocal())
}

// linkLocal matches what the kernel gives a link some time after it came up.
func linkLocal() *regexp.Regexp { return regexp.MustCompile(` (fe80::|ff00::/8)`) }

// In each version of the specification ADD answers with the one address, CHECK
// agrees and changes nothing, and after DEL the server has it back, as has the
// host.
func TestVersions(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "192.168.1")
	s.Dnsmasq(t, s.Range(5, 5), "--dhcp-option=3,192.168.1.1")
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	c.Exec(t, "sh", "-c", "ip link set eth0 addrgenmode none; ip link set eth0 up")
	before := n.State(t, c)
	for _, v := range []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		call := call(c, "").With("cniVersion", fmt.Appendf(nil, "%q", v))
		out := n.Must(t, "ADD", call)
		result, err := version.NewResult(v, out)
		if err != nil {
			t.Fatal(err)
		}
		newest, err := current.NewResultFromResult(result)
		if err != nil {
			t.Fatal(err)
		}
		if len(newest.IPs) != 1 || newest.IPs[0].Address.String() != "192.168.1.5/24" || newest.IPs[0].Gateway.String() != "192.168.1.1" {
			t.Errorf("%s: %s", v, out)
		}
		if has, _ := version.GreaterThanOrEqualTo(v, "0.4.0"); has {
			c.Exec(t, "ip", "addr", "add", "192.168.1.5/24", "dev", "eth0")
			held := n.State(t, c)
			n.Must(t, "CHECK", call.With("prevResult", out))
			if diff := hoststate.Diff(held, n.State(t, c), linkLocal()); diff != "" {
				t.Errorf("%s: CHECK changed something:\n%s", v, diff)
			}
			c.Exec(t, "ip", "addr", "del", "192.168.1.5/24", "dev", "eth0")
		}
		n.Must(t, "DEL", call.With("prevResult", out))
		eventually(t, limit, func() string { return s.LeaseFile(t) })
	}
	if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), linkLocal()); diff != "" {
		t.Errorf("after DEL:\n%s\n%s", diff, daemon.Output())
	}
}

// CHECK tells all that is not as it was.
func TestCheck(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	result, call := add(t, n, c, call(c, ""))
	address := result.IPs[0].Address.String()
	n.Must(t, "CHECK", call)

	c.Exec(t, "ip", "addr", "del", address, "dev", "eth0")
	wantIn(t, fails(t, n, "CHECK", call), "error calling DHCP.Check: interface eth0 lacks address "+address)
	c.Exec(t, "ip", "addr", "add", address, "dev", "eth0")

	other := call.With("prevResult", []byte(`{"cniVersion": "1.1.0", "ips": [{"address": "10.9.9.9/24"}]}`))
	wantIn(t, fails(t, n, "CHECK", other), "address "+address+" is leased, but not in prevResult")

	c.Exec(t, "ip", "link", "set", "eth0", "down")
	wantIn(t, fails(t, n, "CHECK", call), "interface eth0 is down")

	d := n.Container(t, "d")
	elsewhere := call
	elsewhere.Netns = d.Path
	wantIn(t, fails(t, n, "CHECK", elsewhere), "another namespace")

	unknown := call
	unknown.ContainerID = "unknown"
	wantIn(t, fails(t, n, "CHECK", unknown), "no lease for unknown/net/eth0")
	if leases := dhcpnet.Leases(t, n); len(leases) != 1 {
		t.Errorf("CHECK left %v", leases)
	}
}

// GC releases what is not valid, and leaves other networks alone.
func TestGC(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	dhcpnet.Daemon(t, n)
	var calls []node.Call
	for _, name := range []string{"valid", "stale", "foreign"} {
		c := plugged(t, n, s, name)
		call := call(c, "")
		call.ContainerID = name
		if name == "foreign" {
			call = call.With("name", []byte(`"other"`))
		}
		add(t, n, c, call)
		calls = append(calls, call)
	}
	gc := node.Call{Plugin: "dhcp", Config: calls[0].Config}
	n.Must(t, "GC", gc)
	if leases := dhcpnet.Leases(t, n); len(leases) != 3 {
		t.Errorf("GC without a list left %v", leases)
	}
	gc = gc.With("cni.dev/valid-attachments", []byte(`[{"containerID": "valid", "ifname": "eth0"}]`))
	for range 2 {
		n.Must(t, "GC", gc)
	}
	var left []string
	for _, lease := range dhcpnet.Leases(t, n) {
		left = append(left, lease.ContainerID)
	}
	if got := strings.Join(left, " "); got != "foreign valid" {
		t.Errorf("GC left %s", got)
	}
	eventually(t, limit, func() string {
		if lines := strings.Count(s.LeaseFile(t), "\n"); lines != 2 {
			return fmt.Sprintf("the server has %d leases", lines)
		}
		return ""
	})
}

// Without a daemon, all but GC fail, and STATUS with its own code.
func TestNoDaemon(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	call := call(c, "")
	for command, code := range map[string]string{"ADD": `"code": 999`, "CHECK": `"code": 999`, "DEL": `"code": 999`, "STATUS": `"code": 50`} {
		out := n.Run(t, command, call)
		if err := out.Err(); err == nil {
			t.Errorf("%s succeeds", command)
		} else {
			wantIn(t, err, "error dialing DHCP daemon: is `dhcp daemon` running? dial unix /run/cni/dhcp.sock: ")
		}
		if !strings.Contains(string(out.Stdout), code) {
			t.Errorf("%s: %s, want %s", command, out.Stdout, code)
		}
	}
	gc := node.Call{Plugin: "dhcp", Config: call.Config}
	n.Must(t, "GC", gc)
	gc = gc.With("cni.dev/valid-attachments", []byte("[]"))
	n.Must(t, "GC", gc)
	left := func() error { // a socket, by a daemon that was killed
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "/run/cni/dhcp.sock", Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return l.Close()
	}
	if err := n.Do(func() error { return errors.Join(os.MkdirAll("/run/cni", 0o700), left()) }); err != nil {
		t.Fatal(err)
	}
	n.Must(t, "GC", gc)
	broken := call
	broken.Config = `{"cniVersion": "1.1.0", "name": "net", "type": "any"}`
	wantIn(t, fails(t, n, "ADD", broken), "IPAM config missing 'ipam' key")
}
