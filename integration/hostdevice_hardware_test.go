package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// guest is the kernel that the tests run on, if that is theirs alone: User-mode
// Linux. Its first network namespace is the only one that the kernel returns
// hardware to.
type guest struct{ *testing.T }

// hardware is a network device that no rtnetlink message has made (the module
// eql), as little as a network card.
const hardware = "eql"

func newGuest(t *testing.T) guest {
	t.Helper()
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(cpu, []byte("User Mode Linux")) {
		t.Skip("kernel lacks hardware that a test may move")
	}
	g := guest{t}
	if err := exec.Command("modprobe", hardware).Run(); err != nil {
		t.Skip("kernel lacks " + hardware)
	}
	g.exec("sh", "-ec", `ip link set "$0" alias "a port" up; ip address add 10.9.0.1/24 brd + dev "$0"; ip route add 10.8.0.0/24 via 10.9.0.7`, hardware)
	t.Cleanup(func() { g.exec("modprobe", "-r", hardware) })
	return g
}

func (g guest) exec(name string, args ...string) string {
	g.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		g.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// run calls host-device for a container with the namespace of that name.
func (g guest) run(command, container, config string) error {
	g.Helper()
	bin, err := node.Bin()
	if err != nil {
		g.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "host-device"))
	cmd.Env = append(os.Environ(), "CNI_COMMAND="+command, "CNI_CONTAINERID="+container, "CNI_NETNS=/run/netns/"+container,
		"CNI_IFNAME=eth0", "CNI_PATH="+bin)
	cmd.Stdin = strings.NewReader(config)
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.Logf("%s of %s: %s", command, container, out)
	}
	return err
}

func (g guest) must(command, container, config string) {
	g.Helper()
	if err := g.run(command, container, config); err != nil {
		g.FailNow()
	}
}

// state is what must be the same before and after.
func (g guest) state() string {
	g.Helper()
	return g.exec("sh", "-ec", `ip -o -details address show dev "$0"; ip link show "$0"; ip route show dev "$0"; ls /run/cni/host-device 2>/dev/null || true`, hardware)
}

func (g guest) unchanged(before, when string) {
	g.Helper()
	if after := g.state(); after != before {
		g.Errorf("%s:\n%s\nbefore:\n%s", when, after, before)
	}
}

// A network card outlives the namespace of a container. The kernel gives it back
// under the name that it had there, or any; DEL gives it its own.
func TestHostDeviceHardware(t *testing.T) {
	g := newGuest(t)
	const config = `{"cniVersion": "1.1.0", "name": "net", "type": "host-device", "device": "` + hardware + `"}`
	before := g.state()

	g.Run("returned by DEL", func(t *testing.T) {
		g := guest{t}
		g.exec("ip", "netns", "add", "c")
		g.must("ADD", "c", config)
		g.must("DEL", "c", config)
		g.unchanged(before, "after DEL")
		g.exec("ip", "netns", "del", "c")
	})

	g.Run("returned by the kernel", func(t *testing.T) {
		g := guest{t}
		g.exec("ip", "netns", "add", "c")
		g.must("ADD", "c", config)
		g.exec("ip", "netns", "del", "c")
		g.must("DEL", "c", config) // before the kernel is done, most of the time
		g.must("DEL", "c", config)
		g.unchanged(before, "after DEL")
	})

	g.Run("with its network", func(t *testing.T) {
		g := guest{t}
		g.exec("ip", "route", "add", "10.7.0.0/16", "via", "10.9.0.7", "proto", "dhcp")
		before := g.state()
		g.exec("ip", "netns", "add", "c")
		taking := strings.Replace(config, "{", `{"useInterfaceNetwork": true, `, 1)
		g.must("ADD", "c", taking)
		g.exec("sh", "-ec", `ip -n c route | grep "10.7.0.0/16 via 10.9.0.7"`)
		g.exec("ip", "netns", "del", "c")
		g.must("DEL", "c", taking)
		g.must("DEL", "c", taking)
		g.unchanged(before, "after DEL")
		g.exec("ip", "route", "del", "10.7.0.0/16")
	})

	g.Run("returned under a name of the kernel's", func(t *testing.T) {
		g := guest{t}
		g.exec("ip", "link", "add", "eth0", "type", "dummy")
		g.exec("ip", "netns", "add", "c")
		g.must("ADD", "c", config)
		g.exec("ip", "netns", "del", "c")
		g.must("DEL", "c", config)
		g.unchanged(before, "after DEL")
		g.exec("ip", "link", "del", "eth0")
	})

	g.Run("in use again before DEL", func(t *testing.T) {
		g := guest{t}
		g.exec("ip", "netns", "add", "c")
		g.exec("ip", "netns", "add", "next")
		g.must("ADD", "c", config)
		g.exec("ip", "netns", "del", "c")
		g.exec("timeout", "60", "sh", "-c", "until ip link show eth0; do sleep 0.1; done")
		g.must("ADD", "next", config)
		g.must("DEL", "c", config)
		g.exec("ip", "-n", "next", "link", "show", "eth0")
		g.must("DEL", "next", config)
		g.unchanged(before, "after DEL")
		g.exec("ip", "netns", "del", "next")
	})

	// The kernel returns it some time after the namespace's end.
	g.Run("in use again at once", func(t *testing.T) {
		g := guest{t}
		g.exec("ip", "netns", "add", "c")
		g.exec("ip", "netns", "add", "next")
		g.must("ADD", "c", config)
		g.exec("ip", "netns", "del", "c")
		g.must("ADD", "next", config)
		g.must("DEL", "c", config)
		g.exec("ip", "-n", "next", "link", "show", "eth0")
		g.must("DEL", "next", config)
		g.unchanged(before, "after DEL")
		g.exec("ip", "netns", "del", "next")
	})

	// The record waits for a device that nobody can reach.
	g.Run("container alive without its namespace's path", func(t *testing.T) {
		g := guest{t}
		g.exec("ip", "netns", "add", "c")
		g.must("ADD", "c", config)
		inside := exec.Command("ip", "netns", "exec", "c", "cat")
		stdin, err := inside.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := inside.Start(); err != nil {
			t.Fatal(err)
		}
		g.exec("timeout", "60", "sh", "-c", `until [ "$(ip netns identify "$0")" = c ]; do sleep 0.1; done`, strconv.Itoa(inside.Process.Pid))
		g.exec("ip", "netns", "del", "c")
		g.must("DEL", "c", config)
		stdin.Close()
		if err := inside.Wait(); err != nil {
			t.Fatal(err)
		}
		gc := strings.TrimSuffix(config, "}") + `, "cni.dev/valid-attachments": []}`
		g.must("GC", "c", gc)
		g.unchanged(before, "after GC")
	})
}
