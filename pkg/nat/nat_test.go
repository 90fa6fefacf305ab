package nat_test

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
)

// within runs f on a node of its own. As it runs on a goroutine of its
// own, f returns errors rather than to call t.Fatal.
func within(t testing.TB, f func() error) {
	t.Helper()
	if err := node.New(t).Do(f); err != nil {
		t.Fatal(err)
	}
}

// cidrs parses addresses; they keep their host part.
func cidrs(texts ...string) []*net.IPNet {
	var out []*net.IPNet
	for _, s := range texts {
		ip, n, err := net.ParseCIDR(s)
		if err != nil {
			panic(err)
		}
		n.IP = ip
		if v4 := ip.To4(); v4 != nil {
			n.IP = v4
		}
		out = append(out, n)
	}
	return out
}

var (
	one   = owner.Attachment{Network: "unit-test", ContainerID: "one", IfName: "eth0"}
	two   = owner.Attachment{Network: "unit-test", ContainerID: "two", IfName: "eth0"}
	other = owner.Attachment{Network: "alternate", ContainerID: "three", IfName: "net1"}
)

// run runs a tool and returns what it prints.
func run(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

var counters = regexp.MustCompile(`\[\d+:\d+\]`)

// ruleset returns all state of nftables.
func ruleset() (string, error) { return run("nft", "list", "ruleset") }

// saved returns the rules of iptables for IPv4, or of ip6tables for IPv6.
func saved(tool string) (string, error) {
	out, err := run(tool+"-save", "-t", "nat")
	var lines []string
	for line := range strings.Lines(counters.ReplaceAllString(out, "[0:0]")) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ""), err
}

// expect compares two dumps.
func expect(what, want, have string, err error) error {
	if err != nil {
		return err
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(have, "\n")); diff != "" {
		return fmt.Errorf("%s (-want +have):\n%s", what, diff)
	}
	return nil
}

func mustOpen(backend string) nat.Masquerade {
	m, err := nat.Open(&backend)
	if err != nil {
		panic(err)
	}
	return m
}
