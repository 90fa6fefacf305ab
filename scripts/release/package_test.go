package release_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// On each Debian the package takes the place of the distribution's, is upgraded, and is
// removed, and the image runs beside it. One root serves all.
func TestDebian(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			r := newRoot(t, suite)
			before := r.run(t, listing)
			for _, step := range []struct {
				name string
				run  func(*testing.T, root)
			}{
				{"image", imageRuns}, {"install", installs}, {"reboot", reboots}, {"units", enables}, {"upgrade", upgrades}, {"remove", removes},
				{"back", goesBack}, {"replace", replaces}, {"remove again", removes}, {"back again", goesBack},
			} {
				if !t.Run(step.name, func(t *testing.T) { step.run(t, r) }) {
					return
				}
			}
			if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(r.run(t, listing), "\n")); diff != "" {
				t.Errorf("files (-before +after):\n%s", diff)
			}
			// Last, since rpm takes units away that Debian's package has as well.
			t.Run("RPM", func(t *testing.T) { installsRPM(t, r) })
		})
	}
}

// listing lists what packages may leave.
const listing = `find /usr/lib/cni /usr/lib/systemd /etc/systemd /usr/bin /usr/share /opt 2>/dev/null | sort || true`

// debianPath is where Debian's runtimes look for plugins.
const debianPath = "/usr/lib/cni"

// debian is the name of the package file on amd64.
func debian() string {
	return "/release/cni-plugins_" + strings.TrimPrefix(version, "v") + "-1_amd64.deb"
}

// installs puts the package in the place of Debian's: what depends on that stays.
func installs(t *testing.T, r root) {
	r.run(t, "apt-get install -qq --no-install-recommends "+debian())
	status := r.run(t, `dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' cni-plugins podman containerd
		dpkg-query --show --showformat='${db:Status-Status}\n' containernetworking-plugins || true`)
	if !strings.HasPrefix(status, "cni-plugins installed\ncontainerd installed\npodman installed\n") || strings.HasSuffix(status, "\ninstalled\n") {
		t.Errorf("packages:\n%s", status)
	}
	works(t, r, debianPath)
	r.run(t, "apt-get check && dpkg --verify cni-plugins && cni-plugins gc --bin-dir /usr/lib/cni --netns /run --dry-run")
}

// works expects the release's plugins where a distribution's runtimes look for them.
func works(t *testing.T, r root, dir string) {
	t.Helper()
	for _, name := range plugins {
		if said := r.run(t, dir+"/"+name); !strings.HasPrefix(said, "CNI "+name+" plugin "+version+"\n") {
			t.Errorf("%s says %s", name, said)
		}
	}
	out := r.run(t, `ip netns add c
		export CNI_CONTAINERID=c CNI_NETNS=/run/netns/c CNI_IFNAME=eth0 CNI_PATH=`+dir+`
		for CNI_COMMAND in ADD DEL; do
			export CNI_COMMAND
			echo '{"cniVersion": "1.0.0", "name": "n", "type": "ptp", "ipam": {"type": "host-local", "subnet": "10.1.2.0/24"}}' | $CNI_PATH/ptp
		done`)
	if !strings.Contains(out, `"address": "10.1.2.`) {
		t.Errorf("%s", out)
	}
}

// reboots has Podman run a container with CNI, and the node stop without notice: gc frees
// what the container had.
func reboots(t *testing.T, r root) {
	if !strings.HasPrefix(r.run(t, "podman --version"), "podman version 4.") {
		return // it has no CNI
	}
	const look = "\nfind /var/lib/cni/results /var/lib/cni/networks/podman -type f -name '[0-9p]*'"
	before := r.run(t, `mkdir /tmp/root /tmp/root/bin /tmp/root/lib64 /tmp/root/lib
		cp /bin/sleep /tmp/root/bin
		cp --dereference /lib64/ld-linux* /tmp/root/lib64
		cp --dereference /lib/*-linux-gnu/libc.so.6 /tmp/root/lib
		printf '[network]\nnetwork_backend = "cni"\n' >/etc/containers/containers.conf
		`+podman+`
		$podman run --detach --cgroups disabled --security-opt seccomp=unconfined --rootfs /tmp/root /bin/sleep 1000 >/dev/null
		rm /etc/containers/containers.conf`+look)
	if !strings.Contains(before, "/10.88.0.2\n") || strings.Count(before, "\n") != 2 {
		t.Fatalf("before:\n%s", before)
	}
	if out := r.run(t, "mkdir /run/netns; cni-plugins gc --bin-dir /usr/lib/cni --netns /run/netns"+look); !strings.HasSuffix(out, "attachments that live: 0, that are gone: 1\n") {
		t.Errorf("%s", out)
	}
}

// enables enables the units, which know where the plugins are.
func enables(t *testing.T, r root) {
	const units = "cni-repair.service cni-repair-firewalld.service cni-gc.timer cni-gc-boot.service cni-dhcp.socket cni-dhcp.service"
	r.run(t, "systemctl enable "+units)
	if out := r.run(t, "cd /usr/lib/systemd/system; systemd-analyze verify --man=no "+units+" cni-repair-start.service cni-gc.service; ! grep -l /opt/cni cni-*"); out != "" {
		t.Errorf("%s", out)
	}
}

// underLoad has plugins called while a script runs, of which every call must succeed.
func underLoad(dir, script string) string {
	return `
		: >/tmp/failures
		( while ! [ -e /tmp/stop ]; do
			for plugin in bandwidth bridge ptp vrf; do
				` + dir + `/$plugin >/tmp/said 2>&1 || cat /tmp/said >>/tmp/failures
			done
			echo >>/tmp/rounds
		done ) &
		while ! [ -s /tmp/rounds ]; do sleep 0.1; done
		` + script + `
		touch /tmp/stop
		wait
		[ "$(wc -l </tmp/rounds)" -gt 5 ]
		cat /tmp/failures
		[ ! -s /tmp/failures ]`
}

// upgrades installs a newer package, while the plugins are called: units stay enabled.
func upgrades(t *testing.T, r root) {
	out := r.run(t, underLoad(debianPath, `
		dpkg-deb --raw-extract `+debian()+` /tmp/newer
		sed -i 's/^Version: .*/Version: 99.0.0-1/' /tmp/newer/DEBIAN/control
		dpkg-deb --root-owner-group --build /tmp/newer /tmp/newer.deb >/dev/null
		apt-get install -qq --no-install-recommends /tmp/newer.deb >/dev/null 2>&1
		dpkg-query --show --showformat='${Version}\n' cni-plugins
		systemctl is-enabled cni-repair.service cni-gc.timer`))
	if !strings.HasSuffix(out, "99.0.0-1\nenabled\nenabled\n") {
		t.Errorf("%s", out)
	}
	works(t, r, debianPath)
}

// removes removes the package, with all it has brought.
func removes(t *testing.T, r root) {
	r.run(t, "dpkg --purge --force-depends cni-plugins")
	if left := r.run(t, `find / -xdev \( -path /release -o -path /proc \) -prune -o \( -name 'cni-*' -o -path '/usr/lib/cni*' \) -print |
		grep -v /deb-systemd-helper- || true`); left != "" {
		t.Errorf("left:\n%s", left)
	}
}

// goesBack installs Debian's package again.
func goesBack(t *testing.T, r root) {
	r.run(t, "dpkg --install /root/containernetworking-plugins_*.deb")
	if said, err := r.try(must(t, dist), "/usr/lib/cni/ptp"); strings.Contains(said, version) {
		t.Errorf("%v: %s", err, said)
	}
}

// replaces puts the package in the place of Debian's, while the plugins are called, as dpkg
// does by itself: apt removes what is to be replaced first.
func replaces(t *testing.T, r root) {
	r.run(t, underLoad(debianPath, "dpkg --install "+debian()))
	works(t, r, debianPath)
}
