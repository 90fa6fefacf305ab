package firewall

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// downgrade gives what attachments with a record have the form of upstream's, which knows
// no nftables, so that upstream's DEL finds it, and forgets the records.
func downgrade(args []string) error {
	if err := plugin.NoArguments(args); err != nil {
		return err
	}
	if _, err := os.Stat(stateDir); err != nil {
		plugin.Downgraded(0, 0)
		return nil
	}
	s, err := lockState(nil)
	if err != nil {
		return err
	}
	defer s.close()
	prefixes, err := s.attachments()
	if err != nil {
		return err
	}
	recorded, err := s.changes()
	if err == nil {
		err = leaveNFTables(recorded[nameNFTables])
	}
	if err == nil {
		err = leaveTranslated(recorded[nameIPTables])
	}
	if err != nil {
		return err
	}
	for _, name := range []string{"attachments", "claims"} {
		if err := os.RemoveAll(filepath.Join(stateDir, name)); err != nil {
			return fmt.Errorf("forget state: %w", err)
		}
	}
	plugin.Downgraded(len(prefixes), 0)
	return nil
}

// leaveNFTables makes with other backends what the changes have made with nftables, and
// then removes that: the backend that upstream takes if the configuration names none that
// it knows, and iptables for policies.
func leaveNFTables(all []change) error {
	if len(all) == 0 {
		return nil
	}
	if err := iptables.Available(); err != nil {
		return fmt.Errorf("%w, and upstream knows no nftables", err)
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].translated = "" // of which upstream knows nothing
	}
	others := all
	if firewalldRuns() {
		others = slices.DeleteFunc(slices.Clone(all), func(c change) bool { return c.bridge == "" })
		if err := (viaFirewalld{}).repair(all); err != nil {
			return err
		}
	}
	if err := (viaIPTables{}).repair(others); err != nil {
		return err
	}
	return viaNFTables{}.leave(all)
}

// leaveTranslated removes the rules of iptables that are not upstream's.
func leaveTranslated(all []change) error {
	all = slices.DeleteFunc(slices.Clone(all), func(c change) bool { return c.translated != accepted })
	if len(all) == 0 {
		return nil
	}
	return iptables.Remove(filter, func(t *iptables.Table) error {
		t.Rules(forwardChain) // once for all
		for _, c := range all {
			for _, a := range c.of(t.Family) {
				p := ofTranslated(a, false)
				t.Delete(p.chain, p.in(t)...)
			}
		}
		return nil
	}).Run()
}

// leave removes the table or, if an administrator has rules there, what the changes have
// made.
func (viaNFTables) leave(all []change) error {
	taken := "" // the chain with such rules
	err := nft.Change(func(conn *nft.Conn, tx *nft.Transaction) error {
		taken = ""
		exists, err := conn.HasTable(table())
		if err != nil || !exists {
			return err
		}
		for _, chain := range []string{adminRules, unmatchedRules} {
			rules, err := conn.Rules(table(), chain)
			if err != nil {
				return err
			}
			if len(rules) > 0 {
				taken = chain
				return removeElements(conn, tx, all)
			}
		}
		tx.DeleteTable(table())
		return nil
	})
	if err == nil && taken != "" {
		fmt.Fprintf(os.Stderr, "table %s stays: chain %s has rules of an administrator\n", table(), taken)
	}
	return err
}
