package ip_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
)

func TestRenameLink(t *testing.T) {
	inside(t, func() {
		l := addVeth(t, "old", "peer")
		must(t, netlink.LinkSetDown(l))
		must(t, ip.RenameLink("old", "new"))
		if got := link(t, "new").Attrs().Index; got != l.Attrs().Index {
			t.Errorf("index %d, want %d", got, l.Attrs().Index)
		}
		wantText(t, ip.RenameLink("old", "newer"), `failed to lookup "old": Link not found`)
		wantText(t, ip.RenameLink("new", "peer"), `rename "new" to "peer": file exists`)
	})
}

func TestDelLinkByName(t *testing.T) {
	inside(t, func() {
		addVeth(t, "eth0", "peer")
		must(t, ip.DelLinkByName("eth0"))
		if err := ip.DelLinkByName("eth0"); err != ip.ErrLinkNotFound {
			t.Errorf("deleted twice: %v", err)
		}
		wantText(t, ip.DelLinkByName("lo"), `failed to delete "lo": operation not supported`)
	})
}

func TestDelLinkByNameAddr(t *testing.T) {
	inside(t, func() {
		l := addVeth(t, "eth0", "peer")
		addAddr(t, l, "192.0.2.1/24")
		addAddr(t, l, "169.254.7.7/16")
		addAddr(t, l, "2001:db8::1/64")
		addrs, err := ip.DelLinkByNameAddr("eth0")
		must(t, err)
		var got []string
		for _, addr := range addrs {
			got = append(got, addr.String())
		}
		if diff := cmp.Diff([]string{"192.0.2.1/24", "2001:db8::1/64"}, got); diff != "" {
			t.Errorf("addresses (-want +got)\n%s", diff)
		}
		if _, err := ip.DelLinkByNameAddr("eth0"); err != ip.ErrLinkNotFound {
			t.Errorf("deleted twice: %v", err)
		}
	})
}
