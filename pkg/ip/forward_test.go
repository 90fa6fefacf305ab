package ip_test

import (
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

func TestEnableForward(t *testing.T) {
	v4, v6 := ipConfig(t, "192.0.2.1/24", ""), ipConfig(t, "2001:db8::1/64", "")
	tests := []struct {
		name     string
		act      func() error
		ip4, ip6 string
	}{
		{"none", func() error { return ip.EnableForward(nil) }, "0", "0"},
		{"IPv4", func() error { return ip.EnableForward([]*current.IPConfig{v4}) }, "1", "0"},
		{"IPv6", func() error { return ip.EnableForward([]*current.IPConfig{v6}) }, "0", "1"},
		{"both", func() error { return ip.EnableForward([]*current.IPConfig{v6, v4, v4}) }, "1", "1"},
		{"EnableIP4Forward", ip.EnableIP4Forward, "1", "0"},
		{"EnableIP6Forward", ip.EnableIP6Forward, "0", "1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inside(t, func() {
				const v4, v6 = "net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"
				for _, key := range []string{v4, v6} { // a new namespace may inherit them
					_, err := sysctl.Sysctl(key, "0")
					must(t, err)
				}
				for range 2 {
					must(t, test.act())
				}
				for key, want := range map[string]string{v4: test.ip4, v6: test.ip6} {
					if got, err := sysctl.Sysctl(key); err != nil || got != want {
						t.Errorf("%s is %q, want %q: %v", key, got, want, err)
					}
				}
			})
		})
	}
}
