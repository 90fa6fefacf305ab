#!/usr/bin/env bash
# cluster.sh [-n NODES] [-p nftables|iptables] [-s SEGMENTS] [-m BITS] [-i ARCHIVE]... COMMAND [ARGUMENT]...
# cluster.sh build
#
# Runs a command beside a Kubernetes cluster that is made for it, within this machine, and exits with its
# status. Nothing of the machine's network, sysctls or files changes; several clusters can run at once.
#
# The cluster has no network plugins and no configuration of them. Its site, a network namespace that
# is also the outside of the cluster, has etcd, kube-apiserver, kube-controller-manager, kube-scheduler and
# the command. In it n1, n2 and so on are machines of their own, with containerd, kubelet and kube-proxy, on
# segments that the site routes between: 192.0.2.0/24, 2001:db8:1::/64; 198.51.100.0/24, 2001:db8:2::/64.
# The site's address ends in 1, and nK's in 10 + K. The command finds kubectl in PATH and KUBECONFIG set, and
# may call "$CLUSTER" (this script) for what happens to nodes:
#
#   $CLUSTER on NODE COMMAND...      run a command there
#   $CLUSTER down NODE               cut its power
#   $CLUSTER up NODE                 boot it: /etc, /opt, /var are kept; /run, network, control groups are new
#   $CLUSTER kill NODE DAEMON        kill containerd, kubelet or kube-proxy, which starts again a second later
#   $CLUSTER load ARCHIVE            load an image on all nodes that are up
#
# Logs are in $SITE/log and $SITE/NODE/log.
#
#   -n NODES      how many (2)
#   -p MODE       of kube-proxy (nftables)
#   -s SEGMENTS   1 or 2, which nodes are on in turns (1)
#   -m BITS       of the prefix that is a node's part of the IPv4 addresses for pods (24)
#   -i ARCHIVE    image to load on all nodes
#
# Everything is built from the Go module proxy, once, by `build` or when it is missing: the first time that
# takes half an hour to an hour. KUBE_CACHE is the folder for it, by default one in ~/.cache/cni-plugins.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/machines.sh
source "$repo/scripts/machines.sh"
# shellcheck source=scripts/cluster/build.sh
source "$repo/scripts/cluster/build.sh"
# shellcheck source=scripts/cluster/site.sh
source "$repo/scripts/cluster/site.sh"
# shellcheck source=scripts/cluster/node.sh
source "$repo/scripts/cluster/node.sh"

readonly cluster_requirements=(
	etcd:etcd-server runc:runc openssl:openssl nft:nftables iptables:iptables conntrack:conntrack ip:iproute2
	busybox:busybox-static
)

# keep NAME COMMAND... runs a daemon for ever, with $logs/NAME.log and the number of its process in
# $logs/NAME.pid.
keep() {
	local name=$1
	shift
	while :; do
		"$@" &
		echo $! >"$logs/$name.pid"
		wait $! || true
		echo "cluster.sh: $name ended"
		sleep 1
	done >>"$logs/$name.log" 2>&1 </dev/null &
}

# await SECONDS COMMAND... waits until a command succeeds.
await() {
	local limit=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < limit)) || return 1
		sleep 0.1
	done
}

# build_image makes the image for pods, in which /probe serve says who asks.
build_image() {
	local folder
	folder=$(build_folder)
	(
		cd "$repo/integration/runtimes"
		CGO_ENABLED=0 go build -buildvcs=false -o "$folder/" ./probe ./mkimage
	)
	"$folder/mkimage" "$folder/busybox.tar" "$folder/probe"
}

# make_cluster runs the site, and removes what is left of it.
make_cluster() {
	install_missing "${cluster_requirements[@]}"
	build_kubernetes
	build_containerd
	build_image
	SITE=$(mktemp -d /tmp/cni-cluster.XXXXXX) group=cni-cluster-$$
	CLUSTER=$(realpath "$0") KUBE_CACHE=$(realpath "$(build_folder)")
	export SITE CLUSTER KUBE_CACHE nodes proxy segments mask
	trap 'drop_cgroup "$group"; rmdir "$SITE"' EXIT
	trap 'exit 143' INT TERM HUP
	local status=0
	"${bound[@]}" "${isolated[@]}" "$group" "$CLUSTER" --site "$@" || status=$?
	exit "$status"
}

nodes=${nodes-2} proxy=${proxy-nftables} segments=${segments-1} mask=${mask-24}
case ${1-} in
build)
	need_go
	build_kubernetes
	build_containerd
	exit
	;;
--site) shift && site "$@" ;;
--node) node "$2" ;;
on) shift && on "$@" ;;
up)
	power_on "$2"
	exit
	;;
down)
	power_off "$2"
	exit
	;;
kill) on "$2" sh -c "kill -9 \$(cat $SITE/$2/log/$3.pid)" ;;
load)
	load_everywhere "$2"
	exit
	;;
esac
images=()
while getopts :n:p:s:m:i:h option; do
	case $option in
	n) nodes=$OPTARG ;;
	p) proxy=$OPTARG ;;
	s) segments=$OPTARG ;;
	m) mask=$OPTARG ;;
	i) images+=("$(realpath -e "$OPTARG")") ;;
	h) usage 0 ;;
	*) usage 2 ;;
	esac
done
shift $((OPTIND - 1))
(($# > 0)) || usage 2
need_root "it makes namespaces"
need_go
export IMAGES="${images[*]}"
make_cluster "$@"
