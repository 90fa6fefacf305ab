package owner

import (
	"strings"
	"testing"
)

// The vectors are those of upstream's names, which must stay findable.
func TestNames(t *testing.T) {
	unit := Attachment{Network: "unit-test", ContainerID: "one", IfName: "eth0"}
	for _, c := range []struct{ what, got, want string }{
		{"chain", Attachment{Network: "test", ContainerID: "1234"}.ChainName(""), "CNI-2bbe0c48b91a7d1b8a6753a8"},
		{"chain with infix", Attachment{Network: "test", ContainerID: "1234"}.ChainName("PREFIX-"), "CNI-PREFIX-2bbe0c48b91a7d1b8"},
		{"chain of a long name", Attachment{Network: "testalongnamethatdoesnotmakesense", ContainerID: "1234"}.ChainName(""), "CNI-374f33fe84ab0ed84dcdebe3"},
		{"ifb", Name(15, "bwp", "cni-plugin-bandwidth-testdummy"), "bwpa8eda89404b7"},
		{"comment", Attachment{Network: "test", ContainerID: "1234"}.Comment(), `name: "test" id: "1234"`},
		{"tag", unit.Tag(), "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one"},
		{"tag of another container", Attachment{Network: "unit-test", ContainerID: "two", IfName: "eth0"}.Prefix(), "6fd94d501e58f0aa-d750b2c8f0f25d5f"},
		{"tag of another network", Attachment{Network: "alternate", ContainerID: "three", IfName: "net1"}.Prefix(), "82783ef24bdc7036-acb19d111858e348"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestTagOfLongNames(t *testing.T) {
	a := Attachment{Network: "net", ContainerID: strings.Repeat("c", 300), IfName: `e"th0`}
	tag := a.Tag()
	if len(tag) != maxTag {
		t.Errorf("length %d, want %d", len(tag), maxTag)
	}
	if strings.Contains(tag, `"`) {
		t.Errorf("tag %q contains a quote", tag)
	}
	if !a.Owns(tag) {
		t.Error("the attachment does not own its own tag")
	}
	b := a
	b.IfName = "eth1"
	if b.Owns(tag) {
		t.Error("another interface owns the tag")
	}
}

func TestDeviceNamesDiffer(t *testing.T) {
	seen := map[string]Attachment{}
	for _, a := range []Attachment{
		{Network: "a", ContainerID: "bc", IfName: "eth0"},
		{Network: "ab", ContainerID: "c", IfName: "eth0"},
		{Network: "a", ContainerID: "bc", IfName: "eth1"},
	} {
		name := a.DeviceName(12, "veth", 0)
		if len(name) != 12 || !strings.HasPrefix(name, "veth") {
			t.Errorf("%v: name %q", a, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%v and %v share the name %q", a, other, name)
		}
		seen[name] = a
		if a.DeviceName(12, "veth", 1) == name {
			t.Errorf("%v: the second try is the first", a)
		}
	}
}

func TestIsTag(t *testing.T) {
	tag := Attachment{Network: "n", ContainerID: "c", IfName: "eth0"}.Tag()
	for text, want := range map[string]bool{tag: true, "": false, "uplink to rack 7": false, tag[:30]: false} {
		if got := IsTag(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestStale(t *testing.T) {
	valid := Attachment{Network: "n", ContainerID: "c", IfName: "eth0"}
	gone := Attachment{Network: "n", ContainerID: "c", IfName: "eth1"}
	others := Attachment{Network: "m", ContainerID: "c", IfName: "eth1"}
	stale := Stale("n", []Attachment{valid})
	for text, want := range map[string]bool{
		gone.Tag(): true, gone.Prefix(): true,
		valid.Tag(): false, valid.Prefix(): false, others.Tag(): false, others.Prefix(): false,
		"": false, "uplink to rack 7": false,
	} {
		if got := stale(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// A tag tells the name that an attachment's network had before, but only of the same
// interface of the same container, and only if all of the name is there and can be one.
func TestFormer(t *testing.T) {
	now := Attachment{"after", "cid", "eth0"}
	for _, test := range []struct {
		tag  string
		want string
		isOf bool
	}{
		{Attachment{"before", "cid", "eth0"}.Tag(), "before", true},
		{Attachment{"a-b.c_d", "cid", "eth0"}.Tag(), "a-b.c_d", true},
		{now.Tag(), "after", true},
		{Attachment{"before", "other", "eth0"}.Tag(), "", false},
		{Attachment{"before", "cid", "eth1"}.Tag(), "", false},
		{Attachment{strings.Repeat("long", 40), "cid", "eth0"}.Tag(), "", true},
		{Attachment{"before", "cid", "eth0"}.Prefix(), "", true},
		{Attachment{"before", "cid", "eth0"}.Prefix() + ", net: forged, if: eth0, id: cid", "", true},
		{Attachment{"../../../etc", "cid", "eth0"}.Tag(), "", true},
		{Attachment{"", "cid", "eth0"}.Tag(), "", true},
		{"uplink", "", false},
		{"", "", false},
	} {
		former, ok := now.Former(test.tag)
		if want := (Attachment{test.want, "cid", "eth0"}); ok != (test.want != "") || ok && former != want {
			t.Errorf("%q: %v, %v", test.tag, former, ok)
		}
		if got := now.IsOf(test.tag); got != test.isOf {
			t.Errorf("%q is of the container: %v", test.tag, got)
		}
	}
}
