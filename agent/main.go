// Command cni-plugins-agent makes a network of the nodes of a Kubernetes cluster whose
// containers these plugins connect: it writes the plugins' configuration, makes routes to
// the other nodes, masquerades what leaves the cluster, and looks after what may be lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// While nothing happens but that thousands of nodes write their status, most of what the
// agent uses of a processor is to look for memory that is free again. So it does that less
// often than is usual, up to a limit in bytes, and has one thread do all.
const (
	memoryGrowth = 300 // percent
	memoryLimit  = 36 << 20
)

func main() {
	err := command(os.Args[1:])
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, plugin.ErrUsage):
		fmt.Fprintln(os.Stderr, "cni-plugins-agent:", err)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "cni-plugins-agent:", err)
	os.Exit(1)
}

// command runs the agent or, by that word, uninstalls what it has made.
func command(args []string) error {
	uninstall := len(args) > 0 && args[0] == "uninstall"
	if uninstall {
		args = args[1:]
	}
	c, err := newConfig(args)
	if err != nil {
		return err
	}
	a, err := newAgent(c)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(memoryGrowth)
	debug.SetMemoryLimit(memoryLimit)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	if uninstall {
		err := a.uninstall(ctx)
		if err == nil && c.stay {
			slog.Info("all is removed")
			<-ctx.Done()
		}
		return err
	}
	slog.Info("the agent starts", "node", c.nodeName)
	return a.run(ctx)
}
