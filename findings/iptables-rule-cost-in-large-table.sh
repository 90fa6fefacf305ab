#!/usr/bin/env bash
# To add one rule to a table of iptables-nft costs what all others have in the table.
#
# A chain is added in the same time whatever else there is. A rule is not, not even one
# that is in nobody's way: when a rule is added the kernel asks each match and target of
# iptables, on all ways that packets can take through the table, whether it may be there.
# In the table nat as kube-proxy's iptables mode fills it for 10 000 services that takes
# tens of milliseconds in one sendmsg(2), under the lock of all changes of nftables in the
# network namespace. The tool itself reads next to nothing, in both cases. Seen on Linux
# 6.18; the figures that are checked are ratios.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download iptables=1.8.9-2 libxtables12=1.8.9-2 libip4tc2=1.8.9-2 libip6tc2=1.8.9-2 libnftnl11=1.2.4-2
	for package in *.deb; do dpkg-deb -x "$package" .; done
	read -r large_chain large_rule < <(table=large root=$root unshare --net bash "$script")
	read -r small_chain small_rule < <(table=small root=$root unshare --net bash "$script")
	echo "$(uname -sr), iptables 1.8.9; least of ten times, in microseconds:"
	echo "large table: a chain $large_chain, a rule $large_rule; small table: a chain $small_chain, a rule $small_rule"
	((large_rule > 3 * small_rule)) || { echo "changed: a rule costs the same in a large table" >&2; exit 1; }
	((large_rule > 3 * large_chain)) || { echo "changed: a chain costs as much as a rule" >&2; exit 1; }
	exit
fi
library=$root/usr/lib/$(uname -m)-linux-gnu
export PATH=$root/usr/sbin:$PATH LD_LIBRARY_PATH=$library XTABLES_LIBDIR=$library/xtables
services=10000
[[ ${table-} == large ]] || services=1
{
	echo "*nat"
	echo "-N SERVICES"
	for ((i = 0; i < services; i++)); do echo ":SERVICE$i - [0:0]"; done
	for ((i = 0; i < services; i++)); do
		echo "-A SERVICES -d 10.96.$((i / 250)).$((i % 250)) -p tcp -m comment --comment service$i -m tcp --dport 80 -j SERVICE$i"
		echo "-A SERVICE$i -p tcp -m comment --comment service$i -m tcp -j DNAT --to-destination 192.0.2.1:80"
	done
	echo "-A PREROUTING -j SERVICES"
	echo "-A OUTPUT -j SERVICES"
	echo "-N MINE"
	echo "COMMIT"
} | iptables-nft-restore

# best prints the shortest of ten times that a change takes; # stands for a number
# that is another one each time.
best() {
	local least=999999999 n from took
	for n in {1..10}; do
		from=${EPOCHREALTIME/./}
		printf '*nat\n%s\nCOMMIT\n' "${1//\#/$n}" | iptables-nft-restore --noflush
		took=$((${EPOCHREALTIME/./} - from))
		((took < least)) && least=$took
	done
	echo "$least"
}
echo "$(best "-N NEW#") $(best "-A MINE -s 192.0.2.# -j ACCEPT")"
