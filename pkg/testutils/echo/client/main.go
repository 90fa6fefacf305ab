// Command client sends a message to the server of package echo and prints the
// answer.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"time"
)

// localPort is where UDP messages come from, so that two in a row are one
// connection to the kernel.
const localPort = 54321

// timeout is for the whole exchange.
const timeout = time.Minute

// maxDatagram is the largest answer of UDP in bytes.
const maxDatagram = 64 << 10

func main() {
	target := flag.String("target", "", "address and port of the server")
	message := flag.String("message", "", "message to send")
	protocol := flag.String("protocol", "tcp", "tcp or udp")
	flag.Parse()

	answer, err := exchange(*target, *protocol, *message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(answer)
}

func exchange(target, protocol, message string) (string, error) {
	dialer := net.Dialer{Timeout: timeout}
	switch protocol {
	case "tcp":
	case "udp":
		dialer.LocalAddr = &net.UDPAddr{Port: localPort}
	default:
		return "", fmt.Errorf("protocol %q is neither tcp nor udp", protocol)
	}
	conn, err := dialer.Dial(protocol, target)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(conn, message); err != nil {
		return "", fmt.Errorf("send to %s: %w", target, err)
	}
	answer, err := receive(conn)
	if err != nil {
		return "", fmt.Errorf("receive from %s: %w", target, err)
	}
	return string(answer), nil
}

// receive returns one datagram, or all that comes until the server, which is told that
// there is no more to answer, closes the connection.
func receive(conn net.Conn) ([]byte, error) {
	if stream, ok := conn.(*net.TCPConn); ok {
		if err := stream.CloseWrite(); err != nil {
			return nil, err
		}
		return io.ReadAll(stream)
	}
	answer := make([]byte, maxDatagram)
	n, err := conn.Read(answer)
	return answer[:n], err
}
