// Bench measures what a pod's network costs in containerd: how long RunPodSandbox and
// StopPodSandbox take with different plugins, and on the host's network, in turns.
//
//	bench -n ROUNDS -containerd DIR NAME=DIR...
//
// Each NAME=DIR is a folder of plugins. It has to run on a machine of its own
// (scripts/machine.sh), and prints a Markdown table of medians.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/containernetworking/plugins/integration/runtimes/containerd"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

// network is a full chain as a cluster has it, in the newest version of the specification that
// all plugins know.
const network = `{"cniVersion": "1.0.0", "name": "bench", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}], [{"subnet": "fd88::/64"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}},
  {"type": "firewall"},
  {"type": "bandwidth", "capabilities": {"bandwidth": true}},
  {"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}}]}`

// hostNetwork is the name of the pods that have none of their own.
const hostNetwork = "host network"

// times are what calls have taken, by the name of the plugins.
type times map[string][]time.Duration

func main() {
	rounds := flag.Int("n", 30, "pods of each kind")
	programs := flag.String("containerd", "", "folder of containerd (default: the one in PATH)")
	flag.Parse()
	if err := run(*rounds, *programs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int, programs string, plugins []string) (err error) {
	if err := machine.Connect(); err != nil {
		return err
	}
	if err := machine.Configure(network); err != nil {
		return err
	}
	folders := map[string]string{}
	names := []string{hostNetwork}
	for _, p := range plugins {
		name, folder, _ := strings.Cut(p, "=")
		folders[name] = folder
		names = append(names, name)
		if err := machine.Install(folder); err != nil {
			return err
		}
	}
	d := &containerd.Daemon{Programs: programs}
	if err := d.Start(); err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, d.End(syscall.SIGTERM)) }()
	runs, stops := times{}, times{}
	for round := range rounds + 1 {
		for _, name := range names {
			started, stopped, err := cycle(d, name, folders[name])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if round > 0 { // the first one finds nothing in any cache
				runs[name] = append(runs[name], started)
				stops[name] = append(stops[name], stopped)
			}
		}
	}
	report(names, runs, stops)
	return nil
}

// cycle runs and stops a pod, and returns how long each took.
func cycle(d *containerd.Daemon, name, folder string) (started, stopped time.Duration, err error) {
	if folder != "" {
		if err := machine.Install(folder); err != nil {
			return 0, 0, err
		}
	}
	pod := containerd.Pod{
		Name: "bench", HostNetwork: name == hostNetwork,
		Annotations: map[string]string{"kubernetes.io/ingress-bandwidth": "100M", "kubernetes.io/egress-bandwidth": "100M"},
	}
	if !pod.HostNetwork {
		pod.Ports = []*cri.PortMapping{{ContainerPort: 80, HostPort: 8080}}
	}
	start := time.Now()
	id, err := d.Create(pod)
	if err != nil {
		return 0, 0, err
	}
	started = time.Since(start)
	start = time.Now()
	if err := d.Stop(id); err != nil {
		return 0, 0, err
	}
	return started, time.Since(start), d.Remove(id)
}

// report prints medians, them less those on the host's network, which is the part of the
// plugins, and how much that is of the last plugins' part.
func report(names []string, runs, stops times) {
	fmt.Println("| Median of", len(runs[hostNetwork]), "pods | RunPodSandbox | plugins | StopPodSandbox | plugins |")
	fmt.Println("|---|---|---|---|---|")
	for _, name := range names {
		fmt.Printf("| %s | %s | %s |\n", name, part(names, name, runs), part(names, name, stops))
	}
}

func part(names []string, name string, of times) string {
	own := median(of[name])
	rest := own - median(of[hostNetwork])
	last := median(of[names[len(names)-1]]) - median(of[hostNetwork])
	if name == hostNetwork || last <= 0 {
		return fmt.Sprintf("%v ms | ", own.Milliseconds())
	}
	return fmt.Sprintf("%v ms | %v ms, %.2f", own.Milliseconds(), rest.Milliseconds(), float64(rest)/float64(last))
}

func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
