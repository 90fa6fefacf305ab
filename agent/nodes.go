package main

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// node is what the agent knows of one.
type node struct {
	name     string
	podCIDRs []netip.Prefix
	// addresses are the node's InternalIPs, in the order that it has them.
	addresses []netip.Addr
}

// ofFamily returns the first address of the family of a, or the zero value.
func ofFamily(addresses []netip.Addr, a netip.Addr) netip.Addr {
	for _, own := range addresses {
		if own.Is4() == a.Is4() {
			return own
		}
	}
	return netip.Addr{}
}

// primary returns the first of the node's addresses, or the zero value.
func (n node) primary() netip.Addr {
	if len(n.addresses) == 0 {
		return netip.Addr{}
	}
	return n.addresses[0]
}

// nodes are all of the cluster, as far as the watch has told. It is the store of a
// reflector, which calls it with *apiNode.
type nodes struct {
	// changed is called after each change of what the agent knows, not of what else there
	// is in a Node: kubelets write their status all the time.
	changed func()

	mu     sync.Mutex
	byName map[string]node
	// complete says that the watch has told of all that there are.
	complete bool
}

// list returns the nodes by name, and whether these are all.
func (s *nodes) list() (all []node, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all = slices.SortedFunc(maps.Values(s.byName), func(a, b node) int { return strings.Compare(a.name, b.name) })
	return all, s.complete
}

// concerns reports whether a route to the destination may lead to a node, or to its
// containers.
func (s *nodes) concerns(to netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.byName {
		if slices.Contains(n.podCIDRs, to) || slices.ContainsFunc(n.addresses, to.Contains) {
			return true
		}
	}
	return false
}

// Add takes a node that is new.
func (s *nodes) Add(object any) error { return s.Update(object) }

// Update takes a node that is new, or not as it was.
func (s *nodes) Update(object any) error {
	n := object.(*apiNode).node()
	s.change(func() bool {
		former, known := s.byName[n.name]
		s.byName[n.name] = n
		return !known || !reflect.DeepEqual(former, n)
	})
	return nil
}

// Delete takes a node that is gone.
func (s *nodes) Delete(object any) error {
	name := object.(*apiNode).Name
	s.change(func() bool {
		_, known := s.byName[name]
		delete(s.byName, name)
		return known
	})
	return nil
}

// Replace takes all that there are, as after a time without a watch.
func (s *nodes) Replace(objects []any, _ string) error {
	all := make(map[string]node, len(objects))
	for _, object := range objects {
		n := object.(*apiNode).node()
		all[n.name] = n
	}
	s.change(func() bool {
		same := s.complete && reflect.DeepEqual(s.byName, all)
		s.byName, s.complete = all, true
		return !same
	})
	return nil
}

// Resync is for stores that tell again what has not changed.
func (s *nodes) Resync() error { return nil }

// change runs f, which reports whether there is anything new.
func (s *nodes) change(f func() bool) {
	s.mu.Lock()
	news := f()
	s.mu.Unlock()
	if news {
		s.changed()
	}
}
