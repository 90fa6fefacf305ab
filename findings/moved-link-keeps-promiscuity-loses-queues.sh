#!/usr/bin/env bash
# What an interface keeps when it moves to another network namespace is not what one would guess.
#
# It is known that it goes down, and loses addresses, routes and its bridge. It loses as well its queueing
# disciplines with their filters, such as shaping, and what was set of it in
# /proc/sys/net/ipv4/conf and ipv6/conf: the defaults of the other namespace hold. It keeps its MTU, MAC
# address, queue length, group, alias and alternative names, and that it is promiscuous, so that
# who takes an interface over gets one that hears everything, and who gets it back has one without
# shaping. Nothing of this fails or is told.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in namespaces of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download iproute2=6.1.0-3
	dpkg-deb -x iproute2_*.deb .
	root=$root unshare --net --mount bash "$script"
	exit
fi
PATH=$root/sbin:$PATH
mount -t tmpfs tmpfs /run # where ip netns has its names
echo "$(uname -sr), $(ip -V)"

# state prints what eth0 has of that which it is given below.
state() {
	ip -d link show eth0 | grep -oE 'PROMISC|ALLMULTI|mtu 1400|group 5|qlen 77|02:00:00:00:00:01|alias card|altname longer0' | paste -sd ,
	tc qdisc show dev eth0 | grep -oE 'tbf|clsact' | paste -sd ,
	cat /proc/sys/net/ipv{4/conf/eth0/rp_filter,6/conf/eth0/accept_ra} | paste -sd ,
}
kept="ALLMULTI,PROMISC,mtu 1400,group 5,qlen 77,02:00:00:00:00:01,alias card,altname longer0"

# expect WHAT HAVE WANT
expect() {
	printf '%s:\n%s\n' "$1" "$2"
	[[ $2 == "$3" ]] || { printf 'changed: expected\n%s\n' "$3" >&2; exit 1; }
}

ip netns add other
ip link add eth0 type veth peer name far
ip link set eth0 mtu 1400 group 5 txqueuelen 77 promisc on allmulticast on alias card address 02:00:00:00:00:01
ip link property add dev eth0 altname longer0
echo 2 >/proc/sys/net/ipv4/conf/eth0/rp_filter
echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra
tc qdisc add dev eth0 root tbf rate 1mbit burst 10k latency 50ms
tc qdisc add dev eth0 clsact
expect before "$(state)" "$kept
tbf,clsact
2,0"

ip link set eth0 netns other
ip -n other link set eth0 netns $$
expect "there and back again" "$(state)" "$kept

0,1"
