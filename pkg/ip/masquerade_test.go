//go:build linux

package ip_test

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/ip"
)

// natRules returns what iptables-save and nft list of masquerading, without what
// is there in any case.
func natRules() (string, error) {
	out, err := exec.Command("sh", "-c", "iptables-save -t nat 2>/dev/null; ip6tables-save -t nat 2>/dev/null; nft list table inet cni_plugins_masquerade 2>/dev/null").Output()
	if err != nil && len(out) == 0 {
		return "", err
	}
	var rules []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "-A ") || strings.Contains(line, "masquerade comment") || strings.Contains(line, "elements") {
			rules = append(rules, line)
		}
	}
	return strings.Join(rules, ""), nil
}

func withinNAT(t *testing.T, f func() error) {
	t.Helper()
	if _, err := exec.LookPath("iptables-save"); err != nil {
		t.Skipf("iptables is not installed: %v", err)
	}
	if err := node.New(t).Do(f); err != nil {
		t.Fatal(err)
	}
}

func TestSetupIPMasq(t *testing.T) {
	t.Parallel()
	const want = `-A POSTROUTING -s 10.88.0.5/32 -m comment --comment "a comment" -j CNI-CHAIN
-A CNI-CHAIN -d 10.88.0.0/16 -m comment --comment "a comment" -j ACCEPT
-A CNI-CHAIN ! -d 224.0.0.0/4 -m comment --comment "a comment" -j MASQUERADE
-A POSTROUTING -s fd00::5/128 -m comment --comment "a comment" -j CNI-CHAIN
-A CNI-CHAIN -d fd00::/64 -m comment --comment "a comment" -j ACCEPT
-A CNI-CHAIN ! -d ff00::/8 -m comment --comment "a comment" -j MASQUERADE
`
	v4 := &net.IPNet{IP: net.IPv4(10, 88, 0, 5), Mask: net.CIDRMask(16, 32)}
	v6 := &net.IPNet{IP: net.ParseIP("fd00::5"), Mask: net.CIDRMask(64, 128)}
	withinNAT(t, func() error {
		for range 2 {
			for _, n := range []*net.IPNet{v4, v6} {
				if err := ip.SetupIPMasq(n, "CNI-CHAIN", "a comment"); err != nil {
					return err
				}
			}
			if have, err := natRules(); err != nil || have != want {
				return fmt.Errorf("have %w\n%s", err, have)
			}
		}
		// The older form of the jump goes as well.
		old := exec.Command("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.88.0.5/16", "-m", "comment", "--comment", "a comment", "-j", "CNI-CHAIN")
		if err := old.Run(); err != nil {
			return err
		}
		for range 2 {
			for _, n := range []*net.IPNet{v4, v6} {
				if err := ip.TeardownIPMasq(n, "CNI-CHAIN", "a comment"); err != nil {
					return err
				}
			}
			if have, err := natRules(); err != nil || have != "" {
				return fmt.Errorf("left over %w\n%s", err, have)
			}
		}
		return nil
	})
}

func TestIPMasqForNetworks(t *testing.T) {
	t.Parallel()
	iptables, nftables, unknown := "iptables", "nftables", "foo"
	addresses := []*net.IPNet{{IP: net.IPv4(10, 88, 0, 5), Mask: net.CIDRMask(16, 32)}}
	withinNAT(t, func() error {
		for _, backend := range []*string{nil, &iptables, &nftables} {
			for _, remove := range []func() error{
				func() error { return ip.TeardownIPMasqForNetworks(addresses, "net", "eth0", "cid") },
				func() error {
					return ip.GCIPMasqForNetwork("net", []types.GCAttachment{{ContainerID: "other", IfName: "eth0"}})
				},
			} {
				if err := ip.SetupIPMasqForNetworks(backend, addresses, "net", "eth0", "cid"); err != nil {
					return err
				}
				if err := ip.GCIPMasqForNetwork("net", []types.GCAttachment{{ContainerID: "cid", IfName: "eth0"}}); err != nil {
					return err
				}
				if have, err := natRules(); err != nil || !strings.Contains(have, "10.88.0.5") {
					return fmt.Errorf("have %w\n%s", err, have)
				}
				if err := remove(); err != nil {
					return err
				}
				if have, err := natRules(); err != nil || have != "" {
					return fmt.Errorf("left over %w\n%s", err, have)
				}
			}
		}
		err := ip.SetupIPMasqForNetworks(&unknown, addresses, "net", "eth0", "cid")
		if err == nil || err.Error() != `unknown ipmasq backend "foo"` {
			return errors.Join(errors.New("unknown backend"), err)
		}
		return nil
	})
}
