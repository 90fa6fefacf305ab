package utils_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/utils"
)

// inside runs test in a new network namespace.
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
	if err := target.Do(func(ns.NetNS) error { return test() }); err != nil {
		t.Error(err)
	}
}

// need skips a test for want of a program.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s", program)
	}
}

func TestSupports(t *testing.T) {
	tests := []struct {
		tool     string
		supports func() bool
		kernel   []string // a command that fails if the kernel is to blame
	}{
		{"iptables", utils.SupportsIPTables, []string{"iptables", "-t", "filter", "-N", "x"}},
		{"nft", utils.SupportsNFTables, []string{"nft", "add", "table", "inet", "x"}},
	}
	for _, test := range tests {
		t.Run(test.tool, func(t *testing.T) {
			need(t, test.tool)
			inside(t, func() error {
				if out, err := exec.Command(test.kernel[0], test.kernel[1:]...).CombinedOutput(); err != nil {
					t.Skipf("kernel lacks what %s needs: %s", test.tool, out)
				}
				for range 2 {
					if !test.supports() {
						return fmt.Errorf("%s is there and does not work", test.tool)
					}
				}
				return nil
			})
			t.Setenv("PATH", "/does-not-exist")
			if test.supports() {
				t.Error("works without being there")
			}
		})
	}
}

func TestSupportsNFTablesVersion(t *testing.T) {
	tests := map[string]bool{
		"nftables v1.0.6 (Lester Gooch #5)":  true,
		"nftables v1.0.1 (Fearless Fosdick)": true,
		"nftables v1.1 (x)":                  true,
		"nftables v2.0.0 (x)":                true,
		"nftables v1.0.0 (x)":                false,
		"nftables v0.9.8 (x)":                false,
		"nftables":                           false,
		"nftables vX":                        false,
		"":                                   false,
	}
	for banner, want := range tests {
		t.Run(banner, func(t *testing.T) {
			dir := t.TempDir()
			script := fmt.Sprintf("#!/bin/sh\necho %q\n", banner)
			if err := os.WriteFile(filepath.Join(dir, "nft"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir)
			if got := utils.SupportsNFTables(); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
