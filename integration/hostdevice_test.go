package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// devices is a shell command that makes a device for each container, with an
// address, a route and an alias, connected to a peer. Without IPv6 the kernel
// gives them nothing that would come some time later.
func devices(containers ...string) string {
	command := "sysctl -qw net.ipv6.conf.default.disable_ipv6=1"
	for i, c := range containers {
		const one = `
			ip link add nic-NAME type veth peer name peer-nic-NAME
			ip link set peer-nic-NAME up
			ip link set nic-NAME mtu 1400 alias "port NUMBER" up
			ip address add 10.9.NUMBER.1/24 brd + dev nic-NAME
			ip route add 10.8.NUMBER.0/24 via 10.9.NUMBER.7 dev nic-NAME`
		command += strings.NewReplacer("NAME", c, "NUMBER", fmt.Sprint(i)).Replace(one)
	}
	return command
}

// lendable is a node with one device, nic-c, and one container.
type lendable struct {
	*node.Node
	container *node.Container
}

func newLendable(t *testing.T) lendable {
	t.Helper()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", devices("c"))
	return lendable{n, n.Container(t, "c")}
}

// call has the given keys instead of a device's name.
func (n lendable) call(keys string) node.Call {
	return node.Call{Plugin: "host-device", Config: fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": "host-device", %s}`, latest, keys),
		ContainerID: "container", Netns: n.container.Path, IfName: "eth0"}
}

// byName is the configuration without IPAM.
const byName = `"device": "nic-c"`

// unchanged compares the node with that before.
func (n lendable) unchanged(t *testing.T, before hoststate.State, when string) {
	t.Helper()
	if diff := hoststate.Diff(before, n.State(t, n.container), node.Lasting(), firstQdisc()); diff != "" {
		t.Errorf("%s:\n%s", when, diff)
	}
}

// firstQdisc matches the qdisc that the kernel gives a link when it is first set
// up in a namespace.
func firstQdisc() *regexp.Regexp { return regexp.MustCompile(`^host qdiscs: .* noqueue `) }

// The keys that say which device is meant, with sysfs as it is for hardware.
func TestHostDeviceSelectors(t *testing.T) {
	t.Parallel()
	const pci = "mkdir -p /sys/bus/pci/devices/0000:03:00.1; cd /sys/bus/pci/devices/0000:03:00.1; "
	for name, test := range map[string]struct{ sysfs, keys, pciID, wantError string }{
		"name":                {keys: byName},
		"alternative name":    {keys: `"device": "the-network-card-in-slot-three"`},
		"name first":          {keys: byName + `, "hwaddr": "02:00:00:00:00:99"`},
		"no such name":        {keys: `"device": "nosuch"`, wantError: `failed to find host device: look "nosuch" up: Link not found`},
		"hardware address":    {keys: `"hwaddr": "02:00:00:00:00:0C"`},
		"no hardware address": {keys: `"hwaddr": "02:00:00:00:00:99"`, wantError: "failed to find host device: failed to find physical interface"},
		"kernel path":         {keys: `"kernelpath": "/sys/devices/pci/1"`, sysfs: "mkdir -p /sys/devices/pci/1/net/nic-c"},
		"no kernel path":      {keys: `"kernelpath": "/sys/devices/pci/1"`, wantError: "failed to find host device: failed to read directory /sys/devices/pci/1/net: "},
		"empty kernel path":   {keys: `"kernelpath": "/sys/devices/pci/1"`, sysfs: "mkdir -p /sys/devices/pci/1/net", wantError: "failed to find host device: failed to find network device in path /sys/devices/pci/1"},
		"PCI":                 {keys: `"pciBusID": "0000:03:00.1"`, sysfs: pci + "ln -s ../../drivers/ixgbe driver; mkdir -p net/nic-c", pciID: "0000:03:00.1"},
		"PCI without driver":  {keys: `"pciBusID": "0000:03:00.1"`, sysfs: pci + "mkdir -p net/nic-c", pciID: "0000:03:00.1"},
		"virtio":              {keys: `"pciBusID": "0000:03:00.1"`, sysfs: pci + "mkdir -p virtio0/net/nic-c", pciID: "0000:03:00.1"},
		"no PCI":              {keys: `"pciBusID": "0000:03:00.1"`, wantError: "failed to find host device: no net directory under pci device 0000:03:00.1"},
		"capability, PCI":     {keys: `"runtimeConfig": {"deviceID": "0000:03:00.1"}`, sysfs: pci + "mkdir -p net/nic-c", pciID: "0000:03:00.1"},
		"capability first":    {keys: `"pciBusID": "0000:07:00.0", "runtimeConfig": {"deviceID": "0000:03:00.1"}`, sysfs: pci + "mkdir -p net/nic-c", pciID: "0000:03:00.1"},
		"sub-function":        {keys: `"runtimeConfig": {"deviceID": "mlx5_core.sf.4"}`, sysfs: "mkdir -p /sys/bus/auxiliary/devices/mlx5_core.sf.4/net/nic-c"},
		"empty sub-function":  {keys: `"runtimeConfig": {"deviceID": "mlx5_core.sf.4"}`, sysfs: "mkdir -p /sys/bus/auxiliary/devices/mlx5_core.sf.4", wantError: "failed to find host device: no net directory under auxiliary device mlx5_core.sf.4"},
		"no such capability":  {keys: `"runtimeConfig": {"deviceID": "mlx5_core.sf.4"}`, wantError: "runtime config DeviceID mlx5_core.sf.4 not found or unsupported"},
		"port and representor": {keys: `"pciBusID": "0000:03:00.1"`, pciID: "0000:03:00.1",
			sysfs: pci + "mkdir -p net/aaa net/nic-c; echo pf0vf0 >net/aaa/phys_port_name; echo p0 >net/nic-c/phys_port_name"},
		"lowest port": {keys: `"pciBusID": "0000:03:00.1"`, pciID: "0000:03:00.1",
			sysfs: pci + "mkdir -p net/aaa net/nic-c; echo 1 >net/aaa/dev_port; echo 0 >net/nic-c/dev_port"},
		"nothing":         {keys: `"dns": {}`, wantError: `specify either "device", "hwaddr", "kernelpath" or "pciBusID"`},
		"bad address":     {keys: `"hwaddr": "zz"`, wantError: `failed to parse MAC address "zz": address zz: invalid MAC address`},
		"bad kernel path": {keys: `"kernelpath": "/sys/devices/../x"`, wantError: `kernel device path "/sys/devices/../x" must be absolute and begin with /sys/devices/`},
		"bad PCI address": {keys: `"pciBusID": "../x"`, wantError: `invalid pciBusID "../x"`},
		"bad capability":  {keys: `"runtimeConfig": {"deviceID": "*"}`, wantError: `invalid deviceID "*"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newLendable(t)
			n.Exec(t, "sh", "-ec", `ip link set nic-c address 02:00:00:00:00:0c
				ip link property add dev nic-c altname the-network-card-in-slot-three
				ip link add bridge address 02:00:00:00:00:0c type bridge
				mount -t tmpfs sysfs /sys; mkdir -p /sys/devices /sys/bus/pci/devices`)
			n.Exec(t, "sh", "-ec", test.sysfs)
			before := n.State(t, n.container)
			call := n.call(test.keys)
			out := n.Run(t, "ADD", call)
			if test.wantError != "" {
				if err := out.Err(); err == nil || !strings.HasPrefix(err.Error(), test.wantError) {
					t.Errorf("got  %v\nwant %s", err, test.wantError)
				}
				n.unchanged(t, before, "after the failure")
				return
			}
			if err := out.Err(); err != nil {
				t.Fatal(err)
			}
			var result current.Result
			if err := json.Unmarshal(out.Stdout, &result); err != nil {
				t.Fatal(err)
			}
			want := []*current.Interface{{Name: "eth0", Mac: "02:00:00:00:00:0c", Mtu: 1400, Sandbox: n.container.Path, PciID: test.pciID}}
			if diff := cmp.Diff(want, result.Interfaces); diff != "" {
				t.Errorf("result:\n%s", diff)
			}
			call = call.With("prevResult", out.Stdout)
			n.Must(t, "CHECK", call)
			n.Must(t, "STATUS", call)
			n.Exec(t, "rm", "-rf", "/sys/bus", "/sys/devices") // DEL does not need them
			n.Must(t, "DEL", call)
			n.unchanged(t, before, "after DEL")
		})
	}
}

// A device that a program drives is reported and left alone.
func TestHostDeviceDPDK(t *testing.T) {
	t.Parallel()
	const ipam = `, "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24"}]}`
	for name, keys := range map[string]string{
		"vfio-pci":        `"pciBusID": "0000:03:00.1"`,
		"uio_pci_generic": `"runtimeConfig": {"deviceID": "0000:03:00.1"}`,
		"igb_uio":         `"pciBusID": "0000:03:00.1", "device": "nic-c"`,
		"by key":          `"device": "nic-c", "dpdkmode": true`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newLendable(t)
			n.Exec(t, "sh", "-ec", `mount -t tmpfs sysfs /sys; mkdir -p /sys/bus/pci/devices/0000:03:00.1
				ln -s ../../../../bus/pci/drivers/"$0" /sys/bus/pci/devices/0000:03:00.1/driver`, name)
			n.container.Exec(t, "ip", "link", "add", "eth0", "alias", "nic-x", "type", "veth", "peer", "name", "p0")
			before := n.State(t, n.container)
			call := n.call(keys + ipam)
			out := n.Must(t, "ADD", call)
			var result current.Result
			if err := json.Unmarshal(out, &result); err != nil {
				t.Fatal(err)
			}
			want := []*current.Interface{{Name: "eth0", Sandbox: n.container.Path}}
			if diff := cmp.Diff(want, result.Interfaces); diff != "" || len(result.IPs) != 1 {
				t.Errorf("result:\n%s", out)
			}
			call = call.With("prevResult", out)
			n.Must(t, "CHECK", call)
			n.unchanged(t, before, "after ADD")
			n.Must(t, "DEL", call)
			n.unchanged(t, before, "after DEL")
		})
	}
}

// The hardware address that the runtime wants is the device's for so long.
func TestHostDeviceMAC(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	before := n.State(t, n.container)
	call := n.call(byName + `, "runtimeConfig": {"mac": "02:00:00:00:00:42"}`)
	out := n.Must(t, "ADD", call)
	if link := n.container.Exec(t, "ip", "link", "show", "eth0"); !strings.Contains(link, " 02:00:00:00:00:42 ") || !strings.Contains(string(out), `"02:00:00:00:00:42"`) {
		t.Errorf("in the container:\n%s%s", link, out)
	}
	call = call.With("prevResult", out)
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
	n.unchanged(t, before, "after DEL")
}

// The first packet passes when ADD returns, in both families.
func TestHostDeviceTraffic(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	n.Exec(t, "sh", "-ec", `sysctl -qw net.ipv6.conf.peer-nic-c.disable_ipv6=0
		ip address add 10.1.2.1/24 dev peer-nic-c; ip address add fd00:1:2::1/64 dev peer-nic-c nodad`)
	call := n.call(byName + `, "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24"}, {"address": "fd00:1:2::3/64"}]}`)
	n.Must(t, "ADD", call)
	for _, peer := range []string{"10.1.2.1", "fd00:1:2::1"} {
		if !reaches(t, n.container, peer) {
			t.Errorf("%s does not answer", peer)
		}
	}
}

// CHECK knows the device, not only its name.
func TestHostDeviceCheck(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	call := n.call(byName)
	call = call.With("prevResult", n.Must(t, "ADD", call))
	n.container.Exec(t, "sh", "-ec", `mac=$(ip -br link show eth0 | awk '{print $3}')
		ip link set eth0 down; ip link set eth0 name other
		ip link add eth0 address "$mac" mtu 1400 type veth; ip link set eth0 up`)
	err := n.Run(t, "CHECK", call).Err()
	if want := `interface eth0 with alias "" is not device nic-c of the host`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
