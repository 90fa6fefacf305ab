package daemon

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
)

// start lets a goroutine keep the lease, beginning after the given time.
func (b *binding) start(delay time.Duration) {
	ctx, cancel := context.WithCancel(b.daemon.life)
	b.stop = cancel
	go func() {
		defer cancel()
		k := keeper{binding: b}
		for wait := delay; k.rest(ctx, wait); {
			wait = k.step(ctx)
		}
		close(b.done)
		if b.isGone() {
			b.logf("interface %s no longer exists or link check failed, terminating lease maintenance", b.snapshot().Name)
			b.daemon.drop(b)
		}
	}()
}

// end stops the goroutine and waits until it has.
func (b *binding) end() {
	b.stop()
	<-b.done
}

// keeper is the state machine of a lease (RFC 2131, section 4.4, figure 5). Of
// its states, the lease and the clock tell most.
type keeper struct {
	*binding
	// failed counts discoveries that failed since there was a lease.
	failed int
}

// rest waits, or for less time if there is something to look at, and reports
// whether to go on.
func (k *keeper) rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil && !k.isGone()
}

func (b *binding) isGone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gone
}

// step does what is due and returns how long there is nothing to do then.
func (k *keeper) step(ctx context.Context) time.Duration {
	ctx, done := k.interruptible(ctx)
	defer done()
	k.saveName()
	lease := k.snapshot().V4
	now := time.Now()
	var err error
	var wait time.Duration
	switch {
	case lease == nil:
		wait, err = k.discover(ctx)
	case !now.Before(lease.Expiry):
		k.logf("lease expired, taking %v off %s", lease.Address, k.snapshot().Name)
		err = k.withdraw("expired")
	case k.toConfirm():
		err = k.reconfirm(ctx, lease)
	case !now.Before(lease.Rebind):
		wait, err = k.prolong(ctx, lease, rebinding)
	case !now.Before(lease.Renew):
		wait, err = k.prolong(ctx, lease, renewing)
	default:
		k.setState("bound")
		return k.idle(lease)
	}
	if errors.Is(err, errGone) {
		k.logf("%v", err)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.gone = true
		return 0
	}
	if err != nil && ctx.Err() == nil {
		k.logf("%v", err)
	}
	return wait
}

// interruptible returns a context that news about the link end.
func (k *keeper) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	k.mu.Lock()
	k.interrupt = cancel
	k.mu.Unlock()
	return ctx, func() {
		k.mu.Lock()
		k.interrupt = nil
		k.mu.Unlock()
		cancel()
	}
}

// settling is how long after ADD news about the link may be of the making of the
// plugin that is configuring it, whose way routes of ours would be in.
const settling = 3 * time.Second

// idle returns how long there is nothing to do for a lease.
func (k *keeper) idle(lease *dhcp4.Lease) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	wait := time.Until(lease.Renew)
	if k.confirm {
		wait = min(wait, time.Until(k.begun.Add(settling)))
	}
	return wait
}

// toConfirm reports once that the lease has to be confirmed.
func (k *keeper) toConfirm() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.confirm || time.Since(k.begun) < settling {
		return false
	}
	k.confirm = false
	return true
}

// discover gets a new lease, as the last is over.
func (k *keeper) discover(ctx context.Context) (time.Duration, error) {
	k.setState("discovering")
	var lease *dhcp4.Lease
	err := k.exchange(ctx, k.daemon.options.budget(), func(ctx context.Context, c *dhcp4.Client) (err error) {
		lease, err = c.Acquire(ctx)
		return err
	})
	if err == nil {
		k.failed = 0
		k.logf("lease acquired, expiration is %v", lease.Expiry)
		return 0, k.adopt(lease, true)
	}
	const firstPause = 2 * time.Second
	pause := min(firstPause<<min(k.failed, 10), k.daemon.options.ResendMax)
	k.failed++
	return jitter(pause), err
}

// reconfirm asks whether the lease still holds (INIT-REBOOT). If nobody answers
// it does, until it expires (RFC 2131, section 3.2).
func (k *keeper) reconfirm(ctx context.Context, lease *dhcp4.Lease) error {
	k.setState("confirming")
	var confirmed *dhcp4.Lease
	err := k.exchange(ctx, min(k.daemon.options.budget(), time.Until(lease.Expiry)), func(ctx context.Context, c *dhcp4.Client) (err error) {
		confirmed, err = c.Confirm(ctx, lease)
		return err
	})
	switch {
	case err == nil:
		k.logf("lease confirmed, expiration is %v", confirmed.Expiry)
		return k.adopt(confirmed, true)
	case errors.Is(err, dhcp4.ErrRefused):
		k.logf("lease not confirmed: %v", err)
		return k.withdraw("refused")
	case errors.Is(err, errGone):
		return err
	}
	// The kernel forgets routes when a link goes down.
	return errors.Join(err, k.reapply())
}

// prolongation is a way of asking for more time.
type prolongation struct {
	state, log, logDone string
	ask                 func(*dhcp4.Client, context.Context, *dhcp4.Lease) (*dhcp4.Lease, error)
	until               func(*dhcp4.Lease) time.Time
}

var (
	renewing = prolongation{
		"renewing", "renewing lease", "lease renewed, expiration is %v",
		(*dhcp4.Client).Renew, func(l *dhcp4.Lease) time.Time { return l.Rebind },
	}
	rebinding = prolongation{
		"rebinding", "renewal time expired, rebinding", "lease rebound, expiration is %v",
		(*dhcp4.Client).Rebind, func(l *dhcp4.Lease) time.Time { return l.Expiry },
	}
)

// prolong asks for more time. Without an answer it asks again after half of the
// time that is left (RFC 2131, section 4.4.5), or sooner if that is long.
func (k *keeper) prolong(ctx context.Context, lease *dhcp4.Lease, p prolongation) (time.Duration, error) {
	k.setState(p.state)
	k.logf("%s", p.log)
	var longer *dhcp4.Lease
	err := k.exchange(ctx, min(k.daemon.options.budget(), time.Until(p.until(lease))), func(ctx context.Context, c *dhcp4.Client) (err error) {
		longer, err = p.ask(c, ctx, lease)
		return err
	})
	switch {
	case err == nil:
		k.logf(p.logDone, longer.Expiry)
		return 0, k.adopt(longer, false)
	case errors.Is(err, dhcp4.ErrRefused):
		k.logf("lease not prolonged: %v", err)
		return 0, k.withdraw("refused")
	}
	left := time.Until(p.until(lease))
	return max(min(left, time.Second), min(left/2, k.daemon.options.ResendMax)), err
}

// saveName records a new name of the interface.
func (k *keeper) saveName() {
	k.mu.Lock()
	renamed, record := k.renamed, k.record
	k.renamed = false
	k.mu.Unlock()
	if !renamed {
		return
	}
	k.logf("interface is called %s now", record.Name)
	if err := k.daemon.store.Save(&record); err != nil {
		k.logf("%v", err)
	}
}

// drop forgets the lease of an interface that is gone, unless a call about it
// has done so meanwhile.
func (d *Daemon) drop(b *binding) {
	unlock, err := d.keys.lock(d.life, b.attachment)
	if err != nil {
		return
	}
	defer unlock()
	if d.get(b.attachment) != b {
		return
	}
	if err := d.forget(b); err != nil {
		b.logf("%v", err)
	}
}

// jitter keeps clients that began together from going on together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
