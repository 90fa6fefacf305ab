package static

import (
	"io"
	"testing"

	"github.com/containernetworking/cni/pkg/version"
)

// Whatever ADD accepts can be printed in every version that can express it, and
// CHECK agrees with it.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		`{"cniVersion": "1.1.0", "ipam": {"addresses": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}, {"address": "fd00::1/64"}]}}`,
		`{"ipam": {"routes": [{"dst": "0.0.0.0/0", "gw": "10.10.0.254"}, {"dst": "::/0", "table": 5}], "dns": {"domain": "d"}}}`,
		`{"cniVersion": "0.2.0", "ipam": {}, "args": {"cni": {"ips": ["10.10.0.1/24"]}}, "runtimeConfig": {"ips": ["::ffff:10.0.0.1/120"]}}`,
		`{"ipam": {"addresses": [null], "routes": [null]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stdin []byte) {
		conf, err := load(stdin)
		if err != nil {
			return
		}
		result, err := conf.result("")
		if err != nil {
			return
		}
		if err := compare(result.IPs, result.IPs, "eth0"); err != nil {
			t.Errorf("CHECK: %v", err)
		}
		for _, v := range version.All.SupportedVersions() {
			converted, err := result.GetAsVersion(v)
			if err != nil {
				continue
			}
			if err := converted.PrintTo(io.Discard); err != nil {
				t.Errorf("print as %s: %v", v, err)
			}
		}
	})
}

// Every address that CNI_ARGS yields is one.
func FuzzArgs(f *testing.F) {
	for _, seed := range []string{
		"", "none", "IP=10.10.0.1/24,fd00::1/64;GATEWAY=10.10.0.254", "IgnoreUnknown=1;FOO=bar", "CommonArgs=1", "IP=,;GATEWAY=,", ";", "=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		args, err := parseArgs(text)
		if err != nil {
			return
		}
		for _, ip := range args.complete(nil) {
			if ip.Address.Mask == nil || ip.Address.IP == nil {
				t.Errorf("%q: address %v", text, ip)
			}
			if ip.Gateway != nil && !ip.Address.Contains(ip.Gateway) {
				t.Errorf("%q: gateway of %v", text, ip)
			}
		}
	})
}
