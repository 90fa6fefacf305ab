package faults

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// entry is a system call that a traced thread is about to make.
type entry struct {
	tid  int
	nr   uint64
	args [6]uint64
}

// kinds of system calls by number, each with its name, what it may fail with, of
// which the first is the likeliest, and what describes its object: "" means that the
// call does not count.
type callKind struct {
	name   string
	errnos []syscall.Errno
	object func(entry) string
}

// What calls fail with on a host in trouble. EAGAIN is not among what sending fails with, nor EINTR what
// connecting does: netlink does not say the one, and who hears either of a service waits until the kernel
// tells that he may go on, which it only does where it said so itself.
var (
	changing   = []syscall.Errno{unix.EMFILE, unix.ENOSPC, unix.EROFS, unix.EIO, unix.ENOMEM, unix.EINTR, unix.EACCES}
	opening    = []syscall.Errno{unix.EMFILE, unix.EIO, unix.ENOMEM, unix.EINTR, unix.EACCES}
	creating   = []syscall.Errno{unix.ENOSPC, unix.EROFS, unix.EIO, unix.ENOMEM, unix.EACCES}
	removing   = []syscall.Errno{unix.EIO, unix.EROFS, unix.EBUSY, unix.ENOMEM, unix.EACCES}
	storing    = []syscall.Errno{unix.ENOSPC, unix.EIO, unix.EINTR}
	dating     = []syscall.Errno{unix.EPERM, unix.EROFS, unix.EIO}
	syncing    = []syscall.Errno{unix.EIO, unix.ENOSPC, unix.EINTR}
	locking    = []syscall.Errno{unix.ENOLCK, unix.EINTR, unix.EIO}
	entering   = []syscall.Errno{unix.EPERM, unix.ENOMEM}
	forking    = []syscall.Errno{unix.EAGAIN, unix.ENOMEM}
	executing  = []syscall.Errno{unix.ENOMEM, unix.EAGAIN, unix.EIO, unix.EBUSY}
	allocating = []syscall.Errno{unix.EMFILE, unix.ENOBUFS, unix.ENOMEM}
	sending    = []syscall.Errno{unix.ENOBUFS, unix.ENOMEM, unix.EINTR}
	connecting = []syscall.Errno{unix.EAGAIN}
	telling    = []syscall.Errno{unix.EPIPE, unix.ENOBUFS}
	setting    = []syscall.Errno{unix.ENOMEM, unix.EBUSY, unix.EINTR}
)

// callKinds are the calls that count, each as the first of its kinds that has an
// object. Go's syscall package uses the *at forms throughout. Reading does not count:
// who sent what is read has done its work by then, and how often a program asks for
// it is chance.
func callKinds() map[uint64][]callKind {
	return map[uint64][]callKind{
		unix.SYS_OPENAT:    {{"openat", changing, pathToChange}, {"openat", opening, pathAt(1)}},
		unix.SYS_MKDIRAT:   {{"mkdirat", creating, pathAt(1)}},
		unix.SYS_LINKAT:    {{"linkat", creating, pathAt(3)}},
		unix.SYS_RENAMEAT:  {{"renameat", creating, pathAt(3)}},
		unix.SYS_RENAMEAT2: {{"renameat2", creating, pathAt(3)}},
		unix.SYS_UNLINKAT:  {{"unlinkat", removing, pathAt(1)}},
		unix.SYS_WRITE:     {{"write", storing, written}, {"write", telling, unixMessage}},
		unix.SYS_PWRITE64:  {{"pwrite64", storing, written}},
		unix.SYS_FTRUNCATE: {{"ftruncate", creating, file}},
		unix.SYS_UTIMENSAT: {{"utimensat", dating, pathAt(1)}},
		unix.SYS_FSYNC:     {{"fsync", syncing, file}},
		unix.SYS_FDATASYNC: {{"fdatasync", syncing, file}},
		unix.SYS_FLOCK:     {{"flock", locking, file}},
		unix.SYS_SETNS:     {{"setns", entering, file}},
		unix.SYS_CLONE:     {{"clone", forking, forked}},
		unix.SYS_EXECVE:    {{"execve", executing, pathAt(0)}},
		unix.SYS_SOCKET:    {{"socket", allocating, socketFamily}},
		unix.SYS_CONNECT:   {{"connect", connecting, unixAddress}},
		unix.SYS_SENDTO:    {{"sendto", sending, netlinkMessage}, {"sendto", telling, unixMessage}},
		unix.SYS_SENDMSG:   {{"sendmsg", sending, netlinkMessage}, {"sendmsg", telling, unixMessage}},
		unix.SYS_IOCTL:     {{"ioctl", setting, deviceRequest}},
	}
}

// pathAt describes a call by the path in its i-th argument. What the Go runtime
// reads before main, and does without if need be, does not count.
func pathAt(i int) func(entry) string {
	return func(e entry) string {
		path := e.text(e.args[i])
		for _, prefix := range []string{"/sys/kernel/mm/", "/sys/fs/cgroup", "/proc/self/auxv", "/proc/self/cgroup", "/proc/self/mountinfo", "/dev/null"} {
			if strings.HasPrefix(path, prefix) {
				return ""
			}
		}
		return path
	}
}

// pathToChange describes an openat by its path if the file may change.
func pathToChange(e entry) string {
	if e.args[2]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) == 0 {
		return ""
	}
	return pathAt(1)(e)
}

// written describes a write to standard output or to a file. Standard error,
// pipes and wake-ups of the runtime do not count.
func written(e entry) string {
	switch e.args[0] {
	case 1:
		return "standard output"
	case 2:
		return ""
	}
	return file(e)
}

// file describes a call by the file of the descriptor in its first argument.
func file(e entry) string {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", e.tid, e.args[0]))
	switch {
	case err != nil, target == "/dev/null":
		return ""
	case strings.HasPrefix(target, "/"), strings.HasPrefix(target, "net:"), strings.HasPrefix(target, "mnt:"):
		return target
	}
	return ""
}

// forked describes a clone that makes a process. New threads are the runtime's.
func forked(e entry) string {
	if e.args[0]&unix.CLONE_THREAD != 0 {
		return ""
	}
	return "new process"
}

// socketFamily describes a socket by which a program changes what is not its own.
func socketFamily(e entry) string {
	switch e.args[0] {
	case unix.AF_NETLINK:
		return fmt.Sprintf("netlink protocol %d", e.args[2])
	case unix.AF_UNIX:
		return "unix"
	}
	return ""
}

// unixAddress describes a connection by the path of the socket of the service.
func unixAddress(e entry) string {
	if e.domain() != unix.AF_UNIX {
		return ""
	}
	const pathOffset = 2 // of sun_path in struct sockaddr_un
	return e.text(e.args[1] + pathOffset)
}

// unixMessage describes a part of what a service is told.
func unixMessage(e entry) string {
	if e.domain() != unix.AF_UNIX {
		return ""
	}
	return "to a service"
}

// deviceRequest describes a request about an interface, of linux/sockios.h.
func deviceRequest(e entry) string {
	if e.args[1] < unix.SIOCGIFNAME || e.args[1] > unix.SIOCETHTOOL {
		return ""
	}
	return fmt.Sprintf("%#x of %s", e.args[1], e.text(e.args[2]))
}

// netlinkMessage describes the first message that a call sends over netlink.
// Both calls have the message's address in their second argument, sendmsg in
// the first vector of a struct msghdr.
func netlinkMessage(e entry) string {
	if e.domain() != unix.AF_NETLINK {
		return ""
	}
	address := e.args[1]
	if e.nr == unix.SYS_SENDMSG {
		const iovOffset = 16 // of msg_iov in struct msghdr on 64-bit systems
		address = e.word(e.word(address + iovOffset))
	}
	const typeOffset = 4 // of nlmsg_type in struct nlmsghdr
	return fmt.Sprintf("netlink message type %#x", e.word(address+typeOffset)&0xffff)
}

// peeks reports whether a call that receives leaves what it gets where it is.
func (e entry) peeks() bool {
	flags := e.args[3]
	if e.nr == unix.SYS_RECVMSG {
		flags = e.args[2]
	}
	return flags&unix.MSG_PEEK != 0
}

// domain returns the family of the socket in the first argument, of which it looks
// at a copy, or AF_UNSPEC if that is none.
func (e entry) domain() int {
	process, err := unix.PidfdOpen(e.process(), 0)
	if err != nil {
		return unix.AF_UNSPEC
	}
	defer unix.Close(process)
	socket, err := unix.PidfdGetfd(process, int(e.args[0]), 0)
	if err != nil {
		return unix.AF_UNSPEC
	}
	defer unix.Close(socket)
	domain, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return unix.AF_UNSPEC
	}
	return domain
}

// process returns the id of the process that the thread belongs to.
func (e entry) process() int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.tid))
	for line := range strings.Lines(string(status)) {
		var id int
		if n, _ := fmt.Sscanf(line, "Tgid: %d", &id); n == 1 {
			return id
		}
	}
	return e.tid
}

// program returns the base name of the program that the thread runs.
func (e entry) program() string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", e.tid))
	return filepath.Base(path)
}

// text reads a string that ends with a zero byte.
func (e entry) text(address uint64) string {
	// A string near the end of a page must not be read beyond it.
	var text []byte
	for len(text) < unix.PathMax {
		room := int(4096 - (address+uint64(len(text)))%4096)
		part := e.read(address+uint64(len(text)), room)
		if end := bytes.IndexByte(part, 0); end >= 0 {
			return string(append(text, part[:end]...))
		}
		if len(part) == 0 {
			break
		}
		text = append(text, part...)
	}
	return string(text)
}

func (e entry) word(address uint64) uint64 {
	data := e.read(address, 8)
	if len(data) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(data)
}

// read returns size bytes of the thread's memory, or none.
func (e entry) read(address uint64, size int) []byte {
	data := make([]byte, size)
	local := []unix.Iovec{{Base: &data[0]}}
	local[0].SetLen(size)
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: size}}
	n, err := unix.ProcessVMReadv(e.tid, local, remote, 0)
	if err != nil {
		return nil
	}
	return data[:n]
}
