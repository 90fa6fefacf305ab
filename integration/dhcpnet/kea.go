package dhcpnet

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// Kea starts kea-dhcp4 with one subnet of addresses from net.first to net.last,
// which are lent for the given seconds, and further keys for it.
func (s *Segment) Kea(t testing.TB, first, last, seconds int, subnet string) *node.Process {
	t.Helper()
	require(t, "kea-dhcp4")
	config := fmt.Sprintf(`{"Dhcp4": {
		"interfaces-config": {"interfaces": ["eth0"], "dhcp-socket-type": "raw"},
		"valid-lifetime": %[1]d, "renew-timer": %[2]d, "rebind-timer": %[3]d, "calculate-tee-times": false,
		"lease-database": {"type": "memfile", "persist": true, "name": "%[4]s", "lfc-interval": 0},
		"subnet4": [{"subnet": "%[5]s.0/24", "pools": [{"pool": "%[5]s.%[6]d - %[5]s.%[7]d"}] %[8]s}],
		"loggers": [{"name": "kea-dhcp4", "output_options": [{"output": "stdout", "flush": true}], "severity": "DEBUG", "debuglevel": 40}]}}`,
		seconds, seconds/2, seconds*3/4, s.leaseFile(), s.Net, first, last, subnet)
	path := filepath.Join(s.dir, "kea.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.Start(t, "env", "KEA_LOCKFILE_DIR="+s.dir, "KEA_PIDFILE_DIR="+s.dir, "kea-dhcp4", "-c", path)
	p.Await(t, "DHCP4_STARTED", 1, startTime)
	return p
}
