package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/containernetworking/plugins/plugins/meta/firewall/firewall"
)

// sizes are how much there is on a full node.
type sizes struct {
	// Of others: Services of Kubernetes in the table nat, rules in the table filter and
	// as many in a table of nftables, links, routes, and flows that are tracked.
	services, rules, links, routes, flows int
	// Of ours: ports of the bridge, leases, and elements of each set.
	ports, leases, elements int
}

// fullSizes divides those of a full node, for a quick look.
func fullSizes(divisor int) sizes {
	return sizes{
		services: 10_000 / divisor, rules: 10_000 / divisor, links: 1_500 / divisor, routes: 50_000 / divisor, flows: 200_000 / divisor,
		ports: 500 / divisor, leases: 60_000 / divisor, elements: 5_000 / divisor,
	}
}

// fill makes what there is on the node of the process: of others, of ours, or of what is
// to grow.
func fill(what string, divisor, number int) error {
	switch what {
	case "others":
		return fullSizes(divisor).fillOthers()
	case "ours":
		return fullSizes(divisor).fillOurs()
	}
	for _, g := range growths() {
		if g.of == what {
			return g.fill(number)
		}
	}
	return fmt.Errorf("nothing is called %q", what)
}

// fillOthers makes what others have on a node: each kind by one process.
func (n sizes) fillOthers() error {
	return errors.Join(
		pipe(n.services4(), "iptables-restore"),
		pipe(n.rules4(), "iptables-restore"),
		gatherForeign(n.rules),
		pipe(n.foreignLinks(), "ip", "-batch", "-"),
		pipe(n.foreignFilters(), "tc", "-batch", "-"),
		pipe(n.foreignRoutes(), "ip", "-batch", "-"),
		pipe(n.foreignFlows(), "conntrack", "-R", "-"),
	)
}

// fillOurs makes what attachments of ours have: ports of the bridge, which is there,
// leases, and elements of our sets in nftables.
func (n sizes) fillOurs() error {
	var errs []error
	for _, network := range []string{oursSide, otherSide} {
		errs = append(errs, reserve(network, n.leases))
	}
	return errors.Join(append(errs,
		pipe(n.bridgePorts(), "ip", "-batch", "-"),
		gatherBridged(n.elements),
		scenario{mapped: n.elements}.gatherMapped(crowded, "nftables"),
		gatherForwarded(n.elements),
	)...)
}

// gatherForwarded lets the firewall accept what n attachments send and receive.
func gatherForwarded(n int) error {
	for i := range n {
		conf := fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"type":"firewall","backend":"nftables",
			"prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.1.%d.%d/16"}]}}`, crowded, 128+i>>8, i&0xff)
		args := &skel.CmdArgs{ContainerID: fmt.Sprintf("container%d", i), Netns: netnsFolder + "/" + crowded, IfName: "eth0", StdinData: []byte(conf)}
		if _, err := firewall.Plugin.Run("ADD", args); err != nil {
			return fmt.Errorf("accept what a container sends: %w", err)
		}
	}
	return nil
}

// pipe runs a command with its standard input.
func pipe(input string, name string, args ...string) error {
	cmd := command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w", cmd.Args, err)
	}
	return nil
}

// services4 fills nat as kube-proxy does: of each Service a chain, of its endpoint another,
// both with hashed names.
func (n sizes) services4() string {
	var chains, rules bytes.Buffer
	for i := range n.services {
		service, endpoint := "KUBE-SVC-"+hashed("service", i), "KUBE-SEP-"+hashed("endpoint", i)
		fmt.Fprintf(&chains, ":%s - [0:0]\n:%s - [0:0]\n", service, endpoint)
		fmt.Fprintf(&rules, "-A KUBE-SERVICES -d 10.96.%d.%d/32 -p tcp -m comment --comment \"ns/service%d\" -m tcp --dport 80 -j %s\n", i>>8, i&0xff, i, service)
		fmt.Fprintf(&rules, "-A %s -j %s\n", service, endpoint)
		fmt.Fprintf(&rules, "-A %s -p tcp -m tcp -j DNAT --to-destination 10.244.%d.%d:8080\n", endpoint, i>>8, i&0xff)
	}
	return "*nat\n:KUBE-SERVICES - [0:0]\n" + chains.String() +
		"-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n" +
		"-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n" +
		rules.String() + "COMMIT\n"
}

// hashed is how kube-proxy names a chain.
func hashed(kind string, i int) string {
	sum := sha256.Sum256(fmt.Append(nil, kind, i))
	return base32.StdEncoding.EncodeToString(sum[:])[:16]
}

// rules4 fills filter with chains of up to a hundred rules.
func (n sizes) rules4() string {
	var chains, rules bytes.Buffer
	for i := range n.rules {
		if i%100 == 0 {
			fmt.Fprintf(&chains, ":POD-%d - [0:0]\n", i/100)
			fmt.Fprintf(&rules, "-A FORWARD -d 10.244.%d.0/24 -j POD-%d\n", i/100, i/100)
		}
		fmt.Fprintf(&rules, "-A POD-%d -s 198.18.%d.%d/32 -p tcp -m tcp --dport 80 -j ACCEPT\n", i/100, i>>8, i&0xff)
	}
	return "*filter\n" + chains.String() + rules.String() + "COMMIT\n"
}

// foreignLinks are pairs with an address, both ends on the node.
func (n sizes) foreignLinks() string {
	var batch bytes.Buffer
	for i := range n.links / 2 {
		fmt.Fprintf(&batch, "link add foreign%d type veth peer name peer%d\n", i, i)
		fmt.Fprintf(&batch, "addr add 198.19.%d.%d/32 dev foreign%d\n", i>>8, i&0xff, i)
	}
	return batch.String() + "link set foreign0 up\n"
}

// foreignFilters are those of a program that looks at all that arrives.
func (n sizes) foreignFilters() string {
	var batch bytes.Buffer
	for i := range n.links / 2 {
		fmt.Fprintf(&batch, "qdisc add dev foreign%d clsact\n", i)
		fmt.Fprintf(&batch, "filter add dev foreign%d ingress protocol ip u32 match u32 0 0 flowid 1:1\n", i)
	}
	return batch.String()
}

func (n sizes) foreignRoutes() string {
	var batch bytes.Buffer
	for i := range n.routes {
		fmt.Fprintf(&batch, "route add 172.%d.%d.%d/28 dev foreign0\n", 16+i>>12, i>>4&0xff, i&0xf<<4)
	}
	return batch.String()
}

func (n sizes) foreignFlows() string {
	var batch bytes.Buffer
	for i := range n.flows {
		client := fmt.Sprintf("10.%d.%d.%d", 200+i>>16, i>>8&0xff, i&0xff)
		fmt.Fprintf(&batch, "-I -p tcp -s %s -d 10.96.0.1 --sport 1024 --dport 80 -r 10.244.0.1 -q %s --reply-port-src 8080 --reply-port-dst 1024 --state ESTABLISHED -t 86400 -u ASSURED\n", client, client)
	}
	return batch.String()
}

// bridgePorts are the host's ends of pairs.
func (n sizes) bridgePorts() string {
	var batch bytes.Buffer
	for i := range n.ports {
		fmt.Fprintf(&batch, "link add port%d up master cni0 type veth peer name eth%d netns %s\n", i, i, crowded)
	}
	return batch.String()
}

// fillHere runs this program again, in the namespaces of the thread: what plugins do by
// goroutines needs a process of its own there.
func fillHere(what string, amount ...string) error {
	cmd := command("/proc/self/exe", append([]string{"-fill", what}, amount...)...)
	cmd.Stdout = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("fill the node with %s: %w", what, err)
	}
	return nil
}
