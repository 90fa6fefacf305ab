package nft

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Whatever the kernel says of a rule that anybody made, reading it ends.
func FuzzDecodeRule(f *testing.F) {
	var rule attributes
	rule.uint64(unix.NFTA_RULE_HANDLE, 7)
	rule.nest(unix.NFTA_RULE_EXPRESSIONS, func(a *attributes) { a.nest(unix.NFTA_LIST_ELEM, Jump("chain").End().encode) })
	rule.bytes(unix.NFTA_RULE_USERDATA, commentData(commentType, "comment"))
	f.Add([]byte(rule))
	f.Add([]byte{8, 0, 4, 128, 4, 0, 1, 128})
	f.Fuzz(func(_ *testing.T, body []byte) {
		for e := range decodeRule(body).Exprs() {
			_ = e.Text(unix.NFTA_IMMEDIATE_DATA, unix.NFTA_DATA_VERDICT, unix.NFTA_VERDICT_CHAIN)
			_ = e.Number(unix.NFTA_IMMEDIATE_DREG)
		}
	})
}
