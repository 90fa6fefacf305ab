#!/usr/bin/env bash
# A route on the link that was made with vishvananda/netlink leads to no gateway.
#
# `ip route add 10.9.0.0/24 dev eth0` gives the route the scope "link", as it has no gateway. The
# library leaves the scope as it is in the request, which is "global" if nobody has set it. The
# kernel takes that, and packets for the network find their way. But a gateway in that network is
# "unreachable", as to a gateway only routes of the scope "link" lead, and an error that looks like
# a missing route comes while `ip route` shows it. IPv6 has no such scopes: there it works.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"
export GOFLAGS=-mod=mod GOPATH=$work/go
cat >main.go <<'program'
package main

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// try adds a route to a network on a new link, and then one by way of a gateway in it.
func try(name, on, gateway, far string, scope netlink.Scope) {
	link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "link0"}}
	must(netlink.LinkAdd(link))
	must(netlink.LinkSetUp(link))
	network := func(s string) *net.IPNet {
		_, n, err := net.ParseCIDR(s)
		must(err)
		return n
	}
	must(netlink.RouteAdd(&netlink.Route{LinkIndex: link.Index, Dst: network(on), Scope: scope}))
	err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Index, Dst: network(far), Gw: net.ParseIP(gateway)})
	fmt.Printf("%s: %v\n", name, err)
	must(netlink.LinkDel(link))
}

func main() {
	try("IPv4, no scope", "10.9.0.0/24", "10.9.0.1", "10.10.0.0/24", 0)
	try("IPv4, scope link", "10.9.0.0/24", "10.9.0.1", "10.10.0.0/24", netlink.SCOPE_LINK)
	try("IPv6, no scope", "fd00:9::/64", "fd00:9::1", "fd00:10::/64", 0)
}
program
go mod init finding 2>/dev/null
go get github.com/vishvananda/netlink@v1.3.1 2>/dev/null
go build -o routes .
echo "$(uname -sr), vishvananda/netlink v1.3.1; a route by way of a gateway:"
unshare --net ./routes | tee seen
diff - seen <<'END' || { echo "changed" >&2; exit 1; }
IPv4, no scope: network is unreachable
IPv4, scope link: <nil>
IPv6, no scope: <nil>
END
