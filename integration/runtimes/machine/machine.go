// Package machine runs a test program on a machine of its own, connects that with a network
// outside, and sends traffic between the two and the containers.
package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The addresses of the machine, and of its neighbour in the namespace Outside, which is also
// its router.
const (
	HostV4, HostV6       = "192.0.2.10", "2001:db8::10"
	OutsideV4, OutsideV6 = "192.0.2.1", "2001:db8::1"
)

// Outside is the network namespace of what is not on the machine, and Host is the machine's
// own.
const (
	Outside = "/run/netns/outside"
	Host    = ""
)

// inside is the variable that tells a test program that it is on its machine.
const inside = "CNI_TEST_MACHINE"

// Main runs the tests of a package on a machine and returns the exit status. Call it from
// TestMain. The first time it goes on as the script that makes the machine, which starts the
// program again.
func Main(m *testing.M) int {
	if os.Getenv(inside) == "" {
		fmt.Fprintln(os.Stderr, "move to a machine:", enter())
		return 1
	}
	if err := Connect(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// enter replaces the program, and returns only if it cannot. Tests run in their package's
// folder, three below the top.
func enter() error {
	script, err := filepath.Abs("../../../scripts/machine.sh")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{script, self}, os.Args[1:]...)
	return syscall.Exec(script, args, append(os.Environ(), inside+"=1"))
}

// Connect gives the machine its uplink, eth0, and the neighbour at its other end.
func Connect() error {
	for _, command := range []string{
		"ip netns add outside",
		"ip link add eth0 type veth peer name eth0 netns outside",
		// Link-local addresses would come some time later.
		"ip link set eth0 addrgenmode none",
		"ip -n outside link set eth0 addrgenmode none",
		"ip address add " + HostV4 + "/24 dev eth0",
		"ip address add " + HostV6 + "/64 dev eth0 nodad",
		"ip link set eth0 up",
		"ip -n outside address add " + OutsideV4 + "/24 dev eth0",
		"ip -n outside address add " + OutsideV6 + "/64 dev eth0 nodad",
		"ip -n outside link set eth0 up",
		"ip -n outside link set lo up",
		"ip route add default via " + OutsideV4,
		"ip route add default via " + OutsideV6,
	} {
		args := strings.Fields(command)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
	}
	return nil
}
