#!/usr/bin/env bash
# A veth device whose other end, in another network namespace, happens to have the same
# interface index works a second later than any other one.
#
# Indexes are counted in each namespace, so that the first pair of a fresh host and a fresh
# container gets the same one on both sides. The kernel's link watch takes a device whose
# index is that of the device below it for one that stands alone, and lets its changes wait
# until a second is over, or longer where links change all the time. Until then the device
# has a carrier, but is not operational, and all that is sent through it is dropped, although
# both ends are set up. Since Linux 6.8 a question for the link through rtnetlink, as by
# ip-link(8), ends the wait: one who looks that way does not see it. So this script looks into
# sysfs.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and then in namespaces of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download iproute2=6.1.0-3
	for package in *.deb; do dpkg-deb -x "$package" .; done
	same=$(peer=7 root=$root unshare --net --mount bash "$script")
	other=$(peer=8 root=$root unshare --net --mount bash "$script")
	echo "$(uname -sr), $("$root/sbin/ip" -V); most of eight times until the device is operational, in milliseconds:"
	echo "index 7, other end has 7: $same; index 7, other end has 8: $other"
	((3 * other < same)) || { echo "changed: a device whose other end has another index is late, too" >&2; exit 1; }
	((same > 100)) || { echo "changed: a device whose other end has the same index is not late" >&2; exit 1; }
	exit
fi
PATH=$root/sbin:$PATH
mount -t tmpfs tmpfs /run
mount -t sysfs sysfs /sys

# took sets up both ends of a pair, the nearer one last, and prints how long it takes that
# one to become operational.
took() {
	local from
	ip netns add far
	ip link add near index 7 type veth peer name far index "${peer-}" netns far
	ip -n far link set far up
	ip link set near up
	from=${EPOCHREALTIME/./}
	until [[ $(</sys/class/net/near/operstate) == up ]]; do
		((${EPOCHREALTIME/./} - from < 5000000)) || break
	done
	echo $(((${EPOCHREALTIME/./} - from) / 1000))
	ip netns del far
	ip link del near 2>/dev/null || true
}
most=0
for _ in {1..8}; do
	ms=$(took)
	((ms <= most)) || most=$ms
done
echo "$most"
