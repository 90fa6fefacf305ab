package disk

import (
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// tempName is the file that becomes a lease or another file when it is
// complete. There is one writer at a time, and so one such file at most.
const tempName = ".new"

// directory is the directory of one network: a file per lease, named after the
// address. A file appears whole, by link(2) or rename(2), so that a process that
// dies leaves none that nobody owns. There is no fsync(2): leases outlive a
// power failure without any container that could use them, an incomplete file
// counts as free, and syncing would cost more than all the rest of an ADD.
type directory string

func (d directory) path(name string) string { return filepath.Join(string(d), name) }

// read returns the lease on addr, or nil if addr is free: if there is no file or
// one without holder.
func (d directory) read(addr netip.Addr) (*lease, error) {
	file, err := unpolled.Open(d.path(addr.String()), os.O_RDONLY|unix.O_NOFOLLOW)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content := make([]byte, maxLease)
	n, err := file.Read(content)
	if err != nil && err != io.EOF {
		return nil, err
	}
	holder, ok := parseHolder(content[:n])
	if !ok {
		return nil, nil
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return &lease{holder: holder, since: info.ModTime()}, nil
}

// unreadable stands for the lease in a file that cannot be read: taken, and
// never too old. What is no regular file is not read another time either.
func unreadable(err error) *lease {
	if errors.Is(err, unpolled.ErrIrregular) || errors.Is(err, unix.ELOOP) {
		err = nil
	}
	return &lease{since: time.Unix(1<<33, 0), unread: err}
}

// each calls visit for each file that is named like an address, with nil if it
// has no holder.
func (d directory) each(visit func(netip.Addr, *lease)) error {
	dir, err := unpolled.OpenDirectory(string(d))
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		addr, err := netip.ParseAddr(name)
		if err != nil || addr.Zone() != "" || addr.Unmap().String() != name {
			continue
		}
		l, err := d.read(addr)
		if err != nil {
			l = unreadable(err)
		}
		visit(addr, l)
	}
	return nil
}

// write makes name a file with that content and, unless it is zero, that
// modification time, in place of a file that is there.
func (d directory) write(name, content string, modified time.Time) error {
	if err := d.prepare(content, modified); err != nil {
		return err
	}
	if err := os.Rename(d.path(tempName), d.path(name)); err != nil {
		os.Remove(d.path(tempName))
		return err
	}
	return nil
}

// create is write, but fails if there is a file of that name.
func (d directory) create(name, content string, modified time.Time) error {
	if err := d.prepare(content, modified); err != nil {
		return err
	}
	from, to := d.path(tempName), d.path(name)
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == nil {
		return nil
	}
	// NFS and a few others cannot do that.
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = os.Link(from, to)
	} else {
		err = &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	os.Remove(from)
	return err
}

// prepare makes the temporary file, or none if it fails.
func (d directory) prepare(content string, modified time.Time) error {
	temp := d.path(tempName)
	// Not O_TRUNC: a file left behind may be linked to a lease already.
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := unpolled.WriteFile(temp, []byte(content))
	if err == nil && !modified.IsZero() {
		err = os.Chtimes(temp, time.Time{}, modified)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// apply makes a change of one lease.
func (d directory) apply(c change) error {
	name := c.addr.String()
	switch {
	case c.after == nil:
		return d.remove(name)
	case c.before != nil:
		return d.write(name, c.after.content(), c.after.since)
	}
	err := d.create(name, c.after.content(), c.after.since)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if l, readErr := d.read(c.addr); readErr != nil || l != nil {
		return err
	}
	return d.write(name, c.after.content(), c.after.since)
}

// remove removes a file if it is there.
func (d directory) remove(name string) error {
	if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
