package iface

import "testing"

func TestRequestedMAC(t *testing.T) {
	const a, b, c = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
	for _, test := range []struct {
		name, args      string
		configured      string
		overrides       []string
		want, wantError string
	}{
		{name: "nothing"},
		{name: "args", args: "MAC=" + a, want: a},
		{name: "configured", configured: a, want: a},
		{name: "args over configured", args: "MAC=" + a, configured: b, want: a},
		{name: "override", args: "MAC=" + a, overrides: []string{b}, want: b},
		{name: "last override", args: "MAC=" + a, overrides: []string{b, c}, want: c},
		{name: "empty override", args: "MAC=" + a, overrides: []string{b, ""}, want: b},
		{name: "unknown ignored", args: "IgnoreUnknown=1;FOO=bar;MAC=" + a, want: a},
		{name: "no pair", args: "none", wantError: `ARGS: invalid pair "none"`},
		{name: "two signs", args: "MAC=a=b", wantError: `ARGS: invalid pair "MAC=a=b"`},
		{name: "unknown", args: "FOO=bar", wantError: `ARGS: unknown args ["FOO=bar"]`},
		{name: "case of keys", args: "mac=" + a, wantError: `ARGS: unknown args ["mac=` + a + `"]`},
		{name: "boolean", args: "IgnoreUnknown=yes", wantError: `ARGS: error parsing value of pair "IgnoreUnknown=yes": boolean unmarshal error: invalid input yes`},
		{name: "MAC", args: "MAC=zz", wantError: "invalid args zz for MAC addr: address zz: invalid MAC address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mac, err := RequestedMAC(test.args, test.configured, test.overrides...)
			if test.wantError != "" {
				if err == nil || err.Error() != test.wantError {
					t.Errorf("got  %v\nwant %s", err, test.wantError)
				}
				return
			}
			if err != nil || mac.String() != test.want {
				t.Errorf("got %v, %v, want %s", mac, err, test.want)
			}
		})
	}
}
