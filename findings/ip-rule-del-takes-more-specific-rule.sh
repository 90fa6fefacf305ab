#!/usr/bin/env bash
# Deleting a rule of routing deletes the first one that has what was said, whatever it has beside.
#
# `ip rule del table 100` (RTM_DELRULE) reads like "the rule that is just this". But what is not said is
# not compared: mark, interfaces, addresses, ports. The rules are gone through by their priority, so that
# a rule of somebody else with more conditions and a smaller number goes, and the one that was meant
# stays. Both `ip` and programs get a success. To be sure one has to say the priority and everything that
# a rule has, and even then a rule with one condition more, of the same priority, may go instead.
# A route is deleted the same way, but its destination is always compared.
set -euo pipefail

if [[ ! ${root-} ]]; then # once to unpack, and once more in a network of its own
	script=$(realpath "$0")
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	cd "$root"
	apt-get -qq -o APT::Sandbox::User=root download iproute2=6.1.0-3
	dpkg-deb -x iproute2_*.deb .
	root=$root unshare --net bash "$script"
	exit
fi
PATH=$root/sbin:$PATH
echo "$(uname -sr), $(ip -V)"

# left WANT RULE... deletes the rule, and expects that these are left of two.
left() {
	local want=$1 have
	shift
	ip rule del "$@"
	have=$(ip rule list table 100 | sed 's/:\t/ /; s/ *$//')
	echo "after ip rule del $*: $have"
	[[ $have == "$want" ]] || { echo "changed: expected $want" >&2; exit 1; }
	ip rule flush
}

ip rule add pref 1000 from 192.0.2.1 iif lo table 100
ip rule add pref 2000 table 100
left "2000 from all lookup 100" table 100

ip rule add pref 1000 from 192.0.2.1 fwmark 5 ipproto tcp dport 80 table 100
ip rule add pref 2000 from 192.0.2.1 table 100
left "2000 from 192.0.2.1 lookup 100" from 192.0.2.1 table 100

ip rule add pref 1000 from 192.0.2.1 fwmark 5 table 100
ip rule add pref 1000 from 192.0.2.1 table 100
left "1000 from 192.0.2.1 lookup 100" pref 1000 from 192.0.2.1 table 100
