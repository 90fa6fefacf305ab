package ipvlan

import (
	"encoding/json"
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

// conf reads a configuration that consists of rest and what is always there.
func conf(t *testing.T, rest string) *Conf {
	t.Helper()
	c := new(Conf)
	if err := json.Unmarshal([]byte(`{"cniVersion": "1.1.0", "name": "net", "type": "ipvlan"`+rest+`}`), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValid(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		want       map[string]string
	}{
		{"nothing", ``, map[string]string{"mode": "l2", "flag": "bridge"}},
		{"l2", `, "mode": "l2", "flag": "vepa"`, map[string]string{"mode": "l2", "flag": "vepa"}},
		{"l3", `, "mode": "l3", "flag": "private"`, map[string]string{"mode": "l3", "flag": "private"}},
		{"l3s", `, "mode": "l3s", "flag": "bridge"`, map[string]string{"mode": "l3s", "flag": "bridge"}},
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
		{"mode", `, "mode": "bad"`, `unknown ipvlan mode: "bad"`},
		{"flag", `, "flag": "bad"`, `unknown ipvlan flag: "bad"`},
		{"mtu", `, "mtu": 1`, "invalid MTU 1, must be 0 or at least 68"},
		{"queues", `, "numRxQueues": 4097`, "invalid numRxQueues 4097 (must be between 0 and 4096)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := conf(t, test.conf).Validate(); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// Routes of the plugin before are told what those of an IPAM plugin are.
func TestFollowRoutes(t *testing.T) {
	c, table := conf(t, `, "master": "eth0"`), -5
	before := &current.Result{Routes: []*types.Route{{Dst: *ip.Everywhere(net.IPv4zero), Table: &table}}}
	err := c.follow(&iface.Attachment{Result: &current.Result{}}, before)
	if want := "prevResult: routes[0] has table -5, which is not from 0 to 4294967295"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
