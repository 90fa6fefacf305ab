#!/usr/bin/env bash
# DeleteIfExists of coreos/go-iptables fails for a rule that cannot exist: one that jumps to a chain which is gone.
#
# iptables reads the whole rule before it looks for it, and asks for the chain that it jumps to. If that is
# not there, `iptables -C` and `-D` exit with 2, as for wrong usage, and not with 1, as for a rule that does
# not exist. Exists takes only 1 for "no", so that Exists and DeleteIfExists return an error where the
# jump and its chain have been deleted already, by whoever cleaned up before. IsNotExist says true of that error,
# but of DeleteIfExists nobody would ask. Both backends do so, in words of their own.
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
		jump := []string{"-s", "192.0.2.1", "-j", "MINE"}
		show := func(what string) {
			err := tables.DeleteIfExists("nat", "POSTROUTING", jump...)
			var failure *iptables.Error
			if errors.As(err, &failure) {
				fmt.Printf("%s: %s: exit status %d, IsNotExist %v\n", name, what, failure.ExitStatus(), failure.IsNotExist())
				return
			}
			fmt.Printf("%s: %s: error %v\n", name, what, err)
		}
		if err := tables.NewChain("nat", "MINE"); err != nil {
			panic(err)
		}
		if err := tables.Append("nat", "POSTROUTING", jump...); err != nil {
			panic(err)
		}
		show("jump and chain exist")
		show("no jump")
		if err := tables.DeleteChain("nat", "MINE"); err != nil {
			panic(err)
		}
		show("no jump, no chain")
	}
}
program
	go mod init finding 2>/dev/null
	go get github.com/coreos/go-iptables@v0.8.0 2>/dev/null
	go build -o jump .
	work=$work unshare --net bash "$script"
	exit
fi
library=$work/usr/lib/$(uname -m)-linux-gnu
export PATH=$work/usr/sbin:$PATH LD_LIBRARY_PATH=$library XTABLES_LIBDIR=$library/xtables
echo "go-iptables v0.8.0, $(iptables-nft --version); DeleteIfExists:"
"$work/jump" | tee "$work/seen"
diff - "$work/seen" <<'END' || { echo "changed" >&2; exit 1; }
iptables-legacy: jump and chain exist: error <nil>
iptables-legacy: no jump: error <nil>
iptables-legacy: no jump, no chain: exit status 2, IsNotExist true
iptables-nft: jump and chain exist: error <nil>
iptables-nft: no jump: error <nil>
iptables-nft: no jump, no chain: exit status 2, IsNotExist true
END
