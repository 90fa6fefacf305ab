package plugin

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// running is the ADD, once it has begun, which a signal to terminate cancels.
var running struct {
	sync.Mutex
	cancel context.CancelFunc
}

// catchSignals makes SIGTERM and SIGINT take effect where an ADD can take back
// what it did. It must come well before the first change, since a process that
// dies of a signal may go on for some system calls in another of its threads. A
// program that calls verbs by itself handles its signals by itself.
func catchSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range signals {
			interrupt(s.(syscall.Signal))
		}
	}()
	// Go lets a process die of a broken pipe on standard output unless someone
	// listens; the write's error is what we want.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// interrupt cancels the ADD. If there is none, the process dies as if nobody
// had caught the signal, and none begins in the meantime.
func interrupt(s syscall.Signal) {
	running.Lock()
	defer running.Unlock()
	if running.cancel != nil {
		running.cancel()
		return
	}
	signal.Reset(s)
	syscall.Kill(os.Getpid(), s)
	select {}
}

// interruptible returns a context that a signal ends, and what releases it when
// the ADD is over: then it is the turn of the ADD around it, if it is that of a
// sibling. A signal after the last one changes nothing: the runtime must not see
// a result and a process that was killed.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	running.Lock()
	defer running.Unlock()
	around := running.cancel
	running.cancel = cancel
	return ctx, func() {
		running.Lock()
		defer running.Unlock()
		if around != nil {
			running.cancel = around
		}
		cancel()
	}
}
