package cluster

import (
	"net"
	"os"
	"strings"
)

// otherPlugins are Debian's, 1.1.1 of containernetworking/plugins.
const otherPlugins = "/usr/lib/cni"

// testForeign puts other plugins in the place of ours under pods that run, and ours back. Pods
// stay reachable, and each kind removes what the other has made.
func testForeign(s site) {
	s.Cleanup(func() {
		s.apply(s.manifest())
		s.installOurs()
	})
	s.apply(s.manifestForBoth())
	node := s.nodes()[0]
	ports := hostPorts(nil) + "      nodeName: " + node + "\n"
	for _, install := range []func(){s.installOthers, s.installOurs} {
		install()
		s.deploy("ported", 1, ports)
		s.awaitPods("ported", 1)
		s.remove("ported")
	}
	before := s.pictures() // with what all ports of a node share, which stays
	s.deploy("exchanged", 20, "")
	s.deploy("ported", 1, ports)
	s.awaitPods("ported", 1)
	all, _ := s.awaitPods("exchanged", 20)
	for _, install := range []func(){s.installOthers, s.installOurs} {
		install()
		s.expectMesh(all[:10])
		s.expectOutside("tcp", net.JoinHostPort(s.addresses(node)[0], "8080"), "ported-", "")
		s.scale("exchanged", 10)
		all, _ = s.scale("exchanged", 20)
		s.expectMesh(all[:10])
		s.scale("ported", 0)
		s.scale("ported", 1)
	}
	s.remove("exchanged")
	s.remove("ported")
	for node, picture := range before {
		s.expectNothingLeft(node, picture)
	}
}

// manifestForBoth is the agent's with a configuration that other plugins understand as well: of
// an older version, and with iptables.
func (s site) manifestForBoth() string {
	s.Helper()
	template, err := os.ReadFile("../../../agent/templates/" + s.way.main + ".conflist")
	if err != nil {
		s.Fatal(err)
	}
	conflist := strings.NewReplacer(`"1.1.0"`, `"1.0.0"`, `, "backend": "nftables"`, "", "\n", "\n    ").Replace(string(template))
	head, rest, _ := strings.Cut(s.manifest(), "conflist: |\n")
	_, tail, _ := strings.Cut(rest, "\n---\n")
	return head + "conflist: |\n    " + conflist + "\n---\n" + strings.ReplaceAll(tail, "--network=bridge", "--template=/etc/cni-plugins/conflist")
}

// installOthers puts other plugins in the place of ours, which give what they made the form that others
// find.
func (s site) installOthers() {
	s.Helper()
	for _, node := range s.nodes() {
		s.on(node, "for plugin in bridge ptp firewall portmap; do /opt/cni/bin/$plugin downgrade; done")
		s.on(node, "mkdir /opt/cni/new; cp "+otherPlugins+"/* /opt/cni/new; mv /opt/cni/new/* /opt/cni/bin; rmdir /opt/cni/new")
	}
	s.expectOurs(false)
}

// installOurs has the agent's pods install ours again.
func (s site) installOurs() {
	s.Helper()
	s.kubectl("--namespace kube-system rollout restart daemonset cni-plugins")
	s.kubectl("--namespace kube-system rollout status daemonset cni-plugins --timeout 180s")
	s.expectOurs(true)
}

// expectOurs tells plugins of ours by the version of the protocol.
func (s site) expectOurs(want bool) {
	s.Helper()
	for _, node := range s.nodes() {
		if said := s.on(node, "/opt/cni/bin/ptp 2>&1 </dev/null || true"); strings.Contains(said, "1.1.0") != want {
			s.Fatalf("plugins on %s, of which ours: %v, say %s", node, want, said)
		}
	}
}
