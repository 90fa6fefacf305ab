#!/usr/bin/env bash
# A filter that redirects packets to a device stays when that device is deleted, and drops them all.
#
# To limit what a container sends, its host's interface redirects what comes in to a device ifb,
# whose queue is limited. Who deletes the ifb has not ended the limit: filter and action stay where
# they are, refer to no device any more, and the kernel drops each packet that matches. A new
# device of the same name changes nothing. The filter has to go, or with it the qdisc that it is
# in. `tc filter show` has no name for the device then, but "*"; nothing else tells of it.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download iproute2=6.1.0-3 iputils-ping=3:20221126-1+deb12u1
	for package in *.deb; do dpkg-deb -x "$package" .; done
	root=$root unshare --net --mount bash "$script"
	exit
fi
PATH=$root/sbin:$root/bin:$PATH
mount -t tmpfs tmpfs /run
echo "$(uname -sr), $(tc -V)"

# state prints what the host makes of the container's packets.
state() {
	local answer=dropped
	! ip netns exec container "$root/bin/ping" -q -c 1 -W 1 10.89.0.1 >"$root/ping" || answer=answered
	echo "$answer, filter: $(tc filter show dev host ingress | grep -oE 'mirred \(.*\)' || echo none)"
}

# expect WHAT WANT
expect() {
	local have
	have=$(state)
	echo "$1: $have"
	[[ $have == "$2" ]] || { echo "changed: expected $2" >&2; exit 1; }
}

ip netns add container
ip link add host type veth peer name eth0 netns container
ip addr add 10.89.0.1/24 dev host
ip link set host up
ip -n container addr add 10.89.0.2/24 dev eth0
ip -n container link set eth0 up
expect "nothing limited" "answered, filter: none"
ip link add limit type ifb
ip link set limit up
tc qdisc add dev host handle ffff: ingress
tc filter add dev host parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev limit
expect "redirected" "answered, filter: mirred (Egress Redirect to device limit)"
ip link del limit
expect "the device is deleted" "dropped, filter: mirred (Egress Redirect to device *)"
ip link add limit type ifb
ip link set limit up
expect "there is another one" "dropped, filter: mirred (Egress Redirect to device *)"
tc filter del dev host parent ffff:
expect "the filter is deleted" "answered, filter: none"
