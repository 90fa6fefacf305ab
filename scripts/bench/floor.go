package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/containernetworking/plugins/pkg/nft"
)

// measureIdle measures what no plugin can go below, beside the scenario: its process.
func (b *bench) measureIdle(s scenario) error {
	took, err := timed(command(b.idle))
	b.results.add(idle(s.name), took)
	return err
}

// measureLinkDel measures the kernel's work to delete a veth pair between two namespaces,
// beside the scenario: it waits for RCU grace periods, whose length depends on what else
// the machine does.
func (b *bench) measureLinkDel(s scenario, id string) error {
	for _, args := range [][]string{
		{"link", "add", "bench", "up", "type", "veth", "peer", "name", "eth0", "netns", id},
		{"-n", id, "link", "set", "eth0", "up"},
	} {
		if err := command("ip", args...).Run(); err != nil {
			return fmt.Errorf("make a veth: %w", err)
		}
	}
	took, err := timed(command("ip", "link", "del", "bench"))
	if err != nil {
		return fmt.Errorf("delete a veth: %w", err)
	}
	b.results.add(linkDel(s.name), took)
	return nil
}

// measureAttach measures, beside the scenario, what no plugin can go below for many containers at
// once: a process for each, and its messages to the kernel.
func (b *bench) measureAttach(s scenario, ids []string) error {
	if err := command("ip", "link", "add", "bench", "up", "type", "bridge").Run(); err != nil {
		return fmt.Errorf("make a bridge: %w", err)
	}
	for _, work := range []struct {
		of      series
		command func(i int, id string) *exec.Cmd
	}{
		{attached(s.name), func(i int, id string) *exec.Cmd {
			return command(b.attach, filepath.Join(netnsFolder, id), id, "bench", fmt.Sprintf("10.1.1.%d/16", i), "10.1.0.1")
		}},
		{linkDel(s.name), func(_ int, id string) *exec.Cmd { return command("ip", "link", "del", id) }},
	} {
		var group sync.WaitGroup
		errs := make([]error, len(ids))
		start := time.Now()
		for i, id := range ids {
			group.Go(func() { errs[i] = work.command(i, id).Run() })
		}
		group.Wait()
		b.results.add(work.of, time.Since(start))
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return command("ip", "link", "del", "bench").Run()
}

// measureElementDel measures the kernel's work to delete an element of a set in nftables,
// beside the scenario for the same reason.
func (b *bench) measureElementDel(s scenario) error {
	table := nft.Table{Family: nft.IPv4, Name: "bench"}
	key := []byte{10, 0, 0, 1}
	err := apply(func(tx *nft.Transaction) {
		tx.AddTable(table)
		tx.AddSet(table, nft.Set{Name: "addresses", Key: []nft.Type{nft.IPv4Addr}})
		tx.AddElement(table, "addresses", nft.Element{Key: key})
	})
	if err != nil {
		return err
	}
	start := time.Now()
	err = apply(func(tx *nft.Transaction) { tx.DeleteElement(table, "addresses", key) })
	b.results.add(elementDel(s.name), time.Since(start))
	if err != nil {
		return err
	}
	return command("nft", "delete", "table", "ip", table.Name).Run()
}

// apply makes changes over a connection of their own, in whose end a deletion waits.
func apply(fill func(*nft.Transaction)) error {
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	var tx nft.Transaction
	fill(&tx)
	return c.Apply(&tx)
}
