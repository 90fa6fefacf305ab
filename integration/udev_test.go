package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

// startUdev runs systemd-udevd with the distribution's rules on a node, with a /dev
// of its own: what it does to devices must not be done to the machine's. It replaces
// a hardware address that the kernel has chosen (NET_ADDR_RANDOM) by then.
func startUdev(t *testing.T, n *node.Node) {
	t.Helper()
	n.Exec(t, "sh", "-ec", `mkdir /run/dev
		mount -t tmpfs tmpfs /run/dev
		mknod -m 666 /run/dev/null c 1 3
		mount --bind /run/dev /dev`)
	n.Start(t, "/lib/systemd/systemd-udevd")
	for deadline := time.Now().Add(time.Minute); ; { // a guest is slow
		// What comes before it listens it does not hear.
		n.Exec(t, "ip", "link", "add", "chosen", "type", "bridge")
		_, err := n.Try("udevadm", "settle", "--timeout=20")
		replaced := strings.TrimSpace(n.Exec(t, "cat", "/sys/class/net/chosen/addr_assign_type")) == "3"
		n.Exec(t, "ip", "link", "del", "chosen")
		switch {
		case err == nil && replaced:
			return
		case time.Now().After(deadline):
			t.Fatalf("systemd-udevd replaces no hardware address: %v", err)
		}
	}
}

// assignTypes tells how the hardware addresses of all links but lo came about that
// the calling command's network namespace has.
const assignTypes = `cd /sys/class/net && for l in $(ls); do [ $l = lo ] || echo $l $(cat $l/addr_assign_type); done`

// systemd-udevd leaves the hardware addresses alone of what a plugin makes on the
// host, so that they are those of the result, and CHECK finds them, also later.
func TestUdevKeepsAddresses(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	startUdev(t, n)
	for _, s := range pairSubjects() {
		var checks []node.Call
		for i := range 15 {
			name := fmt.Sprint(s.plugin, i)
			call := s.call(latest, n.Container(t, name).Path)
			call.ContainerID = name
			call = call.With("prevResult", n.Must(t, "ADD", call))
			defer n.Must(t, "DEL", call)
			n.Must(t, "CHECK", call)
			checks = append(checks, call)
		}
		n.Exec(t, "udevadm", "settle", "--timeout=20")
		for _, call := range checks {
			n.Must(t, "CHECK", call)
		}
	}
	for line := range strings.Lines(n.Exec(t, "sh", "-ec", assignTypes)) {
		if !strings.HasSuffix(line, " 3\n") {
			t.Error("address not set in the message that made it:", line)
		}
	}
}

// What is made has a hardware address that the kernel takes for a choice
// (NET_ADDR_SET), or the master's.
func TestAddressesAreSet(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		c := s.container(t, n, "c")
		look := func() string {
			return n.Exec(t, "sh", "-ec", assignTypes) + "in the container\n" +
				c.Exec(t, "unshare", "-m", "sh", "-ec", "mount -t sysfs sysfs /sys; "+assignTypes)
		}
		before := look()
		call := s.call(latest, c.Path)
		n.Must(t, "ADD", call)
		defer n.Must(t, "DEL", call)
		for line := range strings.Lines(look()) {
			isMasters := s.plugin == "vlan" && strings.HasSuffix(line, " 2\n") || s.plugin == "ipvlan" && strings.HasSuffix(line, " 0\n")
			if !strings.Contains(before, line) && !strings.HasSuffix(line, " 3\n") && !isMasters && s.plugin != "host-device" {
				t.Error(line)
			}
		}
	})
}
