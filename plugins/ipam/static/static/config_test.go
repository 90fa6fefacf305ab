package static

import (
	"fmt"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// result parses a configuration that consists of rest and what is always there.
func result(v, rest, cniArgs string) (*current.Result, error) {
	conf, err := load(fmt.Appendf(nil, `{"cniVersion": %q, "name": "net", "type": "any"%s}`, v, rest))
	if err != nil {
		return nil, err
	}
	return conf.result(cniArgs)
}

// texts writes addresses down as "address" or "address via gateway".
func texts(ips []*current.IPConfig) []string {
	var all []string
	for _, ip := range ips {
		text := ip.Address.String()
		if ip.Gateway != nil {
			text += " via " + ip.Gateway.String()
		}
		all = append(all, text)
	}
	return all
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		name, conf, args string
		want             []string
	}{
		{name: "none", conf: `, "ipam": {}`},
		{
			name: "both families",
			conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"},
				{"address": "3ffe:ffff:0:1ff::1/64", "gateway": "3ffe:ffff:0::1"}]}`,
			want: []string{"10.10.0.1/24 via 10.10.0.254", "3ffe:ffff:0:1ff::1/64 via 3ffe:ffff::1"},
		},
		{name: "empty gateway", conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": ""}]}`, want: []string{"10.10.0.1/24"}},
		{name: "CNI_ARGS", conf: `, "ipam": {}`, args: "IP=10.10.0.1/24;GATEWAY=10.10.0.254", want: []string{"10.10.0.1/24 via 10.10.0.254"}},
		{name: "CNI_ARGS without gateway", conf: `, "ipam": {}`, args: "IP=10.10.0.1/24;GATEWAY=", want: []string{"10.10.0.1/24"}},
		{name: "CNI_ARGS without address", conf: `, "ipam": {}`, args: "IP=;GATEWAY=10.10.0.254"},
		{name: "gateway elsewhere", conf: `, "ipam": {}`, args: "IP=10.10.0.1/24;GATEWAY=10.11.0.254", want: []string{"10.10.0.1/24"}},
		{
			name: "two families in CNI_ARGS", conf: `, "ipam": {}`,
			args: "IP=10.10.0.1/24, fd00::1/64;GATEWAY=fd00::fe,10.10.0.254",
			want: []string{"10.10.0.1/24 via 10.10.0.254", "fd00::1/64 via fd00::fe"},
		},
		{name: "the last gateway", conf: `, "ipam": {}`, args: "IP=10.10.0.1/24;GATEWAY=10.10.0.253,10.10.0.254", want: []string{"10.10.0.1/24 via 10.10.0.254"}},
		{
			name: "gateway of CNI_ARGS for the file's address",
			conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24"}, {"address": "fd00::1/64", "gateway": "fd00::1:1"}]}`,
			args: "GATEWAY=10.10.0.254,fd00::fe",
			want: []string{"10.10.0.1/24 via 10.10.0.254", "fd00::1/64 via fd00::1:1"},
		},
		{name: "unknown CNI_ARGS ignored", conf: `, "ipam": {}`, args: "IgnoreUnknown=TRUE;FOO=bar;IP=10.10.0.1/24", want: []string{"10.10.0.1/24"}},
		{
			name: "args.cni.ips", args: "IP=10.12.0.1/24;GATEWAY=10.10.0.254",
			conf: `, "ipam": {"addresses": [{"address": "10.11.0.1/24"}]}, "args": {"cni": {"ips": ["10.10.0.1/24"]}}`,
			want: []string{"10.10.0.1/24"},
		},
		{
			name: "runtimeConfig.ips", args: "IP=10.12.0.1/24",
			conf: `, "ipam": {"addresses": [{"address": "10.11.0.1/24", "gateway": "10.11.0.254"}]},
				"args": {"cni": {"ips": ["10.13.0.1/24"]}}, "RuntimeConfig": {"ips": ["10.10.0.1/24", "fd00::1/64"]}`,
			want: []string{"10.10.0.1/24", "fd00::1/64"},
		},
		{
			name: "empty lists replace nothing",
			conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24"}]}, "args": {"cni": {"ips": []}}, "runtimeConfig": {"ips": []}`,
			want: []string{"10.10.0.1/24"},
		},
		{
			name: "invalid address that is replaced",
			conf: `, "ipam": {"addresses": [{"address": "10.11.0.1"}]}, "runtimeConfig": {"ips": ["10.10.0.1/24"]}`,
			want: []string{"10.10.0.1/24"},
		},
		{
			name: "upstream's fields are no keys",
			conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "AddressStr": "10.11.0.1/24", "Version": "6"}]}`,
			want: []string{"10.10.0.1/24"},
		},
		{name: "prevResult of any kind", conf: `, "ipam": {}, "prevResult": "none"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, v := range version.All.SupportedVersions() {
				got, err := result(v, test.conf, test.args)
				if err != nil {
					t.Fatalf("%s: %v", v, err)
				}
				if diff := cmp.Diff(test.want, texts(got.IPs)); diff != "" {
					t.Errorf("%s: %s", v, diff)
				}
			}
		})
	}
}

func TestSeveralAddressesPerFamily(t *testing.T) {
	for _, test := range []struct{ name, conf, args string }{
		{name: "CNI_ARGS", conf: `, "ipam": {}`, args: "IP=10.10.0.1/24,11.11.0.1/24;GATEWAY=10.10.0.254"},
		{name: "file", conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}, {"address": "11.11.0.1/24"}]}`},
		{
			name: "both", args: "IP=11.11.0.1/24",
			conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}]}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := []string{"10.10.0.1/24 via 10.10.0.254", "11.11.0.1/24"}
			for _, v := range []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
				got, err := result(v, test.conf, test.args)
				if err != nil {
					t.Fatalf("%s: %v", v, err)
				}
				if diff := cmp.Diff(want, texts(got.IPs)); diff != "" {
					t.Errorf("%s: %s", v, diff)
				}
			}
			for _, v := range []string{"", "0.1.0", "0.2.0"} {
				_, err := result(v, test.conf, test.args)
				fails(t, err, types.ErrInvalidNetworkConfig, "CNI version "+v+" does not support more than 1 address per family")
			}
		})
	}
	_, err := result("0.2.0", `, "ipam": {"addresses": [{"address": "fd00::1/64"}, {"address": "fd01::1/64"}]}`, "")
	fails(t, err, types.ErrInvalidNetworkConfig, "CNI version 0.2.0 does not support more than 1 address per family")
}

func TestRoutesAndDNS(t *testing.T) {
	table := 7
	got, err := result("1.1.0", `, "ipam": {
		"routes": [
			{"dst": "0.0.0.0/0", "gw": "10.10.0.254"},
			{"dst": "0.0.0.0/0", "gw": "10.10.0.253"},
			{"dst": "3ffe:ffff:0:01ff::1/64", "mtu": 1400, "advmss": 1300, "priority": 5, "table": 7}],
		"dns": {"nameservers": ["8.8.8.8"], "domain": "example.com", "search": ["example.com"], "options": ["ndots:2"]}}`, "")
	if err != nil {
		t.Fatal(err)
	}
	want := &current.Result{
		Routes: []*types.Route{
			{Dst: cidr(t, "0.0.0.0/0"), GW: []byte{10, 10, 0, 254}},
			{Dst: cidr(t, "0.0.0.0/0"), GW: []byte{10, 10, 0, 253}},
			{Dst: cidr(t, "3ffe:ffff:0:1ff::1/64"), MTU: 1400, AdvMSS: 1300, Priority: 5, Table: &table},
		},
		DNS: types.DNS{Nameservers: []string{"8.8.8.8"}, Domain: "example.com", Search: []string{"example.com"}, Options: []string{"ndots:2"}},
		IPs: []*current.IPConfig{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInvalid(t *testing.T) {
	const decoding, config = types.ErrDecodingFailure, types.ErrInvalidNetworkConfig
	for _, test := range []struct {
		name, conf, args string
		code             uint
		want             string
	}{
		{name: "no ipam", code: config, want: "IPAM config missing 'ipam' key"},
		{name: "null", conf: `, "ipam": null`, code: config, want: "IPAM config missing 'ipam' key"},
		{name: "no ipam, CNI_ARGS", args: "IP=10.10.0.1/24", code: config, want: "IPAM config missing 'ipam' key"},
		{name: "no ipam, runtimeConfig", conf: `, "runtimeConfig": {"ips": ["10.10.0.1/24"]}`, code: config, want: "IPAM config missing 'ipam' key"},
		{name: "bare address", conf: `, "ipam": {"addresses": [{"address": "10.10.0.1"}]}`, code: config, want: "the 'address' field is expected to be in CIDR notation, got: '10.10.0.1'"},
		{name: "no address", conf: `, "ipam": {"addresses": [{}]}`, code: config, want: "the 'address' field is expected to be in CIDR notation, got: ''"},
		{name: "null address", conf: `, "ipam": {"addresses": [null]}`, code: config, want: "the 'address' field is expected to be in CIDR notation, got: ''"},
		{name: "bare address in CNI_ARGS", conf: `, "ipam": {}`, args: "IP=10.10.0.1", code: config, want: "the 'ip' field is expected to be in CIDR notation, got: '10.10.0.1'"},
		{name: "trailing comma", conf: `, "ipam": {}`, args: "IP=10.10.0.1/24,", code: config, want: "the 'ip' field is expected to be in CIDR notation, got: ''"},
		{name: "bare address in args", conf: `, "ipam": {}, "args": {"cni": {"ips": ["10.10.0.1"]}}`, code: config, want: "an entry in the 'ips' field is NOT in CIDR notation, got: '10.10.0.1'"},
		{name: "bare address in runtimeConfig", conf: `, "ipam": {}, "runtimeConfig": {"ips": ["10.10.0.1"]}`, code: config, want: "an entry in the 'ips' field is NOT in CIDR notation, got: '10.10.0.1'"},
		{name: "bare address in replaced args", conf: `, "ipam": {}, "args": {"cni": {"ips": ["10.10.0.1"]}}, "runtimeConfig": {"ips": ["10.10.0.1/24"]}`, code: config, want: "an entry in the 'ips' field is NOT in CIDR notation, got: '10.10.0.1'"},
		{name: "CNI_ARGS before addresses", conf: `, "ipam": {"addresses": [{"address": "bad"}]}`, args: "IP=worse", code: config, want: "the 'ip' field is expected to be in CIDR notation, got: 'worse'"},
		{name: "gateway", conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": "bad"}]}`, code: decoding, want: "invalid IP address: bad"},
		{name: "gateway in CNI_ARGS", conf: `, "ipam": {}`, args: "GATEWAY=bad", code: config, want: "invalid gateway address: bad"},
		{name: "no pair", conf: `, "ipam": {}`, args: "none", code: config, want: `ARGS: invalid pair "none"`},
		{name: "two equal signs", conf: `, "ipam": {}`, args: "IP=a=b", code: config, want: `ARGS: invalid pair "IP=a=b"`},
		{name: "unknown", conf: `, "ipam": {}`, args: "FOO=bar;IgnoreUnknown=0", code: config, want: `ARGS: unknown args ["FOO=bar"]`},
		{name: "case", conf: `, "ipam": {}`, args: "ip=10.10.0.1/24", code: config, want: `ARGS: unknown args ["ip=10.10.0.1/24"]`},
		{name: "IgnoreUnknown", conf: `, "ipam": {}`, args: "IgnoreUnknown=yes", code: config, want: `ARGS: error parsing value of pair "IgnoreUnknown=yes": boolean unmarshal error: invalid input yes`},
		{name: "twice", conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24"}, {"address": "10.10.0.1/24", "gateway": "10.10.0.254"}]}`, code: config, want: "address 10.10.0.1/24 is given twice"},
		{name: "twice in two notations", conf: `, "ipam": {"addresses": [{"address": "fd00::1/64"}, {"address": "fd00:0::1/64"}]}`, code: config, want: "address fd00::1/64 is given twice"},
		{name: "twice with CNI_ARGS", conf: `, "ipam": {"addresses": [{"address": "10.10.0.1/24"}]}`, args: "IP=10.10.0.1/24", code: config, want: "address 10.10.0.1/24 is given twice"},
		{name: "route without destination", conf: `, "ipam": {"routes": [{"dst": "0.0.0.0/0"}, {"gw": "10.10.0.1"}]}`, code: config, want: "routes[1] has no dst"},
		{name: "null route", conf: `, "ipam": {"routes": [null]}`, code: config, want: "routes[0] has no dst"},
		{name: "scope of a route", conf: `, "ipam": {"routes": [{"dst": "10.0.0.0/8", "scope": 300}]}`, code: config, want: "routes[0] has scope 300, which is not from 0 to 255"},
		{name: "route destination", conf: `, "ipam": {"routes": [{"dst": "10.0.0.0"}]}`, code: decoding, want: "invalid CIDR address: 10.0.0.0"},
		{name: "wrong type", conf: `, "ipam": []`, code: decoding, want: "ipam: want an object, have a list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := result("1.1.0", test.conf, test.args)
			fails(t, err, test.code, test.want)
		})
	}
}

func fails(t *testing.T, err error, code uint, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if err.Error() != want {
		t.Errorf("got  %q\nwant %q", err, want)
	}
	if got := plugin.Code(err); got != code {
		t.Errorf("%v: got code %d, want %d", err, got, code)
	}
}
