package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// doctor runs the command and returns what it has found but what is all right: "verdict check:
// text". Its exit status has to tell of faults.
func (f *forgetful) doctor(t *testing.T, args ...string) []string {
	t.Helper()
	args = append([]string{"-c", `"$@" 2>&1 || echo "status $?"`, "sh", f.bundle, "doctor", "--json", "--timeout", "1m",
		"--netns", "/run/netns", "--conf-dir", f.confs, "--bin-dir", f.bin}, args...)
	out, said, _ := strings.Cut(f.Exec(t, "sh", args...), "\n")
	var all []struct{ Check, Verdict, Text, Advice string }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, said)
	}
	var found []string
	faulty := false
	for _, x := range all {
		if x.Verdict == "ok" {
			continue
		}
		found = append(found, fmt.Sprintf("%s %s: %s", x.Verdict, x.Check, x.Text))
		faulty = faulty || x.Verdict == "fault"
	}
	if faulty != strings.HasSuffix(said, "status 1\n") {
		t.Errorf("faults %v, but: %q", faulty, said)
	}
	return found
}

// ails expects findings that begin with these texts, and no others.
func (f *forgetful) ails(t *testing.T, when string, want []string, args ...string) {
	t.Helper()
	found := f.doctor(t, args...)
	if !slices.EqualFunc(found, want, strings.HasPrefix) {
		t.Errorf("%s (-want +got):\n%s", when, cmp.Diff(want, found))
	}
}

// fallIll does to a node with a crowd what others do, and finds each of it, and nothing else,
// before and after it is mended.
func (f *forgetful) fallIll(t *testing.T, left string) {
	t.Helper()
	f.ails(t, "at first", []string{left})
	small := f.network(t, "small.conflist", `{"cniVersion": "1.1.0", "name": "small", "plugins": [
		{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.90.0.0/30"}}]}`)
	f.add(t, small, f.Container(t, "only"), 9000)
	f.Exec(t, "sh", "-ec", `
		for table in masquerade portmap firewall; do nft delete table inet cni_plugins_$table; done
		iptables-legacy -A INPUT -s 198.51.100.1 -j ACCEPT
		iptables-nft -A INPUT -s 198.51.100.1 -j ACCEPT
		nft add rule ip filter INPUT ct mark 5 accept`)
	exhausted := "fault pools: network small: of 1 addresses of 10.90.0."
	mixed := []string{"warning iptables variants: legacy has rules in filter, and nf_tables in filter", "warning foreign rules: iptables-nft cannot read table filter"}
	ill := append(slices.Clone(mixed), exhausted, left)
	f.ails(t, "of an ill node", append(ill,
		"fault CHECK: bridge: of attachments: 40, which are not as they were added, such as one/c10/eth0: ",
		"fault CHECK: firewall: of attachments: 40, which are not as they were added, such as one/c10/eth0: ",
		"fault CHECK: portmap: of attachments: 40, which are not as they were added, such as one/c10/eth0: "))
	if said := f.Exec(t, f.bundle, "repair"); !strings.HasPrefix(said, "restored rules: ") || !strings.HasSuffix(said, ", of attachments: 40\n") {
		t.Errorf("repair: %s", said)
	}
	f.ails(t, "after repair", ill)
	if said := f.Exec(t, f.bundle, "repair"); said != nothingMissing {
		t.Errorf("repair of what is there: %s", said)
	}
	f.Exec(t, "sh", "-ec", "iptables-legacy -F INPUT; nft flush chain ip filter INPUT; rm "+filepath.Join(f.confs, "small.conflist"))
	f.ails(t, "after all but gc", []string{left})
}

// What ails one container is found by its CHECK, and by trying what is near it.
func TestDoctorOfContainer(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	one := f.chained(t, "1.1.0", "one", 1)
	c := f.Container(t, "c")
	f.add(t, one, c, 8080)
	f.Exec(t, "sh", "-ec", "echo nameserver 10.88.1.1 >/run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf")
	f.Start(t, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--listen-address=10.88.1.1", "--bind-interfaces", "--pid-file=")
	f.Exec(t, "timeout", "5", "sh", "-c", "until ss -lun | grep -q ':53 '; do sleep 0.02; done")
	f.ails(t, "where nobody listens", []string{"warning published ports: one/c/eth0: nobody listens behind 10.88.1.1:8080"}, "c")
	serve(t, c)
	f.ails(t, "of a healthy container", nil, "c")
	f.Exec(t, "sh", "-ec", `sed -i 's/"netns":"[^"]*",//; /"netns"/q1' /var/lib/cni/results/*`)
	f.ails(t, "of one that libcni before 1.2.1 keeps, without its namespace", nil, "c")
	f.Exec(t, "sh", "-ec", "ip link set br1 down; sysctl -qw net.ipv4.ip_forward=0; printf x >"+filepath.Join(f.confs, "50-x.conf")+"")
	f.ails(t, "of an ill container", []string{
		"fault configuration: " + filepath.Join(f.confs, "50-x.conf") + ": this is no JSON: invalid character 'x'",
		"fault forwarding: IPv4 is not forwarded",
		"fault CHECK: bridge: of attachments: 1, which are not as they were added, such as one/c/eth0: interface br1 is down",
		"fault gateway: one/c/eth0: 10.88.1.1 does not answer: ",
		"fault DNS: one/c/eth0: 10.88.1.1, of the host's /etc/resolv.conf does not answer: ",
		"fault published ports: one/c/eth0: 10.88.1.1:8080 does not answer: ",
	}, "c")
	f.Exec(t, "sh", "-ec", "ip link set br1 up; sysctl -qw net.ipv4.ip_forward=1; rm "+filepath.Join(f.confs, "50-x.conf"))
	c.Exec(t, "ip", "link", "del", "eth0")
	without := []string{"fault CHECK: interface: of attachments: 1, which are not as they were added, such as one/c/eth0: it is not in the namespace"}
	f.ails(t, "of containers of which one has lost its interface", without)
	if out, err := f.Try(f.bundle, "doctor", "--netns", "/run/netns", "nobody"); err == nil || !strings.Contains(err.Error(), `no container "nobody" has anything here`) {
		t.Errorf("of nobody: %v, %s", err, out)
	}
}

// What gc cannot find by the configurations that there are, as the network has another IPAM plugin or
// is gone, is not promised of it.
func TestDoctorOfFormerConfiguration(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	const conf = `{"cniVersion": "1.1.0", "name": "one", "plugins": [{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.90.0.0/24"}}]}`
	c := f.Container(t, "c")
	f.add(t, f.network(t, "one.conflist", conf), c, 8080)
	c.Remove(t)
	f.Exec(t, "sh", "-ec", "rm -r /var/lib/cni/results; timeout 5 sh -c 'while ip -br link | grep -q veth; do sleep 0.02; done'")
	for _, test := range []struct{ conf, want string }{
		{conf, `"cni-plugins gc --idle, `},
		{strings.Replace(conf, "host-local", "dhcp", 1), `"with host-local in the configuration of the network again, `},
		{strings.Replace(conf, `"one"`, `"two"`, 1), `"with a configuration of the network again, `},
	} {
		f.network(t, "one.conflist", test.conf)
		found := f.Exec(t, "sh", "-c", `"$@" || true`, "sh", f.bundle, "doctor", "--json", "--conf-dir", f.confs, "--bin-dir", f.bin, "--netns", "/run/netns")
		if !strings.Contains(found, `nobody owns what is there of: 1 attachments: one/c/eth0","advice":`+test.want) {
			t.Errorf("%s:\nwant %s in\n%s", test.conf, test.want, found)
		}
	}
}

// serve listens on port 80 of a container.
func serve(t *testing.T, c *node.Container) {
	t.Helper()
	c.Start(t, "iperf3", "-s", "-p", "80")
	c.Exec(t, "timeout", "5", "sh", "-c", "until ss -ltn | grep -q ':80 '; do sleep 0.02; done")
}
