package spoof

import (
	"fmt"
	"strings"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Check returns one error for all that Add, and Allow with the port's addresses,
// made and that is not there. Upstream's chains are as good for a port whose
// addresses do not matter.
func Check(a owner.Attachment, p Port) error {
	err := nft.With(func(c *nft.Conn) error { return check(c, a, p) })
	if err != nil {
		return fmt.Errorf("spoof-check of %q: %w", p.Name, err)
	}
	return nil
}

func check(c *nft.Conn, a owner.Attachment, p Port) error {
	missing, err := missingOf(c, a, p)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return checkRules(c)
	}
	if p.Addresses == nil {
		if found, err := hasUpstreams(c, a); found || err != nil {
			return err
		}
	}
	return fmt.Errorf("not in the ruleset: %s", strings.Join(missing, ", "))
}

// missingOf returns what of the port the rules would not find.
func missingOf(c *nft.Conn, a owner.Attachment, p Port) ([]string, error) {
	var missing []string
	for _, e := range newEntries(p) {
		for _, x := range e.elements() {
			found, err := isOwned(c, x, a.Prefix())
			if err != nil {
				return nil, err
			}
			if !found {
				missing = append(missing, e.what)
				break
			}
		}
	}
	return missing, nil
}
