package firewall

import (
	"cmp"
	"context"
	"fmt"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// viaNFTables has a table of its own, in which every question is one look into a
// set, however many containers there are:
//
//	table inet cni_plugins_firewall {
//	    set containers_ipv4 {
//	        type ipv4_addr
//	        elements = { 10.50.0.2 comment "6fd94d501e58f0aa-287fc69eff0574a2, net: …, if: …, id: …" }
//	    }
//	    set containers_ipv6 { type ipv6_addr }
//	    set answers_only_ipv4 { type ipv4_addr }
//	    set answers_only_ipv6 { type ipv6_addr }
//	    set bridges {
//	        type ifname
//	        elements = { "cni0" comment "isolated" }
//	    }
//	    map bridged {
//	        type ifname . ifname : verdict
//	        elements = { "cni0" . "cni0" comment "isolated" : drop }
//	    }
//	    chain isolation {
//	        iifname . oifname vmap @bridged
//	        iifname @bridges oifname @bridges drop
//	    }
//	    chain admin { }
//	    chain unmatched { }
//	    chain forward {
//	        type filter hook forward priority filter; policy accept;
//	        jump isolation
//	        jump admin
//	        ip daddr @containers_ipv4 ct state established,related accept
//	        ip saddr @containers_ipv4 accept
//	        ct status dnat ip daddr @containers_ipv4 ip daddr != @answers_only_ipv4 accept
//	        ip6 daddr @containers_ipv6 ct state established,related accept
//	        ip6 saddr @containers_ipv6 accept
//	        ct status dnat ip6 daddr @containers_ipv6 ip6 daddr != @answers_only_ipv6 accept
//	        jump unmatched
//	    }
//	}
//
// The chains admin and unmatched are the administrator's. In the map, a bridge
// whose containers reach each other has the verdict return.
type viaNFTables struct{}

func (viaNFTables) apply(_ context.Context, c change) error {
	return nft.Change(func(conn *nft.Conn, tx *nft.Transaction) error {
		if err := addSkeleton(conn, tx); err != nil {
			return err
		}
		for _, x := range c.elements() {
			if err := x.put(conn, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (viaNFTables) remove(c change) error {
	return nft.WithTable(table(), func(conn *nft.Conn) error {
		return conn.Change(func(tx *nft.Transaction) error { return removeElements(conn, tx, []change{c}) })
	})
}

// removeElements removes the elements of all changes that are there. Attachments may have
// the same ones.
func removeElements(conn *nft.Conn, tx *nft.Transaction, all []change) error {
	seen := map[string]bool{}
	for _, c := range all {
		c.translated = refused // which the last one need not be who asked for it
		for _, x := range c.elements() {
			if seen[x.set+x.name] {
				continue
			}
			seen[x.set+x.name] = true
			x.wanted = false
			if err := x.put(conn, tx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (viaNFTables) available() error { return nft.Available(table()) }

func (viaNFTables) check(c change) error {
	conn, err := nft.Dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	var errs []error
	for _, chain := range []chain{forward(), isolationChain()} {
		rules, err := conn.Rules(table(), chain.Name)
		if err == nil && len(rules) != len(chain.rules) && (c.translated != "" || len(rules) != cmp.Or(chain.earlier, len(chain.rules))) {
			err = fmt.Errorf("chain %s %s has %d rules, expected %d", table(), chain.Name, len(rules), len(chain.rules))
		}
		errs = append(errs, err)
	}
	for _, x := range c.elements() {
		errs = append(errs, x.check(conn))
	}
	return plugin.Join(errs...)
}
