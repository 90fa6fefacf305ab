#!/usr/bin/env bash
# Who looks at the links of a network namespace changes it: it gets a number for each namespace at the other end.
#
# A link whose other end is in another namespace, such as a veth, names that one by a number which each
# namespace has for others (`ip netns set` gives one, RTM_NEWNSID). A namespace gets its number the moment
# that somebody is told of such a link: where the pair is made, at once, and at its far end with the first
# listing. From then on the number is taken, and another one cannot be given any more. So a plain dump
# writes, in the namespace that it reads, "before" and "after" of a test differ by having looked, and who
# wants numbers of his choice has to give them before anything else asks.
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

# expect WHAT HAVE WANT
expect() {
	echo "$1: $2"
	[[ $2 == "$3" ]] || { echo "changed: expected $3" >&2; exit 1; }
}

# numbers NAMESPACE prints those that it has for others.
numbers() { ip -n "$1" netns list-id | grep -o 'nsid [0-9]*' | paste -sd , || true; }

for end in near far other; do ip netns add $end; done
ip -n near link add eth0 type veth peer name eth0 netns far
expect "numbers where the pair was made" "$(numbers near)" "nsid 0"
expect "numbers at the far end" "$(numbers far)" ""
ip -n far -brief link show >"$root/listing"
expect "after a listing there" "$(numbers far)" "nsid 0"
expect "another number for it" "$(ip -n far netns set near 7 2>&1)" "Error: Peer netns already has a nsid assigned."

ip -n near link add eth1 type veth peer name eth0 netns other
ip -n other netns set near 7
ip -n other -brief link show >"$root/listing"
expect "a number that was given before" "$(numbers other)" "nsid 7"
