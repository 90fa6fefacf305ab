package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// allReach returns an error unless the pods of an app, so many, reach each other.
func allReach(app string, count int) error {
	all, err := pods(app, count)
	if err != nil {
		return err
	}
	errs := make([]error, len(all))
	var askers sync.WaitGroup
	for i, p := range all {
		askers.Go(func() { errs[i] = p.reaches(all) })
	}
	askers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// testMesh runs 20 pods, on both nodes, each of which reaches all.
func testMesh(s site) {
	s.deploy("mesh", 20, "")
	all, took := s.awaitPods("mesh", 20)
	s.report("20 pods are ready", took)
	on := map[string]int{}
	for _, p := range all {
		on[p.node]++
	}
	if len(on) != 2 {
		s.Errorf("pods are on %v, want both nodes", on)
	}
	s.expectMesh(all)
}

// testDaemonsKilled kills containerd and the kubelet of both nodes while pods come.
func testDaemonsKilled(s site) {
	s.deploy("crowd", 5, "")
	s.awaitPods("crowd", 5)
	s.kubectl("scale deployment crowd --replicas 40")
	for _, daemon := range []string{"containerd", "kubelet"} {
		for _, node := range s.nodes() {
			s.kill(node, daemon)
			time.Sleep(time.Second)
		}
	}
	all, took := s.awaitPods("crowd", 40)
	s.report("35 more pods are ready, containerd and kubelet killed on both nodes meanwhile", took)
	s.expectMesh(all[:10])
}

// testAgentKilled kills the agent on all nodes, and once more when it is back: pods that run do
// not notice, and others start without it.
func testAgentKilled(s site) {
	s.deploy("live", 6, "")
	all, _ := s.awaitPods("live", 6)
	for round := range 2 {
		for _, node := range s.nodes() {
			s.on(node, "pkill -KILL -f [c]ni-plugins-agent")
		}
		s.expectMesh(all)
		s.scale("live", 10+round)
		s.kubectl("--namespace kube-system rollout status daemonset cni-plugins --timeout 180s")
	}
	s.expectMesh(all)
}

// testFlushed has somebody delete all tables of the plugins and of the agent, which makes them again:
// others, as their numbers tell.
func testFlushed(s site) {
	const tables = "nft --handle list ruleset | grep '^table .*cni_plugins'" // table FAMILY NAME { # handle NUMBER
	node := s.nodes()[0]
	s.deploy("flushed", 1, hostPorts(nil)+"      nodeName: "+node+"\n")
	s.awaitPods("flushed", 1)
	before := strings.Split(s.on(node, tables), "\n")
	s.on(node, tables+" | while read -r word family name rest; do nft delete $word $family $name; done")
	took := s.await(30*time.Second, func() error {
		out, err := try(os.Getenv("CLUSTER"), "on", node, "sh", "-c", tables)
		now := strings.Split(out, "\n")
		if len(now) != len(before) || slices.ContainsFunc(now[:len(now)-1], func(table string) bool { return slices.Contains(before, table) }) {
			return fmt.Errorf("tables are %q (%v), want as many others as %q", now, err, before)
		}
		return nil
	})
	s.report("tables are there again that somebody deleted", took)
	s.expectOutside("tcp", net.JoinHostPort(s.addresses(node)[0], "8080"), "flushed-", "")
}

// testStatus breaks a node's network in ways that no pod would survive. The node says so, in
// words that name the cause, and recovers by itself.
func testStatus(s site) {
	node := s.nodes()[0]
	for _, fault := range []struct{ name, do, undo, says string }{
		{"read-only leases", "mkdir -p /var/lib/cni/networks; cd /var/lib/cni/networks; mount --bind . .; mount -o remount,bind,ro /var/lib/cni/networks",
			"umount /var/lib/cni/networks", "read-only file system"},
		// Of several files, runtimes take the first.
		{"a bad subnet", `cd /etc/cni/net.d; sed 's/"subnet" *: *"[^"]*"/"subnet": "10.0.0.0\/33"/' 10-cni-plugins.conflist >05-bad.conflist`,
			"rm /etc/cni/net.d/05-bad.conflist", "10.0.0.0/33"},
		{"half a file", "cd /etc/cni/net.d; head -c 200 10-cni-plugins.conflist >05-half.conflist",
			"rm /etc/cni/net.d/05-half.conflist", "cni plugin not initialized"}, // containerd's log says why
		{"no host-local", "mv /opt/cni/bin/host-local /opt/cni/", "mv /opt/cni/host-local /opt/cni/bin/", "host-local"},
	} {
		var said string
		func() {
			s.on(node, fault.do)
			defer s.on(node, fault.undo)
			said = s.awaitNotReady(node, fault.says)
		}()
		s.report(fault.name+": the node is ready again", s.awaitReady(time.Minute))
		s.Logf("%s: %s", fault.name, said)
	}
	// The agent writes a configuration that somebody removes.
	s.on(node, "rm /etc/cni/net.d/10-cni-plugins.conflist")
	s.await(10*time.Second, func() error {
		_, err := try(os.Getenv("CLUSTER"), "on", node, "cat", "/etc/cni/net.d/10-cni-plugins.conflist")
		return err
	})
	s.awaitReady(time.Minute)
}

// testPowerCut cuts the power of a node, whose pods come back.
func testPowerCut(s site) {
	s.deploy("cut", 10, "")
	all, _ := s.awaitPods("cut", 10)
	node := all[0].node
	s.power(node, "off")
	s.power(node, "on")
	took := s.await(3*time.Minute, func() error { return allReach("cut", 10) })
	s.report("after a power cut 10 pods reach each other again", took)
}

// testDiskLost has the runtime forget its pods, whose leases stay: in a small range others
// need them.
func testDiskLost(s site) {
	s.deploy("lost", 20, "")
	all, _ := s.awaitPods("lost", 20)
	node := all[0].node
	s.power(node, "off")
	if err := os.RemoveAll(filepath.Join(os.Getenv("SITE"), node, "containerd")); err != nil {
		s.Fatal(err)
	}
	s.power(node, "on")
	took := s.await(5*time.Minute, func() error { return allReach("lost", 20) })
	s.report("with the runtime's disk lost 20 pods, in ranges of 14 addresses, reach each other again", took)
}

// testDrain empties a node, of whose pods nothing stays.
func testDrain(s site) {
	before := s.pictures()
	s.deploy("moved", 10, "")
	s.awaitPods("moved", 10)
	node := s.nodes()[1]
	s.Cleanup(func() { s.kubectl("uncordon " + node) })
	s.kubectl("drain " + node + " --ignore-daemonsets --force --timeout 120s")
	all, took := s.awaitPods("moved", 10)
	s.report("after a drain 10 pods are ready on the other node", took)
	for _, p := range all {
		if p.node == node {
			s.Errorf("%s is on the node that was drained", p.name)
		}
	}
	s.expectNothingLeft(node, before[node])
}

// everywhere has pods of an app on each node, as the scheduler by itself does not promise.
func everywhere(app string) string {
	return "      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, " +
		"whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: " + app + "}}}]\n"
}

// pictures are those of all nodes after pods have been there, and gone.
func (s site) pictures() map[string]string {
	s.Helper()
	s.deploy("first", 10, everywhere("first"))
	s.awaitPods("first", 10)
	s.remove("first")
	pictures := map[string]string{}
	s.await(time.Minute, func() error {
		for _, node := range s.nodes() {
			pictures[node] = s.picture(node)
			if strings.Contains(pictures[node], "veth") {
				return fmt.Errorf("%s has pods: %s", node, pictures[node])
			}
		}
		return nil
	})
	return pictures
}

// testCycles makes many pods and removes them, in rounds. Nothing of them stays.
func testCycles(s site) {
	before := s.pictures()
	s.deploy("cycled", 0, "")
	for range s.way.rounds() {
		_, up := s.scale("cycled", 60)
		_, down := s.scale("cycled", 0)
		s.report("from none to 60 pods, and back", fmt.Sprint(up, ", ", down))
	}
	s.kubectl("delete deployment cycled")
	for node, picture := range before {
		s.expectNothingLeft(node, picture)
	}
}
