package link

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVLANs(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	bridge := newFilteringBridge(t, n, "br0")
	port, foreign := newPort(t, n, bridge, "veth0", 0), newPort(t, n, bridge, "veth1", 0)
	expect := func(want VLANs) {
		t.Helper()
		got, err := n.VLANs(port)
		if err != nil || !got.Equal(want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		if got, err = n.VLANs(foreign); err != nil || !got.Equal(VLANs{Native: 1}) {
			t.Errorf("the other port is in %v, %v", got, err)
		}
	}
	expect(VLANs{Native: 1})
	if err := n.SetNativeVLAN(port, 100); err != nil {
		t.Fatal(err)
	}
	expect(VLANs{Native: 100, Untagged: []uint16{1}})
	if err := n.RemoveVLAN(port, 1); err != nil {
		t.Fatal(err)
	}
	expect(VLANs{Native: 100})
	tagged := VLANSet{{7, 7}, {200, 4094}}
	if err := n.AddTaggedVLANs(port, tagged); err != nil {
		t.Fatal(err)
	}
	expect(VLANs{Native: 100, Tagged: tagged})
}

func TestVLANsText(t *testing.T) {
	vlans := VLANs{Native: 100, Untagged: []uint16{1}, Tagged: VLANSet{{7, 7}, {200, 210}}}
	if got, want := vlans.String(), "100 PVID untagged, 1 untagged, 7, 200-210"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVLANSet(t *testing.T) {
	for _, test := range []struct {
		name string
		got  VLANSet
		want VLANSet
	}{
		{"one", VLANSet{}.With(7, 7), VLANSet{{7, 7}}},
		{"apart", VLANSet{{7, 7}}.With(3, 5), VLANSet{{3, 5}, {7, 7}}},
		{"touching", VLANSet{{7, 7}}.With(3, 6), VLANSet{{3, 7}}},
		{"within", VLANSet{{1, 9}}.With(3, 6), VLANSet{{1, 9}}},
		{"around", VLANSet{{2, 2}, {4, 4}, {9, 9}}.With(1, 5), VLANSet{{1, 5}, {9, 9}}},
		{"without one of another range", VLANSet{{1, 5}}.Without(9), VLANSet{{1, 5}}},
		{"without one alone", VLANSet{{1, 5}, {9, 9}}.Without(9), VLANSet{{1, 5}}},
		{"without first", VLANSet{{1, 5}}.Without(1), VLANSet{{2, 5}}},
		{"without last", VLANSet{{1, 5}}.Without(5), VLANSet{{1, 4}}},
		{"without middle", VLANSet{{1, 5}}.Without(3), VLANSet{{1, 2}, {4, 5}}},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for vlan, want := range map[uint16]bool{2: false, 3: true, 4: true, 5: true, 6: false} {
		if got := (VLANSet{{3, 5}}).Has(vlan); got != want {
			t.Errorf("%d: got %v", vlan, got)
		}
	}
}
