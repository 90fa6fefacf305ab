package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// fuzzedVerbs are those that a runtime calls.
var fuzzedVerbs = []string{"ADD", "DEL", "CHECK", "GC", "STATUS"}

// Whatever stands in one place of a configuration, of CNI_ARGS or another variable, in any
// version: each verb of each plugin ends with a result or one error that has a code. An ADD
// that fails changes nothing, CHECK and STATUS never do, and DEL takes back all of an ADD.
func FuzzVerbs(f *testing.F) {
	all := fuzzed()
	for i := range all {
		f.Add(byte(i), byte(i), byte(len(versions)-1), byte(i), []byte{byte(i)})
	}
	sites := map[int]*fuzzSite{}
	f.Fuzz(func(t *testing.T, which, verb, version, place byte, value []byte) {
		i := int(which) % len(all)
		if sites[i] == nil {
			sites[i] = newFuzzSite(t, all[i])
		}
		supported := all[i].versions()
		original := all[i].call(supported[int(version)%len(supported)], sites[i].container.Path)
		sites[i].try(t, fuzzedVerbs[int(verb)%len(fuzzedVerbs)], original, changedAt(original, int(place), value))
		if t.Failed() {
			delete(sites, i)
		}
	})
}

// fuzzed are the subjects that need nothing but the plugin and this kernel.
func fuzzed() []subject {
	return slices.DeleteFunc(slices.Clone(subjects), func(s subject) bool { return s.services != nil || s.needs != nil })
}

// fuzzSite is a node on which nothing but the usual places can be written to.
type fuzzSite struct {
	*node.Node
	container *node.Container
	before    hoststate.State
}

func newFuzzSite(t *testing.T, s subject) *fuzzSite {
	n, err := node.Make() // it is for many tests
	if err != nil {
		t.Fatal(err)
	}
	err = n.Do(func() error {
		err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		for _, path := range []string{"/run", "/var/lib", "/proc", "/sys"} {
			err = errors.Join(err, unix.MountSetattr(unix.AT_FDCWD, path, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.prepare(t, n)
	at := &fuzzSite{Node: n, container: s.container(t, n, "c")}
	call := s.call(latest, at.container.Path)
	n.Must(t, "ADD", call)
	n.Must(t, "DEL", call)
	at.before = n.State(t, at.container)
	return at
}

func (at *fuzzSite) try(t *testing.T, verb string, original, changed node.Call) {
	if verb != "ADD" {
		at.Must(t, "ADD", original)
	}
	attached := at.State(t, at.container)
	out := at.Run(t, verb, changed)
	err := out.Err()
	var printed *types.Error
	if err != nil && (!errors.As(err, &printed) || printed.Code == 0 || strings.Contains(printed.Details, "bug of the plugin")) {
		t.Errorf("%s of %s: %v\n%s", verb, changed.Config, err, out.Stderr)
	}
	if verb != "DEL" && verb != "GC" && (err != nil || verb != "ADD") {
		at.expect(t, attached, verb, changed)
	}
	if verb == "ADD" && err == nil {
		at.Must(t, "DEL", changed)
	}
	at.Must(t, "DEL", original)
	at.expect(t, at.before, "DEL", changed)
	at.before = at.State(t, at.container)
}

// mayLast matches what an ADD may make for all attachments of a host, if it is told to.
var mayLast = regexp.MustCompile(`^(files|host (nft|iptables)[^:]*): |^host links: br|^host [a-z]+: .*\bbr0\b`)

func (at *fuzzSite) expect(t *testing.T, before hoststate.State, verb string, c node.Call) {
	t.Helper()
	if diff := hoststate.Diff(before, at.State(t, at.container), node.Lasting(), late(), mayLast); diff != "" {
		t.Errorf("after %s of %s, CNI_ARGS %q:\n%s", verb, c.Config, c.Args, diff)
	}
}

// nasty are values that somebody may write, or a program that is wrong.
var nasty = []string{
	`null`, `true`, `0`, `-1`, `1.5`, `65536`, `4294967296`, `1e30`, `""`, `" "`, `"."`, `"../../../run/x"`, `"/"`, `"lo"`, `"eth0"`, `"br0"`,
	`"a/b"`, `"%s%d%n"`, `"\u0000"`, `"\ud800"`, `"ä\r\n"`, `[]`, `[null]`, `{}`, `[[]]`, `{"": null}`, `[{}, {}]`, `[1, "1"]`,
	`"0.0.0.0/0"`, `"10.1.2.3"`, `"10.1.2.0/24"`, `"10.1.2.3/33"`, `"::"`, `"::ffff:10.1.2.3/120"`, `"fe80::1%lo"`, `"255.255.255.255/32"`,
	`"02:00:00:00:00:01"`, `"ff:ff:ff:ff:ff:ff"`, `"1.1.0"`, `"host-local"`, `"` + strings.Repeat("x", 5000) + `"`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
}

// changedAt returns the call with another value in one of the places of its configuration,
// in an order that does not change, or in a variable: one of the nasty ones, if it is given
// as one byte. What is no JSON is a string there.
func changedAt(c node.Call, place int, value []byte) node.Call {
	if len(value) == 1 {
		value = []byte(nasty[int(value[0])%len(nasty)])
	}
	text := strings.ReplaceAll(string(value), "\x00", "")
	switch place {
	case 0:
		c.Args = text
		return c
	case 1:
		c.IfName = text
		return c
	case 2:
		c.ContainerID = text
		return c
	}
	if !json.Valid(value) {
		value, _ = json.Marshal(string(value))
	}
	var config any
	if err := json.Unmarshal([]byte(c.Config), &config); err != nil {
		panic(err)
	}
	places := placesOf(&config)
	place = (place - 3) % len(places)
	places[place](json.RawMessage(value))
	raw, err := json.Marshal(config)
	if err != nil {
		panic(fmt.Sprint("the value was JSON: ", err))
	}
	c.Config = string(raw)
	return c
}

// placesOf returns functions that set each of the values in a value: those of its objects
// and lists, and itself.
func placesOf(v *any) []func(any) {
	places := []func(any){func(to any) { *v = to }}
	switch value := (*v).(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			below := value[key]
			for _, set := range placesOf(&below) {
				places = append(places, func(to any) { set(to); value[key] = below })
			}
		}
	case []any:
		for i := range value {
			places = append(places, placesOf(&value[i])...)
		}
	}
	return places
}
