package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// Where the units for systemd are.
const (
	units     = "../scripts/systemd"
	dhcpUnits = "../plugins/ipam/dhcp/systemd"
)

// unitCommands returns the values of a key of a unit, for sh(1), with the plugins
// that are tested.
func unitCommands(t *testing.T, unit, key string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(units, unit))
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, key+"="); ok {
			commands = append(commands, strings.NewReplacer("$$", "$", "/opt/cni/bin/cni-plugins", bundle(t)).Replace(strings.TrimSpace(command)))
		}
	}
	return commands
}

func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skipf("systemd is not installed: %v", err)
	}
	var paths []string
	for _, pattern := range []string{units + "/*.service", units + "/*.timer", dhcpUnits + "/*.service", dhcpUnits + "/*.socket"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no units %s: %v", pattern, err)
		}
		for _, path := range found {
			if path, err = filepath.Abs(path); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	n := node.New(t)
	n.Exec(t, "mount", "-t", "tmpfs", "tmpfs", "/opt")
	n.Exec(t, bundle(t), "install")
	if out := n.Exec(t, "systemd-analyze", append([]string{"verify", "--man=no", "--recursive-errors=yes"}, paths...)...); out != "" {
		t.Error(out)
	}
}

// A restart of the daemon leaves its socket, where calls wait that come meanwhile: systemd would restart
// a part of the service with it.
func TestSocketOutlivesDaemon(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(dhcpUnits, "cni-dhcp.socket"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "PartOf=") || strings.HasPrefix(line, "BindsTo=") {
			t.Error(line)
		}
	}
}

// A packet filter that starts while cni-repair.service is active, which stays so to be reloaded, starts a
// service that does not stay active. That is enabled with the other one.
func TestRepairAfterStart(t *testing.T) {
	t.Parallel()
	filters := unitCommands(t, "cni-repair.service", "PartOf")
	if got := unitCommands(t, "cni-repair-start.service", "WantedBy"); len(filters) != 1 || !slices.Equal(got, filters) {
		t.Errorf("wanted by %q, want %q", got, filters)
	}
	if got := unitCommands(t, "cni-repair-start.service", "RemainAfterExit"); got != nil {
		t.Errorf("remains active: %q", got)
	}
	if got := unitCommands(t, "cni-repair.service", "Also"); !slices.Equal(got, []string{"cni-repair-start.service"}) {
		t.Errorf("enabled with cni-repair.service: %q", got)
	}
}

// The service repairs for all plugins, and tells if it cannot for one of them.
func TestRepairService(t *testing.T) {
	t.Parallel()
	for _, run := range [][2]string{{"cni-repair.service", "ExecStart"}, {"cni-repair.service", "ExecReload"}, {"cni-repair-start.service", "ExecStart"}} {
		n := node.New(t)
		masqueraded := bridgeCall(n.Container(t, "c"), `"isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", `+bridged)
		calls := []node.Call{
			masqueraded.With("prevResult", n.Must(t, "ADD", masqueraded)),
			firewallCall("c", backendKey("nftables"), "10.50.0.2/16"),
			portmapCall("c", backendKey("nftables"), goldenMappings, "10.50.0.2/16"),
		}
		for _, call := range calls[1:] {
			n.Must(t, "ADD", call)
		}
		command := unitCommands(t, run[0], run[1])
		if len(command) != 1 {
			t.Fatalf("%s: %q", run, command)
		}
		n.Exec(t, "nft", "flush", "ruleset")
		n.Exec(t, "sh", "-c", command[0])
		for _, call := range calls {
			n.Must(t, "CHECK", call)
		}
		n.Exec(t, "sh", "-ec", "nft flush ruleset; sed -i 's/nftables/firewalld/' /run/cni/firewall/attachments/*")
		if out, err := n.Try("sh", "-c", command[0]); err == nil || !strings.Contains(err.Error(), "firewalld does not run") {
			t.Errorf("without firewalld: %v, %s", err, out)
		}
		n.Must(t, "CHECK", calls[0])
		n.Must(t, "CHECK", calls[2])
	}
}
