package show

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/sandbox"
	"github.com/containernetworking/plugins/plugins/bundle/cli"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// Look returns all attachments that the runtime knows or that have anything on this node, the
// living first. netns are further directories of namespaces. An error is about what could
// not be looked at.
func Look(plugins []*plugin.Plugin, cacheDir string, netns libcni.Directories) ([]*Attachment, error) {
	cached, err := libcni.ReadCache(cacheDir)
	errs := []error{err}
	var n node
	var known []owner.Attachment
	for _, c := range cached {
		n.attachments = append(n.attachments, fromCache(c))
		known = append(known, c.Owner())
	}
	holdings, err := ask(plugins, known)
	errs = append(errs, err)
	for _, h := range holdings {
		n.add(h)
	}
	errs = append(errs, n.judge(netns))
	n.sort()
	return n.attachments, errors.Join(errs...)
}

// ask returns what the plugins tell, those things first whose owners are known best: by them
// others find theirs.
func ask(plugins []*plugin.Plugin, known []owner.Attachment) ([]plugin.Holding, error) {
	var all []plugin.Holding
	var errs []error
	progress := cli.Begin("plugins asked", len(plugins))
	for _, p := range plugins {
		progress.Step()
		if p.Holdings == nil {
			continue
		}
		holdings, err := p.Holdings(known)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
		}
		all = append(all, holdings...)
	}
	progress.End()
	slices.SortStableFunc(all, func(a, b plugin.Holding) int { return vagueness(a) - vagueness(b) })
	return all, errors.Join(errs...)
}

// vagueness tells how little is known of an owner.
func vagueness(h plugin.Holding) int {
	vague := 0
	for _, part := range []string{h.ContainerID, h.Network, h.IfName} {
		if part == "" {
			vague++
		}
	}
	return vague
}

// node is all attachments.
type node struct{ attachments []*Attachment }

// add gives a holding to its owner. One that nobody else has anything of becomes an
// attachment of its own.
func (n *node) add(h plugin.Holding) {
	for _, a := range n.attachments {
		if a.owns(h) {
			a.add(h)
			return
		}
	}
	a := &Attachment{Network: h.Network, ContainerID: h.ContainerID, IfName: h.IfName, Prefix: h.Prefix}
	a.add(h)
	n.attachments = append(n.attachments, a)
}

func (n *node) judge(netns libcni.Directories) error {
	var present map[netip.Addr]bool
	var err error
	if sandbox.SeesAll() {
		present, err = sandbox.Addresses()
	}
	host := libcni.SeesHost()
	for _, a := range n.attachments {
		a.judge(netns, host, present)
	}
	return err
}

func (n *node) sort() {
	states := []State{Alive, Gone, Unowned}
	slices.SortStableFunc(n.attachments, func(a, b *Attachment) int {
		if order := slices.Index(states, a.State) - slices.Index(states, b.State); order != 0 {
			return order
		}
		for _, pair := range [][2]string{{a.Network, b.Network}, {a.ContainerID, b.ContainerID}, {a.IfName, b.IfName}} {
			if order := strings.Compare(pair[0], pair[1]); order != 0 {
				return order
			}
		}
		return 0
	})
}
