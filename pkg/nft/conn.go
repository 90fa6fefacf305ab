// Package nft changes nftables through netlink: a transaction is built, applied
// as a whole or not at all, and what it made is found again by name or key. The
// nft(8) tool is not needed, but lists what this package makes, with comments.
//
// The package writes its own messages. google/nftables, which others use, hides
// the errno of a lookup, so that "does not exist" and "not permitted" look the
// same, knows no comments of tables and chains, cannot ask for one element of a
// set, and parses every expression of every rule, foreign ones too, where only
// comments matter. And it makes a plugin a fifth larger.
//
// What waits for an RCU grace period (8 to 16 ms) shapes the callers: not a
// transaction that deletes something, but the Close, or exit of the process,
// after it; and a transaction that fails. So look first: it costs 0.01 ms.
package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// nfgenmsgLen is the size of struct nfgenmsg, the header of every message of
// nfnetlink behind that of netlink.
const nfgenmsgLen = 4

// Conn is a connection to the nftables of one network namespace. It is not safe
// for concurrent use.
type Conn struct {
	socket   socket
	sequence uint32
	// others are closed with this one, and not before: to close waits.
	others []*Conn
	// keepsElements says that they have to be deleted, as they do not expire.
	keepsElements bool
	// tables are all that there were when the connection was made, if that has been asked
	// for: see DialToRemove.
	tables map[Table]bool
	// grace is the file by which deletions and those who close take turns, if it is open.
	grace *os.File
	// expired is when elements were made to expire that may still be in effect, or zero.
	expired int64
}

// Dial connects to the namespace of the calling thread.
func Dial() (*Conn, error) {
	s, err := openSocket()
	if err != nil {
		return nil, fmt.Errorf("connect to nftables: %w", err)
	}
	return &Conn{socket: s}, nil
}

// DialToRemove is Dial for who removes what is there already. It asks once which tables there
// are, and what is in none of them then is nowhere, without another question. The error of a
// kernel without nftables is one of IsNotSupported.
func DialToRemove() (*Conn, error) {
	c, err := Dial()
	if err != nil {
		return nil, err
	}
	if err := c.listTables(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection. It waits for what was deleted to be out of effect: a grace
// period of RCU, which is one for all who have deleted until then (see grace.go), or up to a
// tick of the kernel's clock (4 ms on most) for elements that expire.
func (c *Conn) Close() {
	c.inTurn(func() {
		for _, other := range c.others {
			other.socket.close()
		}
		c.socket.close()
	})
	awaitTick(c.expired)
}

// IsNotSupported reports whether an error means that the kernel has no nftables,
// or none for the family of the table: then there can be no state either.
func IsNotSupported(err error) bool {
	for _, errno := range []syscall.Errno{
		unix.EINVAL,          // nfnetlink without nf_tables
		unix.EPROTONOSUPPORT, // no nfnetlink
		unix.EAFNOSUPPORT,    // nf_tables without this family
		unix.EOPNOTSUPP,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// message is one message of nfnetlink.
type message struct {
	// kind is one of unix.NFT_MSG_*; about adds the number of nftables.
	kind   uint16
	flags  uint16
	family Family
	// resource is the last field of struct nfgenmsg.
	resource uint16
	body     attributes
	// what says what the message does, for errors.
	what string
	// table is what it is about, if that is a table or something in one.
	table string
}

// about completes a message of nftables, about something in the table: fill adds
// its attributes.
func (m message) about(t Table, fill func(*attributes)) message {
	m.kind, m.family, m.table = unix.NFNL_SUBSYS_NFTABLES<<8|m.kind, t.Family, t.Name
	fill(&m.body)
	return m
}

// append puts the message behind others of a datagram.
func (m message) append(datagram []byte, sequence uint32) []byte {
	length := unix.NLMSG_HDRLEN + nfgenmsgLen + len(m.body)
	datagram = binary.NativeEndian.AppendUint32(datagram, uint32(length))
	datagram = binary.NativeEndian.AppendUint16(datagram, m.kind)
	datagram = binary.NativeEndian.AppendUint16(datagram, m.flags|unix.NLM_F_REQUEST)
	datagram = binary.NativeEndian.AppendUint32(datagram, sequence)
	datagram = binary.NativeEndian.AppendUint32(datagram, 0)
	datagram = append(datagram, byte(m.family), unix.NFNETLINK_V0)
	datagram = binary.BigEndian.AppendUint16(datagram, m.resource)
	return pad(append(datagram, m.body...))
}

// send sends messages in one datagram and returns the sequence number of the
// first.
func (c *Conn) send(messages ...message) (uint32, error) {
	first := c.sequence + 1
	var datagram []byte
	for _, m := range messages {
		c.sequence++
		datagram = m.append(datagram, c.sequence)
	}
	return first, c.socket.send(datagram)
}

// reply is a message from the kernel, parsed as far as all are alike.
type reply struct {
	sequence uint32
	errno    syscall.Errno
	// last says that no other message follows to the same request.
	last        bool
	interrupted bool
	family      Family
	body        attributes
}

// receive returns the replies of one datagram. Those to earlier requests, of
// which only the first error was read, are left out.
func (c *Conn) receive(first uint32, flags int) ([]reply, error) {
	messages, err := c.socket.receive(flags)
	if err != nil {
		return nil, err
	}
	var replies []reply
	for _, m := range messages {
		if int32(m.Header.Seq-first) < 0 {
			continue
		}
		r := reply{
			sequence:    m.Header.Seq,
			last:        m.Header.Flags&unix.NLM_F_MULTI == 0,
			interrupted: m.Header.Flags&unix.NLM_F_DUMP_INTR != 0,
		}
		switch {
		case m.Header.Type == unix.NLMSG_ERROR || m.Header.Type == unix.NLMSG_DONE:
			r.last = true
			if len(m.Data) >= 4 {
				r.errno = syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
			}
		case len(m.Data) >= nfgenmsgLen:
			r.family, r.body = Family(m.Data[0]), m.Data[nfgenmsgLen:]
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// get asks for something and returns the attributes of each reply.
func (c *Conn) get(m message) ([]attributes, error) {
	replies, err := c.replies(m)
	var bodies []attributes
	for _, r := range replies {
		bodies = append(bodies, r.body)
	}
	return bodies, err
}

// replies asks for something and returns the replies that have a body. A list that
// may lack something, as it was changed meanwhile, is asked for again.
func (c *Conn) replies(m message) ([]reply, error) {
	for {
		replies, err := c.repliesOnce(m)
		if err == nil || !errors.Is(err, unix.EINTR) {
			return replies, err
		}
	}
}

func (c *Conn) repliesOnce(m message) ([]reply, error) {
	first, err := c.send(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.what, err)
	}
	var all []reply
	interrupted := false
	for {
		replies, err := c.receive(first, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.what, err)
		}
		for _, r := range replies {
			interrupted = interrupted || r.interrupted
			if r.last && r.errno == 0 && interrupted {
				r.errno = unix.EINTR
			}
			if r.errno != 0 {
				return nil, fmt.Errorf("%s: %w", m.what, r.errno)
			}
			if r.body != nil {
				all = append(all, r)
			}
			if r.last {
				return all, nil
			}
		}
	}
}
