#!/usr/bin/env bash
# bench.sh [-n ITERATIONS] [-c CASES] [OTHER_BIN_DIR]
# bench.sh --full-node [-n ITERATIONS] [-c BACKENDS] [-d DIVISOR] [OTHER_BIN_DIR]
# bench.sh --runtime [-n PODS] [OTHER_BIN_DIR]
#
# Measures ADD, CHECK and DEL of the plugins, of the same in one binary (the bundle), and
# of those in OTHER_BIN_DIR (as /usr/lib/cni), in turns, and prints Markdown tables:
# medians, 99th percentiles and the ratios that are required, in bold where they are
# missed. Everything happens in private namespaces; the machine stays as it is.
#
# With --full-node it compares a node on which others have much (Services of Kubernetes,
# rules, links, routes, flows), and where there is much of ours (ports of the bridge,
# leases, elements of sets), with one that has only what is ours and an empty one.
#
# With --runtime it asks a containerd, which it builds first, for pods with the full chain of plugins,
# and for pods on the host's network: how long RunPodSandbox and StopPodSandbox take.
#
#   -n ITERATIONS  calls of each verb (100), or pods of each kind (30)
#   -c CASES       only the cases, or backends, whose name matches the regular expression
#   -d DIVISOR     a full node has so many times less, for a quick look (1)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/cluster/build.sh
source "$repo/scripts/cluster/build.sh"

# isolated runs a command in network and mount namespaces of its own, where no state of
# plugins exists and whatever is made vanishes.
isolated() {
	# shellcheck disable=SC2016 # the inner shell expands
	unshare --net --mount bash -c '
		set -e
		mount -t tmpfs tmpfs /run
		mount -t tmpfs tmpfs /var/lib
		ip link set lo up
		ip link add uplink type veth peer name peer
		ip link set uplink up
		ip link set peer up
		"$@"' isolated "$@"
}

# install_copies installs our plugins, and the bundle with a link for each, as on a node:
# the page cache serves a file that was copied faster than one that the linker wrote.
install_copies() {
	local plugin
	install -D -t "$work/ours" bin/*
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/" ./plugins/bundle
	install -D "$work/bundle" "$work/linked/cni-plugins"
	for plugin in bin/*; do
		ln -f "$work/linked/cni-plugins" "$work/linked/${plugin##*/}"
	done
}

# measure_pods measures in a runtime.
measure_pods() {
	local plugins=("separate=$work/ours" "bundle=$work/linked")
	[[ ! $other ]] || plugins+=("other=$other")
	install_missing "${runtime_requirements[@]}"
	build_containerd
	(cd integration/runtimes && go build -buildvcs=false -o "$work/" ./bench)
	scripts/machine.sh "$work/bench" "${arguments[@]}" -containerd "$(build_folder)/bin" "${plugins[@]}"
}

# measure_calls measures calls of the plugins.
measure_calls() {
	[[ ! $other ]] || arguments+=(-other "$other")
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/" ./scripts/bench ./scripts/bench/idle
	TMPDIR=$work isolated "$work/bench" -ours "$work/ours" -bundle "$work/linked" -idle "$work/idle" "${arguments[@]}"
}

readonly runtime_requirements=(runc:runc busybox:busybox-static)
arguments=() measure=measure_calls other=
case ${1-} in
--full-node) arguments+=(-full-node) && shift ;;
--runtime) measure=measure_pods && shift ;;
esac
while getopts :n:c:d:h option; do
	case $option in
	n | c | d) arguments+=("-$option" "$OPTARG") ;;
	h) usage 0 ;;
	*) usage 2 ;;
	esac
done
shift $((OPTIND - 1))
(($# <= 1)) || usage 2
(($# == 0)) || other=$(realpath -e "$1")
need_root "it makes network namespaces"
need_go
[[ ${arguments[0]-} != -full-node ]] || install_missing iptables:iptables nft:nftables conntrack:conntrack

cd "$repo"
./build_linux.sh >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install_copies
"$measure"
