//go:build linux

package ip

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// IgnoreAdvertisements makes an interface of the current namespace ignore IPv6
// router advertisements (accept_ra), as the host must those of its containers.
// A kernel without IPv6 ignores them anyway.
func IgnoreAdvertisements(name string) error {
	key := "net/ipv6/conf/" + name + "/accept_ra"
	if err := sysctl.Ensure(key, "0"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ignore router advertisements on %q: %w", name, err)
	}
	return nil
}

// SkipDetection makes an interface of the current namespace, which is down, use
// IPv6 addresses without duplicate address detection, its link-local one too:
// without that the kernel cannot ask for the hardware address of whom it
// forwards packets to. It is for interfaces whose address is random or that have
// one neighbour.
func SkipDetection(name string) {
	// A kernel without IPv6 has no such switch.
	_ = sysctl.Set("net/ipv6/conf/"+name+"/accept_dad", "0")
}
