#!/usr/bin/env bash
# With --json, ip(8) answers with empty objects, and tc(8) with no JSON.
#
# `ip -json link show up` lists, for each interface that is not up, an object without a member, so
# that who counts the answers or takes the first name gets one that was not asked for. The same
# words without -json list the chosen ones alone, and so does -json where they are chosen by
# `type`. And `tc -json class show` prints the classes of htb, by which nested limits are made, as
# if -json had not been there, with exit status 0; the queues and filters beside them are JSON.
# A filter u32 is, but the value that it matches is written without leading zeros: 10.1.0.0 is
# "a010000".
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
ip -V

# expect WHAT HAVE WANT
expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || { echo "changed: expected $3" >&2; exit 1; }
}

# names prints the names in a list of interfaces, and "nothing" for an empty object.
names() { grep -oE '\{\}|"ifname":"[^"]*"' | sed 's/{}/nothing/; s/.*:"\(.*\)"/\1/' | paste -sd ' '; }

ip link add near type veth peer name far
ip link set near up
expect "ip link show up" "$(ip -oneline link show up | cut -d ' ' -f 2)" "near@far:"
expect "ip -json link show up" "$(ip -json link show up | names)" "nothing nothing near"
expect "ip -json -brief link show up" "$(ip -json -brief link show up | names)" "nothing nothing near"
expect "ip -json link show type veth" "$(ip -json link show type veth | names)" "far near"

tc qdisc add dev near root handle 1: htb default 30
tc class add dev near parent 1: classid 1:30 htb rate 1mbit
tc filter add dev near parent 1: protocol ip u32 match ip dst 10.1.0.0/16 flowid 1:30
expect "tc -json qdisc" "$(tc -json qdisc show dev near | cut -c 1-13)" '[{"kind":"htb'
expect "tc -json class" "$(tc -json class show dev near | cut -c 1-19)" 'class htb 1:30 root'
expect "tc -json filter" "$(tc -json filter show dev near | grep -o '"match":{"value":"[^"]*"')" '"match":{"value":"a010000"'
