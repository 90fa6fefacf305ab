package iptables_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/iptables"
)

// within runs f in a new network namespace, once for each variant of iptables,
// as on a node where it is the default.
func within(t *testing.T, f func() error) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) { withVariant(t, variant, f) })
	}
}

func withVariant(t *testing.T, variant string, f func() error) {
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
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if err := node.New(t).Do(f); err != nil {
		t.Fatal(err)
	}
}

func run(input string, command ...string) (string, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", command, err, out)
	}
	return string(out), nil
}

// rules returns what the tool of the family lists of the table nat: user chains and rules.
func rules(f iptables.Family) (string, error) {
	tool := "iptables-save"
	if f == iptables.IPv6 {
		tool = "ip6tables-save"
	}
	out, err := run("", tool, "-t", "nat")
	var kept strings.Builder
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "-A") || strings.HasPrefix(line, ":") && strings.Contains(line, " - ") {
			kept.WriteString(line)
		}
	}
	return kept.String(), err
}

func change(f iptables.Family, look func(*iptables.Table)) error {
	return iptables.Change("nat", []iptables.Family{f}, func(t *iptables.Table) error {
		look(t)
		return nil
	})
}

func expect(what, want, have string) error {
	if diff := cmp.Diff(want, have); diff != "" {
		return fmt.Errorf("%s (-want +have):\n%s", what, diff)
	}
	return nil
}

const comment = `it's "quoted" \ #1`

func TestChange(t *testing.T) {
	within(t, func() error {
		for f, source := range map[iptables.Family]string{iptables.IPv4: "192.0.2.1/32", iptables.IPv6: "2001:db8::1/128"} {
			rule := append(iptables.Rule{"-s", source}, append(iptables.Comment(comment), "-j", "ACCEPT")...)
			err := change(f, func(t *iptables.Table) {
				if t.HasChain("C") || len(t.Rules("C")) > 0 || t.Has("POSTROUTING", rule) {
					panic("the table is not empty")
				}
				t.NewChain("C")
				t.Append("C", rule)
				t.Insert("C", iptables.Rule{"-j", "RETURN"})
				t.Append("POSTROUTING", iptables.Rule{"-j", "C"})
				if !t.HasChain("C") || len(t.Rules("C")) != 2 || !t.Has("C", rule) {
					panic("the table is without the changes")
				}
			})
			if err != nil {
				return err
			}
			have, err := rules(f)
			quoted := `"it\'s \"quoted\" \\ #1"`
			if err := errors.Join(err, expect("made", ":C - [0:0]\n-A POSTROUTING -j C\n-A C -j RETURN\n-A C -s "+source+" -m comment --comment "+quoted+" -j ACCEPT\n", have)); err != nil {
				return err
			}
			if err := change(f, func(t *iptables.Table) {
				if all := t.Rules("C"); len(all) != 2 || all[1].Comment() != comment || !all[1].IsLike(rule) || all[1].Source().String() != source {
					panic(fmt.Sprint("found ", all))
				}
				if jumps := t.Jumps("POSTROUTING", "C"); len(jumps) != 1 || len(t.Jumps("POSTROUTING", "D")) != 0 {
					panic(fmt.Sprint("found ", jumps))
				}
				t.Delete("C", t.Like("C", rule)...)
				if t.Has("C", rule) || !t.Has("C", iptables.Rule{"-j", "RETURN"}) {
					panic("the table is without the changes")
				}
				// The new one is there before the old one goes.
				t.Append("POSTROUTING", iptables.Rule{"-s", source, "-j", "C"})
				t.Delete("POSTROUTING", t.Jumps("POSTROUTING", "C")...)
			}); err != nil {
				return err
			}
			have, err = rules(f)
			if err := errors.Join(err, expect("changed", ":C - [0:0]\n-A POSTROUTING -s "+source+" -j C\n-A C -j RETURN\n", have)); err != nil {
				return err
			}
		}
		removal := iptables.Remove("nat", func(t *iptables.Table) error {
			if t.HasChain("C") {
				t.Delete("POSTROUTING", t.Jumps("POSTROUTING", "C")...)
				t.DeleteChain("C")
			}
			return nil
		})
		if err := errors.Join(removal.Run(), removal.Run()); err != nil {
			return err
		}
		v4, err := rules(iptables.IPv4)
		v6, err6 := rules(iptables.IPv6)
		return errors.Join(err, err6, expect("removed", "", v4+v6))
	})
}

// One change that fails takes all of its family with it, and the tool's own words tell
// why.
func TestChangeFails(t *testing.T) {
	within(t, func() error {
		if err := change(iptables.IPv4, func(t *iptables.Table) { t.NewChain("C") }); err != nil {
			return err
		}
		for _, fill := range []func(*iptables.Table){
			func(t *iptables.Table) { t.NewChain("C") },
			func(t *iptables.Table) { t.Append("C", iptables.Rule{"-j", "NONE"}) },
			func(t *iptables.Table) { t.Append("C", iptables.Rule{"-j", "A\nCOMMIT"}) },
		} {
			err := change(iptables.IPv4, func(t *iptables.Table) {
				t.Append("C", iptables.Rule{"-j", "RETURN"})
				fill(t)
			})
			if err == nil || !strings.Contains(err.Error(), "tables") && !strings.Contains(err.Error(), "table nat") {
				return fmt.Errorf("have error %v", err)
			}
			have, err := rules(iptables.IPv4)
			if err := errors.Join(err, expect("after a failure", ":C - [0:0]\n", have)); err != nil {
				return err
			}
		}
		return nil
	})
}

// A chain that somebody jumps to meanwhile is not deleted.
func TestRemoveInUse(t *testing.T) {
	within(t, func() error {
		if err := change(iptables.IPv4, func(t *iptables.Table) {
			t.NewChain("C")
			t.Append("POSTROUTING", iptables.Rule{"-j", "C"})
		}); err != nil {
			return err
		}
		looks := 0
		removal := iptables.Remove("nat", func(t *iptables.Table) error {
			if t.Family == iptables.IPv6 || !t.HasChain("C") {
				return nil
			}
			jumps := t.Jumps("POSTROUTING", "C")
			if looks++; looks == 1 {
				if _, err := run("", "iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "-s", "192.0.2.1", "-j", "C"); err != nil {
					return err
				}
			}
			t.Delete("POSTROUTING", jumps...)
			t.DeleteChain("C")
			return nil
		})
		if err := removal.Run(); err != nil || looks != 2 {
			return fmt.Errorf("after %d looks: %w", looks, err)
		}
		have, err := rules(iptables.IPv4)
		return errors.Join(err, expect("removed", "", have))
	})
}

// Rules of one variant are found and removed where the tools are those of the other.
func TestOtherVariant(t *testing.T) {
	for _, variants := range [][2]string{{"nft", "legacy"}, {"legacy", "nft"}} {
		t.Run(variants[0], func(t *testing.T) {
			withVariant(t, variants[0], func() error {
				if _, err := run("*nat\n-N C\n-A C -j ACCEPT\n-A POSTROUTING -j C\nCOMMIT\n", "iptables-"+variants[1]+"-restore"); err != nil {
					return err
				}
				look := func(t *iptables.Table) error {
					if !t.HasChain("C") || !t.Has("POSTROUTING", iptables.Rule{"-j", "C"}) {
						return errors.New("not there")
					}
					return nil
				}
				if err := iptables.Check("nat", iptables.IPv4, look); err != nil {
					return err
				}
				if err := iptables.Check("nat", iptables.IPv6, look); err == nil {
					return errors.New("there is a chain of IPv6")
				}
				removal := iptables.Remove("nat", func(t *iptables.Table) error {
					if t.HasChain("C") {
						t.Delete("POSTROUTING", t.Jumps("POSTROUTING", "C")...)
						t.DeleteChain("C")
					}
					return nil
				})
				if err := removal.Run(); err != nil {
					return err
				}
				have, err := run("", "iptables-"+variants[1]+"-save", "-t", "nat")
				if strings.Contains(have, "C -") || strings.Contains(have, "-j") {
					return errors.Join(err, errors.New(have))
				}
				return err
			})
		})
	}
}

func TestNotInstalled(t *testing.T) {
	if !iptables.Usable() {
		t.Skip("iptables is not installed")
	}
	t.Setenv("PATH", t.TempDir())
	// Where it is usually installed to, it is found all the same.
	_, err := os.Stat("/usr/sbin/iptables-restore")
	if have := iptables.Usable(); have != (err == nil) {
		t.Errorf("installed: %v", have)
	}
}

// A chain goes with the last rule that leads to it, in whatever chain that is.
func TestRelease(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			withVariant(t, variant, func() error {
				if err := change(iptables.IPv4, func(t *iptables.Table) {
					for _, chain := range []string{"SHARED", "A", "B"} {
						t.NewChain(chain)
						t.Append(chain, iptables.Rule{"-d", "192.0.2.0/24", "-j", "ACCEPT"})
					}
					t.Append("A", iptables.Rule{"-j", "SHARED"})
					t.Append("B", iptables.Rule{"-j", "SHARED"})
				}); err != nil {
					return err
				}
				for _, chains := range [][]string{{"A"}, {"B"}} {
					if err := iptables.Remove("nat", func(t *iptables.Table) error {
						for _, chain := range chains {
							if t.HasChain(chain) {
								t.DeleteChain(chain)
								t.Release("SHARED")
							}
						}
						return nil
					}).Run(); err != nil {
						return err
					}
					have, err := rules(iptables.IPv4)
					if is := strings.Contains(have, "SHARED"); err != nil || is != (chains[0] == "A") {
						return fmt.Errorf("after %v: %s, %w", chains, have, err)
					}
				}
				return nil
			})
		})
	}
}
