package bridge

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
	if err := json.Unmarshal([]byte(`{"cniVersion": "1.1.0", "name": "net", "type": "bridge"`+rest+`}`), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func valid(t *testing.T, rest string) *Conf {
	t.Helper()
	c := conf(t, rest)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValid(t *testing.T) {
	if c := valid(t, ""); c.Bridge != "cni0" || c.IsGateway || c.filtersVLANs() || c.HasIPAM() || c.gatewayName() != "cni0" {
		t.Errorf("defaults: %+v", c)
	}
	if c := valid(t, `, "isDefaultGateway": true`); !c.IsGateway {
		t.Error("a default gateway is no gateway")
	}
	if c := valid(t, `, "bridge": "br0", "vlan": 4094`); !c.filtersVLANs() || c.gatewayName() != "br0.4094" {
		t.Errorf("VLAN: %+v", c)
	}
	if c := valid(t, `, "vlanTrunk": []`); !c.filtersVLANs() {
		t.Error("an empty trunk does not filter VLANs")
	}
	valid(t, `, "bridge": "bridge-of-15-by", "vlan": 100`)
	valid(t, `, "ipam": {}, "disableContainerInterface": true`)
	for _, mtu := range []string{"0", "68", "65535"} {
		valid(t, `, "mtu": `+mtu)
	}
}

func TestInvalid(t *testing.T) {
	const (
		ipam   = `, "ipam": {"type": "host-local"}`
		bounds = "(must be between 0 and 4094)"
	)
	for _, test := range []struct{ name, conf, want string }{
		{"negative vlan", `, "vlan": -100`, "invalid VLAN ID -100 " + bounds},
		{"reserved vlan", `, "vlan": 4095`, "invalid VLAN ID 4095 " + bounds},
		{"large vlan", `, "vlan": 5000`, "invalid VLAN ID 5000 " + bounds},
		{"hairpin and promiscuous", `, "hairpinMode": true, "promiscMode": true`, "cannot set hairpin mode and promiscuous mode at the same time"},
		{"no addresses to check", `, "ipspoofchk": true, "ipam": {}`, "cannot use ipspoofchk without IPAM"},
		{"default gateway without default route", `, "isDefaultGateway": true, "defaultRoute": false`, "isDefaultGateway adds the default routes that defaultRoute leaves out"},
		{"addresses for what is down", ipam + `, "disableContainerInterface": true`, "cannot use IPAM when DisableContainerInterface flag is set"},
		{"long name", `, "bridge": "bridge-of-16-byt"`, `bridge: interface name "bridge-of-16-byt" is longer than 15 characters`},
		{"name with a number to come", `, "bridge": "br%d"`, `bridge: interface name "br%d" has a %, which the kernel takes for a place to put a number`},
		{"long name of a gateway", ipam + `, "bridge": "bridge-of-15-by", "vlan": 100, "isGateway": true`, `gateway of VLAN 100: interface name "bridge-of-15-by.100" is longer than 15 characters`},
		{"negative mtu", `, "mtu": -1`, "invalid mtu -1 (must be 0 or between 68 and 65535)"},
		{"small mtu", `, "mtu": 10`, "invalid mtu 10 (must be 0 or between 68 and 65535)"},
		{"large mtu", `, "mtu": 100000`, "invalid mtu 100000 (must be 0 or between 68 and 65535)"},
		{"backend", `, "ipMasq": true, "ipMasqBackend": "foo"`, `unknown ipmasq backend "foo"`},
		{"id 0", `, "vlanTrunk": [{"id": 0}]`, "incorrect trunk id parameter"},
		{"id too large", `, "vlanTrunk": [{"id": 4095}]`, "incorrect trunk id parameter"},
		{"minID 0", `, "vlanTrunk": [{"minID": 0, "maxID": 5}]`, "incorrect trunk minID parameter"},
		{"minID too large", `, "vlanTrunk": [{"minID": 4095, "maxID": 4096}]`, "incorrect trunk minID parameter"},
		{"maxID too large", `, "vlanTrunk": [{"minID": 5, "maxID": 4095}]`, "incorrect trunk maxID parameter"},
		{"negative maxID", `, "vlanTrunk": [{"minID": 5, "maxID": -1}]`, "incorrect trunk maxID parameter"},
		{"reversed", `, "vlanTrunk": [{"minID": 6, "maxID": 5}]`, "minID is greater than maxID in trunk parameter"},
		{"no minID", `, "vlanTrunk": [{"maxID": 5}]`, "minID and maxID should be configured simultaneously, minID is missing"},
		{"no maxID", `, "vlanTrunk": [{"minID": 5}]`, "minID and maxID should be configured simultaneously, maxID is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := conf(t, test.conf).Validate()
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestTrunk(t *testing.T) {
	for _, test := range []struct {
		name, trunk string
		want        link.VLANSet
	}{
		{"empty", `[]`, nil},
		{"single", `[{"id": 10}]`, link.VLANSet{{First: 10, Last: 10}}},
		{"range", `[{"minID": 100, "maxID": 105}]`, link.VLANSet{{First: 100, Last: 105}}},
		{"both in one item", `[{"minID": 100, "maxID": 105, "id": 10}]`, link.VLANSet{{First: 10, Last: 10}, {First: 100, Last: 105}}},
		{"overlaps", `[{"id": 7}, {"minID": 3, "maxID": 7}, {"id": 8}, {"id": 7}]`, link.VLANSet{{First: 3, Last: 8}}},
	} {
		if diff := cmp.Diff(test.want, valid(t, `, "vlanTrunk": `+test.trunk).trunk); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// What the port is in, given that the kernel has put it into VLAN 1.
func TestVLANs(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		want       *link.VLANs
	}{
		{"none", ``, nil},
		{"empty trunk", `, "vlanTrunk": []`, nil},
		{"vlan", `, "vlan": 100`, &link.VLANs{Native: 100}},
		{"preserved", `, "vlan": 100, "preserveDefaultVlan": true`, &link.VLANs{Native: 100, Untagged: []uint16{1}}},
		{"the default one", `, "vlan": 1, "preserveDefaultVlan": true`, &link.VLANs{Native: 1}},
		{"trunk", `, "vlanTrunk": [{"id": 7}]`, &link.VLANs{Native: 1, Tagged: link.VLANSet{{First: 7, Last: 7}}}},
		{"trunk with the default", `, "vlanTrunk": [{"minID": 1, "maxID": 7}]`, &link.VLANs{Native: 1, Tagged: link.VLANSet{{First: 2, Last: 7}}}},
		{"vlan in trunk", `, "vlan": 3, "vlanTrunk": [{"minID": 2, "maxID": 4}]`,
			&link.VLANs{Native: 3, Tagged: link.VLANSet{{First: 2, Last: 2}, {First: 4, Last: 4}}}},
		{"default in trunk", `, "vlan": 3, "preserveDefaultVlan": true, "vlanTrunk": [{"id": 1}]`, &link.VLANs{Native: 3, Tagged: link.VLANSet{{First: 1, Last: 1}}}},
	} {
		if diff := cmp.Diff(test.want, valid(t, test.conf).vlans(1)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func FuzzConf(f *testing.F) {
	for _, seed := range []string{`{}`, `{"vlanTrunk": [{"id": 1}, {"minID": 1, "maxID": 4094}]}`, `{"vlan": 1, "mtu": 68, "args": {"cni": {"mac": "x"}}}`,
		`{"bridge": "br0", "ipMasq": "ipv4"}`, `{"vlanTrunk": [null]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := new(Conf)
		if json.Unmarshal(data, c) != nil || c.Validate() != nil {
			return
		}
		if len(c.Bridge) == 0 || len(c.Bridge) > 15 || c.VLAN < 0 || c.VLAN > link.MaxVLAN {
			t.Errorf("valid: %+v", c)
		}
		for _, r := range c.trunk {
			if r.First < 1 || r.First > r.Last || r.Last > link.MaxVLAN {
				t.Errorf("valid trunk: %v", c.trunk)
			}
		}
	})
}
