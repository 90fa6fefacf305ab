package firewall

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	types "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/plugin"
)

func TestConf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       Conf
		err        string
	}{
		{"defaults", `{}`, Conf{AdminChain: "CNI-ADMIN", Zone: "trusted", IngressPolicy: open}, ""},
		{"all keys", `{"backend": "iptables", "iptablesAdminChainName": "CNI-foobar", "firewalldZone": "work", "acceptDNAT": false, "ingressPolicy": "same-bridge"}`,
			Conf{"iptables", "CNI-foobar", "work", new(bool), sameBridge}, ""},
		{"keys of any case", `{"IngressPolicy": "isolated"}`, Conf{AdminChain: "CNI-ADMIN", Zone: "trusted", IngressPolicy: isolated}, ""},
		{"unknown backend", `{"backend": "pf"}`, Conf{}, `unrecognized backend "pf"`},
		{"unknown policy", `{"ingressPolicy": "foo"}`, Conf{}, `unknown ingress policy: "foo"`},
		{"long chain", `{"iptablesAdminChainName": "` + strings.Repeat("x", 29) + `"}`, Conf{}, "is longer than 28 bytes"},
		{"chain with a blank", `{"iptablesAdminChainName": "a b"}`, Conf{}, "is no name of a chain"},
		{"chain like an option", `{"iptablesAdminChainName": "-F"}`, Conf{}, "is no name of a chain"},
		{"chain of the plugin", `{"iptablesAdminChainName": "CNI-FORWARD"}`, Conf{}, "is a chain of the plugin"},
		{"builtin chain", `{"iptablesAdminChainName": "FORWARD"}`, Conf{}, "is a chain of the plugin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var c Conf
			if err := json.Unmarshal([]byte(test.text), &c); err != nil {
				t.Fatal(err)
			}
			err := c.Validate()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %s", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.want, c); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestBridge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		policy     policy
		interfaces []*types.Interface
		want, err  string
	}{
		{"first interface", isolated, []*types.Interface{{Name: "cni0"}, {Name: "eth0", Sandbox: "/x"}}, "cni0", ""},
		{"no interface", sameBridge, nil, "", `interface needs to be set for ingress policy "same-bridge", make sure to chain "firewall" plugin with "bridge"`},
		{"no name", sameBridge, []*types.Interface{{}}, "", "got empty bridge name"},
		{"bad name", sameBridge, []*types.Interface{{Name: "../cni0"}}, "", `bridge "../cni0" of prevResult`},
		{"open, bridge", open, []*types.Interface{{Name: "cni0"}}, "cni0", ""},
		{"open, in the container", open, []*types.Interface{{Name: "eth0", Sandbox: "/x"}}, "", ""},
		{"open, no interface", open, nil, "", ""},
		{"open, bad name", open, []*types.Interface{{Name: "a/b"}}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := Conf{IngressPolicy: test.policy}
			got, err := c.bridge(&types.Result{Interfaces: test.interfaces})
			if got != test.want || test.err == "" && err != nil || test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), test.err)) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	ip := func(text string) *types.IPConfig { return &types.IPConfig{Address: net.IPNet{IP: net.ParseIP(text)}} }
	got, err := addresses(&types.Result{IPs: []*types.IPConfig{ip("10.0.0.2"), ip("2001:db8::2"), ip("10.0.0.2")}})
	var texts []string
	for _, a := range got {
		texts = append(texts, host(a))
	}
	if diff := cmp.Diff([]string{"10.0.0.2/32", "2001:db8::2/128"}, texts); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := addresses(&types.Result{IPs: []*types.IPConfig{ip("none")}}); err == nil {
		t.Error("an invalid address is accepted")
	}
}

// Whatever a runtime sends is refused or makes rules that can be written down.
func FuzzConf(f *testing.F) {
	f.Add([]byte(`{"cniVersion": "1.0.0", "ingressPolicy": "isolated", "prevResult": {"interfaces": [{"name": "cni0"}], "ips": [{"address": "10.0.0.2/24"}]}}`))
	f.Add([]byte(`{"cniVersion": "1.0.0", "ingressPolicy": "same-bridge", "prevResult": {"interfaces": [{"name": "a\"b\n"}], "ips": [{"address": "::1/64"}, {"address": "1.2.3.4/0"}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Conf
		if json.Unmarshal(text, &c) != nil || c.Validate() != nil {
			return
		}
		result, err := plugin.PrevResult(text)
		if err != nil || result == nil {
			return
		}
		all, err := addresses(result)
		if err != nil {
			return
		}
		bridge, err := c.bridge(result)
		if err != nil {
			return
		}
		ch := change{addresses: all, admin: c.AdminChain, bridge: bridge, policy: c.IngressPolicy, ipv4: true, ipv6: true}
		for _, x := range ch.elements() {
			if len(x.Key) == 0 {
				t.Errorf("element of %s without a key", x.set)
			}
		}
		for _, family := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
			for _, r := range planWanted(family, ch).wanted {
				for _, arg := range r.rule {
					if arg == "" || len(arg) > iptables.MaxComment {
						t.Errorf("rule %q", r.rule)
					}
				}
			}
		}
	})
}
