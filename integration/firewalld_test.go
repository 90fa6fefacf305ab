package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// daemon starts a program on the node that ends, with its children, with the test.
func daemon(t testing.TB, n *node.Node, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, output.Bytes())
		}
	})
}

// until waits until the command succeeds on the node.
func until(t testing.TB, n *node.Node, command string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); n.Exec(t, "sh", "-c", command+" >/dev/null 2>&1 && echo yes || true") == ""; {
		if time.Now().After(end) {
			t.Fatalf("%s never succeeds", command)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// systemBus starts a system bus on the node.
func systemBus(t testing.TB, n *node.Node) {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skipf("dbus is not installed: %v", err)
	}
	n.Exec(t, "sh", "-ec", `mkdir /run/dbus; cat >/run/dbus/conf <<-E
		<busconfig>
		<type>system</type>
		<listen>unix:path=/run/dbus/system_bus_socket</listen>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/><allow receive_type="*"/></policy>
		</busconfig>
		E`)
	daemon(t, n, "dbus-daemon", "--config-file=/run/dbus/conf", "--nofork", "--nopidfile")
	until(t, n, "grep ' 00010000 .* /run/dbus/system_bus_socket$' /proc/net/unix") // __SO_ACCEPTCON: it listens
}

// fakeZones stands for firewalld's interface. It knows one zone of each source.
type fakeZones struct {
	sync.Mutex
	node  *node.Node
	zones map[string]string
	calls []string
	// turn is taken by the call that is answered: like firewalld, it does one after
	// the other, as they come.
	turn chan struct{}
	// refusal is the answer to who wants to change something, if it is not nil.
	refusal *dbus.Error
}

// refuse sets the refusal.
func (f *fakeZones) refuse(answer *dbus.Error) {
	f.Lock()
	defer f.Unlock()
	f.refusal = answer
}

// next lets a message in when the call before it has been answered.
func (f *fakeZones) next(m *dbus.Message) {
	if m.Type == dbus.TypeMethodCall {
		f.turn <- struct{}{}
	}
}

// keep writes the zones down on the node, so that they are part of its state.
func (f *fakeZones) keep() *dbus.Error {
	err := f.node.Do(func() error {
		text, err := json.Marshal(f.zones)
		if err != nil {
			return err
		}
		return os.WriteFile("/run/dbus/zones", text, 0o644)
	})
	if err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

func (f *fakeZones) called(method, zone, source string) func() {
	f.Lock()
	f.calls = append(f.calls, strings.Join([]string{method, zone, source}, " "))
	return func() {
		f.Unlock()
		<-f.turn
	}
}

func exception(text string) *dbus.Error {
	return dbus.NewError("org.fedoraproject.FirewallD1.Exception", []any{text})
}

func (f *fakeZones) AddSource(zone, source string) (string, *dbus.Error) {
	defer f.called("addSource", zone, source)()
	if f.refusal != nil {
		return "", f.refusal
	}
	if f.zones[source] != "" {
		return "", exception("ZONE_ALREADY_SET: " + source) // releases differ in whether that is about other zones too
	}
	f.zones[source] = zone
	return zone, f.keep()
}

func (f *fakeZones) RemoveSource(zone, source string) (string, *dbus.Error) {
	defer f.called("removeSource", zone, source)()
	if f.refusal != nil {
		return "", f.refusal
	}
	switch f.zones[source] {
	case "":
		return "", exception("UNKNOWN_SOURCE: " + source)
	case zone:
		delete(f.zones, source)
		return zone, f.keep()
	}
	return "", exception("ZONE_CONFLICT: " + source)
}

func (f *fakeZones) QuerySource(zone, source string) (bool, *dbus.Error) {
	defer f.called("querySource", zone, source)()
	return f.zones[source] == zone, nil
}

// seen returns the calls since it was last called.
func (f *fakeZones) seen() []string {
	f.Lock()
	defer f.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// left returns the zone of each source.
func (f *fakeZones) left() map[string]string {
	f.Lock()
	defer f.Unlock()
	return maps.Clone(f.zones)
}

// fakeFirewalld puts a firewalld on the node's bus, with sources in zones.
func fakeFirewalld(t testing.TB, n *node.Node, zones map[string]string) *fakeZones {
	t.Helper()
	systemBus(t, n)
	f := &fakeZones{node: n, zones: zones, turn: make(chan struct{}, 1)}
	if err := f.keep(); err != nil {
		t.Fatal(err)
	}
	err := n.Do(func() error {
		conn, err := dbus.Connect("unix:path=/run/dbus/system_bus_socket", dbus.WithIncomingInterceptor(f.next))
		if err != nil {
			return err
		}
		t.Cleanup(func() { conn.Close() })
		methods := map[string]string{"AddSource": "addSource", "RemoveSource": "removeSource", "QuerySource": "querySource"}
		if err := conn.ExportWithMap(f, methods, "/org/fedoraproject/FirewallD1", "org.fedoraproject.FirewallD1.zone"); err != nil {
			return err
		}
		_, err = conn.RequestName("org.fedoraproject.FirewallD1", 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What firewalld is asked for, also if it was not configured but runs.
func TestFirewalldCalls(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"firewalld", ""} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			f := fakeFirewalld(t, n, map[string]string{})
			call := firewallCall("c", backendKey(backend), "10.0.0.2/24", "fd00::2/64")
			second := firewallCall("second", backendKey(backend), "10.0.0.2/24")
			for _, step := range []struct {
				command string
				call    node.Call
				want    []string
			}{
				{"STATUS", call, nil},
				{"DEL", call, []string{"removeSource trusted 10.0.0.2/32", "removeSource trusted fd00::2/128"}},
				{"ADD", call, []string{"addSource trusted 10.0.0.2/32", "addSource trusted fd00::2/128"}},
				{"CHECK", call, []string{"querySource trusted 10.0.0.2/32", "querySource trusted fd00::2/128"}},
				{"ADD", second, []string{"addSource trusted 10.0.0.2/32", "querySource trusted 10.0.0.2/32"}},
				{"DEL", call.With("prevResult", nil), []string{"removeSource trusted fd00::2/128"}},
				{"DEL", call, []string{"removeSource trusted fd00::2/128"}},
				{"DEL", second.With("firewalldZone", []byte(`"work"`)), []string{"removeSource trusted 10.0.0.2/32"}},
			} {
				n.Must(t, step.command, step.call)
				if diff := cmp.Diff(step.want, f.seen()); diff != "" {
					t.Errorf("%s of %s (-want +got):\n%s", step.command, step.call.ContainerID, diff)
				}
			}
			if left := f.left(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A source that is in another zone is no success, and stays there.
func TestFirewalldOtherZone(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	f := fakeFirewalld(t, n, map[string]string{"10.0.0.3/32": "drop"})
	call := firewallCall("c", backendKey("firewalld"), "10.0.0.2/24", "10.0.0.3/24")
	n.Must(t, "DEL", call)
	before := n.State(t)
	err := n.Run(t, "ADD", call).Err()
	if want := "failed to add the address 10.0.0.3/32 to trusted zone: ZONE_ALREADY_SET: 10.0.0.3/32"; err == nil || err.Error() != want {
		t.Errorf("ADD: got %v, want %s", err, want)
	}
	if diff := cmp.Diff(map[string]string{"10.0.0.3/32": "drop"}, f.left()); diff != "" {
		t.Errorf("after the failure (-want +got):\n%s", diff)
	}
	if diff := hoststate.Diff(before, n.State(t)); diff != "" {
		t.Errorf("after the failure:\n%s", diff)
	}
	err = n.Run(t, "CHECK", call).Err()
	if want := "failed to find the address 10.0.0.2/32 in trusted zone; failed to find the address 10.0.0.3/32 in trusted zone"; err == nil || err.Error() != want {
		t.Errorf("CHECK: got %v, want %s", err, want)
	}
}

// realFirewalld starts firewalld on the node.
func realFirewalld(t *testing.T, n *node.Node) {
	t.Helper()
	if _, err := exec.LookPath("firewalld"); err != nil {
		t.Skipf("firewalld is not installed: %v", err)
	}
	systemBus(t, n)
	// What it writes is for this node only.
	n.Exec(t, "sh", "-ec", "mkdir /run/firewalld-etc; cp -a /etc/firewalld/. /run/firewalld-etc; mount --bind /run/firewalld-etc /etc/firewalld; mkdir -p /run/log; mount --bind /run/log /var/log")
	daemon(t, n, "firewalld", "--nofork", "--nopid")
	until(t, n, "firewall-cmd --state")
}

// firewalld itself, with its own configuration.
func TestFirewalldReal(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	realFirewalld(t, n)
	sources := func() []string {
		list := strings.Fields(n.Exec(t, "firewall-cmd", "--zone=trusted", "--list-sources"))
		slices.Sort(list)
		return list
	}
	call := firewallCall("c", `"ingressPolicy": "same-bridge"`, "10.50.0.2/16", "fd00::2/64")
	n.Must(t, "STATUS", call)
	for range 2 {
		n.Must(t, "ADD", call)
		if diff := cmp.Diff([]string{"10.50.0.2/32", "fd00::2/128"}, sources()); diff != "" {
			t.Errorf("after ADD (-want +got):\n%s", diff)
		}
		n.Must(t, "CHECK", call)
	}
	// firewall-cmd waits for an answer no longer than 25 seconds.
	until(t, n, "firewall-cmd --reload || firewall-cmd --state && ! firewall-cmd --zone=trusted --query-source=fd00::2/128")
	if err := n.Run(t, "CHECK", call).Err(); err == nil || !strings.Contains(fmt.Sprint(err), "failed to find the address fd00::2/128 in trusted zone") {
		t.Errorf("CHECK after a reload: %v", err)
	}
	for range 2 {
		repair(t, n, "firewall")
		n.Must(t, "CHECK", call)
	}
	watch := unitCommands(t, "cni-repair-firewalld.service", "ExecStart")[0]
	watch = strings.Replace(watch, "systemctl restart cni-repair.service", pluginPath(t, "firewall")+" repair", 1)
	daemon(t, n, "sh", "-c", watch)
	// A reload before it listens is one too early.
	until(t, n, "firewall-cmd --zone=trusted --query-source=fd00::2/128 || { firewall-cmd --reload; sleep 1; false; }")
	n.Must(t, "CHECK", call)
	for range 2 {
		n.Must(t, "DEL", call)
		if left := sources(); len(left) > 0 {
			t.Errorf("after DEL: %v", left)
		}
	}
	taken := firewallCall("taken", backendKey("firewalld"), "10.50.0.9/16")
	n.Exec(t, "firewall-cmd", "--zone=drop", "--add-source=10.50.0.9/32")
	if err := n.Run(t, "ADD", taken).Err(); err == nil || !strings.Contains(err.Error(), "ZONE_CONFLICT") {
		t.Errorf("ADD of another zone's source: %v", err)
	}
	n.Must(t, "DEL", taken)
	n.Exec(t, "firewall-cmd", "--zone=drop", "--remove-source=10.50.0.9/32")
}

// withUID returns the call as one by a user, who has some capabilities.
func withUID(t *testing.T, call node.Call, capabilities string) node.Call {
	t.Helper()
	return wrapped(t, call, "setpriv --reuid=65534 --clear-groups --inh-caps=-all,"+capabilities+" --ambient-caps=-all,"+capabilities)
}

// A bus that lets everybody connect, and then says nothing, is waited for no longer than firewalld. What an ADD
// may have done there is known until a DEL has seen to it.
func TestFirewalldSilentBus(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	var bus net.Listener
	err := n.Do(func() (err error) {
		if err := os.Mkdir("/run/dbus", 0o755); err != nil {
			return err
		}
		bus, err = net.Listen("unix", "/run/dbus/system_bus_socket")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	call, late := firewallCall("c", backendKey("firewalld"), "10.0.0.2/24"), "connect to the system bus: context deadline exceeded"
	t.Run("calls", func(t *testing.T) {
		for _, verb := range []string{"STATUS", "ADD"} {
			t.Run(verb, func(t *testing.T) {
				t.Parallel()
				if err := n.Run(t, verb, call).Err(); err == nil || !strings.HasSuffix(err.Error(), late) {
					t.Errorf("got %v, want %s", err, late)
				}
			})
		}
	})
	bus.Close()
	n.Must(t, "DEL", call)
	if left := n.Exec(t, "find", "/run/cni/firewall/claims", "/run/cni/firewall/attachments", "-mindepth", "1"); left != "" {
		t.Errorf("left:\n%s", left)
	}
}

// A user whom firewalld does not let change anything has an ADD that says so, and a
// DEL that removes the rest and tells what it could not.
func TestFirewalldRefuses(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	realFirewalld(t, n)
	root := firewallCall("c", `"ingressPolicy": "same-bridge"`, "10.50.0.2/16", "fd00::2/64")
	n.Must(t, "ADD", root)
	n.Must(t, "DEL", root)
	before := n.State(t)
	user := withUID(t, root, "+net_admin,+net_raw,+dac_override")
	err := n.Run(t, "ADD", user).Err()
	if want := "failed to add the address 10.50.0.2/32 to trusted zone: "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "Not Authorized") {
		t.Errorf("ADD: got %v", err)
	}
	if diff := hoststate.Diff(before, n.State(t)); diff != "" {
		t.Errorf("after the failure:\n%s", diff)
	}
	n.Must(t, "DEL", user)

	n.Must(t, "ADD", root)
	out := n.Run(t, "DEL", user)
	if err := out.Err(); err != nil {
		t.Errorf("DEL: %v", err)
	}
	told := strings.Split(strings.TrimSpace(string(out.Stderr)), "\n")
	for i, address := range []string{"10.50.0.2/32", "fd00::2/128"} {
		want := "not permitted: remove the address " + address + " from trusted zone: "
		if len(told) != 2 || !strings.HasPrefix(told[i], want) {
			t.Errorf("DEL tells %q, want a line that begins with %q", told, want)
		}
	}
	n.Exec(t, "sh", "-ec", "for s in 10.50.0.2/32 fd00::2/128; do firewall-cmd --zone=trusted --query-source=$s; firewall-cmd --zone=trusted --remove-source=$s; done")
	if diff := hoststate.Diff(before, n.State(t)); diff != "" {
		t.Errorf("after DEL, but for the sources:\n%s", diff)
	}
}

// Who may ask, though, learns that there is nothing to remove. What is no refusal makes
// DEL fail.
func TestFirewalldRefusesChanges(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	f := fakeFirewalld(t, n, map[string]string{})
	call := firewallCall("c", backendKey("firewalld"), "10.0.0.2/24", "fd00::2/64")
	n.Must(t, "ADD", call)
	f.refuse(dbus.NewError("org.fedoraproject.FirewallD1.NotAuthorizedException", []any{"Not Authorized(uid): org.fedoraproject.FirewallD1.config"}))
	never := firewallCall("never", backendKey("firewalld"), "10.0.0.3/24")
	if err := n.Run(t, "ADD", never).Err(); err == nil || !strings.Contains(err.Error(), "Not Authorized(uid)") {
		t.Errorf("ADD: got %v", err)
	}
	for _, silent := range []node.Call{never, firewallCall("other", backendKey("firewalld"), "10.0.0.4/24")} {
		if out := n.Run(t, "DEL", silent); out.Err() != nil || len(out.Stderr) > 0 {
			t.Errorf("DEL of %s: %v, stderr %q", silent.ContainerID, out.Err(), out.Stderr)
		}
	}
	f.refuse(dbus.NewError("org.fedoraproject.FirewallD1.Exception", []any{"INTERNAL"}))
	if err := n.Run(t, "DEL", call).Err(); err == nil || !strings.Contains(err.Error(), "INTERNAL") {
		t.Errorf("DEL with another error: %v", err)
	}
	f.refuse(dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", nil))
	if out := n.Run(t, "DEL", call); out.Err() != nil || strings.Count(string(out.Stderr), "\n") != 2 {
		t.Errorf("DEL: %v, stderr %q", out.Err(), out.Stderr)
	}
	if out := n.Run(t, "DEL", call.With("prevResult", nil)); out.Err() != nil || len(out.Stderr) > 0 {
		t.Errorf("DEL again: %v, stderr %q", out.Err(), out.Stderr)
	}
}

// A firewalld that has gone is told about, and the rest repaired.
func TestRepairWithoutFirewalld(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	fakeFirewalld(t, n, map[string]string{})
	call := firewallCall("c", backendKey("nftables"), "10.50.0.2/16")
	n.Must(t, "ADD", call)
	n.Must(t, "ADD", firewallCall("gone", backendKey("firewalld"), "10.50.0.3/16"))
	n.Exec(t, "sh", "-ec", "nft flush ruleset; mv /run/dbus /run/gone")
	out, err := n.Try(pluginPath(t, "firewall"), "repair")
	if want := "firewalld, for interface eth0 of container gone in network net: firewalld does not run"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, %s, want %s", err, out, want)
	}
	n.Must(t, "CHECK", call)
}
