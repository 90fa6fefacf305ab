#!/usr/bin/env bash
# The exit status of iptables-save says nothing about whether it could read the table,
# and tables that iptables calls incompatible still take new rules.
#
# iptables-nft 1.8.9 keeps its tables in nftables. Where a chain has a rule that nft(8)
# wrote, iptables-save prints one comment line instead of the table and exits 0, so that a
# program takes a table full of rules for an empty one. With other native rules it prints
# a part of the table and exits 3.
# In both cases `iptables -S` of a chain exits 1, as for a chain that does not exist, and
# `iptables -A` and `iptables-restore --noflush` go on adding rules without complaint.
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

# status runs a command, shows what it prints, and sets $status and $output.
status() {
	status=0
	output=$("$@" 2>&1) || status=$?
	printf '%s: exit status %d\n%s\n' "$*" "$status" "$output" | sed '2,$s/^/    /'
}

for rule in "fib daddr type local accept" "meta mark set 0x7"; do
	echo "--- with the native rule: $rule"
	nft flush ruleset
	iptables-nft -t nat -N MINE
	iptables-nft -t nat -A MINE -j ACCEPT
	nft add chain ip nat foreign
	nft add rule ip nat foreign "$rule"

	status iptables-nft-save -t nat
	case $rule in
	fib*) [[ $status == 0 && $output != *"-A MINE"* ]] || fail "iptables-save prints the table, or says that it cannot" ;;
	meta*) [[ $status != 0 ]] || fail "iptables-save exits 0" ;;
	esac
	status iptables-nft -t nat -S foreign
	[[ $status != 0 ]] || fail "iptables -S reads the chain"
	status iptables-nft -t nat -A MINE -s 192.0.2.1 -j RETURN
	[[ $status == 0 ]] || fail "iptables -A does not add a rule"
	nft list chain ip nat MINE | grep 'ip saddr 192.0.2.1' >/dev/null || fail "the rule is not there"
done
