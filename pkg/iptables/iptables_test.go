package iptables_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/ns"
)

// within runs f in a new network namespace, once for each variant of iptables,
// as on a node that has no other.
func within(t *testing.T, f func() error) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			dir := t.TempDir()
			for _, family := range []string{"iptables", "ip6tables"} {
				for _, suffix := range []string{"", "-save", "-restore"} {
					tool, err := exec.LookPath(family + "-" + variant + suffix)
					if err != nil {
						t.Skipf("iptables is not installed: %v", err)
					}
					if err := os.Symlink(tool, filepath.Join(dir, family+suffix)); err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Setenv("PATH", dir)
			netNS, err := ns.TempNetNS()
			if err != nil {
				t.Fatal(err)
			}
			defer netNS.Close()
			if err := netNS.Do(func(ns.NetNS) error { return f() }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func transaction(f iptables.Family) *iptables.Transaction {
	return &iptables.Transaction{Family: f, Table: "nat"}
}

func one(tx *iptables.Transaction) error { return errors.Join(iptables.Apply(tx)...) }

const comment = `it's "quoted" \ #1`

func TestApplyAndList(t *testing.T) {
	within(t, func() error {
		for _, f := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
			if rules, exists, err := iptables.List(f, "nat", "C"); exists || rules != nil || err != nil {
				return fmt.Errorf("before: %v, %v, %w", rules, exists, err)
			}
			if rules, err := iptables.Save(f, "nat"); rules != nil || err != nil {
				return fmt.Errorf("before: %v, %w", rules, err)
			}
		}
		v4, v6 := transaction(iptables.IPv4), transaction(iptables.IPv6)
		for tx, source := range map[*iptables.Transaction]string{v4: "192.0.2.1/32", v6: "2001:db8::1/128"} {
			tx.NewChain("C")
			tx.Append("C", append(iptables.Rule{"-s", source}, append(iptables.Comment(comment), "-j", "ACCEPT")...))
			tx.Insert("C", iptables.Rule{"-j", "RETURN"})
			tx.Append("POSTROUTING", iptables.Rule{"-j", "C"})
		}
		if err := errors.Join(iptables.Apply(v4, v6)...); err != nil {
			return err
		}
		rules, exists, err := iptables.List(iptables.IPv6, "nat", "C")
		if err != nil || !exists || len(rules) != 2 {
			return fmt.Errorf("listed %v, %v, %w", rules, exists, err)
		}
		last := rules[1].Rule
		_, network, _ := net.ParseCIDR("2001:db8::1/128")
		if last.Comment() != comment || last.Target() != "ACCEPT" || last.Source().String() != network.String() || last.Destination() != nil {
			return fmt.Errorf("listed %q", last)
		}
		saved, err := iptables.Save(iptables.IPv4, "nat")
		want := []iptables.Listed{
			{Chain: "POSTROUTING", Rule: iptables.Rule{"-j", "C"}},
			{Chain: "C", Rule: iptables.Rule{"-j", "RETURN"}},
			{Chain: "C", Rule: iptables.Rule{"-s", "192.0.2.1/32", "-m", "comment", "--comment", comment, "-j", "ACCEPT"}},
		}
		if diff := cmp.Diff(want, saved); diff != "" || err != nil {
			return fmt.Errorf("saved (-want +have):\n%s %w", diff, err)
		}
		// What was listed can be deleted.
		v4, v6 = transaction(iptables.IPv4), transaction(iptables.IPv6)
		v4.Delete("POSTROUTING", saved[0].Rule)
		v4.DeleteChain("C")
		v6.Delete("C", last)
		return errors.Join(iptables.Apply(v4, v6)...)
	})
}

// One change that fails takes all of them with it, and the tool's own words tell
// why.
func TestApplyFails(t *testing.T) {
	within(t, func() error {
		tx := transaction(iptables.IPv4)
		tx.NewChain("C")
		if err := one(tx); err != nil {
			return err
		}
		before, err := iptables.Save(iptables.IPv4, "nat")
		if err != nil {
			return err
		}
		for _, fill := range []func(*iptables.Transaction){
			func(tx *iptables.Transaction) { tx.NewChain("C") },
			func(tx *iptables.Transaction) { tx.Append("C", iptables.Rule{"-j", "NONE"}) },
			func(tx *iptables.Transaction) { tx.Delete("C", iptables.Rule{"-j", "ACCEPT"}) },
			func(tx *iptables.Transaction) { tx.DeleteChain("NONE") },
			func(tx *iptables.Transaction) { tx.Append("C", iptables.Rule{"-j", "A\nCOMMIT"}) },
		} {
			tx := transaction(iptables.IPv4)
			tx.Append("C", iptables.Rule{"-j", "RETURN"})
			fill(tx)
			err := one(tx)
			if err == nil || !strings.Contains(err.Error(), "iptables") {
				return fmt.Errorf("have error %v", err)
			}
			after, err := iptables.Save(iptables.IPv4, "nat")
			if diff := cmp.Diff(before, after); diff != "" || err != nil {
				return fmt.Errorf("(-before +after):\n%s %w", diff, err)
			}
		}
		return nil
	})
}

func TestNotInstalled(t *testing.T) {
	if !iptables.Installed() {
		t.Skip("iptables is not installed")
	}
	t.Setenv("PATH", t.TempDir())
	// Where it is usually installed to, it is found all the same.
	_, err := os.Stat("/usr/sbin/iptables-restore")
	if have := iptables.Installed(); have != (err == nil) {
		t.Errorf("installed: %v", have)
	}
}
