package iptables

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/containernetworking/plugins/pkg/unpolled"
	"golang.org/x/sys/unix"
)

// viaLegacy is a table of the legacy variant. Its tool reads it once, and only if the
// kernel has anything of that name.
type viaLegacy struct {
	family Family
	name   string
	chains map[string][]Rule // as read
	// byNumber deletes rules by their number in the chain. A rule that another
	// release of iptables made, with another revision of a match, is listed like
	// one of this release, but not deleted by the same text.
	byNumber  bool
	deletions []deletion
}

// deletion is a line for iptables-restore, of a rule if that has a number.
type deletion struct {
	chain  string
	number int
	lines  []string
}

func newLegacy(f Family, name string, byNumber bool) *Table {
	return newTable(f, name, &viaLegacy{family: f, name: name, byNumber: byNumber})
}

func (v *viaLegacy) hasChain(chain string) (bool, error) {
	var data []byte
	if !slices.Contains(builtin(), chain) { // those are always there
		data = append([]byte(chain), 0)
	}
	if may, err := v.mayHave(data); !may {
		return false, err
	}
	err := v.read()
	_, exists := v.chains[chain]
	return exists, err
}

// mayHave looks into the table without its tool. Chains that are not built in begin with an
// entry that has their name (struct xt_error_target in linux/netfilter/x_tables.h).
func (v *viaLegacy) mayHave(data []byte) (bool, error) {
	if v.chains != nil {
		return true, nil
	}
	if used, err := v.family.isLegacy(v.name); err != nil || !used {
		return false, err
	}
	entries, err := v.family.readLegacy(v.name)
	return err != nil || bytes.Contains(entries, data), nil
}

func (v *viaLegacy) rules(chain string, _ []byte) ([]Listed, error) {
	if exists, err := v.hasChain(chain); !exists {
		return nil, err
	}
	var rules []Listed
	for i, r := range v.chains[chain] {
		rules = append(rules, Listed{r, place{number: i + 1}})
	}
	return rules, nil
}

// until returns all rules, since the tool read them together.
func (v *viaLegacy) until(chain string, _ func(Rule) bool) ([]Listed, error) {
	return v.rules(chain, nil)
}

func (v *viaLegacy) jumps(chain string) (int, error) {
	if exists, err := v.hasChain(chain); !exists {
		return 0, err
	}
	jumps := 0
	for _, rules := range v.chains {
		for _, r := range rules {
			if r.Target() == chain {
				jumps++
			}
		}
	}
	return jumps, nil
}

func (v *viaLegacy) read() error {
	if v.chains != nil {
		return nil
	}
	path, err := v.family.legacyTool("-save")
	if err != nil {
		return err
	}
	p, err := start(path, "", "-t", v.name)
	if err == nil {
		err = p.wait()
	}
	if err != nil {
		return err
	}
	v.chains, err = parse(p.stdout.String())
	return err
}

func (v *viaLegacy) deleteRule(chain string, r Listed) {
	args := append([]string{"-D", chain}, r.Rule...)
	if v.byNumber {
		args = []string{"-D", chain, strconv.Itoa(r.number)}
	}
	line, err := join(args)
	if err != nil { // what was listed is a line
		return
	}
	v.deletions = append(v.deletions, deletion{chain, r.number, []string{line}})
}

func (v *viaLegacy) deleteChain(chain string) {
	v.deletions = append(v.deletions, deletion{chain: chain, lines: []string{"-F " + chain, "-X " + chain}})
}

// lines returns the deletions. Rules go before chains, and the last one of a chain
// first, so that the numbers of others stay.
func (v *viaLegacy) lines() []string {
	slices.SortStableFunc(v.deletions, func(a, b deletion) int { return b.number - a.number })
	var lines []string
	for _, d := range v.deletions {
		lines = append(lines, d.lines...)
	}
	return lines
}

// legacyTool returns the path of a tool of the legacy variant.
func (f Family) legacyTool(suffix string) (string, error) {
	isDefault, err := f.writesLegacy()
	if err == nil && isDefault {
		return find(f.tool(suffix))
	}
	path, err := find(f.tool("-legacy" + suffix))
	if err != nil {
		return "", fmt.Errorf("rules of the legacy variant: %w", err)
	}
	return path, nil
}

// procNet is where the kernel has lists about the thread's namespace of the network.
var procNet = "/proc/thread-self/net"

// legacyNames is the list of the tables that the namespace of the thread has in the
// legacy variant. One that nobody used is not in it. The list itself is there with the
// kernel's module.
func (f Family) legacyNames() string {
	if f == IPv6 {
		return procNet + "/ip6_tables_names"
	}
	return procNet + "/ip_tables_names"
}

// isLegacy reports whether the legacy variant has the table in use. It is not made
// by asking. In a user namespace that was made together with that of the network the
// list may not be read; neither may the tools use the variant there.
func (f Family) isLegacy(table string) (bool, error) {
	names, err := unpolled.ReadFile(f.legacyNames())
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return false, fmt.Errorf("list iptables tables: %w", err)
	}
	return slices.Contains(strings.Fields(string(names)), table), nil
}

// getInfo and getEntries are IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES
// (linux/netfilter_ipv4/ip_tables.h), and the numbers of IPv6's as well.
const (
	getInfo    = 64
	getEntries = 65
)

// legacyInfo is struct ipt_getinfo. The offsets are those of the first rule of each
// built-in chain, and of its policy.
type legacyInfo struct {
	name          [32]byte
	validHooks    uint32
	hookEntry     [5]uint32
	underflow     [5]uint32
	entries, size uint32
}

// legacyEntries is struct ipt_get_entries. Behind it come the entries.
type legacyEntries struct {
	name    [32]byte
	size    uint32
	entries [0]uint64
}

// builtin returns the names of the chains that the kernel enters tables by.
func builtin() []string { return []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"} }

// readLegacy returns all entries of a table. If somebody changes the table between
// the look at its size and the one at its entries, that is an error.
func (f Family) readLegacy(table string) ([]byte, error) {
	info := legacyInfo{name: legacyName(table)}
	if err := f.askLegacy(getInfo, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return nil, err
	}
	header := unsafe.Offsetof(legacyEntries{}.entries)
	buffer := make([]uint64, (header+uintptr(info.size)+7)/8)
	request := (*legacyEntries)(unsafe.Pointer(&buffer[0]))
	request.name, request.size = info.name, info.size
	if err := f.askLegacy(getEntries, unsafe.Pointer(request), header+uintptr(info.size)); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(request)), header+uintptr(info.size))[header:], nil
}

func legacyName(table string) (name [32]byte) {
	copy(name[:len(name)-1], table)
	return name
}

// askLegacy completes a request about a table.
func (f Family) askLegacy(what int, request unsafe.Pointer, size uintptr) error {
	domain, level := unix.AF_INET, unix.IPPROTO_IP
	if f == IPv6 {
		domain, level = unix.AF_INET6, unix.IPPROTO_IPV6
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("look at an iptables table: %w", err)
	}
	defer unix.Close(fd)
	length := uint32(size)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(what),
		uintptr(request), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return fmt.Errorf("look at an iptables table: %w", errno)
	}
	return nil
}
