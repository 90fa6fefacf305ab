package bandwidth

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
)

// newNamespace is one with nothing but its loopback interface.
func newNamespace(t *testing.T) *link.Namespace {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root for a namespace")
	}
	temp, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	n, err := link.At(temp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// The kernel tells of each filter what was asked for, of networks of all lengths.
func TestFilters(t *testing.T) {
	n := newNamespace(t)
	lo, err := n.LinkByIndex(loopback)
	if err != nil {
		t.Fatal(err)
	}
	if err := addIngress(n, lo); err != nil {
		t.Fatal(err)
	}
	var want []filter
	for _, network := range []string{"0.0.0.0/0", "128.0.0.0/1", "10.1.2.0/23", "192.0.2.1/32", "::/0", "2001:db8::/29", "2001:db8::/32", "2001:db8::/33", "fd00::/64", "fd00::1/128"} {
		want = append(want,
			filter{network: network, end: source, class: ourMark},
			filter{network: network, end: destination, class: ourMark, device: loopback})
	}
	want = append(want, filter{device: loopback})
	if err := add(n, lo, netlink.HANDLE_MIN_INGRESS, want); err != nil {
		t.Fatal(err)
	}
	have, err := filtersOf(n, lo, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		t.Fatal(err)
	}
	got := ours(have, func(filter) bool { return true })
	if err := compare(lo, got, want); err != nil {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, got, cmp.AllowUnexported(filter{})))
	}
	if err := compare(lo, got, want[1:]); err == nil {
		t.Error("one filter more makes no difference")
	}
	if last := have[len(have)-1].Attrs(); last.Priority != lastPriority || last.Protocol != 3 {
		t.Errorf("the filter for all packets is not the last one: %+v", last)
	}
}
