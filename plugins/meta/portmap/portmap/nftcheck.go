package portmap

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/plugin"
)

func (viaNFTables) check(f *forward, older []*forward) error {
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if f.Since.IsZero() { // without a record, as upstream's are
		is, err := f.isUpstreams(c)
		if err != nil {
			return err
		}
		if is {
			return f.checkUpstreams(c)
		}
	}
	errs := checkSkeleton(c, f)
	for _, e := range f.entries() {
		if e.mapping != nil && e.mapping.isHiddenBy(older, e.family()) {
			continue
		}
		found, exists, err := c.Element(table(), e.set, e.key)
		switch {
		case err != nil:
			errs = append(errs, err)
		case exists && f.Owns(found.Comment) && bytes.Equal(found.Value, e.value):
		case e.mapping != nil:
			errs = append(errs, fmt.Errorf("host port %v is not mapped: no such element in map %s of table %s", *e.mapping, e.set, table()))
		default:
			errs = append(errs, fmt.Errorf("not masqueraded: no such element in set %s of table %s", e.set, table()))
		}
	}
	for _, t := range f.conditionalTargets() {
		if exists, err := t.hasConditional(c); err != nil || !exists {
			errs = append(errs, errors.Join(err, fmt.Errorf("chain %s of table %s is not in use", t.conditionalChain(), table())))
		}
	}
	return plugin.Join(errs...)
}

// checkSkeleton looks whether packets get to the maps and sets.
func checkSkeleton(c *nft.Conn, f *forward) []error {
	var errs []error
	rules := func(chain string) []nft.FoundRule {
		found, err := c.Rules(table(), chain)
		errs = append(errs, err)
		return found
	}
	for _, chain := range []struct {
		name string
		want int
	}{{prerouting, len(entryRules())}, {output, len(entryRules())}, {hostports, len(hostportsRules())}} {
		if have := len(rules(chain.name)); have < chain.want {
			errs = append(errs, fmt.Errorf("chain %s of table %s has %d of %d rules", chain.name, table(), have, chain.want))
		}
	}
	uses := map[string]bool{}
	for _, r := range rules(postrouting) {
		uses[r.Comment] = true
	}
	for _, t := range f.targets() {
		for _, source := range t.sources() {
			ones, _ := source.Mask.Size()
			if set := t.masqueradeSet(ones); !uses[set] {
				errs = append(errs, fmt.Errorf("chain %s of table %s does not use set %s", postrouting, table(), set))
			}
		}
	}
	return errs
}
