package ptp

import (
	"encoding/json"
	"testing"
)

// conf reads a configuration that consists of rest and what is always there.
func conf(t *testing.T, rest string) *Conf {
	t.Helper()
	c := new(Conf)
	if err := json.Unmarshal([]byte(`{"cniVersion": "1.1.0", "name": "net", "type": "ptp"`+rest+`}`), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValid(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		mtu        int
		mac        string
	}{
		{name: "nothing"},
		{name: "mtu 0", conf: `, "mtu": 0`},
		{name: "smallest mtu", conf: `, "mtu": 68`, mtu: 68},
		{name: "largest mtu", conf: `, "mtu": 65535`, mtu: 65535},
		{name: "mac", conf: `, "mac": "02:00:00:00:00:01"`, mac: "02:00:00:00:00:01"},
		{name: "mac with hyphens", conf: `, "mac": "02-00-00-00-00-0A"`, mac: "02:00:00:00:00:0a"},
		{name: "capability", conf: `, "runtimeConfig": {"mac": "02:00:00:00:00:02"}`, mac: "02:00:00:00:00:02"},
		{name: "capability over key", conf: `, "mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": "02:00:00:00:00:02"}`, mac: "02:00:00:00:00:02"},
		{name: "empty capability", conf: `, "mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": ""}`, mac: "02:00:00:00:00:01"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := conf(t, test.conf)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			if c.MTU != test.mtu || c.mac.String() != test.mac {
				t.Errorf("got MTU %d, MAC %q, want %d, %q", c.MTU, c.mac, test.mtu, test.mac)
			}
		})
	}
}

func TestInvalid(t *testing.T) {
	for _, test := range []struct{ name, conf, want string }{
		{"negative mtu", `, "mtu": -1`, "invalid mtu -1 (must be 0 or between 68 and 65535)"},
		{"mtu below that of IPv4", `, "mtu": 67`, "invalid mtu 67 (must be 0 or between 68 and 65535)"},
		{"mtu above that of veth", `, "mtu": 65536`, "invalid mtu 65536 (must be 0 or between 68 and 65535)"},
		{"mac", `, "mac": "none"`, "invalid args none for MAC addr: address none: invalid MAC address"},
		{"capability", `, "mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": "none"}`, "invalid args none for MAC addr: address none: invalid MAC address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := conf(t, test.conf).Validate()
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
