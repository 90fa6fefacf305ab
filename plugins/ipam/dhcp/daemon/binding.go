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

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// binding is an attachment with its leases.
type binding struct {
	daemon     *Daemon
	attachment owner.Attachment
	conf       *config.IPAM
	// place of the interface, for the watcher.
	place   place
	ignored atomic.Uint64

	// wake has room for one: there is something to look at.
	wake chan struct{}
	// stop ends the goroutine that keeps the leases, and done is closed then.
	stop context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	record store.Record
	// state is for a person to read.
	state string
	// begun is when ADD got the lease; zero if that was an earlier daemon.
	begun time.Time
	// link is the state in which the link was last heard of.
	link linkState
	// confirm says that the lease has to be confirmed, as the link was away
	// or the daemon was; renamed that the record has a new name for it; gone that
	// interface or namespace are.
	confirm, renamed, gone bool
	// interrupt ends the exchange that is going on, if any.
	interrupt context.CancelFunc
}

// errGone says that the namespace or the interface is no longer there.
var errGone = errors.New("is gone")

func (d *Daemon) newBinding(r *store.Record) (*binding, error) {
	conf, err := config.Parse(r.Config)
	if err != nil {
		return nil, err
	}
	return &binding{
		daemon:     d,
		attachment: r.Attachment(),
		conf:       conf.IPAM,
		record:     *r,
		state:      "acquiring",
		wake:       make(chan struct{}, 1),
		done:       make(chan struct{}),
	}, nil
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

func (b *binding) setState(state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = state
}

// reached is the interface of a binding, within reach.
type reached struct {
	*link.Namespace
	link netlink.Link
}

// reach runs f with the interface, if it is still the one that the lease is for.
// Otherwise the error is errGone.
func (b *binding) reach(f func(*reached) error) error {
	r := b.snapshot()
	n, err := link.Open(b.daemon.options.HostPrefix + r.Netns)
	if err != nil {
		return fmt.Errorf("namespace %s %w: %w", r.Netns, errGone, err)
	}
	defer n.Close()
	if id, err := identify(n); err != nil || id != r.Namespace {
		return errors.Join(err, fmt.Errorf("namespace %s %w: another one has its place", r.Netns, errGone))
	}
	l, err := n.LinkByIndex(r.Index)
	if link.IsNotFound(err) {
		return fmt.Errorf("interface %s %w", r.Name, errGone)
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", r.Name, err)
	}
	return f(&reached{n, l})
}

// identify returns what tells namespaces apart.
func identify(n *link.Namespace) (store.Namespace, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(n.NetNS.Fd()), &stat); err != nil {
		return store.Namespace{}, fmt.Errorf("stat namespace: %w", err)
	}
	return store.Namespace{Device: stat.Dev, Inode: stat.Ino}, nil
}

// serves reports whether the binding is for the interface that a call is about,
// and has a lease for it.
func (b *binding) serves(netns string) bool {
	r := b.snapshot()
	b.mu.Lock()
	gone := b.gone
	b.mu.Unlock()
	if gone || r.V4 == nil || !time.Now().Before(r.V4.Expiry) {
		return false
	}
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

// client opens a DHCPv4 client on the interface.
func (b *binding) client(at *reached) (*dhcp4.Client, error) {
	r := b.snapshot()
	options, err := b.conf.Options(r.Args)
	if err != nil {
		return nil, err
	}
	requested, err := b.conf.RequestList()
	if err != nil {
		return nil, err
	}
	attrs := at.link.Attrs()
	c := dhcp4.Config{
		Interface:    attrs.Name,
		Index:        attrs.Index,
		HardwareType: uint16(hardwareType(attrs.EncapType)),
		MAC:          attrs.HardwareAddr,
		Options:      options,
		Requested:    requested,
		Broadcast:    b.broadcast(at.link),
		MaxWait:      b.daemon.options.ResendMax,
		Ignored:      &b.ignored,
	}
	c.ClientID = b.conf.ClientIDOf(b.attachment, c.MAC, c.HardwareType, nil)
	var client *dhcp4.Client
	err = at.Do(func() (err error) {
		client, err = dhcp4.Open(c)
		return err
	})
	return client, err
}

// hardwareType turns netlink's name into ARP's number.
func hardwareType(name string) int {
	switch name {
	case "infiniband":
		return unix.ARPHRD_INFINIBAND
	}
	return unix.ARPHRD_ETHER
}

// broadcast reports whether servers have to broadcast their answers. An ipvlan
// interface shares its hardware address with others, and gets only what is for
// an IP address that it has.
func (b *binding) broadcast(l netlink.Link) bool {
	if b.conf.Broadcast != nil {
		return *b.conf.Broadcast
	}
	return b.daemon.options.Broadcast || l.Type() == "ipvlan"
}

// exchange opens a client for one exchange with a server, of limited duration.
func (b *binding) exchange(ctx context.Context, limit time.Duration, talk func(context.Context, *dhcp4.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return b.reach(func(at *reached) error {
		client, err := b.client(at)
		if err != nil {
			return err
		}
		defer client.Close()
		return talk(ctx, client)
	})
}

// watch makes the watcher hear of the interface, from its present state on.
func (b *binding) watch(at *reached) error {
	nsid, err := number(at.Namespace)
	if err != nil {
		return err
	}
	b.place = place{nsid, at.link.Attrs().Index}
	b.daemon.put(b)
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
		b.gone = true
	case e.name != "" && e.name != b.record.Name:
		b.record.Name, b.renamed = e.name, true
	case e.linkState == b.link:
		return
	}
	b.confirm = b.confirm || e.running && e.linkState != b.link
	b.link = e.linkState
	b.notify()
}

// notify makes the binding's goroutine look at once, whatever it waits for. The
// caller has b.mu.
func (b *binding) notify() {
	if b.interrupt != nil {
		b.interrupt()
	}
	select {
	case b.wake <- struct{}{}:
	default: // it will
	}
}

// look makes the binding find out by itself what happened to the interface.
func (b *binding) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.confirm = true
	b.notify()
}
