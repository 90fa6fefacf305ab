package config

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for name, test := range map[string]struct {
		ipam, want string
		code       uint
	}{
		"empty":            {`{}`, "", 0},
		"all":              {`{"daemonSocketPath": "/s", "priority": 5, "clientID": "duid", "broadcast": true, "dns": true, "mtu": true, "ipv6": "both"}`, "", 0},
		"absent":           {`null`, "IPAM config missing 'ipam' key", 7},
		"wrong type":       {`{"priority": "5"}`, "failed to load netconf: ", 6},
		"relative socket":  {`{"daemonSocketPath": "s"}`, `daemonSocketPath "s" is not absolute`, 7},
		"priority":         {`{"priority": -1}`, "priority -1 is negative", 7},
		"large priority":   {`{"priority": 4294967296}`, "priority 4294967296 is more than 4294967295", 7},
		"ipv6":             {`{"ipv6": "yes"}`, `ipv6 is "yes", which is none of dhcp, ra and both`, 7},
		"option":           {`{"provide": [{"option": "bogus"}]}`, `Can not parse option "bogus": Can not parse option: strconv.ParseUint: parsing "bogus": invalid syntax`, 7},
		"option too large": {`{"request": [{"option": "256"}]}`, `Can not parse option "256": Can not parse option: strconv.ParseUint: parsing "256": value out of range`, 7},
		"value too long":   {`{"provide": [{"option": "12", "value": "` + long + `"}]}`, `value too long for option "12": "` + long + `"`, 7},
		"odd identifier":   {`{"clientID": "0x123"}`, `clientID "0x123" is not 2 to 255 bytes in hexadecimal digits`, 7},
		"long identifier":  {`{"clientID": "` + long + `"}`, "clientID is longer than 254 bytes", 7},
	} {
		_, err := Parse([]byte(`{"name": "net", "ipam": ` + test.ipam + `}`))
		switch {
		case test.want == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.HasPrefix(err.Error(), test.want) || plugin.Code(err) != test.code:
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestParseOption(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint8{
		"subnet-mask": 1, "routers": 3, "host-name": 12, "vendor-class-identifier": 60, "dhcp-client-identifier": 61, "user-class": 77,
		"12": 12, "255": 255,
	} {
		if got, err := parseOption(text); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"doNotparseMe", "", "-1", "256"} {
		if got, err := parseOption(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestFromArgs(t *testing.T) {
	t.Parallel()
	c := IPAM{Provide: []Provide{{"12", "default", "NAME"}, {"60", "", "CLASS"}, {"77", "", "ABSENT"}}}
	options, err := c.Options("IgnoreUnknown=1;NAME=pod;CLASS=a=b")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[uint8]string)
	for code, value := range options {
		got[code] = string(value)
	}
	if diff := cmp.Diff(map[uint8]string{12: "pod", 60: "a=b"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Options("NAME=" + strings.Repeat("x", 256)); err == nil || !strings.HasPrefix(err.Error(), `value too long for option "12" from CNI_ARGS "NAME": "xxx`) {
		t.Errorf("error %v", err)
	}
}

// The default identifier is the one of earlier versions, cut where they cut it.
func TestClientID(t *testing.T) {
	t.Parallel()
	a := owner.Attachment{Network: "net", ContainerID: "id", IfName: "eth0"}
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 7}
	for text, want := range map[string]string{
		"": "\x00id/net/eth0", "mac": "\x01\x02\x00\x00\x00\x00\x07", "0x0102": "\x01\x02", "x": "\x00x",
	} {
		if got := string((&IPAM{ClientID: text}).ClientIDOf(a, mac)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	a.ContainerID = strings.Repeat("i", 300)
	if got := len((&IPAM{}).ClientIDOf(a, mac)); got != 255 {
		t.Errorf("%d bytes", got)
	}
}

func TestSocketPath(t *testing.T) {
	t.Parallel()
	for conf, want := range map[string]string{
		`{}`: DefaultSocket, `{"ipam": {}}`: DefaultSocket,
		`{"ipam": {"daemonSocketPath": "/s", "priority": "invalid"}}`: "/s",
	} {
		if got, err := SocketPath([]byte(conf)); got != want || err != nil {
			t.Errorf("%s: %s, %v", conf, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"ipam": {"provide": [{"option": "12", "fromArg": "K"}], "request": [{"option": "121"}], "clientID": "0xff01"}}`, "K=V;A")
	f.Fuzz(func(t *testing.T, stdin, args string) {
		conf, err := Parse([]byte(stdin))
		if err != nil {
			return
		}
		if options, err := conf.IPAM.Options(args); err == nil {
			for code, value := range options {
				if len(value) > maxOption {
					t.Errorf("option %d has %d bytes", code, len(value))
				}
			}
		}
		if id := conf.IPAM.ClientIDOf(owner.Attachment{}, nil); len(id) > 255 {
			t.Errorf("client identifier has %d bytes", len(id))
		}
	})
}
