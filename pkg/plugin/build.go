package plugin

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"

	"golang.org/x/sys/unix"
)

// build is what tells this build from any other, 20 bytes in hexadecimal digits: a hash of
// what is compiled and how. build_linux.sh has the linker set it, and write it, with the name
// of the plugin behind it, into each executable as its GNU build ID. Default: none, for
// executables that were built otherwise.
var build string

// bundleName is in the place of the plugin's name in the bundle, which answers to all names.
const bundleName = "cni-plugins"

// headLength is what Go's linker reserves at the beginning of an executable for headers and
// notes.
const headLength = 4096

// isOfThisBuild reports whether the file at path is what this build made of a plugin, all of
// it, and would run as this process does.
func isOfThisBuild(path, name string) bool {
	if build == "" || unix.Access(path, unix.X_OK) != nil {
		return false
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG || isPrivileged(fd, stat.Mode) {
		return false
	}
	head := make([]byte, headLength)
	if n, err := unix.Pread(fd, head, 0); err != nil || n < len(head) {
		return false
	}
	return isWhole(head, stat.Size) && (bytes.Contains(head, note(name)) || bytes.Contains(head, note(bundleName)))
}

// isPrivileged reports whether a process of the file would have rights by the file.
func isPrivileged(fd int, mode uint32) bool {
	n, _ := unix.Fgetxattr(fd, "security.capability", nil)
	return n > 0 || mode&(unix.S_ISUID|unix.S_ISGID) != 0
}

// note returns the note with the build ID of a plugin, as it is in the file (elf(5), "Notes"):
// the lengths of owner and ID, the type NT_GNU_BUILD_ID, the owner and the ID.
func note(name string) []byte {
	id, _ := hex.DecodeString(build)
	id = append(id, name...)
	var b []byte
	for _, n := range []int{len("GNU\x00"), len(id), 3} {
		b = binary.NativeEndian.AppendUint32(b, uint32(n))
	}
	return append(append(b, "GNU\x00"...), id...)
}

// isWhole reports whether head begins an ELF file for processors as this one, which has, by
// its size, the contents of all segments (elf(5), "Program header").
func isWhole(head []byte, size int64) bool {
	if !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return false
	}
	order := binary.NativeEndian
	word := func(at int) uint64 { return order.Uint64(head[at:]) }
	phoff, phentsize, phnum, offset, length := 0x20, 0x36, 0x38, 8, 0x20
	if head[4] == 1 { // ELFCLASS32
		word = func(at int) uint64 { return uint64(order.Uint32(head[at:])) }
		phoff, phentsize, phnum, offset, length = 0x1c, 0x2a, 0x2c, 4, 0x10
	}
	for i := range int(order.Uint16(head[phnum:])) {
		at := word(phoff) + uint64(i)*uint64(order.Uint16(head[phentsize:]))
		if at > uint64(len(head)-0x38) || word(int(at)+offset)+word(int(at)+length) > uint64(size) {
			return false
		}
	}
	return true
}
