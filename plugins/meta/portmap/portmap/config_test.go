package portmap

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// conf reads and checks a configuration that consists of keys and one mapping, or
// those in keys.
func conf(keys string) (*Conf, error) {
	c := new(Conf)
	text := `{` + keys + `}`
	if !strings.Contains(keys, "runtimeConfig") {
		text = `{"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 80, "protocol": "tcp"}]}` + keys + `}`
	}
	if err := json.Unmarshal([]byte(text), c); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

func withMapping(mapping string) string {
	return `"backend": "iptables", "runtimeConfig": {"portMappings": [{"hostPort": 1, "containerPort": 1, "protocol": "tcp"}, ` + mapping + `]}`
}

func TestInvalid(t *testing.T) {
	for keys, want := range map[string]string{
		`, "backend": "foo"`:                              `unrecognized backend "foo"`,
		`, "markMasqBit": 32`:                             `MasqMarkBit must be between 0 and 31`,
		`, "markMasqBit": -1`:                             `MasqMarkBit must be between 0 and 31`,
		`, "hostPortConflict":1`:                          ``,
		`, "hostPortConflict": "fail"`:                    `invalid hostPortConflict "fail" (must be "ignore" or "error")`,
		`, "markMasqBit": 5, "externalSetMarkChain": "X"`: `Cannot specify externalSetMarkChain and markMasqBit`,
		`, "backend": "iptables", "conditionsV4": ["ip", "saddr", "1.2.3.4"], "conditionsV6": ["ip6"]`:                         `iptables backend was requested but configuration contains nftables-specific options [conditionsV4 conditionsV6]`,
		`, "backend": "nftables", "externalSetMarkChain": "X", "conditionsV4": ["-s", "1.2.3.4"], "conditionsV6": ["!", "-s"]`: `nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain conditionsV4 conditionsV6]`,
		withMapping(`{"hostPort": 0, "containerPort": 80, "protocol": "tcp"}`):                                                 `Invalid host port number: 0`,
		withMapping(`{"hostPort": 0, "containerPort": 0, "protocol": "tcp"}`):                                                  `Invalid container port number: 0`,
		withMapping(`{"hostPort": -1, "containerPort": 80, "protocol": "tcp"}`):                                                `Invalid host port number: -1`,
		withMapping(`{"hostPort": 65536, "containerPort": 80, "protocol": "tcp"}`):                                             `invalid portMappings[1].hostPort 65536 (must be between 1 and 65535)`,
		withMapping(`{"hostPort": 80, "containerPort": 65536, "protocol": "tcp"}`):                                             `invalid portMappings[1].containerPort 65536 (must be between 1 and 65535)`,
		withMapping(`{"hostPort": 80, "hostPortEnd": 79, "containerPort": 80, "protocol": "tcp"}`):                             `invalid portMappings[1].hostPortEnd 79 (must be between hostPort 80 and 65535)`,
		withMapping(`{"hostPort": 80, "hostPortEnd": 90, "containerPort": 65530, "protocol": "tcp"}`):                          `invalid portMappings[1].hostPortEnd 90 (the last container port would be 65540)`,
		withMapping(`{"hostPort": 80, "containerPort": 80}`):                                                                   `invalid portMappings[1].protocol "" (must be tcp, udp or sctp)`,
		withMapping(`{"hostPort": 80, "containerPort": 80, "protocol": "icmp"}`):                                               `invalid portMappings[1].protocol "icmp" (must be tcp, udp or sctp)`,
		withMapping(`{"hostPort": 80, "containerPort": 80, "protocol": "udp", "hostIP": "192.0.2.256"}`):                       `invalid portMappings[1].hostIP "192.0.2.256"`,
	} {
		_, err := conf(keys)
		if err == nil || want != "" && err.Error() != "failed to parse config: "+want {
			t.Errorf("%s:\ngot  %v\nwant %s", keys, err, want)
		}
	}
}

func TestValid(t *testing.T) {
	for keys, want := range map[string]string{
		`, "backend": "nftables"`:                                                              backendNFTables,
		`, "backend": "iptables"`:                                                              backendIPTables,
		`, "conditionsV4": ["ip", "saddr", "192.0.2.1"]`:                                       backendNFTables,
		`, "conditionsV4": ["-s", "192.0.2.1"]`:                                                backendIPTables,
		`, "externalSetMarkChain": "KUBE-MARK-MASQ"`:                                           backendIPTables,
		`, "backend": "nftables", "conditionsV4": []`:                                          backendNFTables,
		withMapping(`{"HostPort": 80, "ContainerPort": 80, "Protocol": "SCTP", "HostIP": ""}`): backendIPTables,
		withMapping(`{"hostPort": 1, "hostPortEnd": 65535, "containerPort": 1, "protocol": "Udp", "hostIP": "::"}`): backendIPTables,
	} {
		c, err := conf(keys)
		if err != nil || c.Backend != want {
			t.Errorf("%s: %v, %v", keys, c, err)
		}
	}
}

// The addresses are the first of each family that are the container's.
func TestContainerAddresses(t *testing.T) {
	for name, test := range map[string]struct {
		result string
		want   []string
	}{
		"of the interface": {`{"interfaces": [{"name": "host"}, {"name": "eth0", "sandbox": "/ns"}], "ips": [
			{"address": "fd00::1/64", "interface": 0}, {"address": "fd00::2/64", "interface": 1}, {"address": "10.0.0.2/24", "interface": 1}, {"address": "10.0.0.3/24", "interface": 1}]}`,
			[]string{"10.0.0.2/24", "fd00::2/64"}},
		"of none":              {`{"ips": [{"address": "10.0.0.2/24"}]}`, []string{"10.0.0.2/24"}},
		"beyond the list":      {`{"interfaces": [{"name": "host"}], "ips": [{"address": "10.0.0.2/24", "interface": 5}]}`, []string{"10.0.0.2/24"}},
		"of another interface": {`{"interfaces": [{"name": "net1", "sandbox": "/ns"}], "ips": [{"address": "10.0.0.2/24", "interface": 0}]}`, nil},
		"of the host":          {`{"interfaces": [{"name": "eth0"}, {"name": "net1", "sandbox": "/ns"}], "ips": [{"address": "10.0.0.2/24", "interface": 0}]}`, nil},
		"of who knows what": {`{"interfaces": [{"name": "azv1"}], "ips": [{"address": "10.0.0.2/24", "interface": 0}, {"address": "fd00::2/64", "interface": 0}]}`,
			[]string{"10.0.0.2/24", "fd00::2/64"}},
	} {
		result, err := plugin.ReadResult("1.0.0", []byte(test.result))
		if err != nil {
			t.Fatal(err)
		}
		a := &chained.Attachment{Attachment: owner.Attachment{IfName: "eth0"}, Result: result}
		var have []string
		for _, n := range containerAddresses(a) {
			have = append(have, n.String())
		}
		if diff := cmp.Diff(test.want, have); diff != "" {
			t.Errorf("%s (-want +have):\n%s", name, diff)
		}
	}
}

// Names of chains are upstream's.
func TestChains(t *testing.T) {
	if have := chains(owner.Attachment{Network: "pmnet", ContainerID: "cid1", IfName: "eth0"})[0]; have != "CNI-DN-585d28ce8970197b5e327" {
		t.Errorf("got %s", have)
	}
	names := map[string]bool{}
	for _, ifName := range []string{"eth0", "net1"} {
		for _, chain := range chains(owner.Attachment{Network: "pmnet", ContainerID: "cid1", IfName: ifName}) {
			if names[chain] = true; len(chain) != len("CNI-DN-585d28ce8970197b5e327") {
				t.Errorf("%s has %d characters", chain, len(chain))
			}
		}
	}
	if len(names) != 3 {
		t.Errorf("got %v", names)
	}
}

// forwardOf is an attachment with mappings, "192.0.2.1 8080 8090 tcp" for example.
func forwardOf(addresses string, mappings ...mapping) *forward {
	return &forward{Addresses: strings.Fields(addresses), Mappings: mappings}
}

func TestMeets(t *testing.T) {
	const v4, v6, both = "10.0.0.2/24", "fd00::2/64", "10.0.0.2/24 fd00::2/64"
	m := func(host string, port, end int, protocol string) mapping {
		return mapping{HostIP: host, HostPort: port, HostPortEnd: end, ContainerPort: port, Protocol: protocol}
	}
	for i, test := range []struct {
		a, b *forward
		want bool
	}{
		{forwardOf(v4, m("", 80, 0, "tcp")), forwardOf(v4, m("", 80, 0, "tcp")), true},
		{forwardOf(v4, m("", 80, 0, "tcp")), forwardOf(v4, m("", 80, 0, "udp")), false},
		{forwardOf(v4, m("", 80, 0, "tcp")), forwardOf(v4, m("", 81, 0, "tcp")), false},
		{forwardOf(v4, m("", 80, 0, "tcp")), forwardOf(v6, m("", 80, 0, "tcp")), false},
		{forwardOf(both, m("0.0.0.0", 80, 0, "tcp")), forwardOf(both, m("::", 80, 0, "tcp")), false},
		{forwardOf(both, m("0.0.0.0", 80, 0, "tcp")), forwardOf(both, m("", 80, 0, "tcp")), true},
		{forwardOf(v4, m("192.0.2.1", 80, 0, "tcp")), forwardOf(v4, m("", 80, 0, "tcp")), true},
		{forwardOf(v4, m("192.0.2.1", 80, 0, "tcp")), forwardOf(v4, m("192.0.2.2", 80, 0, "tcp")), false},
		{forwardOf(v4, m("", 80, 90, "tcp")), forwardOf(v4, m("", 90, 0, "tcp")), true},
		{forwardOf(v4, m("", 80, 90, "tcp")), forwardOf(v4, m("", 91, 100, "tcp")), false},
		{forwardOf(v4, m("", 80, 90, "tcp")), forwardOf(v4, m("", 70, 80, "tcp")), true},
	} {
		if test.a.meets(test.b) != nil != test.want || test.b.meets(test.a) != nil != test.want {
			t.Errorf("%d: %v and %v: want %v", i, test.a.Mappings, test.b.Mappings, test.want)
		}
	}
}

func TestCount(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), claimsName))
	if err != nil {
		t.Fatal(err)
	}
	c := claims{file}
	defer c.Close()
	f := forwardOf("10.0.0.2/24", mapping{HostPort: 80, ContainerPort: 1, Protocol: "tcp"}, mapping{HostPort: 80, HostPortEnd: 82, ContainerPort: 1, Protocol: "tcp", HostIP: "192.0.2.1"})
	g := forwardOf("10.0.0.3/24", mapping{HostPort: maxPort, ContainerPort: 1, Protocol: "sctp"}, mapping{HostPort: 82, ContainerPort: 1, Protocol: "tcp"})
	if len(f.places()) != 3 {
		t.Errorf("%d places, want 3", len(f.places()))
	}
	count := func(f *forward, delta int) {
		t.Helper()
		if err := c.count(f, delta); err != nil {
			t.Error(err)
		}
	}
	contended := func(f, old *forward, want bool) {
		t.Helper()
		if got, err := c.contended(f, old); err != nil || got != want {
			t.Errorf("contended: %v, %v, want %v", got, err, want)
		}
	}
	contended(f, nil, false)
	count(f, 1)
	contended(f, f, false)
	contended(f, nil, true)
	contended(g, nil, true)
	count(g, 1)
	contended(f, f, true)
	count(f, -1)
	contended(g, g, false)
	contended(nil, g, false)
	count(g, 1) // as if somebody had been killed
	contended(g, g, true)
	if err := c.correct(g, []*forward{f, g}); err != nil {
		t.Error(err)
	}
	contended(g, g, true)
	if err := c.correct(g, []*forward{g}); err != nil {
		t.Error(err)
	}
	contended(g, g, false)
	count(g, -1)
	contended(g, nil, false)
	contended(f, nil, false)
}

// What a record says is not lost in it.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"Network": "n", "addresses": ["10.0.0.2/24", "fd00::1/64", "x"], "mappings": [{"hostPort": 80, "hostPortEnd": 81, "containerPort": 80, "protocol": "tcp"}], "snat": true}`))
	f.Add([]byte(`{"addresses": ["10.0.0.2/0"], "mappings": [{"hostPort": -80, "hostPortEnd": 70000, "protocol": "TCP", "hostIP": "::1"}], "masqAll": true, "snat": true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := new(forward)
		if json.Unmarshal(text, r) != nil || !r.isValid() {
			return
		}
		r.places()
		r.entries()
		for _, x := range r.targets() {
			x.jumps()
			wanted{target: x}.rules()
			x.script()
		}
	})
}

// Nothing that stands in a configuration makes DEL fail, or the process panic.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 80, "protocol": "tcp"}]}, "conditionsV4": ["a"]}`))
	f.Add([]byte(`{"runtimeConfig": {"portMappings": [{"hostPort": "x"}, null]}, "markMasqBit": 99, "snat": null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := new(Conf)
		_ = json.Unmarshal(text, c)
		_ = c.Validate()
		c.newForward(&chained.Attachment{Result: &current.Result{}})
	})
}

func FuzzFlow(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 12, 0, 1, 128, 8, 0, 1, 128, 5, 0, 1, 0})
	f.Fuzz(func(_ *testing.T, message []byte) { parseFlow(message) })
}
