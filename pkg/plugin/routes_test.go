package plugin

import (
	"encoding/json"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

func TestCheckRoutes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ route, want string }{
		{`{"dst": "10.0.0.0/8", "gw": "10.1.2.1", "mtu": 1400, "advmss": 1300, "priority": 4294967295, "table": 4294967295, "scope": 255}`, ""},
		{`{"dst": "0.0.0.0/0", "gw": "::"}`, ""},
		{`{"dst": "fd00::/8", "gw": "0.0.0.0", "table": 0, "scope": 0}`, ""},
		{`{"dst": "fd00::5/8"}`, ""}, // the kernel clears what is beyond the prefix
		{`null`, "routes[1] has no dst"},
		{`{"gw": "10.1.2.1"}`, "routes[1] has no dst"},
		{`{"dst": "10.0.0.5/8"}`, "routes[1] has a dst with bits beyond its prefix: 10.0.0.5/8"},
		{`{"dst": "10.0.0.0/8", "gw": "fd00::1"}`, "routes[1] has a gw of another family than its dst: fd00::1 to 10.0.0.0/8"},
		{`{"dst": "fd00::/8", "gw": "10.1.2.1"}`, "routes[1] has a gw of another family than its dst: 10.1.2.1 to fd00::/8"},
		{`{"dst": "10.0.0.0/8", "mtu": -1}`, "routes[1] has mtu -1, which is not from 0 to 4294967295"},
		{`{"dst": "10.0.0.0/8", "advmss": 4294967296}`, "routes[1] has advmss 4294967296, which is not from 0 to 4294967295"},
		{`{"dst": "10.0.0.0/8", "priority": 8589934593}`, "routes[1] has priority 8589934593, which is not from 0 to 4294967295"},
		{`{"dst": "10.0.0.0/8", "table": -5}`, "routes[1] has table -5, which is not from 0 to 4294967295"},
		{`{"dst": "10.0.0.0/8", "scope": 300}`, "routes[1] has scope 300, which is not from 0 to 255"},
	} {
		var routes []*types.Route
		if err := json.Unmarshal([]byte(`[{"dst": "0.0.0.0/0"}, `+test.route+`]`), &routes); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := CheckRoutes(routes); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.route, got, test.want)
		}
	}
}
