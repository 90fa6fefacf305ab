package nft_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/containernetworking/plugins/pkg/nft"
)

// Networks beside each other, and those that end with the last address, are ranges like any
// others, and as nft(8) writes them.
func TestRanges(t *testing.T) {
	for texts, want := range map[[4]string]string{
		{"10.0.0.0/24", "10.0.1.0/25", "10.0.3.1/32", "240.0.0.0/4"}:      "10.0.0.0/24, 10.0.1.0/25,\n\t\t\t     10.0.3.1, 240.0.0.0/4",
		{"2001:db8::/64", "2001:db8:0:1::/64", "fd00::1/128", "fe00::/7"}: "2001:db8::/64,\n\t\t\t     2001:db8:0:1::/64,\n\t\t\t     fd00::1,\n\t\t\t     fe00::/7",
	} {
		t.Run(texts[0], func(t *testing.T) {
			within(t, func(c *nft.Conn) error {
				var networks []*net.IPNet
				for _, text := range texts {
					_, n, err := net.ParseCIDR(text)
					if err != nil {
						return err
					}
					networks = append(networks, n)
				}
				inet := nft.Table{Family: nft.Inet, Name: "t"}
				kind := nft.AddrType(networks[0].IP)
				name := map[nft.Type]string{nft.IPv4Addr: "ipv4_addr", nft.IPv6Addr: "ipv6_addr"}[kind]
				tx := &nft.Transaction{}
				tx.AddTable(inet)
				tx.AddSet(inet, nft.Set{Name: "s", Key: []nft.Type{kind}, Ranges: true})
				tx.AddElement(inet, "s", nft.Ranges(networks)...)
				if err := c.Apply(tx); err != nil {
					return err
				}
				have, err := c.Elements(inet, "s")
				if err != nil || len(have) != 7 || !slices.ContainsFunc(have, func(x nft.Element) bool { return x.EndsRange }) {
					return fmt.Errorf("elements %v: %w", have, err)
				}
				listed := expect(fmt.Sprintf("table inet t {\n\tset s {\n\t\ttype %s\n\t\tflags interval\n\t\telements = { %s }\n\t}\n}\n", name, want), list())
				clear := &nft.Transaction{}
				clear.ClearSet(inet, "s")
				clear.AddElement(inet, "s", nft.Ranges(networks[:1])...)
				return errors.Join(listed, c.Apply(clear))
			})
		})
	}
}
