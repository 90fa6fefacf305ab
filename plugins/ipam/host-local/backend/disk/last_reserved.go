package disk

import (
	"errors"
	"io/fs"
	"net"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// lastReserved is the address that a range set gave out last: the next search
// begins behind it, so that a freed address rests as long as possible.
type lastReserved struct {
	rangeID string
	ip      string
	// before is the content of the file that is replaced; nil if there is none.
	before []byte
}

const lastReservedPrefix = "last_reserved_ip."

func (l *lastReserved) name() string { return lastReservedPrefix + l.rangeID }

// replace writes the file. If it fails, the file is as before.
func (l *lastReserved) replace(d directory) error {
	before, err := unpolled.ReadFile(d.path(l.name()))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l.before = before
	if err := d.overwrite(l.name(), []byte(l.ip), l.before); err != nil {
		_ = l.takeBack(d)
		return err
	}
	return nil
}

// restore makes the file what it was before replace, if it is still what
// replace wrote.
func (l *lastReserved) restore(d directory) error {
	now, err := unpolled.ReadFile(d.path(l.name()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || string(now) != l.ip {
		return err
	}
	return l.takeBack(d)
}

func (l *lastReserved) takeBack(d directory) error {
	if l.before == nil {
		return d.remove(l.name())
	}
	return d.overwrite(l.name(), l.before, []byte(l.ip))
}

// overwrite changes a file in place from old to content. That is right only for
// a hint like this, which may hold anything: a search that begins at another
// address finds a free one as well. A new file would cost ext4 as much again as
// the lease itself, and renaming it over the old one makes ext4 write the data out.
func (d directory) overwrite(name string, content, old []byte) error {
	file, err := unpolled.Open(d.path(name), unix.O_WRONLY|unix.O_CREAT)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if len(old) > len(content) {
		return file.Truncate(int64(len(content)))
	}
	return nil
}

// lastReserved returns the address that a range set gave out last, or nil if
// the file does not have one.
func (d directory) lastReserved(rangeID string) (net.IP, error) {
	content, err := unpolled.ReadFile(d.path(lastReservedPrefix + rangeID))
	if err != nil {
		return nil, err
	}
	return net.ParseIP(strings.TrimSpace(string(content))), nil
}
