package release_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// suites are the releases of Debian that packages and image are tried on.
var suites = []string{"bookworm", "trixie"}

// root is a fresh Debian with the distribution's plugins and runtimes.
type root string

// newRoot makes one from the mirror that this machine's apt uses. What is mounted for that
// is in a namespace of its own, so that nothing stays.
func newRoot(t *testing.T, suite string) root {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	mirror, _, _ := strings.Cut(output(t, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"), "\n")
	output(t, "unshare", "--mount", "mmdebstrap", "--quiet", "--variant=apt",
		"--include=containernetworking-plugins,containerd,runc,podman,crun,systemd,iproute2,iptables,nftables,rpm",
		// To go back to it, without a network.
		`--customize-hook=chroot "$1" sh -c "cd /root && apt-get download containernetworking-plugins"`,
		suite, dir, mirror)
	return root(dir)
}

// run runs a script of sh(1) on the Debian, with processes, network and mounts of its
// own, and returns what it prints. Below /release is the release.
func (r root) run(t *testing.T, script string) string {
	t.Helper()
	out, err := r.try(must(t, dist), script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// try is run for a script that may fail.
func (r root) try(release, script string) (string, error) {
	const enter = `
		mount --bind "$1" "$1"
		mount -t proc proc "$1/proc"
		mount -t sysfs sysfs "$1/sys"
		mount --rbind /sys/fs/cgroup "$1/sys/fs/cgroup"
		mount --rbind /dev "$1/dev"
		for dir in run tmp var/lib/containers var/lib/containerd; do
			mkdir -p "$1/$dir"
			mount -t tmpfs tmpfs "$1/$dir"
		done
		mkdir -p "$1/release"
		mount --bind -o ro "$2" "$1/release"
		exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -ec "$3"`
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
		"sh", "-ec", enter, "sh", string(r), release, script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
