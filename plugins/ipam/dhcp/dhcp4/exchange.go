package dhcp4

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

// Acquire gets a new lease from the server that is first to offer one. It tries until
// ctx ends, which is a NoAnswer if no server offered any.
func (c *Client) Acquire(ctx context.Context) (*Lease, error) {
	for {
		offer, err := c.discover(ctx)
		if err != nil {
			return nil, err
		}
		lease, err := c.request(ctx, offer)
		var silent *NoAnswer
		switch {
		case err == nil:
			return lease, nil
		case over(ctx), !errors.Is(err, ErrRefused) && !errors.As(err, &silent):
			// The server may have granted it, and nobody will hear of it, or has, in a way
			// that is of no use.
			return nil, errors.Join(err, c.decline(offer))
		}
		// Somebody else got the address meanwhile: from the start, though not
		// at once (RFC 2131, section 3.1, point 5).
		if !sleep(ctx, Jitter(firstWait)) {
			return nil, err
		}
	}
}

func (c *Client) discover(ctx context.Context) (*heard, error) {
	return c.exchange(ctx, conversation{
		message: c.message(dhcpv4.MessageTypeDiscover, newXID()),
		accept: func(answer *dhcpv4.DHCPv4) bool {
			_, identified := addrFrom(answer.ServerIdentifier())
			return answer.MessageType() == dhcpv4.MessageTypeOffer && identified && !answer.YourIPAddr.IsUnspecified()
		},
	})
}

// decline gives back what was asked for.
func (c *Client) decline(offer *heard) error {
	address, okAddress := addrFrom(offer.YourIPAddr)
	server, okServer := addrFrom(offer.ServerIdentifier())
	if !okAddress || !okServer {
		return nil
	}
	return c.Release(&Lease{Address: netip.PrefixFrom(address, address.BitLen()), Server: server, Via: offer.via.String()})
}

// request asks for what was offered, in one exchange: without an answer the offer
// counts as void. Its secs are those of the DHCPDISCOVER, as relays that choose a server by them
// have to send both to the same one (RFC 2131, section 3.1, point 3).
func (c *Client) request(ctx context.Context, offer *heard) (*Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	m := c.message(dhcpv4.MessageTypeRequest, offer.TransactionID)
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(offer.YourIPAddr))
	m.UpdateOption(dhcpv4.OptServerIdentifier(offer.ServerIdentifier()))
	return c.ask(ctx, conversation{
		message: m,
		secs:    &offer.secs,
		accept:  func(answer *dhcpv4.DHCPv4) bool { return answer.ServerIdentifier().Equal(offer.ServerIdentifier()) },
	})
}

// Confirm asks whether a lease from before a restart, or from before the link
// was away, still holds (INIT-REBOOT). A server that does not know it may stay
// silent.
func (c *Client) Confirm(ctx context.Context, lease *Lease) (*Lease, error) {
	m := c.message(dhcpv4.MessageTypeRequest, newXID())
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(lease.Address.Addr().AsSlice()))
	return c.ask(ctx, conversation{message: m, accept: fromAnybody})
}

// Renew asks the server of a lease for more time.
func (c *Client) Renew(ctx context.Context, lease *Lease) (*Lease, error) {
	m := c.message(dhcpv4.MessageTypeRequest, newXID())
	m.ClientIPAddr = lease.Address.Addr().AsSlice()
	return c.ask(ctx, conversation{
		message: m,
		to:      lease,
		accept:  func(answer *dhcpv4.DHCPv4) bool { return answer.ServerIdentifier().Equal(lease.Server.AsSlice()) },
	})
}

// Rebind asks all servers for more time.
func (c *Client) Rebind(ctx context.Context, lease *Lease) (*Lease, error) {
	m := c.message(dhcpv4.MessageTypeRequest, newXID())
	m.ClientIPAddr = lease.Address.Addr().AsSlice()
	return c.ask(ctx, conversation{message: m, from: lease.Address.Addr(), accept: fromAnybody})
}

func fromAnybody(answer *dhcpv4.DHCPv4) bool {
	_, identified := addrFrom(answer.ServerIdentifier())
	return identified
}

// Release gives a lease back. Nobody answers that (RFC 2131, section 4.4.6).
func (c *Client) Release(lease *Lease) error {
	m := c.message(dhcpv4.MessageTypeRelease, newXID())
	m.ClientIPAddr = lease.Address.Addr().AsSlice()
	m.UpdateOption(dhcpv4.OptServerIdentifier(lease.Server.AsSlice()))
	if err := c.send(conversation{message: m, to: lease}); err != nil {
		return fmt.Errorf("send DHCPRELEASE on %s: %w", c.Interface, err)
	}
	return nil
}

// conversation is a message and what counts as its answer.
type conversation struct {
	message *dhcpv4.DHCPv4
	// to is the lease whose server gets the message. Default: everybody, from
	// the address from, by default 0.0.0.0.
	to     *Lease
	from   netip.Addr
	accept func(answer *dhcpv4.DHCPv4) bool
	// secs is the value of that field, by default the time since the message was sent first.
	secs *uint16
}

// heard is an answer, with the hardware address that it came from, and when, and with which value of
// secs, the message was sent that it answers.
type heard struct {
	*dhcpv4.DHCPv4
	via  net.HardwareAddr
	sent time.Time
	secs uint16
}

// ask has the conversation that a DHCPACK or DHCPNAK ends.
func (c *Client) ask(ctx context.Context, talk conversation) (*Lease, error) {
	from := talk.accept
	talk.accept = func(answer *dhcpv4.DHCPv4) bool {
		kind := answer.MessageType()
		return (kind == dhcpv4.MessageTypeAck || kind == dhcpv4.MessageTypeNak) && from(answer)
	}
	answer, err := c.exchange(ctx, talk)
	switch {
	case err != nil:
		return nil, err
	case answer.MessageType() == dhcpv4.MessageTypeNak:
		return nil, refusal(answer.Message())
	}
	lease, err := newLease(answer.DHCPv4, answer.sent)
	if err != nil {
		return nil, err
	}
	lease.Via = answer.via.String()
	return lease, nil
}

// refusal is ErrRefused with what the server says of it.
func refusal(message string) error {
	if message = strings.TrimRight(message, "\x00"); message == "" {
		return ErrRefused
	}
	return fmt.Errorf("%w: %q", ErrRefused, message)
}

// exchange sends a message, again and again, until an answer comes that is
// accepted, or ctx ends.
func (c *Client) exchange(ctx context.Context, talk conversation) (*heard, error) {
	stop := context.AfterFunc(ctx, func() { c.socket.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	start := time.Now()
	silence := &NoAnswer{Interface: c.Interface, Message: "DHCP" + talk.message.MessageType().String()}
	buffer := make([]byte, maxPacket)
	times := newSchedule(c.Timeout, c.MaxWait)
	for !over(ctx) {
		talk.message.NumSeconds = seconds(start)
		if talk.secs != nil {
			talk.message.NumSeconds = *talk.secs
		}
		err := c.send(talk)
		if isLost(err) {
			return nil, fmt.Errorf("send %s on %s: %w", silence.Message, c.Interface, err)
		}
		// A link that is down, a full queue: as if the packet had been lost.
		silence.Cause = err
		silence.Sent++
		sent := time.Now()
		answer, via, err := c.await(ctx, talk, sent.Add(times.next(sent)), buffer)
		if err != nil {
			return nil, fmt.Errorf("receive on %s: %w", c.Interface, err)
		}
		if answer != nil {
			// By the clock as it is set now.
			return &heard{answer, via, time.Now().Add(-time.Since(sent)), talk.message.NumSeconds}, nil
		}
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	silence.Waited = time.Since(start)
	return nil, silence
}

// over reports whether ctx has ended, or would have if its timer had been served.
func over(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(end)
}

// isLost reports whether an error of sending is one that stays.
func isLost(err error) bool {
	return errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) || errors.Is(err, os.ErrClosed)
}

func (c *Client) send(talk conversation) error {
	src, dst := netip.IPv4Unspecified(), broadcastAddr
	via := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if len(c.MAC) != len(via) {
		via = nil // the link's own idea of broadcast
	}
	if talk.from.IsValid() {
		src = talk.from
	}
	if lease := talk.to; lease != nil {
		src, dst = lease.Address.Addr(), lease.Server
		if mac, err := net.ParseMAC(lease.Via); err == nil {
			via = mac
		}
	}
	return c.socket.send(src, dst, via, talk.message.ToBytes())
}

// await waits for an answer until the deadline, or until ctx ends.
func (c *Client) await(ctx context.Context, talk conversation, deadline time.Time, buffer []byte) (*dhcpv4.DHCPv4, net.HardwareAddr, error) {
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := c.socket.file.SetReadDeadline(deadline); err != nil {
		return nil, nil, err
	}
	// The end of ctx moves the deadline into the past, but may have done so
	// before it was set here.
	for ctx.Err() == nil {
		data, via, err := c.socket.receive(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil, nil
		case errors.Is(err, unix.ENETDOWN): // the kernel tells once that the link went down
			continue
		case err != nil:
			return nil, nil, err
		}
		if answer := c.answer(data, talk); answer != nil {
			return answer, via, nil
		}
		c.Ignored.Add(1)
	}
	return nil, nil, nil
}

// answer reads a message and returns it if it is an answer to ours.
func (c *Client) answer(data []byte, talk conversation) *dhcpv4.DHCPv4 {
	m, err := parse(data)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootReply || m.TransactionID != talk.message.TransactionID {
		return nil
	}
	// Some servers fill in an address for who sent none.
	if own := talk.message.ClientHWAddr; len(own) > 0 && m.ClientHWAddr.String() != own.String() {
		return nil
	}
	// RFC 6842: a server that returns the identifier returns it unchanged.
	if id := m.Options[dhcpv4.OptionClientIdentifier.Code()]; id != nil && string(id) != string(c.clientID()) {
		return nil
	}
	if !talk.accept(m) {
		return nil
	}
	return m
}

// parse reads a message, together with the options in the fields that they may
// overflow into (RFC 2131, section 4.1, "option overload").
func parse(data []byte) (*dhcpv4.DHCPv4, error) {
	m, err := dhcpv4.FromBytes(data)
	if err != nil {
		return nil, err
	}
	const file, serverName = 1, 2
	overload := m.Options[dhcpv4.OptionOptionOverload.Code()]
	if len(overload) != 1 {
		return m, nil
	}
	if overload[0]&file != 0 {
		err = m.Options.FromBytes(data[108:236])
	}
	if overload[0]&serverName != 0 && err == nil {
		err = m.Options.FromBytes(data[44:108])
	}
	return m, err
}

func newXID() dhcpv4.TransactionID {
	n := rand.Uint32()
	return dhcpv4.TransactionID{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// sleep waits and reports whether ctx is still going on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
