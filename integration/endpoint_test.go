package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
)

// tapSubject is tap in a container that has a bridge.
func tapSubject(variant, keys string) subject {
	return subject{
		plugin:  "tap",
		variant: variant,
		config:  `{"name": "net", "type": "tap", ` + keys + `, ` + dualStack + `}`,
		ifName:  "eth0",
		inside:  "ip link add br1 address 02:00:00:00:00:01 type bridge; sysctl -qw net.ipv6.conf.br1.disable_ipv6=1; ip link set br1 up",
	}
}

// endpointCall is a call for a network without a master, of the given keys.
func endpointCall(plugin string, c *node.Container, keys string) node.Call {
	return node.Call{
		Plugin:      plugin,
		Config:      fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": %q, %s}`, plugin, keys),
		ContainerID: filepath.Base(c.Path), Netns: c.Path, IfName: "eth0",
	}
}

// openTap opens a queue of the container's tap, as the user and group of the
// given id.
func openTap(c *node.Container, id int) (*os.File, error) {
	var file *os.File
	err := c.Do(func() (err error) {
		// Those of this thread alone, which ends with the function.
		for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
			if _, _, errno := unix.RawSyscall(call, uintptr(id), uintptr(id), uintptr(id)); errno != 0 {
				return errno
			}
		}
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq("eth0")
		if err == nil {
			request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_MULTI_QUEUE)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		file = os.NewFile(uintptr(fd), "tap")
		return nil
	})
	return file, err
}

// readsPacket reports whether a packet to the address comes out of the tap.
func readsPacket(t *testing.T, tap *os.File, address string) bool {
	t.Helper()
	if err := tap.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, 2000)
	for {
		length, err := tap.Read(frame)
		if err != nil {
			t.Log(err)
			return false
		}
		if strings.Contains(string(frame[:length]), address) {
			return true
		}
	}
}

// A process of the container that opens the tap gets what the container sends,
// several times over if the tap has several queues, and only if it may.
func TestTapTraffic(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	// The node's user 7 needs no more than the file's own permission.
	n.Exec(t, "sh", "-ec", "mkdir /run/dev; mount -t tmpfs -o dev tmpfs /run/dev; mknod -m 666 /run/dev/tun c 10 200; mount --bind /run/dev/tun /dev/net/tun")
	call := endpointCall("tap", c, `"multiQueue": true, "owner": 7, "group": 7, "mac": "02:00:00:00:00:07", "mtu": 1400, `+dualStack)
	result := n.Must(t, "ADD", call)
	first, err := openTap(c, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := openTap(c, 7)
	if err != nil {
		t.Errorf("a second queue: %v", err)
	} else {
		second.Close()
	}
	if file, err := openTap(c, 8); err == nil {
		file.Close()
		t.Error("another user opens the tap")
	}
	c.Exec(t, "sh", "-c", "ping -n -c1 -W1 10.1.2.77 >/dev/null 2>&1 || true")
	if !readsPacket(t, first, string([]byte{10, 1, 2, 77})) {
		t.Error("no packet to 10.1.2.77 comes out of the tap")
	}
	n.Must(t, "CHECK", call.With("prevResult", result))
	first.Close()
	n.Must(t, "DEL", call)
	expectInside(t, c)
}

// expectInside fails unless the container has the given interfaces, besides lo.
func expectInside(t *testing.T, c *node.Container, names ...string) {
	t.Helper()
	var have []string
	for _, name := range strings.Fields(c.Exec(t, "ls", "/sys/class/net")) {
		if name != "lo" {
			have = append(have, name)
		}
	}
	if fmt.Sprint(have) != fmt.Sprint(names) {
		t.Errorf("interfaces %v, want %v", have, names)
	}
}

// eachEndpoint runs a test in parallel for each plugin whose interface has no other
// one, on a node whose kernel has it.
func eachEndpoint(t *testing.T, test func(t *testing.T, n *node.Node, plugin string)) {
	t.Parallel()
	for _, plugin := range []string{"dummy", "tap"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			if plugin == "dummy" {
				needsDriver(t, n, plugin)
			}
			test(t, n, plugin)
		})
	}
}

// A link that somebody else has made under the name is an error, and stays as it
// is: also a tap, which could be opened by the one ADD would make.
func TestForeignLink(t *testing.T) {
	t.Parallel()
	for kind, command := range map[string]string{
		"tap":    "ip tuntap add mode tap name eth0 multi_queue",
		"tun":    "ip tuntap add mode tun name eth0",
		"bridge": "ip link add eth0 type bridge",
	} {
		t.Run(kind, func(t *testing.T) {
			eachEndpoint(t, func(t *testing.T, n *node.Node, plugin string) {
				c := n.Container(t, "c")
				c.Exec(t, "sh", "-ec", command)
				before := n.State(t, c)
				call := endpointCall(plugin, c, `"multiQueue": true, `+dualStack)
				out := n.Run(t, "ADD", call)
				if err := out.Err(); err == nil || !strings.Contains(string(out.Stdout), "file exists") {
					t.Errorf("ADD: got %v", err)
				}
				expectRestored(t, n, before, "after ADD", c)
				n.Must(t, "DEL", call)
				expectRestored(t, n, before, "after DEL", c)
			})
		})
	}
}

// Without IPAM the interface is set up and has no addresses.
func TestEndpointWithoutIPAM(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, n *node.Node, plugin string) {
		c := n.Container(t, "c")
		before := n.State(t, c)
		call := endpointCall(plugin, c, `"mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": "02:00:00:00:00:02"}, "mtu": 1300`)
		var result struct {
			Interfaces []struct {
				Mac string
				Mtu int
			}
		}
		out := n.Must(t, "ADD", call)
		if err := json.Unmarshal(out, &result); err != nil || len(result.Interfaces) != 1 {
			t.Fatalf("%s: %v", out, err)
		}
		if i := result.Interfaces[0]; i.Mac != "02:00:00:00:00:02" || i.Mtu != 1300 {
			t.Errorf("got %+v", i)
		}
		n.Must(t, "STATUS", call)
		call = call.With("prevResult", out)
		n.Must(t, "CHECK", call)
		c.Exec(t, "ip", "link", "set", "eth0", "mtu", "1301")
		wantDifference(t, n, call, tolerated+"interface eth0 has MTU 1301, expected 1300")
		for _, change := range []string{"ip link set eth0 mtu 1300; ip link set eth0 down", "ip link del eth0"} {
			c.Exec(t, "sh", "-ec", change)
			if n.Run(t, "CHECK", call).Err() == nil {
				t.Errorf("CHECK succeeds after %s", change)
			}
		}
		n.Must(t, "DEL", call)
		expectRestored(t, n, before, "after DEL", c)
	})
}

// CHECK misses the bridge, the queues and the user.
func TestTapCheck(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	c.Exec(t, "ip", "link", "add", "br1", "type", "bridge")
	call := endpointCall("tap", c, `"bridge": "br1"`)
	call = call.With("prevResult", n.Must(t, "ADD", call)).With("strictCheck", []byte("true"))
	n.Must(t, "CHECK", call)
	for key, value := range map[string]string{"multiQueue": "true", "owner": "7", "group": "7", "bridge": `"br2"`, "mtu": "1400"} {
		if n.Run(t, "CHECK", call.With(key, []byte(value))).Err() == nil {
			t.Errorf("CHECK does not compare %s", key)
		}
	}
	c.Exec(t, "ip", "link", "set", "eth0", "nomaster")
	if n.Run(t, "CHECK", call).Err() == nil {
		t.Error("CHECK does not miss the bridge")
	}
}

// The process that makes a tap with a context makes the same, and if there is no
// SELinux, nothing is left.
func TestTapContext(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	out := n.Run(t, "ADD", endpointCall("tap", c, `"selinuxContext": "system_u:system_r:container_t:s0:c1,c2"`))
	if out.Err() == nil || !strings.Contains(string(out.Stdout), "failed set socket label: ") {
		t.Errorf("got %s, %v", out.Stdout, out.Err())
	}
	expectInside(t, c)
	order := `{"Tap": {"Name": "eth0", "MultiQueue": true, "Owner": 4711, "Group": 4712, "MTU": 1400, "MAC": "AgAAAAAH"}, "Owner": {"Network": "net", "ContainerID": "c", "IfName": "eth0"}}`
	c.Exec(t, "sh", "-ec", "echo '"+order+"' | "+pluginPath(t, "tap")+" create")
	have := c.Exec(t, "ip", "-d", "link", "show", "eth0")
	for _, want := range []string{"mtu 1400", "02:00:00:00:00:07", " multi_queue ", "user 4711", "group 4712", "persist on", "net: net, if: eth0, id: c"} {
		if !strings.Contains(have, want) {
			t.Errorf("no %q:\n%s", want, have)
		}
	}
}

// Fifty containers at once get and lose their interface.
func TestParallelEndpoints(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, n *node.Node, plugin string) {
		var calls []node.Call
		var containers []*node.Container
		for i := range 50 {
			c := n.Container(t, fmt.Sprint("c", i))
			calls, containers = append(calls, endpointCall(plugin, c, dualStack)), append(containers, c)
		}
		before := n.State(t, containers...)
		for i, out := range atOnce(t, n, "ADD", calls) {
			calls[i] = calls[i].With("prevResult", out.Stdout)
		}
		atOnce(t, n, "CHECK", calls)
		atOnce(t, n, "DEL", calls)
		expectRestored(t, n, before, "after DEL", containers...)
	})
}
