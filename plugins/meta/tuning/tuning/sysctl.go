package tuning

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	kernel "github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// root is where the kernel has its parameters. Those below net are of the
// network namespace of the thread that opens them.
const root = "/proc/sys"

// sysctl is a kernel parameter with a value.
type sysctl struct {
	// Name is as somebody wrote it or, once it has been resolved, the path below
	// root.
	Name  string `json:"name"`
	Value string `json:"value"`
}

// put sets a sysctl in a list, at its end if it is not there.
func put(list []sysctl, s sysctl) []sysctl {
	i := slices.IndexFunc(list, func(other sysctl) bool { return other.Name == s.Name })
	if i < 0 {
		return append(list, s)
	}
	list = slices.Clone(list)
	list[i] = s
	return list
}

// sysctls is an object of JSON in its order, in which the sysctls are written.
//
//schema:value {"type": "object", "additionalProperties": {"type": "string"}}
type sysctls struct {
	list []sysctl
	// err is what is wrong. Other keys of the configuration can be read all the
	// same.
	err error
}

// UnmarshalJSON reads the object. Its error is left for validate.
func (s *sysctls) UnmarshalJSON(text []byte) error {
	s.err = s.read(text)
	return nil
}

func (s *sysctls) read(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	token, err := decoder.Token()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("sysctl is %s, which is no object", text)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		added := sysctl{Name: name.(string)} // JSON has no other keys
		if err := decoder.Decode(&added.Value); err != nil {
			return fmt.Errorf("read sysctl %q: %w", added.Name, err)
		}
		if slices.ContainsFunc(s.list, func(other sysctl) bool { return other.Name == added.Name }) {
			return errors.New("duplicated sysctl keys are not allowed")
		}
		s.list = append(s.list, added)
	}
	return nil
}

// validate checks that all are below net.
func (s *sysctls) validate() error {
	if s.err != nil {
		return s.err
	}
	for _, added := range s.list {
		if parts := split(added.Name); strings.Contains(added.Name, "..") || len(parts) < 2 || parts[0] != "net" {
			return fmt.Errorf("invalid net sysctl key: %q", strings.ReplaceAll(added.Name, ".", "/"))
		}
	}
	return nil
}

// split returns the parts of a name: whatever is between dots and slashes.
func split(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' })
}

// resolve returns the path of a sysctl below root. Whether a dot separates or
// belongs to an interface's name, only the kernel knows; one that it does not
// know at all has only separators.
func resolve(name, ifName string) string {
	parts := split(name)
	for i, part := range parts {
		if replaced := strings.Replace(part, "IFNAME", ifName, 1); replaced != part {
			parts[i] = replaced
			break
		}
	}
	separated := path.Join(parts...)
	if _, err := os.Lstat(filepath.Join(root, separated)); err == nil {
		return separated
	}
	if found, ok := lookUp("", parts); ok {
		return found
	}
	return separated
}

func lookUp(dir string, parts []string) (string, bool) {
	if len(parts) == 0 {
		return dir, true
	}
	for n := range parts {
		below := path.Join(dir, strings.Join(parts[:n+1], "."))
		if _, err := os.Lstat(filepath.Join(root, below)); err != nil {
			continue
		}
		if found, ok := lookUp(below, parts[n+1:]); ok {
			return found, true
		}
	}
	return "", false
}

// dotted returns a path as sysctl(8) prints it.
func dotted(path string) string {
	return strings.NewReplacer(".", "/", "/", ".").Replace(path)
}

// key tells package sysctl that no dot of the name separates.
func (s sysctl) key() string { return "/" + s.Name }

// errWriteOnly says that a sysctl has no value to read, as net/ipv4/route/flush.
var errWriteOnly = errors.New("can only be written")

// errUnset says that nobody has set a sysctl which has no value before, as that for stable
// addresses (net/ipv6/conf/*/stable_secret), which says EIO.
var errUnset = errors.New("is not set")

// read returns the value, without its final newline.
func (s sysctl) read() (string, error) {
	value, err := kernel.Sysctl(s.key())
	switch {
	case errors.Is(err, unix.EIO) && path.Base(s.Name) == "stable_secret":
		return "", errUnset
	case errors.Is(err, fs.ErrPermission):
		info, statErr := os.Stat(filepath.Join(root, s.Name))
		if statErr == nil && info.Mode()&0o444 == 0 {
			return "", errWriteOnly
		}
	}
	return value, err
}

// write writes the value. Linux 6.1 takes a word for a number of some parameters of IPv6, such as
// forwarding, and changes nothing: later ones say that it is invalid.
func (s sysctl) write() error {
	if err := kernel.Set(s.key(), s.Value); err != nil || strings.ContainsAny(s.Value, "0123456789") {
		return err
	}
	if have, err := s.read(); err == nil && !sameValue(have, s.Value) {
		return fmt.Errorf("write %s: %w", filepath.Join(root, s.Name), unix.EINVAL)
	}
	return nil
}

// restore writes the value unless it is there. One whose interface is gone is
// gone, too.
func (s sysctl) restore() error {
	if err := kernel.Ensure(s.key(), s.Value); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// compare returns an error if the kernel has another value.
func (s sysctl) compare() error {
	have, err := s.read()
	switch {
	case errors.Is(err, errWriteOnly):
		return nil
	case errors.Is(err, errUnset):
		return fmt.Errorf("sysctl %s %w, expected %q", dotted(s.Name), err, s.Value)
	case err == nil && !sameValue(have, s.Value):
		return fmt.Errorf("sysctl %s is %q, expected %q", dotted(s.Name), have, s.Value)
	}
	return err
}

// sameValue compares as the kernel reads: words, of which some are numbers, addresses, or
// ports.
func sameValue(a, b string) bool {
	return slices.EqualFunc(strings.Fields(a), strings.Fields(b), func(a, b string) bool {
		return a == b || sameParsed(a, b, func(s string) (int64, error) { return strconv.ParseInt(s, 0, 64) }) ||
			sameParsed(a, b, netip.ParseAddr) || maps.Equal(ports(a), ports(b)) && ports(a) != nil
	})
}

func sameParsed[T comparable](a, b string, parse func(string) (T, error)) bool {
	x, errX := parse(a)
	y, errY := parse(b)
	return errX == nil && errY == nil && x == y
}

// ports returns what is in a list of ports and ranges of them, which the kernel sorts and
// joins (ip_local_reserved_ports), nil if it is none.
func ports(list string) map[uint64]bool {
	set := map[uint64]bool{}
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, errFrom := strconv.ParseUint(first, 10, 16)
		to, errTo := strconv.ParseUint(last, 10, 16)
		if errFrom != nil || errTo != nil {
			return nil
		}
		for port := from; port <= to; port++ {
			set[port] = true
		}
	}
	return set
}

// readSysctls returns the values of all sysctls in the list that have one to
// read, and of those that change with them, in the opposite of the order in which
// to put them back.
func readSysctls(list []sysctl) ([]sysctl, error) {
	var have []sysctl
	for _, s := range list {
		names, err := followers(s.Name)
		if err != nil {
			return nil, err
		}
		for _, name := range append(names, s.Name) {
			s := sysctl{Name: name}
			s.Value, err = s.read()
			if errors.Is(err, errWriteOnly) || errors.Is(err, errUnset) {
				continue
			}
			if err != nil {
				return nil, err
			}
			have = put(have, s)
		}
	}
	return have, nil
}

// followers returns what the kernel changes itself when a parameter changes: for one of all
// interfaces, that of each interface, and of those to come.
func followers(name string) ([]string, error) {
	var names []string
	of := []string{path.Base(name)}
	switch name {
	case "net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding":
		// A router does not obey redirects (RFC 1812, section 5.2.7.2).
		name, names = "net/ipv4/conf/all/forwarding", []string{"net/ipv4/conf/all/accept_redirects"}
		of = []string{"forwarding"}
	case "net/ipv6/conf/all/forwarding":
		// Where nobody forwards, none is made to (Linux 6.17).
		if _, err := os.Lstat(filepath.Join(root, "net/ipv6/conf/all/force_forwarding")); err == nil {
			of = append(of, "force_forwarding")
		}
	case "net/ipv6/conf/all/addr_gen_mode",
		"net/ipv6/conf/all/disable_ipv6",
		"net/ipv6/conf/all/force_forwarding",
		"net/ipv6/conf/all/ignore_routes_with_linkdown":
	case "net/ipv6/conf/default/stable_secret":
		of = []string{"addr_gen_mode"}
	default:
		if path.Base(name) == "stable_secret" { // which is there to be used
			return []string{path.Join(path.Dir(name), "addr_gen_mode")}, nil
		}
		return nil, nil
	}
	dir := path.Dir(path.Dir(name))
	entries, err := os.ReadDir(filepath.Join(root, dir))
	for _, e := range entries {
		if e.Name() != "all" {
			for _, parameter := range of {
				names = append(names, path.Join(dir, e.Name(), parameter))
			}
		}
	}
	return names, err
}
