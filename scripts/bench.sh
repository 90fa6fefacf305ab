#!/usr/bin/env bash
# bench.sh [-b] [-n ITERATIONS] [-c CASES] [OTHER_BIN_DIR]
# bench.sh --full-node [-n ITERATIONS] [-c BACKENDS] [-d DIVISOR] [OTHER_BIN_DIR]
# bench.sh --runtime [-n PODS] [OTHER_BIN_DIR]
# bench.sh --report DIR [-n ITERATIONS] [-c CASES] [-d DIVISOR] [OTHER_BIN_DIR]
# bench.sh --shaping
#
# Measures ADD, CHECK and DEL of the plugins, of the same in one binary (the bundle), and
# of those in OTHER_BIN_DIR (as /usr/lib/cni), in turns, and VERSION beside a program that
# does nothing, and prints Markdown tables: medians, 99th percentiles, the memory that
# processes of an ADD take, and the ratios that are required, in bold where they are missed.
# Everything happens in private namespaces; the machine stays as it is. `-c '^VERSION$'` measures
# starts alone.
#
# With --full-node it compares a node on which others have much (Services of Kubernetes,
# rules, links, routes, flows), and where there is much of ours (ports of the bridge,
# leases, elements of sets), with one that has only what is ours and an empty one.
#
# With --runtime it asks a containerd, which it builds first, for pods with the full chain of plugins,
# and for pods on the host's network: how long RunPodSandbox and StopPodSandbox take.
#
# With --shaping it has iperf3 use up limits of bandwidth, and measures what passes and how long ping
# takes meanwhile, with each discipline: those that the kernel lacks on User-mode Linux, which is slower.
#
# With --report it measures calls, on a full node as well, and beside ever more leases, ports and
# Services, and writes to DIR what it found: report.json, report.md and charts. This takes about ten
# minutes, on a machine that should do nothing else.
#
#   -b             OTHER_BIN_DIR has an earlier build of these plugins, which can do all that is measured
#   -n ITERATIONS  calls of each verb (100; 24 for a report), or pods of each kind (30)
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
	./build_linux.sh --bundle >/dev/null
	install -D -t "$work/linked" bin/cni-plugins
	./build_linux.sh >/dev/null
	install -D -t "$work/ours" bin/*
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

# bench measures calls of the plugins, in namespaces of its own.
bench() {
	TMPDIR=$work isolated "$work/bench" -ours "$work/ours" -bundle "$work/linked" -other "$other" -idle "$work/idle" -attach "$work/attach" "$@"
}

measure_calls() {
	build_bench
	bench "${arguments[@]}"
}

build_bench() {
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/" ./scripts/bench ./scripts/bench/idle ./scripts/bench/attach
}

# measure_report measures what a report is about, and writes it. A full node takes long to fill, and
# calls of the other plugins take seconds there: few are enough.
measure_report() {
	build_bench
	(cd scripts/report && go build -buildvcs=false -o "$work/report" .)
	bench -n 24 -json "$work/calls.json" "${arguments[@]}"
	bench -growth -n 24 -json "$work/growth.json" "${arguments[@]}"
	bench -full-node -n 4 -c '^(nftables|iptables, nf_tables)$' -json "$work/node.json" "${arguments[@]}"
	"$work/report" -repository "$repo" -other "$other" -out "$report" "$work"/{calls,growth,node}.json
}

# measure_shaping measures limits. The benchmarks of Go say what the columns are.
measure_shaping() {
	local -r flags=(-test.run '^$' -test.bench Shaping -test.benchtime 1x)
	install_missing iperf3:iperf3 linux.uml:user-mode-linux
	go test -c -o "$work/shaping" ./integration
	cd integration
	CNI_TEST_BIN=$repo/bin "$work/shaping" "${flags[@]}" | tee "$work/measured"
	grep -q '^BenchmarkShaping/cake' "$work/measured" ||
		CNI_TEST_BIN=$repo/bin ../scripts/uml.sh -t 1200 "$work/shaping" "${flags[@]}"
}

readonly runtime_requirements=(runc:runc busybox:busybox-static)
arguments=() measure=measure_calls other='' report=''
case ${1-} in
--full-node) arguments+=(-full-node) && shift ;;
--runtime) measure=measure_pods && shift ;;
--report)
	(($# > 1)) || usage 2
	mkdir -p "$2"
	report=$(realpath "$2") measure=measure_report
	shift 2
	;;
--shaping) measure=measure_shaping && shift ;;
esac
while getopts :bn:c:d:h option; do
	case $option in
	b) arguments+=(-b) ;;
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
[[ ${arguments[0]-} != -full-node && ! $report ]] || install_missing iptables:iptables nft:nftables conntrack:conntrack

cd "$repo"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install_copies
"$measure"
