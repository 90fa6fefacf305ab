package integration

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

// newPatient is a node with an uplink and a healthy container.
func newPatient(t *testing.T) (*forgetful, *node.Container) {
	t.Helper()
	f := newForgetful(t)
	f.Exec(t, "sh", "-ec", `ip link add eth0 type veth peer name outside && ip link set outside up && ip link set eth0 up
		ip address add 192.0.2.10/24 dev eth0 && ip route add default via 192.0.2.1`)
	c := f.Container(t, "c")
	f.add(t, f.chained(t, "1.1.0", "one", 1), c, 8080)
	f.ails(t, "at first", nil)
	return f, c
}

// What may be wrong with configurations is told once, however many find it, and nothing is
// where they are as a person means them: not the routes that the plugins have made.
func TestDoctorOfConfigurations(t *testing.T) {
	t.Parallel()
	f, _ := newPatient(t)
	f.network(t, "20-slip.conflist", `{"cniVersion": "1.1.0", "name": "slip", "plugins": [
		{"type": "ptp", "ipMask": true, "ipam": {"type": "host-local", "subnet": "192.0.2.128/25"}}, {"type": "portmap"}]}`)
	path := filepath.Join(f.confs, "20-slip.conflist")
	f.Exec(t, "ip", "route", "add", "192.0.2.192/26", "nexthop", "via", "192.0.2.1", "nexthop", "via", "192.0.2.2")
	f.ails(t, "of slips", []string{
		"warning configuration: " + path + `: plugins[0].ipMask: there is no such key`,
		"warning configuration: " + path + `: plugins[1]: portmap does nothing without`,
		"warning configuration: " + path + `: plugins[0].ipam.subnet: 192.0.2.128/25 overlaps with the node's route to 192.0.2.0/24 by eth0`,
		"warning configuration: " + path + `: plugins[0].ipam.subnet: 192.0.2.128/25 overlaps with the node's route to 192.0.2.192/26 by eth0`,
	})
	for _, refused := range []struct{ conf, told string }{
		{`"type": "bridge", "bridge": "br2", "vlan": 5000`, "plugins[0].vlan: 5000 is not 0 to 4094"},
		{`"typ": "ptp"`, "plugins[0]"},
		{`"type": "ptp", "mtu": `, "this is no JSON"},
	} {
		f.network(t, "20-slip.conflist", `{"cniVersion": "1.1.0", "name": "slip", "plugins": [{`+refused.conf+`}]}`)
		f.ails(t, refused.conf, []string{"fault configuration: " + path + ": " + refused.told})
	}
	f.network(t, "20-slip.conflist", `{"cniVersion": "1.1.0", "plugins": [{"type": "loopback"}]}`)
	f.ails(t, "without a name", []string{"fault configuration: " + path + ": "})
	f.Exec(t, "sh", "-c", "rm "+f.confs+"/*")
	f.ails(t, "without any", []string{"fault configuration: there is none in " + f.confs})
}

// What others do to a node is found, whoever did it, and no longer when it is mended.
func TestDoctorOfNode(t *testing.T) {
	t.Parallel()
	f, c := newPatient(t)
	drops := "fault FORWARD policy: FORWARD of iptables: DROP, which the plugin firewall does not overrule"
	table := "warning FORWARD policy: chain forward of nftables' table inet admin drops what its rules do not accept"
	for _, ill := range []struct {
		when, do, undo string
		want           []string
	}{
		{"below a small uplink", "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500", []string{"warning MTU: 1500 of veth"}},
		{"below a small uplink by which there are two ways", "ip route replace default nexthop via 192.0.2.1 nexthop via 192.0.2.2; ip link set eth0 mtu 1400",
			"ip route replace default via 192.0.2.1; ip link set eth0 mtu 1500", []string{"warning MTU: 1500 of veth"}},
		{"with iptables' policy", "iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT", []string{drops}},
		{"with nftables' policy", "nft 'add table inet admin; add chain inet admin forward { type filter hook forward priority 0; policy drop; }'",
			"nft delete table inet admin", []string{table}},
		{"with the policy of IPv6, which no container has", "ip6tables -P FORWARD DROP", "ip6tables -P FORWARD ACCEPT", nil},
		{"with a policy for what comes in", "iptables -P INPUT DROP", "iptables -P INPUT ACCEPT", nil},
		{"with a strict filter, which does no harm", "sysctl -qw net.ipv4.conf.all.rp_filter=1", "sysctl -qw net.ipv4.conf.all.rp_filter=0", nil},
	} {
		f.Exec(t, "sh", "-ec", ill.do)
		f.ails(t, ill.when, ill.want)
		f.Exec(t, "sh", "-ec", ill.undo)
	}
	f.ails(t, "at last", nil)

	// A second network makes a strict filter harmful, and one with the other backend of
	// firewall a policy harmless.
	two := f.network(t, "two.conflist", `{"cniVersion": "1.1.0", "name": "two", "plugins": [
		{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.91.0.0/24"}}, {"type": "firewall", "backend": "iptables"}]}`)
	f.addAs(t, two, c, "eth1", 9000)
	f.Exec(t, "sh", "-ec", "iptables -P FORWARD DROP; sysctl -qw net.ipv4.conf.all.rp_filter=1")
	f.ails(t, "of a container in two networks", []string{"warning rp_filter: strict, and containers such as c are in several networks"})
}

// What belongs to a container that is gone, by the word of a record alone, is what gc removes where nothing is
// added, and not otherwise.
func TestDoctorOfForgotten(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	l := f.network(t, "net.conflist", `{"cniVersion": "1.1.0", "name": "net", "plugins": [
		{"type": "bridge", "isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", "ipam": {"type": "host-local", "subnet": "10.91.0.0/24"}}]}`)
	c := f.Container(t, "c")
	f.Exec(t, "rm", f.add(t, l, c, 8080).path())
	c.Remove(t)
	f.settle(t, 0)
	f.expect(t, "attachments that live: 0, that are gone: 0\n")
	f.ails(t, "after gc", []string{"warning leftovers: the runtime does not know what is there of containers that are gone: 1 attachments: net/c/eth0"})
	f.expect(t, "attachments that live: 0, that are gone: 0\n", "--idle")
	f.ails(t, "after gc --idle", nil)
}

// Where containers have IPv6 alone, its policies matter, in both of iptables' variants, and those of
// IPv4 do not. Nor are both variants to have rules of it.
func TestDoctorOfIPv6(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	six := f.network(t, "six.conflist", `{"cniVersion": "1.1.0", "name": "six", "plugins": [
		{"type": "ptp", "ipam": {"type": "host-local", "subnet": "2001:db8:7::/64"}}]}`)
	f.add(t, six, f.Container(t, "c"), 8080)
	for _, tool := range []string{"iptables", "iptables-legacy", "ip6tables", "ip6tables-legacy"} {
		var want []string
		if strings.HasPrefix(tool, "ip6") {
			want = []string{"fault FORWARD policy: FORWARD of " + tool + ": DROP"}
		}
		f.Exec(t, tool, "-P", "FORWARD", "DROP")
		f.ails(t, "with the policy of "+tool, want)
		f.Exec(t, tool, "-P", "FORWARD", "ACCEPT")
	}
	for _, ill := range []struct {
		tool string
		want []string
	}{
		{"ip6tables-legacy", nil},
		{"ip6tables-nft", []string{"warning iptables variants: legacy has rules in filter, and nf_tables in filter, of IPv6"}},
	} {
		f.Exec(t, ill.tool, "-A", "INPUT", "-s", "2001:db8::9", "-j", "ACCEPT")
		f.ails(t, "with a rule of "+ill.tool, ill.want)
	}
}

// An interface that a program in the container drives is none that it has lost.
func TestDoctorOfProgram(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	f.Exec(t, "ip", "link", "add", "nic", "type", "veth", "peer", "name", "far")
	l := f.network(t, "net.conflist", `{"cniVersion": "1.1.0", "name": "net", "plugins": [{"type": "host-device", "device": "nic", "dpdkMode": true,
		"ipam": {"type": "static", "addresses": [{"address": "10.92.0.2/24", "gateway": "10.92.0.1"}]}}]}`)
	f.add(t, l, f.Container(t, "c"), 8080)
	f.ails(t, "of a node", nil)
	f.ails(t, "of the container, whose port nobody maps", []string{"fault published ports: "}, "c")
}

// systemd-networkd, which has a file for each link, is told of where it configures one, and not
// where it only knows it. What it configures and has no bridge for, it takes out of its bridge.
func TestDoctorBesideNetworkd(t *testing.T) {
	t.Parallel()
	f, _ := newPatient(t)
	// With a /sys that cannot be written to, it does not wait for udev.
	f.Exec(t, "sh", "-ec", "mount -o remount,bind,ro /sys; mkdir -p /run/systemd/network")
	// await waits for so many links to be in a state.
	await := func(links int, state string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			states, err := f.Try("grep", "-h", "^ADMIN_STATE=", "-r", "/run/systemd/netif/links")
			if strings.Count(states, "ADMIN_STATE="+state) == links {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("systemd-networkd: %v, %s", err, states)
			}
		}
	}
	networkd := f.Start(t, "/lib/systemd/systemd-networkd")
	await(5, "unmanaged")
	f.ails(t, "where it leaves all alone", nil)
	networkd.Stop(syscall.SIGTERM)
	f.Exec(t, "sh", "-ec", `rm -r /run/systemd/netif
		printf '[Match]\nName=veth*\n[Network]\nLinkLocalAddressing=no\n' >/run/systemd/network/10-veth.network`)
	veth := strings.TrimSpace(f.Exec(t, "ls", "/sys/class/net/br1/brif"))
	f.Start(t, "/lib/systemd/systemd-networkd")
	await(1, "configured")
	f.ails(t, "where it takes what no bridge is named for", []string{
		"fault CHECK: bridge: of attachments: 1, which are not as they were added, such as one/c/eth0: interface " + veth + " is not a port of bridge br1",
		"warning other managers: systemd-networkd has taken over " + veth,
	})
}

// NetworkManager, which watches all devices as if it had them, is told of where it has set one up.
func TestDoctorBesideNetworkManager(t *testing.T) {
	t.Parallel()
	f, _ := newPatient(t)
	systemBus(t, f.Node)
	// With a /sys that cannot be written to, it does not wait for udev.
	f.Exec(t, "sh", "-ec", `mount -o remount,bind,ro /sys
		for directory in /etc /var/lib; do mkdir -p $directory/NetworkManager; mount -t tmpfs none $directory/NetworkManager; done
		printf '[main]\nno-auto-default=*\n' >/etc/NetworkManager/NetworkManager.conf`)
	daemon(t, f.Node, "NetworkManager", "--no-daemon")
	veth := strings.TrimSpace(f.Exec(t, "ls", "/sys/class/net/br1/brif"))
	until(t, f.Node, "nmcli -g DEVICE,STATE device | grep -x 'br1:connected (externally)'")
	f.ails(t, "where it watches all", nil)
	f.Exec(t, "nmcli", "connection", "add", "type", "ethernet", "con-name", "taken", "ifname", veth, "ipv4.method", "disabled", "ipv6.method", "disabled")
	f.Exec(t, "nmcli", "connection", "up", "taken")
	f.ails(t, "where it has taken one", []string{
		"fault CHECK: bridge: of attachments: 1, which are not as they were added, such as one/c/eth0: interface " + veth + " is not a port of bridge br1",
		"warning other managers: NetworkManager has taken over " + veth,
	})
	f.Exec(t, "nmcli", "device", "set", veth, "managed", "no")
	f.Exec(t, "ip", "link", "set", veth, "master", "br1")
	until(t, f.Node, "grep -x managed=false /run/NetworkManager/devices/$(cat /sys/class/net/"+veth+"/ifindex)")
	f.ails(t, "where it leaves it alone again", nil)
}
