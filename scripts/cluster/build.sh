# shellcheck shell=bash
# Sourced by cluster.sh and test_linux.sh: the programs of Kubernetes and containerd, built from the Go
# module proxy into a folder that later runs use again. Wants lib.sh sourced before.

readonly kubernetes_version=v1.37.2 containerd_version=v2.4.2 cnitool_version=v1.3.1
readonly kubernetes_programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

# build_folder prints the folder of the built programs: $KUBE_CACHE, or one per version in the user's cache.
build_folder() {
	echo "${KUBE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cni-plugins/kube-$kubernetes_version-$containerd_version}"
}

# once runs a build that makes a version of something, unless an earlier run has completed that.
once() {
	local name=$1 version=$2 stamp
	shift 2
	stamp=$(build_folder)/.$name
	[[ ! -e $stamp || $(<"$stamp") != "$version" ]] || return 0
	mkdir -p "$(build_folder)/bin"
	printf '\nBuilding %s %s\n' "$name" "$version"
	"$@"
	echo "$version" >"$stamp"
}

build_kubernetes() {
	once kubernetes $kubernetes_version compile_kubernetes
}

build_containerd() {
	once containerd $containerd_version install_program $containerd_version \
		github.com/containerd/containerd/v2/cmd/{containerd,ctr,containerd-shim-runc-v2}
}

build_cnitool() {
	once cnitool $cnitool_version install_program $cnitool_version github.com/containernetworking/cni/cnitool
}

# install_program builds commands of one module's version, outside any module.
install_program() {
	local version=$1
	shift
	(
		cd "$(build_folder)" || exit
		CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOBIN=$PWD/bin go install -p "${JOBS:-$(nproc)}" -trimpath \
			-ldflags '-s -w' "${@/%/@$version}"
	)
}

# compile_kubernetes builds within a module of its own: k8s.io/kubernetes replaces the modules that it
# publishes as v0.X.Y beside its own v1.X.Y by folders, which are not in its archive.
compile_kubernetes() (
	local folder stamp=k8s.io/component-base/version flags
	folder=$(build_folder)/module
	mkdir -p "$folder"
	cd "$folder" || exit
	printf 'module cluster\ngo 1.25\nrequire k8s.io/kubernetes %s\n' "$kubernetes_version" >go.mod
	go mod download -json "k8s.io/kubernetes@$kubernetes_version" >downloaded
	sed -nE "s,^\s*(k8s\.io/\S+) => \./staging/.*,replace \1 => \1 v0${kubernetes_version#v1},p" \
		"$(sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' downloaded)" >>go.mod
	flags="-s -w -X $stamp.gitVersion=$kubernetes_version -X $stamp.gitMajor=1"
	flags+=" -X $stamp.gitMinor=$(cut -d. -f2 <<<"$kubernetes_version")"
	CGO_ENABLED=0 GOFLAGS='-mod=mod -buildvcs=false' go build -p "${JOBS:-$(nproc)}" -trimpath -ldflags "$flags" \
		-o ../bin/ "${kubernetes_programs[@]/#/k8s.io/kubernetes/cmd/}"
)
