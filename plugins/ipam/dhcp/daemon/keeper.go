package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
)

// errRefused says that a server took the lease back.
var errRefused = errors.New("refused")

// lessor is what servers of one protocol do for a binding. What it gets it
// adopts: records it and gives it to the interface. Errors are errGone, errRefused,
// unreached or pass.
type lessor interface {
	// times of the lease, if there is one.
	times() (t times, leased bool)
	acquire(ctx context.Context) error
	// confirm asks whether the lease still holds, and gives the interface anew what it has lost of
	// it; what others have made of its routes stays. If nobody answers, the lease holds.
	confirm(ctx context.Context) error
	// renew asks the server of the lease for more time, rebind any server.
	renew(ctx context.Context) error
	rebind(ctx context.Context) error
	// withdraw takes the lease off, and forgets it then: who ends between the two, or cannot reach
	// the interface at the moment, does that again.
	withdraw() error
}

// times are when a lease is to be renewed, to be rebound, and over.
type times struct{ renew, rebind, expiry time.Time }

// keeper is the state machine of a lease (RFC 2131, section 4.4, figure 5, and
// RFC 8415, section 18.2). Of its states, the lease and the clock tell most. It
// has a goroutine.
type keeper struct {
	*binding
	lessor
	// title is what the log calls the lease.
	title string
	// wake has room for one: there is something to look at.
	wake chan struct{}
	// failed counts attempts that failed since there was a lease.
	failed int

	// These are guarded by the binding's mu. state is for a person to read;
	// unconfirmed: the link was away, or the daemon; interrupt ends the exchange
	// that is going on.
	state       string
	unconfirmed bool
	interrupt   context.CancelFunc
}

func (b *binding) newKeeper(title string, l lessor) *keeper {
	return &keeper{binding: b, lessor: l, title: title, wake: make(chan struct{}, 1), state: "acquiring"}
}

// run keeps the lease, beginning after the given time, until ctx ends or the
// interface is gone.
func (k *keeper) run(ctx context.Context, delay time.Duration) {
	for wait := delay; k.rest(ctx, wait); {
		wait = k.step(ctx)
	}
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

// notify makes the keeper look at once, whatever it waits for. The caller has the
// binding's mu.
func (k *keeper) notify() {
	if k.interrupt != nil {
		k.interrupt()
	}
	select {
	case k.wake <- struct{}{}:
	default: // it will
	}
}

func (k *keeper) setState(state string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = state
}

// step does what is due and returns how long there is nothing to do then.
func (k *keeper) step(ctx context.Context) time.Duration {
	ctx, done := k.interruptible(ctx)
	defer done()
	k.saveName()
	wait := afterMishap
	err := plugin.Guard(func() (err error) {
		if err = k.ensureThere(); err == nil {
			err = k.ensureWatched()
		}
		if err == nil {
			wait, err = k.advance(ctx)
		}
		return err
	})
	switch {
	case errors.Is(err, errGone):
		k.logf("%v", err)
		k.leave()
		return 0
	case err != nil && ctx.Err() == nil:
		k.logf("%v", err)
	}
	return wait
}

// afterMishap is when a step is tried again that a mistake of ours ended, as the daemon has other
// leases to keep, or before which the interface could not be watched.
const afterMishap = time.Minute

// advance is one step of the state machine.
func (k *keeper) advance(ctx context.Context) (time.Duration, error) {
	t, leased := k.times()
	now := time.Now()
	switch {
	case !leased:
		return k.discover(ctx)
	case !now.Before(t.expiry):
		k.logf("%s expired, taking it off %s", k.title, k.snapshot().Name)
		return k.takeOff()
	case k.toConfirm():
		return k.reconfirm(ctx, t)
	case !now.Before(t.rebind):
		k.logf("renewal time expired, rebinding")
		return k.prolong(ctx, "rebinding", t.expiry, k.rebind)
	case !now.Before(t.renew):
		k.logf("renewing %s", k.title)
		return k.prolong(ctx, "renewing", t.rebind, k.renew)
	}
	k.setState("bound")
	return k.idle(t), nil
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
func (k *keeper) idle(t times) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	wait := time.Until(t.renew)
	if k.unconfirmed {
		wait = min(wait, time.Until(k.begun.Add(settling)))
	}
	return wait
}

// toConfirm reports once that the lease has to be confirmed.
func (k *keeper) toConfirm() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.unconfirmed || time.Since(k.begun) < settling {
		return false
	}
	k.unconfirmed = false
	return true
}

// limited is ctx for one exchange, which ends at the given time at the latest.
func (k *keeper) limited(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	if timeout := time.Now().Add(k.daemon.options.Timeout); timeout.Before(end) {
		end = timeout
	}
	return context.WithDeadline(ctx, end)
}

// discover gets a new lease, as the last is over.
func (k *keeper) discover(ctx context.Context) (time.Duration, error) {
	k.setState("discovering")
	ctx, cancel := context.WithTimeout(ctx, k.daemon.options.Timeout)
	defer cancel()
	if err := k.acquire(ctx); err != nil {
		return k.pause(), err
	}
	k.failed = 0
	k.logExpiry("acquired")
	return 0, nil
}

// pause returns when to try again what failed.
func (k *keeper) pause() time.Duration {
	const first = 2 * time.Second
	pause := min(first<<min(k.failed, 10), k.daemon.options.ResendMax)
	k.failed++
	return dhcp4.Jitter(pause)
}

// takeOff withdraws a lease that is over.
func (k *keeper) takeOff() (time.Duration, error) {
	if err := k.withdraw(); err != nil {
		return k.pause(), err
	}
	return 0, nil
}

func (k *keeper) reconfirm(ctx context.Context, t times) (wait time.Duration, err error) {
	k.setState("confirming")
	limited, cancel := k.limited(ctx, t.expiry)
	defer cancel()
	err = k.confirm(limited)
	interrupted := false
	switch {
	case errors.Is(err, errRefused):
		k.logf("%s not confirmed: %v", k.title, err)
		wait, err = k.takeOff()
	case isUnreached(err):
		wait = k.pause()
	case err == nil:
		k.failed = 0
		k.logExpiry("confirmed")
	default: // without an answer the lease holds, unless nobody waited for that
		interrupted = ctx.Err() != nil
	}
	if isUnreached(err) || interrupted {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.unconfirmed = true // still
	}
	return wait, err
}

// prolong asks for more time. Without an answer it asks again after half of the
// time that is left (RFC 2131, section 4.4.5), or sooner if that is long.
func (k *keeper) prolong(ctx context.Context, state string, end time.Time, ask func(context.Context) error) (time.Duration, error) {
	k.setState(state)
	limited, cancel := k.limited(ctx, end)
	defer cancel()
	err := ask(limited)
	switch {
	case errors.Is(err, errRefused):
		k.logf("%s not prolonged: %v", k.title, err)
		return k.takeOff()
	case err != nil:
		left := time.Until(end)
		return max(min(left, time.Second), min(left/2, k.daemon.options.ResendMax)), err
	case state == "renewing":
		k.logExpiry("renewed")
	default:
		k.logExpiry("rebound")
	}
	return 0, nil
}

func (k *keeper) logExpiry(done string) {
	if t, leased := k.times(); leased {
		k.logf("%s %s, expiration is %v", k.title, done, t.expiry)
	}
}
