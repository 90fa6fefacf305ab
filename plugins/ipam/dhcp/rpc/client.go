package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/rpc/wire"
)

// Client is a connection to a daemon, for one call after the other.
type Client struct {
	conn   net.Conn
	reader *bufio.Reader
	out    *wire.Encoder
	in     *wire.Decoder
	budget time.Duration
	calls  uint64
}

// Dial connects to the daemon that listens at path.
func Dial(ctx context.Context, path string) (*Client, error) {
	dialer := net.Dialer{Timeout: handshakeTime}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, fmt.Errorf("error dialing DHCP daemon: is `dhcp daemon` running? %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("error dialing DHCP daemon: %w", err)
	}
	c := &Client{conn: conn, reader: bufio.NewReader(conn), out: wire.NewEncoder(conn), budget: unknownBudget}
	c.in = wire.NewDecoder(c.reader)
	stop := c.endWith(ctx, handshakeTime)
	defer stop()
	if err := c.handshake(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("error dialing DHCP daemon: %w", err)
	}
	return c, nil
}

// Close ends the connection, and what the daemon is doing for it.
func (c *Client) Close() { c.conn.Close() }

func (c *Client) handshake() error {
	if _, err := c.conn.Write([]byte(connect + "\n\n")); err != nil {
		return err
	}
	lines, err := readHead(c.reader)
	if err != nil {
		return err
	}
	if lines[0] != connected {
		return fmt.Errorf("unexpected HTTP response: %q", lines[0])
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if budget, err := time.ParseDuration(strings.TrimSpace(value)); strings.EqualFold(name, budgetHeader) && err == nil {
			c.budget = budget
		}
	}
	return nil
}

// Call calls a method and reads its value into a struct; nil is for methods that
// return none. An error of the daemon is an *Error. It ends with ctx, and when
// the daemon takes longer than it says that it may.
func (c *Client) Call(ctx context.Context, method string, args *plugin.CmdArgs, into any) error {
	stop := c.endWith(ctx, c.budget+spareTime)
	defer stop()
	err := c.call(method, args, into)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (c *Client) call(method string, args *plugin.CmdArgs, into any) error {
	c.calls++
	if err := c.out.Encode(request{method, c.calls}, args); err != nil {
		return err
	}
	var head response
	if err := c.in.Decode(&head); err != nil {
		return err
	}
	if head.Seq != c.calls {
		return fmt.Errorf("answer has number %d, expected %d", head.Seq, c.calls)
	}
	if head.Error != "" {
		if err := c.in.Decode(nil); err != nil {
			return err
		}
		return &Error{head.Error, head.Details, head.Code}
	}
	return c.in.Decode(into)
}

// endWith gives all that the connection is used for until stop a time limit,
// which the end of ctx brings forward.
func (c *Client) endWith(ctx context.Context, limit time.Duration) (stop func() bool) {
	c.conn.SetDeadline(time.Now().Add(limit))
	return context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
}

// readHead reads lines up to an empty one. There is one at least.
func readHead(r *bufio.Reader) ([]string, error) {
	const maxLines, maxLength = 50, 4096
	var lines []string
	for len(lines) < maxLines {
		line, err := r.ReadSlice('\n')
		if err != nil || len(line) > maxLength {
			return nil, errors.Join(errors.New("read HTTP header"), err)
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text != "" {
			lines = append(lines, text)
		} else if len(lines) > 0 {
			return lines, nil
		}
	}
	return nil, errors.New("HTTP header is too long")
}
