#!/usr/bin/env bash
# The rule by which VRFs work is made once in the life of a network namespace.
#
# With the first VRF of a namespace the kernel makes the rule 1000, which looks up the table of
# whichever VRF a packet belongs to. It stays when the last VRF goes. And it does not come again:
# once somebody has removed it, VRFs that are made afterwards exist, have their interfaces and
# routes, and nothing is routed by them; nothing that is shown of the VRF itself tells. One who
# clears the rules of a namespace ends its VRFs for good, until a rule is made by hand.
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
for module in lib/crc-ccitt net/ipv6/ipv6 drivers/net/dummy drivers/net/vrf; do tool insmod $modules/\$module.ko; done
say() {
	local rules route
	rules=\$(ip rule | grep -c l3mdev)
	route=\$(ip route get 203.0.113.1 oif red 2>/dev/null | sed -n 's/.* table \([0-9]*\) .*/\1/p')
	echo "\$*: \$rules rules, table \${route:-of none}"
}
make() {
	ip link add red type vrf table 10
	ip link set red up
	ip link add blind type dummy
	ip link set blind master red up
	ip addr add 10.89.0.1/24 dev blind
	ip route add 203.0.113.0/24 dev blind table 10
}
echo "Linux \$(uname -r), \$(ip -V)"
say "before"
make
say "a VRF"
ip link del red
ip link del blind
say "none any more"
make
say "another one"
ip link del red
ip link del blind
ip rule del pref 1000
make
say "one after the rule was removed"
tool poweroff -f
END
chmod +x first
timeout 120 usr/bin/linux.uml mem=128M uml_dir="$root/" root=/dev/root rootfstype=hostfs rootflags=/ ro \
	init="$root/first" con=null con0=null,fd:1 ssl=null quiet </dev/null >console 2>stderr || true
tr -d '\r' <console | grep -E '^Linux 6|: . rules, ' | tee seen
diff - <(tail -n +2 seen) <<'END' || { echo "changed" >&2; exit 1; }
before: 0 rules, table of none
a VRF: 1 rules, table 10
none any more: 1 rules, table of none
another one: 1 rules, table 10
one after the rule was removed: 0 rules, table of none
END
