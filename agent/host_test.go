package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	machine "github.com/containernetworking/plugins/integration/node"
)

// deadline bounds what a test waits for.
const deadline = 20 * time.Second

// confDir is where the hosts of tests have configurations.
const confDir = "/run/net.d"

// The messages by which tests know that the agent has done what there was to do.
const (
	settledMessage   = "the node is as it is to be"
	unsettledMessage = "the node is not as it is to be"
)

// site is what is outside of the cluster: a router with an API server, and segments that
// nodes are on.
type site struct {
	*machine.Node
	t   testing.TB
	api *apiServer
}

// newSite makes a site with two segments: 192.0.2.0/24 and 2001:db8:1::/64, and
// 198.51.100.0/24 and 2001:db8:2::/64. It has the first address of each.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{machine.New(t), t, newAPIServer()}
	for i, addresses := range [][]string{{"192.0.2.1/24", "2001:db8:1::1/64"}, {"198.51.100.1/24", "2001:db8:2::1/64"}} {
		lan := fmt.Sprintf("lan%d", i+1)
		s.Exec(t, "ip", "link", "add", lan, "type", "bridge")
		s.Exec(t, "ip", "link", "set", lan, "up")
		for _, a := range addresses {
			s.Exec(t, "ip", "address", "add", a, "dev", lan, "nodad")
		}
	}
	s.Exec(t, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	s.api.listen(t, s.Do, "192.0.2.1:6443")
	return s
}

// host is a node of the cluster.
type host struct {
	*machine.Node
	t    testing.TB
	name string
	// number is the host's: the last part of its addresses is that and 10.
	number  int
	segment int
}

// addHost makes a host on a segment, without a Node.
func (s *site) addHost(number, segment int) *host {
	s.t.Helper()
	h := &host{machine.New(s.t), s.t, fmt.Sprintf("n%d", number), number, segment}
	s.connect(h)
	// A host that is up for longer than two seconds has its link-local address.
	h.Exec(s.t, "sysctl", "-qw", "net.ipv6.conf.eth0.dad_transmits=0")
	h.Exec(s.t, "ip", "link", "set", "eth0", "up")
	for i, a := range h.addresses() {
		bits, router := [2]string{"24", "64"}[i], s.routers(segment)[i]
		h.Exec(s.t, "ip", "address", "add", a+"/"+bits, "dev", "eth0", "nodad")
		h.Exec(s.t, "ip", "route", "add", "default", "via", router)
	}
	h.Exec(s.t, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	h.write(confDir+"/.keep", "")
	h.write("/run/kubeconfig", `{"clusters": [{"name": "c", "cluster": {"server": "http://192.0.2.1:6443"}}],
		"contexts": [{"name": "c", "context": {"cluster": "c"}}], "current-context": "c"}`)
	return h
}

func (s *site) routers(segment int) []string {
	return [][]string{{"192.0.2.1", "2001:db8:1::1"}, {"198.51.100.1", "2001:db8:2::1"}}[segment-1]
}

// connect makes the host's eth0, a link to a segment.
func (s *site) connect(h *host) {
	s.t.Helper()
	var netns *os.File
	err := h.Do(func() (err error) {
		netns, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer netns.Close()
	err = s.Do(func() error {
		lan, err := netlink.LinkByName(fmt.Sprintf("lan%d", h.segment))
		if err != nil {
			return err
		}
		veth := netlink.NewVeth(netlink.LinkAttrs{Name: h.name, MasterIndex: lan.Attrs().Index, Flags: net.FlagUp})
		veth.PeerName, veth.PeerNamespace = "eth0", netlink.NsFd(netns.Fd())
		return netlink.LinkAdd(veth)
	})
	if err != nil {
		s.t.Fatalf("connect %s: %v", h.name, err)
	}
}

// addresses are the host's InternalIPs.
func (h *host) addresses() []string {
	prefixes := [][]string{{"192.0.2.", "2001:db8:1::"}, {"198.51.100.", "2001:db8:2::"}}[h.segment-1]
	return []string{fmt.Sprint(prefixes[0], 10+h.number), fmt.Sprint(prefixes[1], 10+h.number)}
}

// podCIDRs are those that a test gives the host.
func (h *host) podCIDRs() []string {
	return []string{fmt.Sprintf("10.244.%d.0/24", h.number), fmt.Sprintf("fd00:10:244:%d::/64", h.number)}
}

// join makes the host's Node, with podCIDRs.
func (s *site) join(h *host) { s.api.set(newNode(h.name, h.addresses(), h.podCIDRs())) }

func (h *host) write(path, text string) {
	h.t.Helper()
	err := h.Do(func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), 0o600)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// read returns the content of a file, or nothing.
func (h *host) read(path string) string {
	var text []byte
	_ = h.Do(func() (err error) {
		text, err = os.ReadFile(path)
		return err
	})
	return string(text)
}

// arguments are those of the agent on the host.
func (h *host) arguments(flags ...string) []string {
	h.t.Helper()
	bin, err := machine.Bin()
	if err != nil {
		h.t.Fatal(err)
	}
	return append([]string{agentWord, "-node-name", h.name, "-kubeconfig", "/run/kubeconfig", "-conf-dir", confDir,
		"-bin-dir", bin, "-cri-socket", ""}, flags...)
}

// start starts the agent.
func (h *host) start(flags ...string) *machine.Process {
	h.t.Helper()
	return h.run(h.arguments(flags...)...)
}

// run runs the test program, with no more privileges than the manifest gives the agent.
func (h *host) run(args ...string) *machine.Process {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	return h.Start(h.t, "setpriv", append([]string{"--no-new-privs", "--bounding-set=-all,+net_admin", self}, args...)...)
}

// startBinary starts the agent from another executable than the test's.
func (h *host) startBinary(path string, flags ...string) *machine.Process {
	h.t.Helper()
	return h.Start(h.t, path, h.arguments(flags...)[1:]...)
}

// startSettled starts the agent and waits until it has done what there is to do.
func (h *host) startSettled(flags ...string) *machine.Process {
	h.t.Helper()
	p := h.start(flags...)
	p.Await(h.t, settledMessage, 1, deadline)
	return p
}

// eventually waits until f returns nothing, or fails with what it returns.
func eventually(t testing.TB, f func() string) {
	t.Helper()
	end := time.Now().Add(deadline)
	for {
		missing := f()
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(missing)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// pod is a container on a host.
type pod struct {
	*machine.Container
	h       *host
	runtime *libcni.RuntimeConf
	ips     []net.IP
}

func (h *host) cni() (*libcni.CNIConfig, *libcni.NetworkConfigList, error) {
	bin, err := machine.Bin()
	if err != nil {
		return nil, nil, err
	}
	list, err := libcni.ConfListFromFile(filepath.Join(confDir, conflistName))
	return libcni.NewCNIConfigWithCacheDir([]string{bin}, "/var/lib/cni", nil), list, err
}

// addPod starts a pod, as a runtime of Kubernetes does.
func (h *host) addPod(name string) *pod {
	h.t.Helper()
	return h.addContainer(name, [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", name}})
}

// addContainer starts a container, as any runtime does.
func (h *host) addContainer(name string, args [][2]string) *pod {
	h.t.Helper()
	p := &pod{Container: h.Container(h.t, name), h: h}
	p.runtime = &libcni.RuntimeConf{ContainerID: name, NetNS: p.Path, IfName: "eth0", Args: args}
	var result types.Result
	err := h.Do(func() error {
		cni, list, err := h.cni()
		if err != nil {
			return err
		}
		result, err = cni.AddNetworkList(context.Background(), list, p.runtime)
		return err
	})
	if err != nil {
		h.t.Fatalf("add pod %s on %s: %v", name, h.name, err)
	}
	full, err := current.NewResultFromResult(result)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, ip := range full.IPs {
		p.ips = append(p.ips, ip.Address.IP)
	}
	return p
}

// remove removes the container and what it has, as a runtime does.
func (p *pod) remove(t testing.TB) {
	t.Helper()
	err := p.h.Do(func() error {
		cni, list, err := p.h.cni()
		if err != nil {
			return err
		}
		return cni.DelNetworkList(context.Background(), list, p.runtime)
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Remove(t)
}

// place is where traffic comes from or goes to.
type place interface{ Do(func() error) error }

// sourceOf returns the address that a server on an IP address sees when a client connects,
// or why there is no connection.
func sourceOf(client, server place, ip net.IP) (string, error) {
	var listener net.Listener
	err := server.Do(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
		return err
	})
	if err != nil {
		return "", err
	}
	defer listener.Close()
	err = client.Do(func() error {
		connection, err := net.DialTimeout("tcp", listener.Addr().String(), 3*time.Second)
		if err == nil {
			defer connection.Close()
		}
		return err
	})
	if err != nil {
		return "", err
	}
	connection, err := listener.Accept()
	if err != nil {
		return "", err
	}
	defer connection.Close()
	return connection.RemoteAddr().(*net.TCPAddr).IP.String(), nil
}

// expectSource fails unless a connection has the source address.
func expectSource(t testing.TB, what string, client, server place, ip net.IP, want string) {
	t.Helper()
	got, err := sourceOf(client, server, ip)
	if err != nil || got != want {
		t.Errorf("%s, to %s: source %q, error %v, want %q", what, ip, got, err, want)
	}
}

// routes returns the agent's routes on the host, of both families.
func (h *host) routes() string {
	h.t.Helper()
	lines := strings.Split(h.Exec(h.t, "ip", "-4", "route", "show", "proto", "205")+h.Exec(h.t, "ip", "-6", "route", "show", "proto", "205"), "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
