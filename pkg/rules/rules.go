// Package rules keeps a record of what the attachments of a plugin that makes veth
// pairs have in the packet filter of the host, masquerade and anti-spoofing, makes it
// again after somebody flushed it, and removes it together with the pair.
package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// base is where plugins keep records. Like rules, they do not survive a reboot.
const base = "/run/cni"

// Records are those of one plugin: a directory of its name, in which each
// attachment has a file called by its prefix. Nothing but the commands needs them.
type Records struct {
	// Plugin is its name.
	Plugin string
	// Restrict is spoof.Repair for plugins that have it in their binary: others
	// have no use for the rules, and would be larger by them.
	Restrict func([]spoof.Restricted) error
	// Release is spoof.Del for the same plugins.
	Release func(owner.Attachment) error
	// Restricted is spoof.Holdings for them.
	Restricted func(known []owner.Attachment) ([]plugin.Holding, error)
	// Unrestrict is spoof.Downgrade for them.
	Unrestrict func(all, upstreams []spoof.Restricted) error
}

// Record is what an attachment has, in the words of its configuration.
type Record struct {
	owner.Attachment
	// Link is the name of the interface on the host, and MAC the hardware address
	// of the container. Where no such link bears the owner's tag, the container is
	// gone, and nothing is made for it.
	Link string `json:"link"`
	MAC  string `json:"mac"`
	// Addresses of the container with their prefix lengths.
	Addresses []string `json:"addresses"`
	masquerade
	antiSpoofing
}

type (
	masquerade   = nat.Conf
	antiSpoofing = spoof.Conf
)

// New returns the record of an attachment whose interface on the host is known.
func New(a owner.Attachment, link string, mac net.HardwareAddr, m nat.Conf, s spoof.Conf) Record {
	return Record{Attachment: a, Link: link, MAC: mac.String(), masquerade: m, antiSpoofing: s}
}

func (r Records) directory() string { return filepath.Join(base, r.Plugin) }

func (r Records) path(prefix string) string { return filepath.Join(r.directory(), prefix) }

// Keep writes the record if there is anything to repair for a container with the
// addresses. It must come before the rules: then none is without. It waits for a repair
// that runs, which would make of the rules what an older record says, or remove them as those
// of an attachment that is gone.
func (r Records) Keep(kept Record, addresses []*net.IPNet) error {
	if !kept.antiSpoofing.Wanted() && !kept.masquerade.Wanted(addresses) {
		return nil
	}
	kept.Resolve()
	for _, address := range addresses {
		kept.Addresses = append(kept.Addresses, address.String())
	}
	err := record.Removing(r.directory(), func() error { return record.Save(r.path(kept.Prefix()), kept) })
	if err != nil {
		return fmt.Errorf("keep a record of the rules: %w", err)
	}
	return nil
}

// Former returns the attachment under the name that its network had at ADD, as far as it
// has a record.
func (r Records) Former(a owner.Attachment) (owner.Attachment, error) {
	return record.Former(r.directory(), "", a)
}

// forget removes an attachment's record, if there is one, and returns it. It must come
// before the removal of the rules: so that no repair makes them again.
func (r Records) forget(prefix string) (Record, error) {
	path := r.path(prefix)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	// Whatever it says, it goes.
	var kept Record
	_, _ = record.Read(path, &kept)
	return kept, record.Removing(r.directory(), func() error { return record.Remove(path) })
}

// collect does the same for the network's attachments that are not valid.
func (r Records) collect(network string, valid []owner.Attachment) ([]nat.Masqueraded, error) {
	prefixes, err := r.prefixes()
	errs := []error{err}
	isStale := owner.Stale(network, valid)
	var stale []nat.Masqueraded
	for _, prefix := range prefixes {
		if isStale(prefix) {
			kept, err := r.forget(prefix)
			stale, errs = append(stale, nat.Masqueraded{Attachment: kept.Attachment, Addresses: kept.networks()}), append(errs, err)
		}
	}
	return stale, errors.Join(errs...)
}

// prefixes returns the names of the records, the oldest first.
func (r Records) prefixes() ([]string, error) {
	names, err := record.Names(r.directory())
	return slices.DeleteFunc(names, func(name string) bool { return len(name) != owner.PrefixLen }), err
}

// Repair makes again what the records say and somebody flushed.
// What is there stays as it is.
func (r Records) Repair() error {
	return r.exclusively(nil, func(host *link.Namespace) error {
		all, err := r.all(host)
		return plugin.Join(err, r.repair(all[alive]), r.bury(all[gone]))
	})
}

// exclusively runs a command, which takes no arguments, while nothing is removed.
func (r Records) exclusively(args []string, run func(host *link.Namespace) error) error {
	if err := plugin.NoArguments(args); err != nil {
		return err
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	return record.Repairing(r.directory(), func() error { return run(host) })
}

// bury removes what attachments have that are gone, and their records.
func (r Records) bury(gone []Record) error {
	var errs []error
	for _, kept := range gone {
		err := nat.Del(kept.Attachment, kept.networks()...)
		if r.Release != nil {
			err = plugin.Join(err, r.Release(kept.Attachment))
		}
		if err == nil {
			err = record.Remove(r.path(kept.Prefix()))
		}
		errs = append(errs, err)
	}
	return plugin.Join(errs...)
}

// fate is what has become of an attachment with a record.
type fate int

const (
	alive fate = iota
	// gone is one whose link is, without a DEL.
	gone
	// unknown is one whose link bears somebody else's tag, or none: it may live.
	unknown
)

// all returns the records by what has become of the attachments. It asks for each link:
// others may have many more.
func (r Records) all(host *link.Namespace) (map[fate][]Record, error) {
	prefixes, err := r.prefixes()
	errs := []error{err}
	all := map[fate][]Record{}
	fateOf := fates(host)
	for _, prefix := range prefixes {
		var kept Record
		found, err := record.Read(r.path(prefix), &kept)
		if found && err == nil {
			var f fate
			if f, err = fateOf(&kept); err == nil {
				all[f] = append(all[f], kept)
			}
		}
		errs = append(errs, err)
	}
	return all, plugin.Join(errs...)
}

// fates returns what tells the fate of an attachment, whose record gets the name that its link
// has now: a rule of udev, for one, may have changed that.
func fates(host *link.Namespace) func(*Record) (fate, error) {
	tagged := sync.OnceValues(func() ([]netlink.Link, error) { return host.Tagged("veth") })
	return func(r *Record) (fate, error) {
		l, err := host.LinkByName(r.Link)
		switch {
		case link.IsNotFound(err):
			links, err := tagged()
			i := slices.IndexFunc(links, func(l netlink.Link) bool { return r.Owns(l.Attrs().Alias) })
			if i < 0 {
				return gone, err
			}
			r.Link = links[i].Attrs().Name
			return alive, nil
		case err != nil:
			return unknown, fmt.Errorf("look %q up: %w", r.Link, err)
		case r.Owns(l.Attrs().Alias):
			return alive, nil
		}
		return unknown, nil
	}
}

// repair repairs the rules of all.
func (r Records) repair(all []Record) error {
	masqueraded := masqueradedBy(all)
	var errs []error
	for _, backend := range slices.Sorted(maps.Keys(masqueraded)) {
		m, err := nat.Open(&backend)
		if err == nil {
			err = m.Repair(masqueraded[backend])
		}
		errs = append(errs, err)
	}
	if r.Restrict != nil {
		errs = append(errs, r.Restrict(restricted(all)))
	}
	return plugin.Join(errs...)
}

// masqueradedBy returns those of the attachments that are masqueraded, by backend.
func masqueradedBy(all []Record) map[string][]nat.Masqueraded {
	masqueraded := map[string][]nat.Masqueraded{}
	for _, kept := range all {
		addresses := kept.networks()
		if kept.masquerade.Wanted(addresses) && kept.IPMasqBackend != nil {
			masqueraded[*kept.IPMasqBackend] = append(masqueraded[*kept.IPMasqBackend], kept.Masqueraded(kept.Attachment, addresses))
		}
	}
	return masqueraded
}

// restricted returns those of the attachments whose sources are checked.
func restricted(all []Record) []spoof.Restricted {
	var restricted []spoof.Restricted
	for _, kept := range all {
		mac, err := net.ParseMAC(kept.MAC)
		if kept.antiSpoofing.Wanted() && err == nil {
			restricted = append(restricted, spoof.Restricted{Attachment: kept.Attachment, Port: kept.Port(kept.Link, mac, kept.networks())})
		}
	}
	return restricted
}

// networks returns the addresses of the record, which somebody may have written by
// hand.
func (r Record) networks() []*net.IPNet {
	var networks []*net.IPNet
	for _, text := range r.Addresses {
		if ip, subnet, err := net.ParseCIDR(text); err == nil {
			networks = append(networks, &net.IPNet{IP: ip, Mask: subnet.Mask})
		}
	}
	return networks
}
