package dhcp6

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

var attachment = owner.Attachment{Network: "net1", ContainerID: "c1", IfName: "eth0"}

// budget is what a test gives to something that succeeds.
const budget = 15 * time.Second

// A network is a link between the namespace of a container, on it as eth0, and
// that of servers, on it as the bridge srv0.
type network struct {
	container, server *link.Namespace
	eth0, srv0        netlink.Link
}

func newNetwork(t *testing.T, serverAddresses ...string) *network {
	t.Helper()
	net := &network{container: newNamespace(t), server: newNamespace(t)}
	var err error
	if net.srv0, err = net.server.AddBridge("srv0", 0, link.BridgeFlags{}); err != nil {
		t.Fatal(err)
	}
	for _, address := range serverAddresses {
		addAddress(t, net.server, net.srv0, address)
	}
	up(t, net.server, net.srv0)
	net.eth0 = net.join(t, net.container, "eth0")
	awaitSender(t, net.server, net.srv0)
	awaitSender(t, net.container, net.eth0)
	return net
}

// join links a namespace to the bridge.
func (n *network) join(t *testing.T, joining *link.Namespace, name string) netlink.Link {
	t.Helper()
	port, l, err := link.AddVeth(n.server, joining, link.Veth{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.server.LinkSetMaster(port, n.srv0); err != nil {
		t.Fatal(err)
	}
	up(t, n.server, port)
	up(t, joining, l)
	return l
}

// another returns the network as seen by servers in another namespace on it.
func (n *network) another(t *testing.T, address string) *network {
	t.Helper()
	other := &network{container: n.container, eth0: n.eth0, server: newNamespace(t)}
	other.srv0 = n.join(t, other.server, "srv0")
	addAddress(t, other.server, other.srv0, address)
	awaitSender(t, other.server, other.srv0)
	return other
}

func awaitSender(t *testing.T, n *link.Namespace, l netlink.Link) {
	t.Helper()
	if _, err := awaitLinkLocal(withBudget(t), n, l); err != nil {
		t.Fatal(err)
	}
}

// up sets a link up, on which there is no duplicate address detection.
func up(t *testing.T, n *link.Namespace, l netlink.Link) {
	t.Helper()
	setSysctl(t, n, "net/ipv6/conf/"+l.Attrs().Name+"/accept_dad", "0")
	if err := n.LinkSetUp(l); err != nil {
		t.Fatal(err)
	}
}

func setSysctl(t *testing.T, n *link.Namespace, key, value string) {
	t.Helper()
	err := n.Do(func() error {
		_, err := sysctl.Sysctl(key, value)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newNamespace(t *testing.T) *link.Namespace {
	t.Helper()
	temp, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	n, err := link.At(temp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func addAddress(t *testing.T, n *link.Namespace, l netlink.Link, address string) {
	t.Helper()
	ip, subnet, err := net.ParseCIDR(address)
	if err != nil {
		t.Fatal(err)
	}
	subnet.IP = ip
	if err := n.AddrAdd(l, &netlink.Addr{IPNet: subnet, Flags: unix.IFA_F_NODAD}); err != nil {
		t.Fatal(err)
	}
}

func withBudget(t *testing.T) context.Context {
	t.Helper()
	return within(t, budget)
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// A server is a process in the servers' namespace.
type server struct {
	command *exec.Cmd
	leases  string
	log     strings.Builder
	// ended is closed when the process has said its last.
	ended chan struct{}
}

// start starts a program and waits until it says that it is ready.
func (n *network) start(t *testing.T, ready string, command *exec.Cmd) *server {
	t.Helper()
	s := &server{command: command, ended: make(chan struct{})}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = command.Stdout
	if err := n.server.Do(command.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	isReady := make(chan struct{}, 1)
	go func() {
		defer close(s.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.log.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), ready) {
				isReady <- struct{}{}
			}
		}
	}()
	select {
	case <-isReady:
		return s
	case <-s.ended:
	case <-time.After(budget):
	}
	t.Fatalf("%s is not ready:\n%s", command.Path, s.stop())
	return nil
}

// stop ends the server at once and returns what it said.
func (s *server) stop() string {
	s.command.Process.Kill()
	<-s.ended
	s.command.Wait()
	return s.log.String()
}

// readLeases returns the server's lease file.
func (s *server) readLeases(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(s.leases)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// dnsmasq starts dnsmasq with more arguments.
func (n *network) dnsmasq(t *testing.T, arguments ...string) *server {
	t.Helper()
	leases := filepath.Join(t.TempDir(), "leases")
	command := exec.Command("dnsmasq", append([]string{
		"--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--group=root",
		"--interface=srv0", "--bind-interfaces", "--log-dhcp", "--log-facility=-",
		"--dhcp-leasefile=" + leases,
	}, arguments...)...)
	s := n.start(t, "started, version", command)
	s.leases = leases
	return s
}

// A keaServer is what differs between Kea servers of these tests.
type keaServer struct {
	id         string
	subnet     string
	pool       string
	rapid      bool
	preference int
	valid      int
	renew      int
	rebind     int
	leases     string
}

// kea starts Kea's DHCPv6 server.
func (n *network) kea(t *testing.T, k keaServer) *server {
	t.Helper()
	directory := t.TempDir()
	if k.leases == "" {
		k.leases = filepath.Join(directory, "leases")
	}
	type object = map[string]any
	options := []object{
		{"name": "dns-servers", "data": "2001:db8::53, 2001:db8::54"},
		{"name": "domain-search", "data": "example.test, sub.example.test"},
	}
	if k.preference > 0 {
		options = append(options, object{"name": "preference", "data": strconv.Itoa(k.preference), "always-send": true})
	}
	config := object{"Dhcp6": object{
		"interfaces-config": object{"interfaces": []string{"srv0"}},
		"server-id":         object{"type": "EN", "enterprise-id": 1, "identifier": k.id, "persist": false},
		"lease-database":    object{"type": "memfile", "persist": true, "name": k.leases, "lfc-interval": 0},
		"valid-lifetime":    k.valid, "preferred-lifetime": k.valid,
		"renew-timer": k.renew, "rebind-timer": k.rebind,
		"option-data": options,
		"subnet6": []object{{
			"subnet": k.subnet, "interface": "srv0", "rapid-commit": k.rapid,
			"pools": []object{{"pool": k.pool}},
		}},
		"loggers": []object{{"name": "kea-dhcp6", "severity": "DEBUG", "debuglevel": 40, "output_options": []object{{"output": "stdout"}}}},
	}}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(directory, "kea.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("kea-dhcp6", "-c", file)
	command.Env = append(os.Environ(), "KEA_LOCKFILE_DIR="+directory, "KEA_PIDFILE_DIR="+directory)
	s := n.start(t, "DHCP6_STARTED", command)
	s.leases = k.leases
	return s
}
