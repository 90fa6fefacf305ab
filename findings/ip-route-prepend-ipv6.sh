#!/usr/bin/env bash
# `ip -6 route prepend` does not put a route before the others.
#
# A container in two networks gets two default routes of the same metric. With IPv4, the
# one that is prepended is asked first, and takes all packets. With IPv6 the same command
# makes one route of two next hops, over which the kernel spreads connections, if both have
# a gateway; if they have none, the new route comes last, and takes no packet at all. To
# remove one next hop leaves the other. Who has tested a second network with IPv4 only
# knows little about it with IPv6. Seen on Linux 6.18.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download iproute2=6.1.0-3
	dpkg-deb -x iproute2_*.deb .
	root=$root unshare --net bash "$script"
	exit
fi
export PATH=$root/bin:$root/sbin:$PATH
echo "$(uname -sr), $(ip -V)"
ip link set lo up
for n in 1 2; do
	ip link add "net$n" type veth peer name "peer$n"
	ip link set "net$n" up
	ip link set "peer$n" up
	ip addr add "10.89.$n.2/24" dev "net$n"
	ip addr add "fd00:89:$n::2/64" dev "net$n" nodad
done

# uses FAMILY ADDRESS... prints the interfaces that packets to the addresses leave by.
uses() {
	local family=$1 address
	shift
	for address in "$@"; do
		ip "$family" route get "$address" | sed -n 's/.* dev \([^ ]*\) .*/\1/p'
	done | sort -u | paste -sd " "
}

# expect WHAT HAVE WANT
expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || { echo "changed: expected $3" >&2; exit 1; }
}
far4=(203.0.113.{1..40})
far6=(2001:db8::{1..40})

ip route add default via 10.89.1.1 dev net1
ip route prepend default via 10.89.2.1 dev net2
expect "IPv4, by way of a gateway" "$(uses -4 "${far4[@]}")" net2

ip -6 route add default via fd00:89:1::1 dev net1
ip -6 route prepend default via fd00:89:2::1 dev net2
expect "IPv6, by way of a gateway" "$(uses -6 "${far6[@]}")" "net1 net2"
ip -6 route show default
ip -6 route del default via fd00:89:2::1 dev net2
expect "IPv6, when the second has gone" "$(uses -6 "${far6[@]}")" net1

ip route flush default
ip -6 route flush default
ip route add 203.0.113.0/24 dev net1
ip route prepend 203.0.113.0/24 dev net2
ip -6 route add 2001:db8::/32 dev net1
ip -6 route prepend 2001:db8::/32 dev net2
expect "IPv4, on the link" "$(uses -4 "${far4[@]}")" net2
expect "IPv6, on the link" "$(uses -6 "${far6[@]}")" net1
