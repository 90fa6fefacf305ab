package vlan

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
	if err := json.Unmarshal([]byte(`{"cniVersion": "1.1.0", "name": "net", "type": "vlan"`+rest+`}`), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValid(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		mac        string
		want       map[string]string
	}{
		{"VLAN 0", `"vlanId": 0`, "", map[string]string{"id": "0", "protocol": "802.1q", "ingress-qos-map": "", "egress-qos-map": ""}},
		{"last VLAN", `"vlanId": 4094, "protocol": "802.1Q"`, "",
			map[string]string{"id": "4094", "protocol": "802.1q", "ingress-qos-map": "", "egress-qos-map": ""}},
		{"all", `"vlanId": 1, "protocol": "802.1ad", "mac": "02:00:00:00:00:01", "qos": {"ingress": {"7": 4294967295, "3": 5, "1": 0}, "egress": {"4294967295": 7, "2": 0}}`,
			"02:00:00:00:00:01", map[string]string{"id": "1", "protocol": "802.1ad", "ingress-qos-map": "3:5 7:4294967295", "egress-qos-map": "4294967295:7"}},
		{"capability", `"vlanId": 1, "mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": "02:00:00:00:00:02"}`, "02:00:00:00:00:02",
			map[string]string{"id": "1", "protocol": "802.1q", "ingress-qos-map": "", "egress-qos-map": ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := conf(t, `, "master": "eth0", `+test.conf)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, link.Options(c.link())); diff != "" {
				t.Error(diff)
			}
			if c.mac.String() != test.mac {
				t.Errorf("got MAC address %q, want %q", c.mac, test.mac)
			}
		})
	}
}

func TestInvalid(t *testing.T) {
	for _, test := range []struct{ name, conf, want string }{
		{"master", `, "vlanId": 1`, `"master" field is required. It specifies the host interface name to create the VLAN for`},
		{"vlanId", `, "master": "eth0"`, `"vlanId" field is required. It specifies the VLAN`},
		{"negative", `, "master": "eth0", "vlanId": -1`, "invalid VLAN ID -1 (must be between 0 and 4094)"},
		{"reserved", `, "master": "eth0", "vlanId": 4095`, "invalid VLAN ID 4095 (must be between 0 and 4094)"},
		{"protocol", `, "master": "eth0", "vlanId": 1, "protocol": "802.1x"`, `unknown VLAN protocol: "802.1x"`},
		{"ingress", `, "master": "eth0", "vlanId": 1, "qos": {"ingress": {"8": 1}}`, "invalid priority 8 in qos.ingress (frames have 0 to 7)"},
		{"egress", `, "master": "eth0", "vlanId": 1, "qos": {"egress": {"1": 8}}`, "invalid priority 8 in qos.egress (frames have 0 to 7)"},
		{"mac", `, "master": "eth0", "vlanId": 1, "mac": "zz"`, "invalid args zz for MAC addr: address zz: invalid MAC address"},
		{"mtu", `, "master": "eth0", "vlanId": 1, "mtu": 67`, "invalid MTU 67, must be 0 or at least 68"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := conf(t, test.conf).Validate(); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
