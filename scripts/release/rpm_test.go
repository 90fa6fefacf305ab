package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fedoraPath is where the runtimes of distributions with RPM look for plugins.
const fedoraPath = "/usr/libexec/cni"

// force sets a variable of the shell to what keeps Debian 12's rpm from saying that it is the wrong tool.
const force = "force=--force-debian; rpm $force --version >/dev/null 2>&1 || force=; "

// rpmFile is the name of the package on amd64.
func rpmFile() string { return "cni-plugins-" + strings.TrimPrefix(version, "v") + "-1.x86_64.rpm" }

// The RPM package has its files where Fedora's has them, whose place it takes.
func TestRPM(t *testing.T) {
	t.Parallel()
	path := file(t, rpmFile())
	for query, wants := range map[string][]string{
		"--list":      {"/usr/libexec/cni/bridge\n", "/usr/libexec/cni/cni-plugins\n", "/usr/lib/systemd/system/cni-repair.service\n", "/usr/bin/cni-plugins\n"},
		"--provides":  {"containernetworking-plugins = " + strings.TrimPrefix(version, "v") + "\n"},
		"--obsoletes": {"containernetworking-plugins\n"},
		"--conflicts": {"containernetworking-plugins\n"},
		"--scripts":   {"systemctl try-restart cni-dhcp.service"},
		"--info":      {"Architecture: x86_64\n", "License     : Apache-2.0\n"},
	} {
		out := output(t, "rpm", "--query", "--package", query, path)
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("rpm %s lacks %q:\n%s", query, want, out)
			}
		}
	}
	if out, err := exec.Command("rpm", "--checksig", "--nosignature", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// installsRPM has rpm put the package in the place of a distribution's, upgrade it, and remove
// it, on whatever system: what runs there does not come from packages of that kind.
func installsRPM(t *testing.T, r root) {
	tree := t.TempDir()
	output(t, "sh", "-ec", `rpm2archive - <"$0" | tar -xz -C "$1"`, file(t, rpmFile()), tree)
	packRPM(t, r, "nfpm.yaml", "99.0.0", tree)
	packRPM(t, r, "testdata/other.yaml", "1.1.1", tree)
	out := r.run(t, force+`
		rpm $force --install /root/containernetworking-plugins-1.1.1-1.x86_64.rpm
		rpm $force --upgrade /release/`+rpmFile()+`
		rpm --query --all
		rpm --verify cni-plugins
		systemctl enable cni-repair.service cni-gc.timer >/dev/null 2>&1
		systemd-analyze verify --man=no cni-repair.service cni-gc.timer cni-gc.service cni-dhcp.socket cni-dhcp.service`)
	if out != strings.TrimSuffix(rpmFile(), ".rpm")+"\n" {
		t.Errorf("packages, and what is wrong with them:\n%s", out)
	}
	works(t, r, fedoraPath)
	out = r.run(t, force+underLoad(fedoraPath, `
		rpm $force --upgrade /root/cni-plugins-99.0.0-1.x86_64.rpm
		rpm --query --all
		rpm --verify cni-plugins
		systemctl is-enabled cni-repair.service cni-gc.timer`))
	if out != "cni-plugins-99.0.0-1.x86_64\nenabled\nenabled\n" {
		t.Errorf("%s", out)
	}
	works(t, r, fedoraPath)
	if left := r.run(t, force+`
		rpm $force --erase cni-plugins 2>/dev/null # systemctl tells what it removes
		rm /root/*.rpm
		rpm --query --all
		find /usr /etc /opt -name 'cni-*' -o -path '`+fedoraPath+`*' | grep -v /deb-systemd-helper- || true`); left != "" {
		t.Errorf("left:\n%s", left)
	}
}

// packRPM makes a package of the files in a folder, in the home of the system's root.
func packRPM(t *testing.T, r root, config, version, tree string) {
	t.Helper()
	cmd := exec.Command("go", "tool", "nfpm", "package", "--config", config, "--packager", "rpm", "--target", filepath.Join(string(r), "root")+"/")
	cmd.Env = append(os.Environ(), "ROOT="+tree, "ARCHITECTURE=amd64", "VERSION="+version, "MAINTAINER=nobody <nobody@localhost>")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nfpm: %v\n%s", err, out)
	}
}
