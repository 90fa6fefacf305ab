#!/usr/bin/env bash
# vulnerabilities.sh [-v]
#
# Looks for known vulnerabilities in what this repository's Go modules call of others, and of the Go
# that the agent is built with, with govulncheck and Go's vulnerability database. Both come from the Go
# module proxy, at the versions below, into a folder of the user's cache, the first time in some minutes.
# The exit status is 0 if nothing that is called is vulnerable, 3 otherwise.
#
#   -v  list also what is vulnerable in modules that are required, and not called
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The database's version is its day: a later one knows more.
readonly govulncheck=v1.9.0 database=v0.0.0-20261105234957-e22db6528018
readonly modules=(. agent integration/runtimes integration/schemas integration/telemetry integration/collector scripts/release scripts/report)

# prepare makes the folder, unless it is there: the tool, and the database in the form that it reads.
prepare() {
	local source
	[[ ! -e $cache/complete ]] || return 0
	mkdir -p "$cache"
	GOBIN=$cache go install "golang.org/x/vuln/cmd/govulncheck@$govulncheck"
	GOBIN=$cache go install "golang.org/x/vulndb/cmd/indexdb@$database"
	source=$(go mod download -json "golang.org/x/vulndb@$database" | sed -n 's/^\s*"Dir": "\(.*\)".*/\1/p')
	rm -rf "$cache/database"
	"$cache/indexdb" -vulns "$source/data/osv" -out "$cache/database"
	touch "$cache/complete"
}

arguments=()
while getopts :vh option; do
	case $option in
	v) arguments=(-show verbose) ;;
	h) usage 0 ;;
	*) usage 2 ;;
	esac
done
need_go
GOTOOLCHAIN=$(agent_toolchain "$repo")
export GOTOOLCHAIN
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cni-plugins/vulnerabilities-$govulncheck-$database
prepare
status=0
for module in "${modules[@]}"; do
	printf '\n%s\n' "$module"
	(cd "$repo/$module" && "$cache/govulncheck" -db "file://$cache/database" "${arguments[@]}" ./... | { grep -v "^      #" || true; }) || status=$?
done
exit "$status"
