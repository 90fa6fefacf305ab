package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/plugin"
)

func TestConfig(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-node-name n", ""},
		{"-node-name n -cluster-cidr 10.0.0.0/8,fd00::/8 -overlay vxlan", ""},
		{"", "-node-name is missing"},
		{"-node-name n -network calico", `-network is "calico"`},
		{"-node-name n -routes bgp", `-routes is "bgp"`},
		{"-node-name n -overlay geneve", `-overlay is "geneve"`},
		{"-node-name n -overlay vxlan -routes none", "-routes=none forbids"},
		{"-node-name n -vxlan-id 0", "-vxlan-id is 0"},
		{"-node-name n -vxlan-id 16777216", "-vxlan-id is 16777216"},
		{"-node-name n -vxlan-port 65536", "-vxlan-port is 65536"},
		{"-node-name n -cluster-cidr 10.0.0.0", `"10.0.0.0"`},
		{"-node-name n -gc-interval 0s", "-gc-interval is 0s"},
		{"-node-name n more", "unexpected argument"},
	} {
		_, err := newConfig(strings.Fields(test.args))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.args, err)
		case test.want != "" && (err == nil || !errors.Is(err, plugin.ErrUsage) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error %v, want %q", test.args, err, test.want)
		}
	}
}
