package integration

import (
	"slices"
	"testing"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// chains are configuration lists of several plugins, as subjects with others behind them.
func chains() []subject {
	behind := func(plugin, keys string) subject {
		return subject{plugin: plugin, config: `{"name": "net", "type": "` + plugin + `", ` + keys + `}`, ifName: "eth0"}
	}
	nic := findSubject("host-device", "")
	nic.then = []subject{behind("sbr", `"addSourceHints": true`)}
	vlan := findSubject("vlan", "")
	vlan.then = []subject{behind("vrf", `"vrfname": "blue"`)}
	vlan.needs = func(t *testing.T, n *node.Node) { needsDriver(t, n, "vlan"); needsVRF(t, n) }
	const ports = `"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}, "backend": `
	return []subject{
		{
			plugin: "bridge", ifName: "eth0",
			config: `{"name": "net", "type": "bridge", "bridge": "br0", "isDefaultGateway": true, "removeEmptyBridge": true,
				"ipMasq": true, "ipMasqBackend": "nftables", ` + dualStack + `}`,
			then: []subject{
				behind("portmap", ports+`"nftables"`),
				behind("firewall", `"backend": "nftables"`),
				behind("bandwidth", `"runtimeConfig": {"bandwidth": `+both+`}`),
				behind("tuning", `"mac": "02:00:00:00:00:0a", "mtu": 1400, "sysctl": {"net.ipv4.conf.IFNAME.proxy_arp": "1"}`),
			},
		},
		{
			plugin: "ptp", ifName: "eth0",
			config: `{"name": "net", "type": "ptp", "ipMasq": true, "ipMasqBackend": "iptables", ` + dualStack + `}`,
			then:   []subject{behind("portmap", ports+`"iptables"`)},
		},
		{
			plugin: "macvlan", variant: "dhcp", ifName: "eth0",
			config: `{"name": "net", "type": "macvlan", "master": "uplink", "mode": "bridge", "ipam": {"type": "dhcp"}}`,
			host:   wire + "ip link set peer master br0",
			held:   "^host links: uplink ",
			services: func(t testing.TB, n *node.Node) {
				s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
				s.Dnsmasq(t, s.Range(50, 250))
				dhcpnet.Daemon(t, n)
			},
		},
		nic,
		vlan,
	}
}

// findSubject returns one of the subjects.
func findSubject(plugin, variant string) subject {
	return subjects[slices.IndexFunc(subjects, func(s subject) bool { return s.plugin == plugin && s.variant == variant })]
}

// walked are the subjects whose steps go wrong: those whose steps are not also those of
// others, some that do more, and the chains.
func walked() []subject {
	all := slices.DeleteFunc(slices.Clone(subjects), func(s subject) bool { return s.unwalked })
	all = append(all, hostInterfaceSubject(), subnetsSubject(), excluding("iptables"), excluding("nftables"),
		subject{
			plugin: "bridge", variant: "masquerade", ifName: "eth0", delegated: true,
			config: `{"name": "net", "type": "bridge", "bridge": "br0", "removeEmptyBridge": true, "mtu": 1400, "hairpinMode": true,
				"portIsolation": true, "ipMasq": true, "ipMasqBackend": "nftables", ` + gateway + bridgeV4 + `}`,
		},
		subject{
			plugin: "bridge", variant: "spoofing", ifName: "eth0", delegated: true,
			config: `{"name": "net", "type": "bridge", "bridge": "br0", "removeEmptyBridge": true, "ipspoofchk": true, ` + bridged + `}`,
		})
	return append(all, chains()...)
}
