package macvlan

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/link"
)

// conf reads a configuration that consists of rest and what is always there.
func conf(t *testing.T, rest string) *Conf {
	t.Helper()
	c := new(Conf)
	if err := json.Unmarshal([]byte(`{"cniVersion": "1.1.0", "name": "net", "type": "macvlan"`+rest+`}`), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValid(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		want       map[string]string
	}{
		{"nothing", ``, map[string]string{"mode": "bridge"}},
		{"private", `, "mode": "private"`, map[string]string{"mode": "private"}},
		{"vepa", `, "mode": "vepa", "bcqueuelen": 4294967295`, map[string]string{"mode": "vepa", "bcqueuelen": "4294967295"}},
		{"passthru", `, "mode": "passthru", "nopromisc": true`, map[string]string{"mode": "passthru", "nopromisc": "on"}},
		{"source", `, "mode": "source", "macaddrs": ["02:00:00:00:00:02", "02-00-00-00-00-01"]`,
			map[string]string{"mode": "source", "macaddr": "02:00:00:00:00:01 02:00:00:00:00:02"}},
		{"queues and MTU", `, "mtu": 68, "numTxQueues": 4096, "numRxQueues": 1`, map[string]string{"mode": "bridge"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := conf(t, test.conf)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, link.Options(c.link())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInvalid(t *testing.T) {
	for _, test := range []struct{ name, conf, want string }{
		{"mode", `, "mode": "l2"`, `unknown macvlan mode: "l2"`},
		{"nopromisc", `, "nopromisc": true`, "nopromisc needs mode passthru"},
		{"source without addresses", `, "mode": "source"`, "mode source needs macaddrs, which no other mode takes"},
		{"addresses without source", `, "macaddrs": ["02:00:00:00:00:01"]`, "mode source needs macaddrs, which no other mode takes"},
		{"no address", `, "mode": "source", "macaddrs": ["zz"]`, `macaddrs: "zz" is no unicast MAC address`},
		{"long address", `, "mode": "source", "macaddrs": ["02:00:00:00:00:00:00:01"]`, `macaddrs: "02:00:00:00:00:00:00:01" is no unicast MAC address`},
		{"multicast address", `, "mode": "source", "macaddrs": ["01:00:5e:00:00:01"]`, `macaddrs: "01:00:5e:00:00:01" is no unicast MAC address`},
		{"mtu", `, "mtu": 67`, "invalid MTU 67, must be 0 or at least 68"},
		{"transmit queues", `, "numTxQueues": 4097`, "invalid numTxQueues 4097 (must be between 0 and 4096)"},
		{"receive queues", `, "numRxQueues": -1`, "invalid numRxQueues -1 (must be between 0 and 4096)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := conf(t, test.conf).Validate(); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
