#!/usr/bin/env bash
# install.sh [ARGUMENT]...
#
# Builds all plugins in one binary, which reports its version, and installs it in
# /opt/cni/bin, also while runtimes call plugins there. Arguments are those of
# `cni-plugins install`, which does it:
#
#   --bin-dir DIR   another directory
#   --symlink       symbolic links instead of hard ones
#   --conf FILE     a network configuration, which goes to /etc/cni/net.d behind the plugins
#   --conf-dir DIR  another directory for that
#   --from DIR      the plugins in a directory instead of those that were built
#   --uninstall     remove what was installed
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ ${1-} != -h && ${1-} != --help ]] || usage 0
"$repo/build_linux.sh" --bundle --release
"$repo/bin/cni-plugins" install "$@"
