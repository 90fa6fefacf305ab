package iptables

import (
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

// getInfo is IPT_SO_GET_INFO (linux/netfilter_ipv4/ip_tables.h), and the number of
// IP6T_SO_GET_INFO as well.
const getInfo = 64

// legacyInfo is struct ipt_getinfo. The offsets are those of the first rule of each
// built-in chain, and of its policy.
type legacyInfo struct {
	name          [32]byte
	validHooks    uint32
	hookEntry     [5]uint32
	underflow     [5]uint32
	entries, size uint32
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
	domain, level := unix.AF_INET, unix.IPPROTO_IP
	if f == IPv6 {
		domain, level = unix.AF_INET6, unix.IPPROTO_IPV6
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return false, fmt.Errorf("look iptables table %s up: %w", table, err)
	}
	defer unix.Close(fd)
	var info legacyInfo
	copy(info.name[:len(info.name)-1], table)
	length := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), getInfo,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return false, fmt.Errorf("look iptables table %s up: %w", table, errno)
	}
	return info.hookEntry[hook] == info.underflow[hook], nil
}
