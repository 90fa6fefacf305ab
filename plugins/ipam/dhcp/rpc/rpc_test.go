package rpc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	netrpc "net/rpc"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"
)

// serve starts a server and returns its socket.
func serve(t *testing.T, methods map[string]Method, budget time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	s := Server{Methods: methods, Budget: budget, Log: func(string, ...any) {}}
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return path
}

// short is a listener that cannot accept the first connections.
type short struct {
	net.Listener
	errors []error
}

func (s *short) Accept() (net.Conn, error) {
	if len(s.errors) == 0 {
		return s.Listener.Accept()
	}
	err := s.errors[0]
	s.errors = s.errors[1:]
	return nil, &net.OpError{Op: "accept", Net: "unix", Err: os.NewSyscallError("accept4", err)}
}

// A server that is out of files, as when many leases are due at once, goes on when there are some
// again; one whose socket is gone ends.
func TestShortOfFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	s := Server{Methods: methods(), Budget: time.Minute, Log: t.Logf}
	lacks := []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED}
	go func() { done <- s.Serve(context.Background(), &short{l, lacks}) }()
	if err := dial(t, path).Call(context.Background(), "DHCP.None", new(skel.CmdArgs), nil); err != nil {
		t.Error(err)
	}
	l.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func methods() map[string]Method {
	return map[string]Method{
		"DHCP.Echo": func(_ context.Context, args *skel.CmdArgs) (any, error) {
			return &current.Result{CNIVersion: args.ContainerID}, nil
		},
		"DHCP.None":  func(context.Context, *skel.CmdArgs) (any, error) { return nil, nil },
		"DHCP.Fail":  func(context.Context, *skel.CmdArgs) (any, error) { return nil, &Error{"bad", "very", 7} },
		"DHCP.Panic": func(context.Context, *skel.CmdArgs) (any, error) { panic("oops") },
		"DHCP.Wait": func(ctx context.Context, _ *skel.CmdArgs) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, methods(), time.Minute))
	for range 3 {
		var result current.Result
		if err := c.Call(context.Background(), "DHCP.Echo", &skel.CmdArgs{ContainerID: "x"}, &result); err != nil || result.CNIVersion != "x" {
			t.Errorf("%v, %v", result, err)
		}
		if err := c.Call(context.Background(), "DHCP.None", new(skel.CmdArgs), nil); err != nil {
			t.Error(err)
		}
		var answered *Error
		if err := c.Call(context.Background(), "DHCP.Fail", new(skel.CmdArgs), &result); !errors.As(err, &answered) || *answered != (Error{"bad", "very", 7}) {
			t.Errorf("%v", err)
		}
		if err := c.Call(context.Background(), "DHCP.Absent", new(skel.CmdArgs), nil); !IsUnknownMethod(err) {
			t.Errorf("%v", err)
		}
		if err := c.Call(context.Background(), "DHCP.Panic", new(skel.CmdArgs), nil); err == nil || !strings.HasPrefix(err.Error(), "panic: oops; this is a bug") {
			t.Errorf("%v", err)
		}
	}
}

// A call ends with its context, with the daemon's budget, and with the server.
func TestCallsEnd(t *testing.T) {
	t.Parallel()
	path := serve(t, methods(), 100*time.Millisecond-spareTime)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := dial(t, path).Call(ctx, "DHCP.Wait", new(skel.CmdArgs), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var timeout net.Error
	if err := dial(t, path).Call(context.Background(), "DHCP.Wait", new(skel.CmdArgs), nil); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("over budget: %v", err)
	}
}

// A caller that hangs up ends what is done for it.
func TestHangUp(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan struct{})
	path := serve(t, map[string]Method{"DHCP.Wait": func(ctx context.Context, _ *skel.CmdArgs) (any, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, nil
	}}, time.Minute)
	c := dial(t, path)
	go c.Call(context.Background(), "DHCP.Wait", new(skel.CmdArgs), nil)
	<-begun
	c.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the call goes on")
	}
}

// Nonsense ends the connection and nothing else.
func TestNonsense(t *testing.T) {
	t.Parallel()
	path := serve(t, methods(), time.Minute)
	for _, text := range []string{
		"GET / HTTP/1.0\r\n\r\n", "\n\n\n", strings.Repeat("x", 1<<16), connect + "\n\n" + "\xf8\xff\xff\xff\xff\xff\xff\xff\xff", connect + "\n\n\x03\x02\x00",
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(text))
		conn.(*net.UnixConn).CloseWrite()
		new(bytes.Buffer).ReadFrom(conn)
		conn.Close()
	}
	if err := dial(t, path).Call(context.Background(), "DHCP.None", new(skel.CmdArgs), nil); err != nil {
		t.Error(err)
	}
}

// The client of the standard library gets on with our server.
func TestStandardClient(t *testing.T) {
	t.Parallel()
	c, err := netrpc.DialHTTP("unix", serve(t, methods(), time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var result current.Result
	if err := c.Call("DHCP.Echo", skel.CmdArgs{ContainerID: "x"}, &result); err != nil || result.CNIVersion != "x" {
		t.Errorf("%v, %v", result, err)
	}
	if err := c.Call("DHCP.Fail", skel.CmdArgs{}, &result); err == nil || err.Error() != "bad" {
		t.Errorf("%v", err)
	}
	if err := c.Call("DHCP.None", skel.CmdArgs{}, &struct{}{}); err != nil {
		t.Error(err)
	}
}

// DHCP is a service of the standard library.
type DHCP struct{}

func (DHCP) Allocate(args *skel.CmdArgs, result *current.Result) error {
	if args.IfName == "" {
		return errors.New("no name")
	}
	*result = current.Result{CNIVersion: args.IfName}
	return nil
}

// So does our client with its server.
func TestStandardServer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := netrpc.NewServer()
	if err := s.Register(DHCP{}); err != nil {
		t.Fatal(err)
	}
	go http.Serve(l, s)
	c := dial(t, path)
	var result current.Result
	if err := c.Call(context.Background(), Allocate, &skel.CmdArgs{IfName: "x"}, &result); err != nil || result.CNIVersion != "x" {
		t.Errorf("%v, %v", result, err)
	}
	if err := c.Call(context.Background(), Allocate, new(skel.CmdArgs), &result); err == nil || err.Error() != "no name" {
		t.Errorf("%v", err)
	}
	if err := c.Call(context.Background(), Check, new(skel.CmdArgs), nil); !IsUnknownMethod(err) {
		t.Errorf("%v", err)
	}
}
