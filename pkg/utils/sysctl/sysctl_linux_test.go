package sysctl_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// inside runs test in a new namespace with an interface called eth0.1.
func inside(t *testing.T, test func() error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	target, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	err = target.Do(func(ns.NetNS) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "eth0.1"
		pair := netlink.NewVeth(attrs)
		pair.PeerName = "peer"
		if err := netlink.LinkAdd(pair); err != nil {
			return err
		}
		return test()
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSysctl(t *testing.T) {
	const file = "/proc/sys/net/ipv4/conf/eth0.1/proxy_arp"
	for _, name := range []string{
		"net/ipv4/conf/eth0.1/proxy_arp",
		"net.ipv4.conf.eth0/1.proxy_arp",
	} {
		t.Run(name, func(t *testing.T) {
			inside(t, func() error {
				if got, err := sysctl.Sysctl(name); got != "0" || err != nil {
					return fmt.Errorf("read %q, want 0: %w", got, err)
				}
				if got, err := sysctl.Sysctl(name, "1"); got != "1" || err != nil {
					return fmt.Errorf("wrote 1, read %q: %w", got, err)
				}
				if got, err := os.ReadFile(file); string(got) != "1\n" || err != nil {
					return fmt.Errorf("%s is %q, want 1: %w", file, got, err)
				}
				return nil
			})
		})
	}
}

// Some parameters have no value, and then not even a newline.
func TestSysctlEmpty(t *testing.T) {
	inside(t, func() error {
		if got, err := sysctl.Sysctl("net.ipv4.ip_local_reserved_ports", ""); got != "" || err != nil {
			return fmt.Errorf("read %q: %w", got, err)
		}
		return nil
	})
}

func TestSysctlErrors(t *testing.T) {
	if _, err := sysctl.Sysctl("kernel.nosuch"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a parameter that is missing: %v", err)
	}
	if _, err := sysctl.Sysctl("kernel.nosuch", "1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a parameter that is missing, written: %v", err)
	}
	for _, name := range []string{"../version", "net/../../version", "", "./../x"} {
		if got, err := sysctl.Sysctl(name); err == nil {
			t.Errorf("%q: read %q", name, got)
		}
	}
	if got, err := sysctl.Sysctl("/kernel/hostname"); err != nil {
		t.Errorf("a leading slash: %q, %v", got, err)
	}
	_, err := sysctl.Sysctl("kernel/hostname", "a", "b")
	if err == nil || err.Error() != "unexcepted additional parameters" {
		t.Errorf("two values: %v", err)
	}
	if _, err := sysctl.Sysctl("nosuch"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name without separators: %v", err)
	}
}

// Ensure writes only what is different: the kernel refuses to have this parameter
// written at all.
func TestEnsure(t *testing.T) {
	const readOnly = "kernel/ostype"
	if err := sysctl.Ensure(readOnly, "Linux"); err != nil {
		t.Error(err)
	}
	err := sysctl.Ensure(readOnly, "Unix")
	if err == nil || !strings.Contains(err.Error(), `set kernel/ostype to "Unix": open /proc/sys/kernel/ostype: `) {
		t.Errorf("%s was written, or nothing says what was to be: %v", readOnly, err)
	}
	if err := sysctl.Settable(readOnly); !sysctl.IsForbidden(err) {
		t.Errorf("%s can be set: %v", readOnly, err)
	}
	// Where nothing can be seen, nobody knows what the kernel has.
	if _, err := sysctl.Sysctl("nosuch/parameter"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a parameter without its directory: %v", err)
	}
	if err := sysctl.Ensure("kernel/nosuch", "1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("kernel/nosuch: error %v", err)
	}
	const arp = "net/ipv4/conf/eth0.1/proxy_arp"
	inside(t, func() error {
		for _, change := range []func(string, string) error{sysctl.Ensure, sysctl.Ensure, sysctl.Set} {
			if err := change(arp, "1"); err != nil {
				return err
			}
			if got, err := sysctl.Sysctl(arp); got != "1" || err != nil {
				return fmt.Errorf("read %q, want 1: %w", got, err)
			}
			if err := sysctl.Settable(arp); err != nil {
				return err
			}
		}
		return nil
	})
}
