package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// testBandwidth has limits on a pod's interface as its annotations say.
func testBandwidth(s site) {
	s.apply(`apiVersion: v1
kind: Pod
metadata:
  name: limited
  labels: {app: limited}
  annotations: {kubernetes.io/ingress-bandwidth: 8M, kubernetes.io/egress-bandwidth: 16M}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: probe, image: "localhost/busybox:1", command: [/probe, serve], imagePullPolicy: Never}
`)
	all, _ := s.awaitPods("limited", 1)
	shaped := s.on(all[0].node, "tc qdisc show")
	for _, rate := range []string{"rate 8Mbit ", "rate 16Mbit "} {
		if !strings.Contains(shaped, rate) {
			s.Errorf("no %sin\n%s", rate, shaped)
		}
	}
	s.kubectl("delete pod limited")
}

// testReplaced installs the other kind of plugins under pods that run, and the first again.
// They stay reachable, and can be removed by those that have not made them.
func testReplaced(s site) {
	before := s.pictures()
	s.deploy("lasting", 60, "")
	all, _ := s.awaitPods("lasting", 60)
	other := s
	other.way.bundle = !s.way.bundle
	for _, installed := range []site{other, s} {
		s.apply(installed.manifest())
		s.kubectl("--namespace kube-system rollout status daemonset cni-plugins --timeout 180s")
		s.expectMesh(all[:10])
		s.scale("lasting", 40)
		s.scale("lasting", 60)
		all, _ = s.awaitPods("lasting", 60)
	}
	s.expectMesh(all[:10])
	s.remove("lasting")
	for node, picture := range before {
		s.expectNothingLeft(node, picture)
	}
}

// testThirdNode has a node join, be lost for good, and come back as another one, with other
// addresses for its pods.
func testThirdNode(s site) {
	const name = "n3"
	join := func() node {
		start := time.Now()
		s.power(name, "on")
		s.awaitNodes(3)
		s.awaitReady(2 * time.Minute)
		s.report("from power to a new node that is ready", time.Since(start).Round(100*time.Millisecond))
		s.expectGoodNode(name)
		return s.node(name)
	}
	first := join()
	s.discard(name)
	second := join()
	s.report("podCIDRs before and after", fmt.Sprint(first.ranges, second.ranges))
	if slices.Equal(first.ranges, second.ranges) {
		s.Errorf("the node has the podCIDRs %v again", second.ranges)
	}
	s.discard(name)
}

// testLateRange has a new node wait for its podCIDRs. The agent that runs there has it not
// ready before.
func testLateRange(s site) {
	left := s.discard(s.nodes()[1])
	pid := filepath.Join(os.Getenv("SITE"), "log", "node-ipam.pid")
	s.do("pkill", "-STOP", "--pidfile", pid)
	s.Cleanup(func() { s.do("pkill", "-CONT", "--pidfile", pid) })
	s.power(left.name, "on")
	s.awaitNodes(2)
	s.await(time.Minute, func() error {
		_, err := try(os.Getenv("CLUSTER"), "on", left.name, "pgrep", "-f", "[c]ni-plugins-agent")
		return err
	})
	said := s.awaitNotReady(left.name, "cni plugin not initialized")
	time.Sleep(5 * time.Second) // nothing happens
	if n := s.node(left.name); n.notReady != said || len(n.ranges) > 0 {
		s.Errorf("without a podCIDR the node is %+v", n)
	}
	if files := s.on(left.name, "ls /etc/cni/net.d"); strings.Contains(files, "conflist") {
		s.Errorf("without a podCIDR the node has %s", files)
	}
	s.do("pkill", "-CONT", "--pidfile", pid)
	s.report("from podCIDRs that come late to a node that is ready", s.awaitReady(time.Minute))
	s.expectGoodNode(left.name)
}

// discard takes a node away for good, with all that was on its disk, and returns what it was.
// No route leads to it any longer.
func (s site) discard(name string) node {
	s.Helper()
	left := s.node(name)
	s.power(name, "off")
	s.kubectl("delete node " + name)
	s.await(30*time.Second, func() error {
		if routes := s.on(s.nodes()[0], "ip route; ip -6 route"); strings.Contains(routes, left.ranges[0]) {
			return fmt.Errorf("there is still a route to %s: %s", left.ranges[0], routes)
		}
		return nil
	})
	for _, disk := range []string{"containerd", "etc", "opt", "var", "work"} {
		if err := os.RemoveAll(filepath.Join(os.Getenv("SITE"), name, disk)); err != nil {
			s.Fatal(err)
		}
	}
	return left
}

// expectGoodNode has pods on all nodes reach each other, of which that node has some.
func (s site) expectGoodNode(name string) {
	s.Helper()
	s.deploy("returned", 12, everywhere("returned"))
	defer s.remove("returned")
	all, _ := s.awaitPods("returned", 12)
	if !slices.ContainsFunc(all, func(p pod) bool { return p.node == name }) {
		s.Errorf("no pod is on %s: %v", name, all)
	}
	s.expectMesh(all)
}

// testManyServices runs pods beside 1,000 Services.
func testManyServices(s site) {
	// Services in a namespace of their own are deleted with that, and not one by one.
	objects := &strings.Builder{}
	for i := range 1000 {
		fmt.Fprintf(objects, "---\napiVersion: v1\nkind: Service\nmetadata: {name: many%d, namespace: many}\nspec: {selector: {app: many}, ports: [{port: 80}]}\n", i)
	}
	s.deploy("many", 0, "")
	_, alone := s.scale("many", 20)
	s.scale("many", 0)
	s.kubectl("create namespace many")
	s.create(objects.String())
	_, beside := s.scale("many", 20)
	s.report("20 pods are ready, and beside 1,000 Services", fmt.Sprint(alone, ", ", beside))
	all, _ := s.awaitPods("many", 20)
	s.expectMesh(all[:5])
	s.remove("many")
	s.kubectl("delete namespace many --wait=false")
}
