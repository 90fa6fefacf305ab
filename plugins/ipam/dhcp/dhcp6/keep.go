package dhcp6

import (
	"context"
	"fmt"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

// Renew asks the server that lent the addresses to lend them for longer, which
// is due at lease.RenewAt, until ctx ends or lease.RebindAt. The lease that it
// returns may have other addresses: what the old one had and the new one has
// not is to be taken off.
//
// The error wraps ErrNoServer if the server does not answer (then Rebind), and
// ErrWithdrawn if no address is left (then Acquire).
func (c Client) Renew(ctx context.Context, n *link.Namespace, l netlink.Link, lease *Lease) (*Lease, error) {
	ctx, cancel := context.WithDeadline(ctx, lease.RebindAt())
	defer cancel()
	return c.extend(ctx, n, l, lease, dhcpv6.MessageTypeRenew, &renewTimes)
}

// Rebind asks any server, which is due at lease.RebindAt, until ctx ends or
// lease.ExpiresAt. Otherwise it is as Renew.
func (c Client) Rebind(ctx context.Context, n *link.Namespace, l netlink.Link, lease *Lease) (*Lease, error) {
	ctx, cancel := context.WithDeadline(ctx, lease.ExpiresAt())
	defer cancel()
	return c.extend(ctx, n, l, lease, dhcpv6.MessageTypeRebind, &rebindTimes)
}

func (c Client) extend(ctx context.Context, n *link.Namespace, l netlink.Link, lease *Lease, kind dhcpv6.MessageType, times *schedule) (*Lease, error) {
	talk, err := c.of(lease).open(ctx, n, l)
	if err != nil {
		return nil, err
	}
	defer talk.file.Close()
	reply, err := talk.ask(ctx, kind, times, lease)
	if err != nil {
		return nil, err
	}
	if !reply.hasAddress() && reply.refusal() != nil && reply.refusal().Code == iana.StatusNoBinding {
		// The server lost its memory, and may lend the same again (RFC 8415,
		// section 18.2.10.1).
		reply, err = talk.request(ctx, reply.server, lease.Addresses)
		if err != nil {
			return nil, err
		}
		if !reply.hasAddress() {
			return nil, fmt.Errorf("%w: %w", ErrWithdrawn, reply.refusal())
		}
		return newLease(c.of(lease).Identity, reply, time.Now()), nil
	}
	next := lease.renewed(reply, time.Now())
	if len(next.Addresses) == 0 {
		return nil, ErrWithdrawn
	}
	return next, nil
}

// of is the client that the lease is for.
func (c Client) of(lease *Lease) Client {
	c.Identity = lease.Identity
	return c
}

// ask sends RENEW or REBIND. The answer has addresses, be it with lifetime 0, or
// says NoBinding.
func (c *conversation) ask(ctx context.Context, kind dhcpv6.MessageType, times *schedule, lease *Lease) (reply *answer, err error) {
	m, err := c.newMessage(kind)
	if err != nil {
		return nil, err
	}
	if kind == dhcpv6.MessageTypeRenew {
		toServer(m, lease.Server)
	}
	addRequest(m)
	c.addIA(m, lease.Addresses)
	err = c.exchange(ctx, m, times, func(a *answer) verdict {
		c.refuse(a)
		noBinding := a.refusal() != nil && a.refusal().Code == iana.StatusNoBinding
		if a.ia == nil || len(a.ia.addresses) == 0 && !noBinding {
			return ignore
		}
		reply = a
		return accept
	})
	return reply, err
}

// Confirm asks whether the addresses of a lease are right for the link, after
// the process or the link was down. No error says that they are, or were not
// said to be wrong: the error wraps ErrWithdrawn if they are wrong. If no server
// answers, within 10 s or until ctx ends, it wraps ErrNoServer, and the lease
// may be used as long as it lasts (RFC 8415, section 18.2.3).
func (c Client) Confirm(ctx context.Context, n *link.Namespace, l netlink.Link, lease *Lease) error {
	ctx, cancel := context.WithTimeout(ctx, confirmLimit)
	defer cancel()
	talk, err := c.of(lease).open(ctx, n, l)
	if err != nil {
		return err
	}
	defer talk.file.Close()
	m, err := talk.newMessage(dhcpv6.MessageTypeConfirm)
	if err != nil {
		return err
	}
	talk.addIA(m, lease.Addresses)
	var refusal *StatusError
	err = talk.exchange(ctx, m, &confirmTimes, func(a *answer) verdict {
		refusal = a.status
		if refusal != nil && refusal.Code != iana.StatusNotOnLink {
			return ignore
		}
		return accept
	})
	if err != nil {
		return err
	}
	if refusal != nil {
		return fmt.Errorf("%w: %w", ErrWithdrawn, refusal)
	}
	return nil
}
