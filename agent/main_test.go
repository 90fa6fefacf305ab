package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	machine "github.com/containernetworking/plugins/integration/node"
)

// agentWord, as the first argument of the test program, makes it the agent, and onceWord
// one that ends when the node is as it is to be.
const (
	agentWord = "agent"
	onceWord  = "once"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == agentWord {
		os.Args = slices.Delete(os.Args, 1, 2)
		main()
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == onceWord {
		if err := once(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(machine.Main(m))
}

func once(args []string) error {
	c, err := newConfig(args)
	if err != nil {
		return err
	}
	a, err := newAgent(c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), deadline)
	defer stop()
	go func() {
		for a.health.ready() != nil && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		stop()
	}()
	return errors.Join(a.run(ctx), a.health.ready())
}
