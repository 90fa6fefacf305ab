#!/usr/bin/env bash
# One rule about all addresses but some makes coreos/go-iptables tell nothing of a chain.
#
# StructuredStats reads the packets and bytes that the rules of a chain have counted. It takes the
# columns of source and destination for networks, but of a rule with `! -s 10.0.0.0/8`, as
# masquerade has for what stays in the cluster, iptables prints "!10.0.0.0/8". That is an error for
# the whole chain, whoever made the rule. Stats and List have such rules like others.
set -euo pipefail

if [[ ! ${work-} ]]; then # once to unpack and build, and once more in a network of its own
	script=$(realpath "$0")
	work=$(mktemp -d)
	trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
	cd "$work"
	apt-get -qq -o APT::Sandbox::User=root download iptables=1.8.9-2 libxtables12=1.8.9-2 libip4tc2=1.8.9-2 libip6tc2=1.8.9-2 \
		libnftnl11=1.2.4-2
	for package in *.deb; do dpkg-deb -x "$package" .; done
	ln -s xtables-nft-multi usr/sbin/iptables
	export GOFLAGS=-mod=mod GOPATH=$work/go
	cat >main.go <<'program'
package main

import (
	"fmt"

	"github.com/coreos/go-iptables/iptables"
)

func main() {
	tables, err := iptables.New()
	show := func(what string, err error) {
		if err != nil {
			fmt.Printf("%s: error\n", what)
			return
		}
		rules, err := tables.StructuredStats("nat", "EGRESS")
		all, statsErr := tables.Stats("nat", "EGRESS")
		fmt.Printf("%s: %d rules, error %v; %d rules, error %v\n", what, len(rules), err, len(all), statsErr)
	}
	if err == nil {
		err = tables.NewChain("nat", "EGRESS")
	}
	show("no rules", err)
	show("one", tables.Append("nat", "EGRESS", "-s", "10.0.0.0/8", "-j", "MASQUERADE"))
	show("and a negated one", tables.Append("nat", "EGRESS", "!", "-d", "10.0.0.0/8", "-j", "MASQUERADE"))
}
program
	go mod init finding 2>/dev/null
	go get github.com/coreos/go-iptables@v0.8.0 2>/dev/null
	go build -o statistics .
	work=$work unshare --net bash "$script"
	exit
fi
library=$work/usr/lib/$(uname -m)-linux-gnu
export PATH=$work/usr/sbin:$PATH LD_LIBRARY_PATH=$library XTABLES_LIBDIR=$library/xtables
echo "go-iptables v0.8.0, $(iptables --version); StructuredStats and Stats:"
"$work/statistics" | tee "$work/seen"
diff - "$work/seen" <<'END' || { echo "changed" >&2; exit 1; }
no rules: 0 rules, error <nil>; 0 rules, error <nil>
one: 1 rules, error <nil>; 1 rules, error <nil>
and a negated one: 0 rules, error invalid CIDR address: !10.0.0.0/8%!(EXTRA string=could not parse destination); 2 rules, error <nil>
END
