#!/usr/bin/env bash
# The largest burst that the plugin bandwidth accepts, which CRI-O passes with every limit
# to say "any", makes the queue shorter than one packet at low rates: nothing passes.
#
# bandwidth of containernetworking-plugins 1.1.1 computes the length of the queue as what
# the rate lets through in 25 ms, plus the burst, and cuts the sum to 32 bits. The burst of
# 34359738359 bits is 2^32 - 2 bytes, so that rate * 0.025 - 2 bytes are left: 23 at 8 kbit/s,
# 3123 at 1 Mbit/s. A small burst makes the longer queue.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download containernetworking-plugins=1.1.1+ds1-3+b5
	dpkg-deb -x ./*.deb .
	root=$root unshare --net --mount bash "$script"
	exit
fi
plugins=$root/usr/lib/cni

fail() {
	echo "changed: $*" >&2
	exit 1
}

mount -t tmpfs none /run
ip netns add container
ip link add host type veth peer name eth0 netns container
ip address add 192.0.2.1/24 dev host
ip link set host up
ip -n container address add 192.0.2.2/24 dev eth0
ip -n container link set eth0 up
ip netns exec container cat /sys/class/net/eth0/address | # no ARP, which would be shaped, too
	xargs ip neighbour add 192.0.2.2 dev host lladdr

# bandwidth calls the plugin with a rate and a burst in bits for what the container receives.
bandwidth() {
	CNI_COMMAND=ADD CNI_CONTAINERID=c CNI_NETNS=/run/netns/container CNI_IFNAME=eth0 CNI_PATH=$plugins \
		"$plugins/bandwidth" >/dev/null <<-END
			{"cniVersion": "1.0.0", "name": "net", "type": "bandwidth", "ingressRate": $1, "ingressBurst": $2,
			"prevResult": {"cniVersion": "1.0.0", "interfaces": [{"name": "host"}, {"name": "eth0", "sandbox": "/run/netns/container"}]}}
		END
	echo "--- $1 bit/s, burst of $2 bits"
	answered=no
	if ping -c 1 -W 2 192.0.2.2 >/dev/null; then answered=yes; fi
	echo "ping of 98 bytes answered: $answered"
	tc -s qdisc show dev host
	dropped=$(tc -s qdisc show dev host | sed -n 's/.*dropped \([0-9]*\).*/\1/p' | head -n 1)
	tc qdisc delete dev host root
}

basename "$root"/containernetworking-plugins_*.deb
for burst in 80000 34359738359; do
	bandwidth 8000 $burst
	case $burst in
	80000) [[ $answered == yes ]] || fail "nothing passes with a small burst" ;;
	*) [[ $answered == no && $dropped != 0 ]] || fail "packets pass with the largest burst" ;;
	esac
done
