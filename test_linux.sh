#!/usr/bin/env bash
# test_linux.sh [--bundle] [PACKAGE]...
# test_linux.sh --release
# test_linux.sh --agent
# test_linux.sh --runtimes
# test_linux.sh --cluster
# test_linux.sh --faults
# test_linux.sh --storm [ROUNDS]
# test_linux.sh --soak [CYCLES]
# test_linux.sh --fuzz [DURATION]
# test_linux.sh --kernels [PACKAGE]...
#
# Builds the plugins and runs every test, on this kernel and, where this kernel lacks a
# driver, under User-mode Linux. Installs through apt-get what tests need and the machine
# lacks. With --bundle, tests of real binaries run the one binary that holds all plugins.
# With packages (as ./pkg/ip or ./plugins/...) only their tests run, without the static
# checks.
#
# With --release it makes a release twice, of what is committed, and tries what is in it:
# packages in fresh Debian 12 and 13, the image with containerd and podman, the SBOM. This
# takes about half an hour, and asks for Debian's mirror and the Go module proxy.
# With --agent it checks and tests the node agent in agent/, a module of its own, and measures
# it among 5,000 nodes. The first time, this compiles what it imports for some minutes.
#
# With --runtimes only the tests of container runtimes run, all of them: a later containerd
# than Debian's, which is built first, Podman and cnitool as well, and more of everything.
# With --cluster a Kubernetes cluster does, once for each way to configure it; the first
# time, building it takes half an hour to an hour.
# With --faults each step of each verb of each plugin, and of chains of them, goes wrong in
# each way, which takes hours. It ends with a table, also in the file that CNI_TEST_REPORT
# names: how often something was left, or a container could not be attached any more.
# With --storm 200 containers come and go at once, 25 times, under a runtime at its worst,
# while others change links and rules and flush them. With --soak containers come and go 20,000
# times, while what that takes of the host is measured. Both end with a table, also in the file
# that CNI_TEST_REPORT names; they take about ten and thirty minutes.
# With --fuzz each fuzz target runs for that long (60s), one after the other. An input that
# fails stays in testdata/fuzz of its package, where all later runs of the tests take it.
#
# With --kernels the tests run on this kernel, on User-mode Linux, and on Debian's 6.1 and 6.12 under QEMU, but for
# those that scripts/kernels-without lists. CNI_TEST_KERNELS is a regular expression for the kernels
# ("Debian's 6.12"), CNI_TEST_RUN one for the tests. It ends with tables, also in the file that CNI_TEST_REPORT names.
#
# The last line counts the tests that passed, failed and were skipped on both kernels.
# The exit status is 0 if nothing failed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
# shellcheck source=scripts/cluster/build.sh
source "$repo/scripts/cluster/build.sh"

readonly staticcheck_version=v0.8.2

# What tests need: a command or path, and Debian's package that has it. The last is
# for the tests that exchange state with other builds of the plugins.
readonly requirements=(
	ip:iproute2
	iptables-legacy:iptables
	nft:nftables
	conntrack:conntrack
	git:git
	modprobe:kmod
	sysctl:procps
	linux.uml:user-mode-linux
	iperf3:iperf3
	ping:iputils-ping
	shellcheck:shellcheck
	dbus-daemon:dbus
	dnsmasq:dnsmasq-base
	kea-dhcp4:kea-dhcp4-server
	kea-dhcp6:kea-dhcp6-server
	firewalld:firewalld
	systemd-analyze:systemd
	udevadm:udev
	/usr/lib/python3/dist-packages/nftables:python3-nftables
	/usr/lib/cni/ptp:containernetworking-plugins
	containerd:containerd
	runc:runc
	busybox:busybox-static
	NetworkManager:network-manager
	fish:fish
	zsh:zsh
)
readonly runtime_requirements=(podman:podman conmon:conmon crun:crun)

readonly kernel_requirements=(qemu-system-x86_64:qemu-system-x86 xz:xz-utils)

readonly release_requirements=(
	git:git
	mmdebstrap:mmdebstrap
	rpm:rpm
	skopeo:skopeo
)

announce() {
	printf '\n%s\n' "$*"
}

# check_beside begins the static checks, which take what processors the tests leave: these wait
# for the kernel most of the time. What there is to say comes when they end.
check_beside() {
	(
		set +e
		renice -n 19 "$BASHPID" >/dev/null
		output=$(set -e && check_statically 2>&1)
		status=$?
		announce "Static checks: $([[ $status == 0 ]] && echo passed || echo failed)" "$output"
		exit "$status"
	) &
	checks=$!
}

check_statically() {
	check_format
	go vet ./...
	run_staticcheck
	(cd integration/runtimes && go vet ./... && run_staticcheck)
	(cd scripts/report && go vet ./... && run_staticcheck)
	shellcheck -x ./*.sh scripts/*.sh scripts/cluster/*.sh scripts/release/maintainer/*.sh scripts/guest/* findings/*.sh .ci/run
	check_architectures
}

check_format() {
	local unformatted
	unformatted=$(find . -name '*.go' -not -path './vendor/*' -exec gofmt -l {} +)
	[[ ! $unformatted ]] || die "not formatted by gofmt: $unformatted"
}

# run_staticcheck installs the tool outside the module, once per version of Go, since one
# that an older Go built cannot read what a newer one compiles.
run_staticcheck() {
	local directory
	directory=${XDG_CACHE_HOME:-$HOME/.cache}/cni-plugins/staticcheck-$staticcheck_version-$(go env GOVERSION)
	[[ -x $directory/staticcheck ]] ||
		GOBIN=$directory go install "honnef.co/go/tools/cmd/staticcheck@$staticcheck_version"
	"$directory/staticcheck" ./...
}

check_architectures() {
	local architecture
	for architecture in "${architectures[@]}"; do
		GOARCH=$architecture go build ./pkg/... ./plugins/...
	done
}

# test_release runs the tests of the module that makes releases.
test_release() {
	install_missing "${release_requirements[@]}"
	cd scripts/release
	go vet ./...
	run_staticcheck
	announce "Tests"
	go test -count=1 -timeout=90m -v ./... </dev/null
}

# test_agent runs all there is about the module of the node agent.
test_agent() {
	cd agent
	go vet ./...
	run_staticcheck
	announce "Tests"
	CNI_TEST_BIN=$repo/bin CNI_TEST_NODES=5000 go test -count=1 -timeout=15m -v ./... </dev/null
}

# test_faults lets all steps go wrong that the tests know, and makes the table.
test_faults() {
	local status=0 report rows
	rows=$(mktemp -d)/rows
	CNI_TEST_FAULTS=all CNI_TEST_REPORT=$rows run_tests -limit 12h -parallel 12 -run "${CNI_TEST_RUN:-Faults|Killed|Unread}" ./integration || status=$?
	report=$(awk -F'\t' '
		function count(name) { points[name, $2] += $3; left[name] += $4; stuck[name] += $5; other[name] += $6 }
		function line(name) {
			return sprintf("%-50s%8d%8d%8d%8d%8d%8d%9d", name, points[name, "ADD"], points[name, "DEL"], points[name, "GC"],
				points[name, "repair"], left[name], stuck[name], other[name])
		}
		{ names[$1]; count($1); count("all") }
		BEGIN { printf "%-50s%8s%8s%8s%8s%8s%8s%9s\n", "faults in", "ADD", "DEL", "GC", "repair", "left", "stuck", "bad end" }
		END { for (name in names) print line(name) | "sort"; close("sort"); print line("all") }' "$rows")
	rm -r "${rows%/rows}"
	announce "$report"
	[[ ! ${CNI_TEST_REPORT-} ]] || echo "$report" >"$CNI_TEST_REPORT"
	return "$status"
}

# test_alone runs one test, and shows the report that it writes.
test_alone() {
	local status=0 report
	report=$(mktemp -d)/report
	CNI_TEST_REPORT=$report run_tests -limit 12h -run "^$1\$" ./integration || status=$?
	[[ ! -e $report ]] || announce "$(<"$report")"
	[[ ! ${CNI_TEST_REPORT-} ]] || cp "$report" "$CNI_TEST_REPORT"
	rm -r "${report%/report}"
	return "$status"
}

# test_fuzz runs the fuzz targets of the module and of the agent for a duration each.
test_fuzz() {
	local status=0 module package target
	export CNI_TEST_BIN=$repo/bin
	for module in . agent; do
		while read -r package target; do
			announce "$package $target"
			go test -C "$module" -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package" </dev/null || status=1
		done < <(go test -C "$module" -list '^Fuzz' ./... |
			awk '/^Fuzz/ { targets[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print $2, targets[i]; n = 0 }')
	done
	return "$status"
}

# use_cnitool builds cnitool, with which the tests of the documentation call plugins. The variable
# has no name that plugins would hand on.
use_cnitool() {
	build_cnitool
	TEST_TOOLS=$(build_folder)/bin
	export TEST_TOOLS
}

# run_tests runs the tests of packages and, by -also, those of other modules.
run_tests() {
	announce "Tests"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	export CNI_TEST_BIN=$repo/bin
	go build -o "$work/testrun" ./scripts/testrun
	"$work/testrun" -work "$work" "$@" </dev/null
}

bundle=() part=
case ${1-} in
--bundle) bundle=(--bundle) && shift ;;
--release | --agent | --runtimes | --cluster | --faults | --storm | --soak | --fuzz | --kernels) part=${1#--} && shift ;;
-h | --help) usage 0 ;;
-*) usage 2 ;;
esac
need_root "tests make network namespaces"
need_go
cd "$repo"
if [[ $part == release ]]; then
	test_release
	exit
fi
install_missing "${requirements[@]}"
./build_linux.sh "${bundle[@]}"
case $part in
agent) test_agent ;;
runtimes)
	install_missing "${runtime_requirements[@]}"
	build_containerd
	build_cnitool
	CNI_TEST_RUNTIMES=$(build_folder)/bin
	export CNI_TEST_RUNTIMES
	run_tests -also "integration/runtimes ./containerd ./podman ./cnitool"
	;;
faults) test_faults ;;
storm) CNI_TEST_STORM=${1:-25} test_alone TestStorm ;;
soak) CNI_TEST_SOAK=${1:-20000} test_alone TestSoak ;;
fuzz) test_fuzz "${1:-60s}" ;;
kernels)
	install_missing "${kernel_requirements[@]}"
	(($# > 0)) || set -- ./...
	run_tests -limit 12h -kernels "${CNI_TEST_KERNELS:-.}" -run "${CNI_TEST_RUN-}" "$@"
	;;
cluster) run_tests -also "integration/runtimes ./cluster" ;;
*)
	also=() checks='' status=0
	use_cnitool
	if (($# == 0)); then
		check_beside
		also=(-also "integration/runtimes -short -skip=TestKilledAmid ./containerd" -also "scripts/report ./...")
		set -- ./...
	fi
	run_tests "${also[@]}" "$@" || status=1
	[[ ! $checks ]] || wait "$checks" || status=1
	exit "$status"
	;;
esac
