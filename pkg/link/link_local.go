package link

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// genModeNone is IN6_ADDR_GEN_MODE_NONE (linux/if_link.h).
const genModeNone = 1

// SkipLinkLocal keeps the kernel from giving the link, which is down, an IPv6
// link-local address by itself. On a node that forwards IPv6 that address brings
// an anycast one along, which makes the deletion of the link wait for two RCU
// grace periods in place of one (Linux 6.18). A kernel without IPv6 gives none.
func (n *Namespace) SkipLinkLocal(l netlink.Link) error {
	err := n.set(l, skipLinkLocal())
	if err == nil || isWithoutIPv6(err) {
		return nil
	}
	return fmt.Errorf("skip link-local address of %q: %w", l.Attrs().Name, err)
}

func skipLinkLocal() *nl.RtAttr {
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	spec.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, nl.Uint8Attr(genModeNone))
	return spec
}

func isWithoutIPv6(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}
