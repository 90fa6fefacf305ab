package hostlink

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConf(t *testing.T) {
	addresses := []netip.Addr{netip.MustParseAddr("10.0.0.250"), netip.MustParseAddr("fd00::250")}
	for text, test := range map[string]struct {
		want Conf
		err  string
	}{
		`null`:              {},
		`false`:             {},
		`true`:              {want: Conf{Wanted: true}},
		`{}`:                {want: Conf{Wanted: true}},
		`{"name": "host0"}`: {want: Conf{Wanted: true, Name: "host0"}},
		`{"addresses": ["10.0.0.250", "fd00::250"]}`: {want: Conf{Wanted: true, Addresses: addresses}},
		`"yes"`:                              {err: errConf.Error()},
		`{"addresses": ["10.0.0.250/24"]}`:   {err: errConf.Error()},
		`{"addresses": ["fe80::1"]}`:         {want: Conf{Wanted: true, Addresses: []netip.Addr{netip.MustParseAddr("fe80::1")}}},
		`{"addresses": ["fe80::1%eth0"]}`:    {err: `hostInterface: the host cannot have the address fe80::1%eth0 on it`},
		`{"addresses": ["127.0.0.1"]}`:       {err: `hostInterface: the host cannot have the address 127.0.0.1 on it`},
		`{"addresses": ["::"]}`:              {err: `hostInterface: the host cannot have the address :: on it`},
		`{"addresses": ["224.0.0.1"]}`:       {err: `hostInterface: the host cannot have the address 224.0.0.1 on it`},
		`{"addresses": ["::ffff:10.0.0.1"]}`: {err: `hostInterface: the host cannot have the address ::ffff:10.0.0.1 on it`},
		`{"names": "host0"}`:                 {err: errConf.Error()},
		`{"name": "interface-of-16-"}`:       {err: `hostInterface: interface name "interface-of-16-" is longer than 15 characters`},
		`{"name": ".."}`:                     {err: `hostInterface: ".." is no name of an interface`},
		`{"name": "host%d"}`:                 {err: `hostInterface: interface name "host%d" has a %, which the kernel takes for a place to put a number`},
	} {
		var c Conf
		err := json.Unmarshal([]byte(text), &c)
		if err == nil {
			err = c.Validate()
		}
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: error %v, want %s", text, err, test.err)
			}
			continue
		}
		if diff := cmp.Diff(test.want, c, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

// On one master the interface has one name, whatever the network.
func TestName(t *testing.T) {
	var c Conf
	names := map[string]bool{}
	for _, of := range [][2]string{{"macvlan", "eth0"}, {"macvlan", "eth1"}, {"ipvlan", "eth0"}} {
		name := c.name(of[0], of[1])
		if len(name) != 15 || names[name] || name != c.name(of[0], of[1]) {
			t.Errorf("%v: %q", of, name)
		}
		names[name] = true
	}
}
