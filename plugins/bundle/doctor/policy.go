package doctor

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// forwardPolicy looks whether what nobody accepts is dropped on its way to containers: by
// iptables, where the plugin firewall can accept it, or by a table of nftables, whose drop
// no other table overrules.
func forwardPolicy(p *patient) []Finding {
	droppers, err := p.droppers()
	var found []Finding
	if err != nil {
		found = append(found, warning("run it as root", "%v", err))
	}
	for _, d := range droppers {
		switch {
		case d.tool == "":
			found = append(found, warning("accept in that chain what comes from containers, and what goes to them, unless its rules do so: no other table overrules it",
				"%s drops what its rules do not accept", d.chain))
		case p.accepts():
			found = append(found, ok("%s: DROP, and the plugin firewall lets containers through", d.chain))
		case p.uses("firewall"):
			found = append(found, fault(`give the plugin firewall the backend "iptables", or: `+d.tool+" -P FORWARD ACCEPT",
				"%s: DROP, which the plugin firewall does not overrule with its backend nftables: containers reach nothing but this host", d.chain))
		default:
			found = append(found, fault("add the plugin firewall to the networks, or: "+d.tool+" -P FORWARD ACCEPT",
				"%s: DROP, as Docker and some firewalls set it: containers reach nothing but this host", d.chain))
		}
	}
	if found == nil {
		found = append(found, ok("nothing is dropped by a policy"))
	}
	return found
}

// accepts reports whether a network has the plugin firewall with a backend whose rules are
// beside the policies of iptables, and not in a table of their own.
func (p *patient) accepts() bool {
	found := false
	p.each(func(_ *libcni.Network, of libcni.Conf) {
		found = found || of.Get("type") == "firewall" && of.Get("backend") != "nftables" && has("iptables")
	})
	return found
}

// ofIPTables are the tables of nftables that iptables keeps its rules in.
var ofIPTables = map[nft.Table]string{
	{Family: nft.IPv4, Name: "filter"}: "iptables",
	{Family: nft.IPv6, Name: "filter"}: "ip6tables",
}

// dropper is a chain that packets on their way to containers pass, with a policy of drop.
type dropper struct {
	chain string
	tool  string // the variant of iptables whose chain it is; empty if it is nobody's
}

// droppers returns those that matter to the containers of this node.
func (p *patient) droppers() ([]dropper, error) {
	v4, v6 := p.families()
	// Without containers, those of IPv4 are the usual ones.
	matters := map[nft.Family]bool{nft.Inet: true, nft.IPv4: v4 || !v6, nft.IPv6: v6}
	var all []dropper
	for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
		tool := ofIPTables[nft.Table{Family: family, Name: "filter"}] + "-legacy"
		if !matters[family] || !legacyHas(family, "filter") || !has(tool) {
			continue
		}
		if rules, _ := p.list(tool, "filter"); strings.Contains(rules, "-P FORWARD DROP\n") {
			all = append(all, dropper{"FORWARD of " + tool, tool})
		}
	}
	var bases []nft.FoundBase
	c, err := nft.Dial()
	if err == nil {
		defer c.Close()
		bases, err = c.Bases()
	}
	if nft.IsNotSupported(err) {
		err = nil
	}
	for _, b := range bases {
		if !b.Drop || !matters[b.Table.Family] || b.Hook != unix.NF_INET_FORWARD {
			continue
		}
		d := dropper{chain: fmt.Sprintf("chain %s of nftables' table %s", b.Chain, b.Table)}
		if tool := ofIPTables[b.Table]; tool != "" && b.Chain == "FORWARD" {
			d = dropper{"FORWARD of " + tool, tool}
		}
		all = append(all, d)
	}
	return all, err
}
