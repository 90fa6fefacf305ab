package ipam

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNetworks(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		want       []string
	}{
		{name: "nothing", conf: `{}`},
		{name: "no JSON", conf: `x`},
		{name: "subnet", conf: `{"ipam": {"subnet": "10.1.2.0/24"}}`, want: []string{"10.1.2.0/24"}},
		{name: "ranges", conf: `{"ipam": {"ranges": [[{"subnet": "10.1.2.0/24"}, {"subnet": "10.1.3.0/24"}], [{"subnet": "fd00::/64"}]]}}`,
			want: []string{"10.1.2.0/24", "10.1.3.0/24", "fd00::/64"}},
		{name: "static", conf: `{"ipam": {"addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}]}}`, want: []string{"10.1.2.0/24"}},
		{name: "routes", conf: `{"ipam": {"routes": [{"dst": "10.0.0.0/8"}]}}`},
		{name: "capability", conf: `{"runtimeConfig": {"ipRanges": [[{"subnet": "10.1.2.0/24"}]]}}`, want: []string{"10.1.2.0/24"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, n := range Networks([]byte(test.conf)) {
				got = append(got, n.String())
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
