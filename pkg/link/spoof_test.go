package link_test

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/networkplumbing/go-nft/nft"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
)

// fakeNft notes what it is asked to apply, and fails at the calls with an error.
type fakeNft struct {
	errs          []error
	echo, present *nft.Config
	readErr       error
	applied       []string
	reads         [][]string
}

func (f *fakeNft) Apply(c *nft.Config) (*nft.Config, error) {
	text, err := c.ToJSON()
	if err != nil {
		return nil, err
	}
	f.applied = append(f.applied, string(text))
	if n := len(f.applied); n <= len(f.errs) && f.errs[n-1] != nil {
		return nil, f.errs[n-1]
	}
	return f.echo, nil
}

func (f *fakeNft) Read(filterCommands ...string) (*nft.Config, error) {
	f.reads = append(f.reads, filterCommands)
	return f.present, f.readErr
}

// config parses objects as nft(8) lists them.
func config(t *testing.T, objects string) *nft.Config {
	t.Helper()
	c := nft.NewConfig()
	if err := c.FromJSON([]byte(`{"nftables":[` + objects + `]}`)); err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	spoofChains = `{"nftables":[` +
		`{"table":{"family":"bridge","name":"nat"}},` +
		`{"chain":{"family":"bridge","table":"nat","name":"PREROUTING","type":"filter","hook":"prerouting","prio":-300,"policy":"accept"}},` +
		`{"chain":{"family":"bridge","table":"nat","name":"cni-br-iface-id-eth0"}},` +
		`{"chain":{"family":"bridge","table":"nat","name":"cni-br-iface-id-eth0-mac"}}]}`
	spoofRules = `{"nftables":[` +
		`{"flush":{"chain":{"family":"bridge","table":"nat","name":"cni-br-iface-id-eth0"}}},` +
		`{"flush":{"chain":{"family":"bridge","table":"nat","name":"cni-br-iface-id-eth0-mac"}}},` +
		`{"rule":{"family":"bridge","table":"nat","chain":"PREROUTING","expr":[` +
		`{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"veth1"}},` +
		`{"jump":{"target":"cni-br-iface-id-eth0"}}],"comment":"macspoofchk-id-eth0"}},` +
		`{"rule":{"family":"bridge","table":"nat","chain":"cni-br-iface-id-eth0","expr":[` +
		`{"jump":{"target":"cni-br-iface-id-eth0-mac"}}],"comment":"macspoofchk-id-eth0"}},` +
		`{"rule":{"family":"bridge","table":"nat","chain":"cni-br-iface-id-eth0-mac","expr":[` +
		`{"match":{"op":"==","left":{"payload":{"protocol":"ether","field":"saddr"}},"right":"02:00:00:00:00:01"}},` +
		`{"return":null}],"comment":"macspoofchk-id-eth0"}},` +
		`{"rule":{"family":"bridge","table":"nat","chain":"cni-br-iface-id-eth0-mac","expr":[` +
		`{"drop":null}],"comment":"macspoofchk-id-eth0"}}]}`
	spoofJump       = `{"rule":{"family":"bridge","table":"nat","chain":"PREROUTING","handle":7,"comment":"macspoofchk-id-eth0"}}`
	spoofDeleteJump = `{"nftables":[{"delete":` + spoofJump + `}]}`
	spoofDelete     = `{"nftables":[` +
		`{"delete":{"chain":{"family":"bridge","table":"nat","name":"cni-br-iface-id-eth0"}}},` +
		`{"delete":{"chain":{"family":"bridge","table":"nat","name":"cni-br-iface-id-eth0-mac"}}}]}`
)

func TestSpoofChecker(t *testing.T) {
	t.Parallel()
	first, second := errors.New("first"), errors.New("second")
	const setup, teardown = "failed to setup spoof-check: ", "failed to teardown spoof-check: "
	for name, test := range map[string]struct {
		fake     fakeNft
		torn     bool // without Setup
		setup    string
		teardown string
		applied  []string
		reads    int
	}{
		"echo": {
			fake:    fakeNft{echo: config(t, spoofJump)},
			applied: []string{spoofChains, spoofRules, spoofDeleteJump, spoofDelete},
		},
		"no echo": {
			fake:    fakeNft{present: config(t, spoofJump)},
			applied: []string{spoofChains, spoofRules, spoofDeleteJump, spoofDelete}, reads: 1,
		},
		"no Setup": {
			fake: fakeNft{present: config(t, spoofJump)}, torn: true,
			applied: []string{spoofDeleteJump, spoofDelete}, reads: 1,
		},
		"no rule": {
			fake: fakeNft{present: nft.NewConfig()}, torn: true,
			applied: []string{spoofDelete}, reads: 1,
		},
		"first of Setup": {
			fake:  fakeNft{errs: []error{first}, present: nft.NewConfig()},
			setup: setup + "first", applied: []string{spoofChains, spoofDelete}, reads: 1,
		},
		"second of Setup": {
			fake:  fakeNft{errs: []error{nil, second}, present: nft.NewConfig()},
			setup: setup + "second", applied: []string{spoofChains, spoofRules, spoofDelete}, reads: 1,
		},
		"read": {
			fake: fakeNft{readErr: first}, torn: true,
			teardown: teardown + "first, <nil>",
			applied:  []string{spoofDelete}, reads: 1,
		},
		"rule": {
			fake: fakeNft{errs: []error{first}, present: config(t, spoofJump)}, torn: true,
			teardown: teardown + "failed to delete iface match rule: first, <nil>",
			applied:  []string{spoofDeleteJump, spoofDelete}, reads: 1,
		},
		"chains": {
			fake: fakeNft{errs: []error{nil, second}, present: config(t, spoofJump)}, torn: true,
			teardown: teardown + "<nil>, failed to delete regular chains: second",
			applied:  []string{spoofDeleteJump, spoofDelete}, reads: 1,
		},
		"both": {
			fake: fakeNft{errs: []error{first, second}, present: config(t, spoofJump)}, torn: true,
			teardown: teardown + "failed to delete iface match rule: first, failed to delete regular chains: second",
			applied:  []string{spoofDeleteJump, spoofDelete}, reads: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := test.fake
			sc := link.NewSpoofCheckerWithConfigurer("veth1", "02:00:00:00:00:01", "id-eth0", &fake)
			if !test.torn {
				if have := text(sc.Setup()); have != test.setup {
					t.Errorf("setup: %s", have)
				}
			}
			if have := text(sc.Teardown()); have != test.teardown {
				t.Errorf("teardown: %s", have)
			}
			if diff := cmp.Diff(test.applied, fake.applied); diff != "" {
				t.Errorf("applied (-want +have):\n%s", diff)
			}
			for _, words := range fake.reads {
				if diff := cmp.Diff([]string{"chain", "bridge", "nat", "PREROUTING"}, words); diff != "" {
					t.Errorf("read (-want +have):\n%s", diff)
				}
			}
			if len(fake.reads) != test.reads {
				t.Errorf("%d reads, want %d", len(fake.reads), test.reads)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// With nft(8), also if Setup is repeated, and if another process tears down.
func TestSpoofCheckerNft(t *testing.T) {
	t.Parallel()
	netNS, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer netNS.Close()
	list := func() string {
		out, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
		if err != nil {
			return err.Error()
		}
		return string(out)
	}
	err = netNS.Do(func(ns.NetNS) error {
		checker := func(id string) *link.SpoofChecker {
			return link.NewSpoofChecker("veth1", "02:00:00:00:00:01", id)
		}
		staying := checker("staying-eth0")
		if err := staying.Setup(); err != nil {
			return err
		}
		before := list()
		sc := checker("id-eth0")
		if err := sc.Setup(); err != nil {
			return err
		}
		if have := strings.Count(list(), `comment "macspoofchk-id-eth0"`); have != 4 {
			return fmt.Errorf("%d rules:\n%s", have, list())
		}
		for _, steps := range [][]func() error{
			{sc.Teardown},
			{checker("id-eth0").Setup, checker("id-eth0").Setup, checker("id-eth0").Teardown},
		} {
			for _, step := range steps {
				if err := step(); err != nil {
					return err
				}
			}
			if diff := cmp.Diff(before, list()); diff != "" {
				return fmt.Errorf("after Teardown (-want +have):\n%s", diff)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
