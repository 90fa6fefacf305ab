package nft

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ask returns the replies to a question, none if something that it names does
// not exist.
func (c *Conn) ask(m message) ([]attributes, error) {
	if c.tables != nil && !c.tables[Table{Family: m.family, Name: m.table}] {
		return nil, nil
	}
	replies, err := c.get(m)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return replies, err
}

// Generation returns a number that changes with every change of anything.
func (c *Conn) Generation() (uint32, error) {
	replies, err := c.get(message{kind: unix.NFT_MSG_GETGEN, what: "get generation"}.about(Table{}, func(*attributes) {}))
	if err != nil {
		return 0, err
	}
	for _, reply := range replies {
		if id := reply.first(unix.NFTA_GEN_ID); id != nil {
			return uint32(id.number()), nil
		}
	}
	return 0, errors.New("get generation: not in the reply")
}

// listTables looks which tables there are.
func (c *Conn) listTables() error {
	replies, err := c.replies(message{kind: unix.NFT_MSG_GETTABLE, flags: unix.NLM_F_DUMP, what: "list tables"}.about(Table{}, func(*attributes) {}))
	c.tables = map[Table]bool{}
	for _, r := range replies {
		c.tables[Table{Family: r.family, Name: text(r.body.first(unix.NFTA_TABLE_NAME))}] = true
	}
	return err
}

// HasTable reports whether the table exists. Like the next questions, which name
// one thing as well, it costs the same whatever else there is.
func (c *Conn) HasTable(t Table) (bool, error) {
	if c.tables != nil {
		return c.tables[Table{Family: t.Family, Name: t.Name}], nil
	}
	return c.has(message{kind: unix.NFT_MSG_GETTABLE, what: fmt.Sprintf("look table %s up", t)}.about(t, func(a *attributes) {
		a.text(unix.NFTA_TABLE_NAME, t.Name)
	}))
}

// HasChain reports whether the table exists and has the chain.
func (c *Conn) HasChain(t Table, chain string) (bool, error) {
	return c.has(message{kind: unix.NFT_MSG_GETCHAIN, what: fmt.Sprintf("look chain %s %s up", t, chain)}.about(t, func(a *attributes) {
		chainName(a, t, chain)
	}))
}

// Jumps returns how many rules lead to a chain, 0 if it does not exist. The kernel counts
// them together with the chain's own rules.
func (c *Conn) Jumps(t Table, chain string) (int, error) {
	replies, err := c.ask(message{kind: unix.NFT_MSG_GETCHAIN, what: fmt.Sprintf("look chain %s %s up", t, chain)}.about(t, func(a *attributes) {
		chainName(a, t, chain)
	}))
	if err != nil || len(replies) == 0 {
		return 0, err
	}
	own, err := c.Rules(t, chain)
	return int(replies[0].first(unix.NFTA_CHAIN_USE).number()) - len(own), err
}

// HasSet reports whether the table exists and has the set or map.
func (c *Conn) HasSet(t Table, set string) (bool, error) {
	return c.has(message{kind: unix.NFT_MSG_GETSET, what: fmt.Sprintf("look set %s %s up", t, set)}.about(t, func(a *attributes) {
		setName(a, t, set)
	}))
}

// Sets returns the names of the table's sets and maps, none if it does not exist.
func (c *Conn) Sets(t Table) ([]string, error) {
	what := fmt.Sprintf("list sets of table %s", t)
	replies, err := c.ask(message{kind: unix.NFT_MSG_GETSET, flags: unix.NLM_F_DUMP, what: what}.about(t, func(a *attributes) {
		a.text(unix.NFTA_SET_TABLE, t.Name)
	}))
	var names []string
	for _, reply := range replies {
		names = append(names, text(reply.first(unix.NFTA_SET_NAME)))
	}
	return names, err
}

func (c *Conn) has(m message) (bool, error) {
	replies, err := c.ask(m)
	return len(replies) > 0, err
}

// Element returns the element of a set or map that has the key, or false if
// there is none, nor the set.
func (c *Conn) Element(t Table, set string, key []byte) (Element, bool, error) {
	what := fmt.Sprintf("look element of set %s %s up", t, set)
	found, err := c.elements(message{kind: unix.NFT_MSG_GETSETELEM, what: what}.about(t, func(a *attributes) {
		elementOf(a, t, set, Element{Key: key})
	}))
	if len(found) == 0 {
		return Element{}, false, err
	}
	return found[0], true, nil
}

// Elements returns all elements of a set or map, none if it does not exist. Its
// cost grows with their number.
func (c *Conn) Elements(t Table, set string) ([]Element, error) {
	return c.elements(listElements(t, set))
}

func listElements(t Table, set string) message {
	what := fmt.Sprintf("list set %s %s", t, set)
	return message{kind: unix.NFT_MSG_GETSETELEM, flags: unix.NLM_F_DUMP, what: what}.about(t, func(a *attributes) { elementsOf(a, t, set) })
}

func (c *Conn) elements(m message) ([]Element, error) {
	replies, err := c.ask(m)
	var all []Element
	for _, reply := range replies {
		all = append(all, decodeElements(reply)...)
	}
	return all, err
}

// SomeElements is like Elements, but reads on only until it has more than enough:
// a few more then follow. So it answers whether a set has others than known ones,
// at a cost that does not grow.
func (c *Conn) SomeElements(t Table, set string, enough int) ([]Element, error) {
	var all []Element
	err := c.readSome(listElements(t, set), func(body attributes) bool {
		all = append(all, decodeElements(body)...)
		return len(all) <= enough
	})
	if errors.Is(err, unix.EINTR) {
		return c.Elements(t, set)
	}
	return all, err
}

// readSome hands the replies to a question that lists something to more, until that
// returns false. What does not exist has none. If the list changes meanwhile, the error
// is EINTR.
func (c *Conn) readSome(m message, more func(attributes) bool) error {
	// A list that is not read to its end leaves its connection unusable.
	other, err := Dial()
	if err != nil {
		return err
	}
	c.others = append(c.others, other)
	first, err := other.send(m)
	if err != nil {
		return fmt.Errorf("%s: %w", m.what, err)
	}
	for {
		replies, err := other.receive(first, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
		for _, r := range replies {
			if r.interrupted {
				r.errno = unix.EINTR
			}
			if r.errno != 0 && r.errno != unix.ENOENT {
				return fmt.Errorf("%s: %w", m.what, r.errno)
			}
			if !more(r.body) || r.last {
				return nil
			}
		}
	}
}

// Rules returns the rules of a chain in their order, none if it does not exist.
// Its cost grows with their number.
func (c *Conn) Rules(t Table, chain string) ([]FoundRule, error) {
	replies, err := c.ask(listRules(t, chain))
	found := make([]FoundRule, len(replies))
	for i, reply := range replies {
		found[i] = decodeRule(reply)
	}
	return found, err
}

// SomeRules hands the rules of a chain to yield, in their order, until that returns
// false. If they change meanwhile, the error is EINTR.
func (c *Conn) SomeRules(t Table, chain string, yield func(FoundRule) bool) error {
	return c.readSome(listRules(t, chain), func(body attributes) bool { return body == nil || yield(decodeRule(body)) })
}

func listRules(t Table, chain string) message {
	what := fmt.Sprintf("list chain %s %s", t, chain)
	return message{kind: unix.NFT_MSG_GETRULE, flags: unix.NLM_F_DUMP, what: what}.about(t, func(a *attributes) { ruleChain(a, t, chain) })
}
