#!/usr/bin/env bash
# licenses.sh [-l] [FOLDER PACKAGE...]
#
# Prints the licence of this project and those of all that executables are built of, which
# whoever hands these on has to hand on as well: Go's own, and those of the Go modules of
# others, each text once. The executables are packages of the module in a folder, or all plugins.
#
#   -l  list the modules instead, with the names that SPDX has for their licences
#
# A module without a licence, or with one that does not permit that, is an error.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
shopt -s extglob nullglob nocaseglob nocasematch

# packages lists those of others that the executables are built of: folder, module, version.
packages() {
	GOOS=linux go -C "$folder" list -deps -tags noskel -f '
		{{- with .Module}}{{if eq .Path "github.com/containernetworking/plugins"}}{{else if not .Main}}
			{{- $.Dir}} {{.Path}} {{.Version}}{{end}}{{end}}' "$@" | grep . | sort --unique
}

# texts prints the paths of the licences that hold in the folder of a package: those that are
# in it or, as in most cases, in one above it.
texts() {
	local dir=$1 found=()
	while [[ $dir == */* ]]; do
		found=("$dir"/@(licen[cs]e|copying|notice)?(.txt|.md|-*))
		((${#found[@]} == 0)) || break
		dir=${dir%/*}
		[[ $dir != */vendor ]] || break
	done
	((${#found[@]} > 0)) || die "$2 has no licence"
	printf '%s\n' "${found[@]}"
}

# collect fills users: for each text, by a hash of it, the modules under it; and paths, where
# such a text is.
collect() {
	local dir module version file hash list
	list=$(packages "$@")
	while read -r dir module version; do
		list=$(texts "$dir" "$module")
		while read -r file; do
			hash=$(sha256sum <"$file")
			paths[$hash]=$file
			[[ ${users[$hash]-} == *"$module $version"$'\n'* ]] || users[$hash]+="$module $version"$'\n'
		done <<<"$list"
	done <<<"$list"
}

# identify prints what SPDX calls a licence. A notice, which Apache's has beside it, has no name.
identify() {
	local text
	text=$(tr -s '[:space:]' ' ' <"$1")
	case $text in
	*"Apache License Version 2.0"*) echo Apache-2.0 ;;
	*"Redistribution and use in source and binary forms"*"neither the name"*) echo BSD-3-Clause ;;
	*"Redistribution and use in source and binary forms"*) echo BSD-2-Clause ;;
	*"Permission is hereby granted, free of charge"*) echo MIT ;;
	*"Permission to use, copy, modify, and"*"distribute this software for any purpose"*) echo ISC ;;
	*) [[ ${1##*/} == notice* ]] || die "$1 is a licence that this script does not know" ;;
	esac
}

list() {
	local hash name line
	for hash in "${!paths[@]}"; do
		name=$(identify "${paths[$hash]}")
		[[ $name ]] || continue
		while read -r line; do
			echo "$line $name"
		done < <(printf %s "${users[$hash]}")
	done | sort --unique
}

print() {
	local hash
	cat "$repo/LICENSE"
	printf '\n%s\n\nThe executables are also built of the following.\n' "$rule"
	printf '\n%s\n\n%s\n\n' "$rule" "$(go env GOVERSION | sed 's/^go/Go /')"
	cat "$(go env GOROOT)/LICENSE"
	# By name: the order of an associative array is not the same everywhere.
	while read -r hash; do
		printf '\n%s\n\n%s\n\n' "$rule" "$(printf %s "${users[$hash]}")"
		cat "${paths[$hash]}"
	done < <(for hash in "${!users[@]}"; do printf '%s\t%s\n' "${users[$hash]%%$'\n'*}${paths[$hash]##*/}" "$hash"; done | sort | cut -f 2)
}

do=print
case ${1-} in
-l) do=list && shift ;;
-h | --help) usage 0 ;;
-*) usage 2 ;;
esac
need_go
folder=$repo
if (($# > 0)); then
	folder=$(realpath -e "$1")
	shift
else
	set -- ./plugins/...
fi
readonly rule='--------------------------------------------------------------------------------'
declare -A users=() paths=()
collect "$@"
"$do"
