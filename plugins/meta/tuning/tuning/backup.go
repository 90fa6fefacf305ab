package tuning

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// backup is what DEL puts back. It is kept in two files: a record of all, whose
// name is the attachment's alone, and the attributes in upstream's form, under
// upstream's name, for upstream's DEL.
type backup struct {
	owner.Attachment
	identity
	settings
	// Path is that of the container's namespace at ADD, for GC. Earlier releases kept none.
	Path string `json:"path,omitempty"`
	// Since is the time of ADD in nanoseconds from the boot (CLOCK_BOOTTIME). Earlier releases
	// kept none.
	Since int64 `json:"since,omitempty"`
	// Shared means that the file in upstream's form is this attachment's.
	Shared bool `json:"shared,omitempty"`
	// Busy means that a DEL has failed, as something was busy, or could not be written to.
	Busy bool `json:"busy,omitempty"`

	// unrecorded means that there is no record, as upstream makes none.
	unrecorded bool
}

// recordSuffix ends the names of records.
const recordSuffix = ".record"

// directory is where backups are.
type directory string

func (d directory) recordOf(a owner.Attachment) string {
	return filepath.Join(string(d), a.Prefix()+recordSuffix)
}

// shared is the path of upstream's file. Attachments of different names can have
// the same one: a_b with c, and a with b_c.
func (d directory) shared(a owner.Attachment) string {
	return filepath.Join(string(d), a.ContainerID+"_"+a.IfName+".json")
}

// load returns the backup of an attachment, nil if there is none. One of a device
// that is gone has nothing to put back.
func (d directory) load(a owner.Attachment, present identity) (*backup, error) {
	b, err := d.readRecord(d.recordOf(a))
	if err != nil {
		return nil, err
	}
	theirs, err := d.readShared(a, b)
	switch {
	case err != nil:
		return nil, err
	case b == nil && theirs == nil:
		return nil, nil
	case b == nil:
		return &backup{Attachment: a, identity: present, settings: settings{attributes: *theirs}, Shared: true, unrecorded: true}, nil
	}
	if b.Netns != present.Netns {
		b.Sysctls = nil
	}
	if b.identity != present {
		rewritten := theirs != nil && !theirs.equal(b.attributes)
		b.attributes, b.Offloads = attributes{}, nil
		if rewritten { // by upstream's ADD, for the device that there is now
			b.attributes = *theirs
		}
	}
	if b.Shared && theirs == nil { // upstream's DEL has put them back
		b.attributes = attributes{}
	}
	b.identity = present
	return b, nil
}

// readRecord returns the backup in a record, nil if there is none. One that makes
// no sense is as good as none.
func (d directory) readRecord(path string) (*backup, error) {
	b := new(backup)
	found, err := record.Read(path, b)
	if err != nil || !found || d.recordOf(b.Attachment) != path {
		return nil, err
	}
	return b, nil
}

// readShared returns what is in upstream's file, nil if there is none, if it is
// another attachment's, or makes no sense. own is the attachment's record.
func (d directory) readShared(a owner.Attachment, own *backup) (*attributes, error) {
	has, err := d.hasShared(a, own)
	if err != nil || !has {
		return nil, err
	}
	theirs := new(attributes)
	found, err := record.Read(d.shared(a), theirs)
	if err != nil || !found {
		return nil, err
	}
	return theirs, nil
}

// hasShared reports whether upstream's file is the attachment's.
func (d directory) hasShared(a owner.Attachment, own *backup) (bool, error) {
	if own != nil {
		return own.Shared, nil
	}
	_, err := os.Lstat(d.shared(a))
	if record.IsMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	taken, err := d.isTaken(a)
	return !taken, err
}

// bequeath leaves those sysctls alone that a younger attachment of the container has set, too:
// the value from before is that attachment's to put back. Containers that have no other interface
// have no other attachment, which saves a look at all records.
func (d directory) bequeath(b *backup) error {
	if len(b.Sysctls) == 0 || b.Index != 0 && isAlone() {
		return nil
	}
	var heirs []*backup
	// What is wrong with another record is not to keep this attachment from its DEL.
	_ = d.each(func(string) bool { return true }, func(_ string, other *backup) error {
		if other != nil && other.Netns == b.Netns && other.Since > b.Since {
			heirs = append(heirs, other)
		}
		return nil
	})
	slices.SortFunc(heirs, func(x, y *backup) int { return cmp.Compare(x.Since, y.Since) })
	for _, heir := range heirs {
		kept := heir.inherit(b)
		if len(kept) == len(b.Sysctls) {
			continue
		}
		if err := record.Save(d.recordOf(heir.Attachment), heir); err != nil {
			return err
		}
		b.Sysctls = kept
	}
	return nil
}

// inherit takes over what b has of the same sysctls, and returns the others.
func (heir *backup) inherit(b *backup) []sysctl {
	return slices.DeleteFunc(slices.Clone(b.Sysctls), func(s sysctl) bool {
		if !slices.ContainsFunc(heir.Sysctls, func(own sysctl) bool { return own.Name == s.Name }) {
			return false
		}
		heir.Sysctls = put(heir.Sysctls, s)
		return true
	})
}

// isAlone reports whether the namespace has one interface at most, beside lo.
func isAlone() bool {
	entries, err := os.ReadDir(filepath.Join(root, "net/ipv4/conf"))
	return err == nil && len(entries) <= 4 // with "all", "default" and "lo"
}

// isTaken reports whether the file in upstream's form is another attachment's.
func (d directory) isTaken(a owner.Attachment) (bool, error) {
	taken := false
	every := func(string) bool { return true }
	err := d.each(every, func(_ string, b *backup) error {
		taken = taken || b != nil && b.Shared && b.Attachment != a && d.shared(b.Attachment) == d.shared(a)
		return nil
	})
	return taken, err
}

// each calls f with the path of each record whose name is wanted, and with what is in
// it, nil if that makes no sense.
func (d directory) each(wanted func(name string) bool, f func(path string, b *backup) error) error {
	entries, err := os.ReadDir(string(d))
	if record.IsMissing(err) {
		return nil
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), recordSuffix) || !wanted(e.Name()) {
			continue
		}
		path := filepath.Join(string(d), e.Name())
		b, err := d.readRecord(path)
		if err == nil {
			err = f(path, b)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, err)...)
}

// downgrade is the command that forgets the records in the default directory: the files
// beside them have upstream's form.
func downgrade(args []string) error {
	return plugin.Forget(filepath.Join(defaultDataDir, "*"+recordSuffix), args)
}

// save writes the record, and then the file in upstream's form: whose it is must
// be known before it is there.
func (d directory) save(b *backup) error {
	if err := d.share(b); err != nil {
		return err
	}
	if err := record.Save(d.recordOf(b.Attachment), b); err != nil || !b.Shared {
		return err
	}
	return d.saveShared(b)
}

// share decides whether there will be a file in upstream's form.
func (d directory) share(b *backup) error {
	had := b.Shared
	b.Shared = b.attributes != (attributes{})
	switch {
	case had && !b.Shared:
		return record.Remove(d.shared(b.Attachment))
	case had || !b.Shared:
		return nil
	}
	_, err := os.Lstat(d.shared(b.Attachment))
	if record.IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	taken, err := d.isTaken(b.Attachment)
	b.Shared = !taken
	return err
}

func (d directory) saveShared(b *backup) error {
	text, err := json.MarshalIndent(b.attributes, "", " ")
	if err != nil {
		return err
	}
	return record.Write(d.shared(b.Attachment), text)
}

// putBack makes the files what they were when old was loaded, nil if there was
// nothing, and b saved after that.
func (d directory) putBack(old, b *backup) error {
	switch {
	case old == nil:
		return d.forget(b.Attachment)
	case old.unrecorded:
		return errors.Join(record.Remove(d.recordOf(old.Attachment)), d.saveShared(old))
	}
	old.Shared = old.Shared || b.Shared
	return d.save(old)
}

// forget removes both files. The record is the last, as it says whose the other
// one is.
func (d directory) forget(a owner.Attachment) error {
	own, err := d.readRecord(d.recordOf(a))
	if err != nil {
		return err
	}
	has, err := d.hasShared(a, own)
	if err != nil {
		return err
	}
	if has {
		if err := record.Remove(d.shared(a)); err != nil {
			return err
		}
	}
	return record.Remove(d.recordOf(a))
}
