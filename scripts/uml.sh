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
# shellcheck source=scripts/guest/lib.sh
source "$repo/scripts/guest/lib.sh"

# boot runs the guest until it halts. The command's output leaves it through two serial
# lines. They end in pipes of our own, since the kernel makes its descriptors
# non-blocking, which the caller's must not become.
boot() {
	local copies=()
	cp "$repo/scripts/guest/uml-init" "$run/first"
	mkfifo "$run/stdout" "$run/stderr"
	cat "$run/stdout" &
	copies+=($!)
	cat "$run/stderr" >&2 &
	copies+=($!)
	timeout --kill-after=5 "$seconds" linux.uml mem="$memory" uml_dir="$run/" umid=guest \
		root=/dev/root rootfstype=hostfs rootflags=/ ro init="$run/first" GUEST="$run" \
		con=null con0=null,fd:3 ssl=null ssl0=null,fd:4 ssl1=null,fd:5 quiet \
		</dev/null >"$run/console" 2>&1 \
		3>>"$run/console" 4>"$run/stdout" 5>"$run/stderr" &
	guest=$!
	await_guest
	wait "${copies[@]}"
}

while getopts :m:s:t:vh option; do
	guest_option "$option"
done
shift $((OPTIND - 1))
(($# > 0)) || usage 2
command -v linux.uml >/dev/null || die "linux.uml is not installed (Debian: user-mode-linux)"

prepare_guest uml /usr/lib/uml/modules "$@"
boot
report
