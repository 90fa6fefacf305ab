#!/bin/sh
# Runs before the package is removed, and, with another argument, before an upgrade.
set -e
case $1 in
remove | 0) ;;
*) exit 0 ;;
esac
units="cni-gc.timer cni-gc-boot.service cni-repair.service cni-repair-start.service cni-repair-firewalld.service cni-dhcp.service cni-dhcp.socket"
# shellcheck disable=SC2086 # several words
if command -v systemctl >/dev/null; then
	systemctl disable $units
	[ ! -d /run/systemd/system ] || systemctl stop $units
fi
