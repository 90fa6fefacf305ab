package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown is an attachment as `cni-plugins show --json` prints it.
type shown struct {
	Network, ContainerID, IfName, State string
	Holdings                            []struct{ Kind, What string }
}

// kinds are those of what the attachment has.
func (s shown) kinds() string {
	var kinds []string
	for _, h := range s.Holdings {
		kinds = append(kinds, h.Kind)
	}
	slices.Sort(kinds)
	return strings.Join(slices.Compact(kinds), ", ")
}

// show runs the command, and returns its lines by network and container: what has become of
// the attachment and what it has.
func (f *forgetful) show(t *testing.T, args ...string) map[string]string {
	t.Helper()
	out := f.Exec(t, f.bundle, append([]string{"show", "--json", "--netns", "/run/netns"}, args...)...)
	var all []shown
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := map[string]string{}
	for _, s := range all {
		name := fmt.Sprintf("%s/%s/%s", s.Network, s.ContainerID, s.IfName)
		if lines[name] != "" {
			t.Errorf("%s is there twice", name)
		}
		lines[name] = s.State + ": " + s.kinds()
	}
	return lines
}

// On a node where containers have vanished and others have done harm, what is wrong is found,
// and each thing is shown once, with its owner and what has become of that.
func TestShow(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	want := f.crowd(t, 50, 10)
	f.settle(t, 40)
	if diff := cmp.Diff(want, f.show(t)); diff != "" {
		t.Errorf("show at first (-want +got):\n%s", diff)
	}
	f.fallIll(t, "warning leftovers: containers are gone without a DEL: 10 attachments: one/c00/eth0, one/c01/eth0, one/c02/eth0, one/c03/eth0, one/c04/eth0, and 5 more")
	for name, line := range want { // repair has buried the dead
		if line == leftOver {
			want[name] = buried
		}
	}
	want["small/only/eth0"] = "alive: addresses, interface, lease"
	plain := f.plain(t)
	// A lease of which nothing else is left, and one whose container is not known but lives.
	for _, id := range []string{"lost", "secret"} {
		c := f.Container(t, id)
		f.Exec(t, "rm", f.add(t, plain, c, 9000).path())
		if id == "lost" {
			c.Remove(t)
		}
	}
	want["plain/lost/eth0"], want["plain/secret/eth0"] = "unowned: lease", "alive: interface, lease"
	f.settle(t, 42)
	full := f.State(t)
	if diff := cmp.Diff(want, f.show(t)); diff != "" {
		t.Errorf("show (-want +got):\n%s", diff)
	}
	f.same(t, "after show", full)
	if diff := cmp.Diff(map[string]string{"plain/lost/eth0": "unowned: lease", "plain/secret/eth0": "alive: interface, lease"}, f.show(t, "plain")); diff != "" {
		t.Errorf("show of a network (-want +got):\n%s", diff)
	}
	if got := f.show(t, "c01"); len(got) != 1 {
		t.Errorf("show of a container: %v", got)
	}
	out := f.Exec(t, f.bundle, "show", "c01", "--netns", "/run/netns")
	if lines := strings.Split(out, "\n"); strings.Join(strings.Fields(lines[0]), " ") != "STATE NETWORK CONTAINER INTERFACE HAS" ||
		strings.Join(strings.Fields(lines[1]), " ") != "gone one c01 eth0 addresses 10.88.1.3" || strings.Contains(out, "\x1b") {
		t.Errorf("table:\n%s", out)
	}
	if out, err := f.Try(f.bundle, "show", "nobody"); err == nil || !strings.Contains(err.Error(), `no container or network "nobody" has anything here`) {
		t.Errorf("show of nobody: %v, %s", err, out)
	}
	if _, err := f.collect(t); err != nil {
		t.Error(err)
	}
	for name, line := range want {
		if line == buried {
			delete(want, name)
		}
	}
	if diff := cmp.Diff(want, f.show(t)); diff != "" {
		t.Errorf("show after gc (-want +got):\n%s", diff)
	}
}

// What containernetworking/plugins has made is found by its names, and by addresses.
func TestShowUpstreams(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	f.upstreams = true
	l := f.network(t, "net.conflist", `{"cniVersion": "1.0.0", "name": "net", "plugins": [
		{"type": "bridge", "bridge": "br1", "isGateway": true, "ipMasq": true,
		 "ipam": {"type": "host-local", "subnet": "10.88.1.0/24", "routes": [{"dst": "0.0.0.0/0"}]}},
		{"type": "portmap", "capabilities": {"portMappings": true}},
		{"type": "firewall", "backend": "iptables"},
		{"type": "tuning", "mtu": 1400},
		{"type": "bandwidth", "ingressRate": 1000000, "ingressBurst": 1000000, "egressRate": 1000000, "egressBurst": 1000000}]}`)
	const left = "addresses, firewall, lease, masquerade, ports, settings to put back, shaping"
	kept, gone, lost := f.Container(t, "kept"), f.Container(t, "gone"), f.Container(t, "lost")
	f.addAs(t, l, kept, "net_1", 8080)
	f.add(t, l, gone, 8081)
	f.add(t, l, lost, 8082)
	gone.Remove(t)
	lost.Remove(t)
	f.settle(t, 1)
	f.Exec(t, "rm", "/var/lib/cni/results/net-lost-eth0")
	want := map[string]string{
		"net/kept/net_1": "alive: " + strings.Replace(left, "lease", "interface, lease", 1),
		"net/gone/eth0":  "gone: " + left,
		"net/lost/eth0":  "unowned: firewall, lease, masquerade, ports, settings to put back",
		"//":             "unowned: shaping",
	}
	if diff := cmp.Diff(want, f.show(t)); diff != "" {
		t.Errorf("show (-want +got):\n%s", diff)
	}
}

// What the attachments of a crowd have.
const (
	living   = "alive: addresses, firewall, interface, lease, masquerade, ports, record"
	leftOver = "gone: addresses, firewall, lease, masquerade, ports, record"
	buried   = "gone: addresses, lease"
)

// crowd adds containers to a network with all kinds of state, the first of which vanish. It
// returns what show says of them.
func (f *forgetful) crowd(t *testing.T, all, vanish int) map[string]string {
	t.Helper()
	one := f.chained(t, "1.0.0", "one", 1)
	shown := map[string]string{}
	for i := range all {
		c := f.Container(t, fmt.Sprintf("c%02d", i))
		f.add(t, one, c, 8000+i)
		name := "one/" + filepath.Base(c.Path) + "/eth0"
		shown[name] = living
		if i < vanish {
			c.Remove(t)
			shown[name] = leftOver
		}
	}
	return shown
}

// settle waits until the kernel has removed the interfaces of namespaces that are gone: as
// many are left as containers.
func (f *forgetful) settle(t *testing.T, containers int) {
	t.Helper()
	f.Exec(t, "timeout", "20", "sh", "-c", `until [ "$(ip -br link show type veth | wc -l)" = "$0" ]; do sleep 0.02; done`, fmt.Sprint(containers))
}
