#!/usr/bin/env bash
# A filter for default routes works for the first family alone that it is used for.
#
# vishvananda/netlink takes a filter without Dst, with RT_FILTER_DST, as the question for default
# routes. For that it writes the destination of the asked family into the caller's filter: used
# again for the other family, as in a loop over both, it finds no route and no error, and a host
# with IPv6 looks like one without. For both families at once it finds none at all. And of a filter
# with RT_FILTER_DST, RT_FILTER_HOPLIMIT is not looked at: it matches any route to the destination.
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

// count returns how many routes a filter finds.
func count(family int, filter *netlink.Route, mask uint64) int {
	routes, err := netlink.RouteListFiltered(family, filter, mask)
	must(err)
	return len(routes)
}

func main() {
	lo, err := netlink.LinkByName("lo")
	must(err)
	must(netlink.LinkSetUp(lo))
	var far *net.IPNet
	for _, destination := range []string{"0.0.0.0/0", "::/0", "203.0.113.0/24"} {
		_, far, err = net.ParseCIDR(destination)
		must(err)
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: far, Hoplimit: 9}))
	}

	filter := &netlink.Route{}
	fmt.Println("IPv4, then IPv6 with the same filter:",
		count(netlink.FAMILY_V4, filter, netlink.RT_FILTER_DST), count(netlink.FAMILY_V6, filter, netlink.RT_FILTER_DST))
	filter = &netlink.Route{}
	fmt.Println("IPv6, then IPv4 with the same filter:",
		count(netlink.FAMILY_V6, filter, netlink.RT_FILTER_DST), count(netlink.FAMILY_V4, filter, netlink.RT_FILTER_DST))
	fmt.Println("all families:", count(netlink.FAMILY_ALL, &netlink.Route{}, netlink.RT_FILTER_DST))
	other := &netlink.Route{Dst: far, Hoplimit: 10}
	fmt.Println("another hop limit, without and with the destination:",
		count(netlink.FAMILY_V4, other, netlink.RT_FILTER_HOPLIMIT),
		count(netlink.FAMILY_V4, other, netlink.RT_FILTER_DST|netlink.RT_FILTER_HOPLIMIT))
}
program
go mod init finding 2>/dev/null
go get github.com/vishvananda/netlink@v1.3.1 2>/dev/null
go build -o routes .
echo "$(uname -sr), vishvananda/netlink v1.3.1; routes found, of one of each kind:"
unshare --net ./routes | tee seen
diff - seen <<'END' || { echo "changed" >&2; exit 1; }
IPv4, then IPv6 with the same filter: 1 0
IPv6, then IPv4 with the same filter: 1 0
all families: 0
another hop limit, without and with the destination: 0 1
END
