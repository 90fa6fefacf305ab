package loopback

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Whatever a prevResult says, CHECK finds a loopback address to look for.
func FuzzPrevResult(f *testing.F) {
	for _, seed := range []string{
		`null`, `{}`, `7`, `{"ips": [null], "interfaces": [null]}`,
		`{"interfaces": [{"name": "lo"}], "ips": [{"address": "127.0.0.1/8", "interface": 0}, {"address": "::1/128", "interface": 9}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, prev string) {
		result, err := plugin.PrevResult(fmt.Appendf(nil, `{"cniVersion": "1.1.0", "prevResult": %s}`, prev))
		if err != nil {
			return
		}
		addresses := expected(result)
		if len(addresses) == 0 {
			t.Error("no address")
		}
		for _, address := range addresses {
			if !strings.HasPrefix(address, "127.") && !strings.HasPrefix(address, "::1/") {
				t.Errorf("%s is no loopback address", address)
			}
		}
	})
}
