#!/usr/bin/env bash
# build_linux.sh [--bundle] [--release] [GO BUILD ARGUMENT]...
#
# Builds every plugin into bin/, static and stripped, or those alone whose folders the
# variable PLUGINS names: "plugins/main/ptp plugins/ipam/*". GOOS, GOARCH choose another
# target. With --bundle it builds one binary, bin/cni-plugins, and links it under every
# plugin's name. With --release the plugins report the version in the file VERSION, as
# whatever is installed should: runtimes take those that report none for old ones.
# Further arguments go to `go build`, and win over those given here.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

readonly stamp=github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion

export CGO_ENABLED=0 GOOS=${GOOS:-linux} LC_ALL=C

# choose_folders sets folders to those of the plugins, in the order of the output.
choose_folders() {
	local folder
	for folder in ${PLUGINS:-plugins/meta/* plugins/main/* plugins/ipam/*}; do
		[[ -f $folder/main.go ]] || die "PLUGINS: $folder is not the folder of a plugin"
		folders+=("./${folder%/}")
	done
}

# build compiles to bin/. A build depends on the sources alone, not on the state of
# the repository around them, hence no -buildvcs. The tag is explained in pkg/plugin.
build() {
	local output=$1
	shift
	go build -tags noskel -trimpath -buildvcs=false -ldflags "$ldflags" -o "$output" "$@"
}

build_bundle() {
	local name
	build bin/cni-plugins "$@" ./plugins/bundle
	for name in "${names[@]}"; do
		ln -f bin/cni-plugins "bin/$name"
	done
}

bundle='' ldflags='-s -w'
while (($# > 0)); do
	case $1 in
	--bundle) bundle=1 ;;
	--release) ldflags+=" -X $stamp=$(<"$repo/VERSION")" ;;
	-h | --help) usage 0 ;;
	*) break ;;
	esac
	shift
done
need_go
cd "$repo"
folders=()
choose_folders
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
