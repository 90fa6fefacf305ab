package containerd_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/containernetworking/plugins/integration/runtimes/containerd"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

// debian is where Debian's package has upstream's plugins.
const debian = "/usr/lib/cni"

// downgraders are the plugins that can give what they made the form that upstream's find.
func downgraders() []string {
	return []string{"bridge", "ptp", "firewall", "portmap", "host-device", "sbr", "tuning", "vrf"}
}

// The plugins are replaced while pods run, in both directions. The pods stay reachable, and
// what comes after removes what came before.
func TestSwap(t *testing.T) {
	// A downgrade removes empty folders as well.
	folders := regexp.MustCompile("^files: /run/cni/firewall/(attachments|claims) d")
	for _, v := range versions(t) {
		v.spec = "1.0.0" // upstream's latest there
		ours := machine.Ours(t)
		for _, direction := range []struct{ name, before, after string }{
			{"to ours", debian, ours}, {"from ours", ours, debian},
		} {
			t.Run(v.name+", "+direction.name, func(t *testing.T) {
				d := start(t, v, []string{bridged()})
				machine.MustInstall(t, direction.after)
				end(t, d, run(t, d, containerd.Pod{Name: "first", Ports: published()}))
				before := machine.Picture(t)
				machine.MustInstall(t, direction.before)
				pod := run(t, d, containerd.Pod{Name: "pod", Ports: published()})
				expectReachable(t, pod, "pod")
				expectPublished(t)
				if direction.after == debian {
					downgrade(t, ours)
				}
				machine.MustInstall(t, direction.after)
				expectPublished(t)
				beside := run(t, d, containerd.Pod{Name: "beside"})
				expectReachable(t, beside, "beside")
				end(t, d, pod)
				end(t, d, beside)
				machine.ExpectNothingLeft(t, before, folders)
			})
		}
	}
}

func downgrade(t testing.TB, bin string) {
	t.Helper()
	for _, plugin := range downgraders() {
		if out, err := exec.Command(filepath.Join(bin, plugin), "downgrade").CombinedOutput(); err != nil {
			t.Errorf("%s downgrade: %v: %s", plugin, err, out)
		}
	}
}
