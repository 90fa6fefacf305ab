# shellcheck shell=bash
# Sourced by the scripts of this repository.

# repo is the top of the source tree.
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this file
readonly repo

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

need_go() {
	command -v go >/dev/null || die "go is not in PATH"
}
