// Package store keeps the leases of the dhcp daemon on disk, so that a daemon
// that was killed, or the next version of it, takes them up again.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/unpolled"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
)

// Dir is where the files are.
const Dir = "/var/lib/cni/dhcp"

// Record is what has to be known of an attachment to keep its lease.
type Record struct {
	// Socket of the daemon that keeps it, for a person to read: daemons know their
	// own by the name of the file.
	Socket string `json:"socket"`

	ContainerID string `json:"containerID"`
	Netns       string `json:"netns"`
	IfName      string `json:"ifName"`
	// Name is what the interface is called now.
	Name string `json:"name"`
	Args string `json:"args,omitempty"`
	// Config is the network configuration.
	Config json.RawMessage `json:"config"`

	// Namespace is what Netns leads to, and Index and MAC are the interface's.
	Namespace Namespace `json:"namespace"`
	Index     int       `json:"index"`
	MAC       string    `json:"mac"`
	// MTU is the interface's from before the server said one.
	MTU int `json:"mtu,omitempty"`

	// V4 and V6 are the leases; a missing one is over, or was not wanted.
	V4 *dhcp4.Lease `json:"v4,omitempty"`
	V6 *dhcp6.Lease `json:"v6,omitempty"`
	// FormerV4 and FormerV6 are earlier leases of which the interface may still have something, since
	// what came after them is being applied, or that failed; UnappliedV4 says that it may lack routes
	// of V4 for the same reason.
	FormerV4    []*dhcp4.Lease `json:"formerV4,omitempty"`
	FormerV6    []*dhcp6.Lease `json:"formerV6,omitempty"`
	UnappliedV4 bool           `json:"unappliedV4,omitempty"`
	// RA is what a router advertised when ADD waited for that.
	RA *dhcp6.Advertisement `json:"ra,omitempty"`
}

// Namespace identifies a network namespace as long as it lives.
type Namespace struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// Attachment returns whose the record is.
func (r *Record) Attachment() owner.Attachment {
	return owner.Attachment{Network: r.Network(), ContainerID: r.ContainerID, IfName: r.IfName}
}

// Network returns the name of the network.
func (r *Record) Network() string {
	var conf struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(r.Config, &conf)
	return conf.Name
}

// Store is a directory of records, a file for each.
type Store struct {
	dir, socket string
}

// Open opens the directory for the daemon that listens at socket, and makes it
// if need be.
func Open(dir, socket string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Store{dir, socket}, nil
}

const suffix = ".json"

// path returns where an attachment's record is. Its name begins with that of the
// daemon, whose files are its own business.
func (s *Store) path(a owner.Attachment) string {
	return filepath.Join(s.dir, s.prefix()+a.Prefix()+suffix)
}

func (s *Store) prefix() string { return owner.Name(8, "", s.socket) + "-" }

// Save writes a record, whole or not at all.
func (s *Store) Save(r *Record) error {
	r.Socket = s.socket
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return record.Write(s.path(r.Attachment()), append(text, '\n'))
}

// Remove removes an attachment's record, if there is one.
func (s *Store) Remove(a owner.Attachment) error {
	return record.Remove(s.path(a))
}

// All returns the records of all daemons in a directory. Files that are none, it leaves out.
func All(dir string) ([]*Record, error) {
	names, err := record.Names(dir)
	var all []*Record
	for _, name := range names {
		r := new(Record)
		found, errRead := record.Read(filepath.Join(dir, name), r)
		if found && strings.HasSuffix(name, r.Attachment().Prefix()+suffix) {
			all = append(all, r)
		}
		err = errors.Join(err, errRead)
	}
	return all, err
}

// Load reads all records of the daemon. Files that are no records, it removes,
// and returns an error for each: they are what a daemon was writing when it, or
// the machine, died. Those that cannot be read stay: they may be, another time.
func (s *Store) Load() (records []*Record, problems []error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, []error{err}
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), s.prefix()) {
			continue
		}
		path := filepath.Join(s.dir, entry.Name())
		text, err := unpolled.ReadFile(path)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		r, err := parse(path, text)
		if err != nil {
			problems = append(problems, err, os.Remove(path))
			continue
		}
		records = append(records, r)
	}
	return records, problems
}

func parse(path string, text []byte) (*Record, error) {
	if filepath.Ext(path) != suffix {
		return nil, fmt.Errorf("read lease %s: it was being written", path)
	}
	r := new(Record)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read lease %s: %w", path, err)
	}
	return r, r.check(path)
}

// check refuses what no daemon writes.
func (r *Record) check(path string) error {
	if r.ContainerID == "" || r.IfName == "" || r.Netns == "" || r.Index <= 0 {
		return fmt.Errorf("read lease %s: container, interface or namespace is missing", path)
	}
	for _, l := range r.HeldV4() {
		if l == nil || !l.Address.Addr().Is4() || !l.Server.Is4() || l.Expiry.Before(l.Obtained) {
			return fmt.Errorf("read lease %s: the lease is incomplete", path)
		}
	}
	for _, l := range r.HeldV6() {
		if l == nil {
			return fmt.Errorf("read lease %s: the lease is incomplete", path)
		}
		if err := l.Check(); err != nil {
			return fmt.Errorf("read lease %s: %w", path, err)
		}
	}
	return nil
}

// HeldV4 returns all leases of which the interface may have something.
func (r *Record) HeldV4() []*dhcp4.Lease {
	if r.V4 == nil {
		return r.FormerV4
	}
	return append(slices.Clone(r.FormerV4), r.V4)
}

// HeldV6 is HeldV4 for IPv6.
func (r *Record) HeldV6() []*dhcp6.Lease {
	if r.V6 == nil {
		return r.FormerV6
	}
	return append(slices.Clone(r.FormerV6), r.V6)
}
