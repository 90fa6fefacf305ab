package containerd_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/plugins/integration/runtimes/containerd"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

func TestMain(m *testing.M) { os.Exit(machine.Main(m)) }

// version is a containerd to test with, and the newest version of the specification that it
// knows.
type version struct{ name, programs, spec string }

// versions lists Debian's containerd and, unless time is short, a later one.
func versions(t testing.TB) []version {
	t.Helper()
	list := []version{{"Debian's containerd", "", "1.0.0"}}
	if !testing.Short() {
		list = append(list, version{"containerd 2", machine.Variable(t, "CNI_TEST_RUNTIMES"), "1.1.0"})
	}
	return list
}

// each runs a test with each containerd, on a machine where our plugins serve the networks.
func each(t *testing.T, networks []string, test func(t *testing.T, d *containerd.Daemon)) {
	t.Helper()
	for _, v := range versions(t) {
		t.Run(v.name, func(t *testing.T) {
			machine.MustInstall(t, machine.Ours(t))
			test(t, start(t, v, networks))
		})
	}
}

// start starts a containerd for the time of a test. VERSION in the configurations of the
// networks stands for that of the specification.
func start(t testing.TB, v version, networks []string) *containerd.Daemon {
	t.Helper()
	var configs []string
	for _, network := range networks {
		configs = append(configs, strings.ReplaceAll(network, "VERSION", v.spec))
	}
	machine.MustConfigure(t, configs...)
	d := &containerd.Daemon{Programs: v.programs, Networks: len(networks)}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("containerd:\n%s", warnings(d.Log()))
		}
		if err := d.End(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for _, dir := range []string{"/run/containerd", "/var/lib/containerd"} {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

// warnings picks what is worth reading from a log of containerd's.
func warnings(log string) string {
	var picked []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "level=error") || strings.Contains(line, "level=warn") {
			picked = append(picked, line)
		}
	}
	return strings.Join(picked[max(0, len(picked)-20):], "")
}
