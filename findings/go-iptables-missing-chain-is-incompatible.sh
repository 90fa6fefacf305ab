#!/usr/bin/env bash
# iptables-nft calls a chain that does not exist incompatible, and coreos/go-iptables does not take that for "does not exist".
#
# Of a chain that is not there, `iptables-nft -S` and `-L` of 1.8.9 say "chain `X' in table `nat' is
# incompatible, use 'nft' tool.", in an empty ruleset as well, where there is nothing to be incompatible
# with. iptables-legacy says "No chain/target/match by that name.", as iptables-nft itself does for -F and -X.
# IsNotExist of go-iptables knows that text and three others, so that what List and Stats return is
# "does not exist" with one backend and a failure with the other. ChainExists looks at the exit status,
# which is 1 for both (and for a table that really is incompatible).
set -euo pipefail

if [[ ! ${work-} ]]; then # once to unpack and build, and once more in a network of its own
	script=$(realpath "$0")
	work=$(mktemp -d)
	trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
	cd "$work"
	apt-get -qq -o APT::Sandbox::User=root download iptables=1.8.9-2 libxtables12=1.8.9-2 libip4tc2=1.8.9-2 libip6tc2=1.8.9-2 \
		libnftnl11=1.2.4-2
	for package in *.deb; do dpkg-deb -x "$package" .; done
	export GOFLAGS=-mod=mod GOPATH=$work/go
	cat >main.go <<'program'
package main

import (
	"errors"
	"fmt"
	"os/exec"

	"github.com/coreos/go-iptables/iptables"
)

func main() {
	for _, name := range []string{"iptables-legacy", "iptables-nft"} {
		path, err := exec.LookPath(name)
		if err != nil {
			panic(err)
		}
		tables, err := iptables.New(iptables.Path(path))
		if err != nil {
			panic(err)
		}
		exists, err := tables.ChainExists("nat", "MISSING")
		fmt.Printf("%s: ChainExists %v, error %v\n", name, exists, err)
		show := func(what string, err error) {
			var failure *iptables.Error
			if errors.As(err, &failure) {
				fmt.Printf("%s: %s: exit status %d, IsNotExist %v\n", name, what, failure.ExitStatus(), failure.IsNotExist())
			}
		}
		_, err = tables.List("nat", "MISSING")
		show("List", err)
		_, err = tables.Stats("nat", "MISSING")
		show("Stats", err)
		show("DeleteChain", tables.DeleteChain("nat", "MISSING"))
	}
}
program
	go mod init finding 2>/dev/null
	go get github.com/coreos/go-iptables@v0.8.0 2>/dev/null
	go build -o missing .
	work=$work unshare --net bash "$script"
	exit
fi
library=$work/usr/lib/$(uname -m)-linux-gnu
export PATH=$work/usr/sbin:$PATH LD_LIBRARY_PATH=$library XTABLES_LIBDIR=$library/xtables
echo "go-iptables v0.8.0, $(iptables-nft --version)"
iptables-nft -t nat -S MISSING || true
"$work/missing" | tee "$work/seen"
diff - "$work/seen" <<'END' || { echo "changed" >&2; exit 1; }
iptables-legacy: ChainExists false, error <nil>
iptables-legacy: List: exit status 1, IsNotExist true
iptables-legacy: Stats: exit status 1, IsNotExist true
iptables-legacy: DeleteChain: exit status 1, IsNotExist true
iptables-nft: ChainExists false, error <nil>
iptables-nft: List: exit status 1, IsNotExist false
iptables-nft: Stats: exit status 1, IsNotExist false
iptables-nft: DeleteChain: exit status 1, IsNotExist true
END
