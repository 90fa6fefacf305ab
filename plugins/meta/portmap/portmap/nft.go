package portmap

import (
	"errors"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// viaNFTables maps ports with nftables, in a table of its own:
//
//	table inet cni_plugins_portmap {
//	    map ports4 {
//	        type inet_proto . inet_service : ipv4_addr . inet_service
//	        elements = { tcp . 8080 comment "6fd94d501e58f0aa-287fc69eff0574a2, net: …" : 10.50.0.2 . 80 }
//	    }
//	    map hostip4 {
//	        type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service
//	    }
//	    set masquerade4_24 {
//	        type ipv4_addr . ipv4_addr
//	        elements = { 10.50.0.0 . 10.50.0.2 comment "…" }
//	    }
//	    chain hostports {
//	        jump conditional
//	        dnat ip to meta l4proto . ip daddr . th dport map @hostip4
//	        dnat ip to meta l4proto . th dport map @ports4
//	    }
//	    chain prerouting {
//	        type nat hook prerouting priority dstnat
//	        fib daddr type local goto hostports
//	    }
//	    chain postrouting {
//	        type nat hook postrouting priority srcnat
//	        ct status dnat ip saddr & 255.255.255.0 . ip daddr @masquerade4_24 masquerade
//	    }
//	}
//
// and alike for output and IPv6. So a packet's cost, and that of a change, are
// the same however many mappings there are. Only packets to the node itself are
// looked at (upstream's advisory GHSA-jv3w-x3r3-g6rm).
//
// What is masqueraded is a subnet and a container: a rule for each length of
// prefix cuts the source off, 0 standing for every source and 32 or 128 for
// localhost. Rules and sets of a length stay, as there are few.
//
// A mapping with conditions is in no map, since those are about anything: its
// attachment has a chain of its own, to which a rule of the chain conditional
// jumps. It is made by nft(8), whose language they are in.
//
// A port that an older attachment has is left to it. Whoever removes a port gives
// it to the oldest of the others that want it. All of this is done under the lock.
type viaNFTables struct{}

func (viaNFTables) add(f, old *forward, others []*forward) error {
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	err = change(c, func(x *changes) error {
		if err := x.addSkeleton(); err != nil {
			return err
		}
		if old != nil {
			if err := x.uninstall(old, f); err != nil {
				return err
			}
		}
		return x.installAll(append(others, f), f.contested())
	})
	if err != nil {
		return err
	}
	return addConditional(f)
}

// remove removes what the record says, as far as it is there, and gives ports to
// the others.
func (viaNFTables) remove(f *forward, others []*forward) error {
	return withTable(func(x *changes) error {
		if err := x.uninstall(f, nil); err != nil {
			return err
		}
		return x.installAll(others, f.contested())
	})
}

// give gives ports that f had to those of the attachments, the oldest first, that want them.
func (viaNFTables) give(f *forward, all []*forward) error {
	return withTable(func(x *changes) error { return x.installAll(all, f.contested()) })
}

// removeUnrecorded removes what upstream made, and without any records also what
// the attachment has here.
func (v viaNFTables) removeUnrecorded(a owner.Attachment) error {
	err := removeUpstreams(func(r upstreamsRule) bool { return r.Comment == a.ContainerID })
	if hasRecords() {
		return err
	}
	return errors.Join(err, removeOwned(a.Owns))
}

func (viaNFTables) collect(network string, valid []owner.Attachment, _ []*forward) error {
	isStale := owner.Stale(network, valid)
	return errors.Join(
		removeOwned(func(tag string) bool { return owner.IsTag(tag) && isStale(tag) }),
		collectUpstreams(valid))
}

// removeOwned removes all that has an owner's tag, at a cost that grows with the
// number of mappings.
func removeOwned(owned func(tag string) bool) error {
	return withTable(func(x *changes) error { return x.removeOwned(owned) })
}

func (viaNFTables) available() error { return nft.Available(table()) }

// change makes the changes that build finds necessary, anew if somebody, who knows no
// lock, changed the same things between the look and the change.
func change(c *nft.Conn, build func(*changes) error) error {
	again := false
	return c.Change(func(tx *nft.Transaction) error {
		x := &changes{c: c, tx: tx, again: again, pending: map[string]*nft.Element{}, seen: map[string]bool{}}
		again = true
		return build(x)
	})
}

// withTable is change where the table exists. Somebody may flush it after that look, and only a
// repair makes it again.
func withTable(build func(*changes) error) error {
	return nft.WithTable(table(), func(c *nft.Conn) error {
		return change(c, func(x *changes) error {
			if x.again {
				if exists, err := c.HasTable(table()); err != nil || !exists {
					return err
				}
			}
			return build(x)
		})
	})
}

// changes is a transaction on a view of what there will be after it.
type changes struct {
	c  *nft.Conn
	tx *nft.Transaction
	// again says that changes were made before in vain, or that things may be gone.
	again bool
	// pending are the elements that the transaction makes, or nil for those that
	// it deletes, by set and key.
	pending map[string]*nft.Element
	// seen are the sets of sources that are there after it.
	seen map[string]bool
	// installed are those that it makes elements for.
	installed []*forward
}

func pendingKey(set string, key []byte) string { return set + "\x00" + string(key) }

func (x *changes) element(set string, key []byte) (nft.Element, bool, error) {
	if e, ok := x.pending[pendingKey(set, key)]; ok {
		if e == nil {
			return nft.Element{}, false, nil
		}
		return *e, true, nil
	}
	return x.c.Element(table(), set, key)
}

func (x *changes) add(set string, e nft.Element) {
	x.tx.AddElement(table(), set, e)
	x.pending[pendingKey(set, e.Key)] = &e
}

func (x *changes) delete(set string, key []byte) {
	x.tx.DeleteElement(table(), set, key)
	x.pending[pendingKey(set, key)] = nil
}
