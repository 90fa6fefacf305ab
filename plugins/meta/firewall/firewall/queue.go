package firewall

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
)

// Whoever removes rules waits for an RCU grace period while he has the lock. So that many
// DELs at once do not wait for one each, those that find the lock taken hand their records
// in, and the next who has it withdraws all of them at once: the others find theirs gone,
// and in effect. One that was killed before that leaves its link, which says no more than
// that it was to go, and only as long as the record is the same: who is added again has
// another one.

// queue is the place of a DEL among those that wait for the lock.
type queue struct {
	// waited says that there are others.
	waited bool
	// handed is the path of the link, if there was a record.
	handed string
}

// leavingPrefix begins the names of links to records that were handed in.
const leavingPrefix = "leaving,"

func leavingPath(prefix string) string { return filepath.Join(stateDir, leavingPrefix+prefix) }

// mostAtOnce is how many records are withdrawn at once.
const mostAtOnce = 256

// handIn tells whoever has the lock next that the attachment leaves. If that is not
// possible, its DEL withdraws it when it has the lock itself.
func (q *queue) handIn(a owner.Attachment) {
	q.waited = true
	known, err := record.Former(attachmentsDir(), "", a)
	if err != nil {
		return
	}
	prefix := known.Prefix()
	if os.Link(recordPath(prefix), leavingPath(prefix)) == nil || isLeaving(prefix) {
		q.handed = leavingPath(prefix)
	}
}

// isLeaving reports whether the record is one that was handed in.
func isLeaving(prefix string) bool {
	link, err := os.Lstat(leavingPath(prefix))
	if err != nil {
		return false
	}
	now, err := os.Lstat(recordPath(prefix))
	return err == nil && os.SameFile(link, now)
}

// withdraw withdraws the record of the DEL that has the lock now, and with it those of
// others that wait. If that fails, each tells of its own.
func (q *queue) withdraw(s *state, r entry) error {
	if q.waited {
		if others := s.leaving(r); len(others) > 0 && withdraw(s, r, others...) == nil {
			return nil
		}
	}
	return withdraw(s, r)
}

// leaving returns other records that were handed in, of the same backend.
func (s *state) leaving(r entry) []entry {
	if r.Backend == nameFirewalld { // which takes one after the other
		return nil
	}
	files, err := os.ReadDir(stateDir)
	if err != nil {
		return nil
	}
	var others []entry
	for _, f := range files {
		prefix, ok := strings.CutPrefix(f.Name(), leavingPrefix)
		if !ok || prefix == r.owner().Prefix() || len(others) == mostAtOnce {
			continue
		}
		if !isLeaving(prefix) {
			_ = record.Remove(leavingPath(prefix)) // of one that was killed
			continue
		}
		other, err := s.record(prefix)
		if err == nil && other != nil && other.Backend == r.Backend && other.owner().Prefix() == prefix {
			others = append(others, *other)
		}
	}
	return others
}
