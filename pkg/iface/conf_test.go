package iface

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Any field of dns overrides what the IPAM plugin returned, also an empty list.
func TestIsGiven(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false, `{"dns":{}}`: false, `{"dns":{"nameservers":[]}}`: true, `{"dns":{"search":["a"]}}`: true,
		`{"dns":{"domain":"a"}}`: true, `{"dns":{"options":[]}}`: true,
	} {
		conf := new(Conf)
		if err := json.Unmarshal([]byte(text), conf); err != nil {
			t.Fatal(err)
		}
		if got := isGiven(conf.DNS); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestContainerInterface(t *testing.T) {
	dir := t.TempDir()
	path, alias, other := filepath.Join(dir, "ns"), filepath.Join(dir, "alias"), filepath.Join(dir, "other")
	for _, p := range []string{path, other} {
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(path, alias); err != nil {
		t.Fatal(err)
	}
	result := &current.Result{Interfaces: []*current.Interface{{Name: "eth0"}, {Name: "eth0", Sandbox: path}}}
	for netns, want := range map[string]int{path: 1, alias: 1} {
		if got, err := containerInterface(result, &skel.CmdArgs{IfName: "eth0", Netns: netns}); err != nil || got != want {
			t.Errorf("%s: got %d, %v", netns, got, err)
		}
	}
	for _, args := range []*skel.CmdArgs{{IfName: "eth0", Netns: other}, {IfName: "eth1", Netns: path}} {
		if _, err := containerInterface(result, args); plugin.Code(err) != types.ErrInvalidNetworkConfig {
			t.Errorf("%+v: error %v", args, err)
		}
	}
}

// DEL reads what it can of a configuration that ADD refuses.
func TestLoadForDel(t *testing.T) {
	v := verbs{"fake", func() Driver { return new(fakeDriver) }}
	for _, stdin := range []string{
		`{"name":"net1","mtu":"many","ipam":{"type":"host-local"}}`,
		`{"name":"net1","defaultRoute":"no","ipam":{"type":"host-local"}}`,
	} {
		if _, err := v.load([]byte(stdin)); plugin.Code(err) != types.ErrDecodingFailure {
			t.Errorf("ADD: error %v", err)
		}
		conf := v.loadForDel([]byte(stdin)).base()
		if conf.Name != "net1" || conf.IPAM.Type != "host-local" {
			t.Errorf("DEL: got %+v", conf)
		}
	}
	for _, stdin := range []string{`{"mtu":-1}`, `{}`} {
		if _, err := v.load([]byte(stdin)); (err != nil) != (stdin != "{}") {
			t.Errorf("%s: error %v", stdin, err)
		}
	}
}
