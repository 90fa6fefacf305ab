#!/usr/bin/env bash
# machine.sh COMMAND [ARGUMENT]...
#
# Runs a command on a machine of its own within this one: with its own network, of which only lo is
# there and up, processes, mounts, control groups and host name. /run, /var/lib, /etc/cni and /opt/cni
# are empty there, and what is written to /etc, /opt or /var is gone with the machine. Whatever
# still runs there when the command ends is killed. The exit status is the command's.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/machines.sh
source "$repo/scripts/machines.sh"

# furnish makes the mounts of the machine.
furnish() {
	hostname machine
	mount_sys
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir /run/machine
	cover /run/machine etc opt var
	mount -t tmpfs -o mode=755 tmpfs /var/lib
	rm -rf /etc/cni /opt/cni
	mkdir -p /run/lock /run/netns /etc/cni/net.d /opt/cni
	ip link set lo up
}

case ${1-} in
'') usage 2 ;;
-h | --help) usage 0 ;;
esac
need_root "it makes namespaces"
if [[ $1 == --inside ]]; then
	shift
	furnish
	# Not exec: this is process 1 there, which has to wait for what others leave.
	"$@"
	exit
fi
readonly group=cni-machine-$$
trap 'drop_cgroup "$group"' EXIT
trap 'exit 143' INT TERM HUP
"${bound[@]}" "${isolated[@]}" "$group" "$0" --inside "$@"
