// Probe is what runs in the pods of the tests.
//
//	probe serve                 answers at port 80 of TCP and UDP with the host's name
//	probe ask NETWORK/ADDRESS...  asks others, all at once, and prints a line for each
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/containernetworking/plugins/integration/runtimes/traffic"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve()
	case len(args) > 1 && args[0] == "ask":
		ask(args[1:])
		return nil
	}
	return errors.New("usage: probe serve, or probe ask with targets as tcp/10.0.0.1:80")
}

// serve runs until it is told to end.
func serve() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	for _, network := range []string{"tcp", "udp"} {
		if _, err := traffic.Listen(network, ":80", name); err != nil {
			return err
		}
	}
	<-stop
	return nil
}

// ask prints the answers in the order of the targets. What does not answer has a line, too.
func ask(targets []string) {
	lines := make([]string, len(targets))
	var questions sync.WaitGroup
	for i, target := range targets {
		questions.Go(func() {
			network, address, _ := strings.Cut(target, "/")
			answer, err := traffic.Ask(network, address)
			if err != nil {
				answer = err.Error()
			}
			lines[i] = target + " " + answer
		})
	}
	questions.Wait()
	fmt.Println(strings.Join(lines, "\n"))
}
