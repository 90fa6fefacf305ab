//go:build linux

package ip

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// IgnoreAdvertisements makes an interface of the current namespace ignore IPv6
// router advertisements (accept_ra), as the host must those of its containers.
// A kernel without IPv6 ignores them anyway. An error means that it may heed them:
// see Tolerate.
func IgnoreAdvertisements(name string) error {
	err := sysctl.Ensure(conf6(name, "accept_ra"), "0")
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err = fmt.Errorf("ignore router advertisements on %q: %w", name, err)
	if ignoresAdvertisements(name) {
		return Tolerate(err, nil)
	}
	return err
}

// ignoresAdvertisements reports whether the kernel does so for another reason: it
// has no IPv6 on the interface, or forwards packets (accept_ra 1).
func ignoresAdvertisements(name string) bool {
	is := func(parameter, value string) bool {
		have, err := sysctl.Sysctl(conf6(name, parameter))
		return err == nil && have == value
	}
	return is("disable_ipv6", "1") || is("forwarding", "1") && is("accept_ra", "1")
}

func conf6(name, parameter string) string { return "net/ipv6/conf/" + name + "/" + parameter }

// Tolerate prints an error of IgnoreAdvertisements on standard error in place of
// returning it, if none of ips is an IPv6 address: /proc/sys may be read-only, and who
// does not use IPv6 is not to fail for it.
func Tolerate(err error, ips []*current.IPConfig) error {
	isIPv6 := func(ip *current.IPConfig) bool { return ip.Address.IP.To4() == nil }
	if err == nil || slices.ContainsFunc(ips, isIPv6) {
		return err
	}
	fmt.Fprintf(os.Stderr, "go on, but did not %v\n", err)
	return nil
}

// SkipDetection makes an interface of the current namespace, which is down, use
// IPv6 addresses without duplicate address detection, its link-local one too:
// without that the kernel cannot ask for the hardware address of whom it
// forwards packets to. It is for interfaces whose address is random or that have
// one neighbour.
func SkipDetection(name string) {
	sysctl.Prefer(conf6(name, "accept_dad"), "0")
}
