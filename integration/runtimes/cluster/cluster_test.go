// Package cluster has the tests in which a real Kubernetes gets its network from nothing but
// the agent's manifest. It takes programs that scripts/cluster.sh builds, and a while.
//
// $CNI_TEST_CLUSTER chooses clusters by a regular expression, as "ptp, nftables, bundle"; by
// default all are made, one after the other. $CNI_TEST_REPORT is a file to which each test
// appends what it has measured.
package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// way is how a cluster is configured.
type way struct {
	// main is the plugin that connects pods, proxy the mode of kube-proxy.
	main, proxy string
	// bundle says that one binary is installed under all names.
	bundle bool
	// overlay says that nodes are on two segments, with a VXLAN between them.
	overlay bool
	// small says that a node has 14 addresses for pods.
	small bool
}

func (w way) String() string {
	name := w.main + ", " + w.proxy + ", " + map[bool]string{true: "bundle", false: "separate"}[w.bundle]
	if w.overlay {
		name += ", vxlan"
	}
	if w.small {
		name += ", small"
	}
	return name
}

// rounds is how often pods come and go: in the manifest's own way as often as to show what grows slowly.
func (w way) rounds() int {
	if w == (way{main: "ptp", proxy: "nftables", bundle: true}) {
		return 18
	}
	return 3
}

func ways() []way {
	all := []way{
		{main: "ptp", proxy: "nftables", bundle: true, overlay: true},
		{main: "bridge", proxy: "nftables", bundle: true, small: true},
	}
	for _, main := range []string{"ptp", "bridge"} {
		for _, proxy := range []string{"nftables", "iptables"} {
			for _, bundle := range []bool{true, false} {
				all = append(all, way{main: main, proxy: proxy, bundle: bundle})
			}
		}
	}
	return all
}

// Variables that tell a test program beside a cluster how that is configured, and where a plugin is
// that does nothing.
const (
	wayVariable  = "CNI_TEST_WAY"
	idleVariable = "CNI_TEST_IDLE"
)

func TestMain(m *testing.M) {
	if os.Getenv(wayVariable) != "" {
		os.Exit(m.Run())
	}
	os.Exit(eachCluster())
}

// eachCluster runs this program again beside a cluster of each kind.
func eachCluster() (status int) {
	chosen := regexp.MustCompile(os.Getenv("CNI_TEST_CLUSTER"))
	dir, err := os.MkdirTemp("", "cni-cluster-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = buildImages(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, w := range ways() {
		if !chosen.MatchString(w.String()) {
			continue
		}
		if err := beside(w, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	return status
}

// beside runs this program beside a cluster, which loads the images in a folder.
func beside(w way, images string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	script, err := filepath.Abs("../../../scripts/cluster.sh")
	if err != nil {
		return err
	}
	args := []string{"-p", w.proxy}
	if w.overlay {
		args = append(args, "-s", "2")
	}
	if w.small {
		args = append(args, "-m", "28")
	}
	for _, kind := range kinds() {
		args = append(args, "-i", filepath.Join(images, kind+".tar"))
	}
	cmd := exec.Command(script, append(append(args, self), os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), wayVariable+"="+w.String(), idleVariable+"="+filepath.Join(images, "idle"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cluster with %v: %w", w, err)
	}
	return nil
}

// TestCluster goes through what happens to a cluster, in an order in which it comes back to
// its state after each.
func TestCluster(t *testing.T) {
	for _, w := range ways() {
		if w.String() != os.Getenv(wayVariable) {
			continue
		}
		t.Run(w.String(), func(t *testing.T) {
			if !t.Run("comes up", func(t *testing.T) { testComesUp(site{t, w}) }) {
				return
			}
			for _, test := range scenarios(w) {
				t.Run(test.name, func(t *testing.T) { test.run(site{t, w}) })
			}
		})
	}
}

type scenario struct {
	name string
	run  func(site)
}

// scenarios are what happens to a cluster.
func scenarios(w way) []scenario {
	traffic := []scenario{
		{"pods reach each other", testMesh},
		{"services", testServices},
		{"host ports", testHostPorts},
	}
	switch {
	case w.small:
		return []scenario{{"the runtime's disk is lost", testDiskLost}}
	case w.overlay:
		return append(traffic, scenario{"agent killed", testAgentKilled}, scenario{"a third node", testThirdNode})
	}
	if w.main == "ptp" && w.proxy == "nftables" {
		traffic = append(traffic, scenario{"costs beside other plugins", testCosts})
	}
	return append(traffic, []scenario{
		{"bandwidth", testBandwidth},
		{"STATUS fails and heals", testStatus},
		{"tables deleted", testFlushed},
		{"agent killed", testAgentKilled},
		{"daemons killed amid a scale-up", testDaemonsKilled},
		{"power cut", testPowerCut},
		{"drain", testDrain},
		{"from none to many and back", testCycles},
		{"plugins replaced under pods", testReplaced},
		{"other plugins under pods", testForeign},
		{"a third node", testThirdNode},
		{"podCIDRs come late", testLateRange},
		{"beside 1,000 Services", testManyServices},
	}...)
}

// report notes what has been measured.
func (s site) report(what string, figure any) {
	s.Helper()
	s.Logf("%s: %v", what, figure)
	path := os.Getenv("CNI_TEST_REPORT")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "| %v | %s | %v |\n", s.way, what, figure); err != nil {
		s.Fatal(err)
	}
}

// testComesUp applies the manifest on nodes that have neither plugins nor a configuration.
func testComesUp(s site) {
	s.awaitNodes(2)
	for _, node := range s.nodes() {
		if files := s.on(node, "ls /opt/cni/bin /etc/cni/net.d"); strings.Contains(files, "ptp") || strings.Contains(files, "conf") {
			s.Fatalf("%s has plugins already: %s", node, files)
		}
	}
	start := time.Now()
	s.apply(s.manifest())
	s.awaitReady(2 * time.Minute)
	s.report("from the manifest to nodes that are ready", time.Since(start).Round(100*time.Millisecond))
}
