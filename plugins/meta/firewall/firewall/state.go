package firewall

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// stateDir is where the plugin keeps whose each address and bridge is, which the
// rules do not tell. It vanishes with the rules when the host restarts.
//
//	lock                            held while the firewall is changed
//	attachments/PREFIX              a record of each attachment, in JSON
//	claims/address,BACKEND,IP/      an empty file PREFIX for each attachment that has the address
//	claims/bridge,NAME/             the same for a bridge, and its policy in JSON
//	leaving,PREFIX                  a link to the record of one whose DEL waits for the lock
//
// PREFIX is owner.Attachment.Prefix. A claim is made before the rule and taken
// back after it, and the record lasts from before the first claim until after
// the last one: whoever is killed in between leaves enough for the next DEL.
const stateDir = "/run/cni/firewall"

// policyName is the name of the file with the policy among a bridge's claims.
// It is no Prefix.
const policyName = "policy"

// state is the directory, locked.
type state struct{ lock *os.File }

// openState waits for the lock. Who holds it works for milliseconds, or waits
// for firewalld, which has a deadline. On a read-only file system, or for a user who may
// not write, there is none: whoever changes anything begins with a record.
func openState() (*state, error) { return openQueued(nil) }

// openQueued is openState that calls queued before it waits for the lock, if it has to.
func openQueued(queued func()) (*state, error) {
	s, err := lockState(queued)
	if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
		return new(state), nil
	}
	return s, err
}

func lockState(queued func()) (*state, error) {
	if err := unpolled.CheckPath(stateDir); err != nil {
		return nil, err
	}
	for _, dir := range []string{"attachments", "claims"} {
		if err := os.MkdirAll(filepath.Join(stateDir, dir), 0o755); err != nil {
			return nil, fmt.Errorf("keep state: %w", err)
		}
	}
	lock, err := record.OpenQueued(filepath.Join(stateDir, "lock"), queued)
	if err != nil {
		return nil, err
	}
	s := &state{lock}
	// Whoever was killed while writing may have left this.
	if err := record.Remove(sparePath()); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *state) close() { s.lock.Close() }

// entry is the record of what an attachment has.
type entry struct {
	Network     string       `json:"network"`
	ContainerID string       `json:"containerID"`
	IfName      string       `json:"ifName"`
	Backend     string       `json:"backend"`
	Addresses   []netip.Addr `json:"addresses"`
	// Translated is what becomes of what was translated to them. Earlier releases
	// did nothing about it.
	Translated translated `json:"translated,omitempty"`
	// Admin and Zone as in the configuration. Earlier releases kept no Admin.
	Admin string `json:"admin,omitempty"`
	Zone  string `json:"zone"`
	// Bridge is the one that the attachment has a claim on, if any.
	Bridge string `json:"bridge,omitempty"`
	// Sandbox is where the container is. Earlier releases kept none.
	Sandbox sandbox.Sandbox `json:"sandbox,omitzero"`
}

func (r entry) owner() owner.Attachment {
	return owner.Attachment{Network: r.Network, ContainerID: r.ContainerID, IfName: r.IfName}
}

// isolation is the policy that is in effect on a bridge.
type isolation struct {
	Backend string `json:"backend"`
	Policy  policy `json:"policy"`
	// IPv4 and IPv6 are the families that it was made for.
	IPv4 bool `json:"ipv4"`
	IPv6 bool `json:"ipv6"`
}

func attachmentsDir() string { return filepath.Join(stateDir, "attachments") }

func recordPath(prefix string) string { return filepath.Join(attachmentsDir(), prefix) }

// record returns the record of an attachment, or nil. One that cannot be read,
// from a crash or another program, counts as none.
func (s *state) record(prefix string) (*entry, error) {
	var r entry
	found, err := record.Read(recordPath(prefix), &r)
	if !found || err != nil {
		return nil, err
	}
	return &r, nil
}

// attachments returns the prefixes of all attachments that have a record, the
// oldest first.
func (s *state) attachments() ([]string, error) {
	return record.Names(attachmentsDir())
}

// put writes a record and makes its claims.
func (s *state) put(r entry) error {
	prefix := r.owner().Prefix()
	if err := write(recordPath(prefix), r); err != nil {
		return err
	}
	for _, key := range r.claims() {
		if err := os.MkdirAll(claimDir(key), 0o755); err != nil {
			return fmt.Errorf("claim %s: %w", key, err)
		}
		if err := unpolled.WriteFile(filepath.Join(claimDir(key), prefix), nil); err != nil {
			return fmt.Errorf("claim %s: %w", key, err)
		}
	}
	return nil
}

// drop takes the claims of a record back, and then the record.
func (s *state) drop(r entry) error {
	prefix := r.owner().Prefix()
	for _, key := range r.claims() {
		if err := s.dropClaim(key, prefix); err != nil {
			return err
		}
	}
	return errors.Join(record.Remove(leavingPath(prefix)), record.Remove(recordPath(prefix)))
}

// dropClaim forgets the policy of a bridge with the last claim: what others do to the
// bridge from then on nobody here sees.
func (s *state) dropClaim(key, prefix string) error {
	if err := record.Remove(filepath.Join(claimDir(key), prefix)); err != nil {
		return err
	}
	other, err := s.claimant(key)
	if err != nil || other != "" {
		return err
	}
	if err := record.Remove(filepath.Join(claimDir(key), policyName)); err != nil {
		return err
	}
	err = os.Remove(claimDir(key))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) { // of the dead
		return nil
	}
	return err
}

// claims are the keys of what a record claims.
func (r entry) claims() []string {
	var keys []string
	for _, a := range r.Addresses {
		keys = append(keys, addressKey(r.Backend, a))
	}
	if r.Bridge != "" {
		keys = append(keys, bridgeKey(r.Bridge))
	}
	return keys
}

func claimDir(key string) string { return filepath.Join(stateDir, "claims", key) }

func addressKey(backend string, a netip.Addr) string { return "address," + backend + "," + a.String() }

func bridgeKey(name string) string { return "bridge," + name }

// claimant returns the prefix of some attachment that has a claim, but none of the given
// ones; or "". The dead have none.
func (s *state) claimant(key string, except ...string) (string, error) {
	found := ""
	err := eachClaim(key, func(prefix string) (more bool, err error) {
		if slices.Contains(except, prefix) {
			return true, nil
		}
		r, err := s.record(prefix)
		if err != nil || r != nil && r.Sandbox.IsGone() {
			return err == nil, err
		}
		found = prefix
		return false, nil
	})
	return found, err
}

// eachClaim hands the prefixes of those who claim something to f, until that returns
// false.
func eachClaim(key string, f func(prefix string) (more bool, err error)) error {
	dir, err := unpolled.OpenDirectory(claimDir(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(3) // nearly always the first one will do
		for _, name := range names {
			if name == policyName {
				continue
			}
			if more, err := f(name); err != nil || !more {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// unclaimed returns those of the addresses that nobody claims but the attachments
// with the prefixes.
func (s *state) unclaimed(backend string, addresses []netip.Addr, prefixes ...string) ([]netip.Addr, error) {
	var free []netip.Addr
	for _, a := range addresses {
		other, err := s.claimant(addressKey(backend, a), prefixes...)
		if err != nil {
			return nil, err
		}
		if other == "" {
			free = append(free, a)
		}
	}
	return free, nil
}

// isolationOf returns the policy in effect on a bridge. It is not known of one that
// nobody has a claim on: upstream's may have rules. No lock is needed to read it.
func isolationOf(bridge string) (isolation, bool, error) {
	var i isolation
	found, err := record.Read(filepath.Join(claimDir(bridgeKey(bridge)), policyName), &i)
	return i, found, err
}

// setIsolation notes the policy of a bridge that somebody claims.
func (s *state) setIsolation(bridge string, i isolation) error {
	return write(filepath.Join(claimDir(bridgeKey(bridge)), policyName), i)
}

// write makes a file of a value in JSON.
func write(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return record.WriteVia(path, sparePath(), text)
}

// sparePath is the one by which a file takes another one's place.
func sparePath() string { return filepath.Join(stateDir, "new") }
