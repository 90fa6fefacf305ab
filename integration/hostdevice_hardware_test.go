package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/netdev"
)

// card is a network device that no rtnetlink message has made, on a kernel that is the test's
// alone: its first network namespace is the only one that hardware returns to.
type card struct {
	*testing.T
	name string
	// parent is its directory in sysfs, "" if it has none.
	parent string
}

// cards are those of the guest, by their drivers. Each is called port and a number, as the kernel's
// names are those of containers.
func cards(t *testing.T) map[string]card {
	t.Helper()
	if !node.OwnKernel() {
		t.Skip("kernel lacks hardware that a test may move")
	}
	found := map[string]card{}
	links, err := filepath.Glob("/sys/class/net/*/device/driver")
	if err != nil {
		t.Fatal(err)
	}
	for i, link := range links {
		parent, errParent := filepath.EvalSymlinks(filepath.Dir(link))
		driver, errDriver := filepath.EvalSymlinks(link)
		if errParent != nil || errDriver != nil {
			t.Fatal(errParent, errDriver)
		}
		c := card{t, fmt.Sprint("port", i), parent}
		old := filepath.Base(filepath.Dir(filepath.Dir(link)))
		c.exec("sh", "-ec", `ip link set "$0" down; ip link set "$0" name "$1"`, old, c.name)
		t.Cleanup(func() { c.exec("sh", "-ec", `ip link set "$1" down; ip link set "$1" name "$0"`, old, c.name) })
		found[filepath.Base(driver)] = c
	}
	const plain = "eql" // a module that makes a device
	if exec.Command("modprobe", plain).Run() == nil {
		found[plain] = card{t, plain, ""}
		t.Cleanup(func() { card{t, plain, ""}.exec("modprobe", "-r", plain) })
	}
	if len(found) == 0 {
		t.Skip("kernel lacks " + plain)
	}
	return found
}

func (c card) exec(name string, args ...string) string {
	c.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		c.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// prepare gives the card what it is to have again.
func (c card) prepare() {
	c.Helper()
	c.exec("sh", "-ec", `
		for name in default "$0"; do echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6; done 2>/dev/null || true
		ip link set "$0" alias "a port" up
		ip address add 10.9.0.1/24 brd + dev "$0"
		ip route add 10.8.0.0/24 via 10.9.0.7 dev "$0"`, c.name)
	c.Cleanup(func() {
		c.exec("sh", "-ec", `ip link set "$0" alias ""; ip address flush dev "$0"; ip link set "$0" down`, c.name)
	})
}

// container makes a network namespace, which is there until the test ends.
func (c card) container(name string) {
	c.Helper()
	c.exec("ip", "netns", "add", name)
	c.Cleanup(func() { c.exec("sh", "-c", `ip netns del "$0" 2>/dev/null || true`, name) })
}

// config names the card, and has other keys.
func (c card) config(keys string) string {
	return fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": "host-device", "device": %q%s}`, c.name, keys)
}

// run calls host-device for a container with the namespace of that name, and returns what it prints.
func (c card) run(command, container, config string) (string, error) {
	c.Helper()
	bin, err := node.Bin()
	if err != nil {
		c.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "host-device"))
	cmd.Env = append(os.Environ(), "CNI_COMMAND="+command, "CNI_CONTAINERID="+container, "CNI_NETNS=/run/netns/"+container,
		"CNI_IFNAME=eth0", "CNI_PATH="+bin)
	cmd.Stdin = strings.NewReader(config)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.Logf("%s of %s: %s", command, container, out)
	}
	return string(out), err
}

func (c card) must(command, container, config string) string {
	c.Helper()
	out, err := c.run(command, container, config)
	if err != nil {
		c.FailNow()
	}
	return out
}

// state is what must be the same before and after. A card takes some time until it sends again.
func (c card) state() string {
	c.Helper()
	const show = `
		cd "/sys/class/net/$0"
		timeout 60 sh -c 'until [ "$(cat carrier)" = 1 ] && [ "$(cat operstate)" != down ]; do sleep 0.1; done' || true
		ip -o -details address show dev "$0"; ip -details link show "$0"; ip route show dev "$0"
		ls /run/cni/host-device 2>/dev/null || true`
	return c.exec("sh", "-ec", show, c.name) + c.features()
}

// features lists what the driver does for the kernel.
func (c card) features() string {
	c.Helper()
	device, err := netdev.Open(c.name)
	if err != nil {
		c.Fatal(err)
	}
	defer device.Close()
	features, err := device.Features()
	if err != nil {
		c.Fatal(err)
	}
	var text strings.Builder
	for _, f := range features {
		fmt.Fprintf(&text, "%+v\n", f)
	}
	return text.String()
}

func (c card) unchanged(before, when string) {
	c.Helper()
	if after := c.state(); after != before {
		c.Errorf("%s:\n%s\nbefore:\n%s", when, after, before)
	}
}

// A network card outlives the namespace of a container. The kernel gives it back
// under the name that it had there, or any; DEL gives it its own.
func TestHostDeviceHardware(t *testing.T) {
	for driver, c := range cards(t) {
		t.Run(driver, func(t *testing.T) {
			c := card{t, c.name, c.parent}
			c.prepare()
			for _, test := range hardwareTests {
				t.Run(test.name, func(t *testing.T) {
					c := card{t, c.name, c.parent}
					before := c.state()
					test.run(c)
					c.unchanged(before, "in the end")
				})
			}
		})
	}
}

// lendAgain lends the card to the next container before DEL of the last one, whose namespace has ended.
func (c card) lendAgain(await func()) {
	c.Helper()
	c.container("c")
	c.container("next")
	c.must("ADD", "c", c.config(""))
	c.exec("ip", "netns", "del", "c")
	await()
	c.must("ADD", "next", c.config(""))
	c.must("DEL", "c", c.config(""))
	c.exec("ip", "-n", "next", "link", "show", "eth0")
	c.must("DEL", "next", c.config(""))
}

// hardwareTests lend the card to the container c, and have it brought back.
var hardwareTests = []struct {
	name string
	run  func(c card)
}{
	{"returned by DEL", func(c card) {
		c.container("c")
		result := c.must("ADD", "c", c.config(""))
		c.must("CHECK", "c", c.config(`, "prevResult": `+result))
		c.must("DEL", "c", c.config(""))
	}},

	{"changed by the container", func(c card) {
		c.container("c")
		c.must("ADD", "c", c.config(""))
		c.exec("sh", "-ec", `ip -n c link set eth0 mtu 1300 promisc on txqueuelen 77 alias "mine" down
			[ "$0" = "" ] || ip -n c link set eth0 address 02:00:00:00:00:55
			ip -n c link set eth0 name other`, c.parent)
		c.must("DEL", "c", c.config(""))
	}},

	{"returned by the kernel", func(c card) {
		c.container("c")
		c.must("ADD", "c", c.config(""))
		c.exec("ip", "netns", "del", "c")
		c.must("DEL", "c", c.config("")) // before the kernel is done, most of the time
		c.must("DEL", "c", c.config(""))
	}},

	{"returned by the kernel, collected", func(c card) {
		c.container("c")
		c.must("ADD", "c", c.config(""))
		c.exec("ip", "netns", "del", "c")
		c.must("GC", "c", c.config(`, "cni.dev/valid-attachments": []`))
	}},

	{"with its network", func(c card) {
		c.exec("ip", "route", "add", "10.7.0.0/16", "via", "10.9.0.7", "proto", "dhcp")
		defer c.exec("ip", "route", "del", "10.7.0.0/16")
		before := c.state()
		c.container("c")
		taking := c.config(`, "useInterfaceNetwork": true`)
		c.must("ADD", "c", taking)
		c.exec("sh", "-ec", `ip -n c route | grep "10.7.0.0/16 via 10.9.0.7"`)
		c.exec("ip", "netns", "del", "c")
		c.must("DEL", "c", taking)
		c.must("DEL", "c", taking)
		c.unchanged(before, "after DEL")
	}},

	{"returned under a name of the kernel's", func(c card) {
		c.exec("ip", "link", "add", "eth0", "type", "dummy")
		defer c.exec("ip", "link", "del", "eth0")
		c.container("c")
		c.must("ADD", "c", c.config(""))
		c.exec("ip", "netns", "del", "c")
		c.must("DEL", "c", c.config(""))
	}},

	{"in use again before DEL", func(c card) {
		c.lendAgain(func() { c.exec("timeout", "60", "sh", "-c", "until ip link show eth0; do sleep 0.1; done") })
	}},

	// The kernel returns it some time after the namespace's end.
	{"in use again at once", func(c card) { c.lendAgain(func() {}) }},

	// The record waits for a device that nobody can reach.
	{"container alive without its namespace's path", func(c card) {
		c.container("c")
		c.must("ADD", "c", c.config(""))
		inside := exec.Command("ip", "netns", "exec", "c", "cat")
		stdin, err := inside.StdinPipe()
		if err != nil {
			c.Fatal(err)
		}
		if err := inside.Start(); err != nil {
			c.Fatal(err)
		}
		c.exec("timeout", "60", "sh", "-c", `until [ "$(ip netns identify "$0")" = c ]; do sleep 0.1; done`, strconv.Itoa(inside.Process.Pid))
		c.exec("ip", "netns", "del", "c")
		c.must("DEL", "c", c.config(""))
		stdin.Close()
		if err := inside.Wait(); err != nil {
			c.Fatal(err)
		}
		c.must("GC", "c", c.config(`, "cni.dev/valid-attachments": []`))
	}},
}

// pciAddress matches the addresses of PCI functions in a path of sysfs.
var pciAddress = regexp.MustCompile(`[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]`)

// Each way to say which card is meant finds it in sysfs as the driver has made that.
func TestHostDeviceHardwareSelectors(t *testing.T) {
	for driver, c := range cards(t) {
		functions := pciAddress.FindAllString(c.parent, -1)
		if len(functions) == 0 {
			continue
		}
		function := functions[len(functions)-1]
		mac := strings.TrimSpace(c.exec("cat", "/sys/class/net/"+c.name+"/address"))
		for name, keys := range map[string]string{
			"hardware address": fmt.Sprintf(`"hwaddr": %q`, mac),
			"kernel path":      fmt.Sprintf(`"kernelpath": %q`, c.parent),
			"PCI address":      fmt.Sprintf(`"pciBusID": %q`, function),
			"device ID":        fmt.Sprintf(`"runtimeConfig": {"deviceID": %q}`, function),
		} {
			t.Run(driver+"/"+name, func(t *testing.T) {
				c := card{t, c.name, c.parent}
				c.prepare()
				before := c.state()
				config := `{"cniVersion": "1.1.0", "name": "net", "type": "host-device", ` + keys + `}`
				c.container("c")
				result := c.must("ADD", "c", config)
				if !strings.Contains(result, mac) || strings.Contains(keys, `"`+function+`"`) != strings.Contains(result, `"pciID": "`+function+`"`) {
					t.Errorf("another card, or not with its address, has been moved: %s", result)
				}
				c.must("CHECK", "c", strings.TrimSuffix(config, "}")+`, "prevResult": `+result+"}")
				c.must("DEL", "c", config)
				c.unchanged(before, "after DEL")
			})
		}
	}
}

// Packets go through a card in a container, by the addresses of an IPAM plugin or by those it had,
// to another card on the same cable.
func TestHostDeviceHardwareTraffic(t *testing.T) {
	all := cards(t)
	for driver, c := range all {
		for otherDriver, other := range all {
			if c.name == other.name || c.parent == "" || other.parent == "" {
				continue
			}
			t.Run(driver+" to "+otherDriver, func(t *testing.T) {
				c, other := card{t, c.name, c.parent}, card{t, other.name, other.parent}
				c.prepare()
				c.container("outside")
				c.exec("sh", "-ec", `ip link set "$0" netns outside
					ip -n outside link set "$0" up; ip -n outside address add 10.9.0.7/24 dev "$0"`, other.name)
				t.Cleanup(func() {
					c.exec("ip", "-n", "outside", "link", "set", other.name, "netns", "1")
				})
				before := c.state()
				c.container("c")
				for _, keys := range []string{`, "useInterfaceNetwork": true`,
					`, "ipam": {"type": "static", "addresses": [{"address": "10.9.0.1/24"}]}`} {
					c.must("ADD", "c", c.config(keys))
					c.exec("ip", "netns", "exec", "c", "ping", "-c1", "-w20", "10.9.0.7")
					c.must("DEL", "c", c.config(keys))
					c.exec("ping", "-c1", "-w20", "10.9.0.7")
				}
				c.unchanged(before, "after DEL")
			})
		}
	}
}
