package iptables

import (
	"github.com/containernetworking/plugins/pkg/nft"
)

// Family is one of the two protocols that iptables has tools and tables for.
type Family bool

// The families.
const (
	IPv4 Family = false
	IPv6 Family = true
)

// Families returns both.
func Families() []Family { return []Family{IPv4, IPv6} }

// tool returns the name of a tool of the family: "ip6tables-restore".
func (f Family) tool(suffix string) string {
	if f == IPv6 {
		return "ip6tables" + suffix
	}
	return "iptables" + suffix
}

// nft returns the table that the nf_tables variant keeps a table in.
func (f Family) nft(table string) nft.Table {
	if f == IPv6 {
		return nft.Table{Family: nft.IPv6, Name: table}
	}
	return nft.Table{Family: nft.IPv4, Name: table}
}
