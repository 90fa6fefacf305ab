package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// costVerbs are the columns of testdata/costs.txt, in the order of the calls.
var costVerbs = []string{"first", "ADD", "CHECK", "STATUS", "repair", "GC", "DEL"}

// No verb asks more of the kernel and of other programs than testdata/costs.txt allows
// it, whatever others have on the node. The file is about a kernel that has what plugins adapt to, as far as
// subjects do not need another one.
func TestCosts(t *testing.T) {
	t.Parallel()
	allowed := allowedCosts(t)
	eachOf(t, append(append(masqueraded(), unlimited(), subnetsSubject(), hostInterfaceSubject()), subjects...), func(t *testing.T, s subject) {
		for _, isCrowded := range []bool{false, true} {
			name := "empty"
			if isCrowded {
				name = "crowded"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				costs, exceeded := costsOf(t, s, isCrowded), false
				for verb, cost := range costs {
					most, ok := allowed[s.name()][verb]
					exceeded = exceeded || !ok || cost.Programs > most.Programs || cost.Messages > most.Messages || cost.Answers > most.Answers
				}
				if exceeded && (s.needs != nil || kernelIs(t, expiresSince)) {
					t.Errorf("more than testdata/costs.txt allows:\n%s", costLine(s.name(), costs))
				}
			})
		}
	})
}

// unlimited is what bandwidth is called for in most chains: no limit at all.
func unlimited() subject {
	s := bandwidthSubject("veth")
	s.variant, s.config = "without limits", `{"name": "net", "type": "bandwidth", "capabilities": {"bandwidth": true}}`
	return s
}

// masqueraded are subjects whose attachments have all that a plugin for interfaces
// makes in the packet filter.
func masqueraded() []subject {
	var all []subject
	for _, plugin := range []string{"bridge", "ptp"} {
		for _, backend := range []string{"iptables", "nftables"} {
			config := fmt.Sprintf(`{"name": "net", "type": %q, "isGateway": true, "ipMasq": true, "ipMasqBackend": %q, %s}`, plugin, backend, dualStack)
			if plugin == "bridge" {
				config = strings.Replace(config, `"ipMasq"`, `"bridge": "br0", "macspoofchk": true, "ipMasq"`, 1)
			}
			all = append(all, subject{plugin: plugin, variant: "masquerade " + backend, config: config, ifName: "eth0"})
			if plugin == "ptp" {
				all = append(all, excluding(backend))
			}
		}
	}
	return all
}

// costsOf calls each verb on a node and returns what it costs.
func costsOf(t *testing.T, s subject, isCrowded bool) map[string]node.Cost {
	t.Helper()
	n := node.New(t)
	if s.services != nil {
		s.services(t, n)
	}
	if s.host != "" {
		n.Exec(t, "sh", "-ec", s.host)
	}
	if isCrowded {
		crowd(t, n, s)
	}
	c := s.container(t, n, "c")
	call := s.call(latest, c.Path)
	costs := map[string]node.Cost{}
	_, costs["first"] = n.Cost(t, "ADD", call)
	if isCrowded { // the bridge is there now
		n.Exec(t, "sh", "-ec", `! [ -e /sys/class/net/br0 ] ||
			for i in $(seq 100); do echo "link add port$i master br0 up type veth peer name end$i"; done | ip -batch -`)
	}
	n.Must(t, "DEL", call)
	result, cost := n.Cost(t, "ADD", call)
	costs["ADD"] = cost
	list := fmt.Appendf(nil, `[{"containerID": %q, "ifname": %q}]`, call.ContainerID, call.IfName)
	checked := call
	if len(result) > 0 {
		checked = call.With("prevResult", result)
	}
	for verb, call := range map[string]node.Call{"CHECK": checked, "STATUS": call, "GC": call.With("cni.dev/valid-attachments", list)} {
		_, costs[verb] = n.Cost(t, verb, call)
	}
	if slices.Contains([]string{"bridge", "ptp", "portmap", "firewall"}, s.plugin) {
		_, costs["repair"] = n.Cost(t, "", node.Call{Plugin: s.plugin, Command: "repair"})
	}
	_, costs["DEL"] = n.Cost(t, "DEL", checked)
	return costs
}

// crowd gives a node links, addresses, routes, rules and flows of others. User-mode Linux, where
// those run that need a driver, has no tables for the last two.
func crowd(t *testing.T, n *node.Node, s subject) {
	t.Helper()
	n.Exec(t, "sh", "-ec", `
		for i in $(seq 200); do echo "link add other$i type veth peer name rehto$i"; done | ip -batch -
		ip link set other1 up
		for i in $(seq 5000); do echo "addr add 172.18.$((i / 250)).$((i % 250))/32 dev other1"; done | ip -batch -
		for i in $(seq 2000); do echo "route add 172.16.$((i / 250)).$((i % 250)) dev other1"; done | ip -batch -`)
	if s.needs != nil {
		return
	}
	n.Exec(t, "sh", "-ec", `
		for table in nat filter; do
			echo "*$table"
			for i in $(seq 300); do echo ":OTHERS-$i - [0:0]"; done
			for i in $(seq 300); do echo "-A OUTPUT -d 172.17.0.$((i % 250)) -j OTHERS-$i"; done
			for i in $(seq 300); do echo "-A OTHERS-$i -s 172.17.0.0/16 -j ACCEPT"; done
			echo COMMIT
		done | iptables-restore
		{
			echo "add table inet others; add chain inet others rules; add set inet others addresses { type ipv4_addr; }"
			for i in $(seq 300); do echo "add rule inet others rules ip saddr 172.17.0.$((i % 250)) counter"; done
			for i in $(seq 250); do echo "add element inet others addresses { 172.17.0.$i }"; done
		} | nft -f -
		for i in $(seq 300); do
			echo "-I -p udp -s 172.17.0.1 -d 172.17.0.2 --sport $i --dport 53 -r 172.17.0.2 -q 172.17.0.1 --reply-port-src 53 --reply-port-dst $i -t 600"
		done | conntrack -R -`)
}

// allowedCosts reads the table, in which a cell is programs/messages/answers.
func allowedCosts(t *testing.T) map[string]map[string]node.Cost {
	t.Helper()
	text, err := os.ReadFile("testdata/costs.txt")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]map[string]node.Cost{}
	for line := range strings.Lines(string(text)) {
		name, cells, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		allowed[name] = map[string]node.Cost{}
		for i, cell := range strings.Fields(cells) {
			var cost node.Cost
			if _, err := fmt.Sscanf(cell, "%d/%d/%d", &cost.Programs, &cost.Messages, &cost.Answers); err == nil {
				allowed[name][costVerbs[i]] = cost
			}
		}
	}
	return allowed
}

// costLine is the line of the table.
func costLine(name string, costs map[string]node.Cost) string {
	line := fmt.Sprintf("%-27s", name+":")
	for _, verb := range costVerbs {
		cell := "-"
		if cost, ok := costs[verb]; ok {
			cell = fmt.Sprintf("%d/%d/%d", cost.Programs, cost.Messages, cost.Answers)
		}
		line += fmt.Sprintf(" %-9s", cell)
	}
	return strings.TrimSpace(line)
}
