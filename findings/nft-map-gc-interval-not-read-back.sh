#!/usr/bin/env bash
# nft(8) of Debian 12 lists a map in words that it does not read.
#
# The kernel gives maps a gc-interval as it gives one to sets, JSON input may set it, and the
# listing shows it. But the grammar of nftables 1.0.6 knows the word in sets alone: `nft
# list ruleset > FILE; nft flush ruleset; nft -f FILE`, which is how many keep a firewall
# across a reload, loads nothing any more, of no table. A program that makes maps for such
# hosts leaves the interval to the kernel, which then collects every second.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 \
		libnftnl11=1.2.4-2 libxtables12=1.8.9-2
	for package in *.deb; do dpkg-deb -x "$package" .; done
	root=$root unshare --net bash "$script"
	exit
fi
library=$root/usr/lib/$(uname -m)-linux-gnu
export PATH=$root/usr/sbin:$PATH LD_LIBRARY_PATH=$library

fail() {
	echo "changed: $*" >&2
	exit 1
}

nft --version
nft --json -f - <<'END'
{"nftables": [
	{"add": {"table": {"family": "ip", "name": "t"}}},
	{"add": {"set": {"family": "ip", "table": "t", "name": "s", "type": "ipv4_addr", "flags": ["timeout"], "gc-interval": 10}}}
]}
END
nft list ruleset >"$root/set"
nft flush ruleset
nft -f "$root/set" || fail "the listing of a set is not read"
nft --json -f - <<'END'
{"nftables": [
	{"add": {"map": {"family": "ip", "table": "t", "name": "m", "type": "ipv4_addr", "map": "mark", "flags": ["timeout"], "gc-interval": 10}}}
]}
END
nft list ruleset | tee "$root/map"
grep -A 3 'map m' "$root/map" | grep -q gc-interval || fail "a map is listed without its gc-interval"
nft flush ruleset
! nft -f "$root/map" 2>"$root/stderr" || fail "the listing of a map is read"
cat "$root/stderr"
grep -q 'unexpected gc-interval' "$root/stderr" || fail "the error is another one"
[[ ! $(nft list ruleset) ]] || fail "something was loaded"
