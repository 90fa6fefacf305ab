package bandwidth

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sysfs"
)

// notesDir has a file for each attachment that ADD has limited, so that those without
// limits, as nearly all of a cluster's are, cost neither a look nor a message to the
// kernel. It vanishes with the limits when the host restarts.
const notesDir = "/run/cni/bandwidth"

// note is one of them.
type note struct {
	owner.Attachment
	// Index of the host's interface that is limited, which the kernel gives to no other,
	// or 0: one in the container goes with that.
	Index int `json:",omitempty"`
}

// notePath is the same under whatever name the network has.
func notePath(a owner.Attachment) string {
	return filepath.Join(notesDir, a.Prefix()[owner.PrefixLen/2+1:])
}

// write notes that an attachment gets limits. Where nothing can be written, as on a
// read-only file system, DEL still removes what the configuration asks for.
func (n note) write() {
	if err := record.Save(notePath(n.Attachment), n); err != nil {
		fmt.Fprintf(os.Stderr, "bandwidth: note that %s has limits: %v\n", n.IfName, err)
	}
}

// mayBeLimited reports whether there can be limits of the attachment although the
// configuration has none: those of an earlier configuration, or of other builds, as far
// as they need a device.
func mayBeLimited(a owner.Attachment) bool {
	if err := unix.Access(notePath(a), unix.F_OK); !record.IsMissing(err) {
		return true
	}
	return sysfs.Exists(ifbPath(upstreamsName(a))) || sysfs.Exists(ifbPath(ownName(a)))
}

func ifbPath(name string) string { return filepath.Join("/sys/class/net", name) }

// noted returns the attachment under the name that its network had at ADD, if that is noted:
// somebody may have changed it since.
func noted(a owner.Attachment) owner.Attachment {
	var n note
	if found, err := record.Read(notePath(a), &n); err == nil && found && a.IsOf(n.Prefix()) {
		return n.Attachment
	}
	return a
}

// notes returns all notes.
func notes() ([]note, error) {
	names, err := record.Names(notesDir)
	errs := []error{err}
	var all []note
	for _, name := range names {
		var n note
		found, err := record.Read(filepath.Join(notesDir, name), &n)
		if found {
			all = append(all, n)
		}
		errs = append(errs, err)
	}
	return all, plugin.Join(errs...)
}
