package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// downgrade runs a plugin's command downgrade, and returns what it says.
func downgrade(t *testing.T, n *node.Node, plugin string) string {
	t.Helper()
	return n.Exec(t, pluginPath(t, plugin), "downgrade")
}

// nftTables returns tables of nftables in the words of nft(8), without empty lines.
func nftTables(t *testing.T, n *node.Node, tables ...string) string {
	t.Helper()
	var all strings.Builder
	for _, table := range tables {
		for line := range strings.Lines(n.Exec(t, "nft", append([]string{"-s", "list", "table"}, strings.Fields(table)...)...)) {
			if strings.TrimSpace(line) != "" {
				all.WriteString(line)
			}
		}
	}
	return all.String()
}

// existing returns the tables of nftables that iptables does not know.
func existing(t *testing.T, n *node.Node) string {
	t.Helper()
	var tables []string
	for line := range strings.Lines(n.Exec(t, "nft", "list", "tables")) {
		if name := strings.TrimPrefix(strings.TrimSpace(line), "table "); strings.Contains(name, "cni") || name == "bridge nat" {
			tables = append(tables, name)
		}
	}
	return strings.Join(tables, ", ")
}

// expectNoRecords expects that the plugin's directory has nothing but a lock.
func expectNoRecords(t *testing.T, n *node.Node, plugin string) {
	t.Helper()
	if files := n.Exec(t, "find", "/run/cni/"+plugin, "-type", "f", "!", "-name", "lock"); files != "" {
		t.Errorf("records after the downgrade:\n%s", files)
	}
}

// throughout asks again and again while f runs, and expects the same answer always.
func throughout(t *testing.T, from place, network, address, want string, f func()) {
	t.Helper()
	var asking sync.WaitGroup
	done, begun := make(chan struct{}), make(chan struct{})
	asked := 0
	asking.Go(func() {
		for {
			if answer, err := from.ask(network, address, patience); answer != want {
				t.Errorf("meanwhile %s answers %q, want %q: %v", address, answer, want, err)
			}
			if asked++; asked == 1 {
				close(begun)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	<-begun
	f()
	close(done)
	asking.Wait()
	t.Logf("%s answered %d times", address, asked)
}

const masqueradeSkeleton = `table inet cni_plugins_masquerade {
	comment "Masquerading for plugins from github.com/containernetworking/plugins"
	chain masq_checks {
		comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
RULES	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return
		ip6 daddr ff00::/8 return
		goto masq_checks
	}
}
`

// What is masqueraded stays so, by upstream's rules, and our DEL knows those.
func TestDowngradeMasquerade(t *testing.T) {
	t.Parallel()
	for _, plugin := range []string{"bridge", "ptp"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			outside := outsideOf(t, n)
			place{outside.Do}.serve(t, "outside", "tcp", ":80")
			calls, places := map[string]node.Call{}, map[string]place{}
			for _, name := range []string{"one", "two", "gone"} {
				c := n.Container(t, name)
				places[name] = place{c.Do}
				call := bridgeCall(c, `"isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", `+
					strings.Replace(bridged, `]]}`, `]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`, 1))
				call.Plugin = plugin
				calls[name] = call.With("prevResult", n.Must(t, "ADD", call))
			}
			n.Exec(t, "ip", "-n", "gone", "link", "del", "eth0")
			throughout(t, places["one"], "tcp", "192.0.2.2:80", "outside 192.0.2.1", func() {
				throughout(t, places["one"], "tcp", "[2001:db8::2]:80", "outside 2001:db8::1", func() {
					if said := downgrade(t, n, plugin); said != "attachments as containernetworking/plugins has them: 2; of containers that are gone, and removed: 1\n" {
						t.Errorf("the downgrade says %q", said)
					}
				})
			})
			expectNoRecords(t, n, plugin)
			rules := ""
			for i, name := range []string{"one", "two"} {
				tag := fmt.Sprintf("a4861f4ae9f7d238-%s, net: net, if: eth0, id: %s", map[string]string{"one": "287fc69eff0574a2", "two": "d750b2c8f0f25d5f"}[name], name)
				rules += fmt.Sprintf("\t\tip saddr 10.1.2.%d ip daddr != 10.1.2.0/24 masquerade comment %q\n", i+2, tag)
				rules += fmt.Sprintf("\t\tip6 saddr fd00:1:2::%d ip6 daddr != fd00:1:2::/64 masquerade comment %q\n", i+2, tag)
			}
			want := strings.Replace(masqueradeSkeleton, "RULES", rules, 1)
			for _, when := range []string{"once", "twice"} {
				if diff := cmp.Diff(want, nftTables(t, n, "inet cni_plugins_masquerade")); diff != "" {
					t.Errorf("downgraded %s:\n%s", when, diff)
				}
				downgrade(t, n, plugin)
			}
			for _, name := range []string{"one", "two"} {
				n.Must(t, "CHECK", calls[name])
				n.Must(t, "DEL", calls[name])
			}
			if diff := cmp.Diff(strings.Replace(masqueradeSkeleton, "RULES", "", 1), nftTables(t, n, "inet cni_plugins_masquerade")); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

// Upstream's chains check hardware addresses as ours did, and upstream's DEL removes them.
func TestDowngradeSpoofing(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]struct{ tables, stderr string }{
		`"macspoofchk": true, `:                     {tables: "bridge nat"},
		`"macspoofchk": true, "ipspoofchk": true, `: {"bridge nat", "interface eth0 of container c in network net: its IP addresses are not checked any longer\n"},
		`"ipspoofchk": true, `:                      {"", "interface eth0 of container c in network net: its IP and hardware addresses are not checked any longer\n"},
	} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			ours, theirs := upstreams(t, bridgeCall(c, `"isGateway": true, `+keys+bridgeV4))
			result := n.Must(t, "ADD", ours)
			out := n.Run(t, "", node.Call{Plugin: "bridge", Command: "downgrade"})
			if out.Status != 0 || string(out.Stderr) != want.stderr {
				t.Errorf("the downgrade: status %v, stderr %q, want %q", out.Status, out.Stderr, want.stderr)
			}
			expectNoRecords(t, n, "bridge")
			if have := existing(t, n); have != want.tables {
				t.Errorf("tables %q, want %q", have, want.tables)
			}
			if !reaches(t, c, "10.1.2.1") {
				t.Error("the gateway does not answer")
			}
			if want.tables != "" {
				n.Must(t, "CHECK", ours.With("prevResult", result).With("ipspoofchk", nil))
				mac := strings.TrimSpace(c.Exec(t, "sh", "-c", "ip -br link show eth0 | awk '{print $3}'"))
				c.Exec(t, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:99")
				if reaches(t, c, "10.1.2.1") {
					t.Error("the gateway answers another hardware address")
				}
				c.Exec(t, "ip", "link", "set", "eth0", "address", mac)
			}
			n.Must(t, "DEL", theirs.With("prevResult", result))
			if rules := n.Exec(t, "nft", "list", "ruleset"); strings.Contains(rules, "iifname") || strings.Contains(rules, "cni") {
				t.Errorf("after DEL:\n%s", rules)
			}
		})
	}
}
