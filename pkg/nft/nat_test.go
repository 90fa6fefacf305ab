package nft_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

const natListed = `table inet t {
	map ports {
		type inet_service : ipv4_addr . inet_service
		flags timeout
	}

	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local accept
		meta nfproto ipv4 dnat ip to th dport map @ports
	}

	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		ct status dnat masquerade
	}
}
`

// nft(8) understands what is made here.
func TestNAT(t *testing.T) {
	t.Parallel()
	within(t, func(c *nft.Conn) error {
		table := nft.Table{Family: nft.Inet, Name: "t"}
		tx := &nft.Transaction{}
		tx.AddTable(table)
		tx.AddSet(table, nft.Set{Name: "ports", Key: []nft.Type{nft.InetService}, Value: []nft.Type{nft.IPv4Addr, nft.InetService}})
		tx.AddChain(table, nft.Chain{Name: "pre", Base: &nft.Base{Type: "nat", Hook: unix.NF_INET_PRE_ROUTING, Priority: -100}})
		tx.AddRule(table, "pre", nft.Rule{Exprs: append(nft.ToLocal(), nft.Accept.End())})
		tx.AddRule(table, "pre", nft.Rule{Exprs: append(nft.Protocol(make([]byte, 4)),
			nft.Load(nft.Part(0), nft.DestinationPort()),
			nft.Translate(nft.Part(0), "ports"),
			nft.DestinationNAT(nft.IPv4, nft.Part(0), nft.Part(1)),
		)})
		tx.AddChain(table, nft.Chain{Name: "post", Base: &nft.Base{Type: "nat", Hook: unix.NF_INET_POST_ROUTING, Priority: 100}})
		tx.AddRule(table, "post", nft.Rule{Exprs: append(nft.Redirected(), nft.Masquerade(false))})
		if err := c.Apply(tx); err != nil {
			return err
		}
		return expect(natListed, list())
	})
}
