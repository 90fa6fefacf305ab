package utils

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// SupportsIPTables reports whether iptables(8) works: whether it is there, may
// be run, and finds its filter table in the kernel. Only the one for IPv4 is
// tried. A "yes" is remembered for as long as $PATH stays the same.
func SupportsIPTables() bool {
	return supported("iptables", func() bool {
		// Status 1 says that the chain has no first rule, or does not exist.
		err := exec.Command("iptables", "--wait", "--table", "filter", "--list-rules", "INPUT", "1").Run()
		exit, failed := err.(*exec.ExitError)
		return err == nil || failed && exit.ExitCode() == exitFailed
	})
}

// SupportsNFTables reports whether nft(8) works: whether it is there in version
// 1.0.1 or later, may be run, and the kernel would accept a table. A "yes" is
// remembered for as long as $PATH stays the same.
func SupportsNFTables() bool {
	return supported("nft", func() bool {
		banner, err := exec.Command("nft", "--version").Output()
		if err != nil || !atLeast101(string(banner)) {
			return false
		}
		return exec.Command("nft", "--check", "add table inet cni_plugins_probe").Run() == nil
	})
}

// atLeast101 looks for a version of at least 1.0.1 in the banner of nft, such
// as "nftables v1.0.6 (Lester Gooch #5)".
func atLeast101(banner string) bool {
	_, version, found := strings.Cut(banner, " v")
	if !found {
		return false
	}
	var major, minor, patch int
	// Without a patch level, as in "v1.1", that is 0.
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n < 2 {
		return false
	}
	return major > 1 || major == 1 && (minor > 0 || patch >= 1)
}

// working holds the tools that were found to work, each with the $PATH it was
// found by. A tool that does not work may be installed meanwhile, so that
// those are not remembered.
var working sync.Map

func supported(tool string, try func() bool) bool {
	key := [2]string{tool, os.Getenv("PATH")}
	if _, found := working.Load(key); found {
		return true
	}
	if !try() {
		return false
	}
	working.Store(key, nil)
	return true
}
