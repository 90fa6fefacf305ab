package nft_test

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// Base chains of every family are found with what they are, and other chains are none.
func TestBases(t *testing.T) {
	within(t, func(c *nft.Conn) error {
		out, err := exec.Command("nft", `
			add table inet t
			add chain inet t forward { type filter hook forward priority -5; policy drop; }
			add chain inet t other
			add table ip nat
			add chain ip nat post { type nat hook postrouting priority 100; }
			add table bridge t
			add chain bridge t pre { type filter hook prerouting priority 0; }`).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		have, err := c.Bases()
		if err != nil {
			return err
		}
		want := []nft.FoundBase{
			{nft.Table{Family: nft.Inet, Name: "t"}, "forward", nft.Base{Type: "filter", Hook: unix.NF_INET_FORWARD, Priority: -5, Drop: true}},
			{nft.Table{Family: nft.IPv4, Name: "nat"}, "post", nft.Base{Type: "nat", Hook: unix.NF_INET_POST_ROUTING, Priority: 100}},
			{nft.Table{Family: nft.Bridge, Name: "t"}, "pre", nft.Base{Type: "filter", Hook: unix.NF_INET_PRE_ROUTING}},
		}
		if diff := cmp.Diff(want, have); diff != "" {
			return fmt.Errorf("(-want +have):\n%s", diff)
		}
		return nil
	})
}
