package doctor

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// tables are those of iptables in which plugins have rules.
var tables = []string{"filter", "nat"}

// list runs a tool that lists a table, and returns what it says, also if it fails: what iptables
// itself sees there, and cannot read, is the question, and only it has the answer.
func (p *patient) list(tool, table string) (rules string, complaint string) {
	ctx, cancel := context.WithTimeout(context.Background(), p.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "-t", table, "-S")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && errs.Len() == 0 {
		return out.String(), err.Error()
	}
	return out.String(), strings.TrimSpace(errs.String())
}

func has(tool string) bool {
	_, err := exec.LookPath(tool)
	return err == nil
}

// legacyHas reports whether the legacy variant has the table, which it has as soon as
// somebody has listed it.
func legacyHas(family nft.Family, table string) bool {
	names, err := os.ReadFile("/proc/net/" + family.String() + "_tables_names")
	return err == nil && strings.Contains("\n"+string(names), "\n"+table+"\n")
}

// variants looks whether both of iptables' variants have rules: who lists one does not see
// the other, and packets pass both.
func variants(p *patient) []Finding {
	if !has("iptables-legacy") || !has("iptables-nft") {
		return []Finding{ok("one is installed at most")}
	}
	var found []Finding
	for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
		tool, of := ofIPTables[nft.Table{Family: family, Name: "filter"}], ""
		if family == nft.IPv6 {
			of = ", of IPv6"
		}
		legacy := slices.DeleteFunc(slices.Clone(tables), func(table string) bool {
			return !legacyHas(family, table) || !p.hasRules(tool+"-legacy", table)
		})
		if len(legacy) == 0 {
			continue
		}
		byNFT := slices.DeleteFunc(slices.Clone(tables), func(table string) bool { return !p.hasRules(tool+"-nft", table) })
		if len(byNFT) > 0 {
			found = append(found, warning("have all programs use one: update-alternatives --display "+tool+"; then flush the other one",
				"legacy has rules in %s, and nf_tables in %s%s", strings.Join(legacy, " "), strings.Join(byNFT, " "), of))
		}
	}
	if found == nil {
		found = append(found, ok("not mixed"))
	}
	return found
}

// hasRules reports whether a tool finds rules in a table, also such as it does not know.
func (p *patient) hasRules(tool, table string) bool {
	rules, complaint := p.list(tool, table)
	return strings.Contains(rules, "\n-A ") || isForeign(complaint)
}

// isForeign reports whether iptables complains of rules that it does not know.
func isForeign(complaint string) bool {
	return strings.Contains(complaint, "is incompatible, use 'nft' tool") || strings.Contains(complaint, "Parsing nftables rule failed")
}

// foreignRules looks whether iptables can read its own tables: other programs put there
// what it does not know.
func foreignRules(p *patient) []Finding {
	c, err := nft.Dial()
	switch {
	case nft.IsNotSupported(err):
		return []Finding{ok("the kernel has no nftables")}
	case errors.Is(err, unix.EPERM):
		return []Finding{warning("run it as root", "%v", err)}
	case err != nil:
		return []Finding{warning("", "%v", err)}
	}
	defer c.Close()
	var found []Finding
	for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
		tool := ofIPTables[nft.Table{Family: family, Name: "filter"}] + "-nft"
		for _, table := range tables {
			exists, err := c.HasTable(nft.Table{Family: family, Name: table})
			if err != nil || !exists || !has(tool) {
				continue
			}
			if _, complaint := p.list(tool, table); isForeign(complaint) {
				found = append(found, warning("nft list table "+family.String()+" "+table+" shows them; the plugins work beside them, other programs may not",
					"%s cannot read table %s: other programs have put rules there that it does not know", tool, table))
			}
		}
	}
	if found == nil {
		found = append(found, ok("iptables can read its tables"))
	}
	return found
}
