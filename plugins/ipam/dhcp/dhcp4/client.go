// Package dhcp4 is a DHCPv4 client (RFC 2131): the exchanges with servers, each
// a function that ends by its context. It keeps no state between them, nor does
// it change the interface: when to renew, and what to do with a lease, is for
// the caller.
//
// It sends and receives whole IPv4 packets, from the interface's own namespace,
// so that it needs no address, no route and no hole in a packet filter.
package dhcp4

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
	"golang.org/x/sys/unix"
)

// Config says who asks, and for what.
type Config struct {
	// Interface is for messages.
	Interface string
	// Index of the interface in its namespace.
	Index int
	// MAC is the interface's hardware address.
	MAC net.HardwareAddr
	// ClientID is the value of option 61.
	ClientID []byte
	// Options go into every message but DHCPRELEASE.
	Options dhcpv4.Options
	// Requested is the value of option 55, at least one code.
	Requested []byte
	// Broadcast asks servers to answer to everybody: for interfaces that get
	// nothing else before they have an address.
	Broadcast bool
	// Timeout is how long one exchange takes: a message without an answer is sent
	// again within it, and after a pause another exchange begins.
	Timeout time.Duration
	// MaxWait bounds the wait before a message is sent again.
	MaxWait time.Duration
	// Ignored counts what is received but no answer.
	Ignored *atomic.Uint64
}

// Client is open for exchanges on one interface.
type Client struct {
	Config
	socket *socket
}

// Open opens a client in the network namespace of the calling thread. The other
// methods run on any thread.
func Open(c Config) (*Client, error) {
	// To send, the kernel wants an address of the link's length in a struct sockaddr_ll (5.2).
	if longest := len(unix.RawSockaddrLinklayer{}.Addr); len(c.MAC) > longest {
		return nil, fmt.Errorf("%s has a hardware address of %d bytes, more than %d: DHCP over InfiniBand is not supported", c.Interface, len(c.MAC), longest)
	}
	s, err := openSocket(c.Index)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Interface, err)
	}
	return &Client{c, s}, nil
}

// Close ends the use of the interface.
func (c *Client) Close() { c.socket.close() }

// ErrRefused is a server's DHCPNAK: the address must not be used any longer.
var ErrRefused = errors.New("refused by the server")

// NoAnswer is the error of an exchange in which no server answered.
type NoAnswer struct {
	Interface string
	// Message that got no answer, "DHCPDISCOVER", and how often it was sent.
	Message string
	Sent    int
	Waited  time.Duration
	// Cause is why it could not be sent, if so.
	Cause error
}

func (e *NoAnswer) Error() string {
	text := fmt.Sprintf("no DHCP server answered on %s within %v (%s sent %d times)",
		e.Interface, e.Waited.Round(100*time.Millisecond), e.Message, e.Sent)
	if e.Cause != nil {
		text += fmt.Sprintf(": %v", e.Cause)
	}
	return text
}

func (e *NoAnswer) Unwrap() error { return e.Cause }

// clientID returns the value of option 61, of which one among Options takes
// precedence.
func (c *Client) clientID() []byte {
	if id, ok := c.Options[dhcpv4.OptionClientIdentifier.Code()]; ok {
		return id
	}
	return c.ClientID
}

// message starts a message to a server.
func (c *Client) message(kind dhcpv4.MessageType, xid dhcpv4.TransactionID) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootRequest,
		HWType:        iana.HWTypeEthernet,
		TransactionID: xid,
		ClientHWAddr:  c.MAC,
		Options:       make(dhcpv4.Options),
	}
	if kind != dhcpv4.MessageTypeRelease {
		for code, value := range c.Options {
			m.Options[code] = value
		}
		m.Options[dhcpv4.OptionParameterRequestList.Code()] = c.Requested
		m.Options[dhcpv4.OptionMaximumDHCPMessageSize.Code()] = []byte{1500 >> 8, 1500 & 0xff}
		if c.Broadcast {
			m.SetBroadcast()
		}
	}
	m.Options[dhcpv4.OptionClientIdentifier.Code()] = c.clientID()
	m.Options[dhcpv4.OptionDHCPMessageType.Code()] = []byte{byte(kind)}
	return m
}
