package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/nft"
)

// queued returns the record of an attachment with a number.
func queued(i int, backend string) entry {
	return entry{
		Network: "net", ContainerID: fmt.Sprint("c", i), IfName: "eth0", Backend: backend,
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 1, 2, byte(i)})},
	}
}

// handIn hands the records in, and returns the places of their DELs.
func handIn(all ...entry) []*queue {
	var places []*queue
	for _, r := range all {
		q := new(queue)
		q.handIn(r.owner())
		places = append(places, q)
	}
	return places
}

// links returns the names of what was handed in.
func links() []string {
	files, err := os.ReadDir(stateDir)
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, f := range files {
		if strings.HasPrefix(f.Name(), leavingPrefix) {
			names = append(names, f.Name())
		}
	}
	return names
}

// withState runs f with the state of a node.
func withState(t *testing.T, f func(*state) error) {
	t.Helper()
	n := node.New(t)
	err := n.Do(func() error {
		s, err := openState()
		if err != nil {
			return err
		}
		defer s.close()
		return f(s)
	})
	if err != nil {
		t.Error(err)
	}
}

// Whoever has the lock withdraws what was handed in as well: what is of the same backend, and
// has not been added again since.
func TestHandIn(t *testing.T) {
	t.Parallel()
	withState(t, func(s *state) error {
		own, waiting, again, other := queued(1, nameIPTables), queued(2, nameIPTables), queued(3, nameIPTables), queued(4, nameNFTables)
		var errs []error
		for _, r := range []entry{own, waiting, again, other} {
			errs = append(errs, s.put(r))
		}
		places := handIn(own, waiting, waiting, again, other, queued(5, nameIPTables))
		errs = append(errs, s.put(again))
		if handed := places[5].handed; handed != "" {
			t.Errorf("without a record: %s", handed)
		}
		if diff := cmp.Diff([]entry{waiting}, s.leaving(own), cmp.Comparer(func(a, b entry) bool { return a.owner() == b.owner() })); diff != "" {
			t.Errorf("(-want +have):\n%s", diff)
		}
		if slices.Contains(links(), leavingPrefix+again.owner().Prefix()) {
			t.Error("the link to an earlier record is left")
		}
		errs = append(errs, places[0].withdraw(s, own))
		left, err := s.attachments()
		slices.Sort(left)
		want := []string{again.owner().Prefix(), other.owner().Prefix()}
		slices.Sort(want)
		if diff := cmp.Diff(want, left); diff != "" {
			t.Errorf("records (-want +have):\n%s", diff)
		}
		if diff := cmp.Diff([]string{leavingPrefix + other.owner().Prefix()}, links()); diff != "" {
			t.Errorf("links (-want +have):\n%s", diff)
		}
		return errors.Join(append(errs, err)...)
	})
}

// A DEL that has not waited knows of no others, and so looks for none.
func TestAlone(t *testing.T) {
	t.Parallel()
	withState(t, func(s *state) error {
		own, waiting := queued(1, nameIPTables), queued(2, nameIPTables)
		err := errors.Join(s.put(own), s.put(waiting))
		handIn(waiting)
		err = errors.Join(err, new(queue).withdraw(s, own))
		if r, errRecord := s.record(waiting.owner().Prefix()); r == nil || errRecord != nil {
			t.Errorf("the other one: %v, %v", r, errRecord)
		}
		return err
	})
}

// Addresses that two have who leave at once are free, and those that somebody else has are not.
func TestLeaveTogether(t *testing.T) {
	t.Parallel()
	withState(t, func(s *state) error {
		a, b, stays := queued(1, nameIPTables), queued(2, nameIPTables), queued(3, nameIPTables)
		b.Addresses = append(b.Addresses, a.Addresses[0], stays.Addresses[0])
		err := errors.Join(s.put(a), s.put(b), s.put(stays))
		free, errFree := s.unclaimed(nameIPTables, union(a.Addresses, b.Addresses...), a.owner().Prefix(), b.owner().Prefix())
		slices.SortFunc(free, netip.Addr.Compare)
		if want := "[10.1.2.1 10.1.2.2]"; fmt.Sprint(free) != want {
			t.Errorf("free: %v, want %s", free, want)
		}
		return errors.Join(err, errFree)
	})
}

// An address gets the name of another attachment that has it, whatever has become of those that
// have others.
func TestHandOver(t *testing.T) {
	t.Parallel()
	withState(t, func(s *state) error {
		leaves, heir, unreadable := queued(1, nameNFTables), queued(2, nameNFTables), queued(3, nameNFTables)
		leaves.Addresses = slices.Concat(leaves.Addresses, unreadable.Addresses, heir.Addresses)
		err := errors.Join(s.put(heir), s.put(unreadable), os.WriteFile(recordPath(unreadable.owner().Prefix()), nil, 0o600),
			handOver(s, leaves, nil, []string{leaves.owner().Prefix()}))
		if err != nil {
			return err
		}
		c, err := nft.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		have, _, err := c.Element(table(), containers4, heir.Addresses[0].AsSlice())
		if have.Comment != heir.owner().Tag() {
			t.Errorf("it is that of %q", have.Comment)
		}
		return err
	})
}
