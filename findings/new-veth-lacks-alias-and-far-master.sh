#!/usr/bin/env bash
# A new veth device does not get its alias, nor the other end its master, and nobody says so.
#
# The request for a pair describes both ends with the same attributes, and `ip link add near type
# veth peer name far ...` takes the same words behind `peer`. Of the far end the kernel takes its
# name, MTU, queue length and group. But `master` it reads and forgets, so that the pair is made,
# with success, and the port is in no bridge; and `up` fails the whole request with ENOTCONN, as
# the far end would be set up before it has another one. Both work for the near end. An alias is
# forgotten on either, as for new links of all kinds: it takes a second request. So a port of a
# bridge had better be the near end, and who marks links by their alias may die before it is there.
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

# expect WHAT HAVE WANT
expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || { echo "changed: expected $3" >&2; exit 1; }
}

# end INTERFACE prints what was asked for that it has.
end() { ip link show "$1" | grep -oE 'mtu 1400|master bridge0|group 5|qlen 77|alias port' | paste -sd ,; }

wish=(alias port mtu 1400 master bridge0 group 5 txqueuelen 77)
ip link add bridge0 type bridge
ip link add near "${wish[@]}" type veth peer name far
expect "near end" "$(end near)" "mtu 1400,master bridge0,group 5,qlen 77"
ip link set near "${wish[@]:0:2}"
expect "near end, told again" "$(end near)" "mtu 1400,master bridge0,group 5,qlen 77,alias port"
ip link del near
ip link add near type veth peer name far "${wish[@]}"
expect "far end" "$(end far)" "mtu 1400,group 5,qlen 77"
ip link del near
expect "far end up" "$(ip link add near type veth peer name far up 2>&1)" "RTNETLINK answers: Transport endpoint is not connected"
expect "pairs then" "$(ip -brief link show type veth)" ""
