package disk

import (
	"cmp"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// indexName is the index's file in a network's directory. Programs that list
// leases skip what is not named like an address; those that compare contents
// find nothing that looks like a holder.
const indexName = ".index"

// index is what saves reading the files of all leases: two hash tables of them,
// by container id and by address, in a file beside them, of which a verb reads a
// few pages. The files remain the truth. The index stands for them as long as the
// directory is untouched since the last commit, and each answer out of it that
// matters is looked up in the one file that it is about.
//
// Whether the directory is untouched shows in its modification time. A kernel's
// clock ticks only every few milliseconds, so that two changes may have one
// time. Hence a commit ends with setting the time to a value that the kernel
// does not set by itself: a whole second that is past. Whoever changes the
// directory later, or dies before the end of the commit, leaves another time.
// (In-place changes of a file leave no trace, but no program makes them.)
//
// The index also knows which leases are from an earlier boot: those that are
// no younger than the last commit of that boot. Without an index, as in a
// directory that upstream's plugin has filled, those are whose files are older than
// this boot. That relies on the clock, and is decided once: one that is set later in
// this boot must not make leases of live containers old.
type index struct {
	dir  directory
	file *os.File // nil if there is none that can be used

	boot      string
	inherited time.Time // leases no younger than this are from an earlier boot
	pruned    uint32    // as in the header
	stamp     time.Time // of the last commit

	leases *table // of records, by container id
	blocks *table // of blocks, by address

	// unread is why the file of some lease could not be read. Such an index is not kept:
	// the file may be that of anybody.
	unread error

	usable bool // the file system is one on which an index can be trusted
	loaded bool // the file has the tables but for their dirty pages
}

// stampAge is how far before the commit the stamp lies, rounded down to a
// second. File systems that keep whole seconds only can take it, and a clock
// that lags by a tick is still ahead of it.
const stampAge = 2 * time.Second

// openIndex opens the index of dir, or reads the files of dir where there is no
// index that stands for them. The lock of dir must be held until close, which is
// due also after an error.
func openIndex(dir directory) (*index, error) {
	x := &index{dir: dir, usable: isLocal(string(dir))}
	if !x.usable {
		return x, x.scan()
	}
	info, err := os.Stat(string(dir))
	if err != nil {
		return x, err
	}
	x.open()
	h, ok := x.readHeader()
	x.boot = cmp.Or(bootID(), h.boot)
	x.inherited = x.limit(h, ok)
	// After a power failure parts of the file may be older than others, so that the
	// tables of an earlier boot are not used.
	if !ok || h.boot != x.boot && h.boot != "" {
		return x, x.scan()
	}
	x.pruned = h.pruned
	if !h.matches(info) {
		return x, x.scan()
	}
	x.stamp, x.loaded = h.stamp, true
	x.leases = x.tableAt(pageSize, h.leasePages, h.leases, recordSize)
	x.blocks = x.tableAt(pageSize*int64(1+h.leasePages), h.blockPages, h.blocks, blockSize)
	return x, nil
}

// limit returns the time up to which leases are from an earlier boot, by the header of
// the index, if there is one.
func (x *index) limit(h header, ok bool) time.Time {
	switch {
	case !ok:
		return bootTime()
	case h.boot != x.boot && h.boot != "":
		// Rounded up, but never in the future: what is written from now on is of
		// this boot.
		return earlier(h.stamp.Add(stampAge+time.Second), time.Now().Truncate(time.Second))
	}
	return h.inherited
}

func (x *index) close() error {
	if x.file == nil {
		return nil
	}
	return x.file.Close()
}

// open opens the file for reading and, where that is allowed, writing. One that cannot
// be read is as good as none.
func (x *index) open() {
	path := filepath.Join(string(x.dir), indexName)
	var err error
	if x.file, err = unpolled.Open(path, unix.O_RDWR|unix.O_CREAT); err != nil {
		if x.file, err = unpolled.Open(path, unix.O_RDONLY); err != nil {
			x.file = nil
		}
	}
}

// readHeader reads the header of the file. One whose end is missing has a header that
// matches nothing.
func (x *index) readHeader() (header, bool) {
	if x.file == nil {
		return header{}, false
	}
	b := make([]byte, headerSize)
	n, _ := x.file.ReadAt(b, 0)
	h, ok := decodeHeader(b[:n])
	if info, err := x.file.Stat(); err != nil || uint64(info.Size()) < pageSize*(1+h.leasePages+h.blockPages) {
		h.stamp = time.Time{}
	}
	return h, ok
}

// tableAt returns a table in the file.
func (x *index) tableAt(first int64, pages, count uint64, size int) *table {
	t := newTable(0, size)
	t.file, t.first, t.pages, t.count = x.file, first, int(pages), int(count)
	return t
}

// matches reports whether info is that of the header's directory, untouched.
func (h header) matches(info os.FileInfo) bool {
	stat := info.Sys().(*syscall.Stat_t)
	return info.ModTime().Equal(h.stamp) && uint64(stat.Dev) == h.device && stat.Ino == h.inode
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// scan fills the tables from the files.
func (x *index) scan() error {
	var all []record
	x.unread = nil
	err := x.dir.each(func(addr netip.Addr, l *lease) {
		if l != nil {
			all = append(all, x.record(addr, l))
		}
	})
	if err != nil {
		return err
	}
	x.fill(all)
	return nil
}

// record returns the record of a lease, and notes if its file could not be read.
func (x *index) record(addr netip.Addr, l *lease) record {
	if l.unread != nil {
		x.unread = l.unread
	}
	return newRecord(addr, l)
}

// fill makes new tables.
func (x *index) fill(all []record) {
	x.loaded = false
	x.leases, x.blocks = newTable(len(all), recordSize), newTable(len(all)/256, blockSize)
	for _, r := range all {
		x.insert(r)
	}
}

// isInherited reports whether a lease of that age is from an earlier boot.
func (x *index) isInherited(since time.Time) bool { return !since.After(x.inherited) }

// now returns the time for a lease that is made now. It is always after those of
// an earlier boot, also where the clock is wrong before it is set over the
// network.
func (x *index) now() time.Time {
	now := time.Now()
	if first := x.inherited.Add(time.Second); now.Before(first) {
		return first
	}
	return now
}

// save commits: it writes what has changed to the file and stamps the directory.
// Neither is synced to the disk, as they mean something only as long as the
// machine is up.
func (x *index) save() error {
	if !x.usable || x.unread != nil || x.file == nil || x.loaded && len(x.leases.dirty)+len(x.blocks.dirty) == 0 {
		return nil
	}
	info, err := os.Stat(string(x.dir))
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t)
	stamp := time.Now().Add(-stampAge).Truncate(time.Second)
	h := header{
		leases: uint64(x.leases.count), leasePages: uint64(x.leases.pages),
		blocks: uint64(x.blocks.count), blockPages: uint64(x.blocks.pages),
		boot: x.boot, pruned: x.pruned, inherited: x.inherited,
		stamp: stamp, device: uint64(stat.Dev), inode: stat.Ino,
	}
	if err := x.write(h); err != nil {
		x.loaded, x.usable = false, false // some of the file is new, some is old
		return err
	}
	clear(x.leases.dirty)
	clear(x.blocks.dirty)
	x.loaded, x.stamp = true, stamp
	return x.stampAgain()
}

// write writes the pages that the file does not have, and the header. It need not
// be atomic: all parts of the file have a checksum, and the header's stamp is not
// yet that of the directory.
func (x *index) write(h header) error {
	if !x.loaded {
		if err := x.file.Truncate(0); err != nil {
			return err
		}
		x.leases.first = pageSize
		x.blocks.first = x.leases.first + pageSize*int64(x.leases.pages)
	}
	if err := x.leases.write(x.file, !x.loaded); err != nil {
		return err
	}
	if err := x.blocks.write(x.file, !x.loaded); err != nil {
		return err
	}
	_, err := x.file.WriteAt(h.encode(), 0)
	return err
}

// stampAgain gives the directory the time of the last commit, after changes that
// were taken back.
func (x *index) stampAgain() error {
	if !x.loaded {
		return nil
	}
	return os.Chtimes(string(x.dir), time.Time{}, x.stamp)
}
