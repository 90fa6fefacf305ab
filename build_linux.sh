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

readonly module=github.com/containernetworking/plugins
readonly version=$module/pkg/utils/buildversion.BuildVersion identity=$module/pkg/plugin.build

export CGO_ENABLED=0 GOOS=${GOOS:-linux} LC_ALL=C

# choose_folders sets folders to those of the plugins, in the order of the output.
choose_folders() {
	local folder
	for folder in ${PLUGINS:-plugins/meta/* plugins/main/* plugins/ipam/*}; do
		[[ -f $folder/main.go ]] || die "PLUGINS: $folder is not the folder of a plugin"
		folders+=("./${folder%/}")
	done
}

# identify sets build to a hash that no other build has: of the compiled packages that are
# linked into the executables of other plugins, too, and of how they are linked. By it, plugins
# know each other for parts of one build.
identify() {
	build=$(
		{
			go list -deps -export -f '{{.ImportPath}} {{.BuildID}}' -tags noskel -trimpath ./plugins/delegates | sed 's: .*/: :'
			echo "$ldflags $*"
		} | sha256sum
	)
	build=${build:0:40}
}

# stamp adds to flags what has the linker write that hash into the executable of a package,
# and into its GNU build ID, with a name.
stamp() {
	local package=$1 name=$2
	flags+=(-ldflags "$package=$ldflags -X $identity=$build -B 0x$build$(printf %s "$name" | od -An -tx1 | tr -d ' \n')")
}

# build compiles to bin/. A build depends on the sources alone, not on the state of
# the repository around them, hence no -buildvcs. The tag is explained in pkg/plugin. Without
# inlining, which gains nothing where each call waits for the kernel, package netlink is
# 0.15 MB smaller in each plugin.
build() {
	local output=$1
	shift
	go build -tags noskel -trimpath -buildvcs=false -gcflags 'github.com/vishvananda/...=-l' "${flags[@]}" -o "$output" "$@"
}

build_bundle() {
	local name
	stamp ./plugins/bundle cni-plugins
	build bin/cni-plugins "$@" ./plugins/bundle
	for name in "${names[@]}"; do
		ln -f bin/cni-plugins "bin/$name"
	done
}

build_separate() {
	local folder
	for folder in "${folders[@]}"; do
		stamp "$folder" "${folder##*/}"
	done
	build bin/ "$@" "${folders[@]}"
}

bundle='' ldflags='-s -w'
while (($# > 0)); do
	case $1 in
	--bundle) bundle=1 ;;
	--release) ldflags+=" -X $version=$(<"$repo/VERSION")" ;;
	-h | --help) usage 0 ;;
	*) break ;;
	esac
	shift
done
need_go
cd "$repo"
folders=() flags=()
choose_folders
identify "$@"
names=("${folders[@]##*/}")

echo "Building plugins"
printf '  %s\n' "${names[@]}"
mkdir -p bin
if [[ $bundle ]]; then
	build_bundle "$@"
else
	rm -f bin/cni-plugins # of an earlier build with --bundle
	build_separate "$@"
fi
