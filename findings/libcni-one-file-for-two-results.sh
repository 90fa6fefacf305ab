#!/usr/bin/env bash
# Of two networks whose names differ by a hyphen, libcni hands one's result to the other.
#
# libcni keeps the result of an ADD in a file that it calls after network, container and
# interface, with hyphens between them, which each of the names may have, too. So
# container x-c in network net and container c in network net-x share a file: the later
# ADD overwrites it, CHECK and DEL of the first get the prevResult of the second, and
# when one is deleted, there is none for the other. What a plugin does with prevResult in
# DEL, it does to somebody else's addresses.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"
export GOFLAGS=-mod=mod GOPATH=$work/go
mkdir plugins
cat >plugins/fake <<'plugin'
#!/usr/bin/env bash
# Reports an address that is the network's.
input=$(cat)
name=$(sed -E 's/.*"name":"([^"]*)".*/\1/' <<<"$input")
address=192.0.2.1/24
[[ $name == net ]] || address=198.51.100.1/24
case $CNI_COMMAND in
ADD) echo "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"$address\"}]}" ;;
DEL) echo "DEL of container $CNI_CONTAINERID in network $name, address $address: prevResult has $(grep -oE '"address":"[^"]*"' <<<"$input" || echo none)" >&2 ;;
esac
plugin
chmod +x plugins/fake
cat >main.go <<'program'
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
)

func main() {
	ctx := context.Background()
	cni := libcni.NewCNIConfigWithCacheDir([]string{"plugins"}, "cache", nil)
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	network := func(name string) *libcni.NetworkConfigList {
		list, err := libcni.ConfListFromBytes([]byte(`{"cniVersion":"1.0.0","name":"` + name + `","plugins":[{"type":"fake"}]}`))
		must(err)
		return list
	}
	type attachment struct{ network, container string }
	all := []attachment{{"net", "x-c"}, {"net-x", "c"}}
	runtime := func(a attachment) *libcni.RuntimeConf {
		return &libcni.RuntimeConf{ContainerID: a.container, NetNS: "/none", IfName: "eth0"}
	}
	for _, a := range all {
		_, err := cni.AddNetworkList(ctx, network(a.network), runtime(a))
		must(err)
	}
	files, err := filepath.Glob("cache/results/*")
	must(err)
	fmt.Println("two ADDs, results in:", files)
	for _, a := range all {
		must(cni.DelNetworkList(ctx, network(a.network), runtime(a)))
	}
}
program
cat >go.mod <<'MODULE'
module finding

go 1.21

require github.com/containernetworking/cni v1.3.1
MODULE
go mod tidy 2>/dev/null
echo "libcni $(go list -m -f '{{.Version}}' github.com/containernetworking/cni)"
go run . 2>&1 | tee output
grep -q 'DEL of container x-c in network net, address 192.0.2.1/24: prevResult has "address":"198.51.100.1/24"' output ||
	{ echo "changed: DEL gets the result of its own ADD" >&2; exit 1; }
grep -q 'DEL of container c in network net-x, .* prevResult has none' output ||
	{ echo "changed: the result of the other one is still there" >&2; exit 1; }
