package integration

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filteredVariable has the tests' executable run the command in its arguments under a filter of system
// calls (seccomp(2)), as runtimes have for containers, in which plugins may run.
const filteredVariable = "CNI_TEST_FILTERED"

// laterCalls is the number of the first system call of Linux 5.1. From there on they have the same
// numbers on all architectures.
const laterCalls = 424

// runFiltered runs a command as an old profile has it, which does not permit what was not known when it was
// written, and tells so with EPERM. It returns if it fails.
func runFiltered(command []string) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: laterCalls, Jt: 1},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_MEMBARRIER, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	runtime.LockOSThread() // whose filter it is
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("filter system calls: %w", errno)
	}
	return unix.Exec(command[0], command, os.Environ())
}
