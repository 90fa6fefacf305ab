package podman

import (
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/runtimes/image"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

func TestMain(m *testing.M) { os.Exit(machine.Main(m)) }

// podman is Podman with its networks by CNI, which releases before 5 can do, for one test.
type podman struct{ testing.TB }

const (
	podmanDir    = "/run/podman-test"
	podmanConfig = `[containers]
log_driver = "k8s-file"
apparmor_profile = ""
seccomp_profile = ""
[network]
network_backend = "cni"
cni_plugin_dirs = ["` + machine.BinDir + `"]
network_config_dir = "` + machine.ConfDir + `"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "` + podmanDir + `/tmp"
`
	podmanStorage = `[storage]
driver = "overlay"
runroot = "` + podmanDir + `/run"
graphroot = "/var/lib/containers/storage"
`
)

// newPodman starts without networks but the default one, and our plugins.
func newPodman(t *testing.T) podman {
	t.Helper()
	machine.MustInstall(t, machine.Ours(t))
	machine.MustConfigure(t)
	if err := os.MkdirAll(podmanDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"containers.conf": podmanConfig, "storage.conf": podmanStorage} {
		if err := os.WriteFile(filepath.Join(podmanDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CONTAINERS_CONF", podmanDir+"/containers.conf")
	t.Setenv("CONTAINERS_STORAGE_CONF", podmanDir+"/storage.conf")
	archive := filepath.Join(podmanDir, "image.tar")
	if err := image.Write(archive); err != nil {
		t.Fatal(err)
	}
	p := podman{t}
	p.do("load --quiet --input " + archive)
	t.Cleanup(func() {
		p.do("rm --all --force --time 0")
		p.do("network prune --force")
	})
	return p
}

// do runs a command of Podman's, without quotes, and returns its output.
func (p podman) do(command string) string {
	p.Helper()
	return machine.Shell(p, "podman "+command)
}

// container is one that runs, with the path of its network namespace.
type container struct{ name, netns string }

// start runs a container with further arguments and a server in it.
func (p podman) start(name, args string) container {
	p.Helper()
	p.do("run --detach --name " + name + " " + args + " " + image.Name)
	c := container{name, strings.TrimSpace(p.do("inspect --format {{.NetworkSettings.SandboxKey}} " + name))}
	for _, network := range []string{"tcp", "udp"} {
		machine.Serve(p, c.netns, network, ":80", name)
	}
	return c
}

func (p podman) end(containers ...container) {
	p.Helper()
	for _, c := range containers {
		machine.Silence(c.netns)
		p.do("rm --force --time 0 " + c.name)
	}
}

// afterFirst returns the picture after a network's first container, which leaves behind
// what all share.
func (p podman) afterFirst(args string) hoststate.State {
	p.Helper()
	p.end(p.start("first", args))
	return machine.Picture(p)
}

// The kinds of network that Podman creates, with a container each that is published.
func TestNetworks(t *testing.T) {
	for name, test := range map[string]struct {
		create string
		within []string // prefixes that the container's addresses are in
		v6     bool
		mtu    string
	}{
		"default":    {"", []string{"10.88.0.0/16"}, false, "1500"},
		"subnet":     {"--subnet 10.90.0.0/24", []string{"10.90.0.0/24"}, false, "1500"},
		"dual stack": {"--ipv6 --subnet 10.90.0.0/24 --subnet fd90::/64", []string{"10.90.0.0/24", "fd90::/64"}, true, "1500"},
		"range":      {"--subnet 10.90.0.0/24 --ip-range 10.90.0.128/25 --gateway 10.90.0.9", []string{"10.90.0.128/25"}, false, "1500"},
		"mtu":        {"--subnet 10.90.0.0/24 --opt mtu=1400", []string{"10.90.0.0/24"}, false, "1400"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPodman(t)
			args := "--publish 8080:80 --publish 8080:80/udp"
			if test.create != "" {
				p.do("network create " + test.create + " test")
				args += " --network test"
			}
			before := p.afterFirst(args)
			pod := p.start("pod", args)
			expectWithin(t, pod, test.within)
			for _, network := range []string{"tcp", "udp"} {
				machine.Expect(t, machine.Outside, network, machine.HostV4+":8080", "pod", machine.OutsideV4)
				if test.v6 {
					machine.Expect(t, machine.Outside, network, "["+machine.HostV6+"]:8080", "pod", machine.OutsideV6)
				}
			}
			machine.ExpectOutside(t, pod.netns, machine.OutsideV4, machine.HostV4)
			if links := p.do("exec pod ip link show eth0"); !strings.Contains(links, "mtu "+test.mtu+" ") {
				t.Errorf("want MTU %s: %s", test.mtu, links)
			}
			p.end(pod)
			machine.ExpectNothingLeft(t, before)
		})
	}
}

// An internal network leads nowhere but to its containers and the host.
func TestInternal(t *testing.T) {
	p := newPodman(t)
	p.do("network create --internal --subnet 10.90.0.0/24 test")
	before := p.afterFirst("--network test")
	pod, other := p.start("pod", "--network test"), p.start("other", "--network test")
	if routes := machine.Shell(t, "nsenter --net="+pod.netns+" ip route"); strings.Contains(routes, "default") {
		t.Errorf("routes: %s", routes)
	}
	target := machine.Addresses(t, other.netns)[0]
	machine.Expect(t, pod.netns, "tcp", net.JoinHostPort(target.String(), "80"), "other", machine.Addresses(t, pod.netns)[0].String())
	p.end(pod, other)
	machine.ExpectNothingLeft(t, before)
}

// A container beside the machine on its link.
func TestMacvlan(t *testing.T) {
	p := newPodman(t)
	p.do("network create --driver macvlan --opt parent=eth0 --subnet 192.0.2.0/24 --gateway " + machine.OutsideV4 + " test")
	const args = "--network test --ip 192.0.2.50"
	before := p.afterFirst(args)
	pod := p.start("pod", args)
	machine.Expect(t, machine.Outside, "tcp", "192.0.2.50:80", "pod", machine.OutsideV4)
	machine.ExpectOutside(t, pod.netns, machine.OutsideV4, "192.0.2.50")
	p.end(pod)
	machine.ExpectNothingLeft(t, before)
}

// A container on two networks, with a chosen address on each and a chosen hardware address.
func TestTwoNetworks(t *testing.T) {
	p := newPodman(t)
	p.do("network create --subnet 10.90.0.0/24 one")
	p.do("network create --subnet 10.91.0.0/24 two")
	const args = "--network one:ip=10.90.0.77,mac=02:00:00:00:00:77 --network two:ip=10.91.0.78 --publish 8080:80"
	before := p.afterFirst(args)
	pod := p.start("pod", args)
	expectWithin(t, pod, []string{"10.90.0.77/32", "10.91.0.78/32"})
	if links := p.do("exec pod ip link"); !strings.Contains(links, "02:00:00:00:00:77") {
		t.Errorf("hardware addresses: %s", links)
	}
	machine.Expect(t, machine.Outside, "tcp", machine.HostV4+":8080", "pod", machine.OutsideV4)
	p.end(pod)
	machine.ExpectNothingLeft(t, before)
}

// A range of ports, an address and a hardware address by the options of `podman run`.
func TestOptions(t *testing.T) {
	p := newPodman(t)
	const args = "--publish 9000-9003:78-81/udp --publish 192.0.2.10:9000-9003:78-81 --ip 10.88.0.99 --mac-address 02:00:00:00:00:99"
	before := p.afterFirst(args)
	pod := p.start("pod", args)
	expectWithin(t, pod, []string{"10.88.0.99/32"})
	if link := p.do("exec pod ip link show eth0"); !strings.Contains(link, "02:00:00:00:00:99") {
		t.Errorf("hardware address: %s", link)
	}
	machine.Serve(t, pod.netns, "tcp", ":81", "last")
	for _, network := range []string{"tcp", "udp"} {
		machine.Expect(t, machine.Outside, network, machine.HostV4+":9002", "pod", machine.OutsideV4)
	}
	machine.Expect(t, machine.Outside, "tcp", machine.HostV4+":9003", "last", machine.OutsideV4)
	p.end(pod)
	machine.ExpectNothingLeft(t, before)
}

// `podman network reload` makes the rules again that somebody has flushed.
func TestReload(t *testing.T) {
	p := newPodman(t)
	before := p.afterFirst("--publish 8080:80")
	pod := p.start("pod", "--publish 8080:80")
	was := machine.Addresses(t, pod.netns)[0]
	machine.Shell(t, "nft flush ruleset")
	if answer, err := machine.Ask(machine.Outside, "tcp", machine.HostV4+":8080"); err == nil {
		t.Errorf("the port answers without rules: %s", answer)
	}
	p.do("network reload --all")
	if is := machine.Addresses(t, pod.netns)[0]; is != was {
		t.Errorf("the address was %v and is %v", was, is)
	}
	machine.Expect(t, machine.Outside, "tcp", machine.HostV4+":8080", "pod", machine.OutsideV4)
	p.end(pod)
	// The network makes no rules for IPv6, which its first container has made nevertheless.
	machine.ExpectNothingLeft(t, before, regexp.MustCompile("^host (ip6tables-nft-save|nft): "))
}

// expectWithin fails unless a container has one address in each prefix, and Podman shows it.
func expectWithin(t testing.TB, pod container, prefixes []string) {
	t.Helper()
	all := machine.Addresses(t, pod.netns)
	if len(all) != len(prefixes) {
		t.Errorf("addresses %v, want one in each of %v", all, prefixes)
		return
	}
	out, err := exec.Command("podman", "inspect", "--format", "{{json .NetworkSettings.Networks}}", pod.name).Output()
	var networks map[string]struct{ IPAddress, GlobalIPv6Address string }
	if err != nil || json.Unmarshal(out, &networks) != nil {
		t.Errorf("podman inspect: %v: %s", err, out)
	}
	for _, text := range prefixes {
		prefix := netip.MustParsePrefix(text)
		found := false
		for _, address := range all {
			found = found || prefix.Contains(address) && strings.Contains(string(out), `"`+address.String()+`"`)
		}
		if !found {
			t.Errorf("addresses %v, and as Podman shows them %s, want one in %v", all, out, prefix)
		}
	}
}
