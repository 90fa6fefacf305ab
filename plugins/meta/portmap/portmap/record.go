package portmap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
)

// directory has a record for each attachment, by which DEL finds its mappings
// whatever the runtime tells. Like the rules it does not survive a reboot.
const directory = "/run/cni/portmap"

// lockName is the file in directory by which one waits for the other.
const lockName = "lock"

// recordSuffix ends the names of records, which begin with a chain's.
const recordSuffix = ".json"

// locked runs f while others wait. Whoever decides by what others have does so
// here, so that nobody changes that meanwhile.
func locked(f func() error) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	return record.Locked(filepath.Join(directory, lockName), f)
}

// chains returns the names that the attachment's chain can have: upstream's,
// which lacks the interface, and one of its own for where another interface of
// the container has the former.
func chains(a owner.Attachment) []string {
	own := owner.Name(len(a.ChainName(chainInfix)), "CNI-"+chainInfix, a.Network+"/"+a.ContainerID+"/"+a.IfName)
	return []string{a.ChainName(chainInfix), own}
}

const chainInfix = "DN-"

// readRecord returns what is recorded of the attachment, or nil if nothing is.
func readRecord(a owner.Attachment) (*forward, error) {
	for _, chain := range chains(a) {
		f, err := readFile(chain)
		if err != nil {
			return nil, err
		}
		if f != nil && f.Attachment == a {
			return f, nil
		}
	}
	return nil, nil
}

// readFile returns the record of whoever has the chain, or nil. One that makes
// no sense is as good as none: what it was about is then looked for.
func readFile(chain string) (*forward, error) {
	f := new(forward)
	found, err := record.Read(recordPath(chain), f)
	if err != nil {
		return nil, err
	}
	if !found || f.Chain != chain || !f.isValid() {
		return nil, nil
	}
	return f, nil
}

// isValid reports whether all mappings are.
func (f *forward) isValid() bool {
	return !slices.ContainsFunc(f.Mappings, func(m mapping) bool { return m.validate("") != nil })
}

func recordPath(chain string) string { return filepath.Join(directory, chain+recordSuffix) }

// chooseChain gives the attachment, which has none, the name of its chain. The caller has locked.
func (f *forward) chooseChain() error {
	for _, chain := range chains(f.Attachment) {
		taken, err := readFile(chain)
		if err != nil {
			return err
		}
		f.Chain = chain
		if taken == nil {
			return nil
		}
	}
	return nil
}

// write makes the record. Like all of /run it need not survive a crash of the
// machine.
func (f *forward) write() error { return record.Save(recordPath(f.Chain), f) }

// forget removes the record.
func (f *forward) forget() error { return record.Remove(recordPath(f.Chain)) }

// hasRecords reports whether there can be records at all.
func hasRecords() bool {
	_, err := os.Stat(directory)
	return err == nil
}

// records returns all records, the oldest first.
func records() ([]*forward, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*forward
	for _, e := range entries {
		chain, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok {
			continue
		}
		f, err := readFile(chain)
		if err != nil {
			return nil, err
		}
		if f != nil {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, byAge)
	return all, nil
}

func byAge(a, b *forward) int { return a.Since.Compare(b.Since) }
