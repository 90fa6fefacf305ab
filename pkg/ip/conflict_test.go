package ip

import (
	"fmt"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConflicts(t *testing.T) {
	parse := func(texts ...string) (networks []*net.IPNet) {
		for _, text := range texts {
			ip, network, err := net.ParseCIDR(text)
			if err != nil {
				t.Fatal(err)
			}
			networks = append(networks, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return networks
	}
	for _, test := range []struct {
		name          string
		present, want []*net.IPNet
		gateway       string
	}{
		{"none", nil, nil, "10.1.2.1/24"},
		{"the same", parse("10.1.2.1/24", "fd00::1/64"), nil, "10.1.2.1/24"},
		{"IPv4", parse("10.9.9.1/24", "fd00::1/64"), parse("10.9.9.1/24"), "10.1.2.1/24"},
		{"other prefix", parse("10.1.2.1/16"), parse("10.1.2.1/16"), "10.1.2.1/24"},
		{"IPv6", parse("10.9.9.1/24", "fd00::1/64", "fd00:1::1/64"), parse("fd00:1::1/64"), "fd00:1::2/64"},
		{"IPv6 around", parse("fd00::1/16"), parse("fd00::1/16"), "fd00:1::2/64"},
		{"IPv6 within", parse("fd00:1::7/128"), parse("fd00:1::7/128"), "fd00:1::2/64"},
		{"link-local", parse("fe80::7/64"), nil, "fe80::1/64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Conflicts(test.present, parse(test.gateway)[0])
			if diff := cmp.Diff(fmt.Sprint(test.want), fmt.Sprint(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
