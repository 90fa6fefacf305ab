package portmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// claimsName is the file, in the directory of records, with a number for each
// protocol and port: how many attachments want it. So a look tells whether there
// can be a conflict, and only then all records are read. After a crash a number
// may be too large, never too small, and reading the records corrects it.
const claimsName = "claims"

// claims is the file. It is changed under the lock. It has holes, and is not mapped
// into memory: where there is no space for a page, that would be a signal, and not an
// error.
type claims struct{ *os.File }

const (
	portCount   = maxPort + 1
	claimLength = 2
)

func claimsPath() string { return filepath.Join(directory, claimsName) }

func openClaims() (claims, error) {
	file, err := unpolled.Open(claimsPath(), unix.O_CREAT|unix.O_RDWR)
	return claims{file}, err
}

// change gives the ports of f, which is nil for none, the numbers that number returns
// for them and their present ones.
func (c claims) change(f *forward, number func(place, n int) int) error {
	for run := range runs(f.places()) {
		offset, have := int64(run[0])*claimLength, make([]byte, len(run)*claimLength)
		if _, err := c.ReadAt(have, offset); err != nil && err != io.EOF {
			return err
		}
		want := slices.Clone(have)
		for i, place := range run {
			bytes := want[i*claimLength:]
			n := number(place, int(binary.NativeEndian.Uint16(bytes)))
			binary.NativeEndian.PutUint16(bytes, uint16(min(max(n, 0), maxPort)))
		}
		if slices.Equal(have, want) {
			continue
		}
		if _, err := c.WriteAt(want, offset); err != nil {
			return err
		}
	}
	return nil
}

// count changes by delta how many want the ports.
func (c claims) count(f *forward, delta int) error {
	return c.change(f, func(_, n int) int { return n + delta })
}

// contended reports whether anybody wants any of the ports of f but old, which is
// counted already, or nil.
func (c claims) contended(f, old *forward) (contended bool, err error) {
	own := old.places()
	err = c.change(f, func(place, n int) int {
		others := n
		if _, counted := slices.BinarySearch(own, place); counted {
			others--
		}
		contended = contended || others > 0
		return n
	})
	return contended, err
}

// correct makes the numbers of the ports of f those of the records.
func (c claims) correct(f *forward, all []*forward) error {
	numbers := make(map[int]int)
	for _, other := range all {
		for _, place := range other.places() {
			numbers[place]++
		}
	}
	return c.change(f, func(place, _ int) int { return numbers[place] })
}

// places returns which numbers are those of the attachment's ports, each once, in the
// order of the file.
func (f *forward) places() []int {
	if f == nil {
		return nil
	}
	var places []int
	for _, m := range f.Mappings {
		for i := range m.count() {
			if place := m.place(m.HostPort + i); place >= 0 {
				places = append(places, place)
			}
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// place returns which number is that of a port, or -1 for one that there is not.
func (m mapping) place(port int) int {
	of := slices.Index(protocols(), m.Protocol)
	if of < 0 || port <= 0 || port > maxPort {
		return -1
	}
	return of*portCount + port
}

// runs yields the parts of places that have no gap.
func runs(places []int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		for len(places) > 0 {
			n := 1
			for n < len(places) && places[n] == places[0]+n {
				n++
			}
			if !yield(places[:n]) {
				return
			}
			places = places[n:]
		}
	}
}

// contenders returns those others that want any of the attachment's ports, the
// oldest first. old is what it has been counted as, or nil.
func (f *forward) contenders(old *forward) ([]*forward, error) {
	c, err := openClaims()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if contended, err := c.contended(f, old); err != nil || !contended {
		return nil, err
	}
	all, err := records()
	if err != nil {
		return nil, err
	}
	if err := c.correct(f, all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(other *forward) bool {
		return other.Attachment == f.Attachment || f.meets(other) == nil
	}), nil
}

// claim counts f, which is nil for nothing, in the place of old.
func claim(f, old *forward) error {
	c, err := openClaims()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.count(f, 1); err != nil {
		return errors.Join(err, c.recount(f))
	}
	return c.count(old, -1)
}

// recount makes the numbers of the ports of f those of the records, after a change that
// failed half-way.
func (c claims) recount(f *forward) error {
	all, err := records()
	if err != nil {
		return err
	}
	return c.correct(f, all)
}

// meets returns a mapping of f for a port of a host's address that other has,
// too, or nil.
func (f *forward) meets(other *forward) *mapping {
	for _, t := range f.targets() {
		for _, u := range other.targets() {
			if t.isIPv6() != u.isIPv6() {
				continue
			}
			for _, m := range t.mappings() {
				if slices.ContainsFunc(u.mappings(), m.overlaps) {
					return &m
				}
			}
		}
	}
	return nil
}

// contested returns what reports whether an element is for a port of a host's address that
// the attachment has. All who may have a right to such an element are among its contenders,
// and itself.
func (f *forward) contested() func(entry) bool {
	mappings := map[string][]mapping{}
	for _, t := range f.targets() {
		mappings[t.family()] = t.mappings()
	}
	return func(e entry) bool {
		return e.mapping == nil || slices.ContainsFunc(mappings[e.family()], e.mapping.overlaps)
	}
}

// overlaps reports whether both mappings are for a port of an address.
func (m mapping) overlaps(other mapping) bool {
	if m.Protocol != other.Protocol || m.HostPort >= other.HostPort+other.count() || other.HostPort >= m.HostPort+m.count() {
		return false
	}
	a, b := m.address(), other.address()
	return a == nil || b == nil || a.Equal(b)
}

// isHiddenBy reports whether one of the attachments has all that the mapping, of
// one port, is for.
func (m mapping) isHiddenBy(older []*forward, family string) bool {
	for _, f := range older {
		if !slices.ContainsFunc(f.Mappings, m.overlaps) {
			continue // nearly always, and cheap to see
		}
		for _, t := range f.targets() {
			if t.family() == family && slices.ContainsFunc(t.mappings(), m.isWithin) {
				return true
			}
		}
	}
	return false
}

func (m mapping) isWithin(other mapping) bool {
	return m.overlaps(other) && (other.address() == nil || m.address() != nil)
}

// conflict is the error about a port that an older attachment has.
func (f *forward) conflict(older *forward) error {
	return fmt.Errorf("host port %v is already mapped by %v", f.meets(older), older.Attachment)
}
