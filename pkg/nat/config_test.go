package nat_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/nat"
)

func TestConf(t *testing.T) {
	both := nat.Families{IPv4: true, IPv6: true}
	for _, test := range []struct {
		json string
		want nat.Families
		err  string
	}{
		{`{}`, nat.Families{}, ""},
		{`{"ipMasq": null}`, nat.Families{}, ""},
		{`{"ipMasq": false}`, nat.Families{}, ""},
		{`{"ipMasq": true}`, both, ""},
		{`{"ipMasq": "ipv4"}`, nat.Families{IPv4: true}, ""},
		{`{"ipMasq": "ipv6"}`, nat.Families{IPv6: true}, ""},
		{`{"ipMasq": "both"}`, nat.Families{}, `ipMasq must be true, false, "ipv4" or "ipv6"`},
		{`{"ipMasq": 1}`, nat.Families{}, `ipMasq must be true, false, "ipv4" or "ipv6"`},
		{`{"ipMasq": [true]}`, nat.Families{}, `ipMasq must be true, false, "ipv4" or "ipv6"`},
		{`{"ipMasq": true, "ipMasqBackend": "iptables"}`, both, ""},
		{`{"ipMasq": true, "ipMasqBackend": "nftables", "masqRandomFully": true}`, both, ""},
		{`{"ipMasq": true, "ipMasqExclude": ["10.0.0.0/8", "fd00::/8"], "ipMasqWithinSubnet": true}`, both, ""},
		{`{"ipMasq": true, "ipMasqExclude": ["10.0.0.0/8", "10.0.0.1"]}`, both, `ipMasqExclude: "10.0.0.1" is no network in CIDR notation`},
		{`{"ipMasqBackend": "foo"}`, nat.Families{}, ""},
		{`{"ipMasq": false, "ipMasqBackend": ""}`, nat.Families{}, ""},
		{`{"ipMasq": true, "ipMasqBackend": "foo"}`, both, `unknown ipmasq backend "foo"`},
		{`{"ipMasq": true, "ipMasqBackend": ""}`, both, `unknown ipmasq backend ""`},
	} {
		var c nat.Conf
		err := json.Unmarshal([]byte(test.json), &c)
		if err == nil {
			err = c.Validate()
		}
		if text := message(err); text != test.err {
			t.Errorf("%s: error %q, want %q", test.json, text, test.err)
		}
		if diff := cmp.Diff(test.want, c.IPMasq); diff != "" {
			t.Errorf("%s (-want +have):\n%s", test.json, diff)
		}
		written, err := json.Marshal(c.IPMasq)
		var again nat.Families
		if err != nil || json.Unmarshal(written, &again) != nil || again != c.IPMasq {
			t.Errorf("%s is written as %s, read as %v: %v", test.json, written, again, err)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// One family only is masqueraded if so configured.
func TestConfFamily(t *testing.T) {
	t.Parallel()
	backend := "nftables"
	within(t, func() error {
		v6 := nat.Conf{IPMasq: nat.Families{IPv6: true}, IPMasqBackend: &backend}
		if err := v6.Available(); err != nil {
			return err
		}
		addresses := cidrs("10.88.0.5/16", "fd00::5/64")
		if err := v6.Add(one, addresses); err != nil {
			return err
		}
		if err := v6.Check(one, addresses); err != nil {
			return err
		}
		both := nat.Conf{IPMasq: nat.Families{IPv4: true, IPv6: true}, IPMasqBackend: &backend}
		have := message(both.Check(one, addresses))
		return expect("CHECK of both", "not masqueraded: 10.88.0.5/16", have, nil)
	})
}
