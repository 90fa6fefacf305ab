# shellcheck shell=bash
# Sourced by the scripts that make a release.

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly dist=$repo/dist

# prepare checks out what is committed, which alone goes into a release, so that whoever
# builds the same commit with the same Go gets the same bytes. It sets version, and for
# all that writes times SOURCE_DATE_EPOCH: when the commit was made.
prepare() {
	version=${1:-$(<"$repo/VERSION")}
	[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "$version is not a version as v1.2.3"
	need_go
	cd "$repo"
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
	export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC CGO_ENABLED=0 GOOS=linux GOAMD64=v1 GOARM=7
	export GOFLAGS="${GOFLAGS-} -trimpath" # also for tools, of which the SBOM has digests
	umask 022
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	checkout=$work/checkout tools=$work/checkout/scripts/release
	mkdir "$checkout" "$work/bin"
	git archive HEAD | tar -x -C "$checkout"
	echo "$version" >"$checkout/VERSION"
	mkdir -p "$dist"
	read -ra targets <<<"${ARCHITECTURES:-${architectures[*]}}"
}

# build builds the plugins for an architecture, with the options of build_linux.sh, and
# leaves them in a folder of that name, which is printed.
build() {
	local folder=$work/bin/$1${2-}
	GOARCH=$1 "$checkout/build_linux.sh" "${@:2}" --release >&2
	mv "$checkout/bin" "$folder"
	echo "$folder"
}

# pack makes an archive of all that is in a folder, in which nothing tells who made it,
# and when.
pack() {
	tar --create --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
		--mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX --directory "$1" .
}
