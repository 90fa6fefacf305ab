package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// bell tells that there is something to do, however often it rings meanwhile.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// The times after which what failed is tried again: the first, and the longest one.
const (
	firstRetry   = time.Second
	longestRetry = time.Minute
)

// follow does something each time that it rings, and again after an error, until the context
// ends.
func (b bell) follow(ctx context.Context, do func() error) {
	var delay time.Duration
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-b:
		case <-retry:
		}
		if do() == nil {
			delay, retry = 0, nil
			continue
		}
		delay = min(max(2*delay, firstRetry), longestRetry)
		retry = time.After(delay)
	}
}

// agent is what a node needs to be part of the cluster's network.
type agent struct {
	config
	handle  netlinksafe.Handle
	nodes   *nodes
	health  *health
	metrics *metrics

	// changed says that the node may not be as it is to be, flushed that rules may lack,
	// and vanished that there may be attachments which the runtime does not know.
	changed, flushed, vanished bell
	// notices are what was logged of routes the last time.
	notices string
	// podCIDRs are this node's, and links the indexes of the interfaces that lead to the
	// others.
	podCIDRs atomic.Pointer[[]netip.Prefix]
	links    atomic.Pointer[map[int]bool]
}

func newAgent(c config) (*agent, error) {
	handle, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	a := &agent{
		config: c, handle: handle, health: newHealth(), metrics: newMetrics(),
		changed: newBell(), flushed: newBell(), vanished: newBell(),
	}
	a.nodes = &nodes{changed: a.changed.ring}
	a.podCIDRs.Store(&[]netip.Prefix{})
	a.links.Store(&map[int]bool{})
	return a, nil
}

// run runs the agent until the context ends. All that it has made stays.
func (a *agent) run(ctx context.Context) error {
	reflect, err := a.reflector()
	if err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	for _, n := range []notifications{
		kernelChanges(a.usesLink, a.isPod, a.nodes.concerns, a.changed.ring),
		flushes(func() { a.changed.ring(); a.flushed.ring() }),
	} {
		receive, err := n.subscribe()
		if err != nil {
			return err
		}
		tasks.Go(func() error { return receive(ctx) })
	}
	files, err := a.watchFiles()
	if err != nil {
		return err
	}
	tasks.Go(func() error { return files(ctx) })
	if a.listen != "" {
		tasks.Go(func() error { return serve(ctx, a.listen, a.health, a.metrics) })
	}
	a.flushed.ring()
	tasks.Go(func() error { a.keepRepaired(ctx); return nil })
	if a.criSocket != "" {
		tasks.Go(func() error { a.keepCollected(ctx); return nil })
	}
	tasks.Go(func() error { reflect(ctx); return nil })
	tasks.Go(func() error { a.keepSettled(ctx); return nil })
	return tasks.Wait()
}

// isPod reports whether an address is one of this node's containers, or of what they are
// connected to.
func (a *agent) isPod(addr netip.Addr) bool {
	return slices.ContainsFunc(*a.podCIDRs.Load(), func(p netip.Prefix) bool { return p.Contains(addr) })
}

// usesLink reports whether an interface leads to other nodes.
func (a *agent) usesLink(index int) bool { return (*a.links.Load())[index] }

// keepSettled makes the node what it is to be, after each change.
func (a *agent) keepSettled(ctx context.Context) {
	a.changed.follow(ctx, func() error {
		a.health.begin()
		timer := prometheus.NewTimer(a.metrics.seconds)
		err := a.settle()
		timer.ObserveDuration()
		count(a.metrics.settled, err)
		a.health.end(err)
		return err
	})
}

// keepRepaired repairs rules after each flush.
func (a *agent) keepRepaired(ctx context.Context) {
	a.flushed.follow(ctx, func() error {
		err := repair(ctx, a.conflist.binDir)
		count(a.metrics.repairs, err)
		a.health.repaired(err)
		return err
	})
}

// keepCollected removes attachments that the runtime does not know, from time to time and
// when the node has got other podCIDRs.
func (a *agent) keepCollected(ctx context.Context) {
	ticker := time.NewTicker(a.gcInterval)
	defer ticker.Stop()
	for {
		if err := a.collect(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("attachments that the runtime does not know may be there", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-a.vanished:
		}
	}
}

// collect removes them once. Before there is a conflist, there are none.
func (a *agent) collect(ctx context.Context) error {
	list, err := libcni.ConfListFromFile(a.conflist.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	removed := 0
	if err == nil {
		removed, err = a.removeVanished(ctx, list)
	}
	count(a.metrics.gc, err)
	a.metrics.collected.Add(float64(removed))
	return err
}

// settle makes the node what it is to be: routes, masquerade, and then the conflist, which
// is what makes the node ready. One that fails does not keep the next from being tried.
func (a *agent) settle() error {
	all, complete := a.nodes.list()
	if !complete {
		return errors.New("the API server has not told of the nodes yet")
	}
	i := slices.IndexFunc(all, func(n node) bool { return n.name == a.nodeName })
	if i < 0 {
		return errors.New("there is no Node of the name " + a.nodeName)
	}
	self := all[i]
	others := slices.Delete(slices.Clone(all), i, i+1)
	a.metrics.nodes.Set(float64(len(all)))
	if former := *a.podCIDRs.Swap(&self.podCIDRs); !slices.Equal(former, self.podCIDRs) {
		a.vanished.ring()
	}
	device, err := uplink(a.handle, self.addresses)
	if err != nil {
		return err
	}
	return errors.Join(
		a.settleRoutes(device, self, others),
		a.settleMasquerade(self, all),
		a.settleConflist(device, self),
	)
}

func (a *agent) settleMasquerade(self node, all []node) error {
	if !a.masquerade {
		return removeMasquerade()
	}
	cluster := a.clusterCIDRs
	if cluster == nil {
		for _, n := range all {
			cluster = append(cluster, n.podCIDRs...)
		}
	}
	return scope{from: self.podCIDRs, cluster: aggregate(cluster)}.settle()
}

func (a *agent) settleConflist(device netlink.Link, self node) error {
	if len(self.podCIDRs) == 0 {
		return errors.New("the Node has no podCIDRs yet, which kube-controller-manager gives it with --allocate-node-cidrs")
	}
	mtu := device.Attrs().MTU
	if a.overlay {
		mtu -= overhead(self.primary())
	}
	return a.conflist.write(facts{PodCIDRs: self.podCIDRs, MTU: mtu})
}
