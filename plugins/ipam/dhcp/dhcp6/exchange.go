package dhcp6

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// serverPort and clientPort are RFC 8415, section 7.2.
const (
	clientPort = 546
	serverPort = 547
)

// servers is All_DHCP_Relay_Agents_and_Servers (RFC 8415, section 7.1).
var servers = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 13: 1, 15: 2})

// ErrNoServer is wrapped by errors that say that no server answered in time.
var ErrNoServer = errors.New("no DHCPv6 server answered")

// A conversation is what a client says and hears on one link.
type conversation struct {
	*socket
	Client
	namespace *link.Namespace
	link      netlink.Link
	name      string
	// refusal is the last status other than success that a server sent.
	refusal error
}

// open begins a conversation as soon as the link has an address to send from.
func (c Client) open(ctx context.Context, n *link.Namespace, l netlink.Link) (*conversation, error) {
	from, err := awaitLinkLocal(ctx, n, l)
	if err != nil {
		return nil, err
	}
	index := l.Attrs().Index
	s, err := listen(n, unix.SOCK_DGRAM, unix.IPPROTO_UDP, func(fd int) error {
		return errors.Join(
			// What the last exchange closed may still be open in a process that is being started, which
			// closes its copy some time after execve(2). Of sockets that share a port the latest receives.
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			// Which binds the socket to the link, too: the address needs its zone.
			os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet6{Port: clientPort, Addr: from.As16(), ZoneId: uint32(index)})),
		)
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %v%%%s, port %d: %w", from, l.Attrs().Name, clientPort, err)
	}
	if c.Ignored == nil {
		c.Ignored = new(Ignored)
	}
	return &conversation{socket: s, Client: c, namespace: n, link: l, name: l.Attrs().Name}, nil
}

// A verdict is what an answer means for the exchange.
type verdict int

const (
	// ignore: go on as if it had not come.
	ignore verdict = iota
	// consider: it will do, if none better comes soon.
	consider
	// accept: the exchange is over.
	accept
)

// grace is how long a client waits for better offers after it got one. The RFC
// has it wait for what is left of the first second; servers on a link answer
// within milliseconds, and a container waits.
const grace = 100 * time.Millisecond

// exchange sends a message, again and again as times says, until judge accepts
// an answer. Its errors are those of ctx if it was cancelled, and wrap
// ErrNoServer if the tries or the time run out.
func (c *conversation) exchange(ctx context.Context, m *dhcpv6.Message, times *schedule, judge func(*answer) verdict) error {
	stop := c.interrupt(ctx)
	defer stop()
	var (
		start   = time.Now()
		wait    time.Duration
		sent    int
		trouble error
	)
	for sent = 0; times.count == 0 || sent < times.count; sent++ {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			break // a lease that has expired is nothing to ask for
		}
		setElapsed(m, time.Since(start))
		if trouble = c.send(m.ToBytes(), servers, serverPort); trouble != nil && isGone(c.namespace, c.link) {
			return fmt.Errorf("send %v on %q, which is gone: %w", m.MessageType, c.name, trouble)
		}
		wait = times.next(wait)
		done, err := c.hear(ctx, m, time.Now().Add(wait), judge)
		switch {
		case done:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, context.DeadlineExceeded):
			return c.noServer(m, sent+1, start, trouble)
		default:
			return fmt.Errorf("wait for an answer to %v on %q: %w", m.MessageType, c.name, err)
		}
	}
	return c.noServer(m, sent, start, trouble)
}

// hear judges answers until one is accepted, or until the deadline, or some time
// after one that will do.
func (c *conversation) hear(ctx context.Context, m *dhcpv6.Message, deadline time.Time, judge func(*answer) verdict) (done bool, err error) {
	considered := false
	for {
		p, err := c.receive(ctx, deadline)
		if considered && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)) {
			return true, nil
		}
		if errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENETUNREACH) { // the link went down
			continue
		}
		if err != nil {
			return false, err
		}
		a := c.read(p, m)
		if a == nil {
			continue
		}
		switch judge(a) {
		case accept:
			return true, nil
		case consider:
			if !considered {
				considered, deadline = true, earlier(deadline, time.Now().Add(grace))
			}
		default:
			c.Ignored.Content.Add(1)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// read returns the packet if it is an answer to the message, and counts it if
// not.
func (c *conversation) read(p *packet, m *dhcpv6.Message) *answer {
	a, err := parseAnswer(p.data, c.IAID)
	switch {
	case err != nil || p.cut:
		c.Ignored.Malformed.Add(1)
	case !answers(a, m.MessageType):
		c.Ignored.Type.Add(1)
	case a.transaction != m.TransactionID:
		c.Ignored.Transaction.Add(1)
	case !bytes.Equal(a.client, c.DUID):
		c.Ignored.Client.Add(1)
	case a.server == nil || !isFor(m, a.server):
		c.Ignored.Server.Add(1)
	default:
		return a
	}
	return nil
}

// answers reports whether the answer's type is one that answers the message:
// to SOLICIT, REPLY only if it says that it commits.
func answers(a *answer, kind dhcpv6.MessageType) bool {
	if kind != dhcpv6.MessageTypeSolicit {
		return a.kind == dhcpv6.MessageTypeReply
	}
	return a.kind == dhcpv6.MessageTypeAdvertise || a.kind == dhcpv6.MessageTypeReply && a.rapid
}

// isFor reports whether the server may answer the message: any may, unless it
// names one.
func isFor(m *dhcpv6.Message, server DUID) bool {
	named := m.GetOneOption(dhcpv6.OptionServerID)
	return named == nil || bytes.Equal(named.ToBytes(), server)
}

// noServer is the error of an exchange without an answer that it accepted.
func (c *conversation) noServer(m *dhcpv6.Message, sent int, start time.Time, trouble error) error {
	err := fmt.Errorf("%w on %q: %v sent %d times in %v", ErrNoServer, c.name, m.MessageType, sent,
		time.Since(start).Round(100*time.Millisecond))
	if c.refusal != nil {
		err = c.refused()
	}
	if trouble != nil {
		err = fmt.Errorf("%w: %w", err, trouble)
	}
	return err
}
