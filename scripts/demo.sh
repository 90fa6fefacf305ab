#!/usr/bin/env bash
# demo.sh
#
# Connects a network namespace, demons, to this machine with the ptp plugin, as the CNI
# tutorial does by hand, and shows what that changes: ADD, ping both ways, CHECK, DEL.
# Everything is as before when it ends, also when it is interrupted. A namespace demons
# that it did not make is left alone. Installs ip and ping where they are missing.
#
#   DEMO_BIN=DIR  use the plugins in DIR instead of building ours
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly namespace=demons interface=domoeth0 container=1234
readonly netns=/var/run/netns/$namespace
readonly network=demonet state=/var/lib/cni/networks/demonet
readonly ipam='"ipam":{"type":"host-local","subnet":"192.168.0.0/24"}'
readonly config='{"cniVersion":"0.3.1","name":"'$network'","type":"ptp",'$ipam'}'

# work holds what the demo has to put back, and the inode of its namespace, since the name
# alone could be another's. A lock there says that a demo is running.
readonly work=/run/cni-demo

heading() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

use_colours() {
	colour=never bold='' plain=''
	if [[ -t 1 ]]; then
		colour=always bold=$'\e[1m' plain=$'\e[0m'
	fi
}

# claim makes this the only demo, and puts right what one that was killed left behind.
claim() {
	mkdir -p "$work"
	exec 9>"$work/lock"
	flock --nonblock 9 || die "another demo is running"
	[[ -e $netns ]] || return 0
	if [[ ! -e $work/inode || $(<"$work/inode") != "$(inode)" ]]; then
		rm -r "$work"
		die "a namespace $namespace exists, and it is not the demo's"
	fi
	cni DEL "$config"
	ip netns del "$namespace"
	restore
}

inode() {
	stat --dereference --format %i "$netns"
}

# remember keeps what the plugins may change besides the namespace: the forwarding
# settings (those that the kernel changes along with ip_forward, too) and files.
remember() {
	forwarding >"$work/forwarding"
	rm -f "$work/state_existed"
	[[ ! -e $state ]] || touch "$work/state_existed"
}

forwarding() {
	grep '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/{forwarding,accept_redirects}
}

restore() {
	local file value
	while IFS=: read -r file value; do
		[[ ! -e $file || $(<"$file") == "$value" ]] || echo "$value" >"$file"
	done <"$work/forwarding"
	if [[ ! -e $work/state_existed ]]; then
		rm -rf "$state"
		rmdir --ignore-fail-on-non-empty "${state%/*}" "${state%/*/*}" 2>/dev/null || true
	fi
}

# clean_up also undoes an ADD that was not followed by a DEL.
# shellcheck disable=SC2317 # called by trap
clean_up() {
	trap '' INT TERM HUP
	if [[ $attached ]]; then
		cni DEL "$config" || true
	fi
	[[ ! $made ]] || ip netns del "$namespace"
	restore
	rm -r "$work"
}

cni() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$container CNI_NETNS=$netns CNI_IFNAME=$interface \
		CNI_PATH=$bin "$bin/ptp" <<<"$2"
}

# show_command prints the call as a person would type it.
show_command() {
	echo "CNI_COMMAND=$1 CNI_CONTAINERID=$container CNI_NETNS=$netns CNI_IFNAME=$interface \\"
	echo "    CNI_PATH=$bin $bin/ptp <<< '$2'"
}

# look prints the addresses and routes of the host and of the namespace, without the
# lifetimes, which run down by themselves.
look() {
	{
		echo "host:"
		ip address
		ip route
		echo
		echo "$namespace:"
		ip -n "$namespace" address
		ip -n "$namespace" route
	} | sed -E 's/_lft [0-9]+sec/_lft .../g'
}

# show_changes prints all of the second state, with what differs from the first marked.
show_changes() {
	diff --color="$colour" --unified=10000 "$1" "$2" | tail -n +4 || true
}

add() {
	heading "ADD"
	show_command ADD "$config"
	attached=1
	cni ADD "$config" | tee "$work/result"
	echo
	look >"$work/connected"
	heading "What ADD changed"
	show_changes "$work/before" "$work/connected"
}

ping_both_ways() {
	heading "Ping"
	ping -c 1 -W 5 "$(address "$namespace" "$interface")"
	ip netns exec "$namespace" ping -c 1 -W 5 192.168.0.1
}

address() {
	ip -n "$1" -4 -brief address show dev "$2" | awk '{ sub("/.*", "", $3); print $3 }'
}

# check hands CHECK the result of ADD. CHECK came to CNI with version 0.4.0.
check() {
	local with_result
	with_result='{"cniVersion":"0.4.0","name":"'$network'","type":"ptp",'$ipam',"prevResult":'$(<"$work/result")'}'
	heading "CHECK"
	show_command CHECK '{"cniVersion":"0.4.0", ..., "prevResult": the result of ADD}'
	cni CHECK "$with_result"
	echo "all is as ADD left it"
}

delete() {
	heading "DEL"
	show_command DEL "$config"
	cni DEL "$config"
	attached=
	restore
	look >"$work/after"
	diff --color="$colour" --unified "$work/before" "$work/after" || die "DEL left something behind"
	[[ $(forwarding) == "$(<"$work/forwarding")" ]] || die "forwarding is not as it was"
	echo "addresses and routes of the host and of $namespace are as before"
}

case ${1-} in
'') ;;
-h | --help) usage 0 ;;
*) usage 2 ;;
esac
need_root "it makes a network namespace"
[[ ${DEMO_BIN-} ]] || need_go
install_missing ip:iproute2 ping:iputils-ping
bin=${DEMO_BIN:-$repo/bin}
[[ ${DEMO_BIN-} ]] || "$repo/build_linux.sh" >/dev/null
use_colours
made='' attached=''
claim
remember
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

ip netns add "$namespace"
made=1
inode >"$work/inode"
heading "Before"
look | tee "$work/before"
add
ping_both_ways
check
delete
