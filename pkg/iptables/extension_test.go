package iptables

import (
	"testing"

	"github.com/containernetworking/plugins/pkg/nft"
)

// Where one range ends and the next one begins, their elements may come in either order.
func TestPortList(t *testing.T) {
	at := func(port byte, ends bool) nft.Element { return nft.Element{Key: []byte{0, port}, EndsRange: ends} }
	for _, elements := range [][]nft.Element{
		{at(0, true), at(80, false), at(82, true), at(82, false), at(83, true), at(90, false), at(91, true)},
		{at(83, true), at(82, false), at(82, true), at(91, true), at(90, false), at(80, false), at(0, true)},
	} {
		if have := portList(elements); have != "80:81,82,90" {
			t.Errorf("%v", have)
		}
	}
}

// Whatever data a match or target has, and whoever made it, reading it ends.
func FuzzExtension(f *testing.F) {
	for _, name := range []string{"comment", "multiport", "addrtype", "conntrack", "tcp", "udp", "sctp", "mark", "MASQUERADE", "MARK", "DNAT", "LOG"} {
		for revision := range uint32(4) {
			f.Add(name, revision, make([]byte, 300), false)
			f.Add(name, revision, []byte{1, 200}, true)
		}
	}
	f.Fuzz(func(t *testing.T, name string, revision uint32, data []byte, ipv6 bool) {
		d := decoder{family: Family(ipv6), registers: map[uint32]operand{}}
		d.match(name, revision, data)
		d.target(name, revision, data)
		if !d.rule.IsLike(d.rule) {
			t.Errorf("%q is not like itself", d.rule)
		}
	})
}
