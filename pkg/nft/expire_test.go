package nft_test

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/containernetworking/plugins/pkg/nft"
)

// What is deleted is gone when the connection is closed, whether the kernel lets it expire
// or not: elements of a set, of maps, of a set that takes no timeouts, as earlier builds
// made them. Nobody who asks meets it before, and its key is free at once.
func TestDeleteElement(t *testing.T) {
	t.Parallel()
	jump := nft.Jump("chain")
	address := []nft.Type{nft.IPv4Addr}
	for name, test := range map[string]struct {
		set      nft.Set // or none, for one that takes no timeouts
		element  nft.Element
		elements int
	}{
		"set":         {nft.Set{Key: address}, nft.Element{}, 1},
		"map":         {nft.Set{Key: address, Value: []nft.Type{nft.Mark}}, nft.Element{Value: []byte{1, 0, 0, 0}}, 1},
		"verdict map": {nft.Set{Key: address, Verdicts: true}, nft.Element{Verdict: &jump}, 2},
		"old set":     {nft.Set{}, nft.Element{}, 1},
		"many":        {nft.Set{Key: address}, nft.Element{}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			within(t, func(c *nft.Conn) error {
				if err := makeSet(c, test.set); err != nil {
					return err
				}
				before := list()
				if err := cycle(c, test.element, test.elements); err != nil {
					return err
				}
				return expect(before, list())
			})
		})
	}
}

// makeSet makes the set "s" in a table that has the chain "chain".
func makeSet(c *nft.Conn, s nft.Set) error {
	tx := &nft.Transaction{}
	tx.AddTable(table)
	tx.AddChain(table, nft.Chain{Name: "chain"})
	if s.Key != nil {
		s.Name = "s"
		tx.AddSet(table, s)
	}
	if err := c.Apply(tx); err != nil || s.Key != nil {
		return err
	}
	return exec.Command("nft", "add set "+table.String()+" s { type ipv4_addr; }").Run()
}

// cycle adds elements and deletes them, twice, on a connection of its own.
func cycle(lists *nft.Conn, x nft.Element, number int) error {
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	each := func(change func(*nft.Transaction, nft.Element)) error {
		return c.Change(func(tx *nft.Transaction) error {
			for i := range number {
				x.Key, x.Comment = []byte{192, 0, 2, byte(i)}, "whose"
				change(tx, x)
			}
			return nil
		})
	}
	for range 2 {
		if err := each(func(tx *nft.Transaction, x nft.Element) { tx.AddElement(table, "s", x) }); err != nil {
			return err
		}
		if err := each(func(tx *nft.Transaction, x nft.Element) { tx.DeleteElement(table, "s", x.Key) }); err != nil {
			return err
		}
		if left, err := lists.Elements(table, "s"); err != nil || len(left) > 0 {
			return fmt.Errorf("there is %v, %v", left, err)
		}
	}
	return nil
}
