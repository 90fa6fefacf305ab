#!/usr/bin/env bash
# An interface whose MTU was below 1280 for a moment has lost all that IPv6 was told there.
#
# IPv6 needs links of 1280 bytes. With an MTU below that an interface has no IPv6 at all, not even
# the directory of its parameters in /proc/sys/net/ipv6/conf. When the MTU goes up again, IPv6
# begins anew, with the defaults of the namespace: parameters that somebody has set, addresses and
# routes are gone, and there is an address of the link again. A program that puts a former MTU back
# has to put these back as well, and to read them before. Those of IPv4 stay.
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
PATH=$root/sbin:$PATH
echo "$(uname -sr), $(ip -V)"

# expect WHAT WANT compares what the interface has with what is wanted.
expect() {
	local have="" parameter
	for parameter in ipv4/conf/near/forwarding ipv6/conf/near/{forwarding,hop_limit,dad_transmits}; do
		have+="$(cat "/proc/sys/net/$parameter" 2>/dev/null || echo none) "
	done
	have+=$(ip -brief addr show near scope global | tr -s ' ' | cut -d ' ' -f 3-)
	have+=$(ip -6 route show fd00:99::/64)
	echo "$1: $have"
	[[ $have == "$2" ]] || { echo "changed: expected $2" >&2; exit 1; }
}

ip link add near type veth peer name far
ip link set far up
ip link set near up
echo 1 >/proc/sys/net/ipv4/conf/near/forwarding
echo 1 >/proc/sys/net/ipv6/conf/near/forwarding
echo 9 >/proc/sys/net/ipv6/conf/near/hop_limit
echo 0 >/proc/sys/net/ipv6/conf/near/dad_transmits
ip addr add 10.89.0.1/24 dev near
ip addr add fd00:89::1/64 dev near
ip route add fd00:99::/64 dev near
echo "IPv4 forwarding, IPv6 forwarding, hop limit, DAD, addresses, route"
expect "as set" "1 1 9 0 10.89.0.1/24 fd00:89::1/64 fd00:99::/64 dev near metric 1024 pref medium"
ip link set near mtu 1279
expect "MTU 1279" "1 none none none 10.89.0.1/24 "
ip link set near mtu 1500
expect "MTU 1500" "1 0 64 1 10.89.0.1/24 "
