#!/usr/bin/env bash
# nft(8) lists rules of iptables or of ip6tables without their NAT target, and exits 0.
#
# Debian 12 builds nft with the means to translate what iptables-nft wrote. In the family
# whose table was made first the target MASQUERADE is listed as `masquerade`. In the other
# one, whichever that is, the rule is listed up to its counter, as if it had no target at
# all; one line on standard error says "XT target MASQUERADE not found". So
# `nft list ruleset > FILE; nft -f FILE`, which is how many keep a firewall across a reload,
# ends masquerading of a family, and every exit status is 0.
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

masquerade() { # tool
	case $1 in
	iptables-nft) "$1" -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE ;;
	ip6tables-nft) "$1" -t nat -A POSTROUTING -s 2001:db8::/64 -j MASQUERADE ;;
	esac
}

for order in "iptables-nft ip6tables-nft" "ip6tables-nft iptables-nft"; do
	read -r first second <<<"$order"
	echo "first $first, then $second:"
	nft flush ruleset
	masquerade "$first"
	masquerade "$second"
	nft list ruleset >"$root/ruleset" 2>"$root/stderr" || fail "nft list ruleset does not exit 0"
	grep -v '^#' "$root/ruleset"
	sort -u "$root/stderr"
	[[ $(grep -c 'saddr' "$root/ruleset") == 2 ]] || fail "not both rules are listed"
	[[ $(grep -c 'masquerade' "$root/ruleset") == 1 ]] || fail "not one of both is listed with its target"

	nft flush ruleset
	nft -f "$root/ruleset" || fail "nft does not read what it listed"
	[[ $(nft list ruleset 2>/dev/null | grep -c 'masquerade') == 1 ]] || fail "the target is there again"
done
