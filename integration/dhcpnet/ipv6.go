package dhcpnet

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// SetUpIPv6 gives the server's interface the addresses prefix::1/64 and fe80::1,
// both for use at once. The node itself ignores what a router on the bridge
// advertises.
func (s *Segment) SetUpIPv6(t testing.TB, prefix string) {
	t.Helper()
	s.node.Exec(t, "sysctl", "-qw", "net.ipv6.conf."+s.Bridge+".accept_ra=0")
	s.Exec(t, "sh", "-ec", fmt.Sprintf(`
		ip addr add %s::1/64 dev eth0 nodad
		ip addr flush dev eth0 scope link
		ip addr add fe80::1/64 dev eth0 nodad
		sysctl -qw net.ipv6.conf.eth0.forwarding=1`, prefix))
}

// Kea6 starts kea-dhcp6 with one address of the prefix, which is lent for the given
// seconds.
func (s *Segment) Kea6(t testing.TB, prefix, host string, seconds int) *node.Process {
	t.Helper()
	require(t, "kea-dhcp6")
	config := fmt.Sprintf(`{"Dhcp6": {
		"interfaces-config": {"interfaces": ["eth0"]},
		"server-id": {"type": "EN", "enterprise-id": 1, "identifier": "01", "persist": false},
		"preferred-lifetime": %[1]d, "valid-lifetime": %[1]d, "renew-timer": %[2]d, "rebind-timer": %[3]d, "calculate-tee-times": false,
		"lease-database": {"type": "memfile", "persist": true, "name": "%[4]s6", "lfc-interval": 0},
		"subnet6": [{"subnet": "%[5]s::/64", "interface": "eth0", "pools": [{"pool": "%[5]s::%[6]s/128"}]}],
		"loggers": [{"name": "kea-dhcp6", "output_options": [{"output": "stdout", "flush": true}], "severity": "DEBUG", "debuglevel": 40}]}}`,
		seconds, seconds/2, seconds*3/4, s.leaseFile(), prefix, host)
	path := filepath.Join(s.dir, "kea6.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.Start(t, "env", "KEA_LOCKFILE_DIR="+s.dir, "KEA_PIDFILE_DIR="+s.dir, "kea-dhcp6", "-c", path)
	p.Await(t, "DHCP6_STARTED", 1, startTime)
	return p
}
