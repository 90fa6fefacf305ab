# shellcheck shell=bash
# Sourced by uml.sh and qemu.sh: what guests have in common, which is all but the kernel and what runs
# it. Wants lib.sh sourced before.

# The guest's memory and time, whether to tell more, and the directories that it may write to.
# shellcheck disable=SC2034 # used by the scripts that source this file
memory=2G
seconds=600
verbose=
shares=()

# What tests want loaded that the kernel does not load by itself, or not where it is asked by a namespace.
readonly guest_modules=(
	dummy ipvlan vrf 8021q macvlan veth bridge br_netfilter tun ifb sctp
	sch_tbf sch_htb sch_fq_codel sch_cake sch_ingress cls_u32 act_mirred
)

# guest_option takes an option of getopts that all guests have, and fails for others.
# shellcheck disable=SC2034 # used by the scripts that source this file
guest_option() {
	case $1 in
	m) memory=$OPTARG ;;
	s) shares+=("$(realpath -e "$OPTARG")") ;;
	t) seconds=$OPTARG ;;
	v) verbose=1 ;;
	h) usage 0 ;;
	*) usage 2 ;;
	esac
}

# prepare_guest makes the directory $run, and leaves in it what scripts/guest/init reads inside the guest:
# the kind of the guest, the folder of its kernel's drivers, lists whose members end in a NUL, and the
# standard input.
prepare_guest() {
	local kind=$1 drivers=$2
	shift 2
	run=$(mktemp -d)
	guest=
	kernel_status=0
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	echo "$kind" >"$run/kind"
	echo "$drivers" >"$run/drivers"
	list "$@" >"$run/command"
	list "${guest_modules[@]}" >"$run/modules"
	list "${shares[@]}" >"$run/shares"
	printf %s "$PWD" >"$run/directory"
	env -0 >"$run/environment"
	if [[ -p /dev/stdin || -f /dev/stdin ]]; then
		cat >"$run/stdin"
	else
		: >"$run/stdin"
	fi
	# shellcheck disable=SC2154 # of lib.sh
	cp "$repo/scripts/guest/init" "$run/init"
}

list() {
	(($# == 0)) || printf '%s\0' "$@"
}

# await_guest waits until the process $guest, which is the guest, has ended.
await_guest() {
	wait "$guest" || kernel_status=$?
	guest=
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

# report ends the script with the command's status.
report() {
	[[ ! $verbose ]] || cat "$run/console" "$run/missing" >&2 2>/dev/null || true
	if [[ -f $run/status ]]; then
		exit "$(<"$run/status")"
	fi
	if ((kernel_status == 124 || kernel_status == 137)); then
		echo "${0##*/}: the guest was stopped after $seconds seconds" >&2
		exit 124
	fi
	echo "${0##*/}: the guest ended early (status $kernel_status):" >&2
	tail -n 10 "$run/console" >&2
	exit 125
}
