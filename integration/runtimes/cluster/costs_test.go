package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// testCosts has 60 pods come and go with our plugins, with others, and with some that do nothing,
// in turns, and reports how long containerd waits for plugins, by its own account. With ptp, portmap
// and bandwidth, and without firewall, which others have no better backend for.
func testCosts(s site) {
	s.Cleanup(func() {
		s.apply(s.manifest())
		s.installOurs()
	})
	s.apply(strings.Replace(s.manifestForBoth(), `{ "type": "firewall" },`, "", 1))
	s.deploy("counted", 0, "")
	var spent [3]waits
	for range 3 {
		for i, install := range []func(){s.installOurs, s.installOthers, s.installIdle} {
			install()
			s.scale("counted", 2)
			s.scale("counted", 0)
			before := s.settled()
			s.scale("counted", 60)
			s.scale("counted", 0)
			spent[i] = spent[i].plus(s.settled(), 1).plus(before, -1)
		}
	}
	for _, operation := range []string{setUp, tearDown} {
		ours, others, idle := spent[0].mean(operation), spent[1].mean(operation), spent[2].mean(operation)
		s.report(operation+" of a pod among 60, in s, with 1.1.1 of containernetworking/plugins, and with plugins that do nothing",
			fmt.Sprintf("%.3f, %.3f, %.3f, ratio %.2f", ours, others, idle, ours/others))
	}
}

// installIdle puts a plugin that does nothing in the place of all.
func (s site) installIdle() {
	s.Helper()
	for _, node := range s.nodes() {
		s.on(node, "for plugin in ptp host-local portmap bandwidth loopback; do cp "+os.Getenv(idleVariable)+" /opt/cni/bin/new; mv /opt/cni/bin/new /opt/cni/bin/$plugin; done")
	}
}

// Operations of containerd's histogram of its network plugins.
const (
	setUp    = "set_up_pod"
	tearDown = "tear_down_pod"
)

// waits are sums by operation, as of "set_up_pod sum", in seconds, and "set_up_pod count".
type waits map[string]float64

func (w waits) plus(other waits, sign float64) waits {
	sum := waits{}
	for key := range other {
		sum[key] = w[key] + sign*other[key]
	}
	return sum
}

func (w waits) mean(operation string) float64 { return w[operation+" sum"] / w[operation+" count"] }

// settled is waits, once all pods that were set up have been torn down, which is after they are
// gone for the API server.
func (s site) settled() (now waits) {
	s.Helper()
	s.await(3*time.Minute, func() error {
		if now = s.waits(); now[tearDown+" count"] < now[setUp+" count"] {
			return fmt.Errorf("not all pods are torn down: %v", now)
		}
		return nil
	})
	return now
}

// waits returns what containerd has waited on all nodes.
func (s site) waits() waits {
	s.Helper()
	sum := waits{}
	for _, node := range s.nodes() {
		for line := range strings.Lines(s.on(node, "busybox wget -qO- 127.0.0.1:1338/v1/metrics | grep network_plugin_operations_duration")) {
			for _, operation := range []string{setUp, tearDown} {
				for _, part := range []string{"sum", "count"} {
					name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
					if strings.Contains(name, "_"+part+"{") && strings.Contains(name, `"`+operation+`"`) {
						figure, err := strconv.ParseFloat(value, 64)
						if err != nil {
							s.Fatal(err)
						}
						sum[operation+" "+part] += figure
					}
				}
			}
		}
	}
	if sum[setUp+" count"] == 0 {
		s.Fatalf("containerd has no account of network plugins")
	}
	return sum
}
