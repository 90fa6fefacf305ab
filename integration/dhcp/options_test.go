package dhcp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// What the client sends depends on the configuration, and by default is what
// earlier versions send.
func TestMessages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ipam, args string
		daemon     []string
		want       map[uint8]string
		broadcast  bool
	}{
		"default": {want: map[uint8]string{55: "\x03\x01", 57: "\x05\xdc", 61: "\x00container/net/eth0"}},
		"request": {
			ipam: `, "request": [{"option": "121"}, {"option": "host-name"}]`,
			want: map[uint8]string{55: "\x79\x0c\x03\x01"},
		},
		"no default": {ipam: `, "request": [{"skipDefault": true}, {"option": "6"}]`, want: map[uint8]string{55: "\x06"}},
		"nothing":    {ipam: `, "request": [{"skipDefault": true}]`, want: map[uint8]string{55: "\x01\x03\x0f\x06"}},
		"dns, mtu":   {ipam: `, "dns": true, "mtu": true`, want: map[uint8]string{55: "\x03\x01\x06\x0f\x77\x1a"}},
		"provide": {
			ipam: `, "provide": [{"option": "host-name", "value": "v", "fromArg": "K8S_POD_NAME"}, {"option": "60", "value": "class", "fromArg": "ABSENT"}]`,
			args: "IgnoreUnknown=1;K8S_POD_NAME=pod-1", want: map[uint8]string{12: "pod-1", 60: "class"},
		},
		"provided id":    {ipam: `, "clientID": "mac", "provide": [{"option": "dhcp-client-identifier", "value": "bare"}]`, want: map[uint8]string{61: "bare"}},
		"custom id":      {ipam: `, "clientID": "my-id"`, want: map[uint8]string{61: "\x00my-id"}},
		"hexadecimal id": {ipam: `, "clientID": "0xff0102"`, want: map[uint8]string{61: "\xff\x01\x02"}},
		"mac":            {ipam: `, "clientID": "mac"`, want: map[uint8]string{61: "\x01\x02\x00\x00\x00\x00\x07"}},
		"broadcast":      {ipam: `, "broadcast": true`, broadcast: true},
		"by the daemon":  {daemon: []string{"-broadcast"}, broadcast: true},
		"but not here":   {daemon: []string{"-broadcast"}, ipam: `, "broadcast": false`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
			listener := s.Listen(t)
			dhcpnet.Daemon(t, n, append([]string{"-resendtimeout", "3s"}, c.daemon...)...)
			container := plugged(t, n, s, "c")
			container.Exec(t, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:07")
			call := call(container, c.ipam)
			call.Args = c.args
			fails(t, n, "ADD", call)
			m := listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
			for code, want := range c.want {
				if got := string(m.Options[code]); got != want {
					t.Errorf("option %d is %q, want %q", code, got, want)
				}
			}
			if m.IsBroadcast() != c.broadcast {
				t.Errorf("broadcast %v", m.IsBroadcast())
			}
			if !m.From.IP.IsUnspecified() || m.From.Port != 68 {
				t.Errorf("from %v", m.From)
			}
		})
	}
}

// The same container has the same DUID always, and another one another.
func TestDUID(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	listener := s.Listen(t)
	dhcpnet.Daemon(t, n, "-resendtimeout", "2s")
	container := plugged(t, n, s, "c")
	call := call(container, `, "clientID": "duid"`)
	ids := make(map[string]int)
	for i := range 3 {
		if i == 2 {
			call.ContainerID = "other"
		}
		fails(t, n, "ADD", call)
		id := listener.Next(t, dhcpv4.MessageTypeDiscover, limit).Options[61]
		for len(listener.Messages) > 0 { // it was sent again
			<-listener.Messages
		}
		// RFC 4361: type 255, an IAID, and a DUID; RFC 6355: of type 4, a UUID.
		if len(id) != 1+4+2+16 || id[0] != 255 || id[5] != 0 || id[6] != 4 {
			t.Errorf("client identifier %x", id)
		}
		ids[string(id)]++
	}
	if len(ids) != 2 {
		t.Errorf("%d client identifiers", len(ids))
	}
}

// What the server says ends up in the result, as far as the configuration asks
// for it.
func TestResult(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 50), "--dhcp-option=3,10.1.2.1", "--dhcp-option=6,10.1.2.53,10.1.2.54", "--dhcp-option=15,example.test",
		"--dhcp-option=119,a.test,b.test", "--dhcp-option=26,1400", "--dhcp-option=33,10.0.0.0,10.1.2.3,172.16.5.0,10.1.2.4",
		"--dhcp-option=121,198.51.100.0/24,10.1.2.254,203.0.113.0/25,0.0.0.0")
	dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	const address = `"ips": [{"address": "10.1.2.50/24", "gateway": "10.1.2.1"}]`
	for _, test := range []struct{ ipam, want string }{
		{"", `{"cniVersion": "1.1.0", ` + address + `, "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1"}]}`},
		{`, "priority": 77`, `{"cniVersion": "1.1.0", ` + address + `, "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1", "priority": 77}]}`},
		{`, "request": [{"option": "33"}]`, `{"cniVersion": "1.1.0", ` + address + `, "routes": [{"dst": "10.0.0.0/8", "gw": "10.1.2.3"},
			{"dst": "172.16.0.0/16", "gw": "10.1.2.4"}, {"dst": "0.0.0.0/0", "gw": "10.1.2.1"}]}`},
		{`, "request": [{"option": "33"}, {"option": "121"}]`, `{"cniVersion": "1.1.0", ` + address + `, "routes": [{"dst": "198.51.100.0/24", "gw": "10.1.2.254"},
			{"dst": "203.0.113.0/25", "gw": "0.0.0.0", "scope": 253}]}`},
		{`, "dns": true`, `{"cniVersion": "1.1.0", ` + address + `, "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1"}],
			"dns": {"nameservers": ["10.1.2.53", "10.1.2.54"], "domain": "example.test", "search": ["a.test", "b.test"]}}`},
		{`, "mtu": true`, `{"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:07", "mtu": 1400, "sandbox": "/run/netns/c"}], ` +
			address + `, "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1", "mtu": 1400}]}`},
	} {
		c.Exec(t, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:07")
		call := call(c, test.ipam)
		out := n.Must(t, "ADD", call)
		if diff := cmp.Diff(normal(t, []byte(test.want)), normal(t, out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.ipam, diff)
		}
		n.Must(t, "DEL", call)
	}
}

func normal(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// Under bridge, what the server says of routes and MTU reaches the container, and
// CHECK knows it.
func TestUnderBridge(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 50), "--dhcp-option=3,10.1.2.1", "--dhcp-option=26,1400",
		"--dhcp-option=121,198.51.100.0/24,10.1.2.254,203.0.113.0/25,0.0.0.0,0.0.0.0/0,10.1.2.1")
	dhcpnet.Daemon(t, n)
	c := n.Container(t, "c")
	call := node.Call{
		Plugin: "bridge", ContainerID: "container", Netns: c.Path, IfName: "eth0",
		Config: `{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0",
			"ipam": {"type": "dhcp", "mtu": true, "request": [{"option": "121"}]}}`,
	}
	_, call = allocate(t, n, call)
	const want = "default via 10.1.2.1 dev eth0 mtu 1400 \n10.1.2.0/24 dev eth0 proto kernel scope link src 10.1.2.50 \n" +
		"198.51.100.0/24 via 10.1.2.254 dev eth0 mtu 1400 \n203.0.113.0/25 dev eth0 scope link mtu 1400 \n"
	if routes := c.Exec(t, "ip", "route"); routes != want {
		t.Errorf("routes\n%swant\n%s", routes, want)
	}
	n.Must(t, "CHECK", call)
	c.Exec(t, "ping", "-c1", "-W5", "10.1.2.1")
	n.Must(t, "DEL", call)
	eventually(t, limit, func() string { return s.LeaseFile(t) })
}

// The table is for persons.
func TestTable(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 50), "--dhcp-option=3,10.1.2.1")
	dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	add(t, n, c, call(c, ""))
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(n.Exec(t, bin+"/dhcp", "leases"), "\n")
	if len(lines) != 3 || strings.Join(strings.Fields(lines[0]), " ") != "CONTAINER NETWORK INTERFACE ADDRESS GATEWAY SERVER STATE RENEW EXPIRY" {
		t.Fatalf("%q", lines)
	}
	fields := strings.Fields(lines[1])
	if got := fmt.Sprint(fields[:7]); got != "[container net eth0 10.1.2.50/24 10.1.2.1 10.1.2.1 bound]" || len(fields) != 9 {
		t.Errorf("%q", fields)
	}
}
