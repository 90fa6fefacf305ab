package hostlink

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// base has a directory for each of the host's interfaces, of its name, and in it a record of
// each attachment that is reached by it, called by its prefix. Its lock is held while
// something is changed. Like interfaces, records do not survive a reboot.
const base = "/run/cni/hostlink"

func (r *Reach) directory() string { return filepath.Join(base, r.Link) }

func (r *Reach) path() string { return filepath.Join(r.directory(), r.Prefix()) }

// Add makes the host reach the attachment, and takes back what an ADD before it has made
// that no DEL followed. The record comes first.
func (r *Reach) Add(host *link.Namespace) error {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return fmt.Errorf("keep a record of the host's interface: %w", err)
	}
	return record.Alone(base, func() error {
		if err := r.fits(host); err != nil {
			return err
		}
		before, err := Of(r.Attachment)
		if err == nil && before != nil {
			err = before.remove(host)
		}
		if err != nil {
			return err
		}
		if err := record.Save(r.path(), r); err != nil {
			return fmt.Errorf("keep a record of the host's interface: %w", err)
		}
		return r.make(host)
	})
}

// fits returns an error if there is an interface of the name that is not for the master.
func (r *Reach) fits(host *link.Namespace) error {
	l, err := r.find(host)
	if link.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	master, err := r.findMaster(host)
	if err != nil {
		return err
	}
	if lower, err := host.Below(host, master, r.Kind); err != nil || !lower.Is(link.LowerOf(l)) {
		return errors.Join(err, fmt.Errorf("hostInterface: %q is not on master %q", r.Link, r.Master))
	}
	return nil
}

// Of returns what the record of an attachment says, nil if it has none.
func Of(a owner.Attachment) (*Reach, error) {
	found, err := all(of(a))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// Del takes back what Add made for the attachment, and the host's interface with the last
// one.
func Del(host *link.Namespace, a owner.Attachment) error { return delEach(host, of(a)) }

// Collect does so for the network's attachments that are not valid.
func Collect(host *link.Namespace, network string, valid []owner.Attachment) error {
	return delEach(host, owner.Stale(network, valid))
}

func of(a owner.Attachment) func(prefix string) bool {
	return func(prefix string) bool { return prefix == a.Prefix() }
}

// delEach takes back what those attachments have whose prefix is meant.
func delEach(host *link.Namespace, isMeant func(prefix string) bool) error {
	if interfaces, err := names(base); err != nil || len(interfaces) == 0 {
		return err
	}
	return record.Alone(base, func() error {
		var errs []error
		err := each(isMeant, func(path string, r *Reach) error {
			if r == nil {
				errs = append(errs, record.Remove(path)) // whatever it says, it goes
			} else {
				errs = append(errs, r.remove(host))
			}
			return nil
		})
		return plugin.Join(append(errs, err, removeEmpty())...)
	})
}

// each hands the paths of those records to f whose attachments are meant, and what they say,
// nil if that makes no sense.
func each(isMeant func(prefix string) bool, f func(path string, r *Reach) error) error {
	interfaces, err := names(base)
	for _, i := range interfaces {
		prefixes, listErr := names(filepath.Join(base, i))
		err = errors.Join(err, listErr)
		for _, prefix := range prefixes {
			if !isMeant(prefix) {
				continue
			}
			path, r := filepath.Join(base, i, prefix), new(Reach)
			found, readErr := record.Read(path, r)
			if !found || r.path() != path {
				r = nil
			}
			if readErr == nil {
				readErr = f(path, r)
			}
			err = errors.Join(err, readErr)
		}
	}
	return err
}

// all returns what the records say of the attachments that are meant.
func all(isMeant func(prefix string) bool) ([]*Reach, error) {
	var reaches []*Reach
	err := each(isMeant, func(_ string, r *Reach) error {
		if r != nil {
			reaches = append(reaches, r)
		}
		return nil
	})
	return reaches, err
}

// names returns those of the files in a directory, none if it does not exist.
func names(directory string) ([]string, error) {
	file, err := unpolled.OpenDirectory(directory)
	if record.IsMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Readdirnames(-1)
}

// removeEmpty removes the directories of interfaces that nobody has a record of.
func removeEmpty() error {
	interfaces, err := names(base)
	errs := []error{err}
	for _, i := range interfaces {
		err := unix.Rmdir(filepath.Join(base, i))
		if err != nil && !record.IsMissing(err) && !errors.Is(err, unix.ENOTEMPTY) {
			errs = append(errs, fmt.Errorf("remove %s: %w", filepath.Join(base, i), err))
		}
	}
	return errors.Join(errs...)
}

// remove removes the interface, if the attachment is the last one, or else the ways to it,
// and then the record.
func (r *Reach) remove(host *link.Namespace) error {
	last, err := r.isLast()
	if err != nil {
		return err
	}
	l, err := r.find(host)
	switch {
	case link.IsNotFound(err), errors.Is(err, errForeign):
	case err != nil:
		return fmt.Errorf("look %q up: %w", r.Link, err)
	case last:
		if err := host.LinkDel(l); err != nil && !link.IsNotFound(err) {
			return fmt.Errorf("delete %q: %w", r.Link, err)
		}
	default:
		if err := r.removeWays(host, l); err != nil {
			return err
		}
	}
	return record.Remove(r.path())
}

// isLast reports whether no other attachment has a record.
func (r *Reach) isLast() (bool, error) {
	prefixes, err := names(r.directory())
	return !slices.ContainsFunc(prefixes, func(prefix string) bool { return !strings.HasPrefix(prefix, r.Prefix()) }), err
}

// removeWays leaves those alone that lead to a container with the same address by now.
func (r *Reach) removeWays(host *link.Namespace, l netlink.Link) error {
	// What is wrong with another record is not to keep this attachment from its DEL.
	others, _ := all(func(prefix string) bool { return prefix != r.Prefix() })
	routes := r.Routes()
	for i, n := range r.neighbours(l) {
		isHeir := func(other *Reach) bool {
			return other.Link == r.Link && other.leadsTo(r.Ways[i].To) && !other.Sandbox.IsGone()
		}
		if slices.ContainsFunc(others, isHeir) {
			continue
		}
		if err := host.NeighDel(&n); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("delete neighbour %v of %q: %w", n.IP, r.Link, err)
		}
		routes[i].LinkIndex = l.Attrs().Index
		if err := host.RouteDel(&routes[i]); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("delete route to %v: %w", n.IP, err)
		}
	}
	return nil
}

func (r *Reach) leadsTo(address netip.Addr) bool {
	return slices.ContainsFunc(r.Ways, func(w Way) bool { return w.To == address })
}

// Former returns the attachment under the name that its network had at ADD, as far as it has
// a record.
func Former(a owner.Attachment) (owner.Attachment, error) {
	interfaces, err := names(base)
	for _, i := range interfaces {
		if known, err := record.Former(filepath.Join(base, i), "", a); err != nil || known != a {
			return known, err
		}
	}
	return a, err
}

// Available returns what Add would miss of an interface that is wanted.
func (c *Conf) Available(host *link.Namespace, kind, master string) error {
	r := Reach{Kind: kind, Link: c.name(kind, master)}
	like := r.Link
	if _, err := r.find(host); link.IsNotFound(err) {
		like = "default"
	} else if err != nil {
		return err
	}
	return plugin.Join(host.Do(func() error { return r.mayFilter(like) }), record.Writable(base))
}
