package disk

import (
	"bytes"
	"strings"
	"time"
	"unicode"
)

// LineBreak separates container id and interface name in the file of a lease.
const LineBreak = "\r\n"

// maxLease is how much of a file is read, in bytes. A container id has no
// bound, but comes out of an environment variable and is usually 64 long.
const maxLease = 4096

// holder is who has an address. Files from before upstream 0.8 have no
// interface name: ifname is empty.
type holder struct {
	id     string
	ifname string
}

func newHolder(id, ifname string) holder {
	return holder{strings.TrimSpace(id), ifname}
}

// parseHolder reads the content of a lease's file. It returns false if nobody
// wrote it: file systems leave empty files and files of zeros behind a crash, as
// does a program that dies between creating and writing one.
func parseHolder(content []byte) (holder, bool) {
	text := string(bytes.TrimSpace(content))
	id, ifname, _ := strings.Cut(text, LineBreak)
	if id == "" || strings.ContainsFunc(id+ifname, unicode.IsControl) {
		return holder{}, false
	}
	return holder{id, ifname}, true
}

// content returns what parseHolder reads, to the byte what upstream writes.
func (h holder) content() string {
	if h.ifname == "" {
		return h.id
	}
	return h.id + LineBreak + h.ifname
}

// lease is an address that is taken.
type lease struct {
	holder
	// since is when the address was reserved: the file's modification time.
	since time.Time
	// unread is why the file could not be read, if it may be readable another time.
	unread error
}
