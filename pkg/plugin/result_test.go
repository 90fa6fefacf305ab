package plugin

import (
	"net"
	"testing"
)

func TestPrevResult(t *testing.T) {
	for name, c := range map[string]struct{ conf, address, err string }{
		"none":            {`{"cniVersion":"1.0.0"}`, "", ""},
		"null":            {`{"cniVersion":"1.0.0","prevResult":null}`, "", ""},
		"names a version": {`{"cniVersion":"0.4.0","prevResult":{"cniVersion":"0.4.0","ips":[{"version":"4","address":"192.0.2.7/24"}]}}`, "192.0.2.7/24", ""},
		"names none":      {`{"cniVersion":"1.1.0","prevResult":{"ips":[{"address":"192.0.2.7/24"}]}}`, "192.0.2.7/24", ""},
		"0.1.0 implied":   {`{"prevResult":{"ip4":{"ip":"192.0.2.7/24"}}}`, "192.0.2.7/24", ""},
		"other version": {
			`{"cniVersion":"1.0.0","prevResult":{"cniVersion":"0.4.0"}}`, "",
			`could not parse prevResult: result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0"`,
		},
		"null address":   {`{"cniVersion":"0.4.0","prevResult":{"ips":[null]}}`, "", "could not parse prevResult: ips[0] is null"},
		"no address":     {`{"cniVersion":"1.0.0","prevResult":{"ips":[{"address":"192.0.2.7/24"},{"gateway":"192.0.2.1"}]}}`, "", "could not parse prevResult: ips[1] has no address"},
		"null interface": {`{"cniVersion":"1.0.0","prevResult":{"interfaces":[{},null]}}`, "", "could not parse prevResult: interfaces[1] is null"},
		"no object":      {`{"cniVersion":"1.0.0","prevResult":7}`, "", "could not parse prevResult: json: cannot unmarshal number into Go value of type map[string]json.RawMessage"},
	} {
		result, err := PrevResult([]byte(c.conf))
		if c.err != "" {
			if err == nil || err.Error() != c.err || Code(err) != 6 {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil || (result == nil) != (c.address == "") {
			t.Errorf("%s: %v, %v", name, result, err)
			continue
		}
		if result != nil && result.IPs[0].Address.String() != c.address {
			t.Errorf("%s: got %v", name, result)
		}
	}
}

// Addresses of IPv4 may come in IPv6's words, of which the kernel takes no prefix as it is.
func TestReadResultMapped(t *testing.T) {
	result, err := ReadResult("1.0.0", []byte(`{"ips": [{"address": "::ffff:192.0.2.7/120"}, {"address": "2001:db8::7/64"}],
		"routes": [{"dst": "::ffff:0.0.0.0/96"}, {"dst": "::/0"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, have := range []*net.IPNet{&result.IPs[0].Address, &result.IPs[1].Address, &result.Routes[0].Dst, &result.Routes[1].Dst} {
		want := []net.IPMask{net.CIDRMask(24, 32), net.CIDRMask(64, 128), net.CIDRMask(0, 32), net.CIDRMask(0, 128)}[i]
		if have.Mask.String() != want.String() {
			t.Errorf("%v has mask %v, want %v", have, have.Mask, want)
		}
	}
}

func FuzzPrevResult(f *testing.F) {
	for _, seed := range []string{
		`null`, `{}`, `{"ips":[null]}`, `{"ip4":{"ip":"192.0.2.7/24","routes":[null]}}`, `{"cniVersion":"0.4.0","ips":[{"version":"4"}]}`,
		`{"interfaces":[{"name":"eth0"}],"ips":[{"address":"192.0.2.7/24","interface":3}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}}`,
	} {
		for _, version := range []string{"", "0.2.0", "0.4.0", "1.1.0"} {
			f.Add(version, seed)
		}
	}
	f.Fuzz(func(t *testing.T, version, prevResult string) {
		result, err := ReadResult(version, []byte(prevResult))
		if (result == nil) == (err == nil) {
			t.Errorf("result %v, error %v", result, err)
		}
	})
}
