package machine

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/runtimes/traffic"
)

// In runs f in the network namespace at path, on a thread that ends with it.
func In(path string, f func() error) error {
	if path == Host {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends inside
		file, err := os.Open(path)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// servers are those that run, by network namespace.
var servers struct {
	sync.Mutex
	of map[string][]io.Closer
}

// Serve answers, in a network namespace, whatever comes to an address until Silence or the end
// of the test: with a name and the address of who asks. The network is "tcp" or "udp".
func Serve(t testing.TB, netns, network, address, name string) {
	t.Helper()
	err := In(netns, func() error {
		server, err := traffic.Listen(network, address, name)
		if err == nil {
			servers.Lock()
			defer servers.Unlock()
			if servers.of == nil {
				servers.of = map[string][]io.Closer{}
			}
			servers.of[netns] = append(servers.of[netns], server)
		}
		return err
	})
	if err != nil {
		t.Fatalf("serve %s %s in %s: %v", network, address, netns, err)
	}
	t.Cleanup(func() { Silence(netns) })
}

// Silence ends the servers in a network namespace, whose sockets would keep the kernel from
// removing it.
func Silence(netns string) {
	servers.Lock()
	defer servers.Unlock()
	for _, server := range servers.of[netns] {
		server.Close()
	}
	delete(servers.of, netns)
}

// Ask sends from a network namespace to an address, and returns the answer.
func Ask(netns, network, address string) (answer string, err error) {
	err = In(netns, func() (err error) {
		answer, err = traffic.Ask(network, address)
		return err
	})
	if err != nil {
		err = fmt.Errorf("ask %s %s from %q: %w", network, address, netns, err)
	}
	return answer, err
}

// Expect asks, and the test fails without the answer of the server of that name to that
// address.
func Expect(t testing.TB, netns, network, address, name, from string) {
	t.Helper()
	want := traffic.Answer(name, from)
	if got, err := Ask(netns, network, address); err != nil || got != want {
		t.Errorf("%s %s answers %q, %v, want %q", network, address, got, err, want)
	}
}

// outsiders counts the servers that ExpectOutside has started.
var outsiders atomic.Int32

// ExpectOutside asks a server outside, and the test fails unless the question comes from
// that address.
func ExpectOutside(t testing.TB, netns, outside, from string) {
	t.Helper()
	port := strconv.Itoa(20000 + int(outsiders.Add(1)))
	Serve(t, Outside, "tcp", ":"+port, "outside")
	Expect(t, netns, "tcp", net.JoinHostPort(outside, port), "outside", from)
}
