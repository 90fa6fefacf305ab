#!/usr/bin/env bash
# nft(8) lists rules of ip6tables without their NAT target, and exits 0.
#
# Debian 12 builds nft with the means to translate what iptables-nft wrote. For IPv4 the
# target MASQUERADE is listed as `masquerade`. For IPv6 the rule is listed up to its
# counter, as if it had no target at all; one line on standard error says "XT target
# MASQUERADE not found". So `nft list ruleset > FILE; nft -f FILE`, which is how many keep
# a firewall across a reload, ends IPv6 masquerading, and every exit status is 0.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download iptables=1.8.9-2 libxtables12=1.8.9-2 libip4tc2=1.8.9-2 libip6tc2=1.8.9-2 \
		nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2
	for package in *.deb; do dpkg-deb -x "$package" .; done
	root=$root unshare --net bash "$script"
	exit
fi
library=$root/usr/lib/$(uname -m)-linux-gnu
export PATH=$root/usr/sbin:$PATH LD_LIBRARY_PATH=$library XTABLES_LIBDIR=$library/xtables

fail() {
	echo "changed: $*" >&2
	exit 1
}

iptables-nft --version
nft --version

iptables-nft -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE
ip6tables-nft -t nat -A POSTROUTING -s 2001:db8::/64 -j MASQUERADE
echo "listed:"
nft list ruleset >"$root/ruleset" 2>"$root/stderr" || fail "nft list ruleset does not exit 0"
grep -v '^#' "$root/ruleset"
sort -u "$root/stderr"

grep -q 'ip saddr 192.0.2.0/24 .*masquerade' "$root/ruleset" || fail "the rule of IPv4 is listed without its target"
grep -q 'ip6 saddr 2001:db8::/64' "$root/ruleset" || fail "the rule of IPv6 is not listed"
! grep 'ip6 saddr' "$root/ruleset" | grep -i masquerade >/dev/null || fail "the rule of IPv6 is listed with its target"

nft flush ruleset
nft -f "$root/ruleset" || fail "nft does not read what it listed"
echo "read back, ip6tables says:"
ip6tables-nft -t nat -S POSTROUTING
! ip6tables-nft -t nat -S POSTROUTING | grep MASQUERADE >/dev/null || fail "the target is there again"
