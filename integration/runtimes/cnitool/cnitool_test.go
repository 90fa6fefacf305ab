package cnitool

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

func TestMain(m *testing.M) { os.Exit(machine.Main(m)) }

// kernelsOwn are addresses and routes that the kernel gives a link in its own time.
var kernelsOwn = regexp.MustCompile(`^host (addresses|routes): .*(\bfe80::|\bff00::/8)`)

// example is a network configuration in the documentation.
type example struct{ readme, config, name, plugin string }

// Each example in the documentation goes through all verbs as it stands there, and leaves
// nothing. Where the kernel lacks a driver, or a daemon does not run, STATUS says so and ADD
// fails.
func TestExamples(t *testing.T) {
	machine.MustInstall(t, machine.Ours(t))
	for i, e := range examples(t) {
		t.Run(fmt.Sprintf("%s %d", e.readme, i), func(t *testing.T) { e.run(t) })
	}
}

// examples finds the configurations in the plugins' READMEs.
func examples(t testing.TB) []example {
	t.Helper()
	readmes, err := filepath.Glob("../../../plugins/*/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	for _, path := range append(readmes, "../../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?ms)^```[a-z]*\n(\\{.*?)^```$").FindAllStringSubmatch(string(text), -1) {
			var parsed struct {
				CNIVersion, Name, Type string
				Plugins                []struct{ Type string }
			}
			if err := json.Unmarshal([]byte(block[1]), &parsed); err != nil {
				t.Errorf("%s: %v in\n%s", path, err, block[1])
				continue
			}
			if parsed.CNIVersion == "" { // a part of one
				continue
			}
			if len(parsed.Plugins) > 0 {
				parsed.Type = parsed.Plugins[0].Type
			}
			list = append(list, example{filepath.Base(filepath.Dir(path)), block[1], parsed.Name, parsed.Type})
		}
	}
	if len(list) < 18 {
		t.Fatalf("%d examples, want one of each plugin", len(list))
	}
	return list
}

func (e example) run(t *testing.T) {
	e.furnish(t)
	machine.MustConfigure(t, e.config)
	if out, err := e.call(t, "status"); err != nil {
		if !regexp.MustCompile(`the kernel lacks|error dialing DHCP daemon`).MatchString(out) {
			t.Errorf("status: %v: %s", err, out)
		}
		if out, err := e.call(t, "add"); err == nil {
			t.Errorf("ADD succeeds after %v: %s", err, out)
		}
		return
	}
	e.must(t, "add", "del") // what the network's containers share stays
	before := machine.Picture(t)
	e.must(t, "add", "check", "status", "del", "del")
	machine.ExpectNothingLeft(t, before, kernelsOwn)
}

// furnish makes the namespace of the container, and the links that the examples mention.
func (e example) furnish(t *testing.T) {
	t.Helper()
	links := []string{"ens3", "ens3f0v4", "eth1"}
	commands := []string{"ip netns add example", "ip -n example link add k6t-eth0 type bridge"}
	for _, link := range links {
		commands = append(commands, fmt.Sprintf("ip link add %s up type veth peer name peer-%s", link, link), "ip link set peer-"+link+" up")
	}
	for _, command := range commands {
		machine.Shell(t, command)
	}
	t.Cleanup(func() {
		machine.Shell(t, "ip netns del example")
		for _, link := range links {
			machine.Shell(t, "ip link del "+link)
		}
		for _, bridge := range []string{"cni0", "pods0", "br0"} {
			_ = exec.Command("ip", "link", "del", bridge).Run() // where the example has made it
		}
	})
}

func (e example) must(t *testing.T, verbs ...string) {
	t.Helper()
	for _, verb := range verbs {
		if out, err := e.call(t, verb); err != nil {
			t.Fatalf("%s: %v: %s", verb, err, out)
		}
	}
}

func (e example) call(t *testing.T, verb string) (string, error) {
	t.Helper()
	ifName := "eth0"
	if e.plugin == "loopback" {
		ifName = "lo"
	}
	cmd := exec.Command(filepath.Join(machine.Variable(t, "CNI_TEST_RUNTIMES"), "cnitool"), verb, e.name, "/run/netns/example")
	cmd.Env = append(os.Environ(), "CNI_PATH="+machine.BinDir, "NETCONFPATH="+machine.ConfDir, "CNI_IFNAME="+ifName)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
