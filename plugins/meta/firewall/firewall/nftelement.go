package firewall

import (
	"fmt"
	"net/netip"

	"github.com/containernetworking/plugins/pkg/nft"
)

// element is one that a set is to have, or not.
type element struct {
	set string
	nft.Element
	name   string // for errors
	wanted bool
	// anyOwner says that check takes any comment: an address may have got another
	// owner besides.
	anyOwner bool
}

// elements are all that the change is about.
func (c change) elements() []element {
	var all []element
	for _, a := range c.addresses {
		containers, answersOnly := setsOf(a)
		all = append(all, element{
			set: containers, name: a.String(), wanted: true, anyOwner: true,
			Element: nft.Element{Key: a.AsSlice(), Comment: c.owner.Tag()},
		})
		if c.translated == refused {
			only := all[len(all)-1]
			only.set = answersOnly
			all = append(all, only)
		}
	}
	if c.bridge == "" {
		return all
	}
	verdict := nft.Return
	if c.policy == isolated {
		verdict = nft.Drop
	}
	key := nft.Interface(c.bridge)
	return append(all,
		element{
			set: bridges, name: c.bridge, wanted: c.policy != open,
			Element: nft.Element{Key: key, Comment: string(c.policy)},
		},
		element{
			set: bridged, name: c.bridge, wanted: c.policy != open,
			Element: nft.Element{Key: nft.Concat(key, key), Verdict: &verdict, Comment: string(c.policy)},
		},
	)
}

// setsOf returns the sets for addresses like a.
func setsOf(a netip.Addr) (containers, answersOnly string) {
	if a.Is4() {
		return containers4, answers4
	}
	return containers6, answers6
}

// put adds the element as it is wanted, or deletes it. An address that is there
// for somebody else gets its new owner's name.
func (x element) put(conn *nft.Conn, tx *nft.Transaction) error {
	have, found, err := conn.Element(table(), x.set, x.Key)
	if err != nil {
		return err
	}
	if x.wanted && found && have.Comment == x.Comment {
		return nil
	}
	if found {
		tx.DeleteElement(table(), x.set, x.Key)
	}
	if x.wanted {
		tx.AddElement(table(), x.set, x.Element)
	}
	return nil
}

// check returns an error if the element is not as it is wanted.
func (x element) check(conn *nft.Conn) error {
	have, found, err := conn.Element(table(), x.set, x.Key)
	switch {
	case err != nil:
		return err
	case found && !x.wanted:
		return fmt.Errorf("unexpected element %s in set %s %s", x.name, table(), x.set)
	case !found && x.wanted:
		return fmt.Errorf("expected element %s of set %s %s not found", x.name, table(), x.set)
	case found && !x.anyOwner && have.Comment != x.Comment:
		return fmt.Errorf("element %s of set %s %s is for policy %q, expected %q", x.name, table(), x.set, have.Comment, x.Comment)
	}
	return nil
}
