package iptables_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// known are rules of every kind that plugins make.
var known = map[iptables.Family][]string{
	iptables.IPv4: {
		`-s 10.88.0.5/32 -m comment --comment "name: \"net\" id: \"cid\"" -j C`,
		`-d 10.88.0.0/16 -m comment --comment x -j ACCEPT`,
		`-d 10.88.0.0/15 -j RETURN`,
		`! -d 224.0.0.0/4 -m comment --comment x -j MASQUERADE`,
		`-j MASQUERADE --random-fully`,
		`-m addrtype --dst-type LOCAL -j C`,
		`-p tcp -m comment --comment "dnat" -m multiport --dports 8080,9000:9010 -j C`,
		`-p tcp -m comment --comment "dnat" -m multiport --dports 9000:9010,443,8080 -j C`,
		`-p tcp -m comment --comment "dnat" -m multiport --dports 9011,9000:9010,8081,8080 -j C`,
		`-p tcp -m comment --comment "dnat" -m multiport --dports 8080 -j C`,
		`-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 -j C`,
		`-s 10.50.0.0/24 -p tcp -m tcp --dport 8080 -j C`,
		`-s 127.0.0.1/32 -p udp -m udp --dport 53 -j C`,
		`-d 192.0.2.1/32 -p udp -m udp --dport 8080:8090 -j C`,
		`-p sctp -m sctp --dport 8080 -j DNAT --to-destination 10.50.0.2:80`,
		`-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.50.0.2:80`,
		`-m mark --mark 0x2000/0x2000 -j MASQUERADE`,
		`-m comment --comment "mark" -j MARK --set-xmark 0x2000/0x2000`,
		`-s 127.0.0.0/8 ! -i lo -j RETURN`,
		`-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
		`-m conntrack --ctstate UNTRACKED -j ACCEPT`,
		`-d 10.88.0.5/32 -m conntrack --ctstate DNAT -j ACCEPT`,
		`-m conntrack --ctstate SNAT -j ACCEPT`,
	},
	iptables.IPv6: {
		`-s fd00::5/128 -m comment --comment x -j C`,
		`-d fd00::/64 -j ACCEPT`,
		`-d fd00::/63 -j ACCEPT`,
		`! -d ff00::/8 -j RETURN`,
		`-p tcp -m tcp --dport 80 -j C`,
		`-p tcp -m multiport --dports 80,443 -j C`,
	},
}

// translations are those of IPv6 that nft(8) 1.0.6 does not write.
var translations = []string{
	`-p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::2]:80`,
	`-j MASQUERADE`,
	`-j MASQUERADE --random-fully`,
}

// ranges is one of IPv4 that nft(8) 1.0.6 writes, but cannot read.
const ranges = `-p tcp -m tcp --dport 8080:8090 -j DNAT --to-destination 10.50.0.2:80-90/8080`

// What the tool wrote is read as it lists it, and what becomes of that when nft(8)
// writes it and reads it back is the same.
func TestDecode(t *testing.T) {
	withVariant(t, "nft", func() error {
		for f, lines := range known {
			if err := write(f, lines); err != nil {
				return err
			}
		}
		for f, lines := range known {
			if err := expectRules(f, "as written", lines, true); err != nil {
				return err
			}
		}
		ruleset, err := run("", "nft", "list", "ruleset")
		if err != nil {
			return err
		}
		if _, err := run("flush ruleset\n"+ruleset, "nft", "-f", "-"); err != nil {
			return err
		}
		for f, lines := range known {
			if err := expectRules(f, "read back", lines, false); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestDecodeTranslations(t *testing.T) {
	withVariant(t, "nft", func() error {
		return errors.Join(
			write(iptables.IPv6, translations), expectRules(iptables.IPv6, "as written", translations, true),
			write(iptables.IPv4, []string{ranges}), expectRules(iptables.IPv4, "as written", []string{ranges}, true),
		)
	})
}

func write(f iptables.Family, lines []string) error {
	tool := map[iptables.Family]string{iptables.IPv4: "iptables-restore", iptables.IPv6: "ip6tables-restore"}[f]
	input := "*nat\n-N C\n-N RULES\n"
	for _, line := range lines {
		input += "-A RULES " + line + "\n"
	}
	_, err := run(input+"COMMIT\n", tool)
	return err
}

// expectRules compares the rules of a chain, with their comments or without.
func expectRules(f iptables.Family, when string, lines []string, comments bool) error {
	return iptables.Check("nat", f, func(t *iptables.Table) error {
		have := t.Rules("RULES")
		if len(have) != len(lines) {
			return fmt.Errorf("%s: %d rules, want %d: %w", when, len(have), len(lines), t.Err())
		}
		var errs []error
		for i, line := range lines {
			want := words(line)
			if !have[i].IsLike(want) || !t.Has("RULES", want) || comments && have[i].Comment() != want.Comment() {
				errs = append(errs, fmt.Errorf("%s: %s", when, cmp.Diff(want, have[i].Rule)))
			}
		}
		return errors.Join(errs...)
	})
}

// words splits a line that has at most one quoted text.
func words(line string) iptables.Rule {
	before, rest, quoted := strings.Cut(line, `"`)
	if !quoted {
		return strings.Fields(line)
	}
	end := strings.LastIndex(rest, `"`)
	rule := append(strings.Fields(before), strings.ReplaceAll(rest[:end], `\"`, `"`))
	return append(rule, strings.Fields(rest[end+1:])...)
}

// Foreign rules are like none of ours, and do not make anything unreadable.
func TestDecodeForeign(t *testing.T) {
	foreign := []string{
		"meta mark set 0x7", "ip dscp 5 accept", "meta skuid 0 accept", "ct state new accept", "ct status dnat accept", "ct mark 5 accept",
		"fib saddr type local accept", `oifname "eth0" masquerade`, `oifname "eth*" accept`, "ip saddr { 10.0.0.1, 10.0.0.2 } accept",
		"ip saddr vmap { 10.0.0.1 : accept, 10.0.0.2 : drop }", "ip saddr 10.0.0.1-10.0.0.9 accept", "limit rate 5/second accept",
		"quota 5 mbytes accept", "log accept", "tcp dport 80 redirect to :8080", "tcp dport != 80 accept", "tcp dport { 80, 90 } accept", "snat to 192.0.2.1",
		"dnat to 192.0.2.1", "ip saddr & 0.0.0.255 == 0.0.0.1 accept", "tcp sport 80 accept", "numgen random mod 2 0 accept", "tcp flags syn accept",
		"meta l4proto icmp accept", "tcp dport 80-90 accept", "ct state != { new, established } accept", "mark and 0x1 == 0x1 mark set mark xor 0x3",
	}
	withVariant(t, "nft", func() error {
		for _, rule := range foreign {
			chain := "POSTROUTING"
			if strings.Contains(rule, "dnat to") || strings.Contains(rule, "redirect") {
				chain = "PREROUTING"
			}
			ruleset := fmt.Sprintf(`flush ruleset
				table ip nat {
					chain C { }
					chain PREROUTING { type nat hook prerouting priority dstnat; }
					chain POSTROUTING { type nat hook postrouting priority srcnat; }
				}
				add rule ip nat %s %s
				add rule ip nat %[1]s ip saddr 10.0.0.1 jump C`, chain, rule)
			if _, err := run(ruleset, "nft", "-f", "-"); err != nil {
				return err
			}
			err := iptables.Check("nat", iptables.IPv4, func(t *iptables.Table) error {
				all := t.Rules(chain)
				if len(all) != 2 || all[0].IsUnconditional() && all[0].Target() != "?" || !t.Has(chain, iptables.Rule{"-s", "10.0.0.1/32", "-j", "C"}) || len(t.Jumps(chain, "C")) != 1 {
					return fmt.Errorf("%s: read %q", rule, all)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// A match that this package cannot read is one all the same, whoever made it.
func TestDecodeConditions(t *testing.T) {
	withVariant(t, "nft", func() error {
		conditions := []string{
			"-m conntrack --ctorigdstport 8080", "-m iprange --src-range 10.0.0.1-10.0.0.9", "-m physdev --physdev-is-bridged",
			"-m addrtype --src-type LOCAL", "-p tcp -m tcp --sport 80", "-p tcp -m multiport --sports 80,90", "-m limit --limit 5/sec",
		}
		input := "*filter\n"
		for _, c := range conditions {
			input += "-A FORWARD " + c + " -j DROP\n-A FORWARD " + c + " -m comment --comment x -j DROP\n"
		}
		if _, err := run(input+"COMMIT\n", "iptables-restore"); err != nil {
			return err
		}
		ruleset := "add set ip filter bad { type ipv4_addr; }\nadd rule ip filter FORWARD ip saddr @bad drop comment \"x\"\n"
		if _, err := run(ruleset, "nft", "-f", "-"); err != nil {
			return err
		}
		return iptables.Check("filter", iptables.IPv4, func(t *iptables.Table) error {
			rules := t.Rules("FORWARD")
			if len(rules) != 2*len(conditions)+1 {
				return fmt.Errorf("%d rules: %w", len(rules), t.Err())
			}
			for _, r := range rules {
				if r.IsUnconditional() {
					return fmt.Errorf("%q counts for all packets", r.Rule)
				}
			}
			return nil
		})
	})
}
