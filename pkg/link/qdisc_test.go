package link

import (
	"testing"

	"github.com/vishvananda/netlink"
)

func TestQdisc(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	l := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "v0"}, PeerName: "v1"}
	if err := n.LinkAdd(l); err != nil {
		t.Fatal(err)
	}
	expect := func(what string, parent uint32, kind string, handle uint32) {
		t.Helper()
		q, err := n.Qdisc(l, parent)
		if err != nil {
			t.Fatal(err)
		}
		if kind == "" && q != nil || kind != "" && (q == nil || q.Kind != kind || q.Handle != handle) {
			t.Errorf("%s: got %+v, want %q %x", what, q, kind, handle)
		}
	}
	expect("never up", netlink.HANDLE_ROOT, "", 0)
	expect("never up", netlink.HANDLE_INGRESS, "", 0)
	if err := n.LinkSetUp(l); err != nil {
		t.Fatal(err)
	}
	expect("up", netlink.HANDLE_ROOT, "noqueue", 0)
	clsact := netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}
	if err := n.QdiscAdd(&netlink.Clsact{QdiscAttrs: clsact}); err != nil {
		t.Fatal(err)
	}
	expect("clsact", netlink.HANDLE_INGRESS, "clsact", clsact.Handle)
	expect("clsact", netlink.HANDLE_ROOT, "noqueue", 0)
	tbf := netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(7, 0), Parent: netlink.HANDLE_ROOT}
	if err := n.QdiscAdd(&netlink.Tbf{QdiscAttrs: tbf, Rate: 1000, Limit: 100, Buffer: 156_250}); err != nil {
		t.Fatal(err)
	}
	expect("tbf", netlink.HANDLE_ROOT, "tbf", tbf.Handle)
	if q, _ := n.Qdisc(l, netlink.HANDLE_ROOT); len(q.Options) == 0 {
		t.Error("tbf has no options")
	}
}
