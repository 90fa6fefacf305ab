package firewall

import (
	"context"
	"fmt"
	"reflect"
	"slices"
)

// admission is what an ADD does under the lock.
type admission struct {
	state  *state
	record entry
	// isolation is the backend for policies.
	isolation string
	// before is the policy that the bridge has had; nil if that is not known.
	before *isolation
	// asked is what the configuration asks for, and change what that means now.
	asked, change change
}

// newAdmission completes the change by what the state tells of others.
func newAdmission(s *state, backend string, c change) (*admission, error) {
	x := &admission{state: s, isolation: detectIsolation(backend), asked: c, change: c}
	if c.bridge != "" {
		before, known, err := isolationOf(c.bridge)
		if err != nil {
			return nil, err
		}
		if known {
			x.setBefore(before)
		}
	}
	free, err := s.unclaimed(backend, c.addresses, c.owner.Prefix())
	if err != nil {
		return nil, err
	}
	for _, a := range c.addresses {
		if !slices.Contains(free, a) {
			x.change.held = append(x.change.held, a)
		}
	}
	x.record = entry{
		Network: c.owner.Network, ContainerID: c.owner.ContainerID, IfName: c.owner.IfName,
		Backend: backend, Addresses: c.addresses, Translated: c.translated, Admin: c.admin, Zone: c.zone, Sandbox: c.sandbox,
	}
	// Without a policy, a bridge only matters where others have had one.
	if x.before != nil || c.policy != open {
		x.record.Bridge = c.bridge
	}
	return x, nil
}

// succeed takes over from an earlier ADD that no DEL has followed: what that made is
// there, if it is the same, and goes otherwise.
func (x *admission) succeed() error {
	old, err := x.state.record(x.change.owner.Prefix())
	switch {
	case err != nil || old == nil:
		return err
	case reflect.DeepEqual(*old, x.record):
		x.change.held = x.change.addresses
		return nil
	}
	if err := withdraw(x.state, *old); err != nil {
		return err
	}
	anew, err := newAdmission(x.state, x.record.Backend, x.asked)
	if err != nil {
		return err
	}
	*x = *anew
	return nil
}

// setBefore makes the new policy one for all families that have had the old one.
func (x *admission) setBefore(before isolation) {
	x.before = &before
	x.change.ipv4 = x.change.ipv4 || before.IPv4
	x.change.ipv6 = x.change.ipv6 || before.IPv6
}

// run changes first the state, which tells a DEL what there may be to remove,
// and then the firewall.
func (x *admission) run(ctx context.Context) error {
	if err := x.state.put(x.record); err != nil {
		return err
	}
	if x.record.Bridge != "" {
		if err := x.leaveBackend(); err != nil {
			return err
		}
		if err := x.state.setIsolation(x.record.Bridge, x.after()); err != nil {
			return err
		}
	}
	parts, err := split(x.record.Backend, x.isolation, x.change)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := p.apply(ctx, p.change); err != nil {
			return err
		}
	}
	return nil
}

// after is the policy of the bridge from now on.
func (x *admission) after() isolation {
	if x.change.policy == open {
		return isolation{Backend: x.isolation, Policy: open}
	}
	return isolation{Backend: x.isolation, Policy: x.change.policy, IPv4: x.change.ipv4, IPv6: x.change.ipv6}
}

// leaveBackend takes the bridge's policy out of another backend than the one that
// has it now.
func (x *admission) leaveBackend() error {
	if x.before == nil || x.before.Backend == x.isolation || x.before.Policy == open {
		return nil
	}
	b, err := byName(x.before.Backend)
	if err != nil {
		return err
	}
	return b.remove(x.before.on(x.record.Bridge))
}

// undo withdraws the attachment, and gives the bridge its policy back if others
// are on it.
func (x *admission) undo() error {
	s, err := openState()
	if err != nil {
		return err
	}
	defer s.close()
	r, err := s.record(x.change.owner.Prefix())
	if err == nil && r != nil {
		err = withdraw(s, *r)
	}
	if err != nil {
		return err
	}
	if x.before == nil || *x.before == x.after() {
		return nil
	}
	return x.restore(s)
}

func (x *admission) restore(s *state) error {
	other, err := s.claimant(bridgeKey(x.record.Bridge))
	if err != nil || other == "" {
		return err
	}
	if x.before.Backend != x.isolation {
		b, err := byName(x.isolation)
		if err != nil {
			return err
		}
		if err := b.remove(x.after().on(x.record.Bridge)); err != nil {
			return err
		}
	}
	b, err := byName(x.before.Backend)
	if err != nil {
		return err
	}
	c := x.before.on(x.record.Bridge)
	c.policy = x.before.Policy
	if err := b.apply(context.Background(), c); err != nil {
		return fmt.Errorf("restore policy %q of bridge %q: %w", c.policy, c.bridge, err)
	}
	return s.setIsolation(x.record.Bridge, *x.before)
}

// on is the change that ends the policy on a bridge.
func (i isolation) on(bridge string) change {
	return change{bridge: bridge, policy: open, ipv4: i.IPv4, ipv6: i.IPv6}
}
