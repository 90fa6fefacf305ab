#!/usr/bin/env bash
# bench.sh [-n ITERATIONS] [-c CASES] [OTHER_BIN_DIR]
#
# Measures ADD, CHECK and DEL of the plugins, of the same in one binary (the bundle), and
# of those in OTHER_BIN_DIR (as /usr/lib/cni), in turns, and prints Markdown tables:
# medians, 99th percentiles and the ratios that are required, in bold where they are
# missed. Everything happens in private namespaces; the machine stays as it is.
#
#   -n ITERATIONS  calls of each verb (100)
#   -c CASES       only the cases whose name matches the regular expression
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# isolated runs a command in network and mount namespaces of its own, where no state of
# plugins exists and whatever is made vanishes.
isolated() {
	# shellcheck disable=SC2016 # the inner shell expands
	unshare --net --mount bash -c '
		set -e
		mount -t tmpfs tmpfs /run
		mount -t tmpfs tmpfs /var/lib
		ip link set lo up
		"$@"' isolated "$@"
}

# link_bundle makes the bundle, with a link for each plugin.
link_bundle() {
	local plugin
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/bundle/cni-plugins" ./plugins/bundle
	for plugin in bin/*; do
		ln -f "$work/bundle/cni-plugins" "$work/bundle/${plugin##*/}"
	done
}

arguments=()
while getopts :n:c:h option; do
	case $option in
	n | c) arguments+=("-$option" "$OPTARG") ;;
	h) usage 0 ;;
	*) usage 2 ;;
	esac
done
shift $((OPTIND - 1))
(($# <= 1)) || usage 2
(($# == 0)) || arguments+=(-other "$(realpath -e "$1")")
need_root "it makes network namespaces"
need_go

cd "$repo"
./build_linux.sh >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/" ./scripts/bench ./scripts/bench/idle
link_bundle
isolated "$work/bench" -ours "$repo/bin" -bundle "$work/bundle" -idle "$work/idle" "${arguments[@]}"
