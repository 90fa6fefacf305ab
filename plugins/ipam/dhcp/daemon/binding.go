package daemon

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// binding is an attachment with its leases.
type binding struct {
	daemon     *Daemon
	attachment owner.Attachment
	conf       *config.IPAM
	// defaultRoute is the key of the plugin that makes the interface.
	defaultRoute iface.DefaultRoute
	// place of the interface, for the watcher; zero until it is watched.
	place place
	// watching is held while that changes.
	watching sync.Mutex
	ignored4 atomic.Uint64
	ignored6 dhcp6.Ignored
	// keepers of the leases: for IPv4 and, if configured, for IPv6.
	keepers []*keeper
	// begun is when ADD got the leases; zero if that was an earlier daemon.
	begun time.Time
	// placed is where the routes of the IPv4 lease were when it was last changed. Its keeper's.
	placed ip.Placement
	// stop ends the keepers, and done is closed then.
	stop context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	record store.Record
	// link is the state in which the link was last heard of.
	link linkState
	// renamed says that the record has a new name for the interface; doubtful that
	// interface or namespace may be gone, gone that they are.
	renamed, doubtful, gone bool
	// flushed says that the kernel may have dropped IPv4 routes, as the interface was down.
	flushed bool
}

// errGone says that the namespace or the interface is no longer there.
var errGone = errors.New("is gone")

func (d *Daemon) newBinding(r *store.Record) (*binding, error) {
	conf, err := config.Parse(r.Config)
	if err != nil {
		return nil, err
	}
	b := &binding{
		daemon: d, attachment: r.Attachment(), conf: conf.IPAM, defaultRoute: defaultRoute(r.Config),
		record: *r, done: make(chan struct{}),
	}
	b.keepers = []*keeper{b.newKeeper("lease", v4{b})}
	if conf.IPAM.LeasesIPv6() {
		b.keepers = append(b.keepers, b.newKeeper("DHCPv6 lease", v6{b}))
	}
	return b, nil
}

// start lets goroutines keep the leases, beginning after the given time.
func (b *binding) start(delay time.Duration) {
	ctx, cancel := context.WithCancel(b.daemon.life)
	b.stop = cancel
	var running sync.WaitGroup
	for _, k := range b.keepers {
		running.Go(func() { k.run(ctx, delay) })
	}
	go func() {
		running.Wait()
		cancel()
		close(b.done)
		if b.isGone() {
			b.logf("interface %s no longer exists or link check failed, terminating lease maintenance", b.snapshot().Name)
			b.daemon.drop(b)
		}
	}()
}

// end stops the goroutines and waits until they have.
func (b *binding) end() {
	b.stop()
	<-b.done
}

// logf logs under the name of the attachment.
func (b *binding) logf(format string, args ...any) {
	log.Printf("%s: %s", config.Key(b.attachment), fmt.Sprintf(format, args...))
}

// snapshot returns the record as it is now. Leases in it are never changed, only
// replaced.
func (b *binding) snapshot() store.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.record
}

// save changes the record, also on disk.
func (b *binding) save(change func(*store.Record)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.record)
	return b.daemon.store.Save(&b.record)
}

// saveName records a new name of the interface on disk.
func (b *binding) saveName() {
	b.mu.Lock()
	renamed, name := b.renamed, b.record.Name
	b.renamed = false
	b.mu.Unlock()
	if !renamed {
		return
	}
	b.logf("interface is called %s now", name)
	if err := b.save(func(*store.Record) {}); err != nil {
		b.logf("%v", err)
	}
}

func (b *binding) isGone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gone
}

// leave notes that the interface is gone.
func (b *binding) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
	b.notify()
}

// reached is the interface of a binding, within reach.
type reached struct {
	*link.Namespace
	link netlink.Link
}

// unreached is the error of what failed before it began: the interface cannot be reached at the
// moment, as the daemon is out of file descriptors.
type unreached struct{ error }

func (u unreached) Unwrap() error { return u.error }

func isUnreached(err error) bool {
	var u unreached
	return errors.As(err, &u)
}

// reach runs f with the interface, if it is still the one that the lease is for.
// Otherwise the error is errGone, or unreached.
func (b *binding) reach(f func(*reached) error) error {
	var at *reached
	err := b.daemon.threads.limit(func() (err error) {
		at, err = b.open()
		return err
	})
	switch {
	case errors.Is(err, errGone):
		return err
	case err != nil:
		return unreached{err}
	}
	defer at.Close()
	return f(at)
}

func (b *binding) open() (at *reached, err error) {
	r := b.snapshot()
	n, err := link.Open(b.daemon.options.HostPrefix + r.Netns)
	if ns.IsGone(err) {
		return nil, fmt.Errorf("namespace %s %w: %w", r.Netns, errGone, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if id, err := identify(n); err != nil || id != r.Namespace {
		return nil, errors.Join(err, fmt.Errorf("namespace %s %w: another one has its place", r.Netns, errGone))
	}
	l, err := n.LinkByIndex(r.Index)
	if link.IsNotFound(err) {
		return nil, fmt.Errorf("interface %s %w", r.Name, errGone)
	}
	if err != nil {
		return nil, fmt.Errorf("look %q up: %w", r.Name, err)
	}
	return &reached{n, l}, nil
}

// identify returns what tells namespaces apart.
func identify(n *link.Namespace) (store.Namespace, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(n.NetNS.Fd()), &stat); err != nil {
		return store.Namespace{}, fmt.Errorf("stat namespace: %w", err)
	}
	return store.Namespace{Device: uint64(stat.Dev), Inode: stat.Ino}, nil // 32 bits on mips
}

// serves reports whether the binding is for the interface that a call is about,
// and has leases for it.
func (b *binding) serves(netns string) bool {
	if b.isGone() {
		return false
	}
	for _, k := range b.keepers {
		if t, leased := k.times(); !leased || !time.Now().Before(t.expiry) {
			return false
		}
	}
	r := b.snapshot()
	n, err := link.Open(b.daemon.options.HostPrefix + netns)
	if err != nil {
		return false
	}
	defer n.Close()
	id, err := identify(n)
	if err != nil || id != r.Namespace {
		return false
	}
	l, err := n.LinkByName(b.attachment.IfName)
	return err == nil && l.Attrs().Index == r.Index
}

// withdrawBy takes off what a lease gave the interface, and forgets it then, also where that fails.
// Only if the interface is unreached, it forgets nothing.
func (b *binding) withdrawBy(take func(*reached) error, forget func(*store.Record)) error {
	err := b.reach(take)
	if isUnreached(err) {
		return err
	}
	return errors.Join(err, b.save(forget))
}

// ensureThere looks for an interface that was said to be gone. The kernel gives numbers anew, of
// namespaces soon, and of interfaces in each namespace, so that may have been another one.
func (b *binding) ensureThere() error {
	if !b.setDoubtful(false) {
		return nil
	}
	err := b.reach(func(*reached) error { return nil })
	if isUnreached(err) {
		b.setDoubtful(true) // still
	}
	return err
}

func (b *binding) setDoubtful(doubtful bool) (before bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, b.doubtful = b.doubtful, doubtful
	return before
}

// ensureWatched is watch for an interface that is not watched yet.
func (b *binding) ensureWatched() error {
	b.watching.Lock()
	defer b.watching.Unlock()
	if b.place != (place{}) {
		return nil
	}
	return b.reach(b.watch)
}

// watch makes the watcher hear of the interface, from its present state on.
func (b *binding) watch(at *reached) error {
	nsid, err := number(at.Namespace)
	if err != nil {
		return err
	}
	b.daemon.put(b, place{nsid, at.link.Attrs().Index})
	// What happened before is not told.
	var now event
	err = at.Do(func() (err error) {
		now, err = present(b.place.index)
		return err
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.link, b.record.Name = now.linkState, now.name
	b.flushed = b.flushed || !now.up
	return nil
}

// number returns the number of a namespace in ours, and gives it one if need be.
func number(n *link.Namespace) (int, error) {
	host, err := link.Host()
	if err != nil {
		return 0, err
	}
	defer host.Close()
	const unnumbered = -1
	fd := int(n.NetNS.Fd())
	nsid, err := host.GetNetNsIdByFd(fd)
	if err == nil && nsid == unnumbered {
		// Somebody else may be faster.
		if err = host.SetNetNsIdByFd(fd, unnumbered); err == nil || errors.Is(err, unix.EEXIST) {
			nsid, err = host.GetNetNsIdByFd(fd)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("number namespace: %w", err)
	}
	return nsid, nil
}

// hear takes in what happened to the interface or its namespace.
func (b *binding) hear(e event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case e.kind != unix.RTM_NEWLINK:
		b.doubtful = true
		b.notify()
		return
	case e.name != "" && e.name != b.record.Name:
		b.record.Name, b.renamed = e.name, true
	case e.linkState == b.link:
		return
	}
	b.flushed = b.flushed || !e.up
	if e.running && e.linkState != b.link {
		b.doubt()
	}
	b.link = e.linkState
	b.notify()
}

// setFlushed sets flushed, and returns what it was.
func (b *binding) setFlushed(flushed bool) (before bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, b.flushed = b.flushed, flushed
	return before
}

// doubt makes the keepers confirm their leases. The caller has b.mu.
func (b *binding) doubt() {
	for _, k := range b.keepers {
		k.unconfirmed = true
	}
}

// notify makes the keepers look at once. The caller has b.mu.
func (b *binding) notify() {
	for _, k := range b.keepers {
		k.notify()
	}
}

// wake makes the keepers look what is due.
func (b *binding) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify()
}

// look makes the keepers find out by themselves what happened to the interface.
func (b *binding) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doubt()
	b.notify()
}
