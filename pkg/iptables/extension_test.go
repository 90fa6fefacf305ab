package iptables

import "testing"

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
