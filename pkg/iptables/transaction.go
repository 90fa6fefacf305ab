// Package iptables changes and reads iptables with as few processes as can be:
// all changes of a table are one iptables-restore, which makes either all of
// them or none; of what exists, one chain is asked for.
//
// With 10 000 rules of others in the table, on two cores: iptables -S of one
// chain takes 15 ms, iptables-save of the table 70 ms, and a transaction that
// adds rules 4 ms in nft's variant and 30 ms in the legacy one, which replaces
// the whole table.
//
// Every process runs in the network namespace of the calling thread.
package iptables

import "fmt"

// Transaction is a list of changes of one table, to be made by Apply.
type Transaction struct {
	Family Family
	Table  string

	lines []string
	err   error
}

// Empty reports whether there is nothing to apply.
func (t *Transaction) Empty() bool { return len(t.lines) == 0 && t.err == nil }

// Len returns the number of changes.
func (t *Transaction) Len() int { return len(t.lines) }

// NewChain makes a chain. If it exists, the whole transaction fails.
func (t *Transaction) NewChain(chain string) { t.add("-N", chain) }

// Append puts a rule at the end of a chain.
func (t *Transaction) Append(chain string, r Rule) { t.add(append([]string{"-A", chain}, r...)...) }

// Insert puts a rule at the start of a chain.
func (t *Transaction) Insert(chain string, r Rule) { t.add(append([]string{"-I", chain}, r...)...) }

// Delete deletes the first rule like r. If there is none, the whole transaction
// fails.
func (t *Transaction) Delete(chain string, r Rule) { t.add(append([]string{"-D", chain}, r...)...) }

// Flush deletes all rules of a chain, which must exist.
func (t *Transaction) Flush(chain string) { t.add("-F", chain) }

// DeleteChain deletes a chain, which must exist, with its rules. No rule may jump
// to it any longer.
func (t *Transaction) DeleteChain(chain string) {
	t.Flush(chain)
	t.add("-X", chain)
}

func (t *Transaction) add(args ...string) {
	line, err := join(args)
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("change iptables chain %s: %w", args[1], err)
	}
	t.lines = append(t.lines, line)
}
