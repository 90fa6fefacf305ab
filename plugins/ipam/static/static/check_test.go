package static

import (
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
)

func cidr(t *testing.T, text string) net.IPNet {
	t.Helper()
	network, err := types.ParseCIDR(text)
	if err != nil {
		t.Fatal(err)
	}
	return *network
}

func TestCheck(t *testing.T) {
	const (
		one = `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}]}`
		two = `, "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}, {"address": "fd00::1/64"}]}`
	)
	for _, test := range []struct {
		name, conf, prev, args string
		want                   string // of the error; empty: none
	}{
		{name: "same", conf: one, prev: `"ips": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}]`},
		{
			name: "two in another order", conf: two,
			prev: `"ips": [{"address": "fd00::1/64"}, {"address": "10.10.0.1/24", "gateway": "10.10.0.254"}]`,
		},
		{
			name: "gateway that was not configured", conf: two,
			prev: `"ips": [{"address": "fd00::1/64", "gateway": "fd00::fe"}, {"address": "10.10.0.1/24", "gateway": "10.10.0.254"}]`,
		},
		{
			name: "gateway of the other family", conf: `, "ipam": {"addresses": [{"address": "fd00::1/64", "gateway": "10.10.0.254"}]}`,
			prev: `"ips": [{"address": "fd00::1/64", "gateway": "fd00::fe"}]`,
		},
		{name: "CNI_ARGS", conf: one, args: "IP=10.10.0.2/24", prev: `"ips": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}, {"address": "10.10.0.2/24"}]`},
		{name: "no address", conf: `, "ipam": {}`, prev: `"dns": {}`},
		{
			name: "other gateway", conf: one, prev: `"ips": [{"address": "10.10.0.1/24", "gateway": "10.10.0.253"}]`,
			want: "static: Failed to match addr 10.10.0.1 on interface eth0",
		},
		{
			name: "no gateway", conf: one, prev: `"ips": [{"address": "10.10.0.1/24"}]`,
			want: "static: Failed to match addr 10.10.0.1 on interface eth0",
		},
		{name: "missing", conf: one, prev: `"ips": []`, want: "prevResult lacks address 10.10.0.1/24"},
		{
			name: "other prefix", conf: one, prev: `"ips": [{"address": "10.10.0.1/16", "gateway": "10.10.0.254"}]`,
			want: "prevResult lacks address 10.10.0.1/24; prevResult has address 10.10.0.1/16, which is not configured",
		},
		{
			name: "all at once", conf: two, args: "IP=10.12.0.1/24",
			prev: `"ips": [{"address": "10.10.0.1/24"}, {"address": "10.13.0.1/24"}, {"address": "10.13.0.1/24"}, {"address": "fd00::1/64"}]`,
			want: "static: Failed to match addr 10.10.0.1 on interface eth0; prevResult lacks address 10.12.0.1/24; prevResult has address 10.13.0.1/24, which is not configured",
		},
		{name: "null address", conf: `, "ipam": {}`, prev: `"ips": [null]`, want: "could not parse prevResult: ips[0] is null"},
		{
			name: "version of prevResult", conf: one, prev: `"cniVersion": "0.4.0"`,
			want: `could not parse prevResult: result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			conf := `{"cniVersion": "1.1.0", "name": "net", "type": "any", "prevResult": {` + test.prev + `}` + test.conf + `}`
			err := Plugin.Check(&skel.CmdArgs{IfName: "eth0", Args: test.args, StdinData: []byte(conf)})
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || err.Error() != test.want):
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestCheckWithoutPrevResult(t *testing.T) {
	for _, prev := range []string{"", `, "prevResult": null`} {
		conf := `{"cniVersion": "0.4.0", "name": "net", "ipam": {}` + prev + `}`
		err := Plugin.Check(&skel.CmdArgs{StdinData: []byte(conf)})
		fails(t, err, types.ErrInvalidNetworkConfig, "Required prevResult missing")
	}
	err := Plugin.Check(&skel.CmdArgs{StdinData: []byte(`{"cniVersion": "0.4.0", "name": "net", "ipam": {}, "prevResult": []}`)})
	fails(t, err, types.ErrDecodingFailure, "could not parse prevResult: json: cannot unmarshal array into Go value of type map[string]json.RawMessage")
}
