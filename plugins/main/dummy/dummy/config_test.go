package dummy

import (
	"encoding/json"
	"testing"
)

// conf reads a configuration that consists of rest and what is always there.
func conf(t *testing.T, rest string) *Conf {
	t.Helper()
	c := new(Conf)
	if err := json.Unmarshal([]byte(`{"cniVersion": "1.1.0", "name": "net", "type": "dummy"`+rest+`}`), c); err != nil {
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
		{name: "smallest mtu", conf: `, "mtu": 68`, mtu: 68},
		{name: "large mtu", conf: `, "mtu": 100000, "numTxQueues": 4096, "numRxQueues": 1`, mtu: 100000},
		{name: "mac", conf: `, "mac": "02:00:00:00:00:01"`, mac: "02:00:00:00:00:01"},
		{name: "capability", conf: `, "mac": "02:00:00:00:00:01", "runtimeConfig": {"mac": "02:00:00:00:00:02"}`, mac: "02:00:00:00:00:02"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := conf(t, test.conf)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			if c.MTU != test.mtu || c.mac.String() != test.mac {
				t.Errorf("got MTU %d, MAC %q", c.MTU, c.mac)
			}
		})
	}
}

func TestInvalid(t *testing.T) {
	for _, test := range []struct{ name, conf, want string }{
		{"negative mtu", `, "mtu": -1`, "invalid mtu -1 (must be 0 or between 68 and 2147483647)"},
		{"mtu below that of IPv4", `, "mtu": 67`, "invalid mtu 67 (must be 0 or between 68 and 2147483647)"},
		{"mtu of more than 32 bits", `, "mtu": 4294968796`, "invalid mtu 4294968796 (must be 0 or between 68 and 2147483647)"},
		{"mac", `, "mac": "none"`, "invalid args none for MAC addr: address none: invalid MAC address"},
		{"queues", `, "numRxQueues": 4097`, "invalid numRxQueues 4097 (must be between 0 and 4096)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := conf(t, test.conf).Validate(); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
