#!/usr/bin/env bash
# release.sh [--tarballs] [VERSION]
#
# Makes a release of what is committed, in dist/. VERSION is by default that in the file
# VERSION. For each architecture, or those alone that the variable ARCHITECTURES names:
#
#   cni-plugins-linux-ARCHITECTURE-VERSION.tgz         each plugin as a binary of its own
#   cni-plugins-bundle-linux-ARCHITECTURE-VERSION.tgz  all of them in one
#   cni-plugins_*.deb, cni-plugins-*.rpm               the bundle, units for systemd, documentation
#
# For all together: the image (see image.sh), an SBOM (CycloneDX), release notes, which
# are the commits since the last tag, and SHA256SUMS. With --tarballs it makes nothing but
# the tarballs and their sums. LICENSE in them has the licences of all that the executables
# are built of. Two builds of a commit with the same Go are the same bytes.
set -euo pipefail
# shellcheck source=scripts/release/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/release/lib.sh"

# tarball packs a folder with plugins, under a name, as containernetworking/plugins does.
tarball() {
	cp "$work/LICENSE" "$checkout/README.md" "$1"
	pack "$1" | gzip --no-name --best >"$dist/$2"
	(cd "$dist" && sha256sum "$2" >"$2.sha256")
	rm "$1/LICENSE" "$1/README.md"
}

# packages makes those of an architecture out of its bundle.
packages() {
	local kind directory
	for kind in deb:/usr/lib/cni rpm:/usr/libexec/cni; do
		directory=${kind#*:}
		lay_out "$2" "$directory"
		# arm is ARMv7: that is what Go builds for by default.
		ROOT=$work/root ARCHITECTURE=${1/%arm/arm7} VERSION=${version#v} \
			MAINTAINER=$(git log -1 --format='%an <%ae>') \
			go -C "$tools" tool nfpm package --config nfpm.yaml --packager "${kind%:*}" --target "$dist/"
	done
}

# lay_out makes the folder root, which has all files of a package where they belong. The
# plugin that comes first is the executable, and the others are links to it: dpkg puts files
# in their places in this order, so that no link is there without its executable.
lay_out() {
	local path first='' root=$work/root unit
	rm -rf "$root"
	for path in "$1"/*; do
		if [[ $first ]]; then
			ln -s "$first" "$root$2/${path##*/}"
		else
			first=${path##*/}
			install -D -m 755 "$path" "$root$2/$first"
		fi
	done
	install -d "$root/usr/bin" "$root/usr/lib/systemd/system"
	ln -s "../..$2/cni-plugins" "$root/usr/bin/cni-plugins"
	for unit in "$checkout"/scripts/systemd/* "$checkout"/plugins/ipam/dhcp/systemd/*; do
		sed "s|/opt/cni/bin|$2|g" "$unit" >"$root/usr/lib/systemd/system/${unit##*/}"
	done
	install -D -m 644 "$work/LICENSE" "$root/usr/share/doc/cni-plugins/copyright"
	install -m 644 "$checkout/README.md" "$root/usr/share/doc/cni-plugins"
	document "$root/usr/share"
}

# document has the bundle of this machine's architecture say what the manual page and the
# completions for shells are.
document() {
	local program=$work/cni-plugins
	[[ -x $program ]] ||
		(cd "$checkout" && GOOS='' GOARCH='' CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags noskel \
			-ldflags "-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=$version" -o "$program" ./plugins/bundle)
	install -d "$1"/man/man8 "$1"/bash-completion/completions "$1"/fish/vendor_completions.d "$1"/zsh/vendor-completions
	"$program" man | gzip --no-name --best >"$1/man/man8/cni-plugins.8.gz"
	"$program" completion bash >"$1/bash-completion/completions/cni-plugins"
	"$program" completion fish >"$1/fish/vendor_completions.d/cni-plugins.fish"
	"$program" completion zsh >"$1/zsh/vendor-completions/_cni-plugins"
	chmod 644 "$1"/man/man8/* "$1"/bash-completion/completions/* "$1"/fish/*/* "$1"/zsh/*/*
}

# bill writes the SBOM: the modules in an executable, the same for all architectures.
bill() {
	go -C "$tools" tool cyclonedx-gomod bin -json -std -licenses -noserial -notimestamp \
		-version "$version" -output "$dist/cni-plugins-$version.cdx.json" "$1"
}

# notes lists the commits since the last tag, by the part that their subjects name.
notes() {
	local last
	last=$(git describe --tags --abbrev=0 --exclude "$version" 2>/dev/null || true)
	printf '# CNI plugins %s\n\n' "$version"
	printf 'Commit %s, built by %s.\n\n' "$(git rev-parse HEAD)" "$(go env GOVERSION)"
	printf '## Changes since %s\n\n' "${last:-the beginning}"
	git log --no-merges --reverse --format='- %s' "${last:+$last..}HEAD" | sort --stable --field-separator=: --key=1,1
}

sums() {
	local sums
	sums=$(cd "$dist" && find . -type f -not -name '*.sha256' -printf '%P\n' | sort | xargs sha256sum)
	echo "$sums" >"$dist/SHA256SUMS"
}

tarballs=''
while (($# > 0)); do
	case $1 in
	--tarballs) tarballs=1 ;;
	-h | --help) usage 0 ;;
	-*) usage 2 ;;
	*) break ;;
	esac
	shift
done
(($# <= 1)) || usage 2
prepare "$@"
rm -rf "${dist:?}"/*
"$checkout/scripts/licenses.sh" >"$work/LICENSE"

bundles=()
for architecture in "${targets[@]}"; do
	tarball "$(build "$architecture")" "cni-plugins-linux-$architecture-$version.tgz"
	bundles+=("$(build "$architecture" --bundle)")
	tarball "${bundles[-1]}" "cni-plugins-bundle-linux-$architecture-$version.tgz"
	[[ $tarballs ]] || packages "$architecture" "${bundles[-1]}"
done
if [[ ! $tarballs ]]; then
	bill "${bundles[0]}/cni-plugins"
	"$repo/scripts/image.sh" "$version"
	notes >"$dist/release-notes-$version.md"
fi
sums
ls -l "$dist"
