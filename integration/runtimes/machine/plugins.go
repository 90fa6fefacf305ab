package machine

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// BinDir is where runtimes find the plugins, and ConfDir the configurations of networks.
const (
	BinDir  = "/opt/cni/bin"
	ConfDir = "/etc/cni/net.d"
)

// Variable returns the value of an environment variable that the tests cannot do without.
func Variable(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set", name)
	}
	return value
}

// Ours returns the folder of our plugins.
func Ours(t testing.TB) string {
	t.Helper()
	return Variable(t, node.BinVariable)
}

// Install makes the plugins in a folder those that runtimes call, at one blow.
func Install(bin string) error {
	next := BinDir + ".next"
	if err := os.Symlink(bin, next); err != nil {
		return err
	}
	return os.Rename(next, BinDir)
}

// MustInstall is Install, for a test.
func MustInstall(t testing.TB, bin string) {
	t.Helper()
	if err := Install(bin); err != nil {
		t.Fatal(err)
	}
}

// Configure writes the configurations of the machine's networks, and leaves no others.
func Configure(networks ...string) error {
	if err := os.RemoveAll(ConfDir); err != nil {
		return err
	}
	if err := os.MkdirAll(ConfDir, 0o755); err != nil {
		return err
	}
	for i, network := range networks {
		ending := "conf"
		if strings.Contains(network, `"plugins"`) {
			ending = "conflist"
		}
		path := filepath.Join(ConfDir, fmt.Sprintf("%d.%s", 10+i, ending))
		if err := os.WriteFile(path, []byte(network), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// MustConfigure is Configure, for a test.
func MustConfigure(t testing.TB, networks ...string) {
	t.Helper()
	if err := Configure(networks...); err != nil {
		t.Fatal(err)
	}
}

// Picture shows what plugins may change on the machine.
func Picture(t testing.TB) hoststate.State {
	t.Helper()
	state, err := hoststate.Take(hoststate.Place{Files: []string{"/run/cni", "/var/lib/cni", "/run/netns"}})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// ExpectNothingLeft compares with a picture from before, when each network had had a
// container already: what its containers have in common stays, and what is ignored.
func ExpectNothingLeft(t testing.TB, before hoststate.State, ignored ...*regexp.Regexp) {
	t.Helper()
	if diff := hoststate.Diff(before, Picture(t), append(ignored, node.Lasting())...); diff != "" {
		t.Errorf("left behind:\n%s", diff)
	}
}

// Addresses lists the addresses in a network namespace but those of a link's own and of lo.
func Addresses(t testing.TB, netns string) []netip.Addr {
	t.Helper()
	var list []netip.Addr
	err := In(netns, func() error {
		all, err := net.InterfaceAddrs()
		for _, a := range all {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				return err
			}
			if ip := prefix.Addr(); ip.IsGlobalUnicast() {
				list = append(list, ip)
			}
		}
		return err
	})
	if err != nil || len(list) == 0 {
		t.Fatalf("addresses of %s: %v, %v", netns, list, err)
	}
	return list
}

// Shell runs a command, in which nothing is quoted, that must succeed.
func Shell(t testing.TB, command string) string {
	t.Helper()
	args := strings.Fields(command)
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}
