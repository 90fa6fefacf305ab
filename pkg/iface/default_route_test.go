package iface

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/plugin"
)

func TestDefaultRoute(t *testing.T) {
	const routes = `{"cniVersion": "1.1.0", "routes": [
		{"dst": "0.0.0.0/0"}, {"dst": "::/0", "priority": 7}, {"dst": "0.0.0.0/1", "table": 254}, {"dst": "128.0.0.0/1"}, {"dst": "2000::/3"},
		{"dst": "10.0.0.0/8"}, {"dst": "64.0.0.0/2"}, {"dst": "2001::/16"}, {"dst": "0.0.0.0/0", "table": 7}]}`
	const others = "10.0.0.0/8 0, 64.0.0.0/2 0, 2001::/16 0, 0.0.0.0/0 0"
	for value, want := range map[string]string{
		`true`:            "0.0.0.0/0 0, ::/0 7, 0.0.0.0/1 0, 128.0.0.0/1 0, 2000::/3 0, " + others,
		`null`:            "0.0.0.0/0 0, ::/0 7, 0.0.0.0/1 0, 128.0.0.0/1 0, 2000::/3 0, " + others,
		`false`:           others,
		`{"metric": 200}`: "0.0.0.0/0 200, ::/0 200, 0.0.0.0/1 200, 128.0.0.0/1 200, 2000::/3 200, " + others,
	} {
		var d DefaultRoute
		var result current.Result
		if err := errors.Join(json.Unmarshal([]byte(value), &d), d.validate(), json.Unmarshal([]byte(routes), &result)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // CHECK does it once more
			d.Apply(&result)
		}
		var got []string
		for _, r := range result.Routes {
			got = append(got, fmt.Sprint(r.Dst.String(), " ", r.Priority))
		}
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
	}
}

func TestInvalidDefaultRoute(t *testing.T) {
	const bounds = " in defaultRoute (must be between 1 and 2147483647)"
	v := verbs{"fake", func() Driver { return new(fakeDriver) }}
	for value, want := range map[string]error{
		`"no"`:                      plugin.Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", errDefaultRoute),
		`{"metrics": 1}`:            plugin.Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", errDefaultRoute),
		`{"metric": "1"}`:           plugin.Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", errDefaultRoute),
		`{}`:                        plugin.Errorf(types.ErrInvalidNetworkConfig, "invalid metric 0%s", bounds),
		`{"metric": -1}`:            plugin.Errorf(types.ErrInvalidNetworkConfig, "invalid metric -1%s", bounds),
		`{"metric": 2147483647000}`: nil,
	} {
		_, err := v.load([]byte(`{"defaultRoute": ` + value + `}`))
		if err == nil || want != nil && (err.Error() != want.Error() || plugin.Code(err) != plugin.Code(want)) {
			t.Errorf("%s: error %v, want %v", value, err, want)
		}
	}
}
