package release_test

import (
	"debug/elf"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plugins are in the order of a tarball.
var plugins = strings.Fields("bandwidth bridge dhcp dummy firewall host-device host-local ipvlan loopback macvlan portmap ptp sbr static tap tuning vlan vrf")

// machines are what the architectures of the release are called in the header of an
// executable.
var machines = func() map[string]elf.Machine {
	all := map[string]elf.Machine{
		"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "ppc64le": elf.EM_PPC64,
		"s390x": elf.EM_S390, "riscv64": elf.EM_RISCV, "mips64le": elf.EM_MIPS, "loong64": elf.EM_LOONGARCH,
	}
	if wanted := strings.Fields(os.Getenv("ARCHITECTURES")); len(wanted) > 0 {
		maps.DeleteFunc(all, func(architecture string, _ elf.Machine) bool { return !slices.Contains(wanted, architecture) })
	}
	return all
}()

// Two builds are the same bytes.
func TestReproducible(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("diff", "--recursive", "--brief", must(t, dist), must(t, again)).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	names, err := os.ReadDir(must(t, dist))
	if err != nil {
		t.Fatal(err)
	}
	// Tarballs and their sums, packages; image, SBOM, notes, sums.
	if want := len(machines)*(2+2+2) + 4; len(names) != want {
		t.Errorf("%d files, want %d", len(names), want)
	}
}

func TestSums(t *testing.T) {
	t.Parallel()
	output(t, "sh", "-ec", `cd "$0"; sha256sum --check --strict --quiet SHA256SUMS *.sha256`, must(t, dist))
}

// The tarballs have what those of containernetworking/plugins have, where they have it.
func TestTarballs(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string][]string{
		"":        append([]string{"", "LICENSE", "README.md"}, plugins...),
		"bundle-": append([]string{"", "LICENSE", "README.md", "bandwidth", "bridge", "cni-plugins"}, plugins[2:]...),
	} {
		for architecture, machine := range machines {
			dir := t.TempDir()
			tarball := file(t, "cni-plugins-"+kind+"linux-"+architecture+"-"+version+".tgz")
			listed := strings.Split(strings.TrimSpace(output(t, "tar", "-tzf", tarball)), "\n")
			for i := range listed {
				listed[i] = strings.TrimPrefix(listed[i], "./")
			}
			if diff := cmp.Diff(want, listed); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tarball, diff)
			}
			output(t, "tar", "-xzf", tarball, "-C", dir)
			for _, name := range plugins {
				checkExecutable(t, filepath.Join(dir, name), machine)
			}
		}
	}
}

// checkExecutable expects one for a machine that needs no library.
func checkExecutable(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	libraries, err := binary.ImportedLibraries()
	if info.Mode() != 0o755 || binary.Machine != machine || err != nil || len(libraries) > 0 {
		t.Errorf("%s: mode %o, machine %v, libraries %v, %v", path, info.Mode(), binary.Machine, libraries, err)
	}
}

// What a tarball has says that it is the release.
func TestVersion(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "bundle-"} {
		dir := t.TempDir()
		output(t, "tar", "-xzf", file(t, "cni-plugins-"+kind+"linux-amd64-"+version+".tgz"), "-C", dir)
		if said := output(t, filepath.Join(dir, "firewall")); !strings.HasPrefix(said, "CNI firewall plugin "+version+"\n") {
			t.Errorf("%s", said)
		}
	}
}
