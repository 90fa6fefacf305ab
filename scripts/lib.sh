# shellcheck shell=bash
# Sourced by the scripts of this repository.

# repo is the top of the source tree.
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this file
readonly repo

# What the plugins are built for, by Go's names.
# shellcheck disable=SC2034 # used by the scripts that source this file
readonly architectures=(amd64 arm64 arm ppc64le s390x riscv64 mips64le loong64)

# Where Go and the network tools usually are, which sudo and su may leave out of PATH.
PATH=$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# usage prints the comment that opens the script, and exits with the given status.
usage() {
	awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0" >&"$((1 + ($1 > 0)))"
	exit "$1"
}

need_root() {
	((EUID == 0)) || die "run as root: $1"
}

# need_go stops a script where Go is missing or so old that it neither reads go.mod nor gets
# a newer one, as Go does by itself since 1.21.
need_go() {
	local wanted have
	wanted=$(awk '$1 == "go" { print $2 }' "$repo/go.mod")
	have=$(cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || have=none
	[[ $have != none && $(printf '%s\n' go1.21 "$have" | sort -V | head -n 1) == go1.21 ]] ||
		die "needs Go $wanted or later in PATH, as from https://go.dev/dl/ (found: $have)"
}

# agent_toolchain prints the version of Go that the agent of a source tree is to be built with,
# whatever is installed: TLS and HTTP of earlier ones are vulnerable.
agent_toolchain() {
	awk '$1 == "toolchain" { print $2 }' "$1/agent/go.mod"
}

# install_missing installs on Debian what a script calls and the machine lacks. Its
# arguments are pairs: a command or path, and Debian's package that has it.
install_missing() {
	local requirement missing=()
	for requirement in "$@"; do
		have "${requirement%:*}" || missing+=("${requirement#*:}")
	done
	((${#missing[@]} > 0)) || return 0
	command -v apt-get >/dev/null || die "needs (Debian's names): ${missing[*]}"
	printf '\nInstalling %s\n' "${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	without_services apt-get install -qq --no-install-recommends "${missing[@]}"
}

have() {
	command -v "$1" >/dev/null || [[ $1 == /* && -e $1 ]]
}

# without_services runs a command that installs packages, of which some would start
# services: a firewall, as an example. Where somebody has a policy for that, it stays.
# Those that would take over the machine's network do not start with it later, either.
without_services() {
	local policy=/usr/sbin/policy-rc.d status=0 service
	for service in firewalld:firewalld network-manager:NetworkManager; do
		[[ " $* " != *" ${service%:*} "* || ! -d /etc/systemd/system ]] ||
			ln -sf /dev/null "/etc/systemd/system/${service#*:}.service"
	done
	if [[ -e $policy ]]; then
		"$@"
		return
	fi
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	"$@" || status=$?
	rm -f "$policy"
	return "$status"
}
