package cluster

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/containernetworking/plugins/integration/runtimes/traffic"
)

// service has an address of each family and a port on each node.
func service(app string, nodePort int) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: %[1]s}
  ports:
  - {name: tcp, port: 80, nodePort: %[2]d, protocol: TCP}
  - {name: udp, port: 80, nodePort: %[2]d, protocol: UDP}
`, app, nodePort)
}

// clusterIPs returns the addresses of a service.
func (s site) clusterIPs(app string) []string {
	s.Helper()
	return strings.Fields(s.kubectl("get service " + app + " --output jsonpath={.spec.clusterIPs[*]}"))
}

// addresses returns those of a node, one of each family.
func (s site) addresses(node string) []string {
	s.Helper()
	return strings.Fields(s.kubectl("get node " + node + ` --output jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`))
}

// testServices asks a service by its addresses from a pod, and by its ports on the nodes from
// outside, in both families.
func testServices(s site) {
	s.apply(service("served", 30080))
	s.Cleanup(func() { s.kubectl("delete service served") })
	s.deploy("served", 3, "")
	all, _ := s.awaitPods("served", 3)
	var targets []string
	for _, ip := range s.clusterIPs("served") {
		targets = append(targets, "tcp/"+net.JoinHostPort(ip, "80"), "udp/"+net.JoinHostPort(ip, "80"))
	}
	if len(targets) != 4 {
		s.Fatalf("addresses of the service: %v", targets)
	}
	s.await(30*time.Second, func() error {
		got, err := all[0].ask(targets...)
		if err != nil {
			return err
		}
		for _, target := range targets {
			if !strings.HasPrefix(got[target], "served-") {
				return fmt.Errorf("%s answers %q", target, got[target])
			}
		}
		return nil
	})
	for _, node := range s.nodes() {
		for _, ip := range s.addresses(node) {
			s.expectOutside("tcp", net.JoinHostPort(ip, "30080"), "served-", "")
			s.expectOutside("udp", net.JoinHostPort(ip, "30080"), "served-", "")
		}
	}
}

// expectOutside asks from outside of the cluster. The answer begins with a pod's name, and
// ends with the address that asks, if that counts.
func (s site) expectOutside(network, address, name, from string) {
	s.Helper()
	s.await(30*time.Second, func() error {
		answer, err := traffic.Ask(network, address)
		if err != nil || !strings.HasPrefix(answer, name) || !strings.HasSuffix(answer, from) {
			return fmt.Errorf("%s %s answers %q, %v", network, address, answer, err)
		}
		return nil
	})
}

// hostPorts is the pod template's part that publishes ports: any address of the node, and one
// of each family.
func hostPorts(addresses []string) string {
	ports := "        ports:\n"
	add := func(host int, ip string) {
		for _, protocol := range []string{"TCP", "UDP"} {
			ports += fmt.Sprintf("        - {containerPort: 80, hostPort: %d, protocol: %s", host, protocol)
			if ip != "" {
				ports += fmt.Sprintf(", hostIP: %q", ip)
			}
			ports += "}\n"
		}
	}
	add(8080, "")
	for i, ip := range addresses {
		add(8081+i, ip)
	}
	return ports
}

// testHostPorts asks a pod by its ports on the node from outside, which it sees.
func testHostPorts(s site) {
	node := s.nodes()[0]
	addresses := s.addresses(node)
	s.deploy("published", 1, hostPorts(addresses)+"      nodeName: "+node+"\n")
	s.awaitPods("published", 1)
	for i, ip := range addresses {
		outside := gatewayOf(ip)
		for _, network := range []string{"tcp", "udp"} {
			s.expectOutside(network, net.JoinHostPort(ip, "8080"), "published-", " to "+outside)
			s.expectOutside(network, net.JoinHostPort(ip, fmt.Sprint(8081+i)), "published-", " to "+outside)
		}
	}
	s.remove("published")
	// A pod without a grace period is gone from the API server at once.
	s.await(30*time.Second, func() error {
		answer, err := traffic.Ask("tcp", net.JoinHostPort(addresses[0], "8080"))
		if err == nil {
			return fmt.Errorf("the port answers without a pod: %s", answer)
		}
		return nil
	})
}

// gatewayOf is the site's address in a node's segment.
func gatewayOf(node string) string {
	return node[:strings.LastIndexAny(node, ".:")+1] + "1"
}
