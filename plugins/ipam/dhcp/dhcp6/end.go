package dhcp6

import (
	"context"

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
	defer talk.file.Close()
	m, err := talk.releasing(lease)
	if err != nil {
		return err
	}
	// Whatever the server answers, it has heard.
	return talk.exchange(ctx, m, &releaseTimes, func(*answer) verdict { return accept })
}

func (c *conversation) releasing(lease *Lease) (*dhcpv6.Message, error) {
	m, err := c.newMessage(dhcpv6.MessageTypeRelease)
	if err != nil {
		return nil, err
	}
	toServer(m, lease.Server)
	c.addIA(m, lease.Addresses)
	return m, nil
}

// abandon sends one RELEASE of a lease that nobody will hear of, and does not
// wait for an answer: there is no time left.
func (c *conversation) abandon(lease *Lease) {
	m, err := c.releasing(lease)
	if err != nil {
		return
	}
	setElapsed(m, 0)
	_ = c.send(m.ToBytes(), servers, serverPort)
}
