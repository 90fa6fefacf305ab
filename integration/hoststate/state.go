// Package hoststate takes a picture of all that a CNI plugin may change on a
// host, so that a test can compare the host before with the host after. It
// changes nothing itself: listing iptables or nftables makes no table.
package hoststate

import (
	"fmt"
	"slices"
)

// Place says what to look at.
type Place struct {
	// Netns are further network namespaces, by a name for the reader, beside
	// the calling thread's own, which has the name "host".
	Netns map[string]string
	// Files are directories whose whole content counts.
	Files []string
}

// State is a picture of a Place. Interface indexes and netns ids are not in it:
// the kernel never gives them out twice.
type State struct {
	sections []section
}

// section is one list of a picture, such as "host routes". The entries of an
// ordered section mean something by their order (rules of a firewall); those
// of the others are sorted.
type section struct {
	name    string
	ordered bool
	entries []string
}

// Take takes a picture. The network is the calling thread's, so the goroutine
// must be locked to it unless it is the process's own.
func Take(p Place) (State, error) {
	var s State
	if err := s.network("host"); err != nil {
		return State{}, err
	}
	for name, path := range p.Netns {
		err := within(path, func() error { return s.network(name) })
		if err != nil {
			return State{}, fmt.Errorf("netns %q: %w", path, err)
		}
	}
	entries, err := files(p.Files)
	if err != nil {
		return State{}, err
	}
	s.add("files", entries)
	entries, err = NetnsMounts()
	if err != nil {
		return State{}, err
	}
	s.add("mounts", entries)
	slices.SortFunc(s.sections, func(a, b section) int { return compareNames(a.name, b.name) })
	return s, nil
}

// add adds an unordered section.
func (s *State) add(name string, entries []string) {
	slices.Sort(entries)
	s.sections = append(s.sections, section{name, false, entries})
}

// network adds the sections of the network namespace that the thread is in.
func (s *State) network(netns string) error {
	if err := s.links(netns); err != nil {
		return err
	}
	if err := s.packetFilter(netns); err != nil {
		return err
	}
	entries, err := sysctls()
	if err != nil {
		return err
	}
	s.add(netns+" sysctls", entries)
	return nil
}
