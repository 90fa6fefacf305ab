package nat_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
)

// upstreams is where Debian's package containernetworking-plugins has upstream's
// plugins.
const upstreams = "/usr/lib/cni"

// Each side removes what the other one made.
func TestInterop(t *testing.T) {
	if _, err := os.Stat(filepath.Join(upstreams, "ptp")); err != nil {
		t.Skipf("upstream's plugins are not installed: %v", err)
	}
	for _, plugin := range []string{"ptp", "bridge"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			within(t, func() error {
				container, err := ns.TempNetNS()
				if err != nil {
					return err
				}
				defer container.Close()
				config := func(masquerade bool) string {
					return fmt.Sprintf(`{
					"cniVersion": "1.0.0", "name": "unit-test", "type": %q, "bridge": "br0", "ipMasq": %t,
					"ipam": {"type": "host-local", "dataDir": %q, "ranges": [
						[{"subnet": "10.88.0.0/16", "rangeStart": "10.88.0.5", "rangeEnd": "10.88.0.5"}],
						[{"subnet": "fd00:88::/64", "rangeStart": "fd00:88::5", "rangeEnd": "fd00:88::5"}]
					]}
				}`, plugin, masquerade, dir)
				}
				call := func(verb string, masquerade bool) error {
					cmd := exec.Command(filepath.Join(upstreams, plugin))
					cmd.Env = append(os.Environ(), "CNI_COMMAND="+verb, "CNI_CONTAINERID=one", "CNI_IFNAME=eth0",
						"CNI_NETNS="+container.Path(), "CNI_PATH="+upstreams)
					cmd.Stdin = strings.NewReader(config(masquerade))
					out, err := cmd.CombinedOutput()
					if err != nil {
						return fmt.Errorf("upstream's %s %s: %w: %s", plugin, verb, err, out)
					}
					return nil
				}
				m := mustOpen("iptables")
				addresses := cidrs("10.88.0.5/16", "fd00:88::5/64")
				// With masquerading, its DEL would complain about the missing chain.
				if err := errors.Join(call("ADD", true), m.Check(one, addresses, nat.Options{}), nat.Del(one), expectEmpty()); err != nil {
					return fmt.Errorf("our DEL: %w", err)
				}
				if err := errors.Join(call("DEL", false), call("ADD", true), nat.GC("unit-test", []owner.Attachment{two}), expectEmpty()); err != nil {
					return fmt.Errorf("our GC: %w", err)
				}
				// Upstream's DEL takes the addresses from the interface.
				if err := errors.Join(m.Add(one, addresses, nat.Options{}), call("DEL", true), expectEmpty()); err != nil {
					return fmt.Errorf("upstream's DEL: %w", err)
				}
				return nil
			})
		})
	}
}
