#!/usr/bin/env bash
# image.sh [VERSION]
#
# Makes dist/cni-plugins-image-VERSION.tar, or the file that the variable ARCHIVE names, of
# what is committed: an OCI archive of an image for each architecture, or those that the
# variable ARCHITECTURES names, as one index, which `ctr image import`, `podman load` and
# `skopeo copy oci-archive:` read. It is called cni-plugins:VERSION, or what the variable IMAGE
# says. Nothing is in it but the bundle, which installs itself in the host's directories, if
# these are mounted at /host/opt/cni/bin and /host/etc/cni/net.d, and exits; and the node
# agent, as /cni-plugins-agent.
set -euo pipefail
# shellcheck source=scripts/release/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/release/lib.sh"

# agent builds the node agent for an architecture, into a folder.
agent() {
	GOTOOLCHAIN=$toolchain GOARCH=$1 go -C "$checkout/agent" build -trimpath -buildvcs=false -ldflags '-s -w' -o "$2/cni-plugins-agent" .
}

[[ ${1-} != -h && ${1-} != --help ]] || usage 0
(($# <= 1)) || usage 2
prepare "$@"
toolchain=$(agent_toolchain "$checkout")
"$checkout/scripts/licenses.sh" >"$work/LICENSE"
GOTOOLCHAIN=$toolchain "$checkout/scripts/licenses.sh" "$checkout/agent" . >"$work/LICENSE-agent"
for architecture in "${targets[@]}"; do
	bundle=$(build "$architecture" --bundle)
	root=$work/roots/$architecture
	install -D "$bundle/cni-plugins" "$root/cni-plugins"
	agent "$architecture" "$root"
	cp "$work/LICENSE" "$work/LICENSE-agent" "$root"
done
go -C "$tools" run ./image -name "${IMAGE:-docker.io/library/cni-plugins:$version}" -version "$version" \
	-output "$work/layout" "$work/roots"
pack "$work/layout" >"${ARCHIVE:-$dist/cni-plugins-image-$version.tar}"
