package iptables

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// isLegacy reports whether the legacy variant has the table in use. It is not made
// by asking.
func (f Family) isLegacy(table string) (bool, error) {
	names, err := os.ReadFile(f.legacyNames())
	if err != nil && !os.IsNotExist(err) {
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

// mayHaveInLegacy reports whether a table of the legacy variant may have any of the
// chains. A chain begins with an entry that has its name (struct xt_error_target in
// linux/netfilter/x_tables.h).
func (f Family) mayHaveInLegacy(table string, chains []string) bool {
	entries, err := f.readLegacy(table)
	return err != nil || slices.ContainsFunc(chains, func(chain string) bool { return bytes.Contains(entries, append([]byte(chain), 0)) })
}

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

// mayJumpInLegacy reports whether all of the jumps may be there, as far as can be
// seen.
func (f Family) mayJumpInLegacy(table string, jumps []Jump) bool {
	return !slices.ContainsFunc(jumps, func(j Jump) bool {
		empty, err := f.isLegacyEmpty(table, j.From)
		return err == nil && empty
	})
}

// isLegacyEmpty reports whether a built-in chain has no rules, in a table of the
// legacy variant. Of other chains the kernel does not tell.
func (f Family) isLegacyEmpty(table, chain string) (bool, error) {
	hook := slices.Index([]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}, chain)
	if hook < 0 {
		return false, nil
	}
	info := legacyInfo{name: legacyName(table)}
	if err := f.askLegacy(getInfo, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return false, err
	}
	return info.hookEntry[hook] == info.underflow[hook], nil
}
