package bandwidth

import (
	"net"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/owner"
)

func TestNames(t *testing.T) {
	t.Parallel()
	a := owner.Attachment{Network: "cni-plugin-bandwidth-test", ContainerID: "dummy", IfName: "eth0"}
	if got := upstreamsName(a); got != "bwpa8eda89404b7" {
		t.Errorf("upstream's name: %s", got)
	}
	if own := ownName(a); own == upstreamsName(a) || len(own) != ifbNameLen {
		t.Errorf("own name: %s", own)
	}
}

// What is written into an alias is read again, however long its owner's names.
func TestMark(t *testing.T) {
	t.Parallel()
	for _, a := range []owner.Attachment{
		{Network: "net", ContainerID: "c", IfName: "eth0"},
		{Network: strings.Repeat("n", 300), ContainerID: strings.Repeat("c", 300), IfName: ", for interface"},
	} {
		for _, m := range []mark{{index: 7}, {index: 2147483647, found: true}} {
			alias := m.alias(a)
			if len(alias) > 255 { // IFALIASZ, with a 0
				t.Errorf("alias of %d bytes", len(alias))
			}
			if !a.Owns(alias) {
				t.Errorf("nobody owns %q", alias)
			}
			if got := markOf(&netlink.Ifb{LinkAttrs: netlink.LinkAttrs{Alias: alias}}); got != m {
				t.Errorf("%q: got %+v, want %+v", alias, got, m)
			}
		}
	}
	for state, want := range map[net.Flags]mark{net.FlagUp: {}, 0: {found: true}} {
		if got := markOf(&netlink.Ifb{LinkAttrs: netlink.LinkAttrs{Flags: state}}); got != want {
			t.Errorf("no alias, %v: got %+v, want %+v", state, got, want)
		}
	}
}
