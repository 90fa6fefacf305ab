package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// Containers are let through and kept apart by iptables, and upstream's DEL removes what
// it removes of its own.
func TestDowngradeFirewall(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	outside := outsideOf(t, n)
	outside.Exec(t, "sh", "-ec", "ip route add default via 192.0.2.1; ip route add default via 2001:db8::1")
	place{outside.Do}.serve(t, "outside", "tcp", ":80")
	keys := backendKey("nftables") + `, "ingressPolicy": "same-bridge"`
	one, call := onBridge(t, n, "one", "br0", "1.2", keys)
	onBridge(t, n, "two", "br0", "1.2", keys)
	onBridge(t, n, "other", "br1", "2.2", keys)
	look := func(when string) {
		t.Helper()
		for address, want := range map[string]bool{"192.0.2.2": true, "2001:db8::2": true, "10.1.2.3": true, "10.2.2.2": false, "fd00:2:2::2": false} {
			if reaches(t, one, address) != want {
				t.Errorf("%s: %s answers: %v", when, address, !want)
			}
		}
	}
	look("before")
	throughout(t, place{one.Do}, "tcp", "192.0.2.2:80", "outside 10.1.2.2", func() { downgrade(t, n, "firewall") })
	expectNoRecords(t, n, "firewall")
	if have := existing(t, n); have != "" {
		t.Errorf("tables %q", have)
	}
	n.Exec(t, "sh", "-ec", "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP")
	look("after")
	downgrade(t, n, "firewall")
	n.Must(t, "CHECK", call.With("backend", []byte(`"iptables"`)))
	_, theirs := upstreams(t, call)
	n.Must(t, "DEL", theirs)
	for _, tool := range []string{"iptables", "ip6tables"} {
		if rules := savedRules(t, n, tool, "filter"); strings.Contains(rules, "10.1.2.2") || strings.Contains(rules, "fd00:1:2::2") {
			t.Errorf("after DEL:\n%s", rules)
		}
	}
}

// The rules of an administrator stay. Without iptables nothing changes.
func TestDowngradeFirewallAdministrator(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Container(t, "c")
	n.Must(t, "ADD", firewallCall("c", backendKey("nftables"), "10.50.0.2/24"))
	n.Exec(t, "nft", "add rule inet cni_plugins_firewall admin ip daddr 203.0.113.1 drop")
	n.Exec(t, "mkdir", "/run/mount") // umount(8) would
	before := takeFirewallState(t, n)
	call := node.Call{Plugin: "firewall", Command: "downgrade"}
	n.Exec(t, "mount", "-t", "tmpfs", "none", "/usr/sbin")
	withoutTools := call
	withoutTools.Env = []string{"PATH=/nonexistent"}
	out := n.Run(t, "", withoutTools)
	n.Exec(t, "umount", "/usr/sbin")
	if want := "firewall downgrade: iptables is not installed, and upstream knows no nftables\n"; out.Status.ExitStatus() != 1 || string(out.Stderr) != want {
		t.Errorf("without iptables: status %v, stderr %q", out.Status, out.Stderr)
	}
	before.expect(t, n, "without iptables")
	out = n.Run(t, "", call)
	if want := "table inet cni_plugins_firewall stays: chain admin has rules of an administrator\n"; out.Status != 0 || string(out.Stderr) != want {
		t.Errorf("status %v, stderr %q, want %q", out.Status, out.Stderr, want)
	}
	table := nftTables(t, n, "inet cni_plugins_firewall")
	if !strings.Contains(table, "203.0.113.1") || strings.Contains(table, "10.50.0.2") {
		t.Errorf("after the downgrade:\n%s", table)
	}
}

// Where firewalld runs, upstream's DEL looks for addresses there, and for policies nowhere.
func TestDowngradeFirewallToFirewalld(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	f := fakeFirewalld(t, n, map[string]string{})
	n.Container(t, "c")
	call := firewallCall("c", backendKey("nftables")+`, "ingressPolicy": "same-bridge"`, "10.50.0.2/24")
	n.Must(t, "ADD", call)
	downgrade(t, n, "firewall")
	if diff := cmp.Diff(map[string]string{"10.50.0.2/32": "trusted"}, f.left()); diff != "" {
		t.Errorf("sources after the downgrade:\n%s", diff)
	}
	if rules := savedRules(t, n, "iptables", "filter"); !strings.Contains(rules, "CNI-ISOLATION") || strings.Contains(rules, "10.50.0.2") {
		t.Errorf("rules after the downgrade:\n%s", rules)
	}
	_, theirs := upstreams(t, call)
	n.Must(t, "DEL", theirs)
	if left := f.left(); len(left) > 0 {
		t.Errorf("sources after DEL: %v", left)
	}
}
