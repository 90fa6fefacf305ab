package plugin

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"
)

// spelled is a configuration of every shape.
type spelled struct {
	types.PluginConf
	*embedded
	Gateway  bool `json:"isDefaultGateway"`
	MTU      int  `json:"mtu"`
	hidden   int
	Internal int             `json:"-"`
	Ranges   [][]embedded    `json:"ranges"`
	Deep     *embedded       `json:"deep"`
	Raw      json.RawMessage `json:"raw"`
	Routes   []*types.Route  `json:"routes"`
	Any      any             `json:"any"`
}

type embedded struct {
	Subnet net.IP `json:"subnet,omitempty"`
	Plain  string
}

func TestNameSlips(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "", `[]`: "", `7`: "", `{"mtu": 1, "MTU": 1, "isdefaultgateway": true, "name": "n", "args": {}, "runtimeConfig": {}}`: "",
		`{"ipan": {}}`: "ipan ipam",
		`{"iapm": {}, "ipa": {}, "ipamm": {}, "am": 1}`:                            "iapm ipam, ipa ipam, ipamm ipam",
		`{"ipam": {"tpye": "static", "subnet": 1}}`:                                "ipam.tpye ipam.type",
		`{"is-default-gateway": 1, "isDefault": 1}`:                                "",
		`{"isDefaultGatway": 1}`:                                                   "isDefaultGatway isDefaultGateway",
		`{"subnett": 1, "plan": 1, "hidde": 1, "internals": 1}`:                    "plan Plain, subnett subnet",
		`{"ranges": [[{"Subnet": 1}, {"subnets": 1}], [{"sbunet": 1}], null]}`:     "ranges.subnets ranges.subnet, ranges.sbunet ranges.subnet",
		`{"deep": {"subne": 1}, "raw": {"subne": 1}, "any": {"subne": 1}}`:         "deep.subne deep.subnet",
		`{"routes": [{"dts": 1}], "prevResult": {"ip": 1}, "dns": {"domains": 1}}`: "dns.domains dns.domain",
		`{"runtimeconfg": {}, "arg": {}, "cniversion": "1", "prevresults": {}}`:    "arg args, prevresults prevResult, runtimeconfg runtimeConfig",
	} {
		var told strings.Builder
		NameSlips(&told, []byte(text), &spelled{hidden: 1})
		var got []string
		for line := range strings.Lines(told.String()) {
			words := strings.Split(line, `"`)
			if len(words) != 5 {
				t.Fatalf("%s: %q", text, line)
			}
			got = append(got, words[1]+" "+words[3])
		}
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func BenchmarkNameSlips(b *testing.B) {
	text := []byte(`{"cniVersion": "1.1.0", "name": "n", "type": "bridge", "isDefaultGateway": true, "mtu": 1400, "promiscMode": true,
		"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}`)
	for b.Loop() {
		NameSlips(new(strings.Builder), text, new(spelled))
	}
}
