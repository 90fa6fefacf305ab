package dhcp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// debian is the program of Debian's package containernetworking-plugins.
const debian = "/usr/lib/cni/dhcp"

// runDebian calls a verb of Debian's client and returns what it prints.
func runDebian(t *testing.T, n *node.Node, command string, call node.Call) string {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "conf")
	call = call.With("cniVersion", []byte(`"1.0.0"`)) // the newest that it knows
	if err := os.WriteFile(conf, []byte(call.Config), 0o600); err != nil {
		t.Fatal(err)
	}
	return n.Exec(t, "env", "CNI_COMMAND="+command, "CNI_CONTAINERID="+call.ContainerID, "CNI_NETNS="+call.Netns,
		"CNI_IFNAME="+call.IfName, "CNI_PATH=/usr/lib/cni", "sh", "-c", debian+" <"+conf)
}

// A client of an earlier version gets from the daemon what ours gets.
func TestEarlierClient(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60), "--dhcp-option=3,10.1.2.1", "--dhcp-option=121,198.51.100.0/24,10.1.2.254,203.0.113.0/25,0.0.0.0")
	dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	call := call(c, `, "priority": 7, "request": [{"option": "121"}]`)
	theirs, err := version.NewResult("1.0.0", []byte(runDebian(t, n, "ADD", call)))
	if err != nil {
		t.Fatal(err)
	}
	ours, _ := allocate(t, n, call)
	got := theirs.(*current.Result)
	if len(got.IPs) != 1 || got.IPs[0].Address.String() != ours.IPs[0].Address.String() || len(got.Routes) != 2 ||
		got.Routes[0].GW.String() != "10.1.2.254" || !got.Routes[1].GW.IsUnspecified() {
		t.Errorf("result %v, ours %v", got, ours)
	}
	runDebian(t, n, "CHECK", call)
	runDebian(t, n, "DEL", call)
	eventually(t, limit, func() string { return s.LeaseFile(t) })
	// An error as well.
	call.IfName = "eth7"
	conf := call.With("cniVersion", []byte(`"1.0.0"`)).Config
	out := n.Exec(t, "sh", "-c", "echo '"+conf+"' | CNI_COMMAND=ADD CNI_CONTAINERID=c CNI_NETNS="+call.Netns+
		" CNI_IFNAME=eth7 CNI_PATH=/ "+debian+"; true")
	if !strings.Contains(out, `error calling DHCP.Allocate: error looking up \"eth7\": Link not found`) {
		t.Errorf("error %s", out)
	}
}

// Our client gets from a daemon of an earlier version what that can.
func TestEarlierDaemon(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60), "--dhcp-option=3,10.1.2.1")
	n.Start(t, debian, "daemon")
	c := plugged(t, n, s, "c")
	c.Exec(t, "ip", "link", "set", "eth0", "up")
	call := call(c, "")
	eventually(t, limit, func() string {
		if err := n.Run(t, "STATUS", call).Err(); err != nil {
			return err.Error()
		}
		return ""
	})
	result, call := allocate(t, n, call)
	if len(result.IPs) != 1 || len(result.Routes) != 1 || result.Routes[0].GW.String() != "10.1.2.1" {
		t.Errorf("result %v", result)
	}
	n.Must(t, "CHECK", call)
	n.Must(t, "GC", node.Call{Plugin: "dhcp", Config: call.With("cni.dev/valid-attachments", []byte("[]")).Config})
	n.Must(t, "DEL", call)
	bad := call
	bad.IfName = "eth7"
	wantIn(t, fails(t, n, "ADD", bad), `error calling DHCP.Allocate: error looking up "eth7": Link not found`)
}
