package routing

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// Records are what the plugin of that name notes of its attachments: by them DEL
// finds what ADD changed, and what was there before.
type Records string

// Record is what each of them has.
type Record struct {
	// Attachment and Netns, the path of the container's namespace at ADD, are for those who
	// do not know the container. Earlier releases kept neither.
	owner.Attachment
	Netns string `json:"netns,omitempty"`
	// Namespace is the cookie of the container's, as a path may be another one's by
	// the time of DEL.
	Namespace uint64 `json:"namespace"`
	// Link is the index of the interface.
	Link int `json:"link"`
	// Change is what was done.
	Change Change `json:"change"`
}

// NewRecord returns a record about an interface of the namespace.
func NewRecord(n *link.Namespace, l netlink.Link, a owner.Attachment) (Record, error) {
	cookie, err := n.Cookie()
	return Record{Attachment: a, Netns: n.NetNS.Path(), Namespace: cookie, Link: l.Attrs().Index}, err
}

func (r Record) isIn(cookie uint64) bool { return r.Namespace == cookie }

// IsAbout reports whether the record, of the namespace, is about an interface,
// which is nil if there is none.
func (r Record) IsAbout(l netlink.Link) bool { return l != nil && l.Attrs().Index == r.Link }

const recordSuffix = ".json"

func (r Records) path(a owner.Attachment) string {
	return filepath.Join(directory, string(r)+"-"+a.Prefix()+recordSuffix)
}

// Write makes the attachment's record, whole or not at all.
func (r Records) Write(a owner.Attachment, value any) error {
	return record.Save(r.path(a), value)
}

// Read fills into, which is a Record or has one, from the attachment's record and
// reports whether there is one about the namespace. One that makes no sense is as
// good as none.
func (r Records) Read(n *link.Namespace, a owner.Attachment, into interface{ isIn(uint64) bool }) (bool, error) {
	found, err := record.Read(r.path(a), into)
	if err != nil || !found {
		return false, err
	}
	cookie, err := n.Cookie()
	return err == nil && into.isIn(cookie), err
}

// Release runs release within the namespace at path, for a DEL, with the attachment under
// the name that its network had at ADD. If the namespace is gone, and all that was in it,
// the record is all there is to remove, whatever the network's name was. If another container
// has the path now, as the record tells or the interface, nothing there is the attachment's.
func (r Records) Release(path string, a owner.Attachment, release func(*link.Namespace, owner.Attachment) error) error {
	var made Record
	recorded, unread := record.Read(r.path(a), &made)
	if !recorded && unread == nil {
		tag := link.TagAt(path, a.IfName)
		if known, ok := a.Former(tag); ok {
			a = known
		} else if tag != "" {
			return nil
		}
	}
	err := Within(path, func(n *link.Namespace) error {
		cookie, err := n.Cookie()
		if err = errors.Join(unread, err); err != nil {
			return err
		}
		if recorded && !made.isIn(cookie) {
			return r.Remove(a)
		}
		return release(n, a)
	})
	if ns.IsGone(err) {
		return r.each(a.IsOf, record.Remove)
	}
	return err
}

// Remove removes the attachment's record, if there is one.
func (r Records) Remove(a owner.Attachment) error { return record.Remove(r.path(a)) }

// Collect has release take back what a record says, and remove it, for the network's
// attachments that are not among the valid ones. Records are all that outlives a container.
func (r Records) Collect(network string, valid []owner.Attachment, release func(*link.Namespace, owner.Attachment) error) error {
	return r.each(owner.Stale(network, valid), func(path string) error {
		var known Record
		if _, err := record.Read(path, &known); err != nil {
			return err
		}
		if r.path(known.Attachment) == path {
			err := Within(known.Netns, func(n *link.Namespace) error { return release(n, known.Attachment) })
			if err != nil && !ns.IsGone(err) {
				return err
			}
		}
		return record.Remove(path)
	})
}

// each calls f with the paths of the records of those attachments whose prefixes match.
func (r Records) each(match func(prefix string) bool, f func(path string) error) error {
	entries, err := os.ReadDir(directory)
	if record.IsMissing(err) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if name, ours := strings.CutPrefix(e.Name(), string(r)+"-"); ours && match(name) {
			errs = append(errs, f(filepath.Join(directory, e.Name())))
		}
	}
	return plugin.Join(errs...)
}

// Holdings returns the records: what they tell of is in containers.
func (r Records) Holdings([]owner.Attachment) ([]plugin.Holding, error) {
	var found []plugin.Holding
	isRecord := func(name string) bool { return strings.HasSuffix(name, recordSuffix) }
	err := r.each(isRecord, func(path string) error {
		prefix := strings.TrimPrefix(filepath.Base(path), string(r)+"-")
		found = append(found, plugin.Holding{Prefix: strings.TrimSuffix(prefix, recordSuffix), Kind: "record", What: path})
		return nil
	})
	return found, err
}

// Downgrade is the command that forgets all records of the plugin: what else there is has
// upstream's form.
func (r Records) Downgrade(args []string) error {
	return plugin.Forget(filepath.Join(directory, string(r)+"-*"+recordSuffix), args)
}

// Writable returns an error if records cannot be made.
func (r Records) Writable() error { return record.Writable(directory) }
