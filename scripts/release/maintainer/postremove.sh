#!/bin/sh
# Runs behind a removal of the package, or an upgrade.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
