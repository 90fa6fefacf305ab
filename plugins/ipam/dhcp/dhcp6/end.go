package dhcp6

import (
	"context"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

// Release gives a lease back. The link has to be there and up, and nothing may
// use the addresses any more. The server has heard of it if there is no error;
// if it does not answer four messages, in about 15 s, or until ctx ends, the
// error wraps ErrNoServer.
func (c Client) Release(ctx context.Context, n *link.Namespace, l netlink.Link, lease *Lease) error {
	talk, err := c.of(lease).open(ctx, n, l)
	if err != nil {
		return err
	}
	defer talk.close()
	return talk.end(ctx, dhcpv6.MessageTypeRelease, &releaseTimes, lease, lease.Addresses)
}

// Decline tells the server that somebody else uses these addresses of a lease,
// so that it does not lend them again. They are to be taken off before. Errors
// are those of Release.
func (c Client) Decline(ctx context.Context, n *link.Namespace, l netlink.Link, lease *Lease, taken ...netip.Addr) error {
	talk, err := c.of(lease).open(ctx, n, l)
	if err != nil {
		return err
	}
	defer talk.close()
	addresses := slices.DeleteFunc(slices.Clone(lease.Addresses), func(a Address) bool { return !slices.Contains(taken, a.IP) })
	return talk.end(ctx, dhcpv6.MessageTypeDecline, &declineTimes, lease, addresses)
}

// end sends RELEASE or DECLINE. Whatever the server answers, it has heard.
func (c *conversation) end(ctx context.Context, kind dhcpv6.MessageType, times *schedule, lease *Lease, addresses []Address) error {
	m, err := c.ending(kind, lease, addresses)
	if err != nil {
		return err
	}
	return c.exchange(ctx, m, times, func(*answer) verdict { return accept })
}

func (c *conversation) ending(kind dhcpv6.MessageType, lease *Lease, addresses []Address) (*dhcpv6.Message, error) {
	m, err := c.newMessage(kind)
	if err != nil {
		return nil, err
	}
	toServer(m, lease.Server)
	c.addIA(m, addresses)
	return m, nil
}

// abandon sends one RELEASE of a lease that nobody will hear of, and does not
// wait for an answer: there is no time left.
func (c *conversation) abandon(lease *Lease) {
	m, err := c.ending(dhcpv6.MessageTypeRelease, lease, lease.Addresses)
	if err != nil {
		return
	}
	setElapsed(m, 0)
	_ = c.send(m.ToBytes(), servers, serverPort)
}
