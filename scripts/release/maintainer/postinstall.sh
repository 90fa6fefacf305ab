#!/bin/sh
# Runs behind an installation or upgrade of the package. No unit is enabled: who wants
# them does that.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
# The daemon goes on with the new executable. Leases stay.
systemctl try-restart cni-dhcp.service
