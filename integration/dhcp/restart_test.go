package dhcp_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// A daemon that was killed takes its leases up again, asks the server whether they
// hold, and forgets those of namespaces that are gone.
func TestKilledDaemon(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, s.Range(50, 60))
	daemon := dhcpnet.Daemon(t, n)
	kept, lost := plugged(t, n, s, "kept"), plugged(t, n, s, "lost")
	keptResult, keptCall := add(t, n, kept, call(kept, ""))
	lostCall := call(lost, "")
	lostCall.ContainerID = "lost"
	add(t, n, lost, lostCall)
	before := dhcpnet.Leases(t, n)

	daemon.Stop(syscall.SIGKILL)
	lost.Remove(t)
	n.Exec(t, "sh", "-ec", "test -S /run/cni/dhcp.sock; ls /var/lib/cni/dhcp; : >$(ls /var/lib/cni/dhcp/*.json | head -1).new")
	server.Await(t, "DHCPACK", 2, limit)
	daemon = dhcpnet.Daemon(t, n)
	daemon.Await(t, "container/net/eth0: lease confirmed", 1, limit)
	server.Await(t, "DHCPACK", 3, limit)
	leases := dhcpnet.Leases(t, n)
	if len(leases) != 1 || leases[0].ContainerID != "container" || leases[0].Address != keptResult.IPs[0].Address.String() {
		t.Errorf("leases %+v, before %+v", leases, before)
	}
	if !leases[0].Expiry.After(before[0].Expiry) {
		t.Errorf("lease expires at %v, before the restart at %v", leases[0].Expiry, before[0].Expiry)
	}
	n.Must(t, "CHECK", keptCall)
	// ADD again, as by a runtime that was killed as well, finds the lease.
	again, _ := allocate(t, n, keptCall)
	if again.IPs[0].Address.String() != keptResult.IPs[0].Address.String() {
		t.Errorf("ADD again gives %v", again.IPs[0].Address)
	}
	n.Must(t, "DEL", keptCall)
	n.Must(t, "DEL", lostCall)
	if files := strings.TrimSpace(n.Exec(t, "ls", "/var/lib/cni/dhcp")); files != "" {
		t.Errorf("files left: %s", files)
	}
	eventually(t, limit, func() string {
		if leases := s.LeaseFile(t); strings.Contains(leases, keptResult.IPs[0].Address.IP.String()) {
			return "the server has " + leases
		}
		return ""
	})
}

// A lease that the server does not confirm after a restart is taken off, and
// another one got.
func TestRefusedAfterRestart(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, s.Range(50, 50), "--dhcp-option=3,10.1.2.1")
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	daemon.Stop(syscall.SIGKILL)
	server.Stop(syscall.SIGKILL)
	s.Dnsmasq(t, s.Range(70, 70), "--dhcp-option=3,10.1.2.2", "--dhcp-authoritative")
	dhcpnet.Daemon(t, n)
	eventually(t, limit, func() string {
		got, routes := addresses(t, c), c.Exec(t, "ip", "route")
		if got != "10.1.2.70/24" || !strings.Contains(routes, "default via 10.1.2.2 ") {
			return fmt.Sprintf("addresses %s, routes\n%s", got, routes)
		}
		return ""
	})
	n.Must(t, "DEL", call)
}

// With the server gone as well, a lease holds until it expires.
func TestRestartWithoutServer(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, s.Range(50, 50), "--dhcp-option=3,10.1.2.1")
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	server.Stop(syscall.SIGKILL)
	daemon.Stop(syscall.SIGKILL)
	daemon = dhcpnet.Daemon(t, n, "-timeout", "1s")
	daemon.Await(t, "no DHCP server answered on eth0", 1, limit)
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
}

// A socket on which somebody listens stays his, and so does the file with his number. So do
// leases of daemons that listen elsewhere.
func TestTwoDaemons(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	first := dhcpnet.Daemon(t, n, "-pidfile", "/run/pid")
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	second := n.Start(t, filepath.Join(bin, "dhcp"), "daemon", "-pidfile", "/run/pid")
	second.Await(t, "Error getting listener: listen unix /run/cni/dhcp.sock: bind: address already in use", 1, limit)
	if status := second.Wait(); status != 1 {
		t.Errorf("exit status %d", status)
	}
	if got, want := n.Exec(t, "cat", "/run/pid"), fmt.Sprint(first.Pid()); got != want {
		t.Errorf("pidfile %q, want %q", got, want)
	}
	third := dhcpnet.Daemon(t, n, "-socketpath", "/run/other.sock")
	n.Must(t, "CHECK", call)
	third.Stop(syscall.SIGTERM)
	first.Stop(syscall.SIGTERM)
	if status := first.Wait(); status != 0 {
		t.Errorf("exit status %d after SIGTERM:\n%s", status, first.Output())
	}
	if left := n.Exec(t, "find", "/run", "-name", "*.sock"); left != "" {
		t.Errorf("sockets left: %s", left)
	}
	if s.LeaseFile(t) == "" {
		t.Error("the end of the daemon released the lease")
	}
}

// Paths are the host's for a daemon that sees it below a prefix.
func TestFlags(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	c := plugged(t, n, s, "c")
	n.Exec(t, "sh", "-ec", "mkdir /run/host; mount --rbind / /run/host")
	daemon := dhcpnet.Daemon(t, n, "-hostprefix", "/run/host", "-pidfile", "/run/pid")
	if got, want := n.Exec(t, "cat", "/run/pid"), fmt.Sprint(daemon.Pid()); got != want {
		t.Errorf("pidfile %q, want %q", got, want)
	}
	_, call := add(t, n, c, call(c, ""))
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
	daemon.Stop(syscall.SIGINT)
	n.Exec(t, "sh", "-ec", "test ! -e /run/pid; test ! -e /run/cni/dhcp.sock; umount -l /run/host")

	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	for flag, text := range map[string]string{
		"-pidfile=p":  `Error writing pidfile "p": path not absolute`,
		"-timeout=0s": "-timeout must be more than 0",
		"-bogus":      "flag provided but not defined: -bogus",
		"rest":        `unexpected argument "rest"`,
	} {
		p := n.Start(t, filepath.Join(bin, "dhcp"), "daemon", flag)
		p.Await(t, text, 1, limit)
		if p.Wait() == 0 {
			t.Errorf("%s: success", flag)
		}
	}
}

// A socket that the service manager made is used, and left alone.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	listening := dhcpnet.Activated(t, n, filepath.Join(bin, "dhcp"), "/run/activated.sock")
	conf := node.Call{Plugin: "dhcp", Config: `{"cniVersion": "1.1.0", "name": "net", "type": "any",
		"ipam": {"type": "dhcp", "daemonSocketPath": "/run/activated.sock"}}`}
	n.Must(t, "STATUS", conf)
	listening.Stop(syscall.SIGTERM)
	n.Exec(t, "test", "-S", "/run/activated.sock")
}
