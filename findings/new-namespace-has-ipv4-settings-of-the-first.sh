#!/usr/bin/env bash
# A new network namespace has the IPv4 settings of the machine's first one, and no IPv6 settings of anybody.
#
# net.ipv4.conf.all and .default of a new namespace are copies of those that the machine's first namespace
# has at that moment, so that a container forwards, and filters by reverse path, as the host happens to.
# The namespace in which it is made does not count: inside a node that is a namespace itself (a cluster in
# containers, a test) a container has the settings of the machine below. IPv6 starts from the kernel's own
# settings. So forwarding of one container may be on for IPv4 and off for IPv6, with nobody having set either.
# net.core.devconf_inherit_init_net tells which: 0 this, 1 the first one for both, 2 none, and 3
# (Linux 5.8) the one that makes it. It is the machine's, and cannot be seen in other namespaces.
# Seen on Debian 12's User-mode Linux, as it takes a machine whose settings may be changed.
set -euo pipefail

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cd "$root"
apt-get -qq -o APT::Sandbox::User=root download user-mode-linux=6.1um4+b13 busybox-static=1:1.35.0-4+deb12u1+b1
for package in *.deb; do dpkg-deb -x "$package" .; done
modules=$(echo "$root"/usr/lib/uml/modules/*/kernel)

# first is the first process of the guest, which sees the file system of this machine read-only.
cat >first <<END
#!/bin/bash
export PATH=/usr/bin:/bin
tool() { $root/bin/busybox "\$@"; }
mount -t proc proc /proc
for module in lib/crc-ccitt net/ipv6/ipv6; do tool insmod $modules/\$module.ko; done
settings() { cat /proc/sys/net/ipv4/conf/{all/forwarding,default/rp_filter} /proc/sys/net/ipv6/conf/{all/forwarding,default/accept_ra} | paste -sd ' '; }
export -f settings
set_all() { echo \$1 >/proc/sys/net/ipv4/ip_forward; echo \$2 >/proc/sys/net/ipv4/conf/default/rp_filter; echo \$3 >/proc/sys/net/ipv6/conf/all/forwarding; echo \$4 >/proc/sys/net/ipv6/conf/default/accept_ra; }
export -f set_all
echo "Linux \$(uname -r)"
set_all 1 2 1 0
echo "machine: \$(settings)"
echo "container: \$(unshare --net bash -c settings)"
echo "node: \$(unshare --net bash -c 'set_all 0 0 1 2; settings')"
echo "container of the node: \$(unshare --net bash -c 'set_all 0 0 1 2; unshare --net bash -c settings')"
for ((i = 1; i <= 3; i++)); do
	echo \$i >/proc/sys/net/core/devconf_inherit_init_net
	echo "container of the node, \$i: \$(unshare --net bash -c 'set_all 0 0 1 2; unshare --net bash -c settings')"
done
unshare --net bash -c 'ls /proc/sys/net/core/devconf_inherit_init_net 2>/dev/null || echo "in the container: none"'
tool poweroff -f
END
chmod +x first
timeout 120 usr/bin/linux.uml mem=128M uml_dir="$root/" root=/dev/root rootfstype=hostfs rootflags=/ ro \
	init="$root/first" con=null con0=null,fd:1 ssl=null quiet </dev/null >console 2>stderr || true
echo "IPv4 forwarding, rp_filter, IPv6 forwarding, accept_ra"
tr -d '\r' <console | grep -E '^(Linux 6|machine|container|node|in the)' | tee seen
diff - <(tail -n +2 seen) <<'END' || { echo "changed" >&2; exit 1; }
machine: 1 2 1 0
container: 1 2 0 1
node: 0 0 1 2
container of the node: 1 2 0 1
container of the node, 1: 1 2 1 0
container of the node, 2: 0 0 0 1
container of the node, 3: 0 0 1 2
in the container: none
END
