package integration

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// A container with two interfaces in one network and one in another: after a downgrade
// upstream's DEL leaves nothing of their limits, which hold until then.
func TestDowngradeBandwidth(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]string{
		"both directions": `"runtimeConfig": {"bandwidth": {"ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 8000000, "egressBurst": 800000}}`,
		"egress":          `"egressRate": 8000000, "egressBurst": 800000`,
		"subnets":         `"egressRate": 8000000, "egressBurst": 800000, "shapedSubnets": ["10.1.0.0/16", "fd00::/8"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			before := n.Container(t, "before")
			l := &triple{Node: n, keys: keys}
			l.add(t, before)
			l.del(t, func(call node.Call) { n.Must(t, "DEL", call) })
			c := n.Container(t, "c")
			state := n.State(t)
			l.add(t, c)
			l.expect(t, "before", c, 3)
			for range 2 {
				downgrade(t, n, "bandwidth")
				l.expect(t, "after", c, 2)
			}
			for i := range l.calls {
				n.Must(t, "CHECK", l.calls[i][1])
			}
			l.del(t, func(call node.Call) { upstream(t, n, "DEL", call) })
			if diff := hoststate.Diff(state, n.State(t), node.Lasting(), late(), ofContainer()); diff != "" {
				t.Errorf("after upstream's DEL:\n%s", diff)
			}
		})
	}
}

// What an interface has that is gone is deleted.
func TestDowngradeBandwidthOfVanished(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	l := &triple{Node: n, keys: `"egressRate": 8000000, "egressBurst": 800000`}
	l.add(t, c)
	c.Remove(t)
	n.Exec(t, "sh", "-ec", "for end in $(ls /sys/class/net | grep ^veth); do ip link del $end || true; done")
	if said := downgrade(t, n, "bandwidth"); !strings.HasSuffix(said, " and removed: 3\n") {
		t.Error(said)
	}
	if devices := l.devices(t); len(devices) != 0 {
		t.Errorf("left: %q", devices)
	}
}

// One that fails or is killed at any step is completed by the next one, and the limit is
// there all the time.
func TestDowngradeBandwidthFaults(t *testing.T) {
	t.Parallel()
	for _, kind := range []faults.Kind{faults.Fail, faults.Kill} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			l := &triple{Node: n, keys: `"egressRate": 8000000, "egressBurst": 800000`}
			l.add(t, c)
			second := l.calls[1][1]
			count := faults.Walk(t, faults.Fault{Kind: kind}, func(f faults.Fault) *faults.Point {
				n.Must(t, "DEL", second)
				c.Exec(t, "sh", "-c", "tc qdisc del dev eth1 root 2>/dev/null || true")
				n.Must(t, "ADD", second)
				out, hit := n.Disturb(t, "", node.Call{Plugin: "bandwidth", Command: "downgrade"}, f)
				if kind == faults.Fail && out.Status != 0 && (out.Status.ExitStatus() != 1 || len(out.Stderr) == 0) {
					t.Errorf("%v at %v: status %v, %s", kind, hit, out.Status, out.Stderr)
				}
				for range 2 {
					if err := n.Run(t, "CHECK", second).Err(); err != nil {
						t.Errorf("after %v at %v: %v", kind, hit, err)
					}
					downgrade(t, n, "bandwidth")
				}
				if devices := l.devices(t); len(devices) != 2 {
					t.Errorf("after %v at %v: %q", kind, hit, devices)
				}
				if t.Failed() {
					t.FailNow()
				}
				return hit
			})
			t.Logf("%d faults", count)
		})
	}
}

// triple is a node with containers that have three limited interfaces.
type triple struct {
	*node.Node
	keys string
	// calls are the last container's: of bridge, and of bandwidth.
	calls [3][2]node.Call
}

// add attaches a container by ours.
func (l *triple) add(t *testing.T, c *node.Container) {
	t.Helper()
	for i, network := range []string{"a", "a", "b"} {
		call := func(plugin, keys string) node.Call {
			ours, _ := upstreams(t, node.Call{
				Plugin: plugin, ContainerID: "container", Netns: c.Path, IfName: fmt.Sprint("eth", i),
				Config: fmt.Sprintf(`{"cniVersion": %q, "name": %q, "type": %q, %s}`, latest, network, plugin, keys),
			})
			return ours
		}
		bridge := call("bridge", fmt.Sprintf(`"bridge": "br-%s", "isGateway": true, "ipam": {"type": "host-local", "subnet": "10.1.%d.0/24"}`, network, len(network)+i/2))
		shape := call("bandwidth", l.keys).With("prevResult", l.Must(t, "ADD", bridge))
		l.Must(t, "ADD", shape)
		l.calls[i] = [2]node.Call{bridge, shape}
	}
}

// del calls DEL of the last container's attachments.
func (l *triple) del(t *testing.T, del func(node.Call)) {
	t.Helper()
	for _, calls := range l.calls {
		del(calls[1])
		del(calls[0])
	}
}

// expect counts the devices, and has the container send through each interface: no faster
// than it may, and not much slower.
func (l *triple) expect(t *testing.T, when string, c *node.Container, devices int) {
	t.Helper()
	if have := l.devices(t); len(have) != devices {
		t.Errorf("%s: devices %q", when, have)
	}
	const rate, burst, size = 1_000_000, 100_000, 500_000 // bytes, in a second
	for i, address := range []string{"10.1.1.1", "10.1.1.1", "10.1.2.1"} {
		took := l.send(t, c, fmt.Sprint("eth", i), address, size)
		if least := time.Duration(size-burst) * time.Second / rate; took < least*9/10 || took > 10*least {
			t.Errorf("%s: %d bytes through eth%d take %v, at least %v", when, size, i, took, least)
		}
	}
}

// send returns how long a transfer through an interface takes.
func (l *triple) send(t *testing.T, c *node.Container, ifName, address string, size int) time.Duration {
	t.Helper()
	var listener net.Listener
	err := l.Do(func() (err error) { listener, err = net.Listen("tcp", address+":0"); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		var conn net.Conn
		err := c.Do(func() (err error) {
			dialer := net.Dialer{Control: through(ifName), Timeout: 10 * time.Second}
			conn, err = dialer.Dial("tcp", listener.Addr().String())
			return err
		})
		if err != nil {
			t.Error(err)
			listener.Close()
			return
		}
		conn.Write(make([]byte, size))
		conn.Close()
	}()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	start := time.Now()
	if got, err := io.Copy(io.Discard, conn); err != nil || got != int64(size) {
		t.Errorf("%d bytes arrive: %v", got, err)
	}
	return time.Since(start)
}

func (l *triple) devices(t *testing.T) []string {
	t.Helper()
	return strings.FieldsFunc(l.Exec(t, "ip", "-br", "link", "show", "type", "ifb"), func(r rune) bool { return r == '\n' })
}
