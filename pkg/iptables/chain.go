package iptables

import "slices"

// chain is what is known of a chain, and how it is to change.
type chain struct {
	exists, looked bool
	// rules are those that were there and stay, if all were read.
	rules   []Listed
	read    bool
	deleted map[place]bool
	// abouts are those that were there about some data, if not all were read.
	abouts map[string][]Listed
	// released is how many rules that lead to it are deleted.
	released int
	// front and back are new rules.
	front, back []Listed
	indexed     *index
}

// index finds rules that were there: many questions about many rules cost no more than
// both.
type index struct{ byTarget, byWords map[string][]Listed }

func (t *Table) chain(name string) *chain {
	if t.chains[name] == nil {
		t.chains[name] = &chain{deleted: map[place]bool{}, abouts: map[string][]Listed{}}
	}
	return t.chains[name]
}

// set takes note of all rules that are there.
func (c *chain) set(rules []Listed) { c.rules, c.read = c.left(rules), true }

// left returns those of the rules that are not deleted.
func (c *chain) left(rules []Listed) []Listed {
	return slices.DeleteFunc(rules, func(l Listed) bool { return c.deleted[l.place] })
}

func (c *chain) all() []Listed { return slices.Concat(c.front, c.rules, c.back) }

// remove reports whether the rule was there until now.
func (c *chain) remove(r Listed) bool {
	if r.place == (place{}) || c.deleted[r.place] {
		return false
	}
	c.deleted[r.place] = true
	c.rules = c.left(c.rules)
	if c.indexed != nil {
		target, words := r.Target(), r.words()
		c.indexed.byTarget[target] = c.left(c.indexed.byTarget[target])
		c.indexed.byWords[words] = c.left(c.indexed.byWords[words])
	}
	return true
}

func (c *chain) index() *index {
	if c.indexed == nil {
		c.indexed = &index{map[string][]Listed{}, map[string][]Listed{}}
		for _, r := range c.rules {
			target, words := r.Target(), r.words()
			c.indexed.byTarget[target] = append(c.indexed.byTarget[target], r)
			c.indexed.byWords[words] = append(c.indexed.byWords[words], r)
		}
	}
	return c.indexed
}
