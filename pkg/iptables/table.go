package iptables

import (
	"strconv"
	"strings"

	"github.com/containernetworking/plugins/pkg/nft"
)

// Require makes the whole transaction fail if the chain has no rule like r. So a
// transaction can rely on what it does not make itself, without a process that
// looks first.
func (t *Transaction) Require(chain string, r Rule) { t.add(append([]string{"-C", chain}, r...)...) }

// DeleteNumber deletes the rule with the number, from 1, whatever it is by then.
func (t *Transaction) DeleteNumber(chain string, n int) { t.add("-D", chain, strconv.Itoa(n)) }

// Contents is all that a table has.
type Contents struct {
	Chains []string
	Rules  []Listed
}

// Read returns the chains and rules of a table. Of one that nobody used it
// returns none, without starting a process.
func Read(f Family, table string) (Contents, error) {
	used, err := f.isLegacy(table)
	if err == nil && !used {
		used, err = inNFT(func(c *nft.Conn) (bool, error) { return c.HasTable(f.nft(table)) })
	}
	if err != nil || !used {
		return Contents{}, err
	}
	p, err := start(f.command("-save"), "", "-t", table)
	if err != nil {
		return Contents{}, err
	}
	if err := p.wait(); err != nil {
		return Contents{}, err
	}
	return parseContents(p.stdout.String())
}

// parseContents reads what iptables-save prints, where a chain is a line like
// ":FORWARD ACCEPT [0:0]".
func parseContents(output string) (Contents, error) {
	rules, err := parse(output)
	contents := Contents{Rules: rules}
	for line := range strings.Lines(output) {
		if chain, ok := strings.CutPrefix(line, ":"); ok {
			chain, _, _ = strings.Cut(chain, " ")
			contents.Chains = append(contents.Chains, chain)
		}
	}
	return contents, err
}

// String returns the changes, one on each line, as iptables-restore reads them.
func (t *Transaction) String() string { return strings.Join(t.lines, "\n") }
