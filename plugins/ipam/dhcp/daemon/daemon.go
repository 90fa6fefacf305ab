// Package daemon keeps the leases of containers: it gets them, renews them,
// applies to the interface what the server changes, and gives them back.
//
// There is a goroutine for each lease, which sleeps until there is something to
// do, and neither a thread nor an open file: sockets are open during exchanges
// only, and the network namespaces are not kept alive.
package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/rpc"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// Daemon has all leases of a node.
type Daemon struct {
	options Options
	store   *store.Store
	watcher *watcher
	clock   *clock
	keys    keys
	threads threads
	// life ends when the daemon does.
	life context.Context

	mu       sync.Mutex
	bindings map[owner.Attachment]*binding
	watched  map[place]*binding
}

// Run is the command `dhcp daemon`. It returns after SIGTERM or SIGINT. Leases
// stay, for the next one.
func Run(args []string) error {
	options, err := parseOptions(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	life, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	// Main is made for plugins, which do one thing; a process that lives for
	// months rather spends time than memory.
	runtime.GOMAXPROCS(runtime.NumCPU())
	debug.SetGCPercent(50)
	socket, err := openListener(options.HostPrefix + options.SocketPath)
	if err != nil {
		//lint:ignore ST1005 callers match upstream's text
		return fmt.Errorf("Error getting listener: %w", err)
	}
	defer socket.remove()
	// Not before: it may be that of a daemon which listens.
	pidFile, err := options.writePidFile()
	if err != nil {
		return err
	}
	defer pidFile.remove()
	d, err := start(life, options)
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	defer d.watcher.close()
	defer d.clock.close()
	server := rpc.Server{Methods: d.methods(), Budget: options.ResendTimeout, Log: log.Printf}
	return server.Serve(life, socket)
}

// start takes up the leases that an earlier daemon had.
func start(life context.Context, options Options) (*Daemon, error) {
	d := &Daemon{
		options:  options,
		threads:  make(threads, maxThreads),
		life:     life,
		bindings: make(map[owner.Attachment]*binding),
		watched:  make(map[place]*binding),
	}
	var err error
	if d.store, err = store.Open(options.HostPrefix+store.Dir, options.SocketPath); err != nil {
		return nil, err
	}
	if d.watcher, err = newWatcher(); err != nil {
		return nil, err
	}
	if d.clock, err = newClock(); err != nil {
		d.watcher.close()
		return nil, err
	}
	for _, run := range []func() error{
		func() error { return d.watcher.run(d.hear) },
		func() error { return d.clock.run(d.setClock) },
	} {
		go func() {
			if err := plugin.Guard(run); err != nil {
				log.Printf("%v", err)
			}
		}()
	}
	records, problems := d.store.Load()
	if err := errors.Join(problems...); err != nil {
		log.Printf("%v", err)
	}
	for _, r := range records {
		d.restore(r, len(records))
	}
	return d, nil
}

// spread is over how much time for each lease confirmations after a restart are
// spread, so that a server can keep up.
const spread = 5 * time.Millisecond

func (d *Daemon) restore(r *store.Record, among int) {
	b, err := d.newBinding(r)
	if err != nil {
		log.Printf("%s: not taken up again: %v", config.Key(r.Attachment()), errors.Join(err, d.store.Remove(r.Attachment())))
		return
	}
	b.doubt() // nobody else knows it yet, and it is not woken: that would be at once
	d.put(b, place{})
	b.start(rand.N(time.Duration(among) * spread))
}

// put lets calls find a binding, and the watcher, unless its place is not known yet.
func (d *Daemon) put(b *binding, at place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bindings[b.attachment] = b
	if b.place = at; at != (place{}) {
		d.watched[at] = b
	}
}

func (d *Daemon) get(key owner.Attachment) *binding {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bindings[key]
}

func (d *Daemon) all() []*binding {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*binding, 0, len(d.bindings))
	for _, b := range d.bindings {
		all = append(all, b)
	}
	return all
}

// forget removes all trace of a binding that has been stopped. The caller has
// its key.
func (d *Daemon) forget(b *binding) error {
	if err := d.store.Remove(b.attachment); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bindings[b.attachment] == b {
		delete(d.bindings, b.attachment)
	}
	if d.watched[b.place] == b {
		delete(d.watched, b.place)
	}
	return nil
}

// drop forgets the leases of an interface that is gone.
func (d *Daemon) drop(b *binding) { d.ifKept(b, func() error { return d.forget(b) }) }

// ifKept runs f for a binding, unless a call about it has ended that meanwhile.
func (d *Daemon) ifKept(b *binding, f func() error) {
	unlock, err := d.keys.lock(d.life, b.attachment)
	if err != nil {
		return
	}
	defer unlock()
	if d.get(b.attachment) != b {
		return
	}
	if err := f(); err != nil {
		b.logf("%v", err)
	}
}

// hear tells bindings what happened to their links.
func (d *Daemon) hear(e event) {
	switch e.kind {
	case 0:
		for _, b := range d.all() {
			b.look()
		}
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		d.mu.Lock()
		b := d.watched[e.place]
		d.mu.Unlock()
		if b != nil {
			b.hear(e)
		}
	default: // a namespace is gone
		for _, b := range d.in(e.nsid) {
			b.hear(e)
		}
	}
}

// in returns the bindings of a namespace.
func (d *Daemon) in(nsid int) (in []*binding) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for at, b := range d.watched {
		if at.nsid == nsid {
			in = append(in, b)
		}
	}
	return in
}
