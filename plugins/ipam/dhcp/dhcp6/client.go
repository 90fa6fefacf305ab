package dhcp6

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

// A Client acquires leases and keeps them. It is a value without state: make one
// whenever a lease needs something.
type Client struct {
	Identity
	// Ignored counts what was not for the client. May be nil.
	Ignored *Ignored
}

// ErrWithdrawn is wrapped by errors that say that the lease is over: its
// addresses are to be taken off, and others to be acquired.
var ErrWithdrawn = errors.New("lease withdrawn")

// Acquire gets a lease: SOLICIT, ADVERTISE, REQUEST, REPLY, or half of that with
// a server that commits rapidly. Of several servers it takes that with the
// highest preference. It tries until ctx ends; give it a deadline. The error
// then wraps ErrNoServer, or a *StatusError if a server answered and had nothing.
func (c Client) Acquire(ctx context.Context, n *link.Namespace, l netlink.Link) (*Lease, error) {
	talk, err := c.open(ctx, n, l)
	if err != nil {
		return nil, err
	}
	defer talk.file.Close()
	for pause := time.Duration(0); ; pause = solicitTimes.next(pause) {
		if err := talk.rest(ctx, pause); err != nil {
			return nil, err
		}
		if lease, err := talk.acquire(ctx); lease != nil || err != nil {
			return lease, err
		}
	}
}

// rest is the pause after a server that offered something and then did not give
// it, which it might do for ever.
func (c *conversation) rest(ctx context.Context, pause time.Duration) error {
	if pause == 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
	}
	switch {
	case !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ctx.Err()
	case c.refusal != nil:
		return c.refused()
	default:
		return fmt.Errorf("%w on %q: it offered an address, and then nothing more came", ErrNoServer, c.name)
	}
}

// refused is the error of a client to which servers said no until the end.
func (c *conversation) refused() error {
	return fmt.Errorf("no address from DHCPv6 on %q: %w", c.name, c.refusal)
}

// acquire asks once for a lease. It is nil if the server that made the best
// offer does not keep it: another may.
func (c *conversation) acquire(ctx context.Context) (*Lease, error) {
	offer, err := c.solicit(ctx)
	if err != nil {
		return nil, err
	}
	if offer.kind == dhcpv6.MessageTypeReply {
		return newLease(c.Identity, offer, time.Now()), nil
	}
	reply, err := c.request(ctx, offer.server, offer.ia.lent())
	switch {
	case errors.Is(err, ErrNoServer) && ctx.Err() == nil:
		return nil, nil
	case err != nil:
		// The server may have lent them, only that its answer was lost or late.
		c.abandon(&Lease{Identity: c.Identity, Server: offer.server, Addresses: offer.ia.lent()})
		return nil, err
	case !reply.hasAddress():
		return nil, nil
	}
	return newLease(c.Identity, reply, time.Now()), nil
}

// solicit returns the best offer.
func (c *conversation) solicit(ctx context.Context) (best *answer, err error) {
	m, err := c.newMessage(dhcpv6.MessageTypeSolicit)
	if err != nil {
		return nil, err
	}
	addRequest(m)
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
	c.addIA(m, nil)
	times := solicitTimes
	err = c.exchange(ctx, m, &times, func(a *answer) verdict {
		if a.maxSolicit >= minSolicitMax && a.maxSolicit <= maxSolicitMax {
			times.longest = a.maxSolicit.Duration()
		}
		if !a.hasAddress() {
			c.refuse(a)
			return ignore
		}
		if best == nil || a.kind == dhcpv6.MessageTypeReply || a.preference > best.preference {
			best = a
		}
		if a.kind == dhcpv6.MessageTypeReply || a.preference == 255 {
			return accept
		}
		return consider
	})
	return best, err
}

// request asks a server for the addresses. The answer may have none, but the
// reason.
func (c *conversation) request(ctx context.Context, server DUID, addresses []Address) (reply *answer, err error) {
	m, err := c.newMessage(dhcpv6.MessageTypeRequest)
	if err != nil {
		return nil, err
	}
	toServer(m, server)
	addRequest(m)
	c.addIA(m, addresses)
	err = c.exchange(ctx, m, &requestTimes, func(a *answer) verdict {
		c.refuse(a)
		if !a.hasAddress() && (a.refusal() == nil || a.refusal().Code == iana.StatusUnspecFail) {
			return ignore
		}
		reply = a
		return accept
	})
	return reply, err
}

// refuse remembers why a server has nothing.
func (c *conversation) refuse(a *answer) {
	if refusal := a.refusal(); refusal != nil {
		c.refusal = refusal
	}
}
