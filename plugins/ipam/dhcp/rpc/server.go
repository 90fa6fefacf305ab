package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/rpc/wire"
)

// Method answers a call. Its value is a struct or nil. The context ends when
// nobody waits for the answer any longer.
type Method func(ctx context.Context, args *plugin.CmdArgs) (any, error)

// Server answers calls.
type Server struct {
	// Methods by name.
	Methods map[string]Method
	// Budget is how long clients are told to wait.
	Budget time.Duration
	// Log takes what went wrong with a connection.
	Log func(format string, args ...any)
}

// Serve accepts connections until the listener is closed or ctx ends, which ends
// all calls. It returns when the last has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	ended := make(chan struct{}, 1) // a connection, whose file is one for the next
	for wait := firstWait; ; {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case isPassing(err):
			s.Log("accept connections: %v, again in %v", err, wait)
			select {
			case <-ended:
			case <-time.After(wait):
			case <-ctx.Done():
			}
			wait = min(2*wait, maxWait)
			continue
		case err != nil:
			cancel()
			return fmt.Errorf("accept connections: %w", err)
		}
		wait = firstWait
		running.Go(func() {
			if err := s.serve(ctx, conn); err != nil {
				s.Log("connection: %v", err)
			}
			select {
			case ended <- struct{}{}:
			default: // it is known
			}
		})
	}
}

// firstWait and maxWait bound how long a connection waits that cannot be accepted: that files or memory
// are there again, the kernel tells nobody. They are those of net/http.
const (
	firstWait = 5 * time.Millisecond
	maxWait   = time.Second
)

// isPassing reports whether an error of accept(2) is about the one connection, or about something that
// the process, or the node, is short of.
func isPassing(err error) bool {
	return slices.ContainsFunc([]error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED},
		func(passing error) bool { return errors.Is(err, passing) })
}

// connection is one of a client.
type connection struct {
	*Server
	mu  sync.Mutex // of out
	out *wire.Encoder
}

func (s *Server) serve(ctx context.Context, conn net.Conn) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer conn.Close()
	// Calls end with the connection, unlike the other way round.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	reader := bufio.NewReader(conn)
	if err := s.handshake(conn, reader); err != nil {
		return err
	}
	c := &connection{Server: s, out: wire.NewEncoder(conn)}
	in := wire.NewDecoder(reader)
	for {
		var head request
		err := in.Decode(&head)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		method, known := s.Methods[head.ServiceMethod]
		args := new(plugin.CmdArgs)
		if !known {
			args = nil
			err = in.Decode(nil)
			method = unknown(head.ServiceMethod)
		} else {
			err = in.Decode(args)
		}
		if err != nil {
			return err
		}
		running.Go(func() {
			value, err := call(ctx, method, args)
			if c.answer(head, value, err) != nil {
				conn.Close()
			}
		})
	}
}

// handshake opens a connection as net/rpc does.
func (s *Server) handshake(conn net.Conn, reader *bufio.Reader) error {
	conn.SetDeadline(time.Now().Add(handshakeTime))
	lines, err := readHead(reader)
	if err != nil {
		return err
	}
	if method, _, _ := strings.Cut(lines[0], " "); method != "CONNECT" {
		conn.Write([]byte("HTTP/1.0 405 Method Not Allowed\r\n\r\n405 must CONNECT\n"))
		return fmt.Errorf("request is %q, not CONNECT", lines[0])
	}
	conn.SetDeadline(time.Time{})
	_, err = fmt.Fprintf(conn, "%s\n%s: %v\n\n", connected, budgetHeader, s.Budget)
	return err
}

func unknown(name string) Method {
	return func(context.Context, *plugin.CmdArgs) (any, error) {
		return nil, &Error{Message: unknownMethod + name}
	}
}

// call calls a method. One that panics must not take all leases with it.
func call(ctx context.Context, method Method, args *plugin.CmdArgs) (value any, err error) {
	err = plugin.Guard(func() (err error) {
		value, err = method(ctx, args)
		return err
	})
	return value, err
}

func (c *connection) answer(head request, value any, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := response{ServiceMethod: head.ServiceMethod, Seq: head.Seq}
	if err != nil {
		value = nil
		out.Error = err.Error()
		var detailed *Error
		if errors.As(err, &detailed) {
			out.Details, out.Code = detailed.Details, detailed.Code
		}
	}
	if value == nil {
		value = nothing{}
	}
	return c.out.Encode(out, value)
}
