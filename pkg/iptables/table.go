package iptables

import (
	"fmt"
	"slices"
	"strings"
)

// variant is one of the two that a table can be in.
type variant interface {
	hasChain(chain string) (bool, error)
	// mayHave reports whether the table may have some data: no if it certainly has not.
	mayHave(data []byte) (bool, error)
	// rules returns the rules of a chain in their order, none if it does not exist. If
	// about is not empty, it may leave those out that do not have it, as the kernel
	// writes it: an address or the name of a chain.
	rules(chain string, about []byte) ([]Listed, error)
	// until returns the rules up to the first one that stop accepts, or all.
	until(chain string, stop func(Rule) bool) ([]Listed, error)
	// jumps returns how many rules lead to a chain.
	jumps(chain string) (int, error)
	// deleteRule and deleteChain take note of what is to go.
	deleteRule(chain string, r Listed)
	deleteChain(chain string)
}

// Listed is a rule that was found in a chain.
type Listed struct {
	Rule
	place
}

// place identifies a rule in its chain. New ones have none.
type place struct {
	handle uint64 // the kernel's number for it, in the nf_tables variant
	number int    // its number in the chain, from 1, in the legacy variant
}

// Is reports whether both are one rule of a chain.
func (l Listed) Is(other Listed) bool { return l.place == other.place }

// Table is a table of one family in one variant, and changes that are to be made to
// it. It is read as far as it is asked for, and what it answers is with the changes.
// It keeps the first error of all, after which answers mean nothing.
type Table struct {
	Family Family
	Name   string

	variant variant
	chains  map[string]*chain
	// lines are for iptables-restore.
	lines []string
	// made is how many of them make rules.
	made int
	err  error
}

func newTable(f Family, name string, v variant) *Table {
	return &Table{Family: f, Name: name, variant: v, chains: map[string]*chain{}}
}

// Err returns the first error of all.
func (t *Table) Err() error { return t.err }

func (t *Table) fail(err error) {
	if t.err == nil && err != nil {
		t.err = fmt.Errorf("table %s: %w", t.Name, err)
	}
}

// HasChain reports whether there is the chain. Its cost does not grow with the table.
func (t *Table) HasChain(name string) bool {
	c := t.chain(name)
	if !c.looked {
		exists, err := t.variant.hasChain(name)
		t.fail(err)
		c.exists, c.looked = exists, true
	}
	return c.exists
}

// MayHave reports whether the table may have a text, such as the beginning of chains' names: no
// if it certainly has not. It starts no process.
func (t *Table) MayHave(text string) bool {
	may, err := t.variant.mayHave([]byte(text))
	t.fail(err)
	return may
}

// Rules returns the rules of a chain in their order, none if it does not exist.
func (t *Table) Rules(name string) []Listed {
	c := t.chain(name)
	if !c.read {
		rules, err := t.variant.rules(name, nil)
		t.fail(err)
		c.set(rules)
	}
	return c.all()
}

// about returns at least those rules of a chain that were there and have some data in
// the form of the kernel: an address, or the name of a chain. It costs less than Rules,
// and the second time nothing.
func (t *Table) about(name string, data []byte) []Listed {
	c := t.chain(name)
	if c.read {
		return slices.Clone(c.rules)
	}
	rules, known := c.abouts[string(data)]
	if !known {
		var err error
		rules, err = t.variant.rules(name, data)
		t.fail(err)
		c.abouts[string(data)] = rules
	}
	return c.left(slices.Clone(rules))
}

// Jumps returns those rules of a chain that were there and lead to another one.
func (t *Table) Jumps(name, target string) []Listed {
	c := t.chain(name)
	if c.read {
		return slices.Clone(c.index().byTarget[target])
	}
	return slices.DeleteFunc(t.about(name, append([]byte(target), 0)), func(l Listed) bool { return l.Target() != target })
}

// Like returns those rules of a chain that were there and are like r.
func (t *Table) Like(name string, r Rule) []Listed {
	c, host := t.chain(name), r.host()
	var rules []Listed
	if c.read || host == nil {
		t.Rules(name)
		rules = slices.Clone(c.index().byWords[r.words()])
	} else {
		rules = t.about(name, host)
	}
	return slices.DeleteFunc(rules, func(l Listed) bool { return !l.IsLike(r) })
}

// Has reports whether a chain has a rule like r. It reads until it finds one.
func (t *Table) Has(name string, r Rule) bool {
	c := t.chain(name)
	like := func(l Listed) bool { return l.IsLike(r) }
	if slices.ContainsFunc(c.front, like) || slices.ContainsFunc(c.back, like) {
		return true
	}
	if c.read || r.host() != nil {
		return len(t.Like(name, r)) > 0
	}
	return slices.ContainsFunc(t.Until(name, func(have Rule) bool { return have.IsLike(r) }), like)
}

// Until returns those rules of a chain that were there up to the first one that stop
// accepts, or all. It reads no more than about that.
func (t *Table) Until(name string, stop func(Rule) bool) []Listed {
	c := t.chain(name)
	rules := slices.Clone(c.rules)
	if !c.read {
		var err error
		rules, err = t.variant.until(name, stop)
		t.fail(err)
		rules = c.left(rules)
	}
	if i := slices.IndexFunc(rules, func(l Listed) bool { return stop(l.Rule) }); i >= 0 {
		return rules[:i+1]
	}
	return rules
}

// NewChain makes a chain, which must not exist.
func (t *Table) NewChain(name string) {
	t.line("-N", name)
	c := t.chain(name)
	c.exists, c.looked, c.read = true, true, true
}

// Append puts a rule at the end of a chain.
func (t *Table) Append(name string, r Rule) {
	t.line(append([]string{"-A", name}, r...)...)
	c := t.chain(name)
	c.back = append(c.back, Listed{Rule: r})
	t.made++
}

// Insert puts a rule at the start of a chain.
func (t *Table) Insert(name string, r Rule) {
	t.line(append([]string{"-I", name}, r...)...)
	c := t.chain(name)
	c.front = slices.Insert(c.front, 0, Listed{Rule: r})
	t.made++
}

func (t *Table) line(args ...string) {
	line, err := join(args)
	if err != nil {
		t.fail(fmt.Errorf("change chain %s: %w", args[1], err))
	}
	t.lines = append(t.lines, line)
}

// Delete deletes rules that were found in the chain. New rules are made before old ones
// go.
func (t *Table) Delete(name string, rules ...Listed) {
	c := t.chain(name)
	for _, r := range rules {
		if c.remove(r) {
			t.variant.deleteRule(name, r)
		}
	}
}

// DeleteChain deletes a chain with its rules. No rule may jump to it any longer; else
// nothing at all changes.
func (t *Table) DeleteChain(name string) {
	t.chains[name] = &chain{looked: true, read: true}
	t.variant.deleteChain(name)
}

// Release deletes a chain if no rule leads to it any longer, and reports whether. It is
// called for each rule that did and is deleted, after those that are new.
func (t *Table) Release(name string) bool {
	t.chain(name).released++
	return t.DeleteUnused(name)
}

// DeleteUnused deletes a chain, which must exist, if no rule leads to it but those that Release
// has counted, and reports whether.
func (t *Table) DeleteUnused(name string) bool {
	for _, c := range t.chains {
		if slices.ContainsFunc(slices.Concat(c.front, c.back), func(l Listed) bool { return l.Target() == name }) {
			return false
		}
	}
	jumps, err := t.variant.jumps(name)
	t.fail(err)
	if jumps != t.chain(name).released {
		return false
	}
	t.DeleteChain(name)
	return true
}

// String returns what is new, as iptables-restore reads it.
func (t *Table) String() string { return strings.Join(t.lines, "\n") }
