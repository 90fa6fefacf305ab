// Command server echoes what it is sent, over TCP and UDP on one random port of
// all addresses. It prints where it is to be reached, "127.0.0.1:<port>", and
// then serves until it is killed. A trailing newline is not echoed.
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"time"
)

// idle is how long a connection may be silent.
const idle = time.Minute

// maxMessage is the largest message in bytes.
const maxMessage = 64 << 10

func main() {
	tcp, udp, err := listen()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("127.0.0.1:%d\n", tcp.Addr().(*net.TCPAddr).Port)
	go echoUDP(udp)
	for {
		conn, err := tcp.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go echoTCP(conn)
	}
}

// listen opens the same port for both protocols. The kernel picks one that is
// free for TCP, which may be taken for UDP.
func listen() (net.Listener, net.PacketConn, error) {
	const tries = 100
	var err error
	for range tries {
		var tcp net.Listener
		if tcp, err = net.Listen("tcp", ":0"); err != nil {
			return nil, nil, err
		}
		var udp net.PacketConn
		if udp, err = net.ListenPacket("udp", fmt.Sprintf(":%d", tcp.Addr().(*net.TCPAddr).Port)); err == nil {
			return tcp, udp, nil
		}
		tcp.Close()
	}
	return nil, nil, err
}

func echoTCP(conn net.Conn) {
	defer conn.Close()
	message := make([]byte, maxMessage)
	for {
		conn.SetDeadline(time.Now().Add(idle))
		n, err := conn.Read(message)
		if err != nil {
			return
		}
		if _, err := conn.Write(bytes.TrimRight(message[:n], "\n")); err != nil {
			return
		}
	}
}

func echoUDP(conn net.PacketConn) {
	message := make([]byte, maxMessage)
	for {
		n, from, err := conn.ReadFrom(message)
		if err != nil {
			// An ICMP error about an earlier reply.
			continue
		}
		conn.SetWriteDeadline(time.Now().Add(idle))
		conn.WriteTo(bytes.TrimRight(message[:n], "\n"), from)
	}
}
