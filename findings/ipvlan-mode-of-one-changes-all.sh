#!/usr/bin/env bash
# An ipvlan device that is made with another mode changes the mode of those that are there.
#
# Mode and flag belong to the interface below, for all. Instead of refusing another mode, the
# kernel takes it as the new one for everybody, with no message: one who adds a container with
# mode l3 to a network of containers with mode l2 cuts these off, as nobody answers ARP for them
# any more. When the new one goes, the mode stays. Of macvlan each device has a mode of its own.
# Seen on Debian 12's User-mode Linux, as it needs no driver of the machine's kernel.
set -euo pipefail

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cd "$root"
apt-get -qq -o APT::Sandbox::User=root download user-mode-linux=6.1um4+b13 \
	busybox-static=1:1.35.0-4+deb12u1+b1 iproute2=6.1.0-3
for package in *.deb; do dpkg-deb -x "$package" .; done
modules=$(echo "$root"/usr/lib/uml/modules/*/kernel)

# first is the first process of the guest, which sees the file system of this machine read-only.
cat >first <<END
#!/bin/bash
export PATH=$root/sbin:/usr/bin:/bin
tool() { $root/bin/busybox "\$@"; }
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
for module in lib/crc-ccitt net/ipv6/ipv6 drivers/net/veth drivers/net/ipvlan/ipvlan; do
	tool insmod $modules/\$module.ko
done
say() {
	local mode answer=silent
	mode=\$(ip -n a -details link show eth0 | sed -n 's/.* ipvlan  *mode \([^ ]*\) .*/\1/p')
	ip -n neighbour neigh flush all
	! ip netns exec neighbour $root/bin/busybox ping -c 1 -W 2 10.89.0.2 >/run/ping || answer=answers
	echo "\$*: mode \$mode, \$answer"
}
echo "Linux \$(uname -r), \$(ip -V)"
for name in neighbour a b; do ip netns add \$name; done
ip link add cable type veth peer name eth0 netns neighbour
ip -n neighbour addr add 10.89.0.1/24 dev eth0
ip -n neighbour link set eth0 up
ip link set cable up
ip -n neighbour link show eth0 >/run/up # is up to date then
ip link add link cable name eth0 netns a type ipvlan mode l2
ip -n a addr add 10.89.0.2/24 dev eth0
ip -n a link set eth0 up
say "a"
ip link add link cable name eth0 netns b type ipvlan mode l3 && echo added
say "a, and b with l3"
ip -n b link del eth0
say "a alone again"
tool poweroff -f
END
chmod +x first
timeout 120 usr/bin/linux.uml mem=128M uml_dir="$root/" root=/dev/root rootfstype=hostfs rootflags=/ ro \
	init="$root/first" con=null con0=null,fd:1 ssl=null quiet </dev/null >console 2>stderr || true
tr -d '\r' <console | grep -E '^Linux 6|: mode ' | tee seen
diff - <(tail -n +2 seen) <<'END' || { echo "changed" >&2; exit 1; }
a: mode l2, answers
a, and b with l3: mode l3, silent
a alone again: mode l3, silent
END
