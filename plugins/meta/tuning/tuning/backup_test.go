package tuning

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/owner"
)

// files returns the names in a directory.
func files(t *testing.T, d directory) []string {
	t.Helper()
	entries, err := os.ReadDir(string(d))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func save(t *testing.T, d directory, b *backup) {
	t.Helper()
	if err := d.save(b); err != nil {
		t.Fatal(err)
	}
}

// loaded returns what is to be put back.
func loaded(t *testing.T, d directory, a owner.Attachment, id identity) settings {
	t.Helper()
	b, err := d.load(a, id)
	if err != nil {
		t.Fatal(err)
	}
	if b == nil {
		return settings{}
	}
	return b.settings
}

// theirs puts a file where upstream's ADD does.
func theirs(t *testing.T, d directory, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(d), name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var (
	here   = identity{Netns: 5, Index: 2}
	full   = settings{attributes: attributes{MTU: 1500}, Sysctls: []sysctl{{"net/a", "1"}}, Offloads: map[string]bool{"tso": true}}
	aOfNet = owner.Attachment{Network: "net", ContainerID: "a", IfName: "eth0"}
)

// What a backup is worth depends on whether the interface and the namespace are
// those that it is of, and on what upstream's plugin did meanwhile.
func TestLoad(t *testing.T) {
	for _, test := range []struct {
		name   string
		shared string // upstream's file, "-" to remove it
		now    identity
		want   settings
	}{
		{"same interface", "", here, full},
		{"another interface", "", identity{5, 3}, settings{Sysctls: full.Sysctls}},
		{"no interface", "", identity{5, 0}, settings{Sysctls: full.Sysctls}},
		{"another namespace", "", identity{6, 2}, settings{}},
		{"upstream's DEL", "-", here, settings{Sysctls: full.Sysctls, Offloads: full.Offloads}},
		{"upstream's ADD again", `{"mtu": 1400}`, here, full},
		{"upstream's ADD for another", `{"mtu": 1400}`, identity{6, 9}, settings{attributes: attributes{MTU: 1400}}},
		{"garbage", `}`, identity{6, 9}, settings{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := directory(filepath.Join(t.TempDir(), "x", "y"))
			save(t, d, &backup{Attachment: aOfNet, identity: here, settings: full})
			switch test.shared {
			case "":
			case "-":
				if err := os.Remove(d.shared(aOfNet)); err != nil {
					t.Fatal(err)
				}
			default:
				theirs(t, d, "a_eth0.json", test.shared)
			}
			if diff := cmp.Diff(test.want, loaded(t, d, aOfNet, test.now), cmp.AllowUnexported(settings{})); diff != "" {
				t.Error(diff)
			}
			if err := d.forget(aOfNet); err != nil {
				t.Error(err)
			}
			if left := files(t, d); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// Upstream's file alone counts, whatever is in it.
func TestUpstreams(t *testing.T) {
	yes, queue := false, 0
	for text, want := range map[string]settings{
		"{\n \"mac\": \"2a:6f:dd:0c:2b:74\",\n \"promisc\": false,\n \"mtu\": 1500,\n \"allmulti\": false,\n \"txQLen\": 0\n}": {
			attributes: attributes{MAC: "2a:6f:dd:0c:2b:74", Promisc: &yes, MTU: 1500, AllMulti: &yes, TxQLen: &queue},
		},
		"":             {},
		`{"mtu": "x"}`: {},
		`null`:         {},
	} {
		d := directory(t.TempDir())
		theirs(t, d, "a_eth0.json", text)
		if diff := cmp.Diff(want, loaded(t, d, aOfNet, here), cmp.AllowUnexported(settings{})); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
		if err := d.forget(aOfNet); err != nil {
			t.Error(err)
		}
		if left := files(t, d); len(left) > 0 {
			t.Errorf("%s: left %q", text, left)
		}
	}
}

// Attachments for which upstream has one file have each their own backup.
func TestSharedName(t *testing.T) {
	first := owner.Attachment{Network: "net", ContainerID: "a_b", IfName: "c"}
	second := owner.Attachment{Network: "other", ContainerID: "a", IfName: "b_c"}
	d := directory(t.TempDir())
	save(t, d, &backup{Attachment: first, identity: here, settings: settings{attributes: attributes{MTU: 1111}}})
	if have := loaded(t, d, second, here); !have.isEmpty() {
		t.Errorf("the second has the first one's: %+v", have)
	}
	save(t, d, &backup{Attachment: second, identity: here, settings: settings{attributes: attributes{MTU: 2222}}})
	for a, want := range map[owner.Attachment]int{first: 1111, second: 2222} {
		if have := loaded(t, d, a, here); have.MTU != want {
			t.Errorf("MTU of %v is %d, want %d", a, have.MTU, want)
		}
	}
	for _, left := range []int{2, 0} {
		a := second
		if left == 0 {
			a = first
		}
		if err := d.forget(a); err != nil {
			t.Error(err)
		}
		if have := files(t, d); len(have) != left {
			t.Errorf("left when %v is gone: %q", a, have)
		}
	}
}

// A failed ADD leaves the files as they were.
func TestPutBack(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(t *testing.T, d directory)
		files  []string
	}{
		{"nothing", func(*testing.T, directory) {}, nil},
		{"upstream's", func(t *testing.T, d directory) { theirs(t, d, "a_eth0.json", "{\n \"mtu\": 1500\n}") }, []string{"a_eth0.json"}},
		{"a backup", func(t *testing.T, d directory) {
			save(t, d, &backup{Attachment: aOfNet, identity: here, settings: full})
		}, []string{aOfNet.Prefix() + ".record", "a_eth0.json"}},
		{"sysctls only", func(t *testing.T, d directory) {
			save(t, d, &backup{Attachment: aOfNet, identity: here, settings: settings{Sysctls: full.Sysctls}})
		}, []string{aOfNet.Prefix() + ".record"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := directory(t.TempDir())
			test.before(t, d)
			before := contents(t, d)
			if have := files(t, d); !slices.Equal(have, test.files) {
				t.Errorf("files before: %q", have)
			}
			old, err := d.load(aOfNet, here)
			if err != nil {
				t.Fatal(err)
			}
			yes := true
			b := &backup{Attachment: aOfNet, identity: here, settings: settings{attributes: attributes{Promisc: &yes}}}
			if old != nil {
				b.settings, b.Shared = old.settings.orElse(b.settings), old.Shared
			}
			save(t, d, b)
			if cmp.Equal(before, contents(t, d)) {
				t.Error("nothing has changed")
			}
			if err := d.putBack(old, b); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func contents(t *testing.T, d directory) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, name := range files(t, d) {
		text, err := os.ReadFile(filepath.Join(string(d), name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

// The first backup counts.
func TestOrElse(t *testing.T) {
	yes, no, five, six := true, false, 5, 6
	first := settings{
		attributes: attributes{MTU: 1500, AllMulti: &no},
		Sysctls:    []sysctl{{"net/a", "1"}}, Offloads: map[string]bool{"tso": true},
	}
	second := settings{
		attributes: attributes{MAC: "m", Promisc: &yes, MTU: 1400, AllMulti: &yes, TxQLen: &five},
		Sysctls:    []sysctl{{"net/b", "2"}, {"net/a", "2"}}, Offloads: map[string]bool{"tso": false, "gro": false},
	}
	want := settings{
		attributes: attributes{MAC: "m", Promisc: &yes, MTU: 1500, AllMulti: &no, TxQLen: &five},
		Sysctls:    []sysctl{{"net/a", "1"}, {"net/b", "2"}}, Offloads: map[string]bool{"tso": true, "gro": false},
	}
	have := first.orElse(second)
	if diff := cmp.Diff(want, have, cmp.AllowUnexported(settings{})); diff != "" {
		t.Error(diff)
	}
	if len(first.Offloads) != 1 || len(first.Sysctls) != 1 {
		t.Errorf("the first has changed: %+v", first)
	}
	if other := (attributes{TxQLen: &six}); other.equal(attributes{TxQLen: &five}) || !other.equal(other) {
		t.Error("attributes are compared wrongly")
	}
}
