package routing

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Change is a change of rules and routes. Routes that are there already, and
// those, like rules, that are gone already, are no error when it is made or taken
// back.
type Change struct {
	// Rules and Routes are added, first the routes.
	Rules  []Rule  `json:"rules,omitempty"`
	Routes []Route `json:"routes,omitempty"`
	// Gone are routes that are removed, last of all, so that there is always a
	// way.
	Gone []Route `json:"gone,omitempty"`
}

// Apply makes the change.
func (c Change) Apply(n *link.Namespace) error {
	for _, r := range inOrder(c.Routes) {
		if err := appendRoute(n, r); err != nil {
			return fmt.Errorf("add route %s: %w", r, err)
		}
	}
	for _, r := range c.Rules {
		if err := n.RuleAdd(r.rule()); err != nil {
			return fmt.Errorf("add rule %s: %w", r, err)
		}
	}
	for _, r := range c.Gone {
		if err := c.deleteRoute(n, r); err != nil {
			return fmt.Errorf("delete route %s: %w", r, err)
		}
	}
	return nil
}

// Revert takes the change back, as far as it was made. Routes whose interface has
// gone down meanwhile, or lost their address, stay away.
func (c Change) Revert(n *link.Namespace) error {
	var errs []error
	for _, r := range inOrder(c.Gone) {
		err := appendRoute(n, r)
		if err != nil && r.isObsolete(err) {
			fmt.Fprintf(os.Stderr, "do without route %s: %v\n", r, err)
		} else if err != nil {
			errs = append(errs, fmt.Errorf("add route %s: %w", r, err))
		}
	}
	for _, r := range c.Rules {
		if err := n.RuleDel(r.rule()); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("delete rule %s: %w", r, err))
		}
	}
	for _, r := range c.Routes {
		if err := c.deleteRoute(n, r); err != nil {
			errs = append(errs, fmt.Errorf("delete route %s: %w", r, err))
		}
	}
	return plugin.Join(errs...)
}

// Missing returns an error for each part of the change that is not made.
func (c Change) Missing(v View) []error {
	var errs []error
	for _, r := range c.Rules {
		if !v.hasRule(r) {
			errs = append(errs, fmt.Errorf("rule %s is missing", r))
		}
	}
	for _, r := range c.Routes {
		if !v.hasRoute(r) {
			errs = append(errs, fmt.Errorf("route %s is missing", r))
		}
	}
	for _, r := range c.Gone {
		if v.hasRoute(r) {
			errs = append(errs, fmt.Errorf("route %s is there still", r))
		}
	}
	return errs
}

// hasRule reports whether the kernel has the rule, whoever made it.
func (v View) hasRule(r Rule) bool {
	return slices.ContainsFunc(v.Rules, func(have netlink.Rule) bool {
		return have.Table == r.Table && ip.SameNet(have.Src, r.Src)
	})
}

func (v View) hasRoute(r Route) bool {
	return slices.ContainsFunc(v.Routes, func(have netlink.Route) bool { return Route(have).key() == r.key() })
}

// isObsolete reports whether the kernel refuses a route for what has become of
// its interface.
func (r Route) isObsolete(err error) bool {
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return true
	case errors.Is(err, unix.EINVAL):
		return r.Src != nil // which is no address any longer
	}
	return false
}

// inOrder puts routes before those to whose gateways they lead.
func inOrder(routes []Route) []Route {
	return slices.SortedStableFunc(slices.Values(routes), func(a, b Route) int {
		return cmp.Compare(a.depth(), b.depth())
	})
}

func (r Route) depth() int {
	for _, hop := range Hops(netlink.Route(r)) {
		if hop.Gw != nil || hop.Via != nil {
			return 1
		}
	}
	return 0
}

// appendRoute adds a route beside others to the same destination. That it is
// there already is no error.
func appendRoute(n *link.Namespace, r Route) error {
	r.Priority = r.priority()
	if err := n.RouteAppend((*netlink.Route)(&r)); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}

// deleteRoute takes it for done that a route is not there.
func (c Change) deleteRoute(n *link.Namespace, r Route) error {
	if c.hasParts(r) {
		return c.deletePart(n, r)
	}
	return deleteRoute(n, r)
}

func deleteRoute(n *link.Namespace, r Route) error {
	r.Priority = r.priority()
	if err := n.RouteDel((*netlink.Route)(&r)); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// hasParts reports whether the change is about another route of IPv4 that has some
// of the next hops.
func (c Change) hasParts(r Route) bool {
	isPart := func(other Route) bool {
		return r.Family != netlink.FAMILY_V6 && other.key() != r.key() && ip.SameDestination(netlink.Route(other), netlink.Route(r))
	}
	return slices.ContainsFunc(c.Routes, isPart) || slices.ContainsFunc(c.Gone, isPart)
}

// deletePart deletes a route and no other one to the same destination. The kernel
// takes a route for the one that is meant if its next hops are the first ones of
// those that are named (fib_nh_match); if only one is named, and not in a list, if
// it is the first one of the route's.
func (c Change) deletePart(n *link.Namespace, r Route) error {
	r.Flags, r.MultiPath = 0, Hops(netlink.Route(r))
	r.LinkIndex, r.Gw, r.Via = 0, nil, nil
	for range 2 {
		v, err := Look(n)
		if err != nil || !v.hasRoute(r) {
			return err
		}
		kept := slices.DeleteFunc(slices.Concat(c.Routes, c.Gone), func(other Route) bool {
			return other.key() == r.key() || !ip.SameDestination(netlink.Route(other), netlink.Route(r)) || !v.hasRoute(other)
		})
		if err := deleteRoute(n, r); err != nil {
			return err
		}
		for _, other := range kept {
			if err := appendRoute(n, other); err != nil {
				return err
			}
		}
	}
	return nil
}
