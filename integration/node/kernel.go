package node

import (
	"os"
	"slices"
	"strings"
)

// OwnKernel reports whether the kernel is the tests' alone: that of a guest of scripts/uml.sh or
// scripts/qemu.sh, which say so in its command line.
func OwnKernel() bool {
	line, err := os.ReadFile("/proc/cmdline")
	return err == nil && slices.ContainsFunc(strings.Fields(string(line)), func(word string) bool {
		return strings.HasPrefix(word, "GUEST=")
	})
}
