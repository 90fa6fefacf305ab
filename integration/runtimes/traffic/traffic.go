// Package traffic has a server that says who asks, and asks it.
package traffic

import (
	"io"
	"net"
	"time"
)

// patience is how long an answer may take.
const patience = 5 * time.Second

// Listen starts a server of the network "tcp" or "udp" at an address, in the calling thread's
// network namespace. It runs until it is closed.
func Listen(network, address, name string) (io.Closer, error) {
	if network == "udp" {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			return nil, err
		}
		go answerPackets(conn, name)
		return conn, nil
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	go answerConnections(listener, name)
	return listener, nil
}

func answerPackets(conn net.PacketConn, name string) {
	buffer := make([]byte, 100)
	for {
		_, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = conn.WriteTo([]byte(answer(name, from)), from)
	}
}

func answerConnections(listener net.Listener, name string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			// What is unread when a connection is closed makes it a reset.
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				_, _ = conn.Write([]byte(answer(name, conn.RemoteAddr())))
			}
		}()
	}
}

func answer(name string, from net.Addr) string {
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	return Answer(name, host)
}

// Answer is what the server of that name says to somebody.
func Answer(name, from string) string { return name + " to " + from }

// Ask sends to an address, from the calling thread's network namespace, and returns the
// answer.
func Ask(network, address string) (string, error) {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("?")); err != nil {
		return "", err
	}
	buffer := make([]byte, 100)
	n, err := conn.Read(buffer)
	return string(buffer[:n]), err
}
