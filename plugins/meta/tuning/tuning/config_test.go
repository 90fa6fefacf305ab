package tuning

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// conf reads and checks a configuration of the given keys.
func conf(keys string) (*Conf, error) {
	c := new(Conf)
	if err := json.Unmarshal([]byte(`{`+keys+`}`), c); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

func TestInvalid(t *testing.T) {
	for keys, want := range map[string]string{
		`"mac": "zz"`:                                     `invalid args zz for MAC addr: address zz: invalid MAC address`,
		`"runtimeConfig": {"mac": "zz"}`:                  `invalid args zz for MAC addr: address zz: invalid MAC address`,
		`"args": {"cni": {"mac": "zz"}}`:                  `invalid args zz for MAC addr: address zz: invalid MAC address`,
		`"mtu": -1`:                                       `invalid mtu -1 (must be between 0 and 2147483647)`,
		`"mtu": 2147483648`:                               `invalid mtu 2147483648 (must be between 0 and 2147483647)`,
		`"args": {"cni": {"mtu": -1}}`:                    `invalid args.cni.mtu -1 (must be between 0 and 2147483647)`,
		`"txQLen": -1`:                                    `invalid txQLen -1 (must be between 0 and 2147483647)`,
		`"args": {"cni": {"txQLen": 2147483648}}`:         `invalid args.cni.txQLen 2147483648 (must be between 0 and 2147483647)`,
		`"offloads": {"": true}`:                          `invalid offloads name ""`,
		`"args": {"cni": {"offloads": {"tx-*": true}}}`:   `invalid args.cni.offloads name "tx-*"`,
		`"sysctl": {"net.a.b": "1", "net.a.b": "1"}`:      `duplicated sysctl keys are not allowed`,
		`"args": {"cni": {"sysctl": {"x": "", "x": ""}}}`: `duplicated sysctl keys are not allowed`,
		`"sysctl": {"kernel.shmmax": "1"}`:                `invalid net sysctl key: "kernel/shmmax"`,
		`"sysctl": {"net": "1"}`:                          `invalid net sysctl key: "net"`,
		`"sysctl": {"": "1"}`:                             `invalid net sysctl key: ""`,
		`"sysctl": {"net/../kernel/shmmax": "1"}`:         `invalid net sysctl key: "net////kernel/shmmax"`,
		`"args": {"cni": {"sysctl": {"/kernel/x": "1"}}}`: `invalid net sysctl key: "/kernel/x"`,
		`"sysctl": {"net.a.b": 1}`:                        `read sysctl "net.a.b": json: cannot unmarshal number into Go value of type string`,
		`"sysctl": "net.a.b=1"`:                           `sysctl is "net.a.b=1", which is no object`,
	} {
		_, err := conf(keys)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", keys, err, want)
		}
	}
}

func TestInvalidArgs(t *testing.T) {
	c, err := conf("")
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"MAC=zz":           "invalid args zz for MAC addr: address zz: invalid MAC address",
		"FOO=1":            `ARGS: unknown args ["FOO=1"]`,
		"MAC":              `ARGS: invalid pair "MAC"`,
		"IgnoreUnknown=no": `ARGS: error parsing value of pair "IgnoreUnknown=no": boolean unmarshal error: invalid input no`,
	} {
		if _, err := c.wanted(args); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", args, err, want)
		}
	}
}

// Each source overrides those before it, key by key.
func TestSources(t *testing.T) {
	const mac = `"mac": "02:00:00:00:00:01"`
	yes, no, queue := true, false, 0
	for _, test := range []struct {
		keys, args string
		want       settings
	}{
		{keys: `"promisc": false, "mtu": 0`},
		{keys: mac, want: settings{attributes: attributes{MAC: "02:00:00:00:00:01"}}},
		{keys: mac, args: "IgnoreUnknown=1;MAC=02:00:00:00:00:02;FOO=1", want: settings{attributes: attributes{MAC: "02:00:00:00:00:02"}}},
		{keys: mac + `, "RuntimeConfig": {"mac": "02-00-00-00-00-03"}`, args: "MAC=02:00:00:00:00:02", want: settings{attributes: attributes{MAC: "02-00-00-00-00-03"}}},
		{
			keys: mac + `, "runtimeConfig": {"mac": "02:00:00:00:00:03"}, "args": {"cni": {"mac": "02:00:00:00:00:04"}}`, args: "MAC=02:00:00:00:00:02",
			want: settings{attributes: attributes{MAC: "02:00:00:00:00:04"}},
		},
		{
			keys: `"promisc": true, "mtu": 1400, "allmulti": true, "txQLen": 5, "args": {"cni": {"promisc": false, "mtu": 0, "allmulti": false, "txQLen": 0}}`,
			want: settings{attributes: attributes{Promisc: &yes, MTU: 1400, AllMulti: &no, TxQLen: &queue}},
		},
		{keys: `"args": {"cni": {"sysctl": {"net.b": "2"}}}`, want: settings{Sysctls: []sysctl{{"net.b", "2"}}}},
		{
			keys: `"SYSCTL": {"net.c": "1", "net.a": "1", "net.b": "1"}, "args": {"cni": {"sysctl": {"net.d": "2", "net.a": "2"}}}`,
			want: settings{Sysctls: []sysctl{{"net.c", "1"}, {"net.a", "2"}, {"net.b", "1"}, {"net.d", "2"}}},
		},
		{keys: `"sysctl": null`},
		{
			keys: `"offloads": {"tso": true, "gro": true}, "args": {"cni": {"offloads": {"tso": false}}}`,
			want: settings{Offloads: map[string]bool{"tso": false, "gro": true}},
		},
	} {
		c, err := conf(test.keys)
		if err != nil {
			t.Errorf("%s: %v", test.keys, err)
			continue
		}
		for range 2 { // the first time must not change the configuration
			have, err := c.wanted(test.args)
			if err != nil {
				t.Errorf("%s: %v", test.keys, err)
			}
			if len(have.Offloads) == 0 {
				have.Offloads = nil
			}
			if diff := cmp.Diff(test.want, have, cmp.AllowUnexported(settings{}, attributes{})); diff != "" {
				t.Errorf("%s, %s:\n%s", test.keys, test.args, diff)
			}
			if empty := cmp.Equal(test.want, settings{}, cmp.AllowUnexported(settings{}, attributes{})); have.isEmpty() != empty {
				t.Errorf("%s: empty is %v", test.keys, !empty)
			}
		}
	}
}

// DEL finds the directory also if the sysctls are not what ADD would take.
func TestDirectoryOfBrokenConfiguration(t *testing.T) {
	for keys, want := range map[string]string{
		``: "/run/cni/tuning",
		`"sysctl": {"net.a": 1}, "dataDir": "/x"`:                 "/x",
		`"sysctl": {"net.a": "", "net.a": ""}, "dataDir": "/x"`:   "/x",
		`"args": {"cni": {"sysctl": 5}}, "dataDir": "/x"`:         "/x",
		`"mtu": "large", "sysctl": [], "mac": 5, "dataDir": "/x"`: "/x",
		`"dataDir": 5`: "/run/cni/tuning",
	} {
		c := new(Conf)
		_ = json.Unmarshal([]byte(`{`+keys+`}`), c)
		_ = c.Validate()
		if c.DataDir != want {
			t.Errorf("%s: %s, want %s", keys, c.DataDir, want)
		}
	}
}

func TestValidateName(t *testing.T) {
	for name, want := range map[string]bool{"eth0": true, "eth0.1": true, "eth/0": false, "..": false, "": false} {
		if err := validateName(name); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := validateName("eth/0"); err.Error() != "Interface name (eth/0) contains an invalid character /" {
		t.Errorf("got %v", err)
	}
}
