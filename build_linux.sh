#!/usr/bin/env bash
# build_linux.sh [--bundle] [GO BUILD ARGUMENT]...
#
# Builds every plugin into bin/, static and stripped. GOOS and GOARCH choose another
# target. With --bundle it builds one binary, bin/cni-plugins, and links it under every
# plugin's name. Further arguments go to `go build`, and win over those given here, as
# this one, which stamps the version that the plugins report:
#
#   -ldflags "-s -w -X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v1.0.0"
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

export CGO_ENABLED=0 GOOS=${GOOS:-linux} LC_ALL=C

# plugin_folders prints the folder of each plugin, in the order of the output.
plugin_folders() {
	local main
	for main in plugins/{meta,main,ipam}/*/main.go; do
		[[ ! -f $main ]] || echo "./${main%/main.go}"
	done
}

# build compiles to bin/. A build depends on the sources alone, not on the state of
# the repository around them, hence no -buildvcs.
build() {
	local output=$1
	shift
	go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$output" "$@"
}

build_bundle() {
	local name
	build bin/cni-plugins "$@" ./plugins/bundle
	for name in "${names[@]}"; do
		ln -f bin/cni-plugins "bin/$name"
	done
}

bundle=
case ${1-} in
--bundle) bundle=1 && shift ;;
-h | --help) usage 0 ;;
esac
need_go
cd "$repo"
mapfile -t folders < <(plugin_folders)
names=("${folders[@]##*/}")

echo "Building plugins"
printf '  %s\n' "${names[@]}"
mkdir -p bin
if [[ $bundle ]]; then
	build_bundle "$@"
else
	rm -f bin/cni-plugins # of an earlier build with --bundle
	build bin/ "$@" "${folders[@]}"
fi
