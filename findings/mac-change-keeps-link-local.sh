#!/usr/bin/env bash
# An interface that gets another MAC address while it is up keeps the link-local address of the first one.
#
# The kernel makes the link-local address of IPv6 from the MAC address (EUI-64, addr_gen_mode 0) when the
# interface comes up, and never again until it comes up once more. Whoever sets a MAC address after that,
# as a later step of several does with an interface that is up already, has an interface whose two addresses
# do not belong together; addresses by router advertisements that come later are made from the new one.
# If the first MAC address is given to another interface of the same link then, both have the same link-local
# address, and the second fails its duplicate address detection. Down and up puts it right, and takes
# the other addresses of IPv6.
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

# local_of INTERFACE prints its link-local addresses, as soon as they are looked at for duplicates.
local_of() {
	for ((i = 0; i < 50; i++)); do
		ip -6 -o addr show dev "$1" scope link | grep -q tentative || break
		sleep 0.1
	done
	ip -6 -o addr show dev "$1" scope link | grep -oE 'fe80::[0-9a-f:]*/64|dadfailed' | paste -sd ,
}

ip link add eth0 address 02:00:00:00:00:01 type veth peer name near
ip link add bridge0 type bridge
ip link set near master bridge0 up
ip link set bridge0 up
ip link set eth0 up
expect "MAC address ...:01" "$(local_of eth0)" fe80::ff:fe00:1/64
ip link set eth0 address 02:00:00:00:00:02
expect "then ...:02" "$(local_of eth0)" fe80::ff:fe00:1/64

ip link add eth1 address 02:00:00:00:00:01 type veth peer name near1
ip link set near1 master bridge0 up
ip link set eth1 up
expect "another one that gets ...:01" "$(local_of eth1)" fe80::ff:fe00:1/64,dadfailed

ip addr add 2001:db8::1/64 dev eth0 nodad
ip link set eth0 down
ip link set eth0 up
expect "the first one down and up" "$(local_of eth0)" fe80::ff:fe00:2/64
expect "its other addresses" "$(ip -6 -o addr show dev eth0 scope global)" ""
