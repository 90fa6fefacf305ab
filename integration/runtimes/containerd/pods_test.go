package containerd_test

import (
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/containernetworking/plugins/integration/runtimes/containerd"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

// The port of each pod that answers, with both protocols.
const port = "80"

// published are a pod's ports on the host: any of its addresses, or one.
func published() []*cri.PortMapping {
	mapping := func(protocol cri.Protocol, host int32, ip string) *cri.PortMapping {
		return &cri.PortMapping{Protocol: protocol, ContainerPort: 80, HostPort: host, HostIp: ip}
	}
	return []*cri.PortMapping{
		mapping(cri.Protocol_TCP, 8080, ""), mapping(cri.Protocol_UDP, 8080, ""),
		mapping(cri.Protocol_TCP, 8081, machine.HostV4), mapping(cri.Protocol_UDP, 8081, machine.HostV4),
		mapping(cri.Protocol_TCP, 8082, machine.HostV6), mapping(cri.Protocol_UDP, 8082, machine.HostV6),
	}
}

// A pod with everything that the kubelet asks for: its addresses, its ports from outside and
// from the host in both families, its rates; and nothing when it is gone.
func TestPod(t *testing.T) {
	for _, network := range []struct{ name, config string }{{"bridge", bridged()}, {"ptp", routed()}} {
		t.Run(network.name, func(t *testing.T) {
			each(t, []string{network.config}, func(t *testing.T, d *containerd.Daemon) {
				end(t, d, run(t, d, containerd.Pod{Name: "first", Ports: published()}))
				before := machine.Picture(t)
				pod := run(t, d, containerd.Pod{Name: "pod", Ports: published(), Annotations: map[string]string{
					"kubernetes.io/ingress-bandwidth": "8M", "kubernetes.io/egress-bandwidth": "16M",
				}})
				expectAddresses(t, pod)
				expectReachable(t, pod, "pod")
				expectPublished(t)
				expectRates(t, "8Mbit", "16Mbit")
				end(t, d, pod)
				machine.ExpectNothingLeft(t, before)
			})
		})
	}
}

// With several configurations the pod is on several networks, and the first one's addresses
// count.
func TestTwoNetworks(t *testing.T) {
	each(t, []string{routed(), bridged()}, func(t *testing.T, d *containerd.Daemon) {
		end(t, d, run(t, d, containerd.Pod{Name: "first", Ports: published()}))
		before := machine.Picture(t)
		pod := run(t, d, containerd.Pod{Name: "pod", Ports: published()})
		if len(pod.IPs) == 0 || !strings.HasPrefix(pod.IPs[0].String(), "10.89.") {
			t.Errorf("addresses %v, want those of the first network", pod.IPs)
		}
		serve(t, pod, "pod")
		for _, address := range machine.Addresses(t, pod.Netns) {
			machine.Expect(t, machine.Host, "tcp", net.JoinHostPort(address.String(), port), "pod", gateway(address))
		}
		end(t, d, pod)
		machine.ExpectNothingLeft(t, before)
	})
}

// run starts a pod.
func run(t testing.TB, d *containerd.Daemon, p containerd.Pod) containerd.Sandbox {
	t.Helper()
	pod, err := d.Run(p)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// end removes a pod in the kubelet's way, which stops it more than once.
func end(t testing.TB, d *containerd.Daemon, pod containerd.Sandbox) {
	t.Helper()
	machine.Silence(pod.Netns)
	for range 2 {
		if err := d.Stop(pod.ID); err != nil {
			t.Error(err)
		}
	}
	if err := d.Remove(pod.ID); err != nil {
		t.Error(err)
	}
}

func expectAddresses(t testing.TB, pod containerd.Sandbox) {
	t.Helper()
	if len(pod.IPs) != 2 || !pod.IPs[0].Is4() || !pod.IPs[1].Is6() {
		t.Errorf("the status shows addresses %v, want one of each family", pod.IPs)
	}
}

// serve answers on all addresses of a pod.
func serve(t testing.TB, pod containerd.Sandbox, name string) {
	t.Helper()
	for _, network := range []string{"tcp", "udp"} {
		machine.Serve(t, pod.Netns, network, ":"+port, name)
	}
}

// expectReachable asks a pod at its addresses from the host, and sends from it to the
// outside, where it appears as the host.
func expectReachable(t testing.TB, pod containerd.Sandbox, name string) {
	t.Helper()
	serve(t, pod, name)
	for _, address := range pod.IPs {
		for _, network := range []string{"tcp", "udp"} {
			machine.Expect(t, machine.Host, network, net.JoinHostPort(address.String(), port), name, gateway(address))
		}
	}
	for outside, host := range map[string]string{machine.OutsideV4: machine.HostV4, machine.OutsideV6: machine.HostV6} {
		machine.ExpectOutside(t, pod.Netns, outside, host)
	}
}

// expectPublished asks a pod, which serves already, at its ports on the host.
func expectPublished(t testing.TB) {
	t.Helper()
	for _, network := range []string{"tcp", "udp"} {
		for _, address := range []struct{ host, port, from string }{
			{machine.HostV4, "8080", machine.OutsideV4}, {machine.HostV6, "8080", machine.OutsideV6},
			{machine.HostV4, "8081", machine.OutsideV4}, {machine.HostV6, "8082", machine.OutsideV6},
		} {
			machine.Expect(t, machine.Outside, network, net.JoinHostPort(address.host, address.port), "pod", address.from)
		}
		for _, address := range []string{machine.HostV4 + ":8080", machine.HostV4 + ":8081", "127.0.0.1:8080"} {
			if answer, err := machine.Ask(machine.Host, network, address); !strings.HasPrefix(answer, "pod to ") {
				t.Errorf("%s %s answers the host %q, %v", network, address, answer, err)
			}
		}
	}
}

// expectRates looks for limits on the host's side of pods.
func expectRates(t testing.TB, rates ...string) {
	t.Helper()
	out, err := exec.Command("tc", "qdisc", "show").CombinedOutput()
	if err != nil {
		t.Fatalf("tc: %v: %s", err, out)
	}
	for _, rate := range rates {
		if !strings.Contains(string(out), "rate "+rate+" ") {
			t.Errorf("no rate of %s in\n%s", rate, out)
		}
	}
}

// gateway is the address of the host in a pod's network: the first of its range.
func gateway(pod netip.Addr) string {
	bits := 64
	if pod.Is4() {
		bits = 16
	}
	return netip.PrefixFrom(pod, bits).Masked().Addr().Next().String()
}
