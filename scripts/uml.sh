#!/usr/bin/env bash
# uml.sh [OPTION]... [--] COMMAND [ARGUMENT]...
#
# Runs COMMAND as root on a User-mode Linux kernel, over this machine's own file
# system, in the current directory and with the current environment. Output and
# exit status are the command's; standard input is passed on when it is a file or
# a pipe (and is read to its end before the kernel boots). What the guest writes
# is gone when it ends, except in directories shared by -s. The guest has no
# network but its loopback interface, and one CPU. Several may run at once, by any user.
#
#   -m SIZE     memory of the guest (2G)
#   -s DIR      share DIR with the guest, writable; may be repeated
#   -t SECONDS  stop the guest after that time (600)
#   -v          tell which kernel modules are missing, and show the guest's console
#
# Exit status 124: time is up. 125: the guest ended without running COMMAND to its end.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly modules=(
	dummy ipvlan vrf 8021q macvlan veth bridge br_netfilter tun ifb sctp
	sch_tbf sch_htb sch_fq_codel sch_cake sch_ingress cls_u32 act_mirred
)

memory=2G
seconds=600
verbose=
shares=()

parse_options() {
	local option
	while getopts :m:s:t:vh option; do
		case $option in
		m) memory=$OPTARG ;;
		s) shares+=("$(realpath -e "$OPTARG")") ;;
		t) seconds=$OPTARG ;;
		v) verbose=1 ;;
		h) usage 0 ;;
		*) usage 2 ;;
		esac
	done
	options=$((OPTIND - 1))
}

# describe leaves in $run what scripts/uml-init reads inside the guest: lists whose
# members end in a NUL, and the standard input.
describe() {
	list "$@" >"$run/command"
	list "${modules[@]}" >"$run/modules"
	list "${shares[@]}" >"$run/shares"
	printf %s "$PWD" >"$run/directory"
	env -0 >"$run/environment"
	if [[ -p /dev/stdin || -f /dev/stdin ]]; then
		cat >"$run/stdin"
	else
		: >"$run/stdin"
	fi
	cp "$repo/scripts/uml-init" "$run/init"
}

list() {
	(($# == 0)) || printf '%s\0' "$@"
}

# boot runs the guest until it halts. The command's output leaves it through two serial
# lines. They end in pipes of our own, since the kernel makes its descriptors
# non-blocking, which the caller's must not become.
boot() {
	local copies=()
	mkfifo "$run/stdout" "$run/stderr"
	cat "$run/stdout" &
	copies+=($!)
	cat "$run/stderr" >&2 &
	copies+=($!)
	timeout --kill-after=5 "$seconds" linux.uml mem="$memory" uml_dir="$run/" umid=guest \
		root=/dev/root rootfstype=hostfs rootflags=/ ro init="$run/init" UMLRUN="$run" \
		con=null con0=null,fd:3 ssl=null ssl0=null,fd:4 ssl1=null,fd:5 quiet \
		</dev/null >"$run/console" 2>&1 \
		3>>"$run/console" 4>"$run/stdout" 5>"$run/stderr" &
	guest=$!
	wait "$guest" || kernel_status=$?
	guest=
	wait "${copies[@]}"
}

# clean_up stops a guest that still runs, when the script is interrupted.
# shellcheck disable=SC2317 # called by trap
clean_up() {
	if [[ $guest ]]; then
		kill "$guest" 2>/dev/null || true
		wait "$guest" 2>/dev/null || true
	fi
	rm -rf "$run"
}

report() {
	[[ ! $verbose ]] || cat "$run/console" "$run/missing" >&2 2>/dev/null || true
	if [[ -f $run/status ]]; then
		exit "$(<"$run/status")"
	fi
	if ((kernel_status == 124 || kernel_status == 137)); then
		echo "uml.sh: the guest was stopped after $seconds seconds" >&2
		exit 124
	fi
	echo "uml.sh: the guest ended early (status $kernel_status):" >&2
	tail -n 10 "$run/console" >&2
	exit 125
}

parse_options "$@"
shift "$options"
(($# > 0)) || usage 2
command -v linux.uml >/dev/null || die "linux.uml is not installed (Debian: user-mode-linux)"

run=$(mktemp -d)
guest=
kernel_status=0
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
describe "$@"
boot
report
